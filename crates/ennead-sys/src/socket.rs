//! Sequenced-packet Unix sockets with a name in the file system: one message in, one message out, descriptors with it.
//!
//! Nothing here blocks; wait with [`crate::poll`]. Every descriptor is close-on-exec.

mod peer;
mod probe;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketAddrUnix, SocketFlags, SocketType,
};

pub use peer::Peer;
pub use probe::{Probe, Seat};

/// The most descriptors that [`Connection::receive`] accepts with a message; more are closed by the kernel.
pub const MAX_DESCRIPTORS: usize = 8;

/// A bound socket that others connect to.
#[derive(Debug)]
pub struct Listener {
    fd: OwnedFd,
}

impl Listener {
    /// Binds a socket to `path`, which must not exist and may have 107 bytes at most. Nobody can connect before
    /// [`Listener::admit`]: set the rights of `path` in between.
    pub fn bind(path: &Path) -> io::Result<Self> {
        let fd = socket()?;
        net::bind(&fd, &SocketAddrUnix::new(path)?)?;
        Ok(Self { fd })
    }

    /// Lets `waiting` connections wait to be accepted, at least 1; the kernel refuses the next one
    /// ([`ConnectError::Full`]). Lowering it keeps those that wait already. Capped by the kernel's
    /// `net.core.somaxconn`, see [`most_waiting`].
    pub fn admit(&self, waiting: u32) -> io::Result<()> {
        // The kernel's test is `queue length > backlog`, so a backlog of n admits n + 1.
        let backlog = i32::try_from(waiting.saturating_sub(1)).unwrap_or(i32::MAX);
        Ok(net::listen(&self.fd, backlog)?)
    }

    /// Refuses every new connection from now on ([`ConnectError::Refused`]), for good; those that wait stay and can
    /// be accepted.
    pub fn refuse(&self) -> io::Result<()> {
        Ok(net::shutdown(&self.fd, Shutdown::Read)?)
    }

    /// Takes the connection that has waited longest, if there is one.
    ///
    /// A descriptor limit (`EMFILE`, `ENFILE`) leaves it waiting.
    pub fn accept(&self) -> io::Result<Option<Connection>> {
        loop {
            match net::accept_with(&self.fd, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
                Ok(fd) => return Ok(Some(Connection { fd })),
                // EINVAL: refused, and nobody waits any more.
                Err(Errno::AGAIN | Errno::INVAL) => return Ok(None),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How many connections a listener can let wait at most on this machine (`net.core.somaxconn`, plus one).
pub fn most_waiting() -> u32 {
    std::fs::read_to_string("/proc/sys/net/core/somaxconn")
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok())
        // The kernel's own default before 5.4: a number that is safe everywhere.
        .map_or(129, |most| most.saturating_add(1))
}

/// Whether a send failed because this user has as many descriptors on their way as it may (`ETOOMANYREFS`).
pub fn is_too_many_in_flight(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::TOOMANYREFS)
}

/// One end of a connection.
#[derive(Debug)]
pub struct Connection {
    fd: OwnedFd,
}

/// Why a connection could not be made.
#[derive(Debug)]
pub enum ConnectError {
    /// As many wait there as the listener admits.
    Full,
    /// Nobody listens behind that name, or it admits nobody any more.
    Refused,
    /// There is no such name.
    Missing,
    /// The name's rights forbid it.
    Denied,
    /// Something else.
    Other(io::Error),
}

impl ConnectError {
    fn from_errno(errno: Errno) -> Self {
        match errno {
            Errno::AGAIN => Self::Full,
            Errno::CONNREFUSED => Self::Refused,
            Errno::NOENT => Self::Missing,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            other => Self::Other(other.into()),
        }
    }
}

/// What arrived with one message.
#[derive(Debug)]
pub struct Message {
    /// How many bytes of the buffer it filled.
    pub len: usize,
    /// The descriptors that came with it, at most [`MAX_DESCRIPTORS`].
    pub descriptors: Vec<OwnedFd>,
    /// Bytes or descriptors were cut off: the sender sent more than there was room for.
    pub truncated: bool,
}

impl Connection {
    /// Connects to the listener at `path`.
    pub fn to(path: &Path) -> Result<Self, ConnectError> {
        let address = SocketAddrUnix::new(path).map_err(ConnectError::from_errno)?;
        let fd = socket().map_err(ConnectError::Other)?;
        loop {
            match net::connect(&fd, &address) {
                Ok(()) => return Ok(Self { fd }),
                Err(Errno::INTR) => {}
                Err(other) => return Err(ConnectError::from_errno(other)),
            }
        }
    }

    /// Sends one message with descriptors. Never raises SIGPIPE.
    ///
    /// `ETOOMANYREFS`: this user has as many descriptors in flight as it may (its RLIMIT_NOFILE).
    /// `EPIPE`, `ECONNRESET`: the other end is gone. `WouldBlock`: it does not take its messages.
    pub fn send(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        loop {
            match net::sendmsg(&self.fd, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(other) => return Err(other.into()),
            }
        }
    }

    /// Takes one message, if one has arrived; `Some` with a length of 0 and no descriptors at the end.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Message>> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            let mut parts = [IoSliceMut::new(buffer)];
            match net::recvmsg(&self.fd, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
                Ok(received) => break received,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(other) => return Err(other.into()),
            }
        };
        let mut descriptors = Vec::new();
        for part in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = part {
                descriptors.extend(fds);
            }
        }
        let truncated = received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
        Ok(Some(Message { len: received.bytes, descriptors, truncated }))
    }

    /// Who is at the other end, as the kernel recorded it when that end connected (or, for the end that connected,
    /// when the other end began to listen).
    pub fn peer(&self) -> io::Result<Peer> {
        Peer::of(&self.fd)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

#[cfg(test)]
mod tests;
