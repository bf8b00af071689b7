//! The two builders; this one is of servers' ends.

mod client;

use std::ffi::OsStr;
use std::io;

use ennead_pipe::named::{self, Direction, PipeType, Place, ReadMode, UNLIMITED};
use ennead_security::SecurityDescriptor;
use ennead_status::Win32Error;

pub use client::ClientOptions;

use super::{NamedPipeServer, PipeMode, io_error, text};

/// Makes servers' ends (`CreateNamedPipe`).
#[derive(Clone, Debug)]
pub struct ServerOptions {
    access_inbound: bool,
    access_outbound: bool,
    first_pipe_instance: bool,
    pipe_mode: PipeMode,
    reject_remote_clients: bool,
    max_instances: u32,
    out_buffer_size: u32,
    in_buffer_size: u32,
    security: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl ServerOptions {
    /// Duplex, byte mode, unlimited instances, quotas of 64 KiB, no remote clients.
    #[must_use]
    pub fn new() -> Self {
        Self {
            access_inbound: true,
            access_outbound: true,
            first_pipe_instance: false,
            pipe_mode: PipeMode::Byte,
            reject_remote_clients: true,
            max_instances: UNLIMITED,
            out_buffer_size: 65536,
            in_buffer_size: 65536,
            security: None,
            place: None,
        }
    }

    /// The pipe's type, and how this end reads it. Default: [`PipeMode::Byte`].
    pub fn pipe_mode(&mut self, pipe_mode: PipeMode) -> &mut Self {
        self.pipe_mode = pipe_mode;
        self
    }

    /// Whether data goes from the client to the server. If not, a client that asks to write is refused with
    /// [`io::ErrorKind::PermissionDenied`]. Default: yes.
    ///
    /// # Examples
    /// A pipe from the server to the client:
    ///
    /// ```
    /// use ennead_tokio::named_pipe::{ClientOptions, ServerOptions};
    /// use std::io;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\ennead-tokio-access-inbound";
    ///
    /// # #[tokio::main] async fn main() -> io::Result<()> {
    /// let mut server = ServerOptions::new()
    ///     .access_inbound(false)
    ///     .create(PIPE_NAME)?;
    ///
    /// let e = ClientOptions::new()
    ///     .open(PIPE_NAME)
    ///     .unwrap_err();
    /// assert_eq!(e.kind(), io::ErrorKind::PermissionDenied);
    ///
    /// let mut client = ClientOptions::new()
    ///     .write(false)
    ///     .open(PIPE_NAME)?;
    ///
    /// server.connect().await?;
    ///
    /// let write = server.write_all(b"ping");
    ///
    /// let mut buf = [0u8; 4];
    /// let read = client.read_exact(&mut buf);
    ///
    /// let ((), read) = tokio::try_join!(write, read)?;
    ///
    /// assert_eq!(read, 4);
    /// assert_eq!(&buf[..], b"ping");
    /// # Ok(()) }
    /// ```
    pub fn access_inbound(&mut self, allowed: bool) -> &mut Self {
        self.access_inbound = allowed;
        self
    }

    /// Whether data goes from the server to the client. If not, a client that asks to read is refused with
    /// [`io::ErrorKind::PermissionDenied`]. Default: yes.
    ///
    /// # Examples
    /// A pipe from the client to the server:
    ///
    /// ```
    /// use ennead_tokio::named_pipe::{ClientOptions, ServerOptions};
    /// use std::io;
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\ennead-tokio-access-outbound";
    ///
    /// # #[tokio::main] async fn main() -> io::Result<()> {
    /// let mut server = ServerOptions::new()
    ///     .access_outbound(false)
    ///     .create(PIPE_NAME)?;
    ///
    /// let mut client = ClientOptions::new()
    ///     .read(false)
    ///     .open(PIPE_NAME)?;
    ///
    /// server.connect().await?;
    ///
    /// let write = client.write_all(b"ping");
    ///
    /// let mut buf = [0u8; 4];
    /// let read = server.read_exact(&mut buf);
    ///
    /// let ((), read) = tokio::try_join!(write, read)?;
    ///
    /// assert_eq!(read, 4);
    /// assert_eq!(&buf[..], b"ping");
    ///
    /// let e = client.read(&mut buf).await.unwrap_err();
    /// assert_eq!(e.kind(), io::ErrorKind::PermissionDenied);
    /// # Ok(()) }
    /// ```
    pub fn access_outbound(&mut self, allowed: bool) -> &mut Self {
        self.access_outbound = allowed;
        self
    }

    /// Whether the pipe must not exist yet: [`ServerOptions::create`] then fails with
    /// [`io::ErrorKind::PermissionDenied`] if it does, in whatever process. Default: no.
    ///
    /// # Examples
    /// ```
    /// use ennead_tokio::named_pipe::ServerOptions;
    /// use std::io;
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\ennead-tokio-first-instance";
    ///
    /// # #[tokio::main] async fn main() -> io::Result<()> {
    /// let mut builder = ServerOptions::new();
    /// builder.first_pipe_instance(true);
    ///
    /// let server = builder.create(PIPE_NAME)?;
    /// let e = builder.create(PIPE_NAME).unwrap_err();
    /// assert_eq!(e.kind(), io::ErrorKind::PermissionDenied);
    /// drop(server);
    ///
    /// // OK: since, we've closed the other instance.
    /// let _server2 = builder.create(PIPE_NAME)?;
    /// # Ok(()) }
    /// ```
    pub fn first_pipe_instance(&mut self, first: bool) -> &mut Self {
        self.first_pipe_instance = first;
        self
    }

    /// Whether clients on other computers are refused. Default: yes.
    pub fn reject_remote_clients(&mut self, reject: bool) -> &mut Self {
        self.reject_remote_clients = reject;
        self
    }

    /// How many instances the pipe may have, 1 to 254. Default: any number.
    ///
    /// # Examples
    /// ```
    /// use ennead_tokio::named_pipe::{ClientOptions, ServerOptions};
    /// use std::io;
    /// use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\ennead-tokio-max-instances";
    ///
    /// # #[tokio::main] async fn main() -> io::Result<()> {
    /// let mut server = ServerOptions::new();
    /// server.max_instances(2);
    ///
    /// let s1 = server.create(PIPE_NAME)?;
    /// let c1 = ClientOptions::new().open(PIPE_NAME)?;
    ///
    /// let s2 = server.create(PIPE_NAME)?;
    /// let c2 = ClientOptions::new().open(PIPE_NAME)?;
    ///
    /// // Too many servers!
    /// let e = server.create(PIPE_NAME).unwrap_err();
    /// assert_eq!(e.raw_os_error(), Some(ERROR_PIPE_BUSY as i32));
    ///
    /// // Still too many servers even if we specify a higher value!
    /// let e = server.max_instances(100).create(PIPE_NAME).unwrap_err();
    /// assert_eq!(e.raw_os_error(), Some(ERROR_PIPE_BUSY as i32));
    /// # drop((s1, c1, s2, c2));
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    /// With 255 or more, as on Windows: that number means any number, and is what is there without this call.
    #[track_caller]
    pub fn max_instances(&mut self, instances: usize) -> &mut Self {
        assert!(instances < UNLIMITED as usize, "a pipe has 254 instances at most, or any number");
        self.max_instances = instances as u32;
        self
    }

    /// The quota of what this end has written and the client has not read, in bytes; a larger write waits. Default: 64 KiB.
    pub fn out_buffer_size(&mut self, buffer: u32) -> &mut Self {
        self.out_buffer_size = buffer;
        self
    }

    /// The quota of what the client has written and this end has not read, in bytes. Default: 64 KiB.
    pub fn in_buffer_size(&mut self, buffer: u32) -> &mut Self {
        self.in_buffer_size = buffer;
        self
    }

    /// Who may open the pipe, and who may create further instances. Not in tokio, which takes a raw pointer instead.
    pub fn security(&mut self, descriptor: SecurityDescriptor) -> &mut Self {
        self.security = Some(descriptor);
        self
    }

    /// Where the pipe's name is looked up. Not in tokio. Default: where everybody looks.
    pub fn place(&mut self, place: &Place) -> &mut Self {
        self.place = Some(place.clone());
        self
    }

    /// Makes an instance of the pipe `addr`, which is `\\.\pipe\` and a name.
    ///
    /// # Errors
    /// [`io::ErrorKind::PermissionDenied`] if the pipe exists and this must be its first instance, or it has other
    /// attributes, or does not let us in; ERROR_PIPE_BUSY if it has as many instances as it may; an error outside of a
    /// runtime with its I/O enabled.
    pub fn create(&self, addr: impl AsRef<OsStr>) -> io::Result<NamedPipeServer> {
        let direction = match (self.access_inbound, self.access_outbound) {
            (true, true) => Direction::Duplex,
            (true, false) => Direction::Inbound,
            (false, true) => Direction::Outbound,
            // As CreateNamedPipe has it: an open mode is one of the three.
            (false, false) => return Err(Win32Error::INVALID_PARAMETER.into()),
        };
        let mut options = named::ServerOptions::new()
            .direction(direction)
            .pipe_type(type_of(self.pipe_mode))
            .read_mode(read_mode(self.pipe_mode))
            .max_instances(self.max_instances)
            .first_instance(self.first_pipe_instance)
            .quotas(self.out_buffer_size, self.in_buffer_size)
            .reject_remote_clients(self.reject_remote_clients);
        if let Some(descriptor) = &self.security {
            options = options.security(descriptor.clone());
        }
        if let Some(place) = &self.place {
            options = options.place(place);
        }
        NamedPipeServer::new(options.create(text(addr.as_ref())?).map_err(io_error)?)
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

pub(super) fn mode_of(pipe_type: PipeType) -> PipeMode {
    match pipe_type {
        PipeType::Byte => PipeMode::Byte,
        PipeType::Message => PipeMode::Message,
    }
}

fn type_of(mode: PipeMode) -> PipeType {
    match mode {
        PipeMode::Byte => PipeType::Byte,
        PipeMode::Message => PipeType::Message,
    }
}

fn read_mode(mode: PipeMode) -> ReadMode {
    match mode {
        PipeMode::Byte => ReadMode::Byte,
        PipeMode::Message => ReadMode::Message,
    }
}
