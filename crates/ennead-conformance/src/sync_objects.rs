//! Events, mutexes, semaphores, waitable timers, and the functions that wait for them.

mod another;
mod events;
mod mutexes;
mod naming;
mod rights;
mod semaphores;
mod timers;
mod waits;
mod waits_for_all;

use std::thread;

pub use another::{Act, Kept, Verb, perform};

use crate::{Case, Outcome};

/// WAIT_OBJECT_0.
pub const OBJECT_0: u32 = 0;
/// WAIT_ABANDONED_0.
pub const ABANDONED_0: u32 = 0x80;
/// WAIT_TIMEOUT.
pub const TIMEOUT: u32 = 0x102;
/// INFINITE.
pub const INFINITE: u32 = u32::MAX;
/// SYNCHRONIZE.
pub const SYNCHRONIZE: u32 = 0x0010_0000;
/// EVENT_MODIFY_STATE, SEMAPHORE_MODIFY_STATE, TIMER_MODIFY_STATE.
pub const MODIFY_STATE: u32 = 2;
/// MUTEX_MODIFY_STATE, which no function needs.
pub const MUTEX_MODIFY_STATE: u32 = 1;

/// The kinds that have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `CreateEvent`, `OpenEvent`.
    Event,
    /// `CreateMutex`, `OpenMutex`.
    Mutex,
    /// `CreateSemaphore`, `OpenSemaphore`.
    Semaphore,
    /// `CreateWaitableTimer`, `OpenWaitableTimer`.
    Timer,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Event, Self::Mutex, Self::Semaphore, Self::Timer];

    /// An object of the kind, nonsignaled unless it is a mutex.
    #[must_use]
    pub fn plain(self) -> Object {
        match self {
            Self::Event => Object::Event { manual: false, signaled: false },
            Self::Mutex => Object::Mutex { owned: false },
            Self::Semaphore => Object::Semaphore { initial: 0, maximum: 9 },
            Self::Timer => Object::Timer { manual: false },
        }
    }

    /// EVENT_ALL_ACCESS and its like.
    #[must_use]
    pub fn all_access(self) -> u32 {
        if self == Self::Mutex { 0x001F_0001 } else { 0x001F_0003 }
    }
}

/// What is created.
#[derive(Clone, Copy, Debug)]
pub enum Object {
    /// *bManualReset*, *bInitialState*.
    Event {
        /// A manual-reset event.
        manual: bool,
        /// Its initial state.
        signaled: bool,
    },
    /// *bInitialOwner*.
    Mutex {
        /// The creating thread owns it.
        owned: bool,
    },
    /// *lInitialCount*, *lMaximumCount*.
    Semaphore {
        /// The initial count.
        initial: i32,
        /// The maximum count.
        maximum: i32,
    },
    /// *bManualReset*.
    Timer {
        /// A manual-reset timer.
        manual: bool,
    },
}

/// An implementation under test. Every handle closes when it is dropped. A thread of the case is a thread of the implementation:
/// what it owns is abandoned when it ends.
pub trait SyncObjects: Sync + Sized {
    /// A handle of any kind.
    type Handle: Sync + Send;
    /// Another process. Dropping it ends it.
    type Process: Sync + Send;

    /// `CreateEvent` and its like; whether it said ERROR_ALREADY_EXISTS.
    fn create(&self, name: Option<&str>, object: Object) -> Outcome<(Self::Handle, bool)>;
    /// The same with a security descriptor, as SDDL.
    fn create_secured(&self, name: &str, object: Object, sddl: &str) -> Outcome<Self::Handle>;
    /// `OpenEvent` and its like.
    fn open(&self, kind: Kind, name: &str, access: u32) -> Outcome<Self::Handle>;
    /// The kinds that there are.
    fn kinds(&self) -> &'static [Kind] {
        &Kind::ALL
    }
    /// Whether there is a `Global\` to create objects in.
    fn has_global(&self) -> bool;

    /// `SetEvent`.
    fn set(&self, event: &Self::Handle) -> Outcome<()>;
    /// `ResetEvent`.
    fn reset(&self, event: &Self::Handle) -> Outcome<()>;
    /// `PulseEvent`.
    fn pulse(&self, event: &Self::Handle) -> Outcome<()>;
    /// `ReleaseMutex`.
    fn release(&self, mutex: &Self::Handle) -> Outcome<()>;
    /// `ReleaseSemaphore`; the previous count.
    fn post(&self, semaphore: &Self::Handle, count: i32) -> Outcome<i32>;
    /// `SetWaitableTimer`; *lpDueTime* in 100 ns, *lPeriod* in milliseconds.
    fn set_timer(&self, timer: &Self::Handle, due: i64, period: i32) -> Outcome<()>;
    /// `CancelWaitableTimer`.
    fn cancel(&self, timer: &Self::Handle) -> Outcome<()>;

    /// `WaitForSingleObject`.
    fn wait(&self, handle: &Self::Handle, millis: u32) -> Outcome<u32>;
    /// `WaitForMultipleObjects`.
    fn wait_many(&self, handles: &[&Self::Handle], all: bool, millis: u32) -> Outcome<u32>;
    /// `SignalObjectAndWait`.
    fn signal_and_wait(&self, signal: &Self::Handle, wait: &Self::Handle, millis: u32) -> Outcome<u32>;

    /// `OpenThread` of the calling thread, to wait for its end.
    fn this_thread(&self) -> Outcome<Self::Handle>;
    /// Another process, which sees the same names.
    fn another(&self) -> Self::Process;
    /// [`perform`]s in it.
    fn ask(&self, process: &Self::Process, act: &Act) -> Outcome<u32>;
    /// Ends it at once, as `TerminateProcess` does, and waits until it has ended.
    fn kill(&self, process: Self::Process);
    /// `OpenProcess`, to wait for its end.
    fn process(&self, process: &Self::Process) -> Outcome<Self::Handle>;
}

/// The cases of timers.
#[must_use]
pub fn timer_cases<S: SyncObjects>() -> Vec<Case<S>> {
    timers::cases()
}

/// All cases but those.
#[must_use]
pub fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    [
        naming::cases(),
        rights::cases(),
        events::cases(),
        mutexes::cases(),
        semaphores::cases(),
        waits::cases(),
        waits_for_all::cases(),
    ]
    .concat()
}

fn new<S: SyncObjects>(objects: &S, object: Object) -> S::Handle {
    let (handle, existed) = objects.create(None, object).unwrap_or_else(|e| panic!("{object:?}: {e}"));
    assert!(!existed, "an unnamed object existed");
    handle
}

/// The object of this name, which did not exist.
fn named<S: SyncObjects>(objects: &S, name: &str, object: Object) -> S::Handle {
    let (handle, existed) =
        objects.create(Some(name), object).unwrap_or_else(|e| panic!("{name:?}, {object:?}: {e}"));
    assert!(!existed, "{name:?} existed");
    handle
}

fn auto<S: SyncObjects>(objects: &S, signaled: bool) -> S::Handle {
    new(objects, Object::Event { manual: false, signaled })
}

fn manual<S: SyncObjects>(objects: &S, signaled: bool) -> S::Handle {
    new(objects, Object::Event { manual: true, signaled })
}

fn mutex<S: SyncObjects>(objects: &S) -> S::Handle {
    new(objects, Object::Mutex { owned: false })
}

fn semaphore<S: SyncObjects>(objects: &S, initial: i32) -> S::Handle {
    new(objects, Object::Semaphore { initial, maximum: 1000 })
}

/// A wait that does not wait.
fn test<S: SyncObjects>(objects: &S, handle: &S::Handle) -> u32 {
    objects.wait(handle, 0).expect("wait for no time")
}

/// A wait that must end.
fn pass<S: SyncObjects>(objects: &S, handle: &S::Handle) {
    assert_eq!(objects.wait(handle, INFINITE).expect("wait"), OBJECT_0);
}

/// Runs something on a thread, which has wholly ended when this returns.
fn on_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(act).join().expect("the thread did not panic"))
}

/// Takes ownership of a mutex and ends without releasing it.
fn abandon<S: SyncObjects>(objects: &S, mutex: &S::Handle) {
    on_thread(|| pass(objects, mutex));
}
