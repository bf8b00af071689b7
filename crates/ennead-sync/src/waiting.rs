//! Waits: for one object, for any of several.
//!
//! Pages: [Wait Functions](https://learn.microsoft.com/windows/win32/sync/wait-functions),
//! [WaitForMultipleObjectsEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjectsex).

mod any;
mod bed;
mod single;

use ennead_security::AccessMask;
pub use ennead_sys::wait::{CancelToken, Wait};

use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::Object;

/// The most objects of one wait (`MAXIMUM_WAIT_OBJECTS`).
pub const MAXIMUM_WAIT_OBJECTS: usize = 64;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The object of this index was signaled (`WAIT_OBJECT_0 + n`), and what a wait takes of it was taken. Of a wait for all: 0.
    Signaled(usize),
    /// The same, and the mutex of this index had been abandoned by its last owner (`WAIT_ABANDONED_0 + n`).
    Abandoned(usize),
    /// The time was over first (`WAIT_TIMEOUT`).
    TimedOut,
    /// Functions that had been queued to this thread were run (`WAIT_IO_COMPLETION`).
    Alerted,
}

/// Something to wait for. Only this crate's objects are.
pub trait Waitable {
    /// What the wait looks at.
    fn source(&self) -> Source<'_>;
}

/// What a wait looks at: an object and what its handle may do.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    object: &'a Object,
    granted: AccessMask,
}

impl<'a> Source<'a> {
    pub(crate) fn word(object: &'a Object, granted: AccessMask) -> Self {
        Self { object, granted }
    }

    fn checked(self) -> Result<&'a Object, WaitError> {
        if self.granted.contains(AccessMask::SYNCHRONIZE) { Ok(self.object) } else { Err(WaitError::Denied) }
    }
}

/// Waits for one object (`WaitForSingleObject`).
///
/// # Errors
/// ERROR_ACCESS_DENIED without `SYNCHRONIZE`; ERROR_OPERATION_ABORTED where the wait's token was cancelled.
pub fn wait(object: &dyn Waitable, wait: Wait<'_>) -> Result<Outcome, WaitError> {
    single::wait(object.source().checked()?, wait, None)
}

/// Waits for one object, or until a function is queued to this thread with [`Alerts`], which it runs
/// (`WaitForSingleObjectEx`).
///
/// # Errors
/// As [`wait()`].
pub fn wait_alertable(object: &dyn Waitable, wait: Wait<'_>) -> Result<Outcome, WaitError> {
    single::wait(object.source().checked()?, wait, Some(&Alerts::of_this_thread()))
}

/// Waits until one of the objects is signaled, and takes that one: the first in their order, if several are.
///
/// # Errors
/// ERROR_INVALID_PARAMETER for none or more than [`MAXIMUM_WAIT_OBJECTS`]; else as [`wait()`].
pub fn wait_any(objects: &[&dyn Waitable], wait: Wait<'_>) -> Result<Outcome, WaitError> {
    any::wait(objects, wait, None)
}

/// The same, or until a function is queued to this thread with [`Alerts`], which it runs (`WaitForMultipleObjectsEx`).
///
/// # Errors
/// As [`wait_any`].
pub fn wait_any_alertable(objects: &[&dyn Waitable], wait: Wait<'_>) -> Result<Outcome, WaitError> {
    any::wait(objects, wait, Some(&Alerts::of_this_thread()))
}
