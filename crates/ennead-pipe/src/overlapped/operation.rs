//! An operation under way, as its owner has it.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use ennead_channel::Wait;
use ennead_status::Win32Error;

use super::completion::Completion;
use super::ticket::Ticket;
use super::waiting::{WaitError, Waitable, wait_any};

/// An operation that was started: pending until it completes, once.
///
/// It owns the operation's buffers until it is complete and gives them back in its [`Completion`]. **Dropping a pending
/// operation cancels it**: the buffer goes with it, and with the buffer what had been read into it, which is the first part of a
/// message larger than the pipe's buffer or nothing; to know, cancel it and take the completion. An operation that has a
/// completion routine ([`Operation::on_completion`]) is nobody's to drop.
#[must_use = "dropping a pending operation cancels it"]
pub struct Operation {
    pub(super) ticket: Arc<Ticket>,
}

impl Operation {
    /// Whether it has completed (`HasOverlappedIoCompleted`).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ticket.is_complete()
    }

    /// How it stands (`GetOverlappedResult` without waiting): ERROR_IO_INCOMPLETE while it is pending, then
    /// [`Completion::win32`].
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        self.ticket.look(Completion::win32).unwrap_or(Win32Error::IO_INCOMPLETE)
    }

    /// The completion, without waiting.
    ///
    /// # Errors
    /// The operation itself while it is pending (ERROR_IO_INCOMPLETE).
    pub fn finish(self) -> Result<Completion, Self> {
        self.ticket.take().ok_or(self)
    }

    /// Waits for it to complete (`GetOverlappedResultEx`).
    ///
    /// # Errors
    /// [`WaitError`]: the operation goes on.
    pub fn wait(&self, wait: Wait<'_>) -> Result<(), WaitError> {
        wait_any(&[Waitable::from(self)], wait).map(drop)
    }

    /// Waits for as long as it takes and gives the completion (`GetOverlappedResult` with *bWait*).
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn join(self) -> Completion {
        // Sleeps on a condition variable: nothing can fail.
        while self.wait(Wait::Forever).is_err() {}
        self.ticket.take().unwrap_or_default()
    }

    /// Cancels it (`CancelIoEx`). When this returns, the operation is complete: with ERROR_OPERATION_ABORTED and exactly what it
    /// moved before. What it did not move stays in the pipe.
    ///
    /// # Errors
    /// [`NothingToCancel`] (ERROR_NOT_FOUND) if it had completed before.
    pub fn cancel(&self) -> Result<(), NothingToCancel> {
        self.canceller().cancel()
    }

    /// What cancels it from elsewhere, also when a routine has it.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller { ticket: Arc::clone(&self.ticket) }
    }

    /// A descriptor that is readable once the operation is complete, for poll, epoll and the like (the event of an `OVERLAPPED`,
    /// manual-reset). Made at the first call; to wait here, [`wait_any`] needs none.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn event(&self) -> io::Result<BorrowedFd<'_>> {
        self.ticket.event()
    }

    /// Has `routine` called with the completion, at once if it is there. The routines of one end are called in the order in
    /// which its operations complete and one at a time, on the thread that completes the operation: usually the porter's, else
    /// one that starts or cancels an operation of the same end. It must not block: everything that the process has under way
    /// waits behind it. It may start operations. A panic in it is logged and ends there.
    pub fn on_completion(self, routine: impl FnOnce(Completion) + Send + 'static) {
        self.ticket.deliver_to(Box::new(routine));
        // Not cancelled: it is the routine's now.
        let me = std::mem::ManuallyDrop::new(self);
        drop(Arc::clone(&me.ticket));
    }
}

/// Cancels an operation (`CancelIoEx`) that somebody else has.
#[derive(Clone)]
pub struct Canceller {
    ticket: Arc<Ticket>,
}

impl Canceller {
    /// As [`Operation::cancel`].
    ///
    /// # Errors
    /// [`NothingToCancel`] (ERROR_NOT_FOUND) if it had completed before.
    pub fn cancel(&self) -> Result<(), NothingToCancel> {
        let cancelled = self.ticket.cancel();
        self.ticket.run_deliveries();
        if cancelled { Ok(()) } else { Err(NothingToCancel) }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller").field("kind", &self.ticket.kind()).finish_non_exhaustive()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if !self.ticket.is_complete() {
            let _ = self.cancel();
        }
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation")
            .field("kind", &self.ticket.kind())
            .field("complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}

/// There was no pending operation to cancel: ERROR_NOT_FOUND.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NothingToCancel;

impl NothingToCancel {
    /// ERROR_NOT_FOUND.
    #[must_use]
    pub fn win32(self) -> Win32Error {
        Win32Error::NOT_FOUND
    }
}

impl fmt::Display for NothingToCancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such operation is pending")
    }
}

impl std::error::Error for NothingToCancel {}
