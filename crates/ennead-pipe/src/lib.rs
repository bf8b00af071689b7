//! Pipes, as Windows documents them, on Linux.
//!
//! - [`anonymous`]: `CreatePipe`: a one-way stream of bytes between a parent and its child. A real kernel pipe, so
//!   that any program can be at the other end.
//! - [`impersonation`]: a server's thread acts as its client (`ImpersonateNamedPipeClient`), as far as the client's
//!   quality of service and the server's own privileges allow.
//! - [`overlapped`]: operations on named pipes that go on after the call that started them.
//! - [`named`]: `CreateNamedPipe`, `ConnectNamedPipe`, `CreateFile` on `\\.\pipe\NAME`, and their kin.

#![forbid(unsafe_code)]

pub mod anonymous;
pub mod impersonation;
pub mod named;
pub mod overlapped;
