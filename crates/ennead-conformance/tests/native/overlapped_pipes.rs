//! Overlapped operations of `ennead-pipe`.

use ennead_conformance::Outcome;
use ennead_conformance::named_pipes::{NamedPipes, Spec};
use ennead_conformance::overlapped_pipes::{Completion, OverlappedPipes};
use ennead_pipe::named::{Client, Instance, Modes};
use ennead_pipe::overlapped::{NothingToCancel, Operation, Overlapped};
use ennead_status::Win32Error;

use crate::Native;

pub enum Either {
    Server(Overlapped<Instance>),
    Client(Overlapped<Client>),
}

/// An operation, and whether it reads.
pub struct Started(Operation, bool);

fn server(end: &Either) -> &Overlapped<Instance> {
    match end {
        Either::Server(server) => server,
        Either::Client(_) => panic!("a case takes a client for a server"),
    }
}

impl OverlappedPipes for Native {
    type End = Either;
    type Operation = Started;

    fn create(&self, name: &str, spec: Spec) -> Outcome<Either> {
        NamedPipes::create(self, name, spec).map(|server| Either::Server(Overlapped::new(server)))
    }

    fn open(&self, name: &str, access: u32) -> Outcome<Either> {
        NamedPipes::open(self, name, access).map(|client| Either::Client(Overlapped::new(client)))
    }

    fn set_state(&self, end: &Either, mode: u32) -> Outcome<()> {
        let modes = Modes::from_bits(mode).ok_or(Win32Error::INVALID_PARAMETER)?;
        match end {
            Either::Server(server) => server.end().set_modes(modes),
            Either::Client(client) => client.end().set_modes(modes),
        }
        .map_err(|e| e.win32())
    }

    fn disconnect(&self, end: &Either) -> Outcome<()> {
        server(end).disconnect().map_err(|e| e.win32())
    }

    fn start_connect(&self, end: &Either) -> Started {
        Started(server(end).start_connect(), false)
    }

    fn start_read(&self, end: &Either, len: usize) -> Started {
        let operation = match end {
            Either::Server(server) => server.start_read(vec![0; len]),
            Either::Client(client) => client.start_read(vec![0; len]),
        };
        Started(operation, true)
    }

    fn start_write(&self, end: &Either, data: &[u8]) -> Started {
        let operation = match end {
            Either::Server(server) => server.start_write(data.to_vec()),
            Either::Client(client) => client.start_write(data.to_vec()),
        };
        Started(operation, false)
    }

    fn start_transact(&self, end: &Either, request: &[u8], len: usize) -> Started {
        let operation = match end {
            Either::Server(server) => server.start_transact(request.to_vec(), vec![0; len]),
            Either::Client(client) => client.start_transact(request.to_vec(), vec![0; len]),
        };
        Started(operation, true)
    }

    fn is_complete(&self, operation: &Started) -> bool {
        operation.0.win32() != Win32Error::IO_INCOMPLETE
    }

    fn finish(&self, Started(operation, reads): Started) -> Completion {
        let done = operation.join();
        let data = if reads { done.data().to_vec() } else { Vec::new() };
        Completion { code: done.win32().0, bytes: done.bytes, data }
    }

    fn cancel(&self, operation: &Started) -> Outcome<()> {
        operation.0.cancel().map_err(NothingToCancel::win32)
    }

    fn cancel_all(&self, end: &Either) -> Outcome<()> {
        match end {
            Either::Server(server) => server.cancel_all(),
            Either::Client(client) => client.cancel_all(),
        }
        .map(drop)
        .map_err(NothingToCancel::win32)
    }
}
