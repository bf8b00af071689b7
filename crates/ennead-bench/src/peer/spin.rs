//! `spin`: one cache line that both ends watch without pause: the floor of whatever crosses between two cores.
//!
//! The turn counter is the whole conversation: even turns are the client's to move on, odd ones the server's.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;

use super::shared_word::{END, Page};
use super::{Connection, Listener, Peer, Prepared, Shape};
use crate::placement::Placement;
use crate::plan::Workload;

pub struct Spin;

impl Peer for Spin {
    fn name(&self) -> &'static str {
        "spin"
    }

    fn lacks(&self, _workload: Workload, placement: Placement) -> Option<&'static str> {
        (placement != Placement::TwoCores)
            .then_some("on one core, spinning only keeps the other end from running")
    }

    fn is_bare(&self) -> bool {
        true
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        let page = Page::create(place)?;
        Ok(Box::new(Prepared(Some(Box::new(Spinner { page, is_client: false, turn: 0 })))))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        Ok(Box::new(Spinner { page: Page::open(place)?, is_client: true, turn: 0 }))
    }
}

struct Spinner {
    page: Page,
    is_client: bool,
    turn: u32,
}

impl Spinner {
    /// Both ends share one word, and so one line.
    fn line(&self) -> &AtomicU32 {
        if self.is_client { self.page.theirs() } else { self.page.mine() }
    }
}

impl Connection for Spinner {
    fn send(&mut self, _message: &[u8]) -> Result<()> {
        self.turn = (self.turn + 1) % END;
        self.line().store(self.turn, Ordering::Release);
        Ok(())
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> Result<usize> {
        loop {
            let now = self.line().load(Ordering::Acquire);
            if now != self.turn {
                self.turn = now;
                return Ok(usize::from(now & END == 0));
            }
            std::hint::spin_loop();
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.line().fetch_or(END, Ordering::Release);
    }
}
