//! Kernel pipes: made close-on-exec, read and written without waiting, peeked at, never with SIGPIPE.
//!
//! Nothing here changes the O_NONBLOCK flag: it belongs to the open file description, which a pipe's end often
//! shares with other processes.

mod quiet;
mod transfer;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, OFlags};
use rustix::pipe::{PipeFlags, SpliceFlags};

pub use transfer::{Features, features, read, read_now, read_now_with, write, write_now, write_now_with};

/// A new pipe, both ends close-on-exec: (read end, write end). Neither end has a number below 3, so that neither is
/// ever taken for a standard stream.
///
/// # Errors
///
/// EMFILE or ENFILE at a descriptor limit.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    Ok((above_stdio(reader)?, above_stdio(writer)?))
}

fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    if fd.as_raw_fd() > 2 {
        return Ok(fd);
    }
    Ok(rustix::io::fcntl_dupfd_cloexec(&fd, 3)?)
}

/// Which end of a pipe a descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The read end.
    Read,
    /// The write end.
    Write,
    /// A FIFO that was opened for both.
    Both,
}

/// Which end of a pipe `fd` is; `None` when it is not a pipe at all.
///
/// # Errors
///
/// What fstat and F_GETFL return, which for an open descriptor is nothing.
pub fn end_of(fd: impl AsFd) -> io::Result<Option<End>> {
    let fd = fd.as_fd();
    if FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) != FileType::Fifo {
        return Ok(None);
    }
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(match flags & OFlags::RWMODE {
        _ if flags.contains(OFlags::PATH) => None,
        OFlags::RDONLY => Some(End::Read),
        OFlags::WRONLY => Some(End::Write),
        _ => Some(End::Both),
    })
}

/// How many bytes lie in the pipe unread (FIONREAD).
///
/// # Errors
///
/// What the system call returns.
pub fn available(fd: impl AsFd) -> io::Result<u64> {
    Ok(rustix::io::ioctl_fionread(fd)?)
}

/// The size of the pipe's buffer, in bytes (F_GETPIPE_SZ).
///
/// # Errors
///
/// What the system call returns.
pub fn capacity(fd: impl AsFd) -> io::Result<usize> {
    Ok(rustix::pipe::fcntl_getpipe_size(fd)?)
}

/// Asks for a buffer of at least `bytes` (F_SETPIPE_SZ); the kernel rounds up to a power of two of pages. Returns
/// the size that it then has.
///
/// # Errors
///
/// EPERM above `/proc/sys/fs/pipe-max-size` or the user's total without CAP_SYS_RESOURCE, EBUSY when more than
/// `bytes` lie in it, ENOMEM.
pub fn set_capacity(fd: impl AsFd, bytes: usize) -> io::Result<usize> {
    Ok(rustix::pipe::fcntl_setpipe_size(fd, bytes)?)
}

/// The largest buffer that an unprivileged process may ask for, in bytes (`/proc/sys/fs/pipe-max-size`; its default
/// of 1 MiB where /proc cannot be read).
#[must_use]
pub fn max_capacity() -> usize {
    const DEFAULT: usize = 1 << 20;
    let text = std::fs::read_to_string("/proc/sys/fs/pipe-max-size");
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(DEFAULT)
}

/// Copies what lies in the pipe into `buffer` and leaves it there (tee(2)). Returns how many bytes were copied:
/// `Some(0)` only for an empty buffer or at the end, `None` when the pipe is empty and a writer still lives.
///
/// Fewer bytes than both `buffer` and the pipe hold are copied only where the user has used up its allowance of pipe
/// pages (`/proc/sys/fs/pipe-user-pages-soft`), for the copy goes through a pipe of our own.
///
/// # Errors
///
/// EMFILE or ENFILE: it needs two descriptors for a moment.
pub fn peek(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    let fd = fd.as_fd();
    if buffer.is_empty() {
        return Ok(Some(0));
    }
    let (reader, writer) = private_pair(fd)?;
    loop {
        match rustix::pipe::tee(fd, &writer, buffer.len(), SpliceFlags::NONBLOCK) {
            Ok(0) => return Ok(Some(0)),
            Ok(copied) => return drain(reader.as_fd(), &mut buffer[..copied]).map(Some),
            Err(rustix::io::Errno::AGAIN) => return Ok(None),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// A pipe of our own that nobody else can touch, with as many places as `like` has if that may be.
fn private_pair(like: BorrowedFd<'_>) -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    if let (Ok(wanted), Ok(size)) = (capacity(like), capacity(&writer))
        && wanted > size
    {
        // Refused only past the user's allowance; then less is moved at a time.
        _ = set_capacity(&writer, wanted);
    }
    Ok((reader, writer))
}

/// Reads until `buffer` is full or the (non-blocking, private) pipe is empty.
fn drain(reader: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match rustix::io::read(reader, &mut buffer[read..]) {
            Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
            Ok(count) => read += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests;
