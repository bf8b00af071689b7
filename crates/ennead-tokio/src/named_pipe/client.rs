//! The client's end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use ennead_pipe::named::{Client, Interest as Awaited};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::end::{End, gathered};
use super::methods::methods;
use super::wakers::Key;
use super::{PipeEnd, PipeInfo};

/// The client's end of a pipe instance, made by [`ClientOptions::open`](super::ClientOptions::open). Dropping it closes it:
/// what was written stays readable for the server.
#[derive(Debug)]
pub struct NamedPipeClient {
    end: End<Client>,
}

methods!(NamedPipeClient);

impl NamedPipeClient {
    pub(super) fn new(client: Client) -> io::Result<Self> {
        Ok(Self { end: End::new(client)? })
    }

    /// Type, limits and quotas of the pipe.
    ///
    /// # Errors
    /// None.
    pub fn info(&self) -> io::Result<PipeInfo> {
        Ok(PipeInfo::new(PipeEnd::Client, &self.end.pipe.traits()))
    }

    /// The client's end underneath, with what tokio's module does not offer: who the server is, peeking. Not in tokio.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.end.pipe
    }
}
