//! How long an operation may wait, and how another thread ends it.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::eventfd::EventFd;
use crate::futex::{self, Scope};

/// How long an operation may wait.
#[derive(Clone, Copy, Debug)]
pub enum Wait<'a> {
    /// Until it is done or the peer is gone.
    Forever,
    /// Until it is done or this instant has passed. Deadlines are handed to the kernel; nothing polls.
    Until(Instant),
    /// Not at all.
    Never,
    /// Until it is done, the token is cancelled, or the instant, if there is one, has passed.
    Cancellable(&'a CancelToken, Option<Instant>),
}

impl<'a> Wait<'a> {
    /// The same wait, ended also by `token`.
    #[must_use]
    pub fn or_cancelled(self, token: &'a CancelToken) -> Self {
        match self {
            Self::Forever => Self::Cancellable(token, None),
            Self::Until(deadline) | Self::Cancellable(_, Some(deadline)) => {
                Self::Cancellable(token, Some(deadline))
            }
            Self::Never => Self::Never,
            Self::Cancellable(_, None) => Self::Cancellable(token, None),
        }
    }
    /// The instant at which it is over, if there is one.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Until(deadline) => Some(*deadline),
            Self::Cancellable(_, deadline) => *deadline,
            Self::Forever | Self::Never => None,
        }
    }

    /// Whether the deadline has passed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.deadline().is_some_and(|deadline| Instant::now() >= deadline)
    }
    /// What ends it early, if there is something.
    #[must_use]
    pub fn token(&self) -> Option<&'a CancelToken> {
        match self {
            Self::Cancellable(token, _) => Some(token),
            _ => None,
        }
    }
    /// Whether its token has been cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.token().is_some_and(CancelToken::is_cancelled)
    }
}

/// Ends the waits that were given it, from another thread, for good: a cancelled token stays cancelled. Clones are the same token. One descriptor.
#[derive(Clone, Debug)]
pub struct CancelToken(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cancelled: AtomicU32,
    event: EventFd,
}

impl CancelToken {
    /// A token that is not cancelled. Fails when no descriptor is left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(Arc::new(Inner { cancelled: AtomicU32::new(0), event: EventFd::new()? })))
    }

    /// Ends every wait that was given this token. A cancelled operation has moved nothing, or reports exactly what it moved.
    pub fn cancel(&self) {
        self.0.cancelled.store(1, Ordering::SeqCst);
        self.0.event.set();
        futex::wake(&self.0.cancelled, u32::MAX, Scope::Private);
    }

    /// Whether [`CancelToken::cancel`] was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst) != 0
    }

    /// A word of this process that is 0 until the token is cancelled; then it is changed and its sleepers are woken.
    #[must_use]
    pub fn word(&self) -> &AtomicU32 {
        &self.0.cancelled
    }

    /// Set once the token is cancelled.
    #[must_use]
    pub fn event(&self) -> &EventFd {
        &self.0.event
    }
}

impl AsFd for CancelToken {
    /// Readable once the token is cancelled, for waits that are not the channel's.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}
