//! Sleeping until a word of memory changes.
//!
//! Words may lie in private memory or in a shared [`crate::mapping::Mapping`]; the `shared` calls work across processes, the others only within one and are
//! a little cheaper.

#![allow(unsafe_code, reason = "hands addresses of words to the kernel")]

use std::io;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::thread::futex::{self, ClockId, Flags, WaitFlags, WaitPtr, WaitvFlags, WakeOp, WakeOpCmp};
use rustix::time::{Timespec, clock_gettime};

/// The most words that one [`wait_any`] can watch (the kernel's FUTEX_WAITV_MAX).
pub const MOST_WORDS: usize = 128;

/// Whether the word is private to this process or shared with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only threads of this process wait on and wake the word.
    Private,
    /// Any process that maps the word's page.
    Shared,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// Somebody woke us.
    ByWake,
    /// The word had another value already, or a signal came: look again.
    LookAgain,
    /// The deadline has passed.
    TimedOut,
}

/// Sleeps while `word` is `expected`, until somebody wakes it or `deadline` passes. May return early: look again.
pub fn wait(word: &AtomicU32, expected: u32, scope: Scope, deadline: Option<Instant>) -> io::Result<Woken> {
    let left = match deadline.map(time_left) {
        Some(None) => return Ok(Woken::TimedOut),
        Some(Some(left)) => Some(timespec(left)),
        None => None,
    };
    let flags = if scope == Scope::Private { Flags::PRIVATE } else { Flags::empty() };
    outcome(futex::wait(word, flags, expected, left.as_ref()))
}

/// Sleeps while every `(word, expected)` still holds, until somebody wakes one of them or `deadline` passes. May return early: look at all of them again.
/// At most [`MOST_WORDS`] words, at least one (else `InvalidInput`).
pub fn wait_any(words: &[(&AtomicU32, u32)], scope: Scope, deadline: Option<Instant>) -> io::Result<Woken> {
    if words.is_empty() || words.len() > MOST_WORDS {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let until = match deadline.map(time_left) {
        Some(None) => return Ok(Woken::TimedOut),
        Some(Some(left)) => Some(from_now(left)),
        None => None,
    };
    let private = if scope == Scope::Private { WaitFlags::PRIVATE } else { WaitFlags::empty() };
    let waiters: Vec<futex::Wait> = words
        .iter()
        .map(|(word, expected)| {
            let mut wait = futex::Wait::new();
            wait.val = u64::from(*expected);
            wait.uaddr = WaitPtr::new(word.as_ptr().cast());
            wait.flags = WaitFlags::SIZE_U32 | private;
            wait
        })
        .collect();
    outcome(futex::waitv(&waiters, WaitvFlags::empty(), until.as_ref(), ClockId::Monotonic).map(drop))
}

/// When a sleep ends by itself.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// At this instant, whatever happens to the wall clock.
    Instant(Instant),
    /// When the wall clock shows this time since 1970; setting the clock moves the end.
    WallClock(Duration),
}

/// Up to `N` words (at most [`MOST_WORDS`]) to sleep on together, kept without any allocation.
pub struct Words<'a, const N: usize> {
    waits: [futex::Wait; N],
    len: usize,
    words: PhantomData<&'a AtomicU32>,
}

impl<'a, const N: usize> Words<'a, N> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        const { assert!(N <= MOST_WORDS) };
        Self { waits: [futex::Wait::new(); N], len: 0, words: PhantomData }
    }

    /// Adds `word`, to be slept on while it is `expected`. False where there is no room.
    #[must_use]
    pub fn push(&mut self, word: &'a AtomicU32, expected: u32, scope: Scope) -> bool {
        let Some(wait) = self.waits.get_mut(self.len) else { return false };
        let private = if scope == Scope::Private { WaitFlags::PRIVATE } else { WaitFlags::empty() };
        wait.val = u64::from(expected);
        wait.uaddr = WaitPtr::new(word.as_ptr().cast());
        wait.flags = WaitFlags::SIZE_U32 | private;
        self.len += 1;
        true
    }

    /// Sleeps while every word still has the value that was expected of it, until somebody wakes one of them or the time is over. May return early: look at
    /// all of them again.
    ///
    /// # Errors
    /// `InvalidInput` where no word was added; ENOMEM.
    pub fn sleep(&self, until: Option<Until>) -> io::Result<Woken> {
        if self.len == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (clock, end) = match until {
            None => (ClockId::Monotonic, None),
            Some(Until::Instant(instant)) => match time_left(instant) {
                None => return Ok(Woken::TimedOut),
                Some(left) => (ClockId::Monotonic, Some(from_now(left))),
            },
            Some(Until::WallClock(since)) => (ClockId::Realtime, Some(timespec(since))),
        };
        outcome(futex::waitv(&self.waits[..self.len], WaitvFlags::empty(), end.as_ref(), clock).map(drop))
    }

    /// The same with one word more, for this sleep only.
    ///
    /// # Errors
    /// `InvalidInput` where there is no room for it; else as [`Self::sleep`].
    pub fn sleep_with(
        &mut self,
        word: &AtomicU32,
        expected: u32,
        scope: Scope,
        until: Option<Until>,
    ) -> io::Result<Woken> {
        let Some(wait) = self.waits.get_mut(self.len) else { return Err(io::ErrorKind::InvalidInput.into()) };
        let private = if scope == Scope::Private { WaitFlags::PRIVATE } else { WaitFlags::empty() };
        wait.val = u64::from(expected);
        wait.uaddr = WaitPtr::new(word.as_ptr().cast());
        wait.flags = WaitFlags::SIZE_U32 | private;
        self.len += 1;
        let woken = self.sleep(until);
        self.len -= 1;
        woken
    }
}

impl<const N: usize> Default for Words<'_, N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Wakes up to `most` threads that sleep on `word`; says how many.
pub fn wake(word: &AtomicU32, most: u32, scope: Scope) -> usize {
    let flags = if scope == Scope::Private { Flags::PRIVATE } else { Flags::empty() };
    // The kernel refuses only bad addresses, which a reference is not.
    futex::wake(word, flags, most.min(i32::MAX as u32)).unwrap_or(0)
}

/// Adds `amount` (at most 2,047) to `word` and wakes everybody who sleeps on it, in one step of the kernel's: who kills the caller kills it before or after, and
/// never leaves a changed word with sleepers who do not know.
pub fn add_and_wake(word: &AtomicU32, amount: u16, scope: Scope) -> io::Result<()> {
    let flags = if scope == Scope::Private { Flags::PRIVATE } else { Flags::empty() };
    // The second wake-up, on the word's old value, is not needed.
    let (everybody, nobody) = (i32::MAX as u32, 0);
    let amount = amount.min(0x7ff);
    futex::wake_op(word, flags, everybody, nobody, word, WakeOp::Add, WakeOpCmp::Eq, amount, 0)?;
    Ok(())
}

fn outcome(result: Result<(), Errno>) -> io::Result<Woken> {
    match result {
        Ok(()) => Ok(Woken::ByWake),
        Err(Errno::AGAIN | Errno::INTR) => Ok(Woken::LookAgain),
        Err(Errno::TIMEDOUT) => Ok(Woken::TimedOut),
        Err(error) => Err(error.into()),
    }
}

/// What is left until `deadline`, or `None` when it has passed.
pub(crate) fn time_left(deadline: Instant) -> Option<Duration> {
    deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
}

pub(crate) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 4).min(i64::MAX / 4),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

fn from_now(left: Duration) -> Timespec {
    let now = clock_gettime(ClockId::Monotonic);
    let left = timespec(left);
    let nanoseconds = now.tv_nsec + left.tv_nsec;
    Timespec {
        tv_sec: now.tv_sec.saturating_add(left.tv_sec).saturating_add(nanoseconds / 1_000_000_000),
        tv_nsec: nanoseconds % 1_000_000_000,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use super::*;

    #[test]
    fn a_changed_word_is_not_waited_for() {
        let word = AtomicU32::new(1);
        assert_eq!(wait(&word, 0, Scope::Private, None).unwrap(), Woken::LookAgain);
        assert_eq!(wait_any(&[(&word, 0)], Scope::Shared, None).unwrap(), Woken::LookAgain);
    }

    #[test]
    fn adding_wakes_all() {
        let word = AtomicU32::new(u32::MAX);
        add_and_wake(&word, 3, Scope::Shared).unwrap();
        assert_eq!(word.load(SeqCst), 2);
        std::thread::scope(|scope| {
            let sleepers: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        while word.load(SeqCst) == 2 {
                            wait(&word, 2, Scope::Shared, None).unwrap();
                        }
                    })
                })
                .collect();
            add_and_wake(&word, 2047, Scope::Shared).unwrap();
            for sleeper in sleepers {
                sleeper.join().unwrap();
            }
        });
        assert_eq!(word.load(SeqCst), 2049);
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let word = AtomicU32::new(0);
        let soon = || Some(Instant::now() + Duration::from_millis(2));
        assert_eq!(wait(&word, 0, Scope::Private, soon()).unwrap(), Woken::TimedOut);
        assert_eq!(wait_any(&[(&word, 0), (&word, 0)], Scope::Private, soon()).unwrap(), Woken::TimedOut);
    }

    #[test]
    fn words_of_both_scopes_are_slept_on_together() {
        let (one, two) = (AtomicU32::new(0), AtomicU32::new(0));
        let mut words = Words::<2>::new();
        assert!(words.push(&one, 0, Scope::Private) && words.push(&two, 0, Scope::Shared));
        assert!(!words.push(&two, 0, Scope::Shared), "there is room for two");
        let soon = Until::Instant(Instant::now() + Duration::from_millis(2));
        assert_eq!(words.sleep(Some(soon)).unwrap(), Woken::TimedOut);
        let past = Until::WallClock(Duration::from_secs(1));
        assert_eq!(words.sleep(Some(past)).unwrap(), Woken::TimedOut);
        two.store(1, SeqCst);
        assert_eq!(words.sleep(None).unwrap(), Woken::LookAgain);
        assert!(Words::<1>::new().sleep(None).is_err());
    }

    #[test]
    fn a_wake_reaches_either_kind_of_waiter() {
        let (one, two) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while one.load(SeqCst) == 0 {
                    wait_any(&[(&two, 0), (&one, 0)], Scope::Private, None).unwrap();
                }
            });
            one.store(1, SeqCst);
            wake(&one, u32::MAX, Scope::Private);
        });
    }
}
