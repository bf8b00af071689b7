//! The server's end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use ennead_pipe::named::{Instance, Interest as Awaited};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};

use super::end::{End, gathered};
use super::methods::methods;
use super::wakers::Key;
use super::{PipeEnd, PipeInfo, io_error};

/// The server's end of a pipe instance, made by [`ServerOptions::create`](super::ServerOptions::create). Dropping it closes
/// it: what was written stays readable for the client.
///
/// A server that wants a client to be able to connect at any time makes the next instance before it lets go of the
/// connected one:
///
/// ```no_run
/// use ennead_tokio::named_pipe::ServerOptions;
/// use std::io;
///
/// const PIPE_NAME: &str = r"\\.\pipe\named-pipe-idiomatic-server";
///
/// # #[tokio::main] async fn main() -> std::io::Result<()> {
/// let mut server = ServerOptions::new()
///     .first_pipe_instance(true)
///     .create(PIPE_NAME)?;
///
/// let server = tokio::spawn(async move {
///     loop {
///         server.connect().await?;
///         let connected_client = server;
///
///         // Before the connected one goes to its task, and may be closed there: a client that came in between would find no
///         // pipe at all.
///         server = ServerOptions::new().create(PIPE_NAME)?;
///
///         let client = tokio::spawn(async move {
///             /* use the connected client */
/// #           drop(connected_client);
/// #           Ok::<_, std::io::Error>(())
///         });
/// #       if true { break } // needed for type inference to work
///     }
///
///     Ok::<_, io::Error>(())
/// });
/// # drop(server);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct NamedPipeServer {
    end: End<Instance>,
}

methods!(NamedPipeServer);

impl NamedPipeServer {
    pub(super) fn new(instance: Instance) -> io::Result<Self> {
        Ok(Self { end: End::new(instance)? })
    }

    /// Waits for a client; returns at once if one is there. After [`NamedPipeServer::disconnect`], listens again. Dropping
    /// the future loses nothing: who has connected is there for the next call.
    ///
    /// # Errors
    /// When the runtime is shut down, or at a limit of the system.
    pub async fn connect(&self) -> io::Result<()> {
        let key = Key::fresh();
        std::future::poll_fn(|context| {
            loop {
                if self.end.pipe.try_connect().map_err(io_error)?.is_some() {
                    return Poll::Ready(Ok(()));
                }
                std::task::ready!(self.end.bell()?.poll(context, key, Awaited::Readable))?;
            }
        })
        .await
    }

    /// Ends the connection: what the client has not read is discarded, and its operations fail.
    ///
    /// ```
    /// use ennead_tokio::named_pipe::{ClientOptions, ServerOptions};
    /// use tokio::io::AsyncWriteExt;
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\ennead-tokio-disconnect";
    ///
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// let server = ServerOptions::new().create(PIPE_NAME)?;
    /// let mut client = ClientOptions::new().open(PIPE_NAME)?;
    ///
    /// // Wait for a client to become connected.
    /// server.connect().await?;
    ///
    /// // Forcibly disconnect the client.
    /// server.disconnect()?;
    ///
    /// // Write fails, since the other end has been disconnected.
    /// assert!(client.write_all(b"ping").await.is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED if it is disconnected already.
    pub fn disconnect(&self) -> io::Result<()> {
        self.end.pipe.disconnect().map_err(io_error)?;
        self.end.renew_bell()
    }

    /// Type, limits and quotas of the pipe.
    ///
    /// # Errors
    /// None.
    pub fn info(&self) -> io::Result<PipeInfo> {
        Ok(PipeInfo::new(PipeEnd::Server, &self.end.pipe.traits()))
    }

    /// The instance underneath, with what tokio's module does not offer: who the client is, security, peeking. Not in tokio.
    #[must_use]
    pub fn instance(&self) -> &Instance {
        &self.end.pipe
    }
}
