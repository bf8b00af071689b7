//! Synchronization objects: a mutex that nobody else wants, two processes that wake each other, and waits for any of 64.

#![allow(unsafe_code, reason = "the peers are C's mutexes")]

use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use ennead_sync::{Event, EventOptions, MutexOptions, Outcome, Wait, Waitable, wait_any};
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;
use rustix::event::{EventfdFlags, epoll, eventfd};

use super::{End, Role, round_trip, say, say_value, wait_for_go};
use crate::clock::Meter;
use crate::plan::Unit;

/// How many objects the waits are for.
const MANY: usize = 64;

/// Locks and unlocks.
pub fn lock(end: &End<'_>, role: Role) -> Result<()> {
    if role == Role::Server {
        return say("listening");
    }
    wait_for_go()?;
    let nanoseconds = match end.task.peer.as_str() {
        "ennead" => {
            let mutex = MutexOptions::new().create(r"Local\ennead-bench")?;
            repeat(end, 4096, |_| {
                ensure!(mutex.wait(Wait::Forever)? == Outcome::Signaled(0), "the mutex is another's");
                Ok(mutex.release()?)
            })?
        }
        "pthread-robust" => {
            let mutex = Robust::new()?;
            repeat(end, 4096, |_| mutex.lock_and_unlock())?
        }
        other => bail!("{other} has no mutex"),
    };
    say_value(Unit::Nanoseconds, nanoseconds)
}

/// C's robust mutex in shared memory.
struct Robust(Mapping);

impl Robust {
    fn new() -> Result<Self> {
        let memory = Mapping::new(memfd::create_sealed("bench", 4096)?, 4096)?;
        let robust = Self(memory);
        // SAFETY: zeroed, aligned, shared memory of sufficient size; the attributes are initialised before they are used.
        let outcome = unsafe {
            let mut attributes = std::mem::zeroed();
            libc::pthread_mutexattr_init(&raw mut attributes);
            libc::pthread_mutexattr_setrobust(&raw mut attributes, libc::PTHREAD_MUTEX_ROBUST);
            libc::pthread_mutexattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED);
            libc::pthread_mutex_init(robust.at(), &raw const attributes)
        };
        ensure!(outcome == 0, "no robust mutex: {outcome}");
        Ok(robust)
    }

    fn at(&self) -> *mut libc::pthread_mutex_t {
        self.0.atomic_u64(0).as_ptr().cast()
    }

    fn lock_and_unlock(&self) -> Result<()> {
        // SAFETY: initialised by `new`, and mapped as long as `self` lives.
        let outcomes =
            unsafe { (libc::pthread_mutex_lock(self.at()), libc::pthread_mutex_unlock(self.at())) };
        ensure!(outcomes == (0, 0), "the mutex fails: {outcomes:?}");
        Ok(())
    }
}

/// Sets an event there and waits for the one that comes back.
pub fn ping_pong(end: &End<'_>, role: Role) -> Result<()> {
    if end.task.peer != "ennead" {
        return round_trip::run(end, role);
    }
    let event = |name: &str| EventOptions::new().create(&format!(r"Local\ennead-bench-{name}"));
    let (there, back) = (event("there")?, event("back")?);
    match role {
        Role::Server => {
            let door = UnixListener::bind(door(end))?;
            // Until the process ends.
            thread::spawn(move || while there.wait(Wait::Forever).is_ok() && back.set().is_ok() {});
            say("listening")?;
            Ok(door.accept().map(drop)?)
        }
        Role::Client => {
            wait_for_go()?;
            let nanoseconds = repeat(end, 16, |_| {
                there.set()?;
                ensure!(back.wait(Wait::Forever)? == Outcome::Signaled(0), "the event did not come");
                Ok(())
            })?;
            UnixStream::connect(door(end))?;
            say_value(Unit::Nanoseconds, nanoseconds)
        }
    }
}

/// 64 of which one is set, and one for the answer.
trait Many: Sync {
    fn set(&self, which: usize) -> Result<()>;
    /// Waits until one is set, takes it, and says which.
    fn wait(&self) -> Result<usize>;
}

struct Ours(Vec<Event>);

impl Many for Ours {
    fn set(&self, which: usize) -> Result<()> {
        Ok(self.0[which].set()?)
    }

    fn wait(&self) -> Result<usize> {
        let objects: [&dyn Waitable; MANY] = std::array::from_fn(|n| &self.0[n] as &dyn Waitable);
        match wait_any(&objects, Wait::Forever)? {
            Outcome::Signaled(which) => Ok(which),
            other => bail!("the wait ended with {other:?}"),
        }
    }
}

struct Epoll {
    set: OwnedFd,
    events: Vec<OwnedFd>,
}

impl Epoll {
    fn new() -> Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut events = Vec::new();
        for n in 0..MANY {
            let event = eventfd(0, EventfdFlags::CLOEXEC)?;
            epoll::add(&set, &event, epoll::EventData::new_u64(n as u64), epoll::EventFlags::IN)?;
            events.push(event);
        }
        Ok(Self { set, events })
    }
}

impl Many for Epoll {
    fn set(&self, which: usize) -> Result<()> {
        rustix::io::write(&self.events[which], &1u64.to_ne_bytes())?;
        Ok(())
    }

    fn wait(&self) -> Result<usize> {
        let mut ready = Vec::with_capacity(1);
        epoll::wait(&self.set, rustix::buffer::spare_capacity(&mut ready), None)?;
        let which = ready.first().context("epoll had nothing to tell")?.data.u64() as usize;
        rustix::io::read(&self.events[which], &mut [0; 8])?;
        Ok(which)
    }
}

fn many(end: &End<'_>) -> Result<Box<dyn Many>> {
    Ok(match end.task.peer.as_str() {
        "ennead" => {
            let event = |n: usize| EventOptions::new().create(&format!(r"Local\ennead-bench-{n}"));
            Box::new(Ours((0..MANY).map(event).collect::<Result<_, _>>()?))
        }
        "epoll" => Box::new(Epoll::new()?),
        other => bail!("{other} cannot wait for any of many"),
    })
}

/// Sets one and waits for it among all.
pub fn wait_signaled(end: &End<'_>, role: Role) -> Result<()> {
    if role == Role::Server {
        return say("listening");
    }
    wait_for_go()?;
    let many = many(end)?;
    let nanoseconds = repeat(end, 256, |turn| {
        let which = scattered(turn);
        many.set(which)?;
        ensure!(many.wait()? == which, "another one was set");
        Ok(())
    })?;
    say_value(Unit::Nanoseconds, nanoseconds)
}

/// One thread sets one of them; another, asleep for all, answers by an event of the same kind.
pub fn wait_blocked(end: &End<'_>, role: Role) -> Result<()> {
    if role == Role::Server {
        return say("listening");
    }
    wait_for_go()?;
    let (many, answer) = (many(end)?, Answer::new(end)?);
    let nanoseconds = thread::scope(|scope| {
        let waiter = scope.spawn(|| -> Result<()> {
            // The first one says that it is over.
            while many.wait()? != 0 {
                answer.give()?;
            }
            Ok(())
        });
        let nanoseconds = repeat(end, 16, |turn| {
            many.set(1 + scattered(turn) % (MANY - 1))?;
            answer.get()
        });
        many.set(0)?;
        match waiter.join() {
            Ok(done) => done.and(nanoseconds),
            Err(_) => bail!("the waiter panicked"),
        }
    })?;
    say_value(Unit::Nanoseconds, nanoseconds)
}

enum Answer {
    Ours(Event),
    Bare(OwnedFd),
}

impl Answer {
    fn new(end: &End<'_>) -> Result<Self> {
        Ok(match end.task.peer.as_str() {
            "ennead" => Self::Ours(EventOptions::new().create(r"Local\ennead-bench-answer")?),
            _ => Self::Bare(eventfd(0, EventfdFlags::CLOEXEC)?),
        })
    }

    fn give(&self) -> Result<()> {
        match self {
            Self::Ours(event) => Ok(event.set()?),
            Self::Bare(event) => Ok(rustix::io::write(event, &1u64.to_ne_bytes()).map(drop)?),
        }
    }

    fn get(&self) -> Result<()> {
        match self {
            Self::Ours(event) => Ok(event.wait(Wait::Forever).map(drop)?),
            Self::Bare(event) => Ok(rustix::io::read(event, &mut [0; 8]).map(drop)?),
        }
    }
}

/// All of them in an order that is none.
fn scattered(turn: u64) -> usize {
    (turn.wrapping_mul(37) % MANY as u64) as usize
}

/// Nanoseconds for one turn; the clock is read after so many.
fn repeat(end: &End<'_>, between: u64, mut act: impl FnMut(u64) -> Result<()>) -> Result<f64> {
    let mut meter = Meter::new(end.task.window);
    let mut turns = 0;
    while !meter.tick(turns) {
        for _ in 0..between {
            act(turns)?;
            turns += 1;
        }
    }
    meter.nanoseconds_each().context("the window did not end")
}

fn door(end: &End<'_>) -> PathBuf {
    end.task.place.join("door")
}
