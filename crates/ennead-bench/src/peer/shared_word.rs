//! A page of shared memory with one word each way, for the bare peers that wait on memory.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::AtomicU32;

use anyhow::Result;
use ennead_sys::mapping::Mapping;

/// Which word an end writes; it waits on the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Server,
    Client,
}

/// The page, as one end sees it.
pub struct Page {
    page: Mapping,
    side: Side,
}

const PAGE: usize = 4096;
/// Added to a word by an end that goes.
pub const END: u32 = 1 << 31;

impl Page {
    /// Makes the page in a file below `place`, for the server.
    pub fn create(place: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(place.join("page"))?;
        file.set_len(PAGE as u64)?;
        Ok(Self { page: Mapping::new(&file, PAGE)?, side: Side::Server })
    }

    /// Maps the page that the server made.
    pub fn open(place: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(place.join("page"))?;
        Ok(Self { page: Mapping::new(&file, PAGE)?, side: Side::Client })
    }

    /// The word that this end writes.
    pub fn mine(&self) -> &AtomicU32 {
        self.word(self.side)
    }

    /// The word that this end waits on.
    pub fn theirs(&self) -> &AtomicU32 {
        self.word(if self.side == Side::Server { Side::Client } else { Side::Server })
    }

    /// Two pairs of lines apart, for processors fetch neighbouring lines together.
    fn word(&self, side: Side) -> &AtomicU32 {
        self.page.atomic_u32(if side == Side::Server { 0 } else { 256 })
    }
}
