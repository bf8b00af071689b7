//! Measures Ennead's mechanisms against other IPC, on the same machine and in the same run.
//!
//! Every figure comes from two processes (this binary, re-executed), each pinned where the placement says, that
//! really write and really check every byte. Ours and each peer take turns, round by round, so that a machine
//! that drifts drifts for both. What a workload does is written once, over [`peer::Connection`]; a peer is one
//! short file that says how its connection is made and used.
//!
//! This crate stands beside the product: no other crate may depend on it, because its dependencies are the peers.

pub mod clock;
pub mod noise;
pub mod options;
pub mod pattern;
pub mod peer;
pub mod placement;
pub mod plan;
pub mod process;
pub mod report;
pub mod rounds;
pub mod statistics;
pub mod workload;
