//! Reading and writing pipes, waiting or not, whatever the shared O_NONBLOCK flag says.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::event::{PollFd, PollFlags};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};
use rustix::pipe::{PipeFlags, SpliceFlags};

use super::quiet::without_sigpipe;
use super::{drain, private_pair};

/// Offset −1: no position is meant, as for read(2).
const NO_OFFSET: u64 = u64::MAX;
/// RWF_NOSIGNAL, Linux 6.18.
const NOSIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// What this kernel can do with pipes. Tests pass one with `false` to force the fallbacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// RWF_NOWAIT on pipes (Linux 6.4). Without it, data moves through a pipe of our own by splice(2), which takes
    /// SPLICE_F_NONBLOCK on every kernel.
    pub nowait: bool,
    /// RWF_NOSIGNAL (Linux 6.18). Without it, SIGPIPE is blocked around each write.
    pub nosignal: bool,
}

/// What this kernel can do with pipes, probed once.
#[must_use]
pub fn features() -> Features {
    static FEATURES: OnceLock<Features> = OnceLock::new();
    const NONE: Features = Features { nowait: false, nosignal: false };
    if let Some(features) = FEATURES.get() {
        return *features;
    }
    // At a descriptor limit the answer is not kept: the fallback serves until a probe succeeds.
    probe().map_or(NONE, |features| *FEATURES.get_or_init(|| features))
}

fn probe() -> io::Result<Features> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let mut byte = [0];
    let nosignal = rustix::io::pwritev2(&writer, &[IoSlice::new(&byte)], NO_OFFSET, NOSIGNAL) == Ok(1);
    if nosignal {
        rustix::io::read(&reader, &mut byte)?;
    }
    let empty =
        rustix::io::preadv2(&reader, &mut [IoSliceMut::new(&mut byte)], NO_OFFSET, ReadWriteFlags::NOWAIT);
    Ok(Features { nowait: empty == Err(Errno::AGAIN), nosignal })
}

/// Reads what lies in the pipe, waiting for the first byte; 0 at the end. A signal handler that runs meanwhile does
/// not end the wait.
///
/// # Errors
///
/// What read(2) returns, except EINTR and EAGAIN.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let fd = fd.as_fd();
    loop {
        match rustix::io::read(fd, &mut *buffer) {
            // Somebody who shares the description made it non-blocking.
            Err(Errno::AGAIN) => wait_for(fd, PollFlags::IN)?,
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Reads what lies in the pipe: `Some(0)` at the end (or for an empty buffer), `None` when it is empty and a writer
/// still lives. Never waits.
///
/// # Errors
///
/// What preadv2(2) returns, except EINTR and EAGAIN; EMFILE or ENFILE where the fallback needs two descriptors.
pub fn read_now(fd: impl AsFd, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    read_now_with(fd, buffer, features())
}

/// [`read_now`] with only the given features of the kernel.
///
/// # Errors
///
/// As [`read_now`].
pub fn read_now_with(fd: impl AsFd, buffer: &mut [u8], features: Features) -> io::Result<Option<usize>> {
    let fd = fd.as_fd();
    if features.nowait {
        let mut slices = [IoSliceMut::new(&mut *buffer)];
        match retry_on_intr(|| rustix::io::preadv2(fd, &mut slices, NO_OFFSET, ReadWriteFlags::NOWAIT)) {
            Err(Errno::AGAIN) => return Ok(None),
            // A named FIFO, for one, does not take it even where pipes do.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            result => return Ok(Some(result?)),
        }
    }
    read_by_splice(fd, buffer)
}

fn read_by_splice(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    if buffer.is_empty() {
        return Ok(Some(0));
    }
    let (reader, writer) = private_pair(fd)?;
    match retry_on_intr(|| rustix::pipe::splice(fd, None, &writer, None, buffer.len(), SpliceFlags::NONBLOCK))
    {
        Err(Errno::AGAIN) => Ok(None),
        moved => drain(reader.as_fd(), &mut buffer[..moved?]).map(Some),
    }
}

/// Writes to the pipe, waiting for room; returns how many bytes were written, which is all of them unless a signal
/// handler ran or the description is non-blocking. Never raises SIGPIPE.
///
/// # Errors
///
/// What write(2) returns, except EINTR and EAGAIN; EPIPE when no reader is left.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    let fd = fd.as_fd();
    loop {
        match write_quietly(fd, bytes, ReadWriteFlags::empty(), features()) {
            Err(Errno::AGAIN) => wait_for(fd, PollFlags::OUT)?,
            Err(Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Writes what fits: `None` when nothing does and a reader still lives. Never waits, never raises SIGPIPE. As with
/// a non-blocking write(2), up to PIPE_BUF (4,096) bytes are written whole or not at all.
///
/// # Errors
///
/// What pwritev2(2) returns, except EINTR and EAGAIN; EPIPE when no reader is left; EMFILE or ENFILE where the
/// fallback needs two descriptors.
pub fn write_now(fd: impl AsFd, bytes: &[u8]) -> io::Result<Option<usize>> {
    write_now_with(fd, bytes, features())
}

/// [`write_now`] with only the given features of the kernel.
///
/// # Errors
///
/// As [`write_now`].
pub fn write_now_with(fd: impl AsFd, bytes: &[u8], features: Features) -> io::Result<Option<usize>> {
    let fd = fd.as_fd();
    if features.nowait {
        match retry_on_intr(|| write_quietly(fd, bytes, ReadWriteFlags::NOWAIT, features)) {
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            result => return Ok(Some(result?)),
        }
    }
    write_by_splice(fd, bytes)
}

pub(super) fn write_quietly(
    fd: BorrowedFd<'_>,
    bytes: &[u8],
    flags: ReadWriteFlags,
    features: Features,
) -> Result<usize, Errno> {
    let slices = [IoSlice::new(bytes)];
    if features.nosignal {
        match rustix::io::pwritev2(fd, &slices, NO_OFFSET, flags | NOSIGNAL) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            result => return result,
        }
    }
    without_sigpipe(|| {
        if flags.is_empty() {
            rustix::io::write(fd, bytes)
        } else {
            rustix::io::pwritev2(fd, &slices, NO_OFFSET, flags)
        }
    })
}

fn write_by_splice(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<Option<usize>> {
    if bytes.is_empty() {
        return Ok(Some(0));
    }
    let (reader, writer) = private_pair(fd)?;
    let staged = retry_on_intr(|| rustix::io::write(&writer, bytes))?;
    // What does not fit goes with the private pipe.
    let moved = retry_on_intr(|| {
        without_sigpipe(|| rustix::pipe::splice(&reader, None, fd, None, staged, SpliceFlags::NONBLOCK))
    });
    match moved {
        Err(Errno::AGAIN) => Ok(None),
        result => Ok(Some(result?)),
    }
}

fn wait_for(fd: BorrowedFd<'_>, flags: PollFlags) -> Result<(), Errno> {
    match rustix::event::poll(&mut [PollFd::new(&fd, flags)], None) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error),
    }
}
