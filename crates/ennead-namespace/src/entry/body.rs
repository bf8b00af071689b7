//! The part of an entry that the mechanism lays out.

use std::sync::atomic::{AtomicU32, AtomicU64};

use ennead_sys::mapping::{Mapping, ReadOnlyMapping};

use crate::error::EntryError;

/// The mapped body of an entry. Offsets count from the body's beginning.
///
/// What lies there may change at any instant: read each word once, check it, then use it.
#[derive(Debug, Clone, Copy)]
pub struct Body<'a> {
    pub(super) pages: &'a Pages,
    pub(super) start: usize,
    pub(super) len: usize,
}

impl<'a> Body<'a> {
    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it may be written. A store into the words of one that may not be faults.
    pub fn is_writable(&self) -> bool {
        matches!(self.pages, Pages::Shared(_))
    }

    /// The 32-bit word at `offset`.
    ///
    /// # Panics
    /// If it is not within the body, or not aligned: the mechanism's own layout is wrong.
    #[inline]
    pub fn atomic_u32(&self, offset: usize) -> &'a AtomicU32 {
        let at = self.at(offset, 4);
        match self.pages {
            Pages::Shared(pages) => pages.atomic_u32(at),
            Pages::ReadOnly(pages) => pages.atomic_u32(at),
        }
    }

    /// The 64-bit word at `offset`.
    ///
    /// # Panics
    /// If it is not within the body, or not aligned.
    #[inline]
    pub fn atomic_u64(&self, offset: usize) -> &'a AtomicU64 {
        let at = self.at(offset, 8);
        match self.pages {
            Pages::Shared(pages) => pages.atomic_u64(at),
            Pages::ReadOnly(pages) => pages.atomic_u64(at),
        }
    }

    /// Copies bytes out.
    ///
    /// # Panics
    /// If they are not within the body.
    pub fn copy_out(&self, offset: usize, to: &mut [u8]) {
        let at = self.at(offset, to.len());
        match self.pages {
            Pages::Shared(pages) => pages.copy_out(at, to),
            Pages::ReadOnly(pages) => pages.copy_out(at, to),
        }
    }

    /// Copies bytes in. [`EntryError::OutOfBody`] where the body may not be written.
    ///
    /// # Panics
    /// If they are not within the body.
    pub fn copy_in(&self, offset: usize, from: &[u8]) -> Result<(), EntryError> {
        let at = self.at(offset, from.len());
        match self.pages {
            Pages::Shared(pages) => pages.copy_in(at, from),
            Pages::ReadOnly(_) => return Err(EntryError::OutOfBody),
        }
        Ok(())
    }

    #[inline]
    fn at(&self, offset: usize, len: usize) -> usize {
        assert!(offset <= self.len && len <= self.len - offset, "bytes outside the entry's body");
        self.start + offset
    }
}

#[derive(Debug)]
pub(super) enum Pages {
    Shared(Mapping),
    ReadOnly(ReadOnlyMapping),
}
