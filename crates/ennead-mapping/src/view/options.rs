//! How a view is asked for.

use std::num::NonZeroUsize;

use crate::ViewAccess;

/// How a view is mapped.
#[derive(Clone, Debug)]
pub struct ViewOptions {
    pub(super) access: ViewAccess,
    pub(super) execute: bool,
    pub(super) offset: u64,
    pub(super) len: usize,
    pub(super) address: Option<NonZeroUsize>,
}

impl ViewOptions {
    /// All of the file mapping, for this.
    #[must_use]
    pub fn new(access: ViewAccess) -> Self {
        Self { access, execute: false, offset: 0, len: 0, address: None }
    }

    /// `FILE_MAP_EXECUTE`: to be run as well.
    #[must_use]
    pub fn execute(mut self) -> Self {
        self.execute = true;
        self
    }

    /// Begin here, at a multiple of 64 KiB ([`GRANULARITY`](crate::GRANULARITY)), or of a large page.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// So many bytes; 0 is all up to the end of the file mapping.
    #[must_use]
    pub fn len(mut self, len: usize) -> Self {
        self.len = len;
        self
    }

    /// At this address, a multiple of 64 KiB, or not at all (`MapViewOfFileEx`).
    #[must_use]
    pub fn address(mut self, address: NonZeroUsize) -> Self {
        self.address = Some(address);
        self
    }
}
