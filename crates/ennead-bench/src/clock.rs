//! How long a round warms up and how long it counts.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The two parts of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Run, not counted: caches, branch predictors and adaptive waits settle.
    pub warm_up: Duration,
    /// Run and counted.
    pub measure: Duration,
}

/// Counts what happens in the measured part of a window that began at the first call of [`Meter::tick`].
#[derive(Debug)]
pub struct Meter {
    window: Window,
    warm_until: Option<Instant>,
    measured_from: Option<(Instant, u64)>,
    done: Option<(Duration, u64)>,
}

impl Meter {
    /// A meter that has not begun.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self { window, warm_until: None, measured_from: None, done: None }
    }

    /// Says that `total` units have happened since the beginning; returns whether the measured part is over.
    pub fn tick(&mut self, total: u64) -> bool {
        let now = Instant::now();
        match (self.warm_until, self.measured_from) {
            (None, _) => self.warm_until = Some(now + self.window.warm_up),
            (Some(until), None) if now >= until => self.measured_from = Some((now, total)),
            (Some(_), Some((from, before))) if self.done.is_none() => {
                let elapsed = now - from;
                if elapsed >= self.window.measure {
                    self.done = Some((elapsed, total - before));
                }
            }
            _ => {}
        }
        self.done.is_some()
    }

    /// Says that nothing more happens after `total` units. A measured part that a starved machine cut short counts if
    /// it reached a quarter of its length.
    pub fn end(&mut self, total: u64) {
        if let (Some((from, before)), None) = (self.measured_from, self.done) {
            let elapsed = from.elapsed();
            if elapsed >= self.window.measure / 4 && total > before {
                self.done = Some((elapsed, total - before));
            }
        }
    }

    /// Time and units of the measured part, once it is over.
    #[must_use]
    pub fn measured(&self) -> Option<(Duration, u64)> {
        self.done
    }

    /// Nanoseconds a unit, once the measured part is over.
    #[must_use]
    pub fn nanoseconds_each(&self) -> Option<f64> {
        self.done.map(|(time, units)| time.as_nanos() as f64 / units as f64)
    }

    /// Units a second, once the measured part is over.
    #[must_use]
    pub fn each_second(&self) -> Option<f64> {
        self.done.map(|(time, units)| units as f64 / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_the_warm_up_do_not_count() {
        let mut meter = Meter::new(Window { warm_up: Duration::ZERO, measure: Duration::ZERO });
        assert!(!meter.tick(0));
        assert!(!meter.tick(10));
        assert!(meter.tick(25));
        assert_eq!(meter.measured().map(|(_, units)| units), Some(15));
        assert!(meter.tick(99));
        assert_eq!(meter.measured().map(|(_, units)| units), Some(15), "the first end stands");
    }

    #[test]
    fn a_part_that_hardly_began_does_not_count() {
        let mut meter = Meter::new(Window { warm_up: Duration::ZERO, measure: Duration::from_secs(3600) });
        meter.tick(0);
        meter.tick(10);
        meter.end(25);
        assert_eq!(meter.measured(), None);
    }
}
