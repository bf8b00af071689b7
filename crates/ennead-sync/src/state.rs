//! The object word, and what each kind of object does with its state: pure functions, which the model checks as they are.
//!
//! The low half is the state, on which sleepers sleep; the high half is 0 or a transaction of a wait_all.
//!
//! - bit 31, every kind: somebody sleeps. Set by the sleeper; whoever changes the state takes it back and wakes all.
//! - semaphore: the count in bits 0–30.
//! - event: bit 0 signaled; bit 1 a token, which only those may take who entered before the generation was what it is;
//!   bit 2 (auto-reset) it was signaled while somebody slept, so that on Windows one of those would have it by now; bits 8–30 the generation.
//!
//! On Windows, setting an event releases its waiters there and then. Here they still have to wake up and look, and the event
//! may be reset, set or pulsed again before they do. Generation and token are for this: a manual-reset event's generation tells
//! a waiter that it was set since; what an auto-reset event owes to its sleepers becomes the token before it is reset or set again.

/// Somebody sleeps.
pub(crate) const SLEEPERS: u32 = 1 << 31;
/// Events: signaled.
const SIGNALED: u32 = 1;
/// Events with automatic reset: one of those who came before this generation may go.
const TOKEN: u32 = 1 << 1;
/// Events with automatic reset: signaled for somebody who slept.
const OWED: u32 = 1 << 2;
const GENERATION_SHIFT: u32 = 8;
const GENERATIONS: u32 = (SLEEPERS - 1) >> GENERATION_SHIFT << GENERATION_SHIFT;

/// What kind of object a word belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Rules {
    /// An event that the first waiter resets.
    AutoEvent,
    /// An event that stays signaled until it is reset.
    ManualEvent,
    /// A semaphore with this maximum.
    Semaphore(u32),
}

/// What a waiter finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It may go, and leaves this state behind.
    Go(u32),
    /// It must wait.
    Wait,
}

/// What a change comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    /// The new state; who sleeps is woken.
    To(u32),
    /// Nothing changes.
    Nothing,
    /// What went before is still owed to a waiter that has been woken and has not looked yet.
    Pending,
    /// The semaphore's maximum would be exceeded.
    TooMany,
}

/// The changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Change {
    Set,
    Reset,
    Pulse,
    /// By so many.
    Release(u32),
}

impl Rules {
    /// The generation, which a waiter remembers from when it entered.
    pub(crate) fn generation(self, state: u32) -> u32 {
        match self {
            Self::AutoEvent | Self::ManualEvent => state & GENERATIONS,
            Self::Semaphore(_) => 0,
        }
    }

    /// What a waiter finds that entered at the generation `since`.
    pub(crate) fn look(self, state: u32, since: u32) -> Found {
        match self {
            Self::ManualEvent if state & SIGNALED != 0 || state & GENERATIONS != since => Found::Go(state),
            Self::AutoEvent if state & TOKEN != 0 && state & GENERATIONS != since => {
                Found::Go(state & !TOKEN)
            }
            Self::AutoEvent if state & SIGNALED != 0 => Found::Go(state & !(SIGNALED | OWED)),
            Self::Semaphore(_) if state & !SLEEPERS != 0 => Found::Go(state - 1),
            _ => Found::Wait,
        }
    }

    /// What a change comes to. Sleepers are never left marked: whoever changes the state wakes them.
    pub(crate) fn change(self, state: u32, change: Change) -> Changed {
        let awake = state & !SLEEPERS;
        let owed = if state & SLEEPERS != 0 { OWED } else { 0 };
        let (signaled, pending) = (state & SIGNALED != 0, state & OWED != 0);
        match (self, change) {
            (Self::ManualEvent, Change::Set) if signaled => Changed::Nothing,
            (Self::ManualEvent, Change::Set) => Changed::To(next_generation(awake) | SIGNALED),
            (Self::ManualEvent, Change::Reset) if !signaled => Changed::Nothing,
            (Self::ManualEvent, Change::Reset) => Changed::To(awake & !SIGNALED),
            (Self::ManualEvent, Change::Pulse) => Changed::To(next_generation(awake) & !SIGNALED),

            (Self::AutoEvent, Change::Set) if !signaled => Changed::To(awake | SIGNALED | owed),
            (Self::AutoEvent, Change::Set) if !pending => Changed::Nothing,
            (Self::AutoEvent, Change::Reset) if !signaled => Changed::Nothing,
            (Self::AutoEvent, Change::Reset) if !pending => Changed::To(awake & !SIGNALED),
            (Self::AutoEvent, Change::Pulse) if !pending && state & TOKEN == 0 => {
                Changed::To(next_generation(awake) & !SIGNALED | TOKEN)
            }
            // What is owed becomes the token; a pulse would owe a second one.
            (Self::AutoEvent, Change::Set | Change::Reset) if state & TOKEN == 0 => {
                let rest = if change == Change::Set { awake } else { awake & !(SIGNALED | OWED) };
                Changed::To(next_generation(rest) | TOKEN)
            }
            (Self::AutoEvent, Change::Set | Change::Reset | Change::Pulse) => Changed::Pending,

            (Self::Semaphore(limit), Change::Release(by)) => match awake.checked_add(by) {
                Some(sum) if sum <= limit => Changed::To(sum),
                _ => Changed::TooMany,
            },
            // The handles' types do not offer these.
            (Self::Semaphore(_), _) | (_, Change::Release(_)) => Changed::Nothing,
        }
    }

    /// The same where [`Changed::Pending`] has been waited for long enough: the waiter is stopped, or was killed.
    pub(crate) fn change_anyway(self, state: u32, change: Change) -> Changed {
        match (self.change(state, change), change) {
            (Changed::Pending, Change::Set) => Changed::Nothing,
            (Changed::Pending, Change::Pulse) => {
                Changed::To(next_generation(state & !SLEEPERS) & !(SIGNALED | OWED) | TOKEN)
            }
            (Changed::Pending, _) => Changed::To(state & !(SLEEPERS | SIGNALED | OWED)),
            (other, _) => other,
        }
    }
}

fn next_generation(state: u32) -> u32 {
    let generation = state.wrapping_add(1 << GENERATION_SHIFT) & GENERATIONS;
    state & !GENERATIONS | generation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(changed: Changed) -> u32 {
        match changed {
            Changed::To(state) => state,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_manual_event_releases_who_waited_even_if_it_is_reset_at_once() {
        let rules = Rules::ManualEvent;
        assert_eq!(rules.look(0, 0), Found::Wait);
        let set = to(rules.change(SLEEPERS, Change::Set));
        let reset = to(rules.change(set, Change::Reset));
        assert_eq!(reset & SLEEPERS, 0);
        assert_eq!(rules.look(reset, 0), Found::Go(reset));
        assert_eq!(rules.look(reset, rules.generation(reset)), Found::Wait, "who comes later waits");
        let pulsed = to(rules.change(reset, Change::Pulse));
        assert_eq!(rules.look(pulsed, rules.generation(reset)), Found::Go(pulsed));
    }

    #[test]
    fn an_auto_event_releases_one_a_set() {
        let rules = Rules::AutoEvent;
        let set = to(rules.change(0, Change::Set));
        assert_eq!(rules.change(set, Change::Set), Changed::Nothing);
        let Found::Go(taken) = rules.look(set, 0) else { panic!() };
        assert_eq!(rules.look(taken, 0), Found::Wait);
    }

    #[test]
    fn what_an_auto_event_owes_survives_a_reset_or_another_set() {
        let rules = Rules::AutoEvent;
        let set = to(rules.change(SLEEPERS, Change::Set));
        let reset = to(rules.change(set, Change::Reset));
        assert_eq!(rules.look(reset, rules.generation(reset)), Found::Wait, "who comes later waits");
        let Found::Go(taken) = rules.look(reset, 0) else { panic!() };
        assert_eq!(rules.look(taken, 0), Found::Wait, "one goes");

        let twice = to(rules.change(set, Change::Set));
        let Found::Go(once) = rules.look(twice, 0) else { panic!() };
        let Found::Go(both) = rules.look(once, 0) else { panic!() };
        assert_eq!(rules.look(both, 0), Found::Wait, "two sets, two go");
        assert_eq!(rules.change(twice, Change::Set), Changed::Pending);
        assert_eq!(rules.change_anyway(twice, Change::Set), Changed::Nothing);
    }

    #[test]
    fn a_pulse_reaches_only_those_who_were_there() {
        let rules = Rules::AutoEvent;
        let pulsed = to(rules.change(SLEEPERS, Change::Pulse));
        assert_eq!(rules.look(pulsed, rules.generation(pulsed)), Found::Wait);
        let Found::Go(taken) = rules.look(pulsed, 0) else { panic!() };
        assert_eq!(rules.look(taken, 0), Found::Wait);
    }

    #[test]
    fn a_semaphore_counts_up_to_its_maximum() {
        let rules = Rules::Semaphore(3);
        let two = to(rules.change(SLEEPERS, Change::Release(2)));
        assert_eq!(two, 2);
        assert_eq!(rules.change(two, Change::Release(2)), Changed::TooMany);
        assert_eq!(rules.change(two, Change::Release(u32::MAX)), Changed::TooMany);
        assert_eq!(rules.look(two, 0), Found::Go(1));
        assert_eq!(rules.look(SLEEPERS, 0), Found::Wait);
        assert_eq!(to(Rules::Semaphore(0x7fff_ffff).change(0, Change::Release(0x7fff_ffff))), 0x7fff_ffff);
    }

    proptest::proptest! {
        /// Whatever stands in a word that others can write: no overflow, and a change never leaves sleepers marked.
        #[test]
        fn any_word_is_borne(state: u32, since: u32, by: u32, limit in 0..=0x7fff_ffffu32) {
            for rules in [Rules::AutoEvent, Rules::ManualEvent, Rules::Semaphore(limit)] {
                if let Found::Go(after) = rules.look(state, since) {
                    proptest::prop_assert_eq!(after & SLEEPERS, state & SLEEPERS);
                }
                for change in [Change::Set, Change::Reset, Change::Pulse, Change::Release(by)] {
                    for changed in [rules.change(state, change), rules.change_anyway(state, change)] {
                        if let Changed::To(after) = changed {
                            proptest::prop_assert_eq!(after & SLEEPERS, 0);
                        }
                    }
                }
            }
        }
    }
}
