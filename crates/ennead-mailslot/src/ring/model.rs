//! The ring in the model checker (shuttle): the same code as on Linux, with a store buffer for each thread, so that a store may become
//! visible after a later load unless a fence or a locked instruction stands between: what processors really do.

use std::collections::HashMap;
use std::sync::Mutex as Plain;

use shuttle::rand::Rng;
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread::{self, ThreadId};

use super::layout::{RETIRED, size};
use super::{Memory, PushError, RingReader, RingWriter};

/// A way in which the world can be broken on purpose; each must make a check fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    None,
    NoFence,
    CommitIsNoFence,
    RingsAreLost,
}

struct World {
    bytes: Plain<Vec<u8>>,
    buffers: Plain<HashMap<ThreadId, Vec<(usize, u64)>>>,
    /// Rings that were not heard yet, and whether the writer lives.
    bell: Mutex<(u32, bool)>,
    rung: Condvar,
    mutation: Mutation,
}

#[derive(Clone)]
struct Model(Arc<World>);

impl Model {
    fn new(mutation: Mutation) -> Self {
        Self(Arc::new(World {
            bytes: Plain::new(vec![0; size(128) as usize]),
            buffers: Plain::default(),
            bell: Mutex::new((0, true)),
            rung: Condvar::new(),
            mutation,
        }))
    }

    fn step(&self) {
        thread::yield_now();
        // Some of what waits in the store buffer becomes visible at any time.
        let most = shuttle::rand::thread_rng().gen_range(0..3);
        self.drain(most);
    }

    fn drain(&self, most: usize) {
        let mut buffers = self.0.buffers.lock().unwrap();
        let buffer = buffers.entry(thread::current().id()).or_default();
        let most = most.min(buffer.len());
        for (at, value) in buffer.drain(..most) {
            self.0.bytes.lock().unwrap()[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
    }

    fn visible(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.0.bytes.lock().unwrap()[at..at + 8].try_into().unwrap())
    }

    fn ring(&self) {
        self.step();
        if self.0.mutation != Mutation::RingsAreLost {
            self.0.bell.lock().unwrap().0 += 1;
            self.0.rung.notify_all();
        }
    }

    fn die(&self) {
        self.drain(usize::MAX);
        self.0.bell.lock().unwrap().1 = false;
        self.0.rung.notify_all();
    }

    /// Sleeps until rung, or the writer is dead; says whether it lives.
    fn sleep(&self) -> bool {
        self.step();
        self.drain(usize::MAX);
        let mut bell = self.0.bell.lock().unwrap();
        while bell.0 == 0 && bell.1 {
            bell = self.0.rung.wait(bell).unwrap();
        }
        bell.0 = 0;
        bell.1
    }
}

impl Memory for Model {
    fn load(&self, at: usize) -> u64 {
        self.step();
        let buffers = self.0.buffers.lock().unwrap();
        let own = buffers.get(&thread::current().id()).and_then(|b| b.iter().rev().find(|(of, _)| *of == at));
        own.map_or_else(|| self.visible(at), |(_, value)| *value)
    }

    fn store(&self, at: usize, value: u64) {
        self.step();
        self.0.buffers.lock().unwrap().entry(thread::current().id()).or_default().push((at, value));
    }

    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        self.step();
        if self.0.mutation == Mutation::CommitIsNoFence && at == super::layout::TAIL {
            // As if the tail were committed with a plain store.
            self.store(at, new);
            return true;
        }
        self.drain(usize::MAX);
        if self.visible(at) != expected {
            return false;
        }
        self.0.bytes.lock().unwrap()[at..at + 8].copy_from_slice(&new.to_ne_bytes());
        true
    }

    fn set_bits(&self, at: usize, bits: u64) -> u64 {
        self.step();
        self.drain(usize::MAX);
        let before = self.visible(at);
        self.0.bytes.lock().unwrap()[at..at + 8].copy_from_slice(&(before | bits).to_ne_bytes());
        before
    }

    fn fence(&self) {
        if self.0.mutation != Mutation::NoFence {
            self.drain(usize::MAX);
        }
    }

    fn copy_out(&self, at: usize, to: &mut [u8]) {
        self.step();
        to.copy_from_slice(&self.0.bytes.lock().unwrap()[at..at + to.len()]);
    }

    fn copy_in(&self, at: usize, from: &[u8]) {
        self.step();
        // Payload is visible before the commit, which is a locked instruction; words before it stay in order.
        self.drain(usize::MAX);
        self.0.bytes.lock().unwrap()[at..at + from.len()].copy_from_slice(from);
    }
}

/// A writer writes `count` messages, is rung for as the code says, then dies; a reader reads until the end.
fn writer_and_sleeping_reader(mutation: Mutation) {
    const COUNT: u8 = 4;
    let world = Model::new(mutation);
    let mut writer = RingWriter::begin(world.clone(), 128);
    world.drain(usize::MAX);
    let mut reader = RingReader::new(world.clone(), 128);
    let writing = thread::spawn({
        let world = world.clone();
        move || {
            for n in 0..COUNT {
                loop {
                    match writer.push(u64::from(n), &[n; 5]) {
                        Ok(true) => break world.ring(),
                        Ok(false) => break,
                        Err(PushError::NoRoom) => thread::yield_now(),
                        Err(other) => panic!("{other:?}"),
                    }
                }
            }
            // The last message waits for the reader, who must be awake for it.
            while writer.unread().unwrap() > 0 {
                thread::yield_now();
            }
            world.die();
        }
    });
    let mut next = 0;
    let mut alive = true;
    loop {
        if !reader.look().unwrap() {
            if !alive {
                break;
            }
            reader.announce();
            reader.fence();
            if !reader.has_news() {
                alive = world.sleep();
            }
            continue;
        }
        while let Some(head) = reader.head().unwrap() {
            let mut message = [0; 5];
            reader.copy(&mut message);
            assert_eq!((head.len, head.stamp, message), (5, u64::from(next), [next; 5]));
            reader.advance(&head);
            next += 1;
        }
        world.drain(usize::MAX);
    }
    assert_eq!(next, COUNT);
    writing.join().unwrap();
}

/// A reader closes the ring while a writer writes: what the writer was told is in, is in, and nothing else.
fn a_close_among_writes() {
    let world = Model::new(Mutation::None);
    let mut writer = RingWriter::begin(world.clone(), 128);
    world.drain(usize::MAX);
    let mut reader = RingReader::new(world.clone(), 128);
    let writing = thread::spawn(move || {
        let mut accepted = 0;
        for n in 0..4u8 {
            match writer.push(u64::from(n), &[n]) {
                Ok(_) => accepted += 1,
                Err(PushError::Retired) => break,
                Err(other) => panic!("{other:?}"),
            }
        }
        accepted
    });
    reader.close(RETIRED);
    reader.look().unwrap();
    let found = reader.count().unwrap();
    assert_eq!(writing.join().unwrap(), found);
    assert!(!reader.has_news());
}

fn checked(iterations: usize, check: impl Fn() + Send + Sync + 'static) {
    shuttle::check_random(check, iterations);
}

#[test]
fn no_message_is_lost_and_nobody_sleeps_over_one() {
    checked(4000, || writer_and_sleeping_reader(Mutation::None));
}

#[test]
fn a_closed_ring_keeps_what_was_accepted() {
    checked(4000, a_close_among_writes);
}

#[test]
fn the_model_notices_what_is_missing() {
    for mutation in [Mutation::NoFence, Mutation::CommitIsNoFence, Mutation::RingsAreLost] {
        let found = std::panic::catch_unwind(|| checked(4000, move || writer_and_sleeping_reader(mutation)));
        assert!(found.is_err(), "{mutation:?} was not noticed");
    }
}
