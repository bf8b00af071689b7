//! File mapping: files as memory, and memory under a name that several processes share.
//!
//! A [`FileMapping`] is a file, or memory, of a fixed size; a [`View`] of it is part of the address space. Two processes that map the same one see the same
//! bytes at once. What they do not get is order: that takes a mutex ([`Guarded`] values have one), an event, or one of the ready-made parts.
//!
//! ```
//! use ennead_mapping::{FileMapping, MappingOptions, ViewAccess, rights};
//! # let name = format!("doc-{}", std::process::id());
//!
//! // One process makes it.
//! let made = MappingOptions::memory(4096).create(&name)?;
//! made.view(ViewAccess::Write)?.write(0, b"forty bolts")?;
//!
//! // Another opens it by its name.
//! let opened = FileMapping::open(&name, rights::READ)?;
//! assert_eq!(opened.view(ViewAccess::Read)?.to_vec(6, 5)?, b"bolts");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is different from pointers
//! The bytes of a view may change at any instant, and a file's pages may be lost: somebody truncates it, its file system is full, its disk fails. So a view hands out no
//! `&[u8]`. Bytes are copied out and in, words are atomics, and what Windows raises as an exception comes back as a [`ViewError`]. A `&[u8]` is always a private copy.
//!
//! - [`inspect`]: reading memory whose layout somebody tells
//! - [`layout`]: what lies before the data
//! - [`rights`]: access rights

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as ennead_mapping;

mod commit;
mod counter;
mod create;
mod cursor;
mod error;
mod guarded;
pub mod inspect;
pub mod layout;
mod list;
mod mapping;
mod options;
mod part;
mod presence;
mod protection;
pub mod rights;
mod ring;
mod seqlock;
mod slice;
mod view;

pub use cursor::Cursor;
pub use ennead_sync::Place;
pub use ennead_sys::plain::Plain;
pub use ennead_sys::plain_struct;
pub use error::{Error, Operation, Reason, Result, ViewError};
pub use guarded::{Guard, Guarded};
pub use layout::GRANULARITY;
pub use list::{Details, ListedMapping, describe, list, list_in};
pub use mapping::FileMapping;
pub use options::MappingOptions;
pub use presence::{Presence, Present};
pub use protection::{PageProtection, ViewAccess};
pub use ring::Ring;
pub use seqlock::{SeqCell, SeqWriter};
pub use slice::{SharedSlice, VolatileSlice};
pub use view::{Atomic, View, ViewOptions};

/// The size in bytes of large pages (`GetLargePageMinimum`); `None` where the kernel has none.
///
/// Page: [GetLargePageMinimum](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-getlargepageminimum).
#[must_use]
pub fn large_page_minimum() -> Option<usize> {
    ennead_sys::memory::huge_page().ok().flatten()
}
