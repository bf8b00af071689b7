//! What an operation's owner and whoever carries it out share: pending, then complete, once.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, OnceLock, Weak};
use std::thread::ThreadId;

use ennead_sys::eventfd::EventFd;

use crate::named::{Error, Operation as Kind, Reason};

use super::completion::Completion;
use super::delivery::{Deliveries, Routine};
use super::sync::{Mutex, lock};
use super::waiter::Waiter;

/// Where a pending operation stands in line.
pub(super) trait Home: Send + Sync {
    /// Completes it with ERROR_OPERATION_ABORTED if it is still pending; says whether it was.
    fn cancel(&self, ticket: &Ticket) -> bool;
}

pub(super) struct Ticket {
    kind: Kind,
    issuer: ThreadId,
    home: Weak<dyn Home>,
    deliveries: Arc<Deliveries>,
    phase: Mutex<Phase>,
    event: OnceLock<EventFd>,
}

enum Phase {
    Pending {
        waiters: Vec<Arc<Waiter>>,
        routine: Option<Routine>,
    },
    Complete(Completion),
    /// The completion is with its owner or on its way to the routine.
    Taken,
}

impl Ticket {
    pub fn new(kind: Kind, home: Weak<dyn Home>, deliveries: &Arc<Deliveries>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            issuer: std::thread::current().id(),
            home,
            deliveries: Arc::clone(deliveries),
            phase: Mutex::new(Phase::Pending { waiters: Vec::new(), routine: None }),
            event: OnceLock::new(),
        })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn is_from(&self, issuer: Option<ThreadId>) -> bool {
        issuer.is_none_or(|issuer| issuer == self.issuer)
    }

    /// The one passage from pending to complete. A routine is put among the deliveries, for the caller to run.
    pub fn complete(&self, completion: Completion) {
        let mut phase = lock(&self.phase);
        match std::mem::replace(&mut *phase, Phase::Taken) {
            Phase::Pending { waiters, routine } => {
                match routine {
                    Some(routine) => self.deliveries.push(routine, completion),
                    None => *phase = Phase::Complete(completion),
                }
                if let Some(event) = self.event.get() {
                    event.set();
                }
                for waiter in waiters {
                    waiter.notify();
                }
            }
            before => {
                debug_assert!(false, "an operation completes once");
                *phase = before;
            }
        }
    }

    /// [`Ticket::complete`] for an operation that did not succeed.
    pub fn fail(&self, reason: Reason, rest: Completion) {
        let written = if self.kind == Kind::Write { rest.bytes } else { 0 };
        let error = Some(Error { operation: self.kind, reason: Box::new(reason), written });
        self.complete(Completion { error, ..rest });
    }

    pub fn is_complete(&self) -> bool {
        !matches!(*lock(&self.phase), Phase::Pending { .. })
    }

    pub fn take(&self) -> Option<Completion> {
        let mut phase = lock(&self.phase);
        match std::mem::replace(&mut *phase, Phase::Taken) {
            Phase::Complete(completion) => Some(completion),
            before => {
                *phase = before;
                None
            }
        }
    }

    /// Looks at the completion, if it is there.
    pub fn look<T>(&self, look: impl FnOnce(&Completion) -> T) -> Option<T> {
        match &*lock(&self.phase) {
            Phase::Complete(completion) => Some(look(completion)),
            _ => None,
        }
    }

    /// Has `routine` called with the completion, also if it is there already.
    pub fn deliver_to(&self, routine: Routine) {
        let mut phase = lock(&self.phase);
        match &mut *phase {
            Phase::Pending { routine: place, .. } => *place = Some(routine),
            _ => {
                if let Phase::Complete(completion) = std::mem::replace(&mut *phase, Phase::Taken) {
                    self.deliveries.push(routine, completion);
                }
            }
        }
        drop(phase);
        self.deliveries.run();
    }

    /// Has `waiter` notified at the completion; `false` if that has been.
    pub fn enlist(&self, waiter: &Arc<Waiter>) -> bool {
        let mut phase = lock(&self.phase);
        let Phase::Pending { waiters, .. } = &mut *phase else { return false };
        waiters.push(Arc::clone(waiter));
        true
    }

    pub fn dismiss(&self, waiter: &Arc<Waiter>) {
        if let Phase::Pending { waiters, .. } = &mut *lock(&self.phase) {
            waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        }
    }

    /// A descriptor that is readable from the completion on.
    pub fn event(&self) -> io::Result<BorrowedFd<'_>> {
        if self.event.get().is_none() {
            let event = EventFd::new()?;
            // Another thread's may be first; either is as good.
            let _ = self.event.set(event);
        }
        // Under the lock: a completion that missed the event is seen here, and one that comes later sees the event.
        let phase = lock(&self.phase);
        // INVARIANT: it was set above, and is never taken out.
        let event = self.event.get().expect("the event is set");
        if !matches!(*phase, Phase::Pending { .. }) {
            event.set();
        }
        Ok(event.as_fd())
    }

    /// Calls the routines that are due at this operation's end; to be done after every completion, without a lock.
    pub fn run_deliveries(&self) {
        self.deliveries.run();
    }

    pub fn cancel(&self) -> bool {
        !self.is_complete() && self.home.upgrade().is_some_and(|home| home.cancel(self))
    }
}
