//! Rooms that several processes share, seen empty when the last occupant has left, or was killed.
//!
//! A room is a kernel pipe without any writer; an occupant is a writing description of it. The kernel tells those who wait that none is left: no process id
//! is involved, so that it works between containers, and nothing has to be watched that has not been passed on.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{Mode, OFlags, fchmod, fcntl_getfl, open};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::futex::{time_left, timespec};

/// The room, to enter and to watch.
#[derive(Debug)]
pub struct Room(OwnedFd);

/// Somebody in the room, until dropped or killed.
#[derive(Debug)]
#[must_use]
pub struct Occupant(#[expect(dead_code, reason = "held open")] OwnedFd);

/// How a wait for an empty room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emptied {
    /// Nobody was in the room at one instant of the wait; somebody may be by now.
    Empty,
    /// The other descriptor became readable.
    Other,
    /// The deadline has passed.
    TimedOut,
}

impl Room {
    /// An empty room.
    pub fn new() -> io::Result<Self> {
        let (reader, _writer) = pipe_with(PipeFlags::CLOEXEC)?;
        // Whoever is passed a descriptor may enter, also as another user.
        fchmod(&reader, Mode::from_raw_mode(0o666))?;
        Ok(Self(reader))
    }

    /// The room that another process passed; `InvalidInput` unless it is one.
    pub fn adopt(pipe: OwnedFd) -> io::Result<Self> {
        let reads_only = fcntl_getfl(&pipe)? & OFlags::RWMODE == OFlags::RDONLY;
        if !reads_only || !crate::doorbell::is_pipe(pipe.as_fd()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self(pipe))
    }

    /// A fresh description of the room, to be passed on.
    pub fn reopen(&self) -> io::Result<Self> {
        self.open(OFlags::RDONLY | OFlags::NONBLOCK).map(Self)
    }

    /// Enters. Costs a descriptor until the occupant is dropped.
    pub fn enter(&self) -> io::Result<Occupant> {
        self.open(OFlags::WRONLY | OFlags::NONBLOCK).map(Occupant)
    }

    /// Waits until the room is seen empty, `other` is readable, or the deadline has passed (one in the past only looks).
    pub fn wait_empty(
        &self,
        other: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<Emptied> {
        let ours = PollFd::new(&self.0, PollFlags::empty());
        let mut polled = [ours, PollFd::from_borrowed_fd(other.unwrap_or(self.0.as_fd()), PollFlags::IN)];
        let polled = if other.is_some() { &mut polled[..] } else { &mut polled[..1] };
        loop {
            let left = deadline.map(|deadline| timespec(time_left(deadline).unwrap_or_default()));
            match rustix::event::poll(polled, left.as_ref()) {
                Ok(0) if deadline.is_some_and(|deadline| time_left(deadline).is_none()) => {
                    return Ok(Emptied::TimedOut);
                }
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) if polled[0].revents().is_empty() => return Ok(Emptied::Other),
                Ok(_) => return Ok(Emptied::Empty),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn open(&self, flags: OFlags) -> io::Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        Ok(open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
    }
}

impl AsFd for Room {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Room> for OwnedFd {
    fn from(room: Room) -> Self {
        room.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_empty_when_the_last_has_left() {
        let room = Room::new().unwrap();
        let view = Room::adopt(room.reopen().unwrap().into()).unwrap();
        let now = || Some(Instant::now());
        assert_eq!(view.wait_empty(None, None).unwrap(), Emptied::Empty);
        let one = room.enter().unwrap();
        let two = view.enter().unwrap();
        assert_eq!(view.wait_empty(None, now()).unwrap(), Emptied::TimedOut);
        drop(one);
        assert_eq!(room.wait_empty(None, now()).unwrap(), Emptied::TimedOut);
        let event = crate::eventfd::EventFd::new().unwrap();
        event.set();
        assert_eq!(room.wait_empty(Some(event.as_fd()), None).unwrap(), Emptied::Other);
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(room.wait_empty(None, None).unwrap(), Emptied::Empty));
            drop(two);
        });
    }

    #[test]
    fn only_a_pipes_reading_end_is_a_room() {
        let (_reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        assert!(Room::adopt(writer).is_err());
        assert!(Room::adopt(std::fs::File::open("/dev/null").unwrap().into()).is_err());
    }
}
