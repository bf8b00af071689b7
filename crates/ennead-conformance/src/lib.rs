//! What Microsoft's documentation says, as test cases that run against any implementation.
//!
//! Each suite is a trait with the operations of a mechanism in Win32's terms, and cases that take any implementation of it.
//! A case is one documented sentence or table; it panics when the implementation does otherwise. In `tests/`, one implementation is
//! Ennead's own; another asks the same of Win32's functions under Wine, through the program in `wine/`.
//!
//! - [`named_pipes`]
//! - [`overlapped_pipes`]

#![forbid(unsafe_code)]

pub mod named_pipes;
pub mod overlapped_pipes;
