//! The interprocess communication of Windows, native on Linux: one module a mechanism.
//!
//! This crate only re-exports, so that a program has one dependency and one place to look. A module appears here when
//! its mechanism does all that the documentation says.
//!
//! | module | what |
//! |---|---|
//! | [`mailslot`] | mailslots: many writers, one reader, whole messages |
//! | [`mapping`] | file mapping: files as memory, named shared memory |
//! | [`pipe`] | anonymous and named pipes |
//! | [`security`] | SIDs, ACLs, security descriptors, SDDL, the access check |
//! | [`status`] | Win32, NTSTATUS and HRESULT codes, and what they mean |
//! | [`sync`] | events, mutexes, semaphores, and waits for any or all of them |
//!
//! ```
//! use std::io::{Read, Write};
//!
//! let (mut reader, mut writer) = ennead::pipe::anonymous::pipe()?;
//! writer.write_all(b"stock levels")?;
//! drop(writer);
//! let mut text = String::new();
//! reader.read_to_string(&mut text)?;
//! assert_eq!(text, "stock levels");
//! # Ok::<(), std::io::Error>(())
//! ```

#![forbid(unsafe_code)]

pub use ennead_mailslot as mailslot;
pub use ennead_mapping as mapping;
pub use ennead_pipe as pipe;
pub use ennead_security as security;
pub use ennead_status as status;
pub use ennead_sync as sync;

/// The examples of the front page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;
