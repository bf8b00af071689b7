//! Semaphores.

use std::sync::Arc;

use ennead_security::{AccessMask, SecurityDescriptor};

use crate::error::{ChangeError, ObjectError, WaitError};
use crate::layout::Tag;
use crate::name::ObjectName;
use crate::object::{Handle, New, Object};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::rights::{self, SEMAPHORE_ALL_ACCESS, SEMAPHORE_MODIFY_STATE};
use crate::state::{Change, SLEEPERS};
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

/// A handle of a semaphore.
///
/// Page: [Semaphore Objects](https://learn.microsoft.com/windows/win32/sync/semaphore-objects).
#[derive(Debug)]
pub struct Semaphore {
    object: Arc<Object>,
    granted: AccessMask,
    existed: bool,
}

/// How a semaphore is made.
#[derive(Clone, Debug)]
pub struct SemaphoreOptions {
    initial: u32,
    maximum: u32,
    access: AccessMask,
    descriptor: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl SemaphoreOptions {
    /// A semaphore that begins at `initial` and never counts past `maximum`, for its creator's user only.
    #[must_use]
    pub fn new(initial: u32, maximum: u32) -> Self {
        Self { initial, maximum, access: SEMAPHORE_ALL_ACCESS, descriptor: None, place: None }
    }

    /// The rights that the handle is to have: `SEMAPHORE_ALL_ACCESS` if not said.
    #[must_use]
    pub fn access(mut self, desired: AccessMask) -> Self {
        self.access = desired;
        self
    }

    /// Who may do what with a new semaphore.
    #[must_use]
    pub fn security(mut self, descriptor: SecurityDescriptor) -> Self {
        self.descriptor = Some(descriptor);
        self
    }

    /// Where names are, if not in the process's own namespaces.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Makes the semaphore of that name, or opens it if it is there: then the counts and the descriptor are ignored, and
    /// [`Semaphore::existed`] is true.
    ///
    /// Page: [CreateSemaphoreExW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createsemaphoreexw).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER where the maximum is not in 1..=2147483647, or the initial count is greater; ERROR_INVALID_HANDLE where the name belongs to
    /// another kind of object; ERROR_ACCESS_DENIED where an existing semaphore does not grant the access; else what [`ObjectError`] says.
    pub fn create(&self, name: &str) -> Result<Semaphore, ObjectError> {
        self.create_named(&ObjectName::parse(name)?)
    }

    /// The same for a name that was parsed before.
    ///
    /// # Errors
    /// As [`SemaphoreOptions::create`].
    pub fn create_named(&self, name: &ObjectName) -> Result<Semaphore, ObjectError> {
        let place = self.place.clone().unwrap_or_else(Place::of_process);
        Object::create(&place, name, &self.blueprint()?).map(Semaphore::from)
    }

    /// Makes a semaphore without a name. One descriptor and a page of memory.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER as above; [`ObjectError::System`] where descriptors or memory run out.
    pub fn unnamed(&self) -> Result<Semaphore, ObjectError> {
        let place = self.place.clone().unwrap_or_else(Place::of_process);
        Object::create_unnamed(&place, &self.blueprint()?).map(Semaphore::from)
    }

    fn blueprint(&self) -> Result<New<'_>, ObjectError> {
        let (initial, maximum) = (self.initial, self.maximum);
        if maximum == 0 || maximum >= SLEEPERS || initial > maximum {
            return Err(ObjectError::Counts { initial, maximum });
        }
        Ok(New {
            tag: Tag::SEMAPHORE,
            flags: 0,
            limit: u64::from(maximum),
            state: initial,
            descriptor: self.descriptor.as_ref(),
            mapping: &rights::STATEFUL,
            desired: self.access,
        })
    }
}

impl From<Handle> for Semaphore {
    fn from(handle: Handle) -> Self {
        Self { object: Arc::new(handle.object), granted: handle.granted, existed: handle.existed }
    }
}

impl Semaphore {
    /// Opens the semaphore of that name in the process's own namespaces (`OpenSemaphore`).
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND where nobody holds the name; ERROR_INVALID_HANDLE; ERROR_ACCESS_DENIED.
    pub fn open(name: &str, access: AccessMask) -> Result<Self, ObjectError> {
        Self::open_at(&Place::of_process(), name, access)
    }

    /// The same in another place.
    ///
    /// # Errors
    /// As [`Semaphore::open`].
    pub fn open_at(place: &Place, name: &str, access: AccessMask) -> Result<Self, ObjectError> {
        let name = ObjectName::parse(name)?;
        Object::open(place, &name, Tag::SEMAPHORE, &rights::STATEFUL, access).map(Self::from)
    }

    /// Whether it was there already when this handle was made with a create (ERROR_ALREADY_EXISTS).
    #[must_use]
    pub fn existed(&self) -> bool {
        self.existed
    }

    /// What this handle may do.
    #[must_use]
    pub fn granted(&self) -> AccessMask {
        self.granted
    }

    /// Counts up by `count` and releases as many waiters; the count before (`ReleaseSemaphore`). Does not block, but for some
    /// microseconds where one that was released has yet to run.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `SEMAPHORE_MODIFY_STATE`; ERROR_TOO_MANY_POSTS where the maximum would be exceeded, and nothing
    /// changes; ERROR_INVALID_PARAMETER for zero.
    pub fn release(&self, count: u32) -> Result<u32, ChangeError> {
        if !self.granted.contains(SEMAPHORE_MODIFY_STATE) {
            return Err(ChangeError::Denied);
        }
        if count == 0 {
            return Err(ChangeError::Zero);
        }
        self.object.change(Change::Release(count)).map(|before| before & !SLEEPERS)
    }

    /// Waits for it and counts down by one (`WaitForSingleObject`).
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `SYNCHRONIZE`; ERROR_OPERATION_ABORTED where the wait's token was cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }

    /// A handle with these rights of this handle's, to be passed to another process, which takes it up with [`Semaphore::join`].
    ///
    /// # Errors
    /// [`ObjectError::System`] where descriptors run out, or this process got the object from somebody else and could not open it itself.
    pub fn share(&self, access: AccessMask) -> Result<SharedObject, ObjectError> {
        self.object.share(rights::STATEFUL.map(access) & self.granted)
    }

    /// Takes up what [`Semaphore::share`] made, in this or another process.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE for another kind of object; [`ObjectError::Damaged`] for what is none.
    pub fn join(shared: SharedObject) -> Result<Self, ObjectError> {
        Self::join_at(&Place::of_process(), shared)
    }

    /// The same for a name of another place.
    ///
    /// # Errors
    /// As [`Semaphore::join`].
    pub fn join_at(place: &Place, shared: SharedObject) -> Result<Self, ObjectError> {
        Object::join(place, shared, Tag::SEMAPHORE).map(Self::from)
    }

    /// One more handle of the same semaphore, with these rights of this handle's (`DuplicateHandle` within the process).
    #[must_use]
    pub fn duplicate(&self, access: AccessMask) -> Self {
        let granted = rights::STATEFUL.map(access) & self.granted;
        Self { object: Arc::clone(&self.object), granted, existed: self.existed }
    }
}

impl Waitable for Semaphore {
    fn source(&self) -> Source<'_> {
        Source::new(&self.object, self.granted)
    }
}
