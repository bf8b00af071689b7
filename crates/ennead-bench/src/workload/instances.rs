//! Many clients of one server process: the time to connect them, a message from each, and what they cost in memory
//! and descriptors.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{End, Role, say, say_value, wait_for_go};
use crate::pattern::{self, Direction};
use crate::plan::Unit;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    allow_descriptors(end.shape.connections as u64 * DESCRIPTORS_EACH + 64)?;
    match role {
        Role::Server => serve(end),
        Role::Client => connect_all(end),
    }
}

/// GROUND's promise for an idle connection, with one to spare for a listener.
const DESCRIPTORS_EACH: u64 = 4;

fn serve(end: &End<'_>) -> Result<()> {
    let before = Holdings::now()?;
    let mut listener = end.peer.listen(&end.task.place, &end.shape)?;
    say("listening")?;
    let mut clients = (0..end.shape.connections).map(|_| listener.accept()).collect::<Result<Vec<_>>>()?;
    let mut buffer = vec![0; end.shape.length];
    pattern::fill(&mut buffer, 0, Direction::ToClient);
    clients[0].send(&buffer)?;
    // Which client is which is the message's to say: instances need not be served in the clients' order.
    let mut seen = vec![false; clients.len()];
    for client in &mut clients {
        ensure!(client.receive(&mut buffer)? == buffer.len(), "a client ended without its message");
        let sequence = usize::try_from(u64::from_le_bytes(buffer[..8].try_into()?))?;
        let Some(seen) = seen.get_mut(sequence) else { bail!("a message names client {sequence}") };
        ensure!(!std::mem::replace(seen, true), "client {sequence} was heard twice");
        pattern::check(&buffer[8..], sequence as u64, Direction::ToServer)?;
    }
    before.say_what_was_gained()?;
    pattern::fill(&mut buffer, 1, Direction::ToClient);
    clients[0].send(&buffer)?;
    // Until the client has counted and closed.
    ensure!(clients[0].receive(&mut buffer)? == 0, "the first client sent more than one message");
    Ok(())
}

fn connect_all(end: &End<'_>) -> Result<()> {
    wait_for_go()?;
    let before = Holdings::now()?;
    let begun = Instant::now();
    let mut clients = (0..end.shape.connections).map(|_| end.connect()).collect::<Result<Vec<_>>>()?;
    let mut buffer = vec![0; end.shape.length];
    // The server greets when it has them all; whom it greets is the first that it took, which is ours by order.
    ensure!(clients[0].receive(&mut buffer)? == buffer.len(), "the server ended before its greeting");
    pattern::check(&buffer, 0, Direction::ToClient)?;
    let connected = Instant::now();
    for (sequence, client) in clients.iter_mut().enumerate() {
        buffer[..8].copy_from_slice(&(sequence as u64).to_le_bytes());
        pattern::fill(&mut buffer[8..], sequence as u64, Direction::ToServer);
        client.send(&buffer)?;
    }
    ensure!(clients[0].receive(&mut buffer)? == buffer.len(), "the server ended before it had heard all");
    pattern::check(&buffer, 1, Direction::ToClient)?;
    let heard = connected.elapsed();
    before.say_what_was_gained()?;
    say_value(Unit::Nanoseconds, (connected - begun).as_nanos() as f64)?;
    say_value(Unit::NanosecondsPerMessage, heard.as_nanos() as f64 / clients.len() as f64)
}

/// Raises the limit of descriptors as far as it goes; a mechanism for which that is not enough says so itself.
fn allow_descriptors(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let above = Rlimit { current: Some(wanted), maximum: limit.maximum.map(|maximum| maximum.max(wanted)) };
    if setrlimit(Resource::Nofile, above).is_ok() {
        return Ok(());
    }
    // Only a privileged process may pass the hard limit.
    let within = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, within)
        .with_context(|| format!("RLIMIT_NOFILE cannot be raised, neither to {wanted} nor to its hard limit"))
}

/// What this process holds.
struct Holdings {
    bytes: f64,
    descriptors: f64,
}

impl Holdings {
    fn now() -> Result<Self> {
        let rollup = fs::read_to_string("/proc/self/smaps_rollup")?;
        let kib = rollup
            .lines()
            .find_map(|line| line.strip_prefix("Pss:"))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<f64>().ok())
            .context("/proc/self/smaps_rollup has no Pss")?;
        Ok(Self { bytes: kib * 1024.0, descriptors: fs::read_dir("/proc/self/fd")?.count() as f64 })
    }

    fn say_what_was_gained(&self) -> Result<()> {
        let now = Self::now()?;
        say_value(Unit::Bytes, now.bytes - self.bytes)?;
        say_value(Unit::Descriptors, now.descriptors - self.descriptors)
    }
}
