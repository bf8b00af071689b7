//! Writers send as fast as they can to one reader, who checks and counts: what is measured has arrived.
//!
//! A message begins with its writer's number; the rest is the pattern. A writer ends with an empty message.

use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};

use super::{End, Role, say, say_value, wait_for_go};
use crate::clock::Meter;
use crate::pattern::{self, Direction};
use crate::peer::Connection;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => {
            let mut connection = end.accept_one()?;
            let meter = receive_all(end, connection.as_mut())?;
            let messages = meter.each_second().context("the writers ended before the reader's window did")?;
            say_value(end.task.workload.unit(end.task.placement), messages)
        }
        Role::Client => {
            wait_for_go()?;
            thread::scope(|scope| {
                let writers: Vec<_> = (0..end.shape.writers)
                    .map(|number| scope.spawn(move || write(end, number as u64)))
                    .collect();
                writers
                    .into_iter()
                    .try_for_each(|writer| writer.join().map_err(|_| anyhow!("a writer panicked"))?)
            })
        }
    }
}

/// How often the clock is read.
const BETWEEN_TICKS: u64 = 16;
/// How long the writer's number is.
const NUMBER: usize = 8;

fn receive_all(end: &End<'_>, connection: &mut dyn Connection) -> Result<Meter> {
    let mut buffer = vec![0; end.shape.length];
    let mut meter = Meter::new(end.task.window);
    let mut sequences = vec![0; end.shape.writers];
    let (mut received, mut ended) = (0, 0);
    while ended < end.shape.writers {
        let have = connection.receive(&mut buffer)?;
        if have == 0 {
            ended += 1;
            continue;
        }
        ensure!(have == buffer.len(), "a message of {have} bytes, expected {}", buffer.len());
        let (number, pattern) = buffer.split_first_chunk::<NUMBER>().context("a message too short")?;
        let number = usize::try_from(u64::from_le_bytes(*number))?;
        let sequence = sequences.get_mut(number).with_context(|| format!("no writer has number {number}"))?;
        pattern::check(pattern, *sequence, Direction::ToServer)?;
        *sequence += 1;
        received += 1;
        if received % BETWEEN_TICKS == 0 {
            meter.tick(received);
        }
    }
    meter.end(received);
    say(&format!("checked {received}"))?;
    Ok(meter)
}

/// Sends somewhat longer than the reader counts, for its window begins later.
fn write(end: &End<'_>, number: u64) -> Result<()> {
    let mut connection = end.connect()?;
    let window = end.task.window;
    let enough = window.warm_up + window.measure + window.measure / 4 + std::time::Duration::from_millis(50);
    let mut buffer = vec![0; end.shape.length];
    buffer[..NUMBER].copy_from_slice(&number.to_le_bytes());
    let begun = Instant::now();
    let mut sequence = 0;
    while sequence % BETWEEN_TICKS != 0 || begun.elapsed() < enough {
        pattern::fill(&mut buffer[NUMBER..], sequence, Direction::ToServer);
        connection.send(&buffer)?;
        sequence += 1;
    }
    Ok(())
}
