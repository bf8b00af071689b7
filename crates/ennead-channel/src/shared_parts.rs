//! One end, to be handed to another process: what it consists of, how it is made, and how the other process takes it up.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::{fmt, io};

use ennead_status::Win32Error;
use ennead_sys::common_bell::{CommonBell, News};
use ennead_sys::memfd;
use ennead_sys::occupancy::Room;

use crate::channel::{Channel, flag};
use crate::commons::{Commons, living};
use crate::endpoint::Endpoint;
use crate::error::{AcceptError, Fault};
use crate::layout::Side;
use crate::linux::Linux;
use crate::parts::{Limits, PeerParts};
use crate::sharing::page;
use crate::system::{System, Word};

/// One end of a connection as descriptors, to be sent over a Unix socket in one message, or inherited by a chosen child; in [`SharedParts::as_fds`]' order.
///
/// They are fresh descriptions, and count as a holder of the end: the peer does not see it closed before they are dropped or joined, in whatever process or socket
/// they are. (`std::process::Command` keeps what its child inherits until it is dropped itself.) Whoever gets them can do all that the end can do.
#[derive(Debug)]
pub struct SharedParts([OwnedFd; SharedParts::COUNT]);

impl SharedParts {
    /// How many descriptors there are.
    pub const COUNT: usize = 7;

    /// The descriptors, in the order in which they travel: the connection's memory, the listening and the ringing doorbell, the sharers' memory, the reader's and the
    /// writer's room, the sharers' news.
    #[must_use]
    pub fn as_fds(&self) -> [BorrowedFd<'_>; Self::COUNT] {
        self.0.each_ref().map(AsFd::as_fd)
    }

    /// From descriptors that travelled.
    #[must_use]
    pub fn from_fds(descriptors: [OwnedFd; Self::COUNT]) -> Self {
        Self(descriptors)
    }

    /// The descriptors themselves, for example for `ennead_sys::inherit`.
    #[must_use]
    pub fn into_fds(self) -> [OwnedFd; Self::COUNT] {
        self.0
    }

    fn open(self) -> Result<Channel<Linux>, AcceptError> {
        let [memory, listener, ringer, file, reading, writing, news] = self.0;
        let parts = PeerParts { memory: Arc::new(memory), listener, ringer };
        let (linux, layout, _) = parts.open(&Limits::default(), None)?;
        if memfd::sealed_size(&file) != Some(page::SIZE as u64) {
            return Err(AcceptError::NotSealed);
        }
        let room = |fd| Room::adopt(fd).map_err(AcceptError::Doorbell);
        let rooms = [room(reading)?, room(writing)?];
        let news = News::adopt(&news).map_err(AcceptError::Doorbell)?;
        let bell = CommonBell::new(&linux.listener, news).map_err(AcceptError::System)?;
        let commons = Commons::of(&file, rooms, bell).map_err(AcceptError::System)?;
        if commons.word(page::MAGIC) != page::MAGIC_VALUE {
            return Err(AcceptError::NotAChannel);
        }
        let version = commons.word(page::VERSION);
        if version != page::VERSION_VALUE {
            return Err(AcceptError::Version { theirs: version as u32, features: (version >> 32) as u32 });
        }
        let side = match commons.word(page::SIDE) {
            0 => Side::Client,
            1 => Side::Server,
            _ => return Err(AcceptError::Header),
        };
        linux.set_common(commons);
        Ok(Channel::new(linux, side, &layout))
    }
}

impl Endpoint {
    /// Makes one more holder of this end, to be handed to another process, which takes it up with [`Endpoint::join`]. All holders may read and write: each message
    /// (or byte) is taken by exactly one reader, messages of several writers do not mix, and the peer sees the end closed when the last holder is gone. A reader
    /// that is killed leaves a message unread if it fits the ring; a writer that is killed leaves nothing visible, but a message larger than the ring, if it is in the
    /// middle of one, is torn, and the connection with it.
    ///
    /// The first time makes every operation of this end dearer by some microseconds, for good, takes six descriptors, and changes [`Endpoint::as_fd`]. Operations that
    /// wait in other threads go on. The other holders are trusted as this process is; the peer gets nothing of what they have in common.
    pub fn share(&self) -> Result<SharedParts, ShareError> {
        let _one_at_a_time = self.sharing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let system = &self.channel.system;
        if self.channel.flags.load() & flag::CLOSED != 0 {
            return Err(ShareError::Closed);
        }
        if system.common().is_none() {
            let commons = Commons::new(self.channel.side, &system.listener)?;
            self.channel.begin_sharing(commons)?;
        }
        let Some(commons) = system.common() else { return Err(ShareError::Closed) };
        Ok(SharedParts([
            memfd::reopen(&*system.memory)?,
            system.listener.reopen()?.into(),
            system.ringer.reopen()?.into(),
            living(&commons.file)?,
            commons.rooms[0].reopen()?.into(),
            commons.rooms[1].reopen()?.into(),
            commons.bell.news()?.into(),
        ]))
    }

    /// Takes up what [`Endpoint::share`] made, in this or another process. Checks that the parts are of the right kinds and of this version, but trusts who made them.
    pub fn join(parts: SharedParts) -> Result<Self, AcceptError> {
        let channel = parts.open()?;
        channel.join_sharing();
        Ok(Self::from_channel(channel))
    }
}

/// Why an end could not be shared.
#[derive(Debug)]
#[non_exhaustive]
pub enum ShareError {
    /// This end was closed. ERROR_INVALID_HANDLE.
    Closed,
    /// Descriptors or memory ran out.
    System(io::Error),
}

impl ShareError {
    /// The Win32 code that DuplicateHandle would give.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Closed => Win32Error::INVALID_HANDLE,
            Self::System(error) => error.into(),
        }
    }
}

impl From<io::Error> for ShareError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<Fault> for ShareError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::System(error) => Self::System(error),
            _ => Self::Closed,
        }
    }
}

impl fmt::Display for ShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("an end that is closed cannot be shared"),
            Self::System(_) => f.write_str("the system refused a step of sharing the end"),
        }
    }
}

impl std::error::Error for ShareError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Closed => None,
        }
    }
}
