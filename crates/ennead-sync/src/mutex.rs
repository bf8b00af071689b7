//! Mutexes.

use std::sync::Arc;

use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::robust::UnlockError;

use crate::error::{ChangeError, ObjectError, WaitError};
use crate::layout::Tag;
use crate::name::ObjectName;
use crate::object::{Handle, New, Object};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::rights::{self, MUTEX_ALL_ACCESS};
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

/// A handle of a mutex. Whoever owns the mutex is a thread, not a handle: a thread that owns it through one owns it through all.
///
/// Page: [Mutex Objects](https://learn.microsoft.com/windows/win32/sync/mutex-objects).
#[derive(Debug)]
pub struct Mutex {
    object: Arc<Object>,
    granted: AccessMask,
    existed: bool,
}

/// How a mutex is made: owned by nobody, for its creator's user only, unless said otherwise.
#[derive(Clone, Debug)]
pub struct MutexOptions {
    owned: bool,
    access: AccessMask,
    descriptor: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl MutexOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self { owned: false, access: MUTEX_ALL_ACCESS, descriptor: None, place: None }
    }

    /// The calling thread owns it from the beginning, if it makes it (`CREATE_MUTEX_INITIAL_OWNER`).
    #[must_use]
    pub fn owned(mut self) -> Self {
        self.owned = true;
        self
    }

    /// The rights that the handle is to have: `MUTEX_ALL_ACCESS` if not said.
    #[must_use]
    pub fn access(mut self, desired: AccessMask) -> Self {
        self.access = desired;
        self
    }

    /// Who may do what with a new mutex.
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

    /// Makes the mutex of that name, or opens it if it is there: then everything said here but the access and the place is
    /// ignored, nothing becomes the caller's, and [`Mutex::existed`] is true. Where the caller is to own it and another process gets in between,
    /// it waits for that one.
    ///
    /// Page: [CreateMutexExW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexexw).
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE where the name belongs to another kind of object, ERROR_ACCESS_DENIED where an existing mutex
    /// does not grant the access; else what [`ObjectError`] says.
    pub fn create(&self, name: &str) -> Result<Mutex, ObjectError> {
        self.create_named(&ObjectName::parse(name)?)
    }

    /// The same for a name that was parsed before.
    ///
    /// # Errors
    /// As [`MutexOptions::create`].
    pub fn create_named(&self, name: &ObjectName) -> Result<Mutex, ObjectError> {
        self.given(Object::create(&self.own_place(), name, &self.blueprint())?)
    }

    /// Makes a mutex without a name. Two descriptors and two pages of memory.
    ///
    /// # Errors
    /// [`ObjectError::System`] where they run out.
    pub fn unnamed(&self) -> Result<Mutex, ObjectError> {
        self.given(Object::create_unnamed(&self.own_place(), &self.blueprint())?)
    }

    /// Opens the mutex of that name with the access and in the place that were said.
    ///
    /// Page: [OpenMutexW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openmutexw).
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND where nobody holds the name; else as [`MutexOptions::create`].
    pub fn open(&self, name: &str) -> Result<Mutex, ObjectError> {
        let name = ObjectName::parse(name)?;
        Object::open(&self.own_place(), &name, Tag::MUTEX, &rights::MUTEX, self.access).map(Mutex::from)
    }

    fn own_place(&self) -> Place {
        self.place.clone().unwrap_or_else(Place::of_process)
    }

    fn blueprint(&self) -> New<'_> {
        New {
            tag: Tag::MUTEX,
            flags: 0,
            limit: 0,
            state: 0,
            descriptor: self.descriptor.as_ref(),
            mapping: &rights::MUTEX,
            desired: self.access,
        }
    }

    fn given(&self, handle: Handle) -> Result<Mutex, ObjectError> {
        let mutex = Mutex::from(handle);
        if self.owned && !mutex.existed {
            waiting::own(&mutex.object, Wait::Forever)
                .map_err(|error| ObjectError::system("own a new mutex")(std::io::Error::other(error)))?;
        }
        Ok(mutex)
    }
}

impl Default for MutexOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Handle> for Mutex {
    fn from(handle: Handle) -> Self {
        Self { object: Arc::new(handle.object), granted: handle.granted, existed: handle.existed }
    }
}

impl Mutex {
    /// Opens the mutex of that name in the process's own namespaces.
    ///
    /// # Errors
    /// As [`MutexOptions::open`].
    pub fn open(name: &str, access: AccessMask) -> Result<Self, ObjectError> {
        MutexOptions::new().access(access).open(name)
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

    /// Waits until the calling thread owns it (`WaitForSingleObject`): at once if it does already, and then it must be released
    /// once more. [`Outcome::Abandoned`]: the last owner ended without releasing it; the calling thread owns it now.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `SYNCHRONIZE`; ERROR_OPERATION_ABORTED where the wait's token was cancelled; ERROR_INVALID_DATA where another
    /// process scribbled over it.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }

    /// Releases it once (`ReleaseMutex`); as often as it was waited for, it is free.
    ///
    /// # Errors
    /// ERROR_NOT_OWNER where the calling thread does not own it; ERROR_INVALID_DATA where another process scribbled over it.
    pub fn release(&self) -> Result<(), ChangeError> {
        let Some(word) = self.object.robust() else { return Err(ChangeError::Spoiled) };
        word.unlock().map_err(|error| match error {
            UnlockError::NotOwner => ChangeError::NotOwner,
            UnlockError::Spoiled => ChangeError::Spoiled,
        })
    }

    /// Whether the calling thread owns it.
    #[must_use]
    pub fn is_mine(&self) -> bool {
        self.object.robust().is_some_and(ennead_sys::robust::RobustWord::owned_by_me)
    }

    /// A handle with these rights of this handle's, to be passed to another process, which takes it up with [`Mutex::join`].
    ///
    /// # Errors
    /// [`ObjectError::System`] where descriptors run out, or this process got the object from somebody else and could not open it itself.
    pub fn share(&self, access: AccessMask) -> Result<SharedObject, ObjectError> {
        self.object.share(rights::MUTEX.map(access) & self.granted)
    }

    /// Takes up what [`Mutex::share`] made, in this or another process.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE for another kind of object; [`ObjectError::Damaged`] for what is none.
    pub fn join(shared: SharedObject) -> Result<Self, ObjectError> {
        Self::join_at(&Place::of_process(), shared)
    }

    /// The same for a name of another place.
    ///
    /// # Errors
    /// As [`Mutex::join`].
    pub fn join_at(place: &Place, shared: SharedObject) -> Result<Self, ObjectError> {
        Object::join(place, shared, Tag::MUTEX).map(Self::from)
    }

    /// One more handle of the same mutex, with these rights of this handle's (`DuplicateHandle` within the process).
    #[must_use]
    pub fn duplicate(&self, access: AccessMask) -> Self {
        let granted = rights::MUTEX.map(access) & self.granted;
        Self { object: Arc::clone(&self.object), granted, existed: self.existed }
    }
}

impl Waitable for Mutex {
    fn source(&self) -> Source<'_> {
        Source::new(&self.object, self.granted)
    }
}
