//! Kernel pipes as doorbells: one byte wakes the other side, the end of the pipe says that it is gone.
//!
//! - The ringing side holds its pipe open for reading *and* writing (a reopened description): a write then never raises SIGPIPE, and since the description is
//!   its own and non-blocking, nobody else can make a ring block. A full pipe has been rung already.
//! - The listening side holds its pipe for reading only, so that the last ringer's death or close is its end of file.
//! - Reopening goes through /proc/self/fd and the pipe's own permission bits, which the creator opens wide: only somebody who holds a descriptor can name it.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags, fchmod, fcntl_getfl, fcntl_setfl, open, readlink};
use rustix::io::{Errno, ReadWriteFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::readable::readable;

/// How many rings [`Listener::take`] takes at most.
pub(crate) const TAKEN_AT_ONCE: u64 = 64;

/// The side that rings.
#[derive(Debug)]
pub struct Ringer(OwnedFd);

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
    /// Takes the writing end of a doorbell that somebody else, perhaps hostile, passed: `InvalidInput` unless it is an anonymous pipe's, open for writing.
    pub fn adopt(pipe: impl AsFd) -> io::Result<Self> {
        let mode = fcntl_getfl(&pipe)? & OFlags::RWMODE;
        if mode != OFlags::WRONLY && mode != OFlags::RDWR {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        reopen(pipe.as_fd(), OFlags::RDWR | OFlags::NONBLOCK).map(Self)
    }

    /// Wakes the listener. Never blocks and never raises a signal; whether anybody listens is for our own listener to know.
    pub fn ring(&self) {
        // EAGAIN: 64 KiB of rings wait there already. Nothing else can happen to a one-byte write to a pipe that we hold open both ways.
        while rustix::io::write(&self.0, &[1]) == Err(Errno::INTR) {}
    }

    /// A fresh description of the same end.
    pub fn reopen(&self) -> io::Result<Self> {
        reopen(self.0.as_fd(), OFlags::RDWR | OFlags::NONBLOCK).map(Self)
    }
}

impl Listener {
    /// Takes the reading end of a doorbell that somebody else, perhaps hostile, passed: `InvalidInput` unless it is an anonymous pipe's, open for reading only.
    pub fn adopt(pipe: impl AsFd) -> io::Result<Self> {
        if fcntl_getfl(&pipe)? & OFlags::RWMODE != OFlags::RDONLY {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Self::keep(reopen(pipe.as_fd(), OFlags::RDONLY)?)
    }

    /// Takes the reading end of a [`pair`] of our own, whose description nobody else has.
    pub fn keep(pipe: OwnedFd) -> io::Result<Self> {
        Self::keep_with(pipe, default_style())
    }

    /// As [`Listener::keep`] with a given style, for the test of the fallback.
    pub fn keep_with(pipe: OwnedFd, style: Style) -> io::Result<Self> {
        fcntl_setfl(&pipe, if style == Style::NonBlocking { OFlags::NONBLOCK } else { OFlags::empty() })?;
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
                let mut room = [IoSliceMut::new(&mut buffer)];
                match rustix::io::preadv2(&self.pipe, &mut room, u64::MAX, ReadWriteFlags::NOWAIT) {
                    // A description that was opened anew through /proc has it not, unlike that of pipe(2). From now on this
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
        self.0.as_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl From<Ringer> for OwnedFd {
    fn from(ringer: Ringer) -> Self {
        ringer.0
    }
}

impl From<Listener> for OwnedFd {
    fn from(listener: Listener) -> Self {
        listener.pipe
    }
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
            let outcome = rustix::io::preadv2(
                &reader,
                &mut [IoSliceMut::new(&mut [0])],
                u64::MAX,
                ReadWriteFlags::NOWAIT,
            );
            (outcome == Err(Errno::AGAIN)).then_some(Style::NoWait)
        };
        probe().unwrap_or(Style::NonBlocking)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn bell(style: Style) -> (Listener, Ringer) {
        let (reader, writer) = pair().unwrap();
        (Listener::keep_with(reader, style).unwrap(), Ringer::adopt(writer).unwrap())
    }

    #[test]
    fn an_adopted_end_can_be_asked_without_waiting() {
        let (reader, writer) = pair().unwrap();
        let (listener, ringer) = (Listener::adopt(reader).unwrap(), Ringer::adopt(writer).unwrap());
        assert_eq!(listener.take().unwrap(), None);
        ringer.ring();
        assert_eq!(listener.take().unwrap(), Some(Heard::Ring));
        ringer.ring();
        assert_eq!(listener.wait().unwrap(), Heard::Ring);
        drop(ringer);
        assert_eq!(listener.wait().unwrap(), Heard::End);
    }

    #[test]
    fn a_ring_is_heard_and_the_end_stays() {
        for style in [Style::NoWait, Style::NonBlocking] {
            let (listener, ringer) = bell(style);
            assert_eq!(listener.take().unwrap(), None);
            ringer.ring();
            assert_eq!(listener.wait().unwrap(), Heard::Ring);
            ringer.ring();
            assert_eq!(listener.wait_with(None, Some(Instant::now())).unwrap(), Heard::Ring);
            let soon = Instant::now() + Duration::from_millis(1);
            assert_eq!(listener.wait_with(None, Some(soon)).unwrap(), Heard::TimedOut);
            drop(ringer);
            assert_eq!(listener.wait().unwrap(), Heard::End);
            assert_eq!(listener.take().unwrap(), Some(Heard::End));
        }
    }

    #[test]
    fn ringing_never_blocks_and_never_signals() {
        let (listener, ringer) = bell(default_style());
        for _ in 0..70_000 {
            ringer.ring();
        }
        drop(listener);
        ringer.ring();
    }

    #[test]
    fn our_own_ring_is_heard() {
        let (listener, _ringer) = bell(default_style());
        listener.ring_self().unwrap();
        assert_eq!(listener.wait().unwrap(), Heard::Ring);
        assert_eq!(listener.take().unwrap(), None, "the transient writer left no end behind");
    }

    #[test]
    fn only_the_right_end_of_a_pipe_is_adopted() {
        let (reader, writer) = pair().unwrap();
        assert!(Ringer::adopt(&reader).is_err());
        assert!(Listener::adopt(&writer).is_err());
        let both = Ringer::adopt(&writer).unwrap();
        assert!(Listener::adopt(&both).is_err(), "a listener that could write would never see the end");
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        assert!(Ringer::adopt(&null).is_err());
        assert!(Listener::adopt(std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
