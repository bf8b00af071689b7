//! The client sends as fast as it can, the server reads, checks and counts: what is measured has arrived.

use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{End, Role, say, say_value, wait_for_go};
use crate::clock::Meter;
use crate::pattern::{self, Direction};
use crate::peer::{Connection, Framing};
use crate::plan::Unit;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => {
            let mut connection = end.accept_one()?;
            let meter = receive_all(end, connection.as_mut())?;
            let pieces = meter.each_second().context("the sender ended before the receiver's window did")?;
            match end.task.workload.unit(end.task.placement) {
                Unit::BytesPerSecond => say_value(Unit::BytesPerSecond, pieces * end.shape.length as f64),
                unit => say_value(unit, pieces),
            }
        }
        Role::Client => {
            let mut connection = end.connect()?;
            wait_for_go()?;
            send_for_the_window(end, connection.as_mut())
        }
    }
}

/// How often the clock is read.
const BETWEEN_TICKS: u64 = 16;

pub fn receive_all(end: &End<'_>, connection: &mut dyn Connection) -> Result<Meter> {
    let mut buffer = vec![0; end.shape.length];
    let mut meter = Meter::new(end.task.window);
    let mut sequence = 0;
    while receive_piece(end, connection, &mut buffer)? {
        pattern::check(&buffer, sequence, Direction::ToServer)?;
        sequence += 1;
        if sequence % BETWEEN_TICKS == 0 {
            meter.tick(sequence);
        }
    }
    meter.end(sequence);
    say(&format!("checked {sequence}"))?;
    Ok(meter)
}

/// Reads one message, or as much of a stream as was written at a time; false is the end.
fn receive_piece(end: &End<'_>, connection: &mut dyn Connection, buffer: &mut [u8]) -> Result<bool> {
    let mut have = connection.receive(buffer)?;
    if have == 0 {
        return Ok(false);
    }
    while have < buffer.len() && end.shape.framing == Framing::Bytes {
        let more = connection.receive(&mut buffer[have..])?;
        ensure!(more > 0, "the stream ended {have} bytes into a piece of {}", buffer.len());
        have += more;
    }
    ensure!(have == buffer.len(), "a message of {have} bytes, expected {}", buffer.len());
    Ok(true)
}

/// Sends somewhat longer than the receiver counts, for its window begins later.
pub fn send_for_the_window(end: &End<'_>, connection: &mut dyn Connection) -> Result<()> {
    let window = end.task.window;
    let enough = window.warm_up + window.measure + window.measure / 4 + std::time::Duration::from_millis(50);
    let mut buffer = vec![0; end.shape.length];
    let begun = Instant::now();
    let mut sequence = 0;
    while sequence % BETWEEN_TICKS != 0 || begun.elapsed() < enough {
        pattern::fill(&mut buffer, sequence, Direction::ToServer);
        connection.send(&buffer)?;
        sequence += 1;
    }
    say(&format!("sent {sequence}"))
}
