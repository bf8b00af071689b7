//! Share modes: what the handles of a mailslot allow one another.
//!
//! Each handle holds read locks on bytes of the entry that say what it does and what it denies the others; an opener sets its
//! own, then looks at the others'. The locks fall with the handle, or its process. They are not the entry's life.
//!
//! Page: [Creating and Opening Files](https://learn.microsoft.com/windows/win32/fileio/creating-and-opening-files).

use std::fs::File;

use ennead_namespace::Entry;
use ennead_sys::file::Access;
use ennead_sys::folder;
use ennead_sys::lock::{self, Holder, LockMode};

use crate::error::Reason;

/// What a handle allows others (*dwShareMode*). A client of a mailslot must allow reading, which is what the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShareMode {
    /// FILE_SHARE_READ.
    pub read: bool,
    /// FILE_SHARE_WRITE: other clients may write as well.
    pub write: bool,
}

impl ShareMode {
    /// FILE_SHARE_READ | FILE_SHARE_WRITE.
    pub const ALL: Self = Self { read: true, write: true };
    /// FILE_SHARE_READ: this is the only writer.
    pub const READ: Self = Self { read: true, write: false };
    /// Nothing.
    pub const NONE: Self = Self { read: false, write: false };
}

/// Bytes of the entry, far past its slots.
const WRITES: u64 = 1 << 41;
const DENIES_WRITING: u64 = WRITES + 1;

/// The share locks of a handle.
#[derive(Debug)]
pub(crate) struct Share {
    _file: File,
}

impl Share {
    /// Locks for a handle that writes; ERROR_SHARING_VIOLATION if it and another one exclude each other.
    ///
    /// Of two that exclude each other and are opened at the very same time, both may be refused.
    pub fn take(entry: &Entry, mode: ShareMode) -> Result<Self, Reason> {
        if !mode.read {
            return Err(Reason::Sharing);
        }
        const STEP: &str = "lock the mailslot's share mode";
        // A description of its own: it outlives the entry's, and locks are a description's.
        let file = folder::reopen(entry.file(), Access::Read).map_err(Reason::system(STEP))?;
        let set = |at| lock::try_lock(&file, LockMode::Read, at, 1).map_err(Reason::system(STEP));
        let others = |at| lock::query(&file, at, 1).map_err(Reason::system(STEP));
        let alone = !mode.write;
        if !set(WRITES)? || (alone && !set(DENIES_WRITING)?) {
            // Only who may write the entry can lock it so.
            return Err(Reason::Sharing);
        }
        if others(DENIES_WRITING)? != Holder::Nobody || (alone && others(WRITES)? != Holder::Nobody) {
            return Err(Reason::Sharing);
        }
        Ok(Self { _file: file })
    }
}
