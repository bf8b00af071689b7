//! How long an operation may wait, and how another thread ends it early.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use ennead_sys::poll::{self, Interest, Watch};

/// How long an operation may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Wait {
    /// Until it is done.
    #[default]
    Forever,
    /// Until it is done or that time has come. One that has passed means [`Wait::Never`], with a time-out for error.
    Until(Instant),
    /// Only what can be done at once (`PIPE_NOWAIT`).
    Never,
}

/// Ends operations of other threads (`CancelSynchronousIo`, `CancelIoEx`): those that wait with it now, and those
/// that would later. Clones are the same token. What an operation had already moved stays moved, and is reported.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// Readable once it was cancelled.
    fd: Arc<OwnedFd>,
    bell: Arc<OwnedFd>,
}

impl Cancel {
    /// A token that nobody has used yet.
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit.
    pub fn new() -> io::Result<Self> {
        let (fd, bell) = ennead_sys::pipe::pair()?;
        Ok(Self { fd: Arc::new(fd), bell: Arc::new(bell) })
    }

    /// Ends what waits with this token with `ERROR_OPERATION_ABORTED`. Never waits.
    pub fn cancel(&self) {
        // A full pipe says it already; its reader is in this token, so that it cannot be broken.
        _ = ennead_sys::pipe::write_now(&self.bell, &[1]);
    }

    /// Whether it was used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        ennead_sys::pipe::available(&self.fd).is_ok_and(|bytes| bytes > 0)
    }
}

impl AsFd for Cancel {
    /// Readable once it was cancelled: for poll and epoll.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Why a wait ended.
pub(super) enum Woken {
    Ready,
    TimedOut,
    Cancelled,
}

/// Waits until `end` is ready. Cancelled wins over ready, so that a token ends even an operation that never has to
/// wait for long.
pub(super) fn wait_ready(
    end: BorrowedFd<'_>,
    interest: Interest,
    deadline: Option<Instant>,
    cancel: Option<&Cancel>,
) -> io::Result<Woken> {
    let end = Watch::new(&end, interest);
    let ready = match cancel {
        None => poll::wait(&mut [end], deadline)?,
        Some(token) => {
            let mut watches = [Watch::new(token, Interest::Readable), end];
            let ready = poll::wait(&mut watches, deadline)?;
            if watches[0].is_ready() {
                return Ok(Woken::Cancelled);
            }
            ready
        }
    };
    Ok(if ready { Woken::Ready } else { Woken::TimedOut })
}
