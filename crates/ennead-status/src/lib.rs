//! The words for what went wrong: Win32 error codes, `NTSTATUS` and `HRESULT`, as Windows numbers them
//! and as Windows phrases them.
//!
//! The three types are *open* enumerations: any 32-bit value is one, so that a code which this crate does
//! not know survives a round trip and still prints usefully. The values come from `windows-sys`; the phrases
//! are those of the *System Error Codes* and *COM Error Codes* pages; RPC and Windows Sockets codes are
//! [`Win32Error`]s, as on Windows.
//!
//! | from | to | how |
//! |---|---|---|
//! | [`NtStatus`] | [`Win32Error`] | the one table, `tables/nt_*.rs`; the rules of `RtlNtStatusToDosError` outside it |
//! | [`Win32Error`] | [`NtStatus`] | the same table read backwards, the first line of a code wins; else `NTSTATUS_FROM_WIN32` |
//! | either | [`HResult`] | `HRESULT_FROM_WIN32`, `HRESULT_FROM_NT` ([MS-ERREF] 2.1) |
//! | [`std::io::Error`] | [`Win32Error`] | the wrapped code if there is one, else the errno table in `errno.rs` |
//! | [`Win32Error`] | [`std::io::Error`] | wrapped whole, with the `ErrorKind` that it has on Windows |
//! | an error with a code | [`std::io::Error`] | [`Coded`]: its own text, and the code |
//!
//! ```
//! use ennead_status::{HResult, NtStatus, Win32Error};
//!
//! let error = Win32Error::from(NtStatus::PIPE_BROKEN);
//! assert_eq!(error, Win32Error::BROKEN_PIPE);
//! assert_eq!(error.to_string(), "The pipe has been ended. (ERROR_BROKEN_PIPE, 109)");
//! assert_eq!(HResult::from(error).to_string(), "The pipe has been ended. (HRESULT_FROM_WIN32(ERROR_BROKEN_PIPE), 0x8007006D)");
//!
//! let io = std::io::Error::from(error);
//! assert_eq!(io.kind(), std::io::ErrorKind::BrokenPipe);
//! assert_eq!(Win32Error::from(&io), error);
//! ```
#![forbid(unsafe_code)]

mod coded;
mod codes;
mod errno;
mod hresult;
mod ntstatus;
mod tables;
mod win32;

pub use coded::Coded;
pub use hresult::HResult;
pub use ntstatus::NtStatus;
pub use win32::Win32Error;
