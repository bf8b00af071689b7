//! What is measured: the workloads, where each runs, against whom, and the targets.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::peer::{Framing, Shape};
use crate::placement::Placement;

/// A workload, under the name that it has in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum Workload {
    /// A message of 64 bytes there and one back.
    #[value(name = "rtt-64B")]
    #[serde(rename = "rtt-64B")]
    Rtt64B,
    /// A message of 4 KiB there and one back.
    #[value(name = "rtt-4KiB")]
    #[serde(rename = "rtt-4KiB")]
    Rtt4KiB,
    /// A byte stream one way, written 64 KiB at a time.
    #[value(name = "stream-64KiB")]
    #[serde(rename = "stream-64KiB")]
    Stream64KiB,
    /// Messages of 1 KiB one way.
    #[value(name = "msg-1KiB")]
    #[serde(rename = "msg-1KiB")]
    Msg1KiB,
    /// Open, the first byte there and back, close.
    #[value(name = "connect")]
    #[serde(rename = "connect")]
    Connect,
    /// 5,000 clients of one server process, then a message from each.
    #[value(name = "instances-5000")]
    #[serde(rename = "instances-5000")]
    Instances5000,
    /// More to do than cores: four pairs on two cores, and one busy client beside 100 idle ones.
    #[value(name = "oversubscribed")]
    #[serde(rename = "oversubscribed")]
    Oversubscribed,
    /// From the kernel's close of a killed peer's descriptors to the error in a blocked reader.
    #[value(name = "peer-death")]
    #[serde(rename = "peer-death")]
    PeerDeath,
    /// The CPU time of a reader that is blocked for 10 seconds.
    #[value(name = "blocked-10s")]
    #[serde(rename = "blocked-10s")]
    Blocked10s,
    /// Messages of 256 bytes from one writer.
    #[value(name = "msg-256B")]
    #[serde(rename = "msg-256B")]
    Msg256B,
    /// Messages of 256 bytes from 8 writers, threads of one process.
    #[value(name = "msg-256B-8-writers")]
    #[serde(rename = "msg-256B-8-writers")]
    Msg256B8Writers,
    /// Open named memory that another process holds, map it, touch one page, close it.
    #[value(name = "open-map-touch-close")]
    #[serde(rename = "open-map-touch-close")]
    OpenMapTouch,
    /// Read a value of 256 bytes that a writer may be changing.
    #[value(name = "seqlock-256B")]
    #[serde(rename = "seqlock-256B")]
    Seqlock256B,
    /// Lock a named mutex that nobody else wants, and unlock it.
    #[value(name = "mutex-uncontended")]
    #[serde(rename = "mutex-uncontended")]
    MutexUncontended,
    /// Two processes set an event for each other in turn.
    #[value(name = "event-ping-pong")]
    #[serde(rename = "event-ping-pong")]
    EventPingPong,
    /// Wait for any of 64 events, of which another thread sets one, and answer it.
    #[value(name = "wait-any-64-blocked")]
    #[serde(rename = "wait-any-64-blocked")]
    WaitAny64Blocked,
    /// Set one of 64 events and wait for any.
    #[value(name = "wait-any-64-signaled")]
    #[serde(rename = "wait-any-64-signaled")]
    WaitAny64Signaled,
}

/// What there is to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mechanism {
    /// Named pipes.
    Pipe,
    /// Mailslots.
    Mailslot,
    /// File mapping.
    Mapping,
    /// Synchronization objects.
    Sync,
}

impl Mechanism {
    /// The name in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pipe => "pipe",
            Self::Mailslot => "mailslot",
            Self::Mapping => "mapping",
            Self::Sync => "sync",
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_possible_value() {
            Some(value) => f.write_str(value.get_name()),
            None => Ok(()),
        }
    }
}

/// The name of the pseudo-peer that a blocked reader is held against: [`CPU_LIMIT_NS`] of CPU time.
pub const CPU_LIMIT: &str = "limit-5ms";
/// Nanoseconds of CPU time that a reader blocked for 10 seconds may use.
pub const CPU_LIMIT_NS: f64 = 5e6;

/// What `--peer` takes beside the peers' names: no peer at all, ours alone.
pub const NO_PEER: &str = "none";

/// Every name that `--peer` takes.
#[must_use]
pub fn peer_names() -> Vec<&'static str> {
    WITH_BARE
        .iter()
        .copied()
        .chain([
            "uds-dgram",
            "shm-open",
            "shared_memory",
            "memcpy",
            "pthread-robust",
            "epoll",
            CPU_LIMIT,
            NO_PEER,
        ])
        .collect()
}

const WITH_PAYLOAD: &[&str] = &[
    "uds-seqpacket",
    "uds-stream",
    "kernel-pipe",
    "interprocess",
    "ipc-channel",
    "iceoryx2",
    "tokio-uds",
    "wine",
];
const WITH_BARE: &[&str] = &[
    "uds-seqpacket",
    "uds-stream",
    "kernel-pipe",
    "eventfd",
    "futex",
    "spin",
    "interprocess",
    "ipc-channel",
    "iceoryx2",
    "tokio-uds",
    "wine",
];

impl Workload {
    /// Which mechanism it measures.
    #[must_use]
    pub fn mechanism(self) -> Mechanism {
        match self {
            Self::Msg256B | Self::Msg256B8Writers => Mechanism::Mailslot,
            Self::OpenMapTouch | Self::Seqlock256B => Mechanism::Mapping,
            Self::MutexUncontended
            | Self::EventPingPong
            | Self::WaitAny64Blocked
            | Self::WaitAny64Signaled => Mechanism::Sync,
            _ => Mechanism::Pipe,
        }
    }

    /// The peers that are asked to run it; one that cannot is reported with its reason.
    #[must_use]
    pub fn peers(self) -> &'static [&'static str] {
        match self {
            Self::Rtt64B => WITH_BARE,
            Self::Rtt4KiB | Self::Stream64KiB | Self::Msg1KiB | Self::Connect => WITH_PAYLOAD,
            Self::Instances5000 => &["uds-seqpacket", "uds-stream", "interprocess"],
            Self::Oversubscribed => &["uds-seqpacket", "uds-stream", "kernel-pipe", "tokio-uds"],
            Self::PeerDeath => &["uds-seqpacket", "uds-stream", "kernel-pipe", "interprocess", "ipc-channel"],
            Self::Msg256B | Self::Msg256B8Writers => &["uds-dgram", "wine"],
            Self::OpenMapTouch => &["shm-open", "shared_memory"],
            Self::Seqlock256B => &["memcpy"],
            Self::MutexUncontended => &["pthread-robust"],
            Self::EventPingPong => &["eventfd"],
            Self::WaitAny64Blocked | Self::WaitAny64Signaled => &["epoll"],
            Self::Blocked10s => &["uds-seqpacket", "kernel-pipe", CPU_LIMIT],
        }
    }

    /// Where it runs.
    #[must_use]
    pub fn placements(self) -> &'static [Placement] {
        match self {
            Self::Oversubscribed => &[Placement::FourPairs, Placement::HundredIdle],
            // The witness of the close spins on a core of its own; a blocked reader is tempted to spin only where
            // its peer has another core.
            Self::Instances5000 | Self::PeerDeath | Self::Blocked10s => &[Placement::TwoCores],
            // What one process does alone.
            Self::OpenMapTouch
            | Self::Seqlock256B
            | Self::MutexUncontended
            | Self::WaitAny64Blocked
            | Self::WaitAny64Signaled => &[Placement::OneCore],
            _ => &[Placement::OneCore, Placement::TwoCores],
        }
    }

    /// What the connections of the workload carry.
    #[must_use]
    pub fn shape(self, placement: Placement) -> Shape {
        let (framing, length) = match self {
            Self::Stream64KiB => (Framing::Bytes, 64 * 1024),
            Self::Rtt4KiB => (Framing::Messages, 4096),
            Self::Msg1KiB => (Framing::Messages, 1024),
            Self::Connect => (Framing::Messages, 1),
            Self::Msg256B | Self::Msg256B8Writers => (Framing::Messages, 256),
            _ => (Framing::Messages, 64),
        };
        let connections = match (self, placement) {
            (Self::Instances5000, _) => INSTANCES,
            (Self::Oversubscribed, Placement::HundredIdle) => IDLE_CLIENTS + 1,
            _ => 1,
        };
        let writers = match self {
            Self::Msg256B => 1,
            Self::Msg256B8Writers => 8,
            _ => 0,
        };
        Shape { framing, length, placement, connections, in_turn: self == Self::Connect, writers }
    }

    /// Which unit the main figure has; `instances-5000` has others beside it.
    #[must_use]
    pub fn unit(self, placement: Placement) -> Unit {
        match (self, placement) {
            (Self::Stream64KiB, _) => Unit::BytesPerSecond,
            (Self::Msg1KiB | Self::Msg256B | Self::Msg256B8Writers, _) => Unit::MessagesPerSecond,
            (Self::Oversubscribed, Placement::FourPairs) => Unit::RoundTripsPerSecond,
            _ => Unit::Nanoseconds,
        }
    }
}

/// How many clients `instances-5000` connects.
pub const INSTANCES: usize = 5000;
/// How many idle clients are beside the busy one in `oversubscribed`.
pub const IDLE_CLIENTS: usize = 100;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Nanoseconds for one of what the workload does.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Payload bytes a second.
    #[serde(rename = "bytes/s")]
    BytesPerSecond,
    /// Messages a second.
    #[serde(rename = "messages/s")]
    MessagesPerSecond,
    /// Round trips a second of all pairs together.
    #[serde(rename = "round-trips/s")]
    RoundTripsPerSecond,
    /// Nanoseconds for one message from each of many clients, divided by their number.
    #[serde(rename = "ns/message")]
    NanosecondsPerMessage,
    /// Bytes of memory (proportional set size) that both processes gained.
    #[serde(rename = "bytes")]
    Bytes,
    /// Descriptors that both processes gained.
    #[serde(rename = "descriptors")]
    Descriptors,
}

impl Unit {
    /// The name in the report and in what the ends say.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "ns",
            Self::BytesPerSecond => "bytes/s",
            Self::MessagesPerSecond => "messages/s",
            Self::RoundTripsPerSecond => "round-trips/s",
            Self::NanosecondsPerMessage => "ns/message",
            Self::Bytes => "bytes",
            Self::Descriptors => "descriptors",
        }
    }

    /// The unit of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        use Unit::{
            Bytes, BytesPerSecond, Descriptors, MessagesPerSecond, Nanoseconds, NanosecondsPerMessage,
            RoundTripsPerSecond,
        };
        [
            Nanoseconds,
            BytesPerSecond,
            MessagesPerSecond,
            RoundTripsPerSecond,
            NanosecondsPerMessage,
            Bytes,
            Descriptors,
        ]
        .into_iter()
        .find(|unit| unit.name() == name)
    }

    /// Which way is better.
    #[must_use]
    pub fn better(self) -> Better {
        match self {
            Self::BytesPerSecond | Self::MessagesPerSecond | Self::RoundTripsPerSecond => Better::Higher,
            Self::Nanoseconds | Self::NanosecondsPerMessage | Self::Bytes | Self::Descriptors => {
                Better::Lower
            }
        }
    }
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// A smaller figure; a target is an upper bound of the ratio.
    Lower,
    /// A larger figure; a target is a lower bound of the ratio.
    Higher,
}

impl Better {
    /// Whether a ratio meets a target.
    #[must_use]
    pub fn meets(self, ratio: f64, target: f64) -> bool {
        match self {
            Self::Lower => ratio <= target,
            Self::Higher => ratio >= target,
        }
    }
}

/// The bound that the ratio ennead / peer has to keep, where there is one.
#[must_use]
pub fn target(workload: Workload, placement: Placement, unit: Unit, peer: &str) -> Option<f64> {
    use Placement::{FourPairs, OneCore, TwoCores};
    if unit != workload.unit(placement) {
        return None;
    }
    match (workload, placement, peer) {
        (Workload::Rtt64B, OneCore, "uds-seqpacket") => Some(0.70),
        (Workload::Rtt64B, OneCore, "kernel-pipe") => Some(1.2),
        (Workload::Rtt64B, OneCore, "wine") => Some(0.07),
        (Workload::Rtt64B, TwoCores, "spin") => Some(4.0),
        (Workload::Rtt64B, TwoCores, "wine") => Some(0.01),
        (Workload::Stream64KiB, TwoCores, "uds-stream") => Some(3.0),
        (Workload::Msg1KiB, TwoCores, "uds-seqpacket") => Some(5.0),
        (Workload::Msg1KiB, OneCore, "uds-seqpacket") => Some(2.0),
        (Workload::Connect, OneCore, "uds-stream") => Some(3.5),
        (Workload::Oversubscribed, FourPairs, "uds-seqpacket") => Some(1.0),
        (Workload::Blocked10s, TwoCores, CPU_LIMIT) => Some(1.0),
        // The better placement counts; both are asked for.
        (Workload::Msg256B, _, "uds-dgram") => Some(3.0),
        (Workload::Msg256B8Writers, _, "uds-dgram") => Some(2.0),
        (Workload::OpenMapTouch, OneCore, "shm-open") => Some(2.5),
        (Workload::Seqlock256B, OneCore, "memcpy") => Some(3.0),
        (Workload::MutexUncontended, OneCore, "pthread-robust") => Some(1.5),
        (Workload::EventPingPong, OneCore, "eventfd") => Some(1.2),
        (Workload::EventPingPong, TwoCores, "eventfd") => Some(0.1),
        (Workload::WaitAny64Blocked, OneCore, "epoll") => Some(2.0),
        (Workload::WaitAny64Signaled, OneCore, "epoll") => Some(0.3),
        (Workload::Msg256B, OneCore, "wine") => Some(15.0),
        (Workload::Msg256B, TwoCores, "wine") => Some(100.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_bounds_the_ratio_from_the_right_side() {
        assert!(Better::Lower.meets(0.7, 0.7) && !Better::Lower.meets(0.71, 0.7));
        assert!(Better::Higher.meets(3.0, 3.0) && !Better::Higher.meets(2.9, 3.0));
    }

    #[test]
    fn every_target_stands_where_the_plan_measures() {
        let mut targets = 0;
        for workload in Workload::value_variants() {
            for placement in workload.placements() {
                for peer in workload.peers() {
                    let unit = workload.unit(*placement);
                    targets += usize::from(target(*workload, *placement, unit, peer).is_some());
                }
            }
        }
        assert_eq!(targets, 24);
    }

    #[test]
    fn units_are_found_by_their_names() {
        for unit in [Unit::Nanoseconds, Unit::BytesPerSecond, Unit::Descriptors, Unit::NanosecondsPerMessage]
        {
            assert_eq!(Unit::from_name(unit.name()), Some(unit));
        }
        assert_eq!(Unit::from_name("furlongs"), None);
    }
}
