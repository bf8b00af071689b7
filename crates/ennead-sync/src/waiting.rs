//! Waits: for one object, for any of several.
//!
//! Pages: [Wait Functions](https://learn.microsoft.com/windows/win32/sync/wait-functions),
//! [WaitForMultipleObjectsEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjectsex).

mod all;
mod any;
mod bed;
mod bell;
mod signal;
mod single;

use ennead_security::AccessMask;
pub use ennead_sys::wait::{CancelToken, Wait};

pub use self::signal::{SignalError, Signaling, signal_and_wait, signal_and_wait_alertable};
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
pub trait Waitable: Send + Sync {
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
    pub(crate) fn new(object: &'a Object, granted: AccessMask) -> Self {
        Self { object, granted }
    }

    fn checked(self) -> Result<&'a Object, WaitError> {
        if !self.granted.contains(AccessMask::SYNCHRONIZE) {
            return Err(WaitError::Denied);
        }
        if self.object.is_lost() {
            return Err(WaitError::Spoiled);
        }
        Ok(self.object)
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

/// Waits until all of the objects are signaled at once, and takes them all at once; none before. [`Outcome::Abandoned`] says the first mutex
/// among them whose last owner had abandoned it.
///
/// Between users, a stopped process of another one that is just taking an object may delay this.
///
/// # Errors
/// ERROR_INVALID_PARAMETER for none, more than [`MAXIMUM_WAIT_OBJECTS`], or one object twice; ERROR_NOT_SUPPORTED for objects of different
/// [places](crate::Place); else as [`wait()`].
pub fn wait_all(objects: &[&dyn Waitable], wait: Wait<'_>) -> Result<Outcome, WaitError> {
    all::wait(objects, wait, None)
}

/// The same, or until a function is queued to this thread with [`Alerts`], which it runs (`WaitForMultipleObjectsEx`).
///
/// # Errors
/// As [`wait_all`].
pub fn wait_all_alertable(objects: &[&dyn Waitable], wait: Wait<'_>) -> Result<Outcome, WaitError> {
    all::wait(objects, wait, Some(&Alerts::of_this_thread()))
}

/// Waits for a function to be queued to this thread, or for the end of the wait (`SleepEx`).
///
/// # Errors
/// ERROR_OPERATION_ABORTED where the wait's token was cancelled.
pub fn sleep_alertable(wait: Wait<'_>) -> Result<Outcome, WaitError> {
    let alerts = Alerts::of_this_thread();
    let ends = bed::Ends::new(wait, Some(&alerts));
    loop {
        if let Some(outcome) = ends.reached_or_late()? {
            return Ok(outcome);
        }
        bed::Bed::<{ bed::OTHERS }>::new(&ends).sleep(&ends)?;
    }
}

/// Waits for a mutex, whatever the handle's rights.
pub(crate) fn own(object: &Object, wait: Wait<'_>) -> Result<Outcome, WaitError> {
    single::wait(object, wait, None)
}

/// The objects of a wait, counted and checked, without allocation.
fn with_objects<T>(
    objects: &[&dyn Waitable],
    wait: impl FnOnce(&[&Object]) -> Result<T, WaitError>,
) -> Result<T, WaitError> {
    let Some(first) = objects.first() else { return Err(WaitError::Count(0)) };
    if objects.len() > MAXIMUM_WAIT_OBJECTS {
        return Err(WaitError::Count(objects.len()));
    }
    let mut checked = [first.source().checked()?; MAXIMUM_WAIT_OBJECTS];
    for (place, object) in checked.iter_mut().zip(objects) {
        *place = object.source().checked()?;
    }
    wait(&checked[..objects.len()])
}
