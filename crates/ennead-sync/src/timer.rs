//! Waitable timers.

pub(crate) mod course;
mod routine;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ennead_porter::Watch;
use ennead_security::{AccessMask, SecurityDescriptor};

use self::course::Moment;
use crate::error::{ChangeError, ObjectError, WaitError};
use crate::layout::{MANUAL, Tag};
use crate::name::ObjectName;
use crate::object::{Handle, New, Object};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::rights::{self, TIMER_ALL_ACCESS, TIMER_MODIFY_STATE};
use crate::waiting::{self, Outcome, Source, Wait, Waitable};

/// 1970 in units of 100 ns since 1601.
const YEAR_1970: u64 = 116_444_736_000_000_000;

/// A handle of a timer. It is signaled when it is due: until a waiter takes that (a synchronization timer), or until it is set again (a manual-reset one).
///
/// Page: [Waitable Timer Objects](https://learn.microsoft.com/windows/win32/sync/waitable-timer-objects).
pub struct Timer {
    object: Arc<Object>,
    granted: AccessMask,
    existed: bool,
    /// The completion routine that was set through this handle.
    routine: Mutex<Option<Watch>>,
}

/// When a timer is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// That long after it was set, whatever happens to the wall clock.
    After(Duration),
    /// When the wall clock shows this, also if somebody sets the clock meanwhile. One in the past is due at once.
    At(SystemTime),
}

impl Due {
    /// As SetWaitableTimer takes it: in units of 100 ns, negative for a time from now, else since 1601.
    #[must_use]
    pub fn from_filetime(time: i64) -> Self {
        let hundreds = |count: u64| {
            Duration::new(count / 10_000_000, u32::try_from(count % 10_000_000).unwrap_or(0) * 100)
        };
        if time < 0 {
            return Self::After(hundreds(time.unsigned_abs()));
        }
        Self::At(SystemTime::UNIX_EPOCH + hundreds(time.unsigned_abs().saturating_sub(YEAR_1970)))
    }

    fn moment(self) -> Moment {
        match self {
            Self::After(delay) => Moment::after(delay),
            Self::At(time) => {
                Moment::since_1970(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
            }
        }
    }
}

/// How a timer is made: a synchronization timer, for its creator's user only, unless said otherwise.
#[derive(Clone, Debug)]
pub struct TimerOptions {
    manual: bool,
    access: AccessMask,
    descriptor: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl TimerOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self { manual: false, access: TIMER_ALL_ACCESS, descriptor: None, place: None }
    }

    /// It stays signaled until it is set again (`CREATE_WAITABLE_TIMER_MANUAL_RESET`).
    #[must_use]
    pub fn manual(mut self) -> Self {
        self.manual = true;
        self
    }

    /// The rights that the handle is to have: `TIMER_ALL_ACCESS` if not said.
    #[must_use]
    pub fn access(mut self, desired: AccessMask) -> Self {
        self.access = desired;
        self
    }

    /// Who may do what with a new timer.
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

    /// Makes the timer of that name, or opens it if it is there: then everything said here but the access and the place is
    /// ignored, and [`Timer::existed`] is true.
    ///
    /// Page: [CreateWaitableTimerExW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createwaitabletimerexw).
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE where the name belongs to another kind of object, ERROR_ACCESS_DENIED where an existing timer
    /// does not grant the access; else what [`ObjectError`] says.
    pub fn create(&self, name: &str) -> Result<Timer, ObjectError> {
        self.create_named(&ObjectName::parse(name)?)
    }

    /// The same for a name that was parsed before.
    ///
    /// # Errors
    /// As [`TimerOptions::create`].
    pub fn create_named(&self, name: &ObjectName) -> Result<Timer, ObjectError> {
        Object::create(&self.own_place(), name, &self.blueprint()).map(Timer::from)
    }

    /// Makes a timer without a name. One descriptor and a page of memory.
    ///
    /// # Errors
    /// [`ObjectError::System`] where they run out.
    pub fn unnamed(&self) -> Result<Timer, ObjectError> {
        Object::create_unnamed(&self.own_place(), &self.blueprint()).map(Timer::from)
    }

    /// Opens the timer of that name with the access and in the place that were said.
    ///
    /// Page: [OpenWaitableTimerW](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openwaitabletimerw).
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND where nobody holds the name; else as [`TimerOptions::create`].
    pub fn open(&self, name: &str) -> Result<Timer, ObjectError> {
        let name = ObjectName::parse(name)?;
        Object::open(&self.own_place(), &name, Tag::TIMER, &rights::STATEFUL, self.access).map(Timer::from)
    }

    fn own_place(&self) -> Place {
        self.place.clone().unwrap_or_else(Place::of_process)
    }

    fn blueprint(&self) -> New<'_> {
        New {
            tag: Tag::TIMER,
            flags: if self.manual { MANUAL } else { 0 },
            limit: 0,
            state: 0,
            descriptor: self.descriptor.as_ref(),
            mapping: &rights::STATEFUL,
            desired: self.access,
        }
    }
}

impl Default for TimerOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl From<Handle> for Timer {
    fn from(handle: Handle) -> Self {
        Self {
            object: Arc::new(handle.object),
            granted: handle.granted,
            existed: handle.existed,
            routine: Mutex::new(None),
        }
    }
}

impl Timer {
    /// Opens the timer of that name in the process's own namespaces.
    ///
    /// # Errors
    /// As [`TimerOptions::open`].
    pub fn open(name: &str, access: AccessMask) -> Result<Self, ObjectError> {
        TimerOptions::new().access(access).open(name)
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

    /// Sets it: it is not signaled until it is due, then again each `period` unless that is zero. A period is counted in milliseconds, and a fraction of one
    /// is one more. Periods that nobody waits in are not made up for: it is signaled once.
    ///
    /// Its waiters wait on, for the new time. Whoever waited for a manual-reset timer that was due, and has not run since, waits for the new time too.
    ///
    /// Page: [SetWaitableTimer](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setwaitabletimer). Does not block, but for another thread that
    /// is just setting the same timer.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `TIMER_MODIFY_STATE`; ERROR_INVALID_PARAMETER for a period above 2147483647 ms; the system's.
    pub fn set(&self, due: Due, period: Duration) -> Result<(), ChangeError> {
        self.arm(due, period).map(drop)
    }

    /// The same, and each time that it is due `routine` is queued to the calling thread, which runs it in its next alertable wait, or in the one that it
    /// is in. It is told when the timer was due, in units of 100 ns since 1601. No more calls are queued once the timer is set or cancelled by
    /// anybody, this handle is dropped, or the thread has ended. The porter keeps the time. It must not panic.
    ///
    /// # Errors
    /// As [`Timer::set`]; and the system's where descriptors or threads run out, after which the timer is set without the routine.
    pub fn set_with_routine(
        &self,
        due: Due,
        period: Duration,
        mut routine: impl FnMut(u64) + Send + 'static,
    ) -> Result<(), ChangeError> {
        let (moment, period, setting) = self.arm(due, period)?;
        let routine = move |since_1970: u64| routine(since_1970.saturating_add(YEAR_1970));
        let watch = routine::watch(&self.object, setting, moment, period, Box::new(routine));
        self.keep(Some(watch.map_err(ChangeError::System)?));
        Ok(())
    }

    /// Stops it. Signaled or not, it stays as it is; its waiters wait on.
    ///
    /// Page: [CancelWaitableTimer](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-cancelwaitabletimer).
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `TIMER_MODIFY_STATE`.
    pub fn cancel(&self) -> Result<(), ChangeError> {
        self.may_change()?;
        self.object.disarm()?;
        self.keep(None);
        Ok(())
    }

    /// Waits until it is signaled (`WaitForSingleObject`).
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED without `SYNCHRONIZE`; ERROR_OPERATION_ABORTED where the wait's token was cancelled.
    pub fn wait(&self, wait: Wait<'_>) -> Result<Outcome, WaitError> {
        waiting::wait(self, wait)
    }

    /// A handle with these rights of this handle's, to be passed to another process, which takes it up with [`Timer::join`].
    ///
    /// # Errors
    /// [`ObjectError::System`] where descriptors run out, or this process got the object from somebody else and could not open it itself.
    pub fn share(&self, access: AccessMask) -> Result<SharedObject, ObjectError> {
        self.object.share(rights::STATEFUL.map(access) & self.granted)
    }

    /// Takes up what [`Timer::share`] made, in this or another process.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE for another kind of object; [`ObjectError::Damaged`] for what is none.
    pub fn join(shared: SharedObject) -> Result<Self, ObjectError> {
        Self::join_at(&Place::of_process(), shared)
    }

    /// The same for a name of another place.
    ///
    /// # Errors
    /// As [`Timer::join`].
    pub fn join_at(place: &Place, shared: SharedObject) -> Result<Self, ObjectError> {
        Object::join(place, shared, Tag::TIMER).map(Self::from)
    }

    /// One more handle of the same timer, with these rights of this handle's (`DuplicateHandle` within the process). A completion routine stays this handle's.
    #[must_use]
    pub fn duplicate(&self, access: AccessMask) -> Self {
        let granted = rights::STATEFUL.map(access) & self.granted;
        Self { object: Arc::clone(&self.object), granted, existed: self.existed, routine: Mutex::new(None) }
    }

    fn may_change(&self) -> Result<(), ChangeError> {
        if self.granted.contains(TIMER_MODIFY_STATE) { Ok(()) } else { Err(ChangeError::Denied) }
    }

    fn arm(&self, due: Due, period: Duration) -> Result<(Moment, u32, u64), ChangeError> {
        self.may_change()?;
        let milliseconds = period.as_nanos().div_ceil(1_000_000);
        let period = i32::try_from(milliseconds).map_err(|_| ChangeError::Period)?.unsigned_abs();
        let moment = due.moment();
        let setting = self.object.arm(moment, period)?;
        self.keep(None);
        Ok((moment, period, setting))
    }

    fn keep(&self, watch: Option<Watch>) {
        let before =
            std::mem::replace(&mut *self.routine.lock().unwrap_or_else(PoisonError::into_inner), watch);
        // Outside the lock: it waits for a call that is being queued.
        drop(before);
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer")
            .field("object", &self.object)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

impl Waitable for Timer {
    fn source(&self) -> Source<'_> {
        Source::new(&self.object, self.granted)
    }
}
