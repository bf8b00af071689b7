//! A message there, another one back, checked at both ends.

use anyhow::{Context, Result, ensure};

use super::{End, Role, say_value, wait_for_go};
use crate::clock::Meter;
use crate::pattern::{self, Direction};
use crate::peer::Connection;
use crate::plan::Unit;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => {
            let mut connection = end.accept_one()?;
            answer(end, connection.as_mut())
        }
        Role::Client => {
            let mut connection = end.connect()?;
            wait_for_go()?;
            let nanoseconds = ask(end, connection.as_mut())?;
            match end.task.workload.unit(end.task.placement) {
                Unit::RoundTripsPerSecond => say_value(Unit::RoundTripsPerSecond, 1e9 / nanoseconds),
                unit => say_value(unit, nanoseconds),
            }
        }
    }
}

/// How often the clock is read: often enough for the slowest peer, seldom enough for the fastest.
const BETWEEN_TICKS: u64 = 16;

/// Asks until the window is over; returns nanoseconds for one round trip.
pub fn ask(end: &End<'_>, connection: &mut dyn Connection) -> Result<f64> {
    let mut talk = Talk::new(end);
    let mut meter = Meter::new(end.task.window);
    while !meter.tick(talk.sequence) {
        for _ in 0..BETWEEN_TICKS {
            talk.send(connection, Direction::ToServer)?;
            ensure!(talk.receive(connection, Direction::ToClient)?, "the server ended before the client");
            talk.sequence += 1;
        }
    }
    meter.nanoseconds_each().context("the window did not end")
}

/// Answers each message until the client ends.
pub fn answer(end: &End<'_>, connection: &mut dyn Connection) -> Result<()> {
    let mut talk = Talk::new(end);
    while talk.receive(connection, Direction::ToServer)? {
        talk.send(connection, Direction::ToClient)?;
        talk.sequence += 1;
    }
    Ok(())
}

/// A conversation of messages of one size; both ends count it.
pub struct Talk {
    buffer: Vec<u8>,
    bare: bool,
    sequence: u64,
}

impl Talk {
    pub fn new(end: &End<'_>) -> Self {
        Self { buffer: vec![0; end.shape.length], bare: end.peer.is_bare(), sequence: 0 }
    }

    pub fn send(&mut self, connection: &mut dyn Connection, direction: Direction) -> Result<()> {
        if self.bare {
            return connection.send(&[]);
        }
        pattern::fill(&mut self.buffer, self.sequence, direction);
        connection.send(&self.buffer)
    }

    /// Receives and checks one message; false is the end.
    pub fn receive(&mut self, connection: &mut dyn Connection, direction: Direction) -> Result<bool> {
        let length = connection.receive(&mut self.buffer)?;
        if length == 0 || self.bare {
            return Ok(length != 0);
        }
        ensure!(length == self.buffer.len(), "a message of {length} bytes, expected {}", self.buffer.len());
        pattern::check(&self.buffer, self.sequence, direction)?;
        Ok(true)
    }
}
