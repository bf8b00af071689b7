//! A place in a view that one of the ready-made parts has: whole pages, a signature at the beginning, a mutex at the end.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Release};

use ennead_sys::memory;
use ennead_sys::robust::{ROBUST_LEN, RobustWord};

use crate::error::{Reason, ViewError};
use crate::view::View;

/// The bytes of whole pages that hold `len` bytes and a mutex.
pub(crate) fn region(len: usize) -> usize {
    (len + ROBUST_LEN).next_multiple_of(memory::page())
}

/// The place of a part.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) view: Arc<View>,
    pub(crate) offset: usize,
}

impl Place {
    /// `len` bytes from `offset`, a multiple of the page size.
    pub(crate) fn new(view: &Arc<View>, offset: usize, len: usize) -> Result<Self, Reason> {
        let fits = view.len().checked_sub(offset).is_some_and(|rest| rest >= len);
        if !fits || !offset.is_multiple_of(memory::page()) {
            return Err(Reason::Parameter("the part does not fit the view at that offset"));
        }
        if !view.is_shared_for_writing() {
            return Err(match view.access() {
                crate::ViewAccess::Copy => Reason::Parameter("a copy-on-write view shares nothing"),
                _ => ViewError::ReadOnly.into(),
            });
        }
        // All of it committed, or this says so.
        view.atomic::<AtomicU32>(offset + len - 4)?;
        Ok(Self { view: Arc::clone(view), offset })
    }

    /// The 32-bit word at `at` of the place.
    pub(crate) fn word(&self, at: usize) -> Result<&AtomicU32, ViewError> {
        self.view.atomic(self.offset + at)
    }

    /// Writes the signature where there is none; an error where there is another.
    pub(crate) fn sign(&self, magic: u32, detail: u32) -> Result<(), Reason> {
        self.sign_word(4, detail)?;
        self.sign_word(0, magic)
    }

    /// Writes a word of the signature.
    pub(crate) fn sign_word(&self, at: usize, value: u32) -> Result<(), Reason> {
        match self.word(at)?.compare_exchange(0, value, Release, Acquire) {
            Err(found) if found != value => {
                Err(Reason::Damaged("what lies there is another part, or one of another size"))
            }
            _ => Ok(()),
        }
    }

    /// The mutex in the last bytes before `end` of the place.
    pub(crate) fn mutex(&self, end: usize) -> Result<RobustWord, Reason> {
        let page = memory::page();
        self.view.robust_word(self.offset + end - page, page)
    }
}
