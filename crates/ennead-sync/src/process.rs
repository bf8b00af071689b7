//! Processes, signaled once they have ended.

use std::process::Child;
use std::sync::Arc;

use ennead_sys::pidfd;

use crate::ending::{Ending, not_found};
use crate::error::{ObjectError, WaitError};
use crate::place::Place;
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

/// A process to wait for: signaled from its end on. It stays the same process, whoever gets its id later.
///
/// On Linux whoever knows a process's id may wait for its end; there is no right to it.
///
/// Page: [WaitForSingleObject](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject).
#[derive(Clone, Debug)]
pub struct Process(Arc<Ending>);

impl Process {
    /// The process of this id in the caller's pid namespace (`OpenProcess` with `SYNCHRONIZE`).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER where there is none; [`ObjectError::System`] where descriptors, memory or threads run out.
    pub fn open(id: u32) -> Result<Self, ObjectError> {
        Self::open_at(&Place::of_process(), id)
    }

    /// The same, to be waited for together with the objects of that place.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub fn open_at(place: &Place, id: u32) -> Result<Self, ObjectError> {
        let end = pidfd::of_process(id).map_err(not_found("open a process"))?;
        Ending::new(place, end).map(|ending| Self(Arc::new(ending)))
    }

    /// A child that was not waited for yet.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub fn of_child(child: &Child) -> Result<Self, ObjectError> {
        let end = pidfd::of_child(child).map_err(not_found("open a child process"))?;
        Ending::new(&Place::of_process(), end).map(|ending| Self(Arc::new(ending)))
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.0.is_over()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// ERROR_OPERATION_ABORTED where the wait's token was cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }
}

impl Waitable for Process {
    fn source(&self) -> Source<'_> {
        self.0.source()
    }
}
