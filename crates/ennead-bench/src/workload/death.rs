//! How soon a blocked reader learns that its peer was killed, counted from the moment when the kernel closed the
//! dead process's descriptors.
//!
//! That moment is seen from outside: the victim also holds the writing ends of two FIFOs, opened first and last, so
//! that one of them is the first descriptor that the kernel closes, whichever way it goes through the table. A
//! witness thread, on a core of its own, spins until the first of them ends.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::round_trip::Talk;
use super::{End, Role, say, say_value, wait_for_go};
use crate::pattern::Direction;
use crate::placement::pin;
use crate::plan::Unit;

/// The FIFO that the victim opens before its connection.
pub const EARLY_WITNESS: &str = "early-witness";
/// The FIFO that the victim opens after its connection.
pub const LATE_WITNESS: &str = "late-witness";

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => survive(end),
        Role::Client => be_killed(end),
    }
}

fn survive(end: &End<'_>) -> Result<()> {
    // The reader shares the victim's core: the wake-up of another, idle core would be all that one measures.
    pin(&end.task.cores().client)?;
    let witness = |name| -> Result<File> {
        let path = end.task.place.join(name);
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        Ok(OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?)
    };
    let mut witnesses = [witness(EARLY_WITNESS)?, witness(LATE_WITNESS)?];
    let mut connection = end.accept_one()?;
    let mut talk = Talk::new(end);
    ensure!(talk.receive(connection.as_mut(), Direction::ToServer)?, "the victim ended too early");
    talk.send(connection.as_mut(), Direction::ToClient)?;
    thread::scope(|scope| {
        let witness = scope.spawn(|| -> Result<Instant> {
            pin(&end.task.cores().server)?;
            say("armed")?;
            loop {
                for witness in &mut witnesses {
                    if has_ended(witness)? {
                        return Ok(Instant::now());
                    }
                }
            }
        });
        // An orderly end and an error are both the news; a message would be neither.
        let heard_more = matches!(talk.receive(connection.as_mut(), Direction::ToServer), Ok(true));
        let news = Instant::now();
        ensure!(!heard_more, "the victim sent more than it was asked to");
        let close = match witness.join() {
            Ok(close) => close?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // The news may overtake the witness by one turn of its loop.
        say_value(Unit::Nanoseconds, news.saturating_duration_since(close).as_nanos() as f64)
    })
}

fn has_ended(witness: &mut File) -> Result<bool> {
    match witness.read(&mut [0]) {
        Ok(read) => Ok(read == 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn be_killed(end: &End<'_>) -> Result<()> {
    let open = |name| OpenOptions::new().write(true).open(end.task.place.join(name));
    let _early = open(EARLY_WITNESS)?;
    let mut connection = end.connect()?;
    let _late = open(LATE_WITNESS)?;
    wait_for_go()?;
    let mut talk = Talk::new(end);
    talk.send(connection.as_mut(), Direction::ToServer)?;
    ensure!(talk.receive(connection.as_mut(), Direction::ToClient)?, "the server ended too early");
    loop {
        thread::park();
    }
}
