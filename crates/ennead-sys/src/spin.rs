//! How long to look before sleeping: as long as looking has paid.
//!
//! Only where the peer runs on another CPU. Waking an idle CPU costs some 50 µs, so a wait that ended within a few times that might have been spared; a look
//! that found nothing halves the budget, and probing again gets rarer each time that it did not pay.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The longest look, in microseconds.
const MOST: u32 = 60;
/// A sleep shorter than this might have been spared by looking.
const SPARED: u64 = 4 * MOST as u64;
/// The most sleeps between two probes.
const RAREST: u32 = 256;

/// The budget of one who waits again and again for the same thing. Races between threads only make it a little wrong.
#[derive(Debug)]
pub struct Spin {
    /// Microseconds.
    budget: AtomicU32,
    /// Short sleeps until the next probe.
    until_probe: AtomicU32,
    /// Short sleeps between probes.
    between_probes: AtomicU32,
}

impl Spin {
    /// With the whole budget.
    #[must_use]
    pub fn new() -> Self {
        Self {
            budget: AtomicU32::new(MOST),
            until_probe: AtomicU32::new(0),
            between_probes: AtomicU32::new(4),
        }
    }

    /// How long to look, in microseconds; 0: not at all.
    #[must_use]
    pub fn budget(&self) -> u64 {
        u64::from(self.budget.load(Relaxed))
    }

    /// Looking found what was waited for.
    pub fn paid(&self) {
        self.budget.store(MOST, Relaxed);
        self.between_probes.store(4, Relaxed);
    }

    /// Looking found nothing.
    pub fn failed(&self) {
        let budget = self.budget.load(Relaxed) / 4;
        self.budget.store(budget, Relaxed);
        if budget == 0 {
            let between = self.between_probes.load(Relaxed);
            self.until_probe.store(between, Relaxed);
            self.between_probes.store((between * 2).min(RAREST), Relaxed);
        }
    }

    /// A sleep ended after so many microseconds.
    pub fn slept(&self, microseconds: u64) {
        if microseconds < SPARED && self.budget.load(Relaxed) == 0 {
            match self.until_probe.load(Relaxed) {
                0 => self.budget.store(MOST, Relaxed),
                left => self.until_probe.store(left - 1, Relaxed),
            }
        }
    }
}

impl Default for Spin {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_that_does_not_pay_gets_rare() {
        let spin = Spin::new();
        let mut looks = 0;
        for _ in 0..10_000 {
            if spin.budget() > 0 {
                looks += 1;
                spin.failed();
            }
            spin.slept(10);
        }
        assert!(looks < 300, "{looks} looks in 10,000 waits");
    }

    #[test]
    fn looking_that_pays_goes_on() {
        let spin = Spin::new();
        while spin.budget() > 0 {
            spin.failed();
        }
        for _ in 0..=RAREST {
            spin.slept(10);
        }
        assert!(spin.budget() > 0);
        spin.paid();
        assert_eq!(spin.budget(), u64::from(MOST));
    }

    #[test]
    fn long_sleeps_do_not_bring_looking_back() {
        let spin = Spin::new();
        while spin.budget() > 0 {
            spin.failed();
        }
        for _ in 0..1000 {
            spin.slept(SPARED);
        }
        assert_eq!(spin.budget(), 0);
    }
}
