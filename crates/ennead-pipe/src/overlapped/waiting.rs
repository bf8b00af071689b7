//! Waiting for any or all of several operations, and for descriptors beside them.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use ennead_channel::{CancelToken, Wait};
use ennead_status::Win32Error;
use ennead_sys::poll::{self, Interest, Watch};

use super::operation::Operation;
use super::waiter::Waiter;

/// What can be waited for: an operation until it is complete, a descriptor until it can be read.
#[derive(Clone, Copy, Debug)]
pub enum Waitable<'a> {
    /// An operation.
    Operation(&'a Operation),
    /// A descriptor: a socket, an event, a child's pidfd, …
    Descriptor(BorrowedFd<'a>),
}

impl<'a> From<&'a Operation> for Waitable<'a> {
    fn from(operation: &'a Operation) -> Self {
        Self::Operation(operation)
    }
}

impl<'a> From<BorrowedFd<'a>> for Waitable<'a> {
    fn from(descriptor: BorrowedFd<'a>) -> Self {
        Self::Descriptor(descriptor)
    }
}

/// Why a wait ended without what it was for. The operations are not touched by it.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// Not complete, and the caller would not wait: ERROR_IO_INCOMPLETE.
    Incomplete,
    /// The deadline has passed: WAIT_TIMEOUT.
    TimedOut,
    /// The wait's token was cancelled: ERROR_OPERATION_ABORTED.
    Cancelled,
    /// There is nothing to wait for: ERROR_INVALID_PARAMETER.
    Nothing,
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
            Self::Nothing => Win32Error::INVALID_PARAMETER,
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
            Self::Nothing => f.write_str("there is nothing to wait for"),
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

/// Waits until one of `items` is complete or readable, and gives the index of the first such (`WaitForMultipleObjects`); there may
/// be more than 64. What is complete stays so.
///
/// # Errors
/// ERROR_IO_INCOMPLETE for [`Wait::Never`], WAIT_TIMEOUT, ERROR_OPERATION_ABORTED if the wait's own token was cancelled,
/// ERROR_INVALID_PARAMETER for no items.
pub fn wait_any(items: &[Waitable<'_>], wait: Wait<'_>) -> Result<usize, WaitError> {
    if items.is_empty() {
        return Err(WaitError::Nothing);
    }
    if let Some(first) = first_ready(items)? {
        return Ok(first);
    }
    let (deadline, token) = match wait {
        Wait::Never => return Err(WaitError::Incomplete),
        Wait::Forever => (None, None),
        Wait::Until(deadline) => (Some(deadline), None),
        Wait::Cancellable(token, deadline) => (deadline, Some(token)),
    };
    let polls = token.is_some() || items.iter().any(|item| matches!(item, Waitable::Descriptor(_)));
    let enlisted = Enlisted::at(items, polls)?;
    loop {
        // Looks after it was enlisted, or after the last notification was forgotten: nothing is missed between.
        if let Some(first) = first_ready(items)? {
            return Ok(first);
        }
        enlisted.sleep(deadline, token)?;
        enlisted.waiter.reset();
    }
}

/// Waits until all of `items` have been complete or readable.
///
/// # Errors
/// As [`wait_any`].
pub fn wait_all(items: &[Waitable<'_>], wait: Wait<'_>) -> Result<(), WaitError> {
    if items.is_empty() {
        return Err(WaitError::Nothing);
    }
    for item in items {
        wait_any(&[*item], wait)?;
    }
    Ok(())
}

fn first_ready(items: &[Waitable<'_>]) -> Result<Option<usize>, WaitError> {
    for (at, item) in items.iter().enumerate() {
        let ready = match item {
            Waitable::Operation(operation) => operation.is_complete(),
            Waitable::Descriptor(fd) => {
                let mut look = [Watch::new(fd, Interest::Readable)];
                poll::wait(&mut look, Some(Instant::now())).map_err(WaitError::System)?
            }
        };
        if ready {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// A waiter that every operation among the items knows of, until it is dropped.
struct Enlisted<'a> {
    waiter: Arc<Waiter>,
    items: &'a [Waitable<'a>],
}

impl<'a> Enlisted<'a> {
    fn at(items: &'a [Waitable<'a>], polls: bool) -> Result<Self, WaitError> {
        let waiter = Arc::new(Waiter::new(polls).map_err(WaitError::System)?);
        for item in items {
            if let Waitable::Operation(operation) = item {
                operation.ticket.enlist(&waiter);
            }
        }
        Ok(Self { waiter, items })
    }

    fn sleep(&self, deadline: Option<Instant>, token: Option<&CancelToken>) -> Result<(), WaitError> {
        let Some(event) = self.waiter.event() else {
            return if self.waiter.sleep(deadline) { Ok(()) } else { Err(WaitError::TimedOut) };
        };
        let mut watches = vec![Watch::new(&event, Interest::Readable)];
        watches.extend(self.items.iter().filter_map(|item| match item {
            Waitable::Descriptor(fd) => Some(Watch::new(fd, Interest::Readable)),
            Waitable::Operation(_) => None,
        }));
        watches.extend(token.iter().map(|token| Watch::new(*token, Interest::Readable)));
        if !poll::wait(&mut watches, deadline).map_err(WaitError::System)? {
            return Err(WaitError::TimedOut);
        }
        if token.is_some_and(CancelToken::is_cancelled) {
            return Err(WaitError::Cancelled);
        }
        Ok(())
    }
}

impl Drop for Enlisted<'_> {
    fn drop(&mut self) {
        for item in self.items {
            if let Waitable::Operation(operation) = item {
                operation.ticket.dismiss(&self.waiter);
            }
        }
    }
}
