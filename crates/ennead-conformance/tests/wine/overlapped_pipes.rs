//! Overlapped operations in the driver.

use std::sync::Arc;

use ennead_conformance::Outcome;
use ennead_conformance::named_pipes::{End, NamedPipes, Spec};
use ennead_conformance::overlapped_pipes::{Completion, OverlappedPipes};

use crate::driver::{Driver, Function, Request};
use crate::implementation::{Handle, Wine, length, outcome};

const FLAG_OVERLAPPED: u32 = 0x4000_0000;
/// ERROR_IO_INCOMPLETE.
const INCOMPLETE: u32 = 996;

/// An operation in the driver. Its memory there is freed once it cannot be written to any more.
pub struct Operation {
    driver: Arc<Driver>,
    number: u64,
    reads: bool,
    finished: bool,
}

impl Drop for Operation {
    fn drop(&mut self) {
        let request = Request { handle: self.number, numbers: [1, 0, 0, 0, 0, 0], ..Request::default() };
        if !self.finished {
            self.driver.try_ask(Function::Cancel, &request);
            self.driver.try_ask(Function::Result, &request);
        }
        self.driver.try_ask(Function::Forget, &request);
    }
}

impl Wine {
    fn start(&self, function: Function, end: &Handle, data: &[u8], len: usize) -> Operation {
        let reads = matches!(function, Function::StartRead | Function::StartTransact);
        let numbers = [0, length(len), 0, 0, 0, 0];
        // What the function said at once, the driver says again for the result.
        let answer =
            self.request(function, &Request { handle: end.number(), numbers, data, ..Request::default() });
        Operation { driver: Arc::clone(self.driver()), number: answer.handle, reads, finished: false }
    }
}

impl OverlappedPipes for Wine {
    type End = Handle;
    type Operation = Operation;

    fn create(&self, name: &str, spec: Spec) -> Outcome<Handle> {
        NamedPipes::create(self, name, Spec { open_mode: spec.open_mode | FLAG_OVERLAPPED, ..spec })
    }

    fn open(&self, name: &str, access: u32) -> Outcome<Handle> {
        self.open_handle(Function::Open, name, [access, FLAG_OVERLAPPED, 0, 0, 0, 0])
    }

    fn set_state(&self, end: &Handle, mode: u32) -> Outcome<()> {
        NamedPipes::set_state(self, End::Client(end), mode)
    }

    fn disconnect(&self, server: &Handle) -> Outcome<()> {
        NamedPipes::disconnect(self, server)
    }

    fn start_connect(&self, server: &Handle) -> Operation {
        self.start(Function::StartConnect, server, &[], 0)
    }

    fn start_read(&self, end: &Handle, len: usize) -> Operation {
        self.start(Function::StartRead, end, &[], len)
    }

    fn start_write(&self, end: &Handle, data: &[u8]) -> Operation {
        self.start(Function::StartWrite, end, data, 0)
    }

    fn start_transact(&self, end: &Handle, request: &[u8], len: usize) -> Operation {
        self.start(Function::StartTransact, end, request, len)
    }

    fn is_complete(&self, operation: &Operation) -> bool {
        let request = Request { handle: operation.number, ..Request::default() };
        self.request(Function::Result, &request).error != INCOMPLETE
    }

    fn finish(&self, mut operation: Operation) -> Completion {
        let numbers = [1, u32::from(operation.reads), 0, 0, 0, 0];
        let request = Request { handle: operation.number, numbers, ..Request::default() };
        let answer = self.request(Function::Result, &request);
        operation.finished = true;
        Completion { code: answer.error, bytes: answer.numbers[0] as usize, data: answer.data }
    }

    fn cancel(&self, operation: &Operation) -> Outcome<()> {
        let request = Request { handle: operation.number, ..Request::default() };
        outcome(self.request(Function::Cancel, &request)).map(drop)
    }

    fn cancel_all(&self, end: &Handle) -> Outcome<()> {
        self.on(end.number(), Function::CancelAll).map(drop)
    }
}
