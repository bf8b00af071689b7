//! Named pipes in the driver.

use ennead_conformance::Outcome;
use ennead_conformance::named_pipes::{End, NamedPipes, Read, Spec};
use ennead_status::Win32Error;

use crate::driver::{Answer, Function, Request};
use crate::implementation::{Handle, Wine, length, outcome};

/// ERROR_MORE_DATA.
const MORE_DATA: u32 = 234;

/// What a function that reads gave: part of a message is no failure.
fn received(answer: &Answer, buffer: &mut [u8]) -> Outcome<Read> {
    if answer.error != 0 && answer.error != MORE_DATA {
        return Err(Win32Error(answer.error));
    }
    buffer[..answer.data.len()].copy_from_slice(&answer.data);
    Ok((answer.data.len(), answer.error == MORE_DATA))
}

fn handle(end: End<'_, Wine>) -> u64 {
    match end {
        End::Server(handle) | End::Client(handle) => handle.number(),
    }
}

impl NamedPipes for Wine {
    type Server = Handle;
    type Client = Handle;

    fn create(&self, name: &str, spec: Spec) -> Outcome<Handle> {
        let (out, inward) = spec.buffers;
        let numbers = [spec.open_mode, spec.pipe_mode, spec.max_instances, out, inward, spec.timeout];
        self.open_handle(Function::Create, name, numbers)
    }

    fn open(&self, name: &str, access: u32) -> Outcome<Handle> {
        self.open_handle(Function::Open, name, [access, 0, 0, 0, 0, 0])
    }

    fn wait(&self, name: &str, millis: u32) -> Outcome<()> {
        let numbers = [millis, 0, 0, 0, 0, 0];
        outcome(self.request(Function::Wait, &Request { name: Some(name), numbers, ..Request::default() }))
            .map(drop)
    }

    fn call(&self, name: &str, data: &[u8], reply: &mut [u8], millis: u32) -> Outcome<Read> {
        let numbers = [millis, length(reply.len()), 0, 0, 0, 0];
        let request = Request { name: Some(name), numbers, data, ..Request::default() };
        received(&self.request(Function::Call, &request), reply)
    }

    fn connect(&self, server: &Handle) -> Outcome<()> {
        self.on(server.number(), Function::Connect).map(drop)
    }

    fn disconnect(&self, server: &Handle) -> Outcome<()> {
        self.on(server.number(), Function::Disconnect).map(drop)
    }

    fn client_pid(&self, server: &Handle) -> Outcome<u32> {
        self.on(server.number(), Function::ClientPid).map(|answer| answer.numbers[0])
    }

    fn process_id(&self) -> u32 {
        self.request(Function::ProcessId, &Request::default()).numbers[0]
    }

    fn server_pid(&self, client: &Handle) -> Outcome<u32> {
        self.on(client.number(), Function::ServerPid).map(|answer| answer.numbers[0])
    }

    fn read(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<Read> {
        let numbers = [0, length(buffer.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        received(&self.request(Function::Read, &request), buffer)
    }

    fn write(&self, end: End<'_, Self>, data: &[u8]) -> Outcome<usize> {
        let request = Request { handle: handle(end), data, ..Request::default() };
        outcome(self.request(Function::Write, &request)).map(|answer| answer.numbers[0] as usize)
    }

    fn peek(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<(usize, usize, usize)> {
        let numbers = [0, length(buffer.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        let answer = self.request(Function::Peek, &request);
        let [_, available, left, _] = answer.numbers.map(|number| number as usize);
        received(&answer, buffer).map(|(bytes, _)| (bytes, available, left))
    }

    fn transact(&self, end: End<'_, Self>, data: &[u8], reply: &mut [u8]) -> Outcome<Read> {
        let numbers = [0, length(reply.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, data, ..Request::default() };
        received(&self.request(Function::Transact, &request), reply)
    }

    fn flush(&self, end: End<'_, Self>) -> Outcome<()> {
        self.on(handle(end), Function::Flush).map(drop)
    }

    fn set_state(&self, end: End<'_, Self>, mode: u32) -> Outcome<()> {
        let numbers = [mode, 0, 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        outcome(self.request(Function::SetState, &request)).map(drop)
    }

    fn state(&self, end: End<'_, Self>) -> Outcome<(u32, u32)> {
        self.on(handle(end), Function::State).map(|answer| (answer.numbers[0], answer.numbers[1]))
    }

    fn info(&self, end: End<'_, Self>) -> Outcome<(u32, u32, u32, u32)> {
        let [flags, out, inward, most] = self.on(handle(end), Function::Info)?.numbers;
        Ok((flags, out, inward, most))
    }
}
