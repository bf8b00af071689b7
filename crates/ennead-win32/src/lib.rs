//! The Windows functions of interprocess communication, exported under their own names.
//!
//! A Rust program that calls `windows-sys` depends on this crate, says `use ennead_win32 as _;` once, and links. A program
//! in C links to the shared library. Each function has exactly the signature that `windows-sys` declares (the C calling
//! convention of the platform, 16-bit characters, 32-bit `LONG` and `DWORD`) and is thin: it checks its arguments, calls one
//! mechanism's crate, maps the outcome to a code and leaves that to `GetLastError`. What a function does is said in
//! Microsoft's documentation, to which each links, and in the crate that it calls.
//!
//! - `call`: every function runs inside it, so that no panic crosses into the caller
//! - `handles`: the table behind `HANDLE`, found without a lock
//! - `object`: what a handle stands for
//! - the rest: the functions, a file for each family
//!
//! Strings of the `A` functions are UTF-8. Names that libc has too are never exported.

#![allow(non_snake_case, reason = "the names of the functions and their parameters are Microsoft's")]

mod anonymous_pipe;
mod buffer;
mod call;
mod completion_port;
mod disk_file;
mod event;
mod file;
mod handles;
mod impersonation;
mod last_error;
mod mailslot;
mod memory;
mod message;
mod mutex;
mod named_pipe;
mod object;
mod overlapped;
mod pipe_state;
mod security;
mod semaphore;
mod standard;
mod table;
mod text;
mod thread;
mod wait;
