//! Named pipes: [`NamedPipeServer`] is made by [`ServerOptions`], [`NamedPipeClient`] by [`ClientOptions`].

mod client;
mod end;
mod methods;
mod options;
mod server;
mod wakers;

use std::ffi::OsStr;
use std::io;

use ennead_pipe::named::{Error, Reason, Traits};
use ennead_status::Win32Error;

pub use client::NamedPipeClient;
pub use options::{ClientOptions, ServerOptions};
pub use server::NamedPipeServer;

/// The mode of a pipe, or of one end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PipeMode {
    /// Data is a stream of bytes; what different writes wrote is not told apart. `PIPE_TYPE_BYTE`.
    Byte,
    /// Data is a stream of messages: each write is one. A read into a buffer that is too short for a message takes its
    /// first part, and the next read goes on there. `PIPE_TYPE_MESSAGE`.
    ///
    /// A message of no bytes reads as 0 bytes, which as a rule means the end: do not send one to such a reader.
    Message,
}

/// An end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PipeEnd {
    /// The client's. `PIPE_CLIENT_END`.
    Client,
    /// The server's. `PIPE_SERVER_END`.
    Server,
}

/// What [`NamedPipeServer::info`] and [`NamedPipeClient::info`] tell (`GetNamedPipeInfo`).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipeInfo {
    /// The pipe's mode.
    pub mode: PipeMode,
    /// Which end was asked.
    pub end: PipeEnd,
    /// How many instances the pipe may have; 255 is without limit.
    pub max_instances: u32,
    /// The quota of the server's writes, in bytes.
    pub out_buffer_size: u32,
    /// The quota of the client's writes, in bytes.
    pub in_buffer_size: u32,
}

impl PipeInfo {
    fn new(end: PipeEnd, traits: &Traits) -> Self {
        Self {
            mode: options::mode_of(traits.pipe_type),
            end,
            max_instances: traits.max_instances,
            out_buffer_size: traits.out_quota,
            in_buffer_size: traits.in_quota,
        }
    }
}

/// The error as a program written for Windows expects it.
fn io_error(error: Error) -> io::Error {
    match error.win32() {
        Win32Error::PIPE_BUSY => io::Error::from_raw_os_error(Win32Error::PIPE_BUSY.0.cast_signed()),
        _ => error.into(),
    }
}

/// A pipe's name; what is no text is no name.
fn text(addr: &OsStr) -> io::Result<&str> {
    addr.to_str().ok_or_else(|| Win32Error::INVALID_NAME.into())
}

/// Whether an operation only says that it would have to wait for a client.
fn is_listening(error: &Error) -> bool {
    matches!(*error.reason, Reason::Listening)
}
