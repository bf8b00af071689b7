//! Waiting for another process to finish a step of a few microseconds.
//!
//! There is nothing to block on (a lock taken only to wait would make a dead entry look alive), so: yield, then sleep a
//! little longer each time, and give up after [`LIMIT`], for the other process may be stopped.

use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);
const LONGEST_NAP: Duration = Duration::from_millis(4);
const YIELDS: u32 = 32;

/// How long one operation has been waiting for others.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    since: Option<Instant>,
    rounds: u32,
}

impl Patience {
    /// Waits a little; `false` once it has been too long.
    pub(crate) fn wait(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() > LIMIT {
            return false;
        }
        self.rounds += 1;
        if self.rounds <= YIELDS {
            std::thread::yield_now();
        } else {
            let nap = Duration::from_micros(50) * 2u32.pow((self.rounds - YIELDS).min(7));
            std::thread::sleep(nap.min(LONGEST_NAP));
        }
        true
    }
}
