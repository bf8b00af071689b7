//! Events, mutexes, semaphores, timers and waits against `ennead-sync`.

use std::time::{Duration, Instant};

use ennead_conformance::Outcome;
use ennead_conformance::sync_objects::{
    self, ABANDONED_0, Act, INFINITE, Kind, OBJECT_0, Object, SyncObjects, TIMEOUT, cases, perform,
    timer_cases,
};
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::{
    Due, Event, EventOptions, Mutex, MutexOptions, Outcome as Waited, Semaphore, SemaphoreOptions, Signaling,
    Thread, Timer, TimerOptions, Wait, WaitError, Waitable,
};

use crate::another::Process;
use crate::{Native, run};

/// A handle of any kind.
pub enum Handle {
    Event(Event),
    Mutex(Mutex),
    Semaphore(Semaphore),
    Timer(Timer),
    Thread(Thread),
    Process(ennead_sync::Process),
}

impl Handle {
    fn waitable(&self) -> &dyn Waitable {
        match self {
            Self::Event(event) => event,
            Self::Mutex(mutex) => mutex,
            Self::Semaphore(semaphore) => semaphore,
            Self::Timer(timer) => timer,
            Self::Thread(thread) => thread,
            Self::Process(process) => process,
        }
    }

    fn signaling(&self) -> Outcome<&dyn Signaling> {
        match self {
            Self::Event(event) => Ok(event),
            Self::Mutex(mutex) => Ok(mutex),
            Self::Semaphore(semaphore) => Ok(semaphore),
            _ => wrong(),
        }
    }

    fn existed(&self) -> bool {
        match self {
            Self::Event(event) => event.existed(),
            Self::Mutex(mutex) => mutex.existed(),
            Self::Semaphore(semaphore) => semaphore.existed(),
            Self::Timer(timer) => timer.existed(),
            Self::Thread(_) | Self::Process(_) => true,
        }
    }
}

fn wrong<T>() -> Outcome<T> {
    Err(Win32Error::INVALID_HANDLE)
}

fn waiting(millis: u32) -> Wait<'static> {
    match millis {
        0 => Wait::Never,
        INFINITE => Wait::Forever,
        millis => Wait::Until(Instant::now() + Duration::from_millis(millis.into())),
    }
}

fn waited(outcome: Result<Waited, WaitError>) -> Outcome<u32> {
    let index = |at: usize| u32::try_from(at).expect("at most 64");
    match outcome.map_err(|e| e.win32())? {
        Waited::Signaled(at) => Ok(OBJECT_0 + index(at)),
        Waited::Abandoned(at) => Ok(ABANDONED_0 + index(at)),
        Waited::TimedOut => Ok(TIMEOUT),
        Waited::Alerted => panic!("no wait was alertable"),
    }
}

impl Native {
    fn make(&self, name: Option<&str>, object: Object, sddl: Option<&str>) -> Outcome<Handle> {
        let descriptor = sddl.map(|sddl| sddl.parse().expect("SDDL"));
        match object {
            Object::Event { manual, signaled } => {
                let mut options = EventOptions::new().place(&self.objects);
                options = if manual { options.manual() } else { options };
                options = if signaled { options.signaled() } else { options };
                options = descriptor.into_iter().fold(options, EventOptions::security);
                name.map_or_else(|| options.unnamed(), |name| options.create(name)).map(Handle::Event)
            }
            Object::Semaphore { initial, maximum } => {
                let [initial, maximum] = [initial, maximum].map(u32::try_from);
                let bad = |_| Win32Error::INVALID_PARAMETER;
                let mut options = SemaphoreOptions::new(initial.map_err(bad)?, maximum.map_err(bad)?);
                options =
                    descriptor.into_iter().fold(options.place(&self.objects), SemaphoreOptions::security);
                name.map_or_else(|| options.unnamed(), |name| options.create(name)).map(Handle::Semaphore)
            }
            Object::Mutex { owned } => {
                let mut options = MutexOptions::new().place(&self.objects);
                options = if owned { options.owned() } else { options };
                options = descriptor.into_iter().fold(options, MutexOptions::security);
                name.map_or_else(|| options.unnamed(), |name| options.create(name)).map(Handle::Mutex)
            }
            Object::Timer { manual } => {
                let mut options = TimerOptions::new().place(&self.objects);
                options = if manual { options.manual() } else { options };
                options = descriptor.into_iter().fold(options, TimerOptions::security);
                name.map_or_else(|| options.unnamed(), |name| options.create(name)).map(Handle::Timer)
            }
        }
        .map_err(|e| e.win32())
    }
}

impl SyncObjects for Native {
    type Handle = Handle;
    type Process = Process;

    fn create(&self, name: Option<&str>, object: Object) -> Outcome<(Handle, bool)> {
        let handle = self.make(name, object, None)?;
        let existed = handle.existed();
        Ok((handle, existed))
    }

    fn create_secured(&self, name: &str, object: Object, sddl: &str) -> Outcome<Handle> {
        self.make(Some(name), object, Some(sddl))
    }

    fn open(&self, kind: Kind, name: &str, access: u32) -> Outcome<Handle> {
        let access = AccessMask(access);
        match kind {
            Kind::Event => {
                EventOptions::new().access(access).place(&self.objects).open(name).map(Handle::Event)
            }
            Kind::Semaphore => Semaphore::open_at(&self.objects, name, access).map(Handle::Semaphore),
            Kind::Mutex => {
                MutexOptions::new().access(access).place(&self.objects).open(name).map(Handle::Mutex)
            }
            Kind::Timer => {
                TimerOptions::new().access(access).place(&self.objects).open(name).map(Handle::Timer)
            }
        }
        .map_err(|e| e.win32())
    }

    fn has_global(&self) -> bool {
        false
    }

    fn set(&self, event: &Handle) -> Outcome<()> {
        let Handle::Event(event) = event else { return wrong() };
        event.set().map_err(|e| e.win32())
    }

    fn reset(&self, event: &Handle) -> Outcome<()> {
        let Handle::Event(event) = event else { return wrong() };
        event.reset().map_err(|e| e.win32())
    }

    fn pulse(&self, event: &Handle) -> Outcome<()> {
        let Handle::Event(event) = event else { return wrong() };
        event.pulse().map_err(|e| e.win32())
    }

    fn release(&self, mutex: &Handle) -> Outcome<()> {
        let Handle::Mutex(mutex) = mutex else { return wrong() };
        mutex.release().map_err(|e| e.win32())
    }

    fn post(&self, semaphore: &Handle, count: i32) -> Outcome<i32> {
        let Handle::Semaphore(semaphore) = semaphore else { return wrong() };
        let count = u32::try_from(count).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        semaphore.release(count).map(u32::cast_signed).map_err(|e| e.win32())
    }

    fn set_timer(&self, timer: &Handle, due: i64, period: i32) -> Outcome<()> {
        let Handle::Timer(timer) = timer else { return wrong() };
        let period = u64::try_from(period).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        timer.set(Due::from_filetime(due), Duration::from_millis(period)).map_err(|e| e.win32())
    }

    fn cancel(&self, timer: &Handle) -> Outcome<()> {
        let Handle::Timer(timer) = timer else { return wrong() };
        timer.cancel().map_err(|e| e.win32())
    }

    fn wait(&self, handle: &Handle, millis: u32) -> Outcome<u32> {
        waited(ennead_sync::wait(handle.waitable(), waiting(millis)))
    }

    fn wait_many(&self, handles: &[&Handle], all: bool, millis: u32) -> Outcome<u32> {
        let handles: Vec<_> = handles.iter().map(|handle| handle.waitable()).collect();
        let wait = if all { ennead_sync::wait_all } else { ennead_sync::wait_any };
        waited(wait(&handles, waiting(millis)))
    }

    fn signal_and_wait(&self, signal: &Handle, wait: &Handle, millis: u32) -> Outcome<u32> {
        let outcome = ennead_sync::signal_and_wait(signal.signaling()?, wait.waitable(), waiting(millis));
        outcome.map_err(|e| e.win32()).and_then(|outcome| waited(Ok(outcome)))
    }

    fn this_thread(&self) -> Outcome<Handle> {
        Thread::current().map(Handle::Thread).map_err(|e| e.win32())
    }

    fn another(&self) -> Process {
        Process::start(self)
    }

    fn ask(&self, process: &Process, act: &Act) -> Outcome<u32> {
        process.ask(&["sync", &act.to_string()]).map(|said| said.parse().expect("a number"))
    }

    fn kill(&self, process: Process) {
        drop(process);
    }

    fn process(&self, process: &Process) -> Outcome<Handle> {
        let process = ennead_sync::Process::open_at(&self.objects, process.id());
        process.map(Handle::Process).map_err(|e| e.win32())
    }
}

/// What another process keeps.
pub type Kept = sync_objects::Kept<Native>;

/// In another process.
pub fn carry_out(native: &Native, kept: &mut Kept, parts: &[&str]) -> Outcome<String> {
    let [act] = parts else { panic!("nobody can {parts:?}") };
    perform(native, kept, &act.parse().expect("an act")).map(|said| said.to_string())
}

/// A thread's own handle is of the process's own place, and a wait for all is for objects of one place: a case's is another.
const OTHER_PLACE: &str = "a wait for all is for any mix of kinds";

#[test]
fn every_case() {
    let all = [cases(), timer_cases()].concat();
    run(all.into_iter().filter(|case| case.0 != OTHER_PLACE).collect());
}
