//! How an entry is asked for, and what came of it.

use std::ops::Range;

use ennead_sys::file::Access;

use super::Entry;
use crate::protection::Protection;

/// What a holder wants to do with an existing entry's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    /// Read and write it, else only read it.
    #[default]
    Most,
    /// Read it.
    Read,
    /// Read and write it; refused where the descriptor allows less.
    ReadWrite,
}

impl Wanted {
    pub(super) fn accesses(self) -> &'static [Access] {
        match self {
            Wanted::Most => &[Access::ReadWrite, Access::Read],
            Wanted::Read => &[Access::Read],
            Wanted::ReadWrite => &[Access::ReadWrite],
        }
    }
}

/// How an entry is made.
#[derive(Debug, Clone)]
pub struct CreateOptions<'a> {
    pub(super) protection: &'a Protection,
    pub(super) body_tag: u32,
    pub(super) body_version: u32,
    pub(super) body_len: u64,
    pub(super) body_align: u64,
    pub(super) allocated: (u64, u64),
    pub(super) initial: &'a [u8],
    pub(super) slot: Option<u32>,
    pub(super) exclusive: bool,
    pub(super) wanted: Wanted,
}

impl<'a> CreateOptions<'a> {
    /// An entry with this protection and no body.
    pub fn new(protection: &'a Protection) -> Self {
        CreateOptions {
            protection,
            body_tag: 0,
            body_version: 0,
            body_len: 0,
            body_align: 64,
            allocated: (0, u64::MAX),
            initial: &[],
            slot: None,
            exclusive: false,
            wanted: Wanted::Most,
        }
    }

    /// The body: the mechanism's tag and layout version, both of which an opener must compare, and its length in bytes. All its
    /// room is really allocated (ERROR_DISK_FULL), and zero where `initial` does not fill it.
    #[must_use]
    pub fn body(mut self, tag: u32, version: u32, len: u64) -> Self {
        (self.body_tag, self.body_version, self.body_len) = (tag, version, len);
        self
    }

    /// The body's first bytes, in place before anybody can see the entry.
    #[must_use]
    pub fn initial(mut self, bytes: &'a [u8]) -> Self {
        self.initial = bytes;
        self
    }

    /// A power of two that the body's offset in the file is a multiple of: 64 if not said.
    #[must_use]
    pub fn align(mut self, align: u64) -> Self {
        self.body_align = align;
        self
    }

    /// Allocates only this range of the body at once; the rest takes room as it is used, or as the mechanism allocates it.
    #[must_use]
    pub fn allocate(mut self, range: Range<u64>) -> Self {
        self.allocated = (range.start, range.end);
        self
    }

    /// Holds this slot before anybody can see the entry.
    #[must_use]
    pub fn slot(mut self, slot: u32) -> Self {
        self.slot = Some(slot);
        self
    }

    /// [`EntryError::AlreadyExists`](crate::EntryError::AlreadyExists) instead of an existing entry.
    #[must_use]
    pub fn exclusive(mut self) -> Self {
        self.exclusive = true;
        self
    }

    /// What is wanted of an existing entry.
    #[must_use]
    pub fn wanted(mut self, wanted: Wanted) -> Self {
        self.wanted = wanted;
        self
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        self.exclusive
    }

    /// Whether it is held is all that an exclusive creator asks.
    pub(crate) fn wanted_of_existing(&self) -> Wanted {
        if self.exclusive { Wanted::Most } else { self.wanted }
    }

    pub(crate) fn protection(&self) -> &'a Protection {
        self.protection
    }

    pub(crate) fn accesses(&self) -> &'static [Access] {
        self.wanted_of_existing().accesses()
    }
}

/// What a create came to.
#[derive(Debug)]
pub enum Created {
    /// The name was free; the entry is as the options say.
    New(Entry),
    /// Somebody held the name; the entry is as they made it. (ERROR_ALREADY_EXISTS beside a valid handle, on Windows.)
    Existing(Entry),
}

impl Created {
    /// The entry, whoever made it.
    pub fn into_entry(self) -> Entry {
        match self {
            Created::New(entry) | Created::Existing(entry) => entry,
        }
    }
}
