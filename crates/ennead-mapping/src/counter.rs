//! A counter that others can sleep on, and that loses no wake-up to a kill.
//!
//! Bit 0 says that somebody sleeps, the rest counts. Sleepers set the bit before they sleep; whoever counts up clears it. With the bit clear that is a
//! compare-and-swap. With the bit set, one step of the kernel's adds 1, which clears the bit and counts, and wakes all: a process that is
//! killed has done both or nothing.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Instant;

use ennead_sys::futex::{self, Scope, Woken};

use crate::error::Reason;

const SLEEPERS: u32 = 1;

/// The counter. One process counts up at a time (it has a lock for that); any number read and sleep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counter<'a>(pub(crate) &'a AtomicU32);

impl Counter<'_> {
    /// The count, modulo 2³¹.
    pub(crate) fn count(self) -> u32 {
        self.0.load(Acquire) >> 1
    }

    /// Counts up, and wakes who sleeps. What was written before is seen by whoever sees the new count.
    pub(crate) fn advance(self) -> Result<(), Reason> {
        let mut word = self.0.load(Relaxed);
        while word & SLEEPERS == 0 {
            match self.0.compare_exchange_weak(word, word.wrapping_add(2), Release, Relaxed) {
                Ok(_) => return Ok(()),
                Err(found) => word = found,
            }
        }
        // A release, in the kernel: full barriers surround it.
        futex::add_and_wake(self.0, 1, Scope::Shared).map_err(Reason::system("wake the waiting processes"))
    }

    /// The word's value to sleep on while the count is `seen`, its sleepers' bit set; `None` if the count is another already.
    pub(crate) fn announce_sleep(self, seen: u32) -> Option<u32> {
        let sleeping = seen << 1 | SLEEPERS;
        match self.0.compare_exchange(seen << 1, sleeping, Relaxed, Acquire) {
            Ok(_) => Some(sleeping),
            Err(found) if found == sleeping => Some(sleeping),
            Err(_) => None,
        }
    }

    /// Sleeps until the count is not `seen` any more; `false` if the deadline came first.
    pub(crate) fn wait(self, seen: u32, deadline: Option<Instant>) -> Result<bool, Reason> {
        while let Some(word) = self.announce_sleep(seen) {
            let woken = futex::wait(self.0, word, Scope::Shared, deadline)
                .map_err(Reason::system("wait for a change"))?;
            if woken == Woken::TimedOut {
                return Ok(self.count() != seen);
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_wrap_and_sleepers_are_woken() {
        let word = AtomicU32::new(u32::MAX - 1);
        let counter = Counter(&word);
        assert_eq!(counter.count(), u32::MAX >> 1);
        counter.advance().unwrap();
        assert_eq!((counter.count(), word.load(Relaxed)), (0, 0));
        assert!(!counter.wait(0, Some(Instant::now())).unwrap());
        assert_eq!(word.load(Relaxed), 1, "the bit stays for whoever counts next");
        std::thread::scope(|scope| {
            let sleepers: Vec<_> = (0..3).map(|_| scope.spawn(|| counter.wait(0, None).unwrap())).collect();
            counter.advance().unwrap();
            assert!(sleepers.into_iter().all(|sleeper| sleeper.join().unwrap()));
        });
        assert_eq!(counter.count(), 1);
    }
}
