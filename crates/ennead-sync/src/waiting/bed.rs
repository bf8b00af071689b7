//! Where a wait lies down: the words of its objects, and what else ends it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ennead_porter::{Next, Watch, Watched};
use ennead_sys::futex::{self, Scope, Until, Woken, Words};
use ennead_sys::readiness::Alarm;
use ennead_sys::robust::OwnerWatch;
use ennead_sys::wait::Wait;

use crate::alert::{Alerts, Listening};
use crate::error::WaitError;
use crate::object::Object;
use crate::timer::course::Dues;
use crate::waiting::Outcome;

/// Words to sleep on, besides those of the objects: the token's, the thread's alerts', the owners' deaths, the bell, a clock's.
pub(super) const OTHERS: usize = 5;

/// What ends a wait besides its objects.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) wait: Wait<'a>,
    alerts: Option<&'a Alerts>,
    deaths: Option<&'a Deaths>,
}

/// Owners of mutexes that died while a thread slept for several objects: a word of this process that the porter changes.
#[derive(Default)]
pub(super) struct Deaths(Arc<AtomicU32>);

/// One sleep on up to `N` words.
pub(super) struct Bed<'a, const N: usize> {
    words: Words<'a, N>,
    deaths: Option<&'a Deaths>,
    watches: Vec<Watch>,
    /// When the first of the timers is due, on either clock.
    dues: Dues,
    _listening: Option<Listening<'a>>,
}

/// A process that owns a mutex.
struct Owner {
    process: OwnedFd,
    died: Arc<AtomicU32>,
}

impl<'a> Ends<'a> {
    pub(super) fn new(wait: Wait<'a>, alerts: Option<&'a Alerts>) -> Self {
        Self { wait, alerts, deaths: None }
    }

    /// The same with a place in which owners' deaths are noted.
    pub(super) fn with_deaths(self, deaths: &'a Deaths) -> Self {
        Self { deaths: Some(deaths), ..self }
    }

    /// Whether nothing but the object's own word and the deadline ends the wait.
    pub(super) fn are_plain(&self) -> bool {
        self.alerts.is_none() && self.wait.token().is_none()
    }

    /// Asked before each sleep, after the objects: what ends the wait now.
    pub(super) fn reached(&self) -> Result<Option<Outcome>, WaitError> {
        if self.alerts.is_some_and(Alerts::run) {
            return Ok(Some(Outcome::Alerted));
        }
        if self.wait.is_cancelled() {
            return Err(WaitError::Cancelled);
        }
        Ok(matches!(self.wait, Wait::Never).then_some(Outcome::TimedOut))
    }

    /// The same where the kernel is not going to be asked for the time.
    pub(super) fn reached_or_late(&self) -> Result<Option<Outcome>, WaitError> {
        Ok(self.reached()?.or_else(|| self.wait.is_over().then_some(Outcome::TimedOut)))
    }
}

impl<'a, const N: usize> Bed<'a, N> {
    pub(super) fn new(ends: &Ends<'a>) -> Self {
        let mut words = Words::new();
        let mut listening = None;
        if let Some(token) = ends.wait.token() {
            let _ = words.push(token.word(), 0, Scope::Private);
        }
        if let Some(alerts) = ends.alerts {
            let (word, value, guard) = alerts.listen();
            let _ = words.push(word, value, Scope::Private);
            listening = Some(guard);
        }
        Self { words, deaths: ends.deaths, watches: Vec::new(), dues: Dues::default(), _listening: listening }
    }

    /// The object is slept on while its state is `state`.
    pub(super) fn add(&mut self, object: &'a Object, state: u32) {
        // There is room: `N` counts the objects.
        let _ = self.words.push(object.state_half(), state, Scope::Shared);
        if object.rules.is_timer() {
            self.dues.add(object);
        }
    }

    /// A mutex is slept on while this word of it has this value and its owner lives.
    pub(super) fn add_mutex(&mut self, word: &'a AtomicU32, value: u32, owner: OwnerWatch) -> io::Result<()> {
        let _ = self.words.push(word, value, Scope::Shared);
        let (Some(deaths), Some(process)) = (self.deaths, owner.into_descriptor()) else { return Ok(()) };
        if self.watches.is_empty() {
            let _ = self.words.push(&deaths.0, deaths.0.load(Ordering::SeqCst), Scope::Private);
        }
        let owner: Arc<dyn Watched> = Arc::new(Owner { process, died: Arc::clone(&deaths.0) });
        self.watches.push(ennead_porter::watch(&owner)?);
        Ok(())
    }

    /// Sleeps also while this word has this value.
    pub(super) fn sleep_with(
        &mut self,
        word: &'a AtomicU32,
        value: u32,
        ends: &Ends<'_>,
    ) -> io::Result<Woken> {
        let _ = self.words.push(word, value, Scope::Shared);
        self.sleep(ends)
    }

    pub(super) fn sleep(&mut self, ends: &Ends<'_>) -> io::Result<Woken> {
        let deadline = ends.wait.deadline();
        if self.dues.is_none() {
            return self.words.sleep(deadline.map(Until::Instant));
        }
        let steady = deadline.into_iter().chain(self.dues.steady()).min();
        let woken = match (steady, self.dues.wall()) {
            (None, Some(wall)) => self.words.sleep(Some(Until::WallClock(wall)))?,
            (steady, None) => self.words.sleep(steady.map(Until::Instant))?,
            // The kernel knows one clock a sleep: the porter watches the other.
            (steady, Some(wall)) => {
                let rung = Arc::new(AtomicU32::new(0));
                let _watch = alarm(wall, &rung)?;
                self.words.sleep_with(&rung, 0, Scope::Private, steady.map(Until::Instant))?
            }
        };
        Ok(if woken == Woken::TimedOut && !ends.wait.is_over() { Woken::LookAgain } else { woken })
    }
}

/// Changes and wakes the word when the wall clock shows the time.
fn alarm(at: Duration, rung: &Arc<AtomicU32>) -> io::Result<Watch> {
    let alarm = Alarm::on_wall_clock()?;
    alarm.set_at(at)?;
    let chime: Arc<dyn Watched> = Arc::new(Chime { alarm, rung: Arc::clone(rung) });
    ennead_porter::watch(&chime)
}

/// A time that is waited for on the other clock.
struct Chime {
    alarm: Alarm,
    rung: Arc<AtomicU32>,
}

impl Watched for Chime {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.alarm.as_fd()
    }

    fn ready(&self) -> Next {
        self.rung.store(1, Ordering::SeqCst);
        futex::wake(&self.rung, u32::MAX, Scope::Private);
        Next::Done
    }
}

impl Watched for Owner {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }

    fn ready(&self) -> Next {
        self.died.fetch_add(1, Ordering::SeqCst);
        futex::wake(&self.died, u32::MAX, Scope::Private);
        Next::Done
    }
}
