//! The builder of clients' ends.

use std::ffi::OsStr;
use std::io;

use ennead_pipe::impersonation::SecurityQuality;
use ennead_pipe::named::{self, Modes, Place};
use ennead_security::AccessMask;

use super::super::{NamedPipeClient, PipeMode, io_error, text};
use super::read_mode;

/// Makes clients' ends (`CreateFile`).
#[derive(Clone, Debug)]
pub struct ClientOptions {
    read: bool,
    write: bool,
    pipe_mode: PipeMode,
    security_qos_flags: u32,
    place: Option<Place>,
}

/// SECURITY_SQOS_PRESENT and SECURITY_IDENTIFICATION of `CreateFile`.
const SQOS_PRESENT: u32 = 0x0010_0000;
const IDENTIFICATION: u32 = 0x0001_0000;

impl ClientOptions {
    /// Reads and writes, byte mode; the server may learn who we are, and no more.
    #[must_use]
    pub fn new() -> Self {
        Self {
            read: true,
            write: true,
            pipe_mode: PipeMode::Byte,
            security_qos_flags: SQOS_PRESENT | IDENTIFICATION,
            place: None,
        }
    }

    /// Whether this end reads. Default: yes.
    pub fn read(&mut self, allowed: bool) -> &mut Self {
        self.read = allowed;
        self
    }

    /// Whether this end writes. Default: yes.
    pub fn write(&mut self, allowed: bool) -> &mut Self {
        self.write = allowed;
        self
    }

    /// How far the server may go on our behalf: the `SECURITY_…` flags of `CreateFile`; `SECURITY_SQOS_PRESENT` goes
    /// without saying. Default: `SECURITY_IDENTIFICATION`.
    pub fn security_qos_flags(&mut self, flags: u32) -> &mut Self {
        self.security_qos_flags = flags | SQOS_PRESENT;
        self
    }

    /// How this end reads: [`PipeMode::Message`] for a pipe of that mode only. Default: [`PipeMode::Byte`].
    pub fn pipe_mode(&mut self, pipe_mode: PipeMode) -> &mut Self {
        self.pipe_mode = pipe_mode;
        self
    }

    /// Where the pipe's name is looked up. Not in tokio. Default: where everybody looks.
    pub fn place(&mut self, place: &Place) -> &mut Self {
        self.place = Some(place.clone());
        self
    }

    /// Opens the pipe `addr`. Does not wait.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] if nobody serves it; ERROR_PIPE_BUSY, as `raw_os_error()`, if all its instances have
    /// clients; [`io::ErrorKind::PermissionDenied`]; an error outside of a runtime with its I/O enabled.
    ///
    /// # Examples
    /// A loop that waits until an instance is free:
    ///
    /// ```no_run
    /// use ennead_tokio::named_pipe::ClientOptions;
    /// use std::time::Duration;
    /// use tokio::time;
    /// use windows_sys::Win32::Foundation::ERROR_PIPE_BUSY;
    ///
    /// const PIPE_NAME: &str = r"\\.\pipe\mynamedpipe";
    ///
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// let client = loop {
    ///     match ClientOptions::new().open(PIPE_NAME) {
    ///         Ok(client) => break client,
    ///         Err(e) if e.raw_os_error() == Some(ERROR_PIPE_BUSY as i32) => (),
    ///         Err(e) => return Err(e),
    ///     }
    ///
    ///     time::sleep(Duration::from_millis(50)).await;
    /// };
    /// # drop(client);
    /// # Ok(()) }
    /// ```
    pub fn open(&self, addr: impl AsRef<OsStr>) -> io::Result<NamedPipeClient> {
        let mut access = AccessMask(0);
        if self.read {
            access |= AccessMask::GENERIC_READ;
        }
        if self.write {
            access |= AccessMask::GENERIC_WRITE;
        }
        let mut options = named::ClientOptions::new()
            .access(access)
            .modes(Modes { read: read_mode(self.pipe_mode), ..Modes::default() })
            .quality(SecurityQuality::from_create_file_flags(self.security_qos_flags));
        if let Some(place) = &self.place {
            options = options.place(place);
        }
        NamedPipeClient::new(options.open(text(addr.as_ref())?).map_err(io_error)?)
    }
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}
