//! Where a wait lies down: the words of its objects, and what else ends it.

use std::io;

use ennead_sys::futex::{Scope, Until, Woken, Words};
use ennead_sys::wait::Wait;

use crate::alert::{Alerts, Listening};
use crate::error::WaitError;
use crate::object::Object;
use crate::waiting::Outcome;

/// Words to sleep on, besides those of the objects: the token's and the thread's alerts.
pub(super) const OTHERS: usize = 2;

/// What ends a wait besides its objects.
#[derive(Clone, Copy)]
pub(super) struct Ends<'a> {
    pub(super) wait: Wait<'a>,
    alerts: Option<&'a Alerts>,
}

/// One sleep on up to `N` words.
pub(super) struct Bed<'a, const N: usize> {
    words: Words<'a, N>,
    _listening: Option<Listening<'a>>,
}

impl<'a> Ends<'a> {
    pub(super) fn new(wait: Wait<'a>, alerts: Option<&'a Alerts>) -> Self {
        Self { wait, alerts }
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
        Self { words, _listening: listening }
    }

    /// The object is slept on while its state is `state`.
    pub(super) fn add(&mut self, object: &'a Object, state: u32) {
        // There is room: `N` counts the objects.
        let _ = self.words.push(object.state_half(), state, Scope::Shared);
    }

    pub(super) fn sleep(&self, ends: &Ends<'_>) -> io::Result<Woken> {
        self.words.sleep(ends.wait.deadline().map(Until::Instant))
    }
}
