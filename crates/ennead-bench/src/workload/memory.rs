//! Shared memory, by one process: open what another holds by its name, map it, touch a page, close it; and read a value that
//! a writer may be changing.

#![allow(unsafe_code, reason = "the peers are bare system calls and raw pointers")]

use std::hint::black_box;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use ennead_mapping::{FileMapping, MappingOptions, SeqCell, ViewAccess, rights};
use rustix::fs::{Mode, ftruncate};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use rustix::shm;
use shared_memory::{Shmem, ShmemConf};

use super::{End, Role, say, say_value, wait_for_go};
use crate::clock::Meter;
use crate::plan::Unit;

/// The size of what is opened.
const SIZE: usize = 64 * 1024;
/// The size of what is read.
const VALUE: usize = 256;
const NAME: &str = r"Local\ennead-bench";

/// Opens, maps, touches, closes.
pub fn touch(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => hold(end),
        Role::Client => {
            wait_for_go()?;
            let name = system_name(end)?;
            let nanoseconds = match end.task.peer.as_str() {
                "ennead" => repeat(end, 8, touch_ours)?,
                "shm-open" => repeat(end, 8, |turn| touch_bare(&name, turn))?,
                "shared_memory" => repeat(end, 8, |turn| touch_foreign(&name, turn))?,
                other => bail!("{other} is no memory that can be opened"),
            };
            // The holder may go.
            UnixStream::connect(door(end))?;
            say_value(Unit::Nanoseconds, nanoseconds)
        }
    }
}

/// What a holder has, by whatever means.
#[allow(dead_code, reason = "held, not used")]
enum Held {
    Ours(FileMapping),
    Bare,
    Foreign(Shmem),
}

fn hold(end: &End<'_>) -> Result<()> {
    let name = system_name(end)?;
    let held = match end.task.peer.as_str() {
        "ennead" => Held::Ours(MappingOptions::memory(SIZE as u64).create(NAME)?),
        "shm-open" => {
            let file = shm::open(&*name, shm::OFlags::CREATE | shm::OFlags::RDWR, Mode::RUSR | Mode::WUSR)?;
            ftruncate(&file, SIZE as u64)?;
            Held::Bare
        }
        "shared_memory" => Held::Foreign(ShmemConf::new().size(SIZE).os_id(&name).create()?),
        other => bail!("{other} is no memory that can be held"),
    };
    let door = UnixListener::bind(door(end))?;
    say("listening")?;
    let arrived = door.accept();
    if let Held::Bare = held {
        shm::unlink(&*name)?;
    }
    Ok(arrived.map(drop)?)
}

fn touch_ours(turn: u64) -> Result<()> {
    let mapping = FileMapping::open(NAME, rights::READ | rights::WRITE)?;
    Ok(mapping.view(ViewAccess::Write)?.write(0, &[turn as u8])?)
}

fn touch_bare(name: &str, turn: u64) -> Result<()> {
    let file = shm::open(name, shm::OFlags::RDWR, Mode::empty())?;
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a fresh mapping, written within its bounds, unmapped at once and used by nobody else.
    unsafe {
        let start = mmap(std::ptr::null_mut(), SIZE, protection, MapFlags::SHARED, &file, 0)?;
        start.cast::<u8>().write_volatile(turn as u8);
        munmap(start, SIZE)?;
    }
    Ok(())
}

fn touch_foreign(name: &str, turn: u64) -> Result<()> {
    let memory = ShmemConf::new().os_id(name).open()?;
    // SAFETY: mapped as long as `memory` lives, and larger than a byte.
    unsafe { memory.as_ptr().write_volatile(turn as u8) };
    Ok(())
}

/// Reads a value of 256 bytes, over and over.
pub fn read(end: &End<'_>, role: Role) -> Result<()> {
    if role == Role::Server {
        return say("listening");
    }
    wait_for_go()?;
    let value: [u8; VALUE] = std::array::from_fn(|at| at as u8);
    let nanoseconds = match end.task.peer.as_str() {
        "ennead" => {
            let memory = MappingOptions::memory(SIZE as u64).create(NAME)?;
            let cell = SeqCell::<[u8; VALUE]>::new(&Arc::new(memory.view(ViewAccess::Write)?), 0)?;
            cell.writer()?.write(&value)?;
            let mut read = [0; VALUE];
            repeat(end, 4096, |_| {
                cell.read_into(black_box(&mut read))?;
                ensure!(black_box(&read)[VALUE - 1] == value[VALUE - 1], "another value was read");
                Ok(())
            })?
        }
        "memcpy" => {
            let source = [value];
            let mut read = [0; VALUE];
            repeat(end, 4096, |_| {
                black_box(&mut read).copy_from_slice(black_box(&source[0]));
                ensure!(black_box(&read)[VALUE - 1] == value[VALUE - 1], "another value was read");
                Ok(())
            })?
        }
        other => bail!("{other} has nothing to read"),
    };
    say_value(Unit::Nanoseconds, nanoseconds)
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

/// A name for POSIX shared memory that no other run has.
fn system_name(end: &End<'_>) -> Result<String> {
    let place = end.task.place.to_str().context("the scratch directory has a strange name")?;
    Ok(format!("/{}", place.trim_matches('/').replace('/', "-")))
}
