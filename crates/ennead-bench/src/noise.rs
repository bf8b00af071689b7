//! How quiet the machine is: what a spinning thread loses, and what the hypervisor took.

use std::fmt;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::placement::{allowed, pin};

/// What one core lost while a thread of ours did nothing but read the clock there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoreNoise {
    /// The core.
    pub core: usize,
    /// The longest time between two readings.
    pub longest_gap: Duration,
    /// The part of the time, 0 to 1, that went into gaps of over 5 µs.
    pub lost: f64,
}

/// The machine before a run.
#[derive(Debug, Clone)]
pub struct Noise {
    /// The first two cores that this process may use, each alone in turn.
    pub cores: Vec<CoreNoise>,
    /// The load average of the last minute, if the system tells it.
    pub load: Option<f64>,
    /// The share of all CPU time since the last sample that the hypervisor gave to others.
    pub stolen: Option<Stolen>,
}

/// The counters of `/proc/stat` from which stolen time is told.
#[derive(Debug, Clone, Copy)]
pub struct Stolen {
    stolen: u64,
    all: u64,
}

impl Noise {
    /// Listens to the machine, for about a tenth of a second a core.
    ///
    /// # Errors
    /// The kernel's refusal to pin a thread.
    pub fn listen() -> Result<Self> {
        let cores = allowed()?
            .into_iter()
            .take(2)
            .map(|core| {
                thread::scope(|scope| scope.spawn(|| spin_on(core)).join())
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect::<Result<_>>()?;
        let load = fs::read_to_string("/proc/loadavg")
            .ok()
            .and_then(|text| text.split_whitespace().next().and_then(|word| word.parse().ok()));
        Ok(Self { cores, load, stolen: Stolen::so_far() })
    }
}

fn spin_on(core: usize) -> Result<CoreNoise> {
    pin(&[core])?;
    let (mut longest, mut lost) = (Duration::ZERO, Duration::ZERO);
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < Duration::from_millis(100) {
        let now = Instant::now();
        let gap = now - last;
        longest = longest.max(gap);
        if gap > Duration::from_micros(5) {
            lost += gap;
        }
        last = now;
    }
    Ok(CoreNoise { core, longest_gap: longest, lost: lost.as_secs_f64() / (last - begun).as_secs_f64() })
}

impl Stolen {
    fn so_far() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/stat").ok()?)
    }

    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Vec<u64> = line.split_whitespace().map_while(|word| word.parse().ok()).collect();
        // user nice system idle iowait irq softirq steal; guest time is within user's.
        Some(Self { stolen: *ticks.get(7)?, all: ticks.iter().take(8).sum() })
    }

    /// The share, 0 to 1, of CPU time that the hypervisor took since this was sampled.
    #[must_use]
    pub fn since(&self) -> Option<f64> {
        let now = Self::so_far()?;
        let all = now.all.checked_sub(self.all).filter(|all| *all > 0)?;
        Some((now.stolen - self.stolen) as f64 / all as f64)
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "noise before the run:")?;
        for core in &self.cores {
            write!(
                f,
                " core {} lost {:.2} % (longest gap {:.0} µs),",
                core.core,
                core.lost * 100.0,
                core.longest_gap.as_nanos() as f64 / 1e3
            )?;
        }
        match self.load {
            Some(load) => write!(f, " load {load:.2}"),
            None => write!(f, " load unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stolen_time_is_the_eighth_column() {
        let sample = Stolen::parse("cpu  10 0 10 70 0 0 0 10 99 99\ncpu0 1 2 3\n").expect("a cpu line");
        assert_eq!((sample.stolen, sample.all), (10, 100));
        assert!(Stolen::parse("cpu 1 2\n").is_none());
    }

    #[test]
    fn a_spin_sees_no_more_lost_than_there_is() {
        let noise = Noise::listen().expect("pinning to an allowed core");
        assert!(!noise.cores.is_empty());
        assert!(noise.cores.iter().all(|core| (0.0..=1.0).contains(&core.lost)));
    }
}
