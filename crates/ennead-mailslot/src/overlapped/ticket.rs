//! What an operation's owner and the line share: pending, then complete, once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use ennead_sys::eventfd::EventFd;

use super::operation::Completion;

/// What is called with a completed operation.
pub(super) type Routine = Box<dyn FnOnce(Completion) + Send>;

#[derive(Default)]
pub(super) struct Ticket {
    phase: Mutex<Phase>,
    changed: Condvar,
    event: OnceLock<EventFd>,
}

#[derive(Default)]
struct Phase {
    complete: bool,
    completion: Option<Completion>,
    routine: Option<Routine>,
}

impl Ticket {
    /// The one passage from pending to complete. If a routine is due, whoever calls this runs it once it holds no lock.
    #[must_use]
    pub fn complete(&self, completion: Completion) -> Option<Due> {
        let mut phase = self.lock();
        debug_assert!(!phase.complete, "an operation completes once");
        phase.complete = true;
        let due = match phase.routine.take() {
            Some(routine) => Some(Due(routine, completion)),
            None => {
                phase.completion = Some(completion);
                None
            }
        };
        if let Some(event) = self.event.get() {
            event.set();
        }
        drop(phase);
        self.changed.notify_all();
        due
    }

    pub fn is_complete(&self) -> bool {
        self.lock().complete
    }

    pub fn take(&self) -> Option<Completion> {
        self.lock().completion.take()
    }

    pub fn look<T>(&self, look: impl FnOnce(&Completion) -> T) -> Option<T> {
        self.lock().completion.as_ref().map(look)
    }

    /// Has `routine` called at the completion; at once if that has been.
    pub fn deliver_to(&self, routine: Routine) {
        let mut phase = self.lock();
        match phase.completion.take() {
            Some(completion) => {
                drop(phase);
                Due(routine, completion).run();
            }
            None => phase.routine = Some(routine),
        }
    }

    /// Sleeps until it is complete; `false` when the deadline passed first.
    pub fn sleep(&self, deadline: Option<Instant>) -> bool {
        let mut phase = self.lock();
        while !phase.complete {
            phase = match deadline {
                None => self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.changed.wait_timeout(phase, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// A descriptor that is readable from the completion on.
    pub fn event(&self) -> io::Result<BorrowedFd<'_>> {
        if self.event.get().is_none() {
            let event = EventFd::new()?;
            // Another thread's may be first; either is as good.
            let _ = self.event.set(event);
        }
        // Under the lock: a completion that missed the event is seen here, and one that comes later sees the event.
        let phase = self.lock();
        let event = self.event.get().ok_or(io::ErrorKind::NotFound)?;
        if phase.complete {
            event.set();
        }
        Ok(event.as_fd())
    }

    fn lock(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A routine that is to be called, and what with.
pub(super) struct Due(Routine, Completion);

impl Due {
    pub fn run(self) {
        if catch_unwind(AssertUnwindSafe(|| (self.0)(self.1))).is_err() {
            tracing::error!(target: "ennead::mailslot", "a completion routine panicked");
        }
    }
}
