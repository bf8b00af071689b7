//! The object word, and what each kind of object does with its state: pure functions, which the model checks as they are.
//!
//! The low half is the state, on which sleepers sleep; the high half is 0 or a transaction of a wait_all.
//!
//! - bit 31, every kind: somebody sleeps. Set by the sleeper. Whoever signals the object wakes all, *then* takes the bit back: signaled with
//!   the bit still there means that a wake is owed, and whoever sees that gives it. So a process that is killed between the change and the wake has either
//!   changed nothing that anybody ever sees, or the next who looks finishes its work.
//! - semaphore: the count in bits 0–30.
//! - event: bit 0 signaled; bit 1 a token, which only those may take who entered before the generation was what it is;
//!   bit 2 (auto-reset) it was signaled while somebody slept, so that on Windows one of those would have it by now; bits 8–30 the generation.
//! - timer: bit 0 signaled; bits 8–30 the epoch, see `timer/course.rs`.
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
    /// A timer that the first waiter resets.
    AutoTimer,
    /// A timer that stays signaled until it is set again.
    ManualTimer,
    /// A mutex, as one thread sees it: its real word is not ours, and its state says whether it is free or that thread's.
    Mutex,
}

/// Mutexes: nobody owns it.
pub(crate) const FREE: u32 = 1;
/// Mutexes: the thread that looks owns it.
pub(crate) const MINE: u32 = 1 << 1;

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
    /// The new state.
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
    /// A timer was set: not signaled, and of this epoch.
    Arm(u32),
}

impl Rules {
    /// The generation, which a waiter remembers from when it entered.
    pub(crate) fn generation(self, state: u32) -> u32 {
        match self {
            Self::AutoEvent | Self::ManualEvent => state & GENERATIONS,
            Self::Semaphore(_) | Self::Mutex | Self::AutoTimer | Self::ManualTimer => 0,
        }
    }

    /// What a waiter finds that entered at the generation `since`.
    #[inline]
    pub(crate) fn look(self, state: u32, since: u32) -> Found {
        match self {
            Self::ManualEvent if state & SIGNALED != 0 || state & GENERATIONS != since => Found::Go(state),
            Self::AutoEvent if state & TOKEN != 0 && state & GENERATIONS != since => {
                Found::Go(state & !TOKEN)
            }
            Self::AutoEvent if state & SIGNALED != 0 => Found::Go(state & !(SIGNALED | OWED)),
            Self::Semaphore(_) if state & !SLEEPERS != 0 => Found::Go(state - 1),
            Self::ManualTimer if state & SIGNALED != 0 => Found::Go(state),
            Self::AutoTimer if state & SIGNALED != 0 => Found::Go(state & !SIGNALED),
            Self::Mutex if state & FREE != 0 => Found::Go(state & !FREE),
            Self::Mutex if state & MINE != 0 => Found::Go(state),
            _ => Found::Wait,
        }
    }

    /// Whether time changes it.
    #[inline]
    pub(crate) fn is_timer(self) -> bool {
        matches!(self, Self::AutoTimer | Self::ManualTimer)
    }

    /// Whether anybody who comes now may go. Then nobody says that they sleep.
    pub(crate) fn is_ready(self, state: u32) -> bool {
        self.look(state, self.generation(state)) != Found::Wait
    }

    /// Whether somebody was to be woken and perhaps has not been.
    #[inline]
    pub(crate) fn owes_wake(self, state: u32) -> bool {
        state & SLEEPERS != 0 && self.is_ready(state)
    }

    /// What a change comes to. It leaves the sleepers' bit as it is.
    pub(crate) fn change(self, state: u32, change: Change) -> Changed {
        let owed = if state & SLEEPERS != 0 { OWED } else { 0 };
        let (signaled, pending) = (state & SIGNALED != 0, state & OWED != 0);
        match (self, change) {
            (Self::ManualEvent, Change::Set) if signaled => Changed::Nothing,
            (Self::ManualEvent, Change::Set) => Changed::To(next_generation(state) | SIGNALED),
            (Self::ManualEvent, Change::Reset) if !signaled => Changed::Nothing,
            (Self::ManualEvent, Change::Reset) => Changed::To(state & !SIGNALED),
            (Self::ManualEvent, Change::Pulse) => Changed::To(next_generation(state) & !SIGNALED),

            (Self::AutoEvent, Change::Set) if !signaled => Changed::To(state | SIGNALED | owed),
            (Self::AutoEvent, Change::Set) if !pending => Changed::Nothing,
            (Self::AutoEvent, Change::Reset) if !signaled => Changed::Nothing,
            (Self::AutoEvent, Change::Reset) if !pending => Changed::To(state & !SIGNALED),
            (Self::AutoEvent, Change::Pulse) if !pending && state & TOKEN == 0 => {
                Changed::To(next_generation(state) & !SIGNALED | TOKEN)
            }
            // What is owed becomes the token; a pulse would owe a second one.
            (Self::AutoEvent, Change::Set | Change::Reset) if state & TOKEN == 0 => {
                let rest = if change == Change::Set { state } else { state & !(SIGNALED | OWED) };
                Changed::To(next_generation(rest) | TOKEN)
            }
            (Self::AutoEvent, Change::Set | Change::Reset | Change::Pulse) => Changed::Pending,

            (Self::Semaphore(limit), Change::Release(by)) => match (state & !SLEEPERS).checked_add(by) {
                Some(sum) if sum <= limit => Changed::To(state & SLEEPERS | sum),
                _ => Changed::TooMany,
            },
            (Self::AutoTimer | Self::ManualTimer, Change::Arm(epoch)) if is_ahead(epoch, state) => {
                Changed::To(state & SLEEPERS | epoch << GENERATION_SHIFT & GENERATIONS)
            }
            // The handles' types do not offer the others.
            (Self::Semaphore(_) | Self::Mutex | Self::AutoTimer | Self::ManualTimer, _)
            | (_, Change::Release(_) | Change::Arm(_)) => Changed::Nothing,
        }
    }

    /// The same where [`Changed::Pending`] has been waited for long enough: the waiter is stopped, or was killed.
    pub(crate) fn change_anyway(self, state: u32, change: Change) -> Changed {
        match (self.change(state, change), change) {
            (Changed::Pending, Change::Set) => Changed::To(state & !OWED),
            (Changed::Pending, Change::Pulse) => {
                Changed::To(next_generation(state) & !(SIGNALED | OWED) | TOKEN)
            }
            (Changed::Pending, _) => Changed::To(state & !(SIGNALED | OWED)),
            (other, _) => other,
        }
    }
}

/// A timer's epoch: how often it was set, twice, and how often it fired.
pub(crate) fn epoch(state: u32) -> u32 {
    (state & GENERATIONS) >> GENERATION_SHIFT
}

/// A timer's state after it fired.
pub(crate) fn fired(state: u32) -> u32 {
    next_generation(state) | SIGNALED
}

/// Whether a timer's epoch is still to come, and soon.
fn is_ahead(epoch: u32, state: u32) -> bool {
    let distance = epoch.wrapping_sub(self::epoch(state)) & (GENERATIONS >> GENERATION_SHIFT);
    (1..32).contains(&distance)
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
        assert!(rules.owes_wake(set) && !rules.owes_wake(reset));
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
        let anyway = to(rules.change_anyway(twice, Change::Set));
        assert_eq!(rules.change(anyway, Change::Set), Changed::Nothing, "it is not waited for again");
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
        assert_eq!(two, SLEEPERS | 2);
        assert_eq!(rules.change(two, Change::Release(2)), Changed::TooMany);
        assert_eq!(rules.change(two, Change::Release(u32::MAX)), Changed::TooMany);
        assert_eq!(rules.look(two, 0), Found::Go(SLEEPERS | 1));
        assert_eq!(rules.look(SLEEPERS, 0), Found::Wait);
        assert_eq!(to(Rules::Semaphore(0x7fff_ffff).change(0, Change::Release(0x7fff_ffff))), 0x7fff_ffff);
    }

    proptest::proptest! {
        /// Whatever stands in a word that others can write: no overflow, and the sleepers' bit is left alone.
        #[test]
        fn any_word_is_borne(state: u32, since: u32, by: u32, limit in 0..=0x7fff_ffffu32) {
            let timers = [Rules::AutoTimer, Rules::ManualTimer];
            for rules in [Rules::AutoEvent, Rules::ManualEvent, Rules::Semaphore(limit)].into_iter().chain(timers) {
                if let Found::Go(after) = rules.look(state, since) {
                    proptest::prop_assert_eq!(after & SLEEPERS, state & SLEEPERS);
                }
                for change in [Change::Set, Change::Reset, Change::Pulse, Change::Release(by), Change::Arm(by)] {
                    for changed in [rules.change(state, change), rules.change_anyway(state, change)] {
                        if let Changed::To(after) = changed {
                            proptest::prop_assert_eq!(after & SLEEPERS, state & SLEEPERS);
                        }
                    }
                }
            }
        }
    }
}
