//! Open, the first byte there and its answer back, close. The answer makes the client wait for the server, so that
//! what is measured is the whole cost and not the depth of a backlog.

use anyhow::{Context, Result, ensure};

use super::{End, Role, say, say_value, wait_for_go};
use crate::clock::Meter;
use crate::pattern::{self, Direction};
use crate::plan::Unit;

pub fn run(end: &End<'_>, role: Role) -> Result<()> {
    match role {
        Role::Server => serve(end),
        Role::Client => open_and_close(end),
    }
}

/// The byte that asks the server to stop; the pattern's bytes are folded so as never to be it.
const STOP: u8 = 0xFF;

fn byte(sequence: u64, direction: Direction) -> u8 {
    let mut byte = [0];
    pattern::fill(&mut byte, sequence, direction);
    byte[0] & 0x7F
}

fn serve(end: &End<'_>) -> Result<()> {
    let mut listener = end.peer.listen(&end.task.place, &end.shape)?;
    say("listening")?;
    for sequence in 0.. {
        let mut connection = listener.accept()?;
        let mut buffer = [0];
        ensure!(connection.receive(&mut buffer)? == 1, "the client closed without a byte");
        if buffer[0] == STOP {
            break;
        }
        ensure!(
            buffer[0] == byte(sequence, Direction::ToServer),
            "connection {sequence} carried a wrong byte"
        );
        connection.send(&[byte(sequence, Direction::ToClient)])?;
        // The client's close, as a server that serves each client to its end.
        ensure!(connection.receive(&mut buffer)? == 0, "the client sent more than a byte");
    }
    Ok(())
}

fn open_and_close(end: &End<'_>) -> Result<()> {
    wait_for_go()?;
    let mut meter = Meter::new(end.task.window);
    let mut sequence = 0;
    while !meter.tick(sequence) {
        for _ in 0..4 {
            let mut connection = end.connect()?;
            connection.send(&[byte(sequence, Direction::ToServer)])?;
            let mut buffer = [0];
            ensure!(connection.receive(&mut buffer)? == 1, "the server closed without a byte");
            ensure!(
                buffer[0] == byte(sequence, Direction::ToClient),
                "connection {sequence} got a wrong byte"
            );
            sequence += 1;
        }
    }
    end.connect()?.send(&[STOP])?;
    say_value(Unit::Nanoseconds, meter.nanoseconds_each().context("the window did not end")?)
}
