//! What an end process does. Each workload is written once, over [`Connection`].
//!
//! An end says on its standard output, a line each: `listening` (a client may come), `connected` (it then waits for
//! a line on its standard input before it begins), `armed` (kill the peer now), `value UNIT NUMBER`, `failed WHY`.

mod blocked;
mod connect;
mod death;
mod gather;
mod idle;
mod instances;
mod memory;
mod objects;
mod one_way;
mod round_trip;
#[cfg(test)]
mod tests;

pub use death::{EARLY_WITNESS, LATE_WITNESS};

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::clock::Window;
use crate::peer::{self, Connection, Peer, Shape};
use crate::placement::{Cores, Placement, pin};
use crate::plan::{Unit, Workload};

/// Which end of the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Listens, and is started first.
    Server,
    /// Connects.
    Client,
}

/// What one end process is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Which end this is.
    pub role: Role,
    /// The workload.
    pub workload: Workload,
    /// Where the pair runs.
    pub placement: Placement,
    /// The cores of that placement, the server's and the client's.
    pub cores: (Vec<usize>, Vec<usize>),
    /// The contender's name.
    pub peer: String,
    /// The scratch directory where the two ends meet.
    pub place: PathBuf,
    /// How long the round warms up and counts.
    pub window: Window,
    /// How long the reader of [`Workload::Blocked10s`] stays blocked.
    pub blocked_for: Duration,
}

impl Task {
    /// The cores of the pair.
    #[must_use]
    pub fn cores(&self) -> Cores {
        Cores { server: self.cores.0.clone(), client: self.cores.1.clone() }
    }

    fn shape(&self) -> Shape {
        self.workload.shape(self.placement)
    }
}

/// One end at work: its task, its contender, and its line to the process that started it.
pub struct End<'a> {
    task: &'a Task,
    peer: &'static dyn Peer,
    shape: Shape,
}

/// Does what a task says, as the process that was started for it.
///
/// # Errors
/// Whatever went wrong, a corrupt payload first of all.
pub fn run(task: &Task) -> Result<()> {
    let end = End { task, peer: peer::named(&task.peer)?, shape: task.shape() };
    let cores = task.cores();
    pin(match task.role {
        Role::Server => &cores.server,
        Role::Client => &cores.client,
    })?;
    match (task.workload, task.role) {
        (Workload::Rtt64B | Workload::Rtt4KiB, role) => round_trip::run(&end, role),
        (Workload::Oversubscribed, role) if task.placement == Placement::FourPairs => {
            round_trip::run(&end, role)
        }
        (Workload::Oversubscribed, role) => idle::run(&end, role),
        (Workload::Stream64KiB | Workload::Msg1KiB, role) => one_way::run(&end, role),
        (Workload::Msg256B | Workload::Msg256B8Writers, role) => gather::run(&end, role),
        (Workload::OpenMapTouch, role) => memory::touch(&end, role),
        (Workload::Seqlock256B, role) => memory::read(&end, role),
        (Workload::MutexUncontended, role) => objects::lock(&end, role),
        (Workload::EventPingPong, role) => objects::ping_pong(&end, role),
        (Workload::WaitAny64Blocked, role) => objects::wait_blocked(&end, role),
        (Workload::WaitAny64Signaled, role) => objects::wait_signaled(&end, role),
        (Workload::Connect, role) => connect::run(&end, role),
        (Workload::Instances5000, role) => instances::run(&end, role),
        (Workload::PeerDeath, role) => death::run(&end, role),
        (Workload::Blocked10s, role) => blocked::run(&end, role),
    }
}

impl End<'_> {
    /// A server for one connection: listens, says so, waits for the client.
    fn accept_one(&self) -> Result<Box<dyn Connection>> {
        let mut listener = self.peer.listen(&self.task.place, &self.shape)?;
        say("listening")?;
        listener.accept()
    }

    fn connect(&self) -> Result<Box<dyn Connection>> {
        self.peer.connect(&self.task.place, &self.shape)
    }
}

/// Says one line to the process that started this one.
fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("nobody listens to this end any more")
}

/// Says that this client is connected, and waits until it may begin.
fn wait_for_go() -> Result<()> {
    say("connected")?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    ensure!(!line.is_empty(), "this end was told to stop before it began");
    Ok(())
}

fn say_value(unit: Unit, value: f64) -> Result<()> {
    say(&format!("value {} {value}", unit.name()))
}
