//! Events, mutexes, semaphores, waitable timers and waits in the driver.

use std::sync::Mutex;

use ennead_conformance::Outcome;
use ennead_conformance::sync_objects::{Act, Kept, Kind, Object, SYNCHRONIZE, SyncObjects, perform};

use crate::driver::{Function, Request};
use crate::implementation::{Handle, Wine, halves, outcome};

/// Another driver, and what it keeps.
pub struct Process {
    wine: Wine,
    kept: Mutex<Kept<Wine>>,
}

fn creation(object: Object) -> (Function, [u32; 6]) {
    match object {
        Object::Event { manual, signaled } => {
            (Function::CreateEvent, [u32::from(manual), u32::from(signaled), 0, 0, 0, 0])
        }
        Object::Mutex { owned } => (Function::CreateMutex, [u32::from(owned), 0, 0, 0, 0, 0]),
        Object::Semaphore { initial, maximum } => {
            (Function::CreateSemaphore, [initial.cast_unsigned(), maximum.cast_unsigned(), 0, 0, 0, 0])
        }
        Object::Timer { manual } => (Function::CreateTimer, [u32::from(manual), 0, 0, 0, 0, 0]),
    }
}

impl SyncObjects for Wine {
    type Handle = Handle;
    type Process = Process;

    fn create(&self, name: Option<&str>, object: Object) -> Outcome<(Handle, bool)> {
        let (function, numbers) = creation(object);
        self.new_handle(function, &Request { name, numbers, ..Request::default() })
    }

    fn create_secured(&self, name: &str, object: Object, sddl: &str) -> Outcome<Handle> {
        let (function, numbers) = creation(object);
        let request = Request { name: Some(name), numbers, data: sddl.as_bytes(), ..Request::default() };
        self.new_handle(function, &request).map(|(handle, _)| handle)
    }

    fn open(&self, kind: Kind, name: &str, access: u32) -> Outcome<Handle> {
        let function = match kind {
            Kind::Event => Function::OpenEvent,
            Kind::Mutex => Function::OpenMutex,
            Kind::Semaphore => Function::OpenSemaphore,
            Kind::Timer => Function::OpenTimer,
        };
        self.open_handle(function, name, [access, 0, 0, 0, 0, 0])
    }

    fn has_global(&self) -> bool {
        true
    }

    fn set(&self, event: &Handle) -> Outcome<()> {
        self.on(event.number(), Function::SetEvent).map(drop)
    }

    fn reset(&self, event: &Handle) -> Outcome<()> {
        self.on(event.number(), Function::ResetEvent).map(drop)
    }

    fn pulse(&self, event: &Handle) -> Outcome<()> {
        self.on(event.number(), Function::PulseEvent).map(drop)
    }

    fn release(&self, mutex: &Handle) -> Outcome<()> {
        self.on(mutex.number(), Function::ReleaseMutex).map(drop)
    }

    fn post(&self, semaphore: &Handle, count: i32) -> Outcome<i32> {
        let numbers = [count.cast_unsigned(), 0, 0, 0, 0, 0];
        self.with(semaphore.number(), Function::ReleaseSemaphore, numbers)
            .map(|answer| answer.numbers[0].cast_signed())
    }

    fn set_timer(&self, timer: &Handle, due: i64, period: i32) -> Outcome<()> {
        let [low, high] = halves(due.cast_unsigned());
        let numbers = [low, high, period.cast_unsigned(), 0, 0, 0];
        self.with(timer.number(), Function::SetTimer, numbers).map(drop)
    }

    fn cancel(&self, timer: &Handle) -> Outcome<()> {
        self.on(timer.number(), Function::CancelTimer).map(drop)
    }

    fn wait(&self, handle: &Handle, millis: u32) -> Outcome<u32> {
        self.with(handle.number(), Function::WaitOne, [millis, 0, 0, 0, 0, 0]).map(|answer| answer.numbers[0])
    }

    fn wait_many(&self, handles: &[&Handle], all: bool, millis: u32) -> Outcome<u32> {
        let data: Vec<_> = handles.iter().flat_map(|handle| handle.number().to_le_bytes()).collect();
        let numbers = [millis, u32::from(all), 0, 0, 0, 0];
        let request = Request { numbers, data: &data, ..Request::default() };
        outcome(self.request(Function::WaitMany, &request)).map(|answer| answer.numbers[0])
    }

    fn signal_and_wait(&self, signal: &Handle, wait: &Handle, millis: u32) -> Outcome<u32> {
        let (handle, data) = (signal.number(), &wait.number().to_le_bytes());
        let request = Request { handle, data, numbers: [millis, 0, 0, 0, 0, 0], ..Request::default() };
        outcome(self.request(Function::SignalAndWait, &request)).map(|answer| answer.numbers[0])
    }

    fn this_thread(&self) -> Outcome<Handle> {
        let numbers = [SYNCHRONIZE, 0, 0, 0, 0, 0];
        let request = Request { numbers, ..Request::default() };
        self.new_handle(Function::OpenThread, &request).map(|(handle, _)| handle)
    }

    fn another(&self) -> Process {
        Process { wine: self.another_process(), kept: Mutex::default() }
    }

    fn ask(&self, process: &Process, act: &Act) -> Outcome<u32> {
        perform(&process.wine, &mut process.kept.lock().expect("no act panicked"), act)
    }

    fn kill(&self, process: Process) {
        self.end(&process.wine);
    }

    fn process(&self, process: &Process) -> Outcome<Handle> {
        let id = Wine::request(&process.wine, Function::ProcessId, &Request::default()).numbers[0];
        let request = Request { numbers: [SYNCHRONIZE, id, 0, 0, 0, 0], ..Request::default() };
        self.new_handle(Function::OpenProcess, &request).map(|(handle, _)| handle)
    }
}
