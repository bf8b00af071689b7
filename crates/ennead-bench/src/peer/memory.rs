//! What shared memory is held against: names only. These make no connections; `workload/memory.rs` has what they do.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Connection, Listener, Peer, Shape};
use crate::placement::Placement;
use crate::plan::{Mechanism, Workload};

pub struct Memory(pub &'static str);

impl Peer for Memory {
    fn name(&self) -> &'static str {
        self.0
    }

    fn lacks(&self, workload: Workload, _placement: Placement) -> Option<&'static str> {
        (workload.mechanism() != Mechanism::Mapping).then_some("it is memory, and carries nothing")
    }

    fn listen(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        bail!("memory makes no connections")
    }

    fn connect(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        bail!("memory makes no connections")
    }
}
