//! What the tests of overlapped operations share.
#![allow(dead_code, reason = "each test program uses its part")]

use std::time::{Duration, Instant};

use ennead_pipe::named::{Client, Connected, Instance, Modes, PipeType, ReadMode, Wait, WaitMode};
use ennead_pipe::overlapped::{Completion, Operation, Overlapped};

use crate::support::Root;

pub const NAME: &str = r"\\.\pipe\Overlapped";
pub const QUOTA: u32 = 4096;

pub fn soon() -> Wait<'static> {
    Wait::Until(Instant::now() + Duration::from_secs(60))
}

/// The completion, under a watchdog.
pub fn done(operation: Operation) -> Completion {
    operation.wait(soon()).unwrap();
    operation.finish().unwrap()
}

pub fn connected(root: &Root, kind: PipeType) -> (Overlapped<Instance>, Overlapped<Client>) {
    let options = root.server().pipe_type(kind).quotas(QUOTA, QUOTA);
    let read = if kind == PipeType::Message { ReadMode::Message } else { ReadMode::Byte };
    let modes = Modes { read, wait: WaitMode::Wait };
    let server = Overlapped::new(options.create(NAME).unwrap());
    let client = Overlapped::new(root.client().modes(modes).open(NAME).unwrap());
    server.end().set_modes(modes).unwrap();
    assert_eq!(done(server.start_connect()).connected, Some(Connected::Before));
    (server, client)
}

pub fn messages(root: &Root) -> (Overlapped<Instance>, Overlapped<Client>) {
    connected(root, PipeType::Message)
}

pub fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| ((at + seed) % 251) as u8).collect()
}
