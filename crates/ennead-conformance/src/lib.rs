//! What Microsoft's documentation says, as test cases that run against any implementation.
//!
//! Each suite is a trait with the operations of a mechanism in Win32's terms, and cases that take any implementation of it.
//! A case is one documented sentence or table; it panics when the implementation does otherwise. In `tests/`, one implementation is
//! Ennead's own; another asks the same of Win32's functions under Wine, through the program in `wine/`.
//!
//! - [`named_pipes`], [`overlapped_pipes`]
//! - [`sync_objects`]
//! - [`file_mapping`]
//! - [`mailslots`]

#![forbid(unsafe_code)]

pub mod file_mapping;
pub mod mailslots;
pub mod named_pipes;
pub mod overlapped_pipes;
pub mod sync_objects;

use ennead_status::Win32Error;

/// What `GetLastError` gives after a failure.
pub type Outcome<T> = Result<T, Win32Error>;

/// A case: its name, and what it does with an implementation.
pub type Case<P> = (&'static str, fn(&P));

/// GENERIC_READ.
pub const GENERIC_READ: u32 = 0x8000_0000;
/// GENERIC_WRITE.
pub const GENERIC_WRITE: u32 = 0x4000_0000;

/// The code of a failure; 0 for none.
fn code<T>(outcome: Outcome<T>) -> u32 {
    outcome.err().unwrap_or_default().0
}
