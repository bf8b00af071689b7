//! A read under way, as its owner has it.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Weak};

use ennead_channel::{CancelToken, Wait};
use ennead_status::Win32Error;
use ennead_sys::poll::{self, Interest, Watch};

use super::line::Line;
use super::ticket::Ticket;
use crate::error::{Error, Operation as Kind, Reason};

/// How a read came out, and the buffer that was given to it.
#[derive(Debug, Default)]
pub struct Completion {
    /// The buffer, as long as it was given.
    pub buffer: Vec<u8>,
    /// The message's length in bytes.
    pub bytes: usize,
    /// Why the operation failed, if it did.
    pub error: Option<Error>,
}

impl Completion {
    /// The message.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.buffer[..self.bytes.min(self.buffer.len())]
    }

    /// The code that `GetLastError` gives after `GetOverlappedResult`: ERROR_SUCCESS, or the error's.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        self.error.as_ref().map_or(Win32Error::SUCCESS, Error::win32)
    }

    pub(super) fn failed(buffer: Vec<u8>, reason: Reason) -> Self {
        Self { buffer, bytes: 0, error: Some(Error { operation: Kind::Read, reason: Box::new(reason) }) }
    }
}

/// A read that was started: pending until it completes, once. It owns the buffer until then and gives it back in its [`Completion`].
///
/// **Dropping a pending operation cancels it.** One that has a completion routine ([`Operation::on_completion`]) is nobody's to drop.
#[must_use = "dropping a pending operation cancels it"]
pub struct Operation {
    ticket: Arc<Ticket>,
    line: Weak<Line>,
}

impl Operation {
    pub(super) fn new(ticket: Arc<Ticket>, line: Weak<Line>) -> Self {
        Self { ticket, line }
    }

    pub(super) fn failed(buffer: Vec<u8>, reason: Reason) -> Self {
        let ticket = Arc::new(Ticket::default());
        // Nobody has given it a routine yet.
        let _ = ticket.complete(Completion::failed(buffer, reason));
        Self { ticket, line: Weak::new() }
    }

    /// Whether it has completed (`HasOverlappedIoCompleted`).
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.ticket.is_complete()
    }

    /// How it stands (`GetOverlappedResult` without waiting): ERROR_IO_INCOMPLETE while it is pending, then [`Completion::win32`].
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        self.ticket.look(Completion::win32).unwrap_or(Win32Error::IO_INCOMPLETE)
    }

    /// Waits until it is complete.
    ///
    /// # Errors
    /// ERROR_IO_INCOMPLETE for [`Wait::Never`], WAIT_TIMEOUT, ERROR_OPERATION_ABORTED if the wait's own token was cancelled. The operation is not
    /// touched by them.
    pub fn wait(&self, wait: Wait<'_>) -> Result<(), WaitError> {
        if self.is_complete() {
            return Ok(());
        }
        let done = match wait {
            Wait::Never => return Err(WaitError::Incomplete),
            Wait::Forever => self.ticket.sleep(None),
            Wait::Until(deadline) => self.ticket.sleep(Some(deadline)),
            Wait::Cancellable(token, deadline) => {
                let event = self.event().map_err(WaitError::System)?;
                let mut watches =
                    [Watch::new(&event, Interest::Readable), Watch::new(token, Interest::Readable)];
                let ready = poll::wait(&mut watches, deadline).map_err(WaitError::System)?;
                if CancelToken::is_cancelled(token) && !self.is_complete() {
                    return Err(WaitError::Cancelled);
                }
                ready
            }
        };
        if done { Ok(()) } else { Err(WaitError::TimedOut) }
    }

    /// Waits until it is complete, and gives the completion.
    #[must_use]
    pub fn join(self) -> Completion {
        self.ticket.sleep(None);
        self.ticket.take().unwrap_or_default()
    }

    /// Cancels it (`CancelIoEx`). When this returns, the operation is complete: with ERROR_OPERATION_ABORTED, and no message taken.
    ///
    /// # Errors
    /// [`NothingToCancel`] (ERROR_NOT_FOUND) if it had completed before.
    pub fn cancel(&self) -> Result<(), NothingToCancel> {
        let cancelled = self.line.upgrade().map_or(0, |line| line.cancel(Some(&self.ticket)));
        if cancelled > 0 { Ok(()) } else { Err(NothingToCancel) }
    }

    /// A descriptor that is readable once the operation is complete (the event of an `OVERLAPPED`, manual-reset), for waiting for it with
    /// others: poll, epoll, and whatever takes descriptors.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn event(&self) -> io::Result<BorrowedFd<'_>> {
        self.ticket.event()
    }

    /// Has `routine` called with the completion, at once if it is there: on the thread that completes the operation, usually the helper
    /// thread. It must not block: everything that the process has under way waits behind it. It may start operations. A panic in it is
    /// logged and ends there.
    pub fn on_completion(self, routine: impl FnOnce(Completion) + Send + 'static) {
        let ticket = Arc::clone(&self.ticket);
        // Not cancelled: it is the routine's now.
        let mut me = std::mem::ManuallyDrop::new(self);
        me.line = Weak::new();
        me.ticket = Arc::default();
        ticket.deliver_to(Box::new(routine));
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
        f.debug_struct("Operation").field("complete", &self.is_complete()).finish_non_exhaustive()
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

/// Why a wait ended without the completion. The operation is not touched by it.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// Not complete, and the caller would not wait: ERROR_IO_INCOMPLETE.
    Incomplete,
    /// The deadline has passed: WAIT_TIMEOUT.
    TimedOut,
    /// The wait's token was cancelled: ERROR_OPERATION_ABORTED.
    Cancelled,
    /// The system refused a step: the code of its error number.
    System(io::Error),
}

impl WaitError {
    /// The code that `GetLastError` gives.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Incomplete => Win32Error::IO_INCOMPLETE,
            Self::TimedOut => Win32Error::WAIT_TIMEOUT,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::System(source) => Win32Error::from(source),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete => f.write_str("the operation is not complete"),
            Self::TimedOut => f.write_str("the operation was not complete in time"),
            Self::Cancelled => f.write_str("the wait was cancelled"),
            Self::System(_) => f.write_str("the system refused a step of the wait"),
        }
    }
}

impl std::error::Error for WaitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(source) => Some(source),
            _ => None,
        }
    }
}
