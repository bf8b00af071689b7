//! The lines of a connection under the model checker: a ring of two bytes, a doorbell each way, a porter's thread at each end.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};

use ennead_channel::Wait;
use ennead_status::Win32Error;
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use crate::named::{Arming, Interest, Operation as Kind, Reason, Received};

use super::completion::Completion;
use super::delivery::Deliveries;
use super::operation::Operation;
use super::ticket::{Home, Ticket};
use super::traffic::{Traffic, Wire};

const CAPACITY: usize = 2;
const RUNS: usize = 2_500;

/// One direction of a connection.
struct Ring {
    inner: Mutex<Inner>,
    ends: [Port; 2],
}

#[derive(Default)]
struct Inner {
    bytes: VecDeque<u8>,
    sleeps: [bool; 2],
    closed: [bool; 2],
}

/// What an end's porter sees.
#[derive(Default)]
struct Port {
    state: Mutex<PortState>,
    changed: Condvar,
}

#[derive(Default)]
struct PortState {
    rung: bool,
    watch: Option<u64>,
    watches: u64,
    again: bool,
    stop: bool,
}

/// The writing (0) or the reading (1) end.
struct ModelWire {
    ring: Arc<Ring>,
    side: usize,
}

struct ModelWatch {
    ring: Arc<Ring>,
    side: usize,
    /// `None`: a call that is due once.
    number: Option<u64>,
}

impl Port {
    fn change(&self, change: impl FnOnce(&mut PortState)) {
        change(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

impl ModelWire {
    fn wake_other(&self, inner: &mut Inner) {
        if std::mem::take(&mut inner.sleeps[1 - self.side]) {
            self.ring.ends[1 - self.side].change(|port| port.rung = true);
        }
    }
}

impl Wire for ModelWire {
    type Watch = ModelWatch;

    fn read(&self, buffer: &mut [u8]) -> Result<Received, Reason> {
        let mut inner = self.ring.inner.lock().unwrap();
        let bytes = inner.bytes.len().min(buffer.len());
        if bytes == 0 {
            return Err(if inner.closed[0] { Reason::Ended } else { Reason::Empty });
        }
        for place in &mut buffer[..bytes] {
            *place = inner.bytes.pop_front().unwrap();
        }
        self.wake_other(&mut inner);
        Ok(Received { bytes, left_in_message: 0 })
    }

    fn write(&self, data: &[u8], written: &mut usize) -> Result<(), Reason> {
        let mut inner = self.ring.inner.lock().unwrap();
        if inner.closed[1] {
            return Err(Reason::Closing);
        }
        let room = CAPACITY - inner.bytes.len();
        let bytes = room.min(data.len() - *written);
        inner.bytes.extend(&data[*written..*written + bytes]);
        *written += bytes;
        if bytes > 0 {
            self.wake_other(&mut inner);
        }
        if *written < data.len() { Err(Reason::Empty) } else { Ok(()) }
    }

    fn abandon(&self, _written: usize) {}

    fn arm(&self, _interest: Interest) -> Arming {
        self.ring.ends[self.side].change(|port| port.rung = false);
        let mut inner = self.ring.inner.lock().unwrap();
        inner.sleeps[self.side] = true;
        let ready = if self.side == 1 { !inner.bytes.is_empty() } else { inner.bytes.len() < CAPACITY };
        if ready || inner.closed[1 - self.side] { Arming::Ready } else { Arming::Armed }
    }

    fn watch(traffic: &Arc<Traffic<Self>>) -> io::Result<ModelWatch> {
        let (ring, side) = (Arc::clone(&traffic.wire().ring), traffic.wire().side);
        let mut number = 0;
        ring.ends[side].change(|port| {
            assert!(port.watch.is_none(), "a descriptor is watched once");
            port.watches += 1;
            number = port.watches;
            port.watch = Some(number);
        });
        Ok(ModelWatch { ring, side, number: Some(number) })
    }

    fn call_again(traffic: &Arc<Traffic<Self>>) -> io::Result<ModelWatch> {
        let (ring, side) = (Arc::clone(&traffic.wire().ring), traffic.wire().side);
        ring.ends[side].change(|port| port.again = true);
        Ok(ModelWatch { ring, side, number: None })
    }

    fn release(watch: ModelWatch) {
        watch.ring.ends[watch.side].change(|port| match watch.number {
            Some(number) if port.watch == Some(number) => port.watch = None,
            Some(_) => panic!("a watch is released once"),
            None => port.again = false,
        });
    }

    fn close(&self) {
        let mut inner = self.ring.inner.lock().unwrap();
        inner.closed[self.side] = true;
        inner.sleeps[1 - self.side] = true;
        self.wake_other(&mut inner);
    }
}

/// One end with its porter.
struct Side {
    traffic: Arc<Traffic<ModelWire>>,
    deliveries: Arc<Deliveries>,
    porter: thread::JoinHandle<()>,
}

impl Side {
    fn new(ring: &Arc<Ring>, side: usize) -> Self {
        let deliveries = Arc::default();
        let traffic = Traffic::new(ModelWire { ring: Arc::clone(ring), side }, &deliveries);
        let served = Arc::clone(&traffic);
        let porter = thread::spawn(move || {
            let port = &served.wire().ring.ends[side];
            loop {
                let mut state = port.state.lock().unwrap();
                while !(state.stop || state.again || (state.rung && state.watch.is_some())) {
                    state = port.changed.wait(state).unwrap();
                }
                if state.stop {
                    return;
                }
                drop(state);
                served.advance();
            }
        });
        Self { traffic, deliveries, porter }
    }

    fn start(&self, kind: Kind, start: impl FnOnce(Arc<Ticket>)) -> Operation {
        let home: Weak<dyn Home> = Arc::downgrade(&(Arc::clone(&self.traffic) as Arc<dyn Home>));
        let ticket = Ticket::new(kind, home, &self.deliveries);
        start(Arc::clone(&ticket));
        Operation { ticket }
    }

    fn read(&self, len: usize) -> Operation {
        self.start(Kind::Read, |ticket| self.traffic.read(ticket, vec![0; len]))
    }

    fn write(&self, data: &[u8]) -> Operation {
        self.start(Kind::Write, |ticket| self.traffic.write(ticket, data.to_vec()))
    }

    /// Nothing is pending: there must be no watch. Ends the porter.
    fn finish(self) {
        let port = &self.traffic.wire().ring.ends[self.traffic.wire().side];
        port.change(|state| state.stop = true);
        self.porter.join().unwrap();
        let state = port.state.lock().unwrap();
        assert!(state.watch.is_none() && !state.again, "nothing is pending, and still there is a watch");
    }
}

fn connect() -> (Arc<Ring>, Side, Side) {
    let ring = Arc::new(Ring { inner: Mutex::default(), ends: [Port::default(), Port::default()] });
    let (writer, reader) = (Side::new(&ring, 0), Side::new(&ring, 1));
    (ring, writer, reader)
}

fn joined(operation: Operation) -> Completion {
    operation.wait(Wait::Forever).unwrap();
    operation.finish().unwrap()
}

fn aborted_or_done(completion: &Completion) {
    assert!([Win32Error::SUCCESS, Win32Error::OPERATION_ABORTED].contains(&completion.win32()));
}

/// A read and a write are cancelled while both porters carry the others out. Each completes (a lost wake-up would be a deadlock), once
/// (`Ticket::complete` asserts it), and what was read and what is left are what was written, in order.
#[test]
fn cancels_lose_and_double_nothing() {
    shuttle::check_random(
        || {
            let (ring, writer, reader) = connect();
            let writes = Arc::new([writer.write(b"ab"), writer.write(b"cd"), writer.write(b"e")]);
            let reads = Arc::new([reader.read(1), reader.read(3), reader.read(2), reader.read(9)]);
            let cancels = {
                let (writes, reads) = (Arc::clone(&writes), Arc::clone(&reads));
                [
                    thread::spawn(move || writes[1].cancel().is_ok()),
                    thread::spawn(move || reads[0].cancel().is_ok()),
                ]
            };
            let cancelled = cancels.map(|cancel| cancel.join().unwrap());
            let mut written = Vec::new();
            for (at, write) in Arc::into_inner(writes).unwrap().into_iter().enumerate() {
                let write = joined(write);
                aborted_or_done(&write);
                assert_eq!(write.error.is_some(), at == 1 && cancelled[0]);
                assert!(write.error.is_some() || write.bytes == write.buffer.len());
                written.extend_from_slice(write.data());
            }
            writer.traffic.close();
            let mut read = Vec::new();
            for (at, operation) in Arc::into_inner(reads).unwrap().into_iter().enumerate() {
                let operation = joined(operation);
                assert_eq!(operation.win32() == Win32Error::OPERATION_ABORTED, at == 0 && cancelled[1]);
                read.extend_from_slice(operation.data());
            }
            read.extend(&ring.inner.lock().unwrap().bytes);
            assert_eq!(read, written);
            writer.finish();
            reader.finish();
        },
        RUNS,
    );
}

/// The reading end is closed while data arrives and its routines run.
#[test]
fn a_close_completes_everything_once() {
    shuttle::check_random(
        || {
            let (ring, writer, reader) = connect();
            let calls = Arc::new(Mutex::new(Vec::new()));
            for _ in 0..2 {
                let calls = Arc::clone(&calls);
                reader
                    .read(1)
                    .on_completion(move |read| calls.lock().unwrap().push((read.bytes, read.win32())));
            }
            let write = {
                let traffic = Arc::clone(&reader.traffic);
                let closing = thread::spawn(move || traffic.close());
                let write = writer.write(b"abcde");
                closing.join().unwrap();
                write
            };
            let write = joined(write);
            let codes = [Win32Error::NO_DATA, Win32Error::BROKEN_PIPE];
            assert!(codes.contains(&write.win32()), "nobody reads the last byte");
            reader.finish();
            writer.finish();
            let calls = calls.lock().unwrap();
            assert_eq!(calls.len(), 2);
            let read: usize = calls.iter().map(|(bytes, _)| bytes).sum();
            assert_eq!(read + ring.inner.lock().unwrap().bytes.len(), write.bytes);
            assert!(calls.iter().all(|(bytes, code)| (*bytes == 1) == (*code == Win32Error::SUCCESS)));
        },
        RUNS,
    );
}

/// A wait that begins while the operation completes on another thread ends.
#[test]
fn no_wait_misses_a_completion() {
    shuttle::check_random(
        || {
            let (_ring, writer, reader) = connect();
            let read = Arc::new(reader.read(1));
            let waits = [(); 2].map(|()| {
                let read = Arc::clone(&read);
                thread::spawn(move || read.wait(Wait::Forever).unwrap())
            });
            assert!(joined(writer.write(b"x")).error.is_none());
            for wait in waits {
                wait.join().unwrap();
            }
            assert_eq!(read.win32(), Win32Error::SUCCESS);
            // One that is cancelled takes the watch with it.
            reader.read(1).cancel().unwrap();
            reader.finish();
            writer.finish();
        },
        RUNS,
    );
}
