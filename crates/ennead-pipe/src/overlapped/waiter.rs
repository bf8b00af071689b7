//! A thread that waits for operations, perhaps among other descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::PoisonError;
use std::time::Instant;

use ennead_sys::eventfd::EventFd;

use super::sync::{Condvar, Mutex, lock};

/// Notified by each operation that it is enlisted at, until it is dismissed there.
pub(super) struct Waiter {
    notified: Mutex<bool>,
    changed: Condvar,
    /// For waits that go through poll.
    event: Option<EventFd>,
}

impl Waiter {
    /// One that sleeps in [`Waiter::sleep`], or, if it `polls`, waits for its event.
    pub fn new(polls: bool) -> io::Result<Self> {
        let event = if polls { Some(EventFd::new()?) } else { None };
        Ok(Self { notified: Mutex::new(false), changed: Condvar::new(), event })
    }

    pub fn notify(&self) {
        *lock(&self.notified) = true;
        self.changed.notify_all();
        if let Some(event) = &self.event {
            event.set();
        }
    }

    pub fn event(&self) -> Option<BorrowedFd<'_>> {
        self.event.as_ref().map(AsFd::as_fd)
    }

    /// Forgets earlier notifications; what they were about is looked at after this.
    pub fn reset(&self) {
        *lock(&self.notified) = false;
        if let Some(event) = &self.event {
            let _ = event.clear();
        }
    }

    /// Sleeps until notified; `false` when the deadline passed first.
    pub fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut notified = lock(&self.notified);
        while !*notified {
            notified = match deadline {
                None => self.changed.wait(notified).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(notified, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}
