//! Named pipes against `ennead-pipe`.

use std::path::PathBuf;

use ennead_conformance::named_pipes::{End, FIRST, NOWAIT, NamedPipes, READ_MESSAGE, Read, Spec, cases};
use ennead_conformance::{Outcome, overlapped_pipes};
use ennead_pipe::named::{
    self, Client, ClientOptions, Connected, Direction, Instance, Modes, PipeType, ServerOptions, Timeout,
};
use ennead_security::AccessMask;
use ennead_status::Win32Error;

use crate::{Native, run};

fn more(received: named::Received) -> Read {
    (received.bytes, received.left_in_message > 0)
}

impl NamedPipes for Native {
    type Server = Instance;
    type Client = Client;

    fn create(&self, name: &str, spec: Spec) -> Outcome<Instance> {
        let bad = Win32Error::INVALID_PARAMETER;
        let modes = Modes::from_bits(spec.pipe_mode & (READ_MESSAGE | NOWAIT)).ok_or(bad)?;
        ServerOptions::new()
            .direction(Direction::from_number(spec.open_mode & 3).ok_or(bad)?)
            .first_instance(spec.open_mode & FIRST != 0)
            .pipe_type(if spec.pipe_mode & 4 != 0 { PipeType::Message } else { PipeType::Byte })
            .read_mode(modes.read)
            .wait_mode(modes.wait)
            .max_instances(spec.max_instances)
            .quotas(spec.buffers.0, spec.buffers.1)
            .default_timeout(spec.timeout)
            .place(&self.pipes)
            .create(name)
            .map_err(|e| e.win32())
    }

    fn open(&self, name: &str, access: u32) -> Outcome<Client> {
        ClientOptions::new().access(AccessMask(access)).place(&self.pipes).open(name).map_err(|e| e.win32())
    }

    fn wait(&self, name: &str, millis: u32) -> Outcome<()> {
        named::wait_in(&self.pipes, name, Timeout::from_millis(millis), None).map_err(|e| e.win32())
    }

    fn call(&self, name: &str, request: &[u8], reply: &mut [u8], millis: u32) -> Outcome<Read> {
        named::call_in(&self.pipes, name, request, reply, Timeout::from_millis(millis))
            .map(more)
            .map_err(|e| e.win32())
    }

    fn connect(&self, server: &Instance) -> Outcome<()> {
        match server.connect().map_err(|e| e.win32())?.win32() {
            Win32Error::SUCCESS => Ok(()),
            code => Err(code),
        }
    }

    fn disconnect(&self, server: &Instance) -> Outcome<()> {
        server.disconnect().map_err(|e| e.win32())
    }

    fn client_pid(&self, server: &Instance) -> Outcome<u32> {
        server.client_process_id().map_err(|e| e.win32())
    }

    fn process_id(&self) -> u32 {
        std::process::id()
    }

    fn server_pid(&self, client: &Client) -> Outcome<u32> {
        Ok(client.server_process_id())
    }

    fn read(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<Read> {
        match end {
            End::Server(server) => server.read(buffer),
            End::Client(client) => client.read(buffer),
        }
        .map(more)
        .map_err(|e| e.win32())
    }

    fn write(&self, end: End<'_, Self>, data: &[u8]) -> Outcome<usize> {
        match end {
            End::Server(server) => server.write(data),
            End::Client(client) => client.write(data),
        }
        .map_err(|e| e.win32())
    }

    fn peek(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<(usize, usize, usize)> {
        match end {
            End::Server(server) => server.peek(buffer),
            End::Client(client) => client.peek(buffer),
        }
        .map(|peeked| (peeked.bytes, peeked.available, peeked.left_in_message))
        .map_err(|e| e.win32())
    }

    fn transact(&self, end: End<'_, Self>, request: &[u8], reply: &mut [u8]) -> Outcome<Read> {
        match end {
            End::Server(server) => server.transact(request, reply),
            End::Client(client) => client.transact(request, reply),
        }
        .map(more)
        .map_err(|e| e.win32())
    }

    fn flush(&self, end: End<'_, Self>) -> Outcome<()> {
        match end {
            End::Server(server) => server.flush(),
            End::Client(client) => client.flush(),
        }
        .map_err(|e| e.win32())
    }

    fn set_state(&self, end: End<'_, Self>, mode: u32) -> Outcome<()> {
        let modes = Modes::from_bits(mode).ok_or(Win32Error::INVALID_PARAMETER)?;
        match end {
            End::Server(server) => server.set_modes(modes),
            End::Client(client) => client.set_modes(modes),
        }
        .map_err(|e| e.win32())
    }

    fn state(&self, end: End<'_, Self>) -> Outcome<(u32, u32)> {
        match end {
            End::Server(server) => server.current_instances().map(|count| (server.modes().bits(), count)),
            End::Client(client) => client.current_instances().map(|count| (client.modes().bits(), count)),
        }
        .map_err(|e| e.win32())
    }

    fn info(&self, end: End<'_, Self>) -> Outcome<(u32, u32, u32, u32)> {
        let (flag, traits) = match end {
            End::Server(server) => (1, server.traits()),
            End::Client(client) => (0, client.traits()),
        };
        let message = if traits.pipe_type == PipeType::Message { 4 } else { 0 };
        Ok((flag | message, traits.out_quota, traits.in_quota, traits.max_instances))
    }
}

#[test]
fn every_case() {
    assert_eq!(Connected::Before.win32(), Win32Error::PIPE_CONNECTED);
    run([cases::<Native>(), overlapped_pipes::cases()].concat());
}

/// No page says what becomes of who waits already when the last instance goes (under Wine, it waits on); here it ends.
#[test]
fn who_waits_is_told_that_the_last_instance_has_gone() {
    let root = PathBuf::from(format!("/dev/shm/ennead-conformance-{}-gone", std::process::id()));
    let native = Native::at(&root);
    let server = native.create(r"\\.\pipe\gone", Spec::MESSAGES).unwrap();
    let client = native.open(r"\\.\pipe\gone", 0x8000_0000).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| native.wait(r"\\.\pipe\gone", u32::MAX));
        drop(server);
        assert_eq!(waiter.join().unwrap(), Err(Win32Error::FILE_NOT_FOUND));
    });
    drop(client);
    std::fs::remove_dir_all(&root).expect("remove the root");
}
