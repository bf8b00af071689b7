//! Kernel pipes as doorbells: one byte wakes the other side, the end of the pipe says that it is gone.
//!
//! - A ring never blocks and never raises SIGPIPE: each write says so itself (RWF_NOWAIT and RWF_NOSIGNAL, Linux 6.18), whatever flags the description has, which
//!   somebody else may have too. On older kernels the ringing side opens the pipe afresh, for reading *and* writing and non-blocking: nobody else has that
//!   description, and whoever holds both ends of a pipe gets no SIGPIPE from it. A full pipe has been rung already.
//! - The listening side holds its pipe for reading only, so that the last ringer's death or close is its end of file. Its looks say RWF_NOWAIT; where pipes do not
//!   know that, it opens the pipe afresh too, non-blocking.
//! - Reopening goes through /proc/self/fd and the pipe's own permission bits, which the creator opens wide: only somebody who holds a descriptor can name it.
//!   It costs 4 µs, which is why it is avoided: a fresh name in /proc is made, and thrown away, for each.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags, fchmod, fcntl_getfl, fcntl_setfl, open, readlink};
use rustix::io::{Errno, ReadWriteFlags};
use rustix::pipe::{PipeFlags, fcntl_getpipe_size, pipe_with};

use crate::readable::readable;

/// How many rings [`Listener::take`] takes at most.
pub(crate) const TAKEN_AT_ONCE: u64 = 64;

/// The side that rings.
#[derive(Debug)]
pub struct Ringer {
    pipe: OwnedFd,
    ringing: Ringing,
}

/// How a ringer rings without blocking and without a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ringing {
    /// Each write says so.
    ByFlags,
    /// By a non-blocking description of its own, open both ways.
    ByDescription,
}

/// RWF_NOSIGNAL: EPIPE without SIGPIPE. Not in rustix yet.
const NO_SIGNAL: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x100);

/// The side that listens.
#[derive(Debug)]
pub struct Listener {
    pipe: OwnedFd,
    style: Style,
}

/// What a listener heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Somebody rang (or something like it: look).
    Ring,
    /// No ringer is left: the other side is gone.
    End,
    /// The second descriptor became readable.
    Other,
    /// Nothing, until the deadline.
    TimedOut,
}

/// How the listener reads without blocking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// preadv2 with RWF_NOWAIT on a blocking description, so that a wait is one plain read (4.6 µs instead of 5.7 a round trip). Pipes allow it since Linux 6.5 or so.
    NoWait,
    /// A non-blocking description: poll, then read.
    NonBlocking,
}

/// A new doorbell: the two ends, for one process to keep one and to hand the other on, as plain descriptors (see [`Ringer::adopt`], [`Listener::adopt`]).
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    fchmod(&writer, Mode::from_raw_mode(0o666))?;
    Ok((reader, writer))
}

impl Ringer {
    /// Takes the writing end of a doorbell that somebody else, perhaps hostile, passed: `InvalidInput` unless it is a pipe's, open for writing.
    pub fn adopt(pipe: OwnedFd) -> io::Result<Self> {
        Self::adopt_with(pipe, default_ringing())
    }

    /// As [`Ringer::adopt`] with a given way of ringing, for the test of the fallback.
    pub fn adopt_with(pipe: OwnedFd, ringing: Ringing) -> io::Result<Self> {
        match (pipe_mode(&pipe)?, ringing) {
            (OFlags::WRONLY, Ringing::ByFlags) => Ok(Self { pipe, ringing }),
            (OFlags::WRONLY | OFlags::RDWR, _) => Self::anew(pipe.as_fd()),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        }
    }

    /// Takes the writing end of a [`pair`] of our own.
    pub fn keep(pipe: OwnedFd) -> io::Result<Self> {
        match default_ringing() {
            ringing @ Ringing::ByFlags => Ok(Self { pipe, ringing }),
            Ringing::ByDescription => Self::anew(pipe.as_fd()),
        }
    }

    fn anew(pipe: BorrowedFd<'_>) -> io::Result<Self> {
        let pipe = reopen(pipe, OFlags::RDWR | OFlags::NONBLOCK)?;
        Ok(Self { pipe, ringing: Ringing::ByDescription })
    }

    /// Wakes the listener. Never blocks and never raises a signal; whether anybody listens is for our own listener to know.
    pub fn ring(&self) {
        // EAGAIN: 64 KiB of rings wait there already. EPIPE: nobody listens.
        match self.ringing {
            Ringing::ByDescription => while rustix::io::write(&self.pipe, &[1]) == Err(Errno::INTR) {},
            Ringing::ByFlags => loop {
                match write_quietly(&self.pipe) {
                    Err(Errno::INTR) => {}
                    // A description that its giver had opened anew does not know NOWAIT.
                    Err(Errno::OPNOTSUPP) => break self.ring_anew(),
                    _ => break,
                }
            },
        }
    }

    #[cold]
    fn ring_anew(&self) {
        if let Ok(own) = Self::anew(self.pipe.as_fd()) {
            own.ring();
        }
    }

    /// A fresh description of the same end.
    pub fn reopen(&self) -> io::Result<Self> {
        Self::anew(self.pipe.as_fd())
    }
}

impl Listener {
    /// Takes the reading end of a doorbell that somebody else, perhaps hostile, passed: `InvalidInput` unless it is a pipe's, open for reading only.
    pub fn adopt(pipe: OwnedFd) -> io::Result<Self> {
        Self::adopt_with(pipe, default_style())
    }

    /// As [`Listener::adopt`] with a given style, for the test of the fallback.
    pub fn adopt_with(pipe: OwnedFd, style: Style) -> io::Result<Self> {
        if pipe_mode(&pipe)? != OFlags::RDONLY {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // A description that its giver had opened anew does not know NOWAIT; O_NONBLOCK is ours to rely on in our own only. A ring that is taken here was rung
        // before anybody slept.
        if style == Style::NoWait && read_no_wait(&pipe, &mut [0; 64]) != Err(Errno::OPNOTSUPP) {
            return Ok(Self { pipe, style });
        }
        Self::keep_with(reopen(pipe.as_fd(), OFlags::RDONLY)?, Style::NonBlocking)
    }

    /// Takes the reading end of a [`pair`] of our own, whose description nobody else has.
    pub fn keep(pipe: OwnedFd) -> io::Result<Self> {
        Self::keep_with(pipe, default_style())
    }

    /// As [`Listener::keep`] with a given style, for the test of the fallback.
    pub fn keep_with(pipe: OwnedFd, style: Style) -> io::Result<Self> {
        if style == Style::NonBlocking {
            fcntl_setfl(&pipe, OFlags::NONBLOCK)?;
        }
        Ok(Self { pipe, style })
    }

    /// A fresh description of the same end.
    pub fn reopen(&self) -> io::Result<Self> {
        Self::keep_with(reopen(self.pipe.as_fd(), OFlags::RDONLY)?, self.style)
    }

    /// Waits for a ring and takes it, or for the end.
    pub fn wait(&self) -> io::Result<Heard> {
        loop {
            if self.style == Style::NonBlocking {
                readable([self.pipe.as_fd()], None)?;
            }
            match rustix::io::read(&self.pipe, &mut [0; 64]) {
                Ok(0) => return Ok(Heard::End),
                Ok(_) => return Ok(Heard::Ring),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => drop(readable([self.pipe.as_fd()], None)?),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for a ring and takes it, for the end, for `other` to become readable, or for the deadline, whichever comes first.
    pub fn wait_with(&self, other: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<Heard> {
        loop {
            let (bell, by_other) = match other {
                Some(other) => match readable([self.pipe.as_fd(), other], deadline)? {
                    Some([bell, other]) => (bell, other),
                    None => return Ok(Heard::TimedOut),
                },
                None => match readable([self.pipe.as_fd()], deadline)? {
                    Some([bell]) => (bell, false),
                    None => return Ok(Heard::TimedOut),
                },
            };
            match if bell { self.take()? } else { None } {
                Some(heard) => return Ok(heard),
                None if by_other => return Ok(Heard::Other),
                // Somebody else took it.
                None => {}
            }
        }
    }

    /// Takes the rings that are there without waiting: `None` when there are none.
    pub fn take(&self) -> io::Result<Option<Heard>> {
        let mut buffer = [0; TAKEN_AT_ONCE as usize];
        let read = match self.style {
            Style::NoWait => {
                match read_no_wait(&self.pipe, &mut buffer) {
                    // A description of our own that was opened anew through /proc has it not, unlike that of pipe(2). From now on this
                    // one does not block; `wait` then polls.
                    Err(Errno::OPNOTSUPP) => {
                        fcntl_setfl(&self.pipe, OFlags::NONBLOCK)?;
                        rustix::io::read(&self.pipe, &mut buffer)
                    }
                    read => read,
                }
            }
            Style::NonBlocking => rustix::io::read(&self.pipe, &mut buffer),
        };
        match read {
            Ok(0) => Ok(Some(Heard::End)),
            Ok(_) => Ok(Some(Heard::Ring)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether no ringer is left. Takes no rings, and waits for nothing.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        let mut polled = [PollFd::new(&self.pipe, PollFlags::IN)];
        rustix::event::poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
            && polled[0].revents().contains(PollFlags::HUP)
    }

    /// Rings our own bell, to wake a thread of this process that waits for it. Opens a descriptor for that moment.
    pub fn ring_self(&self) -> io::Result<()> {
        let writer = reopen(self.pipe.as_fd(), OFlags::WRONLY | OFlags::NONBLOCK)?;
        match rustix::io::write(&writer, &[1]) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Ringer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl From<Ringer> for OwnedFd {
    fn from(ringer: Ringer) -> Self {
        ringer.pipe
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.pipe
    }
}

fn write_quietly(pipe: &OwnedFd) -> rustix::io::Result<usize> {
    let flags = ReadWriteFlags::NOWAIT | NO_SIGNAL;
    rustix::io::pwritev2(pipe, &[IoSlice::new(&[1])], u64::MAX, flags)
}

fn read_no_wait(pipe: &OwnedFd, buffer: &mut [u8]) -> rustix::io::Result<usize> {
    rustix::io::preadv2(pipe, &mut [IoSliceMut::new(buffer)], u64::MAX, ReadWriteFlags::NOWAIT)
}

/// How a pipe's end is open. Asks only what cannot hang, and what only pipes answer: a descriptor of a FUSE file may have been passed instead.
fn pipe_mode(pipe: &OwnedFd) -> io::Result<OFlags> {
    fcntl_getpipe_size(pipe).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    Ok(fcntl_getfl(pipe)? & OFlags::RWMODE)
}

/// A description of our own for an anonymous pipe's end. Asks only what cannot hang: a descriptor of a FUSE file may have been passed instead.
pub(crate) fn reopen(pipe: BorrowedFd<'_>, flags: OFlags) -> io::Result<OwnedFd> {
    if !is_pipe(pipe) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(open(format!("/proc/self/fd/{}", pipe.as_raw_fd()), flags | OFlags::CLOEXEC, Mode::empty())?)
}

/// Whether it is an anonymous pipe's end.
pub(crate) fn is_pipe(pipe: BorrowedFd<'_>) -> bool {
    readlink(format!("/proc/self/fd/{}", pipe.as_raw_fd()), Vec::new())
        .is_ok_and(|link| link.as_bytes().starts_with(b"pipe:["))
}

fn default_style() -> Style {
    static STYLE: OnceLock<Style> = OnceLock::new();
    *STYLE.get_or_init(|| {
        let probe = || {
            let (reader, _writer) = pipe_with(PipeFlags::CLOEXEC).ok()?;
            (read_no_wait(&reader, &mut [0]) == Err(Errno::AGAIN)).then_some(Style::NoWait)
        };
        probe().unwrap_or(Style::NonBlocking)
    })
}

fn default_ringing() -> Ringing {
    static RINGING: OnceLock<Ringing> = OnceLock::new();
    *RINGING.get_or_init(|| {
        let probe = || {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).ok()?;
            drop(reader);
            // A kernel that does not know the flag says EOPNOTSUPP before it looks at the pipe.
            let outcome = write_quietly(&writer);
            (outcome == Err(Errno::PIPE)).then_some(Ringing::ByFlags)
        };
        probe().unwrap_or(Ringing::ByDescription)
    })
}

#[cfg(test)]
mod tests;
