//! How time changes a timer: nobody fires it. Whoever looks at it first does to it what time has done since the last look, and whoever sleeps for it
//! wakes when it is due.
//!
//! Two words say everything, each changed by one compare-and-swap, and bound together by the *epoch*:
//!
//! | word | what |
//! |---|---|
//! | object word | signaled; the epoch, 23 bits |
//! | own word 0, the head | bit 63 the clock (1 is the wall clock); bit 62 which period; bits 56–61 the epoch's last six bits; bits 0–55 the due time in units of 100 ns since boot or 1970, 0 if not set |
//! | own word 1 | two periods of 32 bits, in milliseconds, 0 for none |
//! | own word 2 | counts settings and cancellations |
//!
//! - Head and object word of the same epoch: it is set. Once it is due, whoever sees that makes the object word signaled, and one epoch older than the head: one of them
//!   succeeds, so that it fires once.
//! - The object word one ahead: it has fired. A period moves the head on to the next due time that is to come, and to that epoch.
//! - The head ahead: it is being set. Whoever sees that makes the object word not signaled and of the head's epoch. A setting goes two ahead of what it saw, so
//!   that one firing in between does not catch up with it.
//!
//! So whoever is killed in the middle leaves something that the next who looks completes. Only settings exclude each other, by a file lock, since
//! a period is a word of its own.

use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use ennead_sys::clock;
use ennead_sys::lock::{self, LockMode};

use crate::error::ChangeError;
use crate::object::{Object, STEPS};
use crate::state::{self, Change, SLEEPERS};

/// The byte of the object's file that whoever sets a timer locks: beyond an entry's own.
const SETTING_LOCK: u64 = 1 << 61;

/// What one look may find to do: more only if somebody scribbles.
const CHANGES: u32 = 64;

const DUE_BITS: u32 = 56;
const LAST_DUE: u64 = (1 << DUE_BITS) - 1;
const EPOCHS: u32 = 64;

/// By what a due time goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    /// Since boot; nobody sets it.
    Steady,
    /// Since 1970.
    Wall,
}

impl Clock {
    /// In units of 100 ns.
    fn now(self) -> u64 {
        match self {
            Self::Steady => clock::monotonic() / 100,
            Self::Wall => {
                hundreds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
            }
        }
    }
}

/// A time of a clock, in units of 100 ns, as far as the head has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) clock: Clock,
    pub(crate) at: u64,
}

impl Moment {
    /// That long from now.
    pub(crate) fn after(delay: Duration) -> Self {
        let at = Clock::Steady.now().saturating_add(hundreds(delay));
        Self { clock: Clock::Steady, at: at.clamp(1, LAST_DUE) }
    }

    /// That long since 1970.
    pub(crate) fn since_1970(since: Duration) -> Self {
        Self { clock: Clock::Wall, at: hundreds(since).clamp(1, LAST_DUE) }
    }

    pub(crate) fn is_past(self) -> bool {
        self.clock.now() >= self.at
    }

    /// The first that is to come, in steps of so many milliseconds from here.
    pub(crate) fn next(self, period: u32) -> Self {
        let step = u64::from(period.max(1)) * 10_000;
        let missed = self.clock.now().saturating_sub(self.at) / step;
        let at = self.at.saturating_add(step.saturating_mul(missed + 1)).min(LAST_DUE);
        Self { at, ..self }
    }

    /// As a length of time since the clock began.
    pub(crate) fn since(self) -> Duration {
        Duration::from_nanos(self.at.saturating_mul(100))
    }
}

fn hundreds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(100)).unwrap_or(u64::MAX)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head(u64);

impl Head {
    fn new(moment: Option<Moment>, period: bool, epoch: u32) -> Self {
        let wall = moment.is_some_and(|moment| moment.clock == Clock::Wall);
        let due = moment.map_or(0, |moment| moment.at & LAST_DUE);
        Self(u64::from(wall) << 63 | u64::from(period) << 62 | u64::from(epoch % EPOCHS) << DUE_BITS | due)
    }

    fn moment(self) -> Option<Moment> {
        let clock = if self.0 >> 63 == 1 { Clock::Wall } else { Clock::Steady };
        let at = self.0 & LAST_DUE;
        (at != 0).then_some(Moment { clock, at })
    }

    fn period(self) -> bool {
        self.0 >> 62 & 1 == 1
    }

    /// How far it is ahead of the object word, modulo [`EPOCHS`].
    fn ahead_of(self, state: u32) -> u32 {
        ((self.0 >> DUE_BITS) as u32).wrapping_sub(state::epoch(state)) % EPOCHS
    }
}

/// What there is to a timer.
enum Course {
    /// Nothing will happen.
    Still,
    /// It will be due.
    Set(Moment),
    /// It fired, and will again.
    Periodic(Moment, u32),
    /// It is being set: how many epochs ahead.
    Setting(u32),
}

impl Object {
    /// Does to a timer what time has done since somebody last looked.
    #[inline]
    pub(crate) fn catch_up(&self) {
        if self.rules.is_timer() {
            self.run_course();
        }
    }

    fn run_course(&self) {
        for _ in 0..CHANGES {
            let word = self.load();
            let head = self.head();
            let new = match self.course(head, word.state()) {
                Course::Set(moment) if moment.is_past() => word.with_state(state::fired(word.state())),
                Course::Periodic(moment, period) => {
                    let next =
                        Head::new(Some(moment.next(period)), head.period(), state::epoch(word.state()));
                    let _ = self.own(0).compare_exchange(head.0, next.0, SeqCst, Relaxed);
                    continue;
                }
                // A wait for all counts on its being signaled until its outcome is known.
                Course::Setting(ahead) if word.ticket().is_none() => {
                    let epoch = state::epoch(word.state()).wrapping_add(ahead);
                    match self.rules.change(word.state(), Change::Arm(epoch)) {
                        state::Changed::To(new) => word.with_state(new),
                        _ => return,
                    }
                }
                Course::Still | Course::Set(_) | Course::Setting(_) => return,
            };
            if self.exchange(word, new) && new.state() & SLEEPERS != 0 {
                self.wake();
                if self.rules.is_ready(new.state()) {
                    // Whoever comes while it is ready does not sleep, so that all who are marked were woken.
                    let _ = self.exchange(new, new.with_state(new.state() & !SLEEPERS));
                }
            }
        }
    }

    fn course(&self, head: Head, state: u32) -> Course {
        let period = self.period(head);
        match (head.ahead_of(state), head.moment()) {
            (0, Some(moment)) => Course::Set(moment),
            (ahead, Some(moment)) if ahead == EPOCHS - 1 && period > 0 => Course::Periodic(moment, period),
            (ahead, _) if (1..EPOCHS / 2).contains(&ahead) => Course::Setting(ahead),
            _ => Course::Still,
        }
    }

    /// When it is due, if it is set. Something that is to be done now is due.
    fn due(&self) -> Option<Moment> {
        let word = self.load();
        match self.course(self.head(), word.state()) {
            Course::Still => None,
            Course::Set(moment) => Some(moment),
            Course::Periodic(..) | Course::Setting(_) => Some(Moment { clock: Clock::Steady, at: 1 }),
        }
    }

    fn head(&self) -> Head {
        Head(self.own(0).load(Acquire))
    }

    fn period(&self, head: Head) -> u32 {
        (self.own(1).load(Acquire) >> (32 * u32::from(head.period()))) as u32
    }

    /// How often it was set or cancelled.
    pub(crate) fn settings(&self) -> u64 {
        self.own(2).load(SeqCst)
    }

    /// Sets it: not signaled, due at `moment`, then every `period` milliseconds unless 0. Which setting this is.
    pub(crate) fn arm(&self, moment: Moment, period: u32) -> Result<u64, ChangeError> {
        // The file lock is the description's, which the threads of this process share.
        static SETTERS: Mutex<()> = Mutex::new(());
        let _setter = SETTERS.lock().unwrap_or_else(PoisonError::into_inner);
        lock::wait(self.file(), LockMode::Write, SETTING_LOCK, 1).map_err(ChangeError::System)?;
        let armed = self.arm_alone(moment, period);
        let _ = lock::unlock(self.file(), SETTING_LOCK, 1);
        armed
    }

    fn arm_alone(&self, moment: Moment, period: u32) -> Result<u64, ChangeError> {
        for _ in 0..STEPS {
            self.catch_up();
            let (word, head) = (self.load(), self.head());
            if let Course::Setting(ahead) = self.course(head, word.state()) {
                // A killed process's, and a wait for all has its hand on the timer.
                self.change(Change::Arm(state::epoch(word.state()).wrapping_add(ahead)))?;
                continue;
            }
            let other = !head.period();
            let shift = 32 * u32::from(other);
            let periods = self.own(1).load(Relaxed) & !(u64::from(u32::MAX) << shift);
            self.own(1).store(periods | u64::from(period) << shift, SeqCst);
            let epoch = state::epoch(word.state()).wrapping_add(2);
            let next = Head::new(Some(moment), other, epoch);
            let setting = self.own(2).fetch_add(1, SeqCst) + 1;
            if self.own(0).compare_exchange(head.0, next.0, SeqCst, Relaxed).is_ok() {
                self.change(Change::Arm(epoch))?;
                return Ok(setting);
            }
        }
        Err(ChangeError::Spoiled)
    }

    /// Stops it; signaled or not, it stays so.
    pub(crate) fn disarm(&self) -> Result<(), ChangeError> {
        for _ in 0..STEPS {
            self.catch_up();
            let head = self.head();
            self.own(2).fetch_add(1, SeqCst);
            let still = Head(head.0 & !LAST_DUE);
            if self.own(0).compare_exchange(head.0, still.0, SeqCst, Relaxed).is_ok() {
                return Ok(());
            }
        }
        Err(ChangeError::Spoiled)
    }
}

/// When the first of several timers is due, on each clock.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Dues {
    steady: Option<Instant>,
    wall: Option<Duration>,
}

impl Dues {
    pub(crate) fn add(&mut self, timer: &Object) {
        let Some(moment) = timer.due() else { return };
        match moment.clock {
            Clock::Steady => {
                let left = moment.since().saturating_sub(Duration::from_nanos(clock::monotonic()));
                // One too far for an `Instant` is not waited for.
                let due = Instant::now().checked_add(left);
                self.steady = self.steady.into_iter().chain(due).min();
            }
            Clock::Wall => self.wall = self.wall.into_iter().chain([moment.since()]).min(),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.steady.is_none() && self.wall.is_none()
    }

    pub(crate) fn steady(&self) -> Option<Instant> {
        self.steady
    }

    pub(crate) fn wall(&self) -> Option<Duration> {
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_pinned() {
        let wall = Some(Moment { clock: Clock::Wall, at: 0x1234 });
        assert_eq!(Head::new(wall, true, 65).0, 0xC100_0000_0000_1234);
        assert_eq!(Head::new(None, false, 2).0, 0x0200_0000_0000_0000);
        let head = Head::new(wall, true, 65);
        assert_eq!((head.moment(), head.period()), (wall, true));
        assert_eq!(head.ahead_of(65 << 8), 0);
        assert_eq!(head.ahead_of(66 << 8), EPOCHS - 1);
        assert_eq!(head.ahead_of(63 << 8), 2);
    }

    #[test]
    fn a_late_look_skips_what_was_missed() {
        let now = Clock::Steady.now();
        let long_ago = Moment { clock: Clock::Steady, at: now.saturating_sub(95_000).max(1) };
        let next = long_ago.next(1);
        assert!(next.at > now && (next.at - long_ago.at).is_multiple_of(10_000));
        let end = Moment { clock: Clock::Steady, at: LAST_DUE };
        assert_eq!(end.next(u32::MAX).at, LAST_DUE);
    }
}
