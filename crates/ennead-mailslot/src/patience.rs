//! Waiting for another process to finish a step that takes microseconds, unless it was stopped in the middle of it.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Reason;

/// A budget of ten seconds: spins, then yields, then naps.
#[derive(Debug)]
pub(crate) struct Patience {
    rounds: u32,
    end: Option<Instant>,
}

impl Patience {
    pub fn new() -> Self {
        Self { rounds: 0, end: None }
    }

    /// Waits a little. An error when the budget is spent.
    pub fn wait(&mut self) -> Result<(), Reason> {
        self.rounds += 1;
        match self.rounds {
            ..=50 => thread::yield_now(),
            _ => {
                let end = *self.end.get_or_insert_with(|| Instant::now() + Duration::from_secs(10));
                if Instant::now() >= end {
                    let source = io::Error::from(io::ErrorKind::ResourceBusy);
                    return Err(Reason::System { step: "wait for a process that stopped", source });
                }
                thread::sleep(Duration::from_micros(200));
            }
        }
        Ok(())
    }
}
