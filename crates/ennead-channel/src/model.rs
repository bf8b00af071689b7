//! The algorithm's world in the model checker (shuttle): the same code as on Linux, every interleaving that the scheduler tries, and a store buffer for each
//! thread, so that a store may become visible after a later load unless a fence or a locked instruction stands between: what processors really do.

mod checks;
mod sharers;

use std::collections::HashMap;
use std::sync::{Mutex as Plain, OnceLock};

use shuttle::rand::Rng;
use shuttle::sync::{Arc, Condvar, Mutex};
use shuttle::thread::{self, ThreadId};

use crate::channel::Channel;
use crate::layout::{CONTROL, Framing, Layout, Side};
use crate::system::{Heard, System, Word};
use crate::wait::Wait;
use sharers::{ModelCommon, Process, Sharers};

/// A way in which the world can be broken on purpose; each must make a check fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutation {
    None,
    NoFenceBeforeLookingAgain,
    NoFenceAfterCommit,
    HeavyFenceIsLight,
    RingsAreLost,
    WakesAreLost,
    OwnRingsAreLost,
    /// Nobody hears of a killed process.
    DeathsAreLost,
}

struct World {
    /// The file's bytes; a scheduling point stands before each access.
    bytes: Plain<Vec<u8>>,
    /// Stores that are not visible yet, oldest first.
    buffers: Plain<HashMap<ThreadId, Vec<Store>>>,
    bells: [Bell; 2],
    sharers: [Sharers; 2],
    mutation: Mutation,
}

/// A store that only its own thread sees yet.
enum Store {
    /// To shared memory.
    Shared(usize, u64),
    /// To a word of the process.
    Own(Arc<Plain<u32>>, u32),
}

impl Store {
    fn apply(self, bytes: &Plain<Vec<u8>>) {
        match self {
            Self::Shared(at, value) => {
                bytes.lock().unwrap()[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            Self::Own(word, value) => *word.lock().unwrap() = value,
        }
    }
}

struct Bell {
    /// How often it was rung, and how many ringers there are. Every listening process hears every ring.
    state: Mutex<(u32, u32)>,
    rung: Condvar,
}

/// One process at one end, and its view of the world.
struct Model {
    world: Arc<World>,
    side: Side,
    process: Arc<Process>,
    /// How many rings this process has heard.
    heard: Mutex<u32>,
    common: OnceLock<ModelCommon>,
}

struct ModelWord {
    value: Arc<Plain<u32>>,
    /// Where sleepers wait; to lock it is the scheduling point before each access.
    sleepers: Mutex<()>,
    woken: Condvar,
}

/// The two ends of a connection with tiny rings.
fn connect(
    framing: Framing,
    capacity: u64,
    mutation: Mutation,
) -> (Arc<Channel<Model>>, Arc<Channel<Model>>) {
    let layout = Layout::of(framing, capacity, capacity);
    let bell = || Bell { state: Mutex::new((0, 1)), rung: Condvar::new() };
    let world = Arc::new(World {
        bytes: Plain::new(vec![0; layout.size()]),
        buffers: Plain::default(),
        bells: [bell(), bell()],
        sharers: Default::default(),
        mutation,
    });
    let end = |side| Arc::new(Channel::new(Model::new(&world, side), side, &layout));
    (end(Side::Client), end(Side::Server))
}

impl Model {
    fn new(world: &Arc<World>, side: Side) -> Self {
        Self {
            world: world.clone(),
            side,
            process: Arc::default(),
            heard: Mutex::new(0),
            common: OnceLock::new(),
        }
    }

    /// What happens when the process dies: its descriptors are closed, nothing else.
    fn die(&self) {
        die(&self.world, self.side, &self.process);
    }

    fn buffer(&self, store: Store) {
        self.world.buffers.lock().unwrap().entry(thread::current().id()).or_default().push(store);
    }

    /// Makes up to `most` of this thread's stores visible.
    fn drain(&self, most: usize) {
        drain(&self.world, most);
    }

    fn step(&self) {
        step(&self.world, self.side, &self.process);
    }
}

fn die(world: &World, side: Side, process: &Process) {
    process.is_dying();
    drain(world, usize::MAX);
    world.sharers[side as usize].bury(process, world.mutation);
    let bell = &world.bells[side.other() as usize];
    bell.state.lock().unwrap().1 -= 1;
    bell.rung.notify_all();
}

fn drain(world: &World, most: usize) {
    let due: Vec<Store> = {
        let mut buffers = world.buffers.lock().unwrap();
        let buffer = buffers.entry(thread::current().id()).or_default();
        let count = buffer.len().min(most);
        buffer.drain(..count).collect()
    };
    due.into_iter().for_each(|store| store.apply(&world.bytes));
}

/// A scheduling point, at which some older stores may become visible, and the process may be killed.
fn step(world: &World, side: Side, process: &Process) {
    if process.is_dead() {
        // Shuttle drops what is left.
        return;
    }
    thread::yield_now();
    if shuttle::rand::thread_rng().gen_bool(0.3) {
        drain(world, 1);
    }
    if process.fuse_is_burnt() {
        die(world, side, process);
        // The thread does nothing any more, not even drop what it has.
        loop {
            thread::park();
        }
    }
}

impl System for Model {
    type Word = ModelWord;
    type Common = ModelCommon;

    fn common(&self) -> Option<&ModelCommon> {
        self.common.get()
    }

    fn set_common(&self, common: ModelCommon) {
        assert!(self.common.set(common).is_ok());
    }

    fn load(&self, at: usize) -> u64 {
        self.step();
        let buffers = self.world.buffers.lock().unwrap();
        let own = buffers.get(&thread::current().id());
        let newest = own.and_then(|own| {
            own.iter().rev().find_map(|store| match store {
                Store::Shared(place, value) if *place == at => Some(*value),
                _ => None,
            })
        });
        if let Some(value) = newest {
            return value;
        }
        drop(buffers);
        u64::from_le_bytes(self.world.bytes.lock().unwrap()[at..at + 8].try_into().unwrap())
    }

    fn store(&self, at: usize, value: u64) {
        self.step();
        self.buffer(Store::Shared(at, value));
    }

    fn commit(&self, at: usize, value: u64) {
        self.store(at, value);
        let announces = Layout::of(Framing::Bytes, 64, 64).inbound(self.side).reader_sleeps() == at;
        let without =
            if announces { Mutation::NoFenceBeforeLookingAgain } else { Mutation::NoFenceAfterCommit };
        if self.world.mutation != without {
            self.drain(usize::MAX);
        }
    }

    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        self.step();
        self.drain(usize::MAX);
        let mut bytes = self.world.bytes.lock().unwrap();
        let same = bytes[at..at + 8] == expected.to_le_bytes();
        if same {
            bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
        }
        same
    }

    fn set_bits(&self, at: usize, bits: u64) {
        self.step();
        self.drain(usize::MAX);
        let mut bytes = self.world.bytes.lock().unwrap();
        let old = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        bytes[at..at + 8].copy_from_slice(&(old | bits).to_le_bytes());
    }

    fn fence(&self) {
        if self.world.mutation != Mutation::NoFenceBeforeLookingAgain {
            self.drain(usize::MAX);
        }
    }

    fn light_fence(&self) {
        self.step();
    }

    fn heavy_fence(&self) {
        self.step();
        if self.world.mutation == Mutation::HeavyFenceIsLight {
            return self.drain(usize::MAX);
        }
        let all: Vec<Store> =
            self.world.buffers.lock().unwrap().values_mut().flat_map(std::mem::take).collect();
        all.into_iter().for_each(|store| store.apply(&self.world.bytes));
    }

    fn peek(&self, word: &ModelWord) -> u32 {
        self.step();
        let newest = self.world.buffers.lock().unwrap().get(&thread::current().id()).and_then(|own| {
            own.iter().rev().find_map(|store| match store {
                Store::Own(place, value) if Arc::ptr_eq(place, &word.value) => Some(*value),
                _ => None,
            })
        });
        newest.unwrap_or_else(|| word.load())
    }

    fn put(&self, word: &ModelWord, value: u32) {
        self.step();
        self.buffer(Store::Own(Arc::clone(&word.value), value));
    }

    fn thread_number(&self) -> u32 {
        u32::try_from(usize::from(thread::current().id())).unwrap() + 1
    }

    fn copy_out(&self, at: usize, to: &mut [u8]) {
        assert!(at >= CONTROL);
        self.step();
        to.copy_from_slice(&self.world.bytes.lock().unwrap()[at..at + to.len()]);
    }

    fn copy_in(&self, at: usize, from: &[u8]) {
        assert!(at >= CONTROL);
        self.step();
        self.world.bytes.lock().unwrap()[at..at + from.len()].copy_from_slice(from);
    }

    fn expect_write(&self, _at: usize) {}

    fn expect_read(&self, _at: usize) {}

    fn ring(&self) {
        // Who hears a ring sees what was stored before it: the kernel's pipe has a lock.
        self.drain(usize::MAX);
        if self.world.mutation != Mutation::RingsAreLost {
            let bell = &self.world.bells[self.side.other() as usize];
            bell.state.lock().unwrap().0 += 1;
            bell.rung.notify_all();
        }
    }

    fn listen(&self, _wait: &Wait<'_>) -> std::io::Result<Heard> {
        self.drain(usize::MAX);
        let bell = &self.world.bells[self.side as usize];
        let mut state = bell.state.lock().unwrap();
        loop {
            let mut heard = self.heard.lock().unwrap();
            if *heard != state.0 {
                *heard = state.0;
                return Ok(Heard::Ring);
            }
            drop(heard);
            if state.1 == 0 {
                return Ok(Heard::End);
            }
            state = bell.rung.wait(state).unwrap();
        }
    }

    fn take_ring(&self) -> Option<Heard> {
        let state = *self.world.bells[self.side as usize].state.lock().unwrap();
        let mut heard = self.heard.lock().unwrap();
        if *heard != state.0 {
            *heard = state.0;
            return Some(Heard::Ring);
        }
        (state.1 == 0).then_some(Heard::End)
    }

    fn peer_is_gone(&self) -> bool {
        self.world.bells[self.side as usize].state.lock().unwrap().1 == 0
    }

    fn ring_self(&self) {
        if self.world.mutation != Mutation::OwnRingsAreLost {
            let bell = &self.world.bells[self.side as usize];
            bell.state.lock().unwrap().0 += 1;
            bell.rung.notify_all();
        }
    }

    fn sleep(&self, word: &ModelWord, expected: u32, _wait: &Wait<'_>) -> std::io::Result<Heard> {
        self.drain(usize::MAX);
        let sleepers = word.sleepers.lock().unwrap();
        let value = *word.value.lock().unwrap();
        if value == expected {
            drop(word.woken.wait(sleepers).unwrap());
        }
        Ok(Heard::Ring)
    }

    fn wake(&self, word: &ModelWord) {
        if self.world.mutation != Mutation::WakesAreLost {
            // As in the kernel: under the lock under which a sleeper compares.
            let _sleepers = word.sleepers.lock().unwrap();
            word.woken.notify_all();
        }
    }

    fn cpu(&self) -> u32 {
        0
    }

    fn ticks(&self) -> u64 {
        0
    }

    fn moment(&self) -> u64 {
        0
    }

    fn spin_hint(&self) {}
}

impl ModelWord {
    fn change(&self, change: impl FnOnce(u32) -> u32) -> u32 {
        let _point = self.sleepers.lock().unwrap();
        let mut value = self.value.lock().unwrap();
        let old = *value;
        *value = change(old);
        old
    }
}

impl Word for ModelWord {
    fn new(value: u32) -> Self {
        Self { value: Arc::new(Plain::new(value)), sleepers: Mutex::default(), woken: Condvar::new() }
    }

    fn load(&self) -> u32 {
        self.change(|value| value)
    }

    fn exchange(&self, expected: u32, new: u32) -> bool {
        self.change(|old| if old == expected { new } else { old }) == expected
    }

    fn swap(&self, new: u32) -> u32 {
        self.change(|_| new)
    }

    fn add(&self, value: u32) -> u32 {
        self.change(|old| old.wrapping_add(value))
    }

    fn or(&self, bits: u32) -> u32 {
        self.change(|old| old | bits)
    }
}
