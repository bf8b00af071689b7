//! What shared memory and objects are held against: names only. These make no connections; `workload/memory.rs` and `workload/objects.rs` have what they do.

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
        let fits = matches!(workload.mechanism(), Mechanism::Mapping | Mechanism::Sync);
        (!fits).then_some("it makes no connections")
    }

    fn listen(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        bail!("it makes no connections")
    }

    fn connect(&self, _place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        bail!("it makes no connections")
    }
}
