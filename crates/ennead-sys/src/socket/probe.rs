//! Asking whether a listener would admit a connection, without making one.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::ConnectError;

/// Whether a listener has room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// A connection would be admitted now.
    Free,
    /// As many wait as it admits.
    Taken,
}

/// A socket that is connected already: the kernel refuses to connect it again (`EISCONN`), but only after it has
/// looked whether the listener is there, may be used, and has room. So nothing is taken by asking.
#[derive(Debug)]
pub struct Probe {
    fd: OwnedFd,
}

impl Probe {
    /// Makes one; good for any number of questions.
    pub fn new() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (fd, _other) = net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok(Self { fd })
    }

    /// Whether the listener at `path` would admit a connection.
    pub fn ask(&self, path: &Path) -> Result<Seat, ConnectError> {
        let address = SocketAddrUnix::new(path).map_err(ConnectError::from_errno)?;
        match net::connect(&self.fd, &address) {
            Err(Errno::AGAIN) => Ok(Seat::Taken),
            Ok(()) | Err(Errno::ISCONN) => Ok(Seat::Free),
            Err(other) => Err(ConnectError::from_errno(other)),
        }
    }
}
