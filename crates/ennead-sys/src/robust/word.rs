//! The values of a robust word: pure, so that they can be tested and modelled.

/// Somebody sleeps on the futex half.
pub(super) const WAITERS: u32 = 1 << 31;
/// Free, and its last owner died. The kernel sets it.
const DIED: u32 = 1 << 30;
/// The rest: whose it is.
const OWNER: u32 = DIED - 1;
/// Among owners: promised to a transaction, whose tag follows.
const PLEDGED: u32 = 1 << 29;
/// Among owners: one that lives by a file lock, with a number that changes at each acquisition.
const SLOW: u32 = 1 << 28;
/// In the generation half: somebody sleeps on it.
const SLEEPERS: u32 = 1;

/// The largest tag of a transaction.
pub(super) const MOST_TAG: u32 = PLEDGED - 1;
/// The largest number of a slow owner.
pub(super) const MOST_SLOW: u32 = SLOW - 1;

/// The 64-bit word: a futex that the kernel understands, and a generation that sleepers upon several objects use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// The futex half, first in memory.
    pub(super) futex: u32,
    /// The generation half.
    pub(super) generation: u32,
}

/// Whose the word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Nobody,
    Thread(u32),
    Slow(u32),
    Pledged(u32),
}

impl State {
    pub(super) fn from_bits(bits: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = bits.to_ne_bytes();
        Self { futex: u32::from_ne_bytes([a, b, c, d]), generation: u32::from_ne_bytes([e, f, g, h]) }
    }

    pub(super) fn bits(self) -> u64 {
        let [a, b, c, d] = self.futex.to_ne_bytes();
        let [e, f, g, h] = self.generation.to_ne_bytes();
        u64::from_ne_bytes([a, b, c, d, e, f, g, h])
    }

    pub(super) fn owner(self) -> Owner {
        match self.futex & OWNER {
            0 => Owner::Nobody,
            pledge if pledge & PLEDGED != 0 => Owner::Pledged(pledge & MOST_TAG),
            slow if slow & SLOW != 0 => Owner::Slow(slow & MOST_SLOW),
            tid => Owner::Thread(tid),
        }
    }

    /// Whether the last owner died, and nobody has been told yet.
    pub(super) fn died(self) -> bool {
        self.futex & DIED != 0
    }

    pub(super) fn has_waiters(self) -> bool {
        self.futex & WAITERS != 0
    }

    pub(super) fn has_sleepers(self) -> bool {
        self.generation & SLEEPERS != 0
    }

    pub(super) fn with_waiters(self) -> Self {
        Self { futex: self.futex | WAITERS, ..self }
    }

    pub(super) fn with_sleepers(self) -> Self {
        Self { generation: self.generation | SLEEPERS, ..self }
    }

    pub(super) fn without_waiters(self) -> Self {
        Self { futex: self.futex & !WAITERS, ..self }
    }

    /// Owned; who owns it was told of a death, so that the mark goes. The note that somebody sleeps stays: it is true until somebody has woken them all.
    pub(super) fn owned(self, owner: Owner) -> Self {
        let owner = match owner {
            Owner::Nobody => 0,
            Owner::Thread(tid) => tid & OWNER & !(PLEDGED | SLOW),
            Owner::Slow(number) => SLOW | number & MOST_SLOW,
            Owner::Pledged(tag) => return self.pledged(tag),
        };
        Self { futex: self.futex & WAITERS | owner, ..self }
    }

    /// Promised to a transaction: neither note is touched.
    pub(super) fn pledged(self, tag: u32) -> Self {
        Self { futex: self.futex & !OWNER | PLEDGED | tag & MOST_TAG, ..self }
    }

    /// Free for the next. Where somebody sleeps the generation goes on, so that who sleeps on it sees a change, and so that a state with sleepers never comes
    /// back: see `wake_and_tidy`.
    pub(super) fn freed(self, died: bool) -> Self {
        let died = if died { DIED } else { 0 };
        let generation = if self.has_waiters() || self.has_sleepers() {
            (self.generation & !SLEEPERS).wrapping_add(2)
        } else {
            self.generation
        };
        Self { futex: self.futex & WAITERS | died, generation }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_futex_half_comes_first_in_memory() {
        let state = State { futex: 0x0102_0304, generation: 0x0506_0708 };
        let bytes = state.bits().to_ne_bytes();
        assert_eq!(bytes[..4], 0x0102_0304u32.to_ne_bytes());
        assert_eq!(bytes[4..], 0x0506_0708u32.to_ne_bytes());
        assert_eq!(State::from_bits(state.bits()), state);
    }

    #[test]
    fn the_values_are_pinned() {
        let free = State::from_bits(0);
        assert_eq!(free.owned(Owner::Thread(77)).futex, 77);
        assert_eq!(free.owned(Owner::Slow(5)).futex, 0x1000_0005);
        assert_eq!(free.owned(Owner::Pledged(9)).futex, 0x2000_0009);
        assert_eq!(free.freed(true).futex, 0x4000_0000);
        assert_eq!(free.with_waiters().futex, 0x8000_0000);
        assert_eq!(free.with_sleepers().generation, 1);
    }

    #[test]
    fn every_owner_comes_back_and_notes_stay() {
        let noted = State::from_bits(0).with_waiters();
        for owner in [
            Owner::Nobody,
            Owner::Thread(1),
            Owner::Thread((1 << 22) - 1),
            Owner::Slow(0),
            Owner::Slow(MOST_SLOW),
            Owner::Pledged(0),
            Owner::Pledged(MOST_TAG),
        ] {
            assert_eq!(noted.owned(owner).owner(), owner);
            assert!(noted.owned(owner).has_waiters());
        }
        let dead = noted.freed(true);
        assert!(dead.died() && dead.has_waiters());
        assert!(dead.owned(Owner::Pledged(3)).died(), "a pledge leaves it in place");
        assert!(!dead.owned(Owner::Thread(3)).died(), "an owner has been told");
    }

    #[test]
    fn a_contended_release_changes_the_generation() {
        let quiet = State::from_bits(0).owned(Owner::Thread(3));
        assert_eq!(quiet.freed(false), State::from_bits(0));
        let loud = quiet.with_sleepers();
        assert_eq!(loud.freed(false).generation, 2);
        assert_eq!(quiet.with_waiters().freed(false).generation, 2);
    }
}
