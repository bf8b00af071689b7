//! The two ends of a pipe.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

use ennead_sys::pipe;
use ennead_sys::poll::{self, Interest, Watch};

use super::Wait;
use super::error::{NotAnEnd, ReadError, WriteError};

/// The end that is read: `GENERIC_READ` and `SYNCHRONIZE`. All operations take `&self`: any thread may use it, and
/// each byte goes to one of those who read.
#[derive(Debug)]
pub struct Reader {
    fd: OwnedFd,
}

/// The end that is written: `GENERIC_WRITE` and `SYNCHRONIZE`. All operations take `&self`; what is written in one
/// piece of up to 4,096 bytes stays together.
#[derive(Debug)]
pub struct Writer {
    fd: OwnedFd,
}

/// What lies in a pipe (`PeekNamedPipe`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// How many bytes were copied to the caller's buffer. (Fewer than it could take only when fewer lie there, or
    /// when the user is past its allowance of pipe memory.)
    pub copied: usize,
    /// How many bytes lie in the pipe.
    pub available: usize,
}

impl Reader {
    pub(super) const fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Reads what lies in the pipe, up to the buffer's size (`ReadFile`); waits for the first byte as `wait` says.
    /// An empty buffer is filled at once.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; `ERROR_BROKEN_PIPE` at the end, where [`Read::read`] returns 0; `ERROR_OPERATION_ABORTED` when the
    /// wait's token is cancelled.
    pub fn receive(&self, buffer: &mut [u8], wait: Wait<'_>) -> Result<usize, ReadError> {
        if matches!(wait, Wait::Forever) {
            let count = pipe::read(&self.fd, buffer).map_err(ReadError::System)?;
            return not_ended(count, buffer);
        }
        if wait.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        loop {
            // Another reader may take what poll saw, so look, never trust.
            if let Some(count) = pipe::read_now(&self.fd, buffer).map_err(ReadError::System)? {
                return not_ended(count, buffer);
            }
            if matches!(wait, Wait::Never) {
                return Err(ReadError::Empty);
            }
            match wait_ready(self.fd.as_fd(), Interest::Readable, wait).map_err(ReadError::System)? {
                Woken::Ready => {}
                Woken::TimedOut => return Err(ReadError::TimedOut),
                Woken::Cancelled => return Err(ReadError::Cancelled),
            }
        }
    }

    /// Copies what lies in the pipe and leaves it there (`PeekNamedPipe`). Never waits; an empty pipe is no error.
    ///
    /// # Errors
    ///
    /// `ERROR_BROKEN_PIPE` when the pipe is empty and every writer is gone.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked, ReadError> {
        let copied = pipe::peek(&self.fd, buffer).map_err(ReadError::System)?;
        let available = pipe::available(&self.fd).map_err(ReadError::System)?;
        let copied = copied.unwrap_or(0);
        if copied == 0 && available == 0 && self.is_ended().map_err(ReadError::System)? {
            return Err(ReadError::Ended);
        }
        // Another reader may have taken some of it between the two.
        let available = usize::try_from(available).unwrap_or(usize::MAX).max(copied);
        Ok(Peeked { copied, available })
    }

    fn is_ended(&self) -> io::Result<bool> {
        let mut watch = [Watch::new(&self.fd, Interest::Readable)];
        poll::wait(&mut watch, Some(std::time::Instant::now()))?;
        Ok(watch[0].is_ended())
    }

    /// The size of the pipe's buffer, in bytes.
    ///
    /// # Errors
    ///
    /// What the system call returns.
    pub fn capacity(&self) -> io::Result<usize> {
        pipe::capacity(&self.fd)
    }

    /// Another handle to the same end (`DuplicateHandle`).
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }
}

fn not_ended(count: usize, buffer: &[u8]) -> Result<usize, ReadError> {
    if count == 0 && !buffer.is_empty() { Err(ReadError::Ended) } else { Ok(count) }
}

impl Writer {
    pub(super) const fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Writes all of `bytes` (`WriteFile`), waiting for room as `wait` says. With [`Wait::Never`] it writes what
    /// fits and returns how much that was, possibly nothing, as documented for a non-blocking byte-mode handle.
    ///
    /// # Errors
    ///
    /// [`WriteError`], which tells how much was written.
    pub fn send(&self, bytes: &[u8], wait: Wait<'_>) -> Result<usize, WriteError> {
        let mut written = 0;
        if wait.is_cancelled() {
            return Err(WriteError::Cancelled { written });
        }
        while written < bytes.len() {
            let failed = |error| WriteError::from_io(written, error);
            if matches!(wait, Wait::Forever) {
                written += pipe::write(&self.fd, &bytes[written..]).map_err(failed)?;
                continue;
            }
            if let Some(count) = pipe::write_now(&self.fd, &bytes[written..]).map_err(failed)? {
                written += count;
                continue;
            }
            if matches!(wait, Wait::Never) {
                break;
            }
            match wait_ready(self.fd.as_fd(), Interest::Writable, wait).map_err(failed)? {
                Woken::Ready => {}
                Woken::TimedOut => return Err(WriteError::TimedOut { written }),
                Woken::Cancelled => return Err(WriteError::Cancelled { written }),
            }
        }
        Ok(written)
    }

    /// How many bytes nobody has read yet.
    ///
    /// # Errors
    ///
    /// What the system call returns.
    pub fn unread(&self) -> io::Result<usize> {
        Ok(usize::try_from(pipe::available(&self.fd)?).unwrap_or(usize::MAX))
    }

    /// The size of the pipe's buffer, in bytes.
    ///
    /// # Errors
    ///
    /// What the system call returns.
    pub fn capacity(&self) -> io::Result<usize> {
        pipe::capacity(&self.fd)
    }

    /// Another handle to the same end (`DuplicateHandle`). The reader sees the end when all of them are gone.
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Makes the buffer as large as `bytes`, or as nearly as the limits allow.
    pub(super) fn enlarge(&self, bytes: usize) {
        /// The kernel's own limit on the argument.
        const MOST: usize = 1 << 31;
        let mut bytes = bytes.min(MOST);
        if pipe::set_capacity(&self.fd, bytes).is_ok() {
            return;
        }
        bytes = bytes.min(pipe::max_capacity());
        let enough = self.capacity().unwrap_or(usize::MAX);
        // The user's allowance may be nearly used up: half as much each time.
        while bytes > enough && pipe::set_capacity(&self.fd, bytes).is_err() {
            bytes /= 2;
        }
    }
}

impl Read for Reader {
    /// As [`Reader::receive`], with the end as 0, which is how Rust's own pipes show it on Windows too.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Read for &Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        pipe::read(&self.fd, buffer)
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    /// Nothing: what was written is in the pipe. (`FlushFileBuffers`' wait for the reader is for named pipes.)
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        pipe::write(&self.fd, bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes over the read end of any pipe, such as a duplicate of one's own standard input.
impl TryFrom<OwnedFd> for Reader {
    type Error = NotAnEnd;

    fn try_from(fd: OwnedFd) -> Result<Self, NotAnEnd> {
        match pipe::end_of(&fd) {
            Ok(Some(pipe::End::Read | pipe::End::Both)) => Ok(Self { fd }),
            _ => Err(NotAnEnd(fd)),
        }
    }
}

/// Takes over the write end of any pipe, such as a duplicate of one's own standard output.
impl TryFrom<OwnedFd> for Writer {
    type Error = NotAnEnd;

    fn try_from(fd: OwnedFd) -> Result<Self, NotAnEnd> {
        match pipe::end_of(&fd) {
            Ok(Some(pipe::End::Write | pipe::End::Both)) => Ok(Self { fd }),
            _ => Err(NotAnEnd(fd)),
        }
    }
}

macro_rules! is_a_descriptor {
    ($end:ident) => {
        impl AsFd for $end {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.fd.as_fd()
            }
        }

        impl From<$end> for OwnedFd {
            fn from(end: $end) -> Self {
                end.fd
            }
        }

        impl From<$end> for Stdio {
            fn from(end: $end) -> Self {
                end.fd.into()
            }
        }
    };
}

is_a_descriptor!(Reader);
is_a_descriptor!(Writer);

/// Why a wait ended.
enum Woken {
    Ready,
    TimedOut,
    Cancelled,
}

/// Waits until `end` is ready. Cancelled wins over ready, so that a token ends even an operation that never has to
/// wait for long.
fn wait_ready(end: BorrowedFd<'_>, interest: Interest, wait: Wait<'_>) -> io::Result<Woken> {
    let mut watches = vec![Watch::new(&end, interest)];
    watches.extend(wait.token().iter().map(|token| Watch::new(*token, Interest::Readable)));
    let ready = poll::wait(&mut watches, wait.deadline())?;
    if wait.is_cancelled() {
        return Ok(Woken::Cancelled);
    }
    Ok(if ready { Woken::Ready } else { Woken::TimedOut })
}
