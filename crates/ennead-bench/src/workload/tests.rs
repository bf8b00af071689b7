//! What the workloads do with a contender that damages, repeats or cuts what it carries.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use super::*;
use crate::peer::Listener;

/// Which message is spoilt, counted in receives of the server.
const SPOILT: u32 = 40;

#[derive(Clone, Copy)]
enum Fault {
    None,
    FlippedBit,
    RepeatedMessage,
    CutMessage,
}

/// A contender that is only asked whether it is bare.
struct Honest;

impl Peer for Honest {
    fn name(&self) -> &'static str {
        "honest"
    }

    fn listen(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        anyhow::bail!("not under test")
    }

    fn connect(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        anyhow::bail!("not under test")
    }
}

struct Faulty {
    stream: UnixStream,
    fault: Fault,
    received: u32,
    last: Vec<u8>,
}

impl Faulty {
    fn new(stream: UnixStream, fault: Fault) -> Self {
        Self { stream, fault, received: 0, last: Vec::new() }
    }
}

impl Connection for Faulty {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(message)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if self.stream.read_exact(buffer).is_err() {
            return Ok(0);
        }
        self.received += 1;
        let mut length = buffer.len();
        if self.received == SPOILT {
            match self.fault {
                Fault::None => {}
                Fault::FlippedBit => buffer[length / 2] ^= 0x10,
                Fault::RepeatedMessage => buffer.copy_from_slice(&self.last),
                Fault::CutMessage => length -= 1,
            }
        }
        self.last = buffer.to_vec();
        Ok(length)
    }
}

fn task(workload: Workload) -> Task {
    Task {
        role: Role::Server,
        workload,
        placement: Placement::OneCore,
        cores: (vec![0], vec![0]),
        peer: "honest".to_owned(),
        place: PathBuf::new(),
        window: Window { warm_up: Duration::ZERO, measure: Duration::from_millis(20) },
        blocked_for: Duration::ZERO,
    }
}

/// Runs round trips with a server whose receiving is at fault; the server's outcome.
fn round_trips(fault: Fault) -> Result<()> {
    let (server, client) = UnixStream::pair().expect("a socket pair");
    let task = task(Workload::Rtt64B);
    let end = End { task: &task, peer: &Honest, shape: task.shape() };
    thread::scope(|scope| {
        let client = scope.spawn(|| round_trip::ask(&end, &mut Faulty::new(client, Fault::None)));
        let outcome = round_trip::answer(&end, &mut Faulty::new(server, fault));
        // The client ends when the server does, one way or the other.
        drop(client.join());
        outcome
    })
}

fn one_way(workload: Workload, fault: Fault) -> Result<()> {
    let (server, client) = UnixStream::pair().expect("a socket pair");
    let task = task(workload);
    let end = End { task: &task, peer: &Honest, shape: task.shape() };
    thread::scope(|scope| {
        let client =
            scope.spawn(|| one_way::send_for_the_window(&end, &mut Faulty::new(client, Fault::None)));
        let outcome = one_way::receive_all(&end, &mut Faulty::new(server, fault));
        drop(client.join());
        outcome.map(drop)
    })
}

#[test]
fn what_arrives_whole_is_accepted() {
    round_trips(Fault::None).expect("no fault");
    one_way(Workload::Msg1KiB, Fault::None).expect("no fault");
    one_way(Workload::Stream64KiB, Fault::None).expect("no fault");
}

#[test]
fn a_flipped_bit_fails_the_round() {
    for outcome in [
        round_trips(Fault::FlippedBit),
        one_way(Workload::Msg1KiB, Fault::FlippedBit),
        one_way(Workload::Stream64KiB, Fault::FlippedBit),
    ] {
        let error = outcome.expect_err("corrupt").to_string();
        assert!(error.contains("payload is corrupt"), "{error}");
    }
}

#[test]
fn a_repeated_message_fails_the_round() {
    assert!(round_trips(Fault::RepeatedMessage).is_err());
    assert!(one_way(Workload::Msg1KiB, Fault::RepeatedMessage).is_err());
}

#[test]
fn a_cut_message_fails_the_round() {
    assert!(round_trips(Fault::CutMessage).is_err());
    assert!(one_way(Workload::Msg1KiB, Fault::CutMessage).is_err());
}
