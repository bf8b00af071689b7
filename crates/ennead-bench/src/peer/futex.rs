//! `futex`: a word each way and a futex on it, a bare wake-up: the floor of whatever sleeps in the kernel.

use std::path::Path;
use std::sync::atomic::Ordering;

use anyhow::Result;
use ennead_sys::futex::{self, Scope};

use super::shared_word::{END, Page};
use super::{Connection, Listener, Peer, Prepared, Shape};

pub struct Futex;

impl Peer for Futex {
    fn name(&self) -> &'static str {
        "futex"
    }

    fn is_bare(&self) -> bool {
        true
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        Ok(Box::new(Prepared(Some(Box::new(Sleeper { page: Page::create(place)?, seen: 0 })))))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        Ok(Box::new(Sleeper { page: Page::open(place)?, seen: 0 }))
    }
}

struct Sleeper {
    page: Page,
    seen: u32,
}

impl Connection for Sleeper {
    fn send(&mut self, _message: &[u8]) -> Result<()> {
        self.page.mine().fetch_add(1, Ordering::Release);
        futex::wake(self.page.mine(), 1, Scope::Shared);
        Ok(())
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> Result<usize> {
        loop {
            let now = self.page.theirs().load(Ordering::Acquire);
            if now != self.seen {
                self.seen = now;
                return Ok(usize::from(now & END == 0));
            }
            futex::wait(self.page.theirs(), now, Scope::Shared, None)?;
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.page.mine().fetch_or(END, Ordering::Release);
        futex::wake(self.page.mine(), 1, Scope::Shared);
    }
}
