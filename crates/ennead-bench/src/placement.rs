//! Where the two processes of a pair run.

use std::fmt;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};

/// Where the processes of a measurement run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// Both ends pinned to the same core.
    OneCore,
    /// The ends pinned to a core each.
    TwoCores,
    /// Four pairs, free to move on the first two cores (`oversubscribed` only).
    #[value(name = "4-pairs")]
    #[serde(rename = "4-pairs")]
    FourPairs,
    /// A busy pair, free to move on the first two cores, beside 100 idle clients (`oversubscribed` only).
    #[value(name = "100-idle")]
    #[serde(rename = "100-idle")]
    HundredIdle,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneCore => "one-core",
            Self::TwoCores => "two-cores",
            Self::FourPairs => "4-pairs",
            Self::HundredIdle => "100-idle",
        })
    }
}

/// The cores of a measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cores {
    /// The server's.
    pub server: Vec<usize>,
    /// The client's.
    pub client: Vec<usize>,
}

impl Placement {
    /// Picks the cores among those that this process may use.
    ///
    /// # Errors
    /// Fewer than two cores where the placement needs two.
    pub fn cores(self) -> Result<Cores> {
        let allowed = allowed()?;
        let second = allowed.get(1).copied();
        Ok(match (self, second) {
            // Not the first core where there is a choice: it takes most of a small machine's interrupts.
            (Self::OneCore, second) => {
                let core = second.unwrap_or(allowed[0]);
                Cores { server: vec![core], client: vec![core] }
            }
            (_, None) => bail!("needs two cores, and this process may use one"),
            (Self::TwoCores, Some(second)) => Cores { server: vec![allowed[0]], client: vec![second] },
            (Self::FourPairs | Self::HundredIdle, Some(second)) => {
                let both = vec![allowed[0], second];
                Cores { server: both.clone(), client: both }
            }
        })
    }
}

/// The cores that this process may use, in ascending order; never none.
///
/// # Errors
/// The kernel's refusal to say.
pub fn allowed() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None).context("sched_getaffinity")?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
    if cores.is_empty() {
        bail!("no core among the first {} is allowed", CpuSet::MAX_CPU)
    }
    Ok(cores)
}

/// Pins the calling thread, and those that it starts later, to `cores`.
///
/// # Errors
/// The kernel's refusal: a core that does not exist or is not allowed.
pub fn pin(cores: &[usize]) -> Result<()> {
    pin_process(None, cores)
}

/// Pins the main thread of a process, and what it starts later, to `cores`; `None` is the calling thread.
///
/// # Errors
/// The kernel's refusal: a core that does not exist or is not allowed, or a process that is not ours.
pub fn pin_process(process: Option<rustix::process::Pid>, cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    sched_setaffinity(process, &set).with_context(|| format!("cannot pin to cores {cores:?}"))
}
