//! Events.

use std::sync::Arc;

use ennead_security::{AccessMask, SecurityDescriptor};

use crate::error::{ChangeError, ObjectError, WaitError};
use crate::layout::{self, Tag};
use crate::name::ObjectName;
use crate::object::{Handle, New, Object};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::rights::{self, EVENT_ALL_ACCESS, EVENT_MODIFY_STATE};
use crate::state::{Change, Rules};
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

/// A handle of an event.
///
/// Page: [Event Objects](https://learn.microsoft.com/windows/win32/sync/event-objects).
#[derive(Debug)]
pub struct Event {
    object: Arc<Object>,
    granted: AccessMask,
    existed: bool,
}

/// How an event is made: with automatic reset, not signaled, for its creator's user only, unless said otherwise.
#[derive(Clone, Debug)]
pub struct EventOptions {
    manual: bool,
    signaled: bool,
    access: AccessMask,
    descriptor: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl EventOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self { manual: false, signaled: false, access: EVENT_ALL_ACCESS, descriptor: None, place: None }
    }

    /// It stays signaled until it is reset (`CREATE_EVENT_MANUAL_RESET`).
    #[must_use]
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }

    /// It is signaled from the beginning (`CREATE_EVENT_INITIAL_SET`).
    #[must_use]
    pub fn signaled(mut self) -> Self {
        self.signaled = true;
        self
    }

    /// The rights that the handle is to have: `EVENT_ALL_ACCESS` if not said.
    #[must_use]
    pub fn access(mut self, desired: AccessMask) -> Self {
        self.access = desired;
        self
    }

    /// Who may do what with a new event.
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

    /// Makes the event of that name, or opens it if it is there: then everything said here but the access and the place is
    /// ignored, and [`Event::existed`] is true (ERROR_ALREADY_EXISTS beside a valid handle).
    ///
    /// Page: [CreateEventExW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventexw).
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE where the name belongs to another kind of object, ERROR_ACCESS_DENIED where an existing event
    /// does not grant the access; else what [`ObjectError`] says.
    pub fn create(&self, name: &str) -> Result<Event, ObjectError> {
        self.create_named(&ObjectName::parse(name)?)
    }

    /// The same for a name that was parsed before.
    ///
    /// # Errors
    /// As [`EventOptions::create`].
    pub fn create_named(&self, name: &ObjectName) -> Result<Event, ObjectError> {
        let place = self.place.clone().unwrap_or_else(Place::of_process);
        Object::create(&place, name, &self.blueprint()).map(Event::from)
    }

    /// Makes an event without a name. One descriptor and a page of memory.
    ///
    /// # Errors
    /// [`ObjectError::System`] where they run out.
    pub fn unnamed(&self) -> Result<Event, ObjectError> {
        let place = self.place.clone().unwrap_or_else(Place::of_process);
        Object::create_unnamed(&place, &self.blueprint()).map(Event::from)
    }

    /// Opens the event of that name with the access and in the place that were said.
    ///
    /// Page: [OpenEventW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openeventw).
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND where nobody holds the name; else as [`EventOptions::create`].
    pub fn open(&self, name: &str) -> Result<Event, ObjectError> {
        let place = self.place.clone().unwrap_or_else(Place::of_process);
        let name = ObjectName::parse(name)?;
        Object::open(&place, &name, Tag::EVENT, &rights::STATEFUL, self.access).map(Event::from)
    }

    fn blueprint(&self) -> New<'_> {
        New {
            tag: Tag::EVENT,
            flags: if self.manual { layout::MANUAL } else { 0 },
            limit: 0,
            state: u32::from(self.signaled),
            descriptor: self.descriptor.as_ref(),
            mapping: &rights::STATEFUL,
            desired: self.access,
        }
    }
}

impl Default for EventOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Handle> for Event {
    fn from(handle: Handle) -> Self {
        Self { object: Arc::new(handle.object), granted: handle.granted, existed: handle.existed }
    }
}

impl Event {
    /// Opens the event of that name in the process's own namespaces.
    ///
    /// # Errors
    /// As [`EventOptions::open`].
    pub fn open(name: &str, access: AccessMask) -> Result<Self, ObjectError> {
        EventOptions::new().access(access).open(name)
    }

    /// Whether it was there already when this handle was made with a create (ERROR_ALREADY_EXISTS).
    #[must_use]
    pub fn existed(&self) -> bool {
        self.existed
    }

    /// Whether it stays signaled until it is reset: as its creator said.
    #[must_use]
    pub fn is_manual(&self) -> bool {
        self.object.rules == Rules::ManualEvent
    }

    /// What this handle may do.
    #[must_use]
    pub fn granted(&self) -> AccessMask {
        self.granted
    }

    /// Signals it (`SetEvent`): with manual reset, all that wait are released; with automatic reset, one is, or the next that
    /// waits. Does not block, but for some microseconds where one that was released has yet to run.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `EVENT_MODIFY_STATE`.
    pub fn set(&self) -> Result<(), ChangeError> {
        self.change(Change::Set)
    }

    /// Takes the signal back (`ResetEvent`). Who was released before stays released.
    ///
    /// # Errors
    /// As [`Event::set`].
    pub fn reset(&self) -> Result<(), ChangeError> {
        self.change(Change::Reset)
    }

    /// Releases those who wait now (with automatic reset: one of them), and leaves it not signaled (`PulseEvent`). It never
    /// completes a wait for all of several objects.
    ///
    /// Page: [PulseEvent](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-pulseevent), which advises against it.
    ///
    /// # Errors
    /// As [`Event::set`].
    pub fn pulse(&self) -> Result<(), ChangeError> {
        self.change(Change::Pulse)
    }

    /// Waits for it (`WaitForSingleObject`).
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `SYNCHRONIZE`; ERROR_OPERATION_ABORTED where the wait's token was cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }

    /// A handle with these rights of this handle's, to be passed to another process, which takes it up with [`Event::join`].
    ///
    /// # Errors
    /// [`ObjectError::System`] where descriptors run out, or this process got the object from somebody else and could not open it itself.
    pub fn share(&self, access: AccessMask) -> Result<SharedObject, ObjectError> {
        self.object.share(rights::STATEFUL.map(access) & self.granted)
    }

    /// Takes up what [`Event::share`] made, in this or another process.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE for another kind of object; [`ObjectError::Damaged`] for what is none.
    pub fn join(shared: SharedObject) -> Result<Self, ObjectError> {
        Self::join_at(&Place::of_process(), shared)
    }

    /// The same for a name of another place.
    ///
    /// # Errors
    /// As [`Event::join`].
    pub fn join_at(place: &Place, shared: SharedObject) -> Result<Self, ObjectError> {
        Object::join(place, shared, Tag::EVENT).map(Self::from)
    }

    /// One more handle of the same event, with these rights of this handle's (`DuplicateHandle` within the process).
    #[must_use]
    pub fn duplicate(&self, access: AccessMask) -> Self {
        let granted = rights::STATEFUL.map(access) & self.granted;
        Self { object: Arc::clone(&self.object), granted, existed: self.existed }
    }

    fn change(&self, change: Change) -> Result<(), ChangeError> {
        if !self.granted.contains(EVENT_MODIFY_STATE) {
            return Err(ChangeError::Denied);
        }
        self.object.change(change).map(drop)
    }
}

impl Waitable for Event {
    fn source(&self) -> Source<'_> {
        Source::new(&self.object, self.granted)
    }
}
