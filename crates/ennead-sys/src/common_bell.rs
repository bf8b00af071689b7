//! A doorbell that several processes listen to, each hearing every ring.
//!
//! Each process watches the pipe edge-triggered with an epoll of its own, and takes nothing out of it: so a ring that one of them has heard, and was killed
//! before it acted on, was heard by the others too. The pipe is thinned out now and then, by one process at a time, and never emptied, for an edge counts only
//! while there is something in the pipe.
//!
//! A second pipe, which the ringer does not have, carries news among the listeners; it is not emptied either. An eventfd wakes this process alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Mutex;
use std::time::Instant;

use rustix::event::{Timespec, epoll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;

use crate::doorbell::{self, Heard, Listener};
use crate::eventfd::EventFd;
use crate::lock::{self, LockMode};
use crate::readable::readable;

/// A pipe holds 64 KiB; more rings than this in it are thinned out.
const CROWDED: u64 = 4096;

/// This process's ear.
#[derive(Debug)]
pub struct CommonBell {
    ear: OwnedFd,
    news: News,
    own: EventFd,
    thinning: Mutex<()>,
}

/// The pipe for news among the listeners.
#[derive(Debug)]
pub struct News(OwnedFd);

impl News {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        let (_reader, writer) = doorbell::pair()?;
        Self::adopt(&writer)
    }

    /// A fresh description of one that was passed; `InvalidInput` unless it is one.
    pub fn adopt(pipe: impl AsFd) -> io::Result<Self> {
        if fcntl_getfl(&pipe)? & OFlags::RWMODE == OFlags::RDONLY {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        doorbell::reopen(pipe.as_fd(), OFlags::RDWR | OFlags::NONBLOCK).map(Self)
    }
}

impl From<News> for OwnedFd {
    fn from(news: News) -> Self {
        news.0
    }
}

impl CommonBell {
    /// Listens to `bell` and to `news`. What was rung before counts as one ring.
    pub fn new(bell: &Listener, news: News) -> io::Result<Self> {
        let ear = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let own = EventFd::new()?;
        let edges = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&ear, bell, epoll::EventData::new_u64(0), edges)?;
        epoll::add(&ear, &news.0, epoll::EventData::new_u64(1), edges)?;
        epoll::add(&ear, &own, epoll::EventData::new_u64(2), edges)?;
        Ok(Self { ear, news, own, thinning: Mutex::new(()) })
    }

    /// Waits for a ring, for news, for `other` to become readable, or for the deadline.
    pub fn wait_with(&self, other: Option<BorrowedFd<'_>>, deadline: Option<Instant>) -> io::Result<Heard> {
        loop {
            let (bell, by_other) = match other {
                Some(other) => match readable([self.ear.as_fd(), other], deadline)? {
                    Some([bell, other]) => (bell, other),
                    None => return Ok(Heard::TimedOut),
                },
                None => match readable([self.ear.as_fd()], deadline)? {
                    Some([bell]) => (bell, false),
                    None => return Ok(Heard::TimedOut),
                },
            };
            match if bell { self.take()? } else { None } {
                Some(heard) => return Ok(heard),
                None if by_other => return Ok(Heard::Other),
                // Another thread took it.
                None => {}
            }
        }
    }

    /// What has been rung since this process last asked, if anything. The others hear it too.
    pub fn take(&self) -> io::Result<Option<Heard>> {
        let mut events = Vec::with_capacity(3);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        match epoll::wait(&self.ear, rustix::buffer::spare_capacity(&mut events), Some(&at_once)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let ended = events.iter().any(|event| { event.flags }.contains(epoll::EventFlags::HUP));
        Ok(if ended { Some(Heard::End) } else { (!events.is_empty()).then_some(Heard::Ring) })
    }

    /// Makes room in the pipe for more rings, unless another listener is at it. `guard` is a file that the listeners have in common, of which each has a
    /// description of its own, and `byte` one that they lock for nothing else.
    pub fn thin_out(&self, bell: &Listener, guard: impl AsFd, byte: u64) -> io::Result<()> {
        if rustix::io::ioctl_fionread(bell)? < CROWDED {
            return Ok(());
        }
        let Ok(_alone_here) = self.thinning.try_lock() else { return Ok(()) };
        if lock::try_lock(&guard, LockMode::Write, byte, 1)? {
            let mut spare = rustix::io::ioctl_fionread(bell)? / 2;
            // The ringer, too, can take rings away; it would only hurt itself.
            while spare >= doorbell::TAKEN_AT_ONCE && matches!(bell.take(), Ok(Some(Heard::Ring))) {
                spare -= doorbell::TAKEN_AT_ONCE;
            }
            lock::unlock(&guard, byte, 1)?;
        }
        Ok(())
    }

    /// Wakes this process's waits only. Never blocks.
    pub fn wake_own(&self) {
        self.own.set();
    }

    /// Wakes the waits of every listener. Never blocks.
    pub fn tell_all(&self) {
        while rustix::io::write(&self.news.0, &[1]) == Err(Errno::INTR) {}
    }

    /// A fresh description of the news, to be passed on.
    pub fn news(&self) -> io::Result<News> {
        News::adopt(&self.news.0)
    }
}

impl AsFd for CommonBell {
    /// Readable when [`CommonBell::take`] will have something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doorbell::{Ringer, pair};
    use crate::memfd;

    fn listeners() -> (Ringer, [(Listener, CommonBell); 2]) {
        let (reader, writer) = pair().unwrap();
        let one = Listener::adopt(reader).unwrap();
        let two = one.reopen().unwrap();
        let bell_one = CommonBell::new(&one, News::new().unwrap()).unwrap();
        let bell_two = CommonBell::new(&two, bell_one.news().unwrap()).unwrap();
        (Ringer::adopt(writer).unwrap(), [(one, bell_one), (two, bell_two)])
    }

    #[test]
    fn everybody_hears_every_ring_and_the_end() {
        let (ringer, listeners) = listeners();
        for _ in 0..5 {
            ringer.ring();
            for (_, bell) in &listeners {
                assert_eq!(bell.wait_with(None, None).unwrap(), Heard::Ring);
                assert_eq!(bell.take().unwrap(), None);
            }
        }
        listeners[0].1.tell_all();
        for (_, bell) in &listeners {
            assert_eq!(bell.wait_with(None, None).unwrap(), Heard::Ring);
        }
        listeners[0].1.wake_own();
        assert_eq!(listeners[0].1.take().unwrap(), Some(Heard::Ring));
        assert_eq!(listeners[1].1.take().unwrap(), None);
        assert_eq!(listeners[1].1.wait_with(None, Some(Instant::now())).unwrap(), Heard::TimedOut);
        drop(ringer);
        for (_, bell) in &listeners {
            assert_eq!(bell.wait_with(None, None).unwrap(), Heard::End);
        }
    }

    #[test]
    fn a_crowded_pipe_is_thinned_out_and_rings_go_on() {
        let (ringer, listeners) = listeners();
        let guard = memfd::create_sealed("guard", 4096).unwrap();
        for round in 0..200_000 {
            ringer.ring();
            for (listener, bell) in &listeners {
                assert_eq!(bell.take().unwrap(), Some(Heard::Ring), "ring {round}");
                bell.thin_out(listener, &guard, 0).unwrap();
            }
        }
    }
}
