//! Threads, signaled once they have ended.

use std::cell::OnceCell;
use std::sync::Arc;

use ennead_security::AccessMask;
use ennead_sys::pidfd;

use crate::ending::{Ending, event, not_found};
use crate::error::{ObjectError, WaitError};
use crate::object::Object;
use crate::place::Place;
use crate::state::Change;
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

thread_local! {
    static OWN: OnceCell<Own> = const { OnceCell::new() };
}

/// A thread to wait for: signaled from its end on.
///
/// Page: [WaitForSingleObject](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject).
#[derive(Clone, Debug)]
pub struct Thread(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// A thread of this process that asked for a handle of itself.
    Own(Arc<Object>),
    /// One that the kernel tells of.
    Other(Arc<Ending>),
}

/// Sets the event in the thread's last moments.
struct Own(Arc<Object>);

impl Drop for Own {
    fn drop(&mut self) {
        // Nobody else has the object: it cannot be spoiled.
        let _ = self.0.change(Change::Set);
    }
}

impl Thread {
    /// The calling thread, for others to wait for (`DuplicateHandle` of `GetCurrentThread`). It is signaled when the thread's function has returned and its
    /// thread-local values are being dropped.
    ///
    /// # Errors
    /// [`ObjectError::System`] where descriptors or memory run out.
    pub fn current() -> Result<Self, ObjectError> {
        let made = |own: &OnceCell<Own>| match own.get() {
            Some(own) => Ok(Arc::clone(&own.0)),
            None => {
                let object = Arc::new(event(&Place::of_process())?);
                Ok(Arc::clone(&own.get_or_init(|| Own(object)).0))
            }
        };
        match OWN.try_with(made) {
            Ok(object) => object.map(|object| Self(Kind::Own(object))),
            // It is ending.
            Err(_) => Err(ObjectError::Gone),
        }
    }

    /// The thread of this id in the caller's pid namespace, in any process (`OpenThread` with `SYNCHRONIZE`).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER where there is none; ERROR_NOT_SUPPORTED before Linux 6.9 for one that is not its process's first;
    /// [`ObjectError::System`] where descriptors, memory or threads run out.
    pub fn open(id: u32) -> Result<Self, ObjectError> {
        let end = pidfd::of_thread(id).map_err(not_found("open a thread"))?;
        Ending::new(&Place::of_process(), end).map(|ending| Self(Kind::Other(Arc::new(ending))))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// ERROR_OPERATION_ABORTED where the wait's token was cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }
}

impl Waitable for Thread {
    fn source(&self) -> Source<'_> {
        match &self.0 {
            Kind::Own(object) => Source::new(object, AccessMask::SYNCHRONIZE),
            Kind::Other(ending) => ending.source(),
        }
    }
}
