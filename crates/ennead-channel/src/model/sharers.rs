//! Several processes at one end, each of which may be killed at any scheduling point.

use std::collections::HashMap;
use std::sync::Mutex as Plain;

use shuttle::sync::{Arc, Condvar, Mutex};

use super::{Model, Mutation, World, connect, drain, step};
use crate::channel::Channel;
use crate::layout::Side;
use crate::sharing::Role;
use crate::system::{Common, Heard};
use crate::wait::Wait;

/// What the holders of one end have in common.
#[derive(Default)]
pub(super) struct Sharers {
    words: Plain<HashMap<usize, u64>>,
    rooms: [Room; 2],
    living: Plain<u32>,
}

#[derive(Default)]
struct Room {
    occupants: Mutex<u32>,
    left: Condvar,
}

#[derive(Default)]
pub(super) struct Process(Plain<Life>);

#[derive(Default)]
struct Life {
    /// How many steps are left, if it is to be killed.
    fuse: Option<u32>,
    occupied: [u32; 2],
    shares: bool,
    dead: bool,
}

impl Process {
    pub(super) fn light(&self, steps: u32) {
        self.0.lock().unwrap().fuse = Some(steps);
    }

    pub(super) fn is_dying(&self) {
        self.0.lock().unwrap().dead = true;
    }

    pub(super) fn is_dead(&self) -> bool {
        self.0.lock().unwrap().dead
    }

    pub(super) fn fuse_is_burnt(&self) -> bool {
        let fuse = &mut self.0.lock().unwrap().fuse;
        *fuse = fuse.map(|left| left.saturating_sub(1));
        *fuse == Some(0)
    }
}

impl Sharers {
    /// What the kernel does for a killed process.
    pub(super) fn bury(&self, process: &Process, mutation: Mutation) {
        let (occupied, shares) = {
            let mut life = process.0.lock().unwrap();
            (std::mem::take(&mut life.occupied), std::mem::take(&mut life.shares))
        };
        *self.living.lock().unwrap() -= u32::from(shares);
        for (room, count) in self.rooms.iter().zip(occupied) {
            if count > 0 && mutation != Mutation::DeathsAreLost {
                *room.occupants.lock().unwrap() -= count;
                room.left.notify_all();
            }
        }
    }
}

/// One process's view of that.
pub(super) struct ModelCommon {
    world: Arc<World>,
    side: Side,
    process: Arc<Process>,
}

pub(super) struct Occupant {
    world: Arc<World>,
    side: Side,
    process: Arc<Process>,
    role: Role,
}

impl ModelCommon {
    fn new(model: &Model) -> Self {
        *model.world.sharers[model.side as usize].living.lock().unwrap() += 1;
        model.process.0.lock().unwrap().shares = true;
        Self { world: model.world.clone(), side: model.side, process: model.process.clone() }
    }

    fn sharers(&self) -> &Sharers {
        &self.world.sharers[self.side as usize]
    }

    fn change(&self, at: usize, change: impl FnOnce(u64) -> u64) -> u64 {
        step(&self.world, self.side, &self.process);
        if self.process.is_dead() {
            return 0;
        }
        drain(&self.world, usize::MAX);
        let mut words = self.sharers().words.lock().unwrap();
        let word = words.entry(at).or_default();
        let old = *word;
        *word = change(old);
        old
    }
}

impl Common for ModelCommon {
    type Occupant = Occupant;

    fn load(&self, at: usize) -> u64 {
        step(&self.world, self.side, &self.process);
        self.sharers().words.lock().unwrap().get(&at).copied().unwrap_or(0)
    }

    fn store(&self, at: usize, value: u64) {
        self.change(at, |_| value);
    }

    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        self.change(at, |old| if old == expected { new } else { old }) == expected
    }

    fn set_bits(&self, at: usize, bits: u64) {
        self.change(at, |old| old | bits);
    }

    fn enter(&self, role: Role) -> std::io::Result<Occupant> {
        step(&self.world, self.side, &self.process);
        *self.sharers().rooms[role as usize].occupants.lock().unwrap() += 1;
        self.process.0.lock().unwrap().occupied[role as usize] += 1;
        Ok(Occupant { world: self.world.clone(), side: self.side, process: self.process.clone(), role })
    }

    fn wait_empty(&self, role: Role, wait: &Wait<'_>) -> std::io::Result<Heard> {
        step(&self.world, self.side, &self.process);
        drain(&self.world, usize::MAX);
        let room = &self.sharers().rooms[role as usize];
        let mut occupants = room.occupants.lock().unwrap();
        while *occupants > 0 {
            if matches!(wait, Wait::Never) {
                return Ok(Heard::TimedOut);
            }
            occupants = room.left.wait(occupants).unwrap();
        }
        Ok(Heard::Ring)
    }

    fn tell(&self) {
        let bell = &self.world.bells[self.side as usize];
        bell.state.lock().unwrap().0 += 1;
        bell.rung.notify_all();
    }

    fn leave(&self) -> bool {
        step(&self.world, self.side, &self.process);
        let mut living = self.sharers().living.lock().unwrap();
        *living -= u32::from(std::mem::take(&mut self.process.0.lock().unwrap().shares));
        *living == 0
    }
}

impl Drop for Occupant {
    fn drop(&mut self) {
        step(&self.world, self.side, &self.process);
        if self.process.is_dead() {
            return;
        }
        let room = &self.world.sharers[self.side as usize].rooms[self.role as usize];
        *room.occupants.lock().unwrap() -= 1;
        self.process.0.lock().unwrap().occupied[self.role as usize] -= 1;
        room.left.notify_all();
    }
}

/// One more holder of an end.
fn share(end: &Arc<Channel<Model>>) -> Arc<Channel<Model>> {
    if end.system.common.get().is_none() {
        end.begin_sharing(ModelCommon::new(&end.system)).unwrap();
    }
    let other = Model::new(&end.system.world, end.side);
    end.system.world.bells[end.side.other() as usize].state.lock().unwrap().1 += 1;
    assert!(other.common.set(ModelCommon::new(&other)).is_ok());
    let other = Channel::new(other, end.side, &crate::layout::Layout::of(end.framing, 64, 64));
    other.join_sharing();
    Arc::new(other)
}

mod checks {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use shuttle::rand::{Rng, thread_rng};
    use shuttle::thread;

    use super::*;
    use crate::channel::ReadMode;
    use crate::error::Fault;
    use crate::layout::Framing;

    type End = Arc<Channel<Model>>;

    /// Nobody waits for it: it may never end. (Shuttle has that for tasks, not for threads.)
    fn victim(work: impl FnOnce() + Send + 'static) -> shuttle::future::JoinHandle<()> {
        shuttle::future::spawn(async { work() })
    }

    fn write(end: &End, bytes: &[u8]) -> Result<(), Fault> {
        end.write(bytes, &Wait::Forever, &mut 0)
    }

    fn read(end: &End) -> Result<Vec<u8>, Fault> {
        let mut buffer = [0; 200];
        let received = end.read(&mut buffer, ReadMode::Message, &Wait::Forever)?;
        Ok(buffer[..received.bytes].to_vec())
    }

    /// Two processes read at one end, one of them is killed at any step. No message is read twice, the killed one takes at most one with it, the writer is never stuck.
    fn readers(mutation: Mutation) {
        let (client, server) = connect(Framing::Messages, 64, mutation);
        let other = share(&server);
        let got = Arc::new(Plain::new(Vec::new()));
        let reader = |end: End| {
            let got = got.clone();
            move || {
                while let Ok(message) = read(&end) {
                    assert_eq!(message, [message[0]; 20]);
                    got.lock().unwrap().push(message[0]);
                }
            }
        };
        let doomed = other.system.process.clone();
        doomed.light(thread_rng().gen_range(1..60));
        drop(victim(reader(other)));
        let survivor = thread::spawn(reader(server));
        for n in 0..5 {
            write(&client, &[n; 20]).unwrap();
        }
        client.flush(&Wait::Forever).unwrap();
        client.close();
        survivor.join().unwrap();
        let mut got = got.lock().unwrap().clone();
        got.sort_unstable();
        let all = got.len();
        got.dedup();
        assert!(all == got.len() && all >= 4, "{got:?}");
        doomed.is_dying();
    }

    /// Two processes write at one end, one of them is killed at any step. Messages are whole and in order, and the survivor's all arrive.
    fn writers(mutation: Mutation) {
        let (client, server) = connect(Framing::Messages, 64, mutation);
        let other = share(&server);
        let doomed = other.system.process.clone();
        doomed.light(thread_rng().gen_range(1..60));
        drop(victim(move || {
            for n in 0..3 {
                write(&other, &[n; 20]).unwrap();
            }
            other.close();
            // Its descriptors.
            other.system.die();
        }));
        let survivor = thread::spawn(move || {
            for n in 10..13 {
                write(&server, &[n; 20]).unwrap();
            }
            server.close();
            server.system.die();
        });
        let mut next = [0, 10];
        loop {
            match read(&client) {
                Ok(message) => {
                    let n = message[0];
                    assert_eq!(message, [n; 20]);
                    let expected = &mut next[usize::from(n >= 10)];
                    assert_eq!(n, *expected);
                    *expected += 1;
                }
                Err(Fault::Ended) => break,
                Err(fault) => panic!("{fault:?}"),
            }
        }
        assert_eq!(next[1], 13);
        survivor.join().unwrap();
        doomed.is_dying();
    }

    /// A writer is killed in a message larger than the ring: its successor and the peer both learn it, whoever waits.
    fn torn() {
        let (client, server) = connect(Framing::Messages, 64, Mutation::None);
        let other = share(&server);
        let doomed = other.system.process.clone();
        doomed.light(thread_rng().gen_range(1..80));
        drop(victim(move || {
            let _ = write(&other, &[1; 150]);
            other.system.die();
        }));
        let survivor = thread::spawn(move || {
            let outcome = write(&server, &[2; 10]);
            assert!(
                matches!(outcome, Ok(()) | Err(Fault::Torn | Fault::Ended | Fault::Broken)),
                "{outcome:?}"
            );
            server.close();
            server.system.die();
        });
        loop {
            match read(&client) {
                Ok(message) => assert!([vec![1; 150], vec![2; 10]].contains(&message)),
                Err(Fault::Ended | Fault::Torn) => break,
                Err(fault) => panic!("{fault:?}"),
            }
        }
        client.close();
        survivor.join().unwrap();
        doomed.is_dying();
    }

    /// Sharing begins beside operations that wait, have just begun, or just end.
    fn sharing_begins() {
        let (client, server) = connect(Framing::Messages, 64, Mutation::None);
        let (reading, writing) = (client.clone(), client.clone());
        let reader = thread::spawn(move || read(&reading).unwrap());
        let writer = thread::spawn(move || write(&writing, &[3; 100]).unwrap());
        let far = thread::spawn(move || {
            assert_eq!(read(&server).unwrap().len(), 100);
            write(&server, &[4; 5]).unwrap();
            write(&server, &[5; 5]).unwrap();
        });
        let other = share(&client);
        let (one, two) = (read(&other).unwrap(), reader.join().unwrap());
        assert_eq!(one[0] + two[0], 9);
        writer.join().unwrap();
        far.join().unwrap();
    }

    #[test]
    fn killed_readers_are_succeeded() {
        shuttle::check_random(|| readers(Mutation::None), 800);
        shuttle::check_pct(|| readers(Mutation::None), 300, 3);
    }

    #[test]
    fn killed_writers_are_succeeded() {
        shuttle::check_random(|| writers(Mutation::None), 800);
        shuttle::check_pct(|| writers(Mutation::None), 300, 3);
    }

    #[test]
    fn a_message_whose_writer_is_killed_is_torn() {
        shuttle::check_random(torn, 800);
    }

    #[test]
    fn sharing_begins_at_any_step() {
        shuttle::check_random(sharing_begins, 800);
        shuttle::check_pct(sharing_begins, 300, 3);
    }

    #[test]
    fn a_broken_world_is_noticed() {
        for mutation in [Mutation::RingsAreLost, Mutation::DeathsAreLost] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                shuttle::check_random(move || readers(mutation), 20_000);
            }));
            assert!(outcome.is_err(), "{mutation:?} was not noticed");
        }
    }
}
