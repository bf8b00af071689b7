//! The object word as a whole: a state, and a wait for all that has laid its hand on the object.
//!
//! The high half is 0, or a *ticket*: which outcome page, which slot of it, which use of the slot. The object stays in its state until
//! the outcome says that the wait is committed; then it owes the wait what a wait takes, and whoever meets the ticket may give it.

use crate::state::{Found, Rules};

const TICKET: u64 = 1 << 63;
const VERSION_BITS: u32 = 18;
const SLOT_BITS: u32 = 9;
const PARTY_BITS: u32 = 2;

/// How many slots an outcome page has.
pub(crate) const SLOTS: u32 = 1 << SLOT_BITS;
/// How many outcome pages an object can tell apart.
pub(crate) const PARTIES: usize = 1 << PARTY_BITS;
/// The versions of a slot: 1 to this.
pub(crate) const LAST_VERSION: u32 = (1 << VERSION_BITS) - 1;

/// Which transaction, in 29 bits: version, slot, party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(pub(crate) u32);

impl Ticket {
    pub(crate) fn new(slot: u32, version: u32) -> Self {
        Self((version & LAST_VERSION) | (slot & (SLOTS - 1)) << VERSION_BITS)
    }

    /// The same transaction in an object in which its page is this party.
    pub(crate) fn of_party(self, party: usize) -> Self {
        let rest = self.0 & ((1 << (VERSION_BITS + SLOT_BITS)) - 1);
        Self(rest | (party as u32 & (PARTIES as u32 - 1)) << (VERSION_BITS + SLOT_BITS))
    }

    pub(crate) fn version(self) -> u32 {
        self.0 & LAST_VERSION
    }

    pub(crate) fn slot(self) -> u32 {
        self.0 >> VERSION_BITS & (SLOTS - 1)
    }

    pub(crate) fn party(self) -> usize {
        (self.0 >> (VERSION_BITS + SLOT_BITS)) as usize & (PARTIES - 1)
    }
}

/// An object word, as it was when it was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    pub(crate) fn of(state: u32) -> Self {
        Self(u64::from(state))
    }

    #[inline]
    pub(crate) fn state(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn ticket(self) -> Option<Ticket> {
        // Only the sign is asked on the fast path.
        (self.0 & TICKET != 0).then_some(Ticket((self.0 >> 32) as u32 & !(1 << 31)))
    }

    /// Another state under the same ticket.
    #[inline]
    pub(crate) fn with_state(self, state: u32) -> Self {
        Self(self.0 & !u64::from(u32::MAX) | u64::from(state))
    }

    /// Under a ticket.
    pub(crate) fn pledged(self, ticket: Ticket) -> Self {
        Self(u64::from(self.state()) | TICKET | u64::from(ticket.0) << 32)
    }

    /// Without its ticket: the wait came to nothing.
    pub(crate) fn cleared(self) -> Self {
        Self::of(self.state())
    }

    /// Without its ticket and what the wait takes: the wait was committed.
    pub(crate) fn redeemed(self, rules: Rules) -> Self {
        Self::of(rules.redeem(self.state()))
    }
}

impl Rules {
    /// What a committed wait for all leaves behind.
    fn redeem(self, state: u32) -> u32 {
        match self.look(state, self.generation(state)) {
            Found::Go(after) => after,
            // Somebody scribbles: nothing is there that could be taken.
            Found::Wait => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn a_ticket_comes_back_as_it_was(slot in 0..SLOTS, version in 1..=LAST_VERSION, party in 0..PARTIES, state: u32) {
            let ticket = Ticket::new(slot, version).of_party(party);
            proptest::prop_assert_eq!((ticket.slot(), ticket.version(), ticket.party()), (slot, version, party));
            let word = Word::of(state).pledged(ticket);
            proptest::prop_assert_eq!((word.state(), word.ticket()), (state, Some(ticket)));
            proptest::prop_assert_eq!(word.cleared(), Word::of(state));
            proptest::prop_assert_eq!(ticket.0 >> 29, 0, "29 bits, which a mutex's word has for it");
        }

        #[test]
        fn any_word_is_borne(word: u64) {
            let word = Word(word);
            for rules in [Rules::AutoEvent, Rules::ManualEvent, Rules::Semaphore(5)] {
                let _ = (word.redeemed(rules), rules.is_ready(word.state()));
            }
            if let Some(ticket) = word.ticket() {
                proptest::prop_assert!(ticket.slot() < SLOTS && ticket.party() < PARTIES);
            }
        }
    }
}
