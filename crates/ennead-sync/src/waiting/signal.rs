//! Signaling one object and waiting for another.

use std::error::Error;
use std::fmt;

use ennead_status::Win32Error;
use ennead_sys::wait::Wait;

use super::{Outcome, Waitable, single};
use crate::alert::Alerts;
use crate::error::{ChangeError, WaitError};
use crate::{Event, Mutex, Semaphore};

/// Something that [`signal_and_wait`] can signal.
pub trait Signaling {
    /// Sets an event, releases a semaphore by one or a mutex once.
    ///
    /// # Errors
    /// As the object's own method.
    fn signal(&self) -> Result<(), ChangeError>;
}

impl Signaling for Event {
    fn signal(&self) -> Result<(), ChangeError> {
        self.set()
    }
}

impl Signaling for Semaphore {
    fn signal(&self) -> Result<(), ChangeError> {
        self.release(1).map(drop)
    }
}

impl Signaling for Mutex {
    fn signal(&self) -> Result<(), ChangeError> {
        self.release()
    }
}

/// Signals one object, then waits for another (`SignalObjectAndWait`). As documented, others may see the first signaled before the
/// wait begins; a pulse in answer to it may come too early.
///
/// Page: [SignalObjectAndWait](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-signalobjectandwait).
///
/// # Errors
/// ERROR_ACCESS_DENIED where either handle lacks the right, and nothing was signaled; those of the signal; those of the wait, after which the first object has
/// been signaled.
pub fn signal_and_wait(
    signal: &dyn Signaling,
    object: &dyn Waitable,
    wait: Wait<'_>,
) -> Result<Outcome, SignalError> {
    run(signal, object, wait, None)
}

/// The same, or until a function is queued to this thread with [`Alerts`], which it runs.
///
/// # Errors
/// As [`signal_and_wait`].
pub fn signal_and_wait_alertable(
    signal: &dyn Signaling,
    object: &dyn Waitable,
    wait: Wait<'_>,
) -> Result<Outcome, SignalError> {
    run(signal, object, wait, Some(&Alerts::of_this_thread()))
}

fn run(
    signal: &dyn Signaling,
    object: &dyn Waitable,
    wait: Wait<'_>,
    alerts: Option<&Alerts>,
) -> Result<Outcome, SignalError> {
    let object = object.source().checked().map_err(SignalError::Wait)?;
    signal.signal().map_err(SignalError::Signal)?;
    single::wait(object, wait, alerts).map_err(SignalError::Wait)
}

/// Which half of [`signal_and_wait`] failed.
#[derive(Debug)]
pub enum SignalError {
    /// Nothing was signaled.
    Signal(ChangeError),
    /// The wait; unless the handle lacked `SYNCHRONIZE`, the other object has been signaled.
    Wait(WaitError),
}

impl SignalError {
    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Signal(error) => error.win32(),
            Self::Wait(error) => error.win32(),
        }
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(error) => error.fmt(f),
            Self::Wait(error) => error.fmt(f),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signal(error) => error.source(),
            Self::Wait(error) => error.source(),
        }
    }
}
