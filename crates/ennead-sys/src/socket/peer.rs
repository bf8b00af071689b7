//! Who is at the other end of a socket, as the kernel says.
#![allow(unsafe_code, reason = "getsockopt(SO_PEERGROUPS), which rustix does not have")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// The user behind the other end of a socket, as the kernel recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its process, in this process's pid namespace; 0 when it has no number here. It may be dead, and its number
    /// another's, by now.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
    /// Its effective group.
    pub gid: u32,
    /// Its supplementary groups.
    pub groups: Vec<u32>,
}

pub(super) fn of(socket: impl AsFd) -> io::Result<Peer> {
    let socket = socket.as_fd();
    let credentials = credentials(socket.as_raw_fd())?;
    Ok(Peer {
        pid: u32::try_from(credentials.pid).unwrap_or(0),
        uid: credentials.uid,
        gid: credentials.gid,
        groups: groups(socket.as_raw_fd())?,
    })
}

// Not rustix's, whose process id cannot be 0: that is what a peer in a foreign pid namespace has.
fn credentials(socket: i32) -> io::Result<libc::ucred> {
    let mut credentials = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut len = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `credentials`, three integers for which any bits are valid.
    let result = unsafe {
        libc::getsockopt(
            socket,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut credentials).cast(),
            &raw mut len,
        )
    };
    if result == 0 { Ok(credentials) } else { Err(io::Error::last_os_error()) }
}

fn groups(socket: i32) -> io::Result<Vec<u32>> {
    let mut groups: Vec<u32> = vec![0; 32];
    loop {
        let mut len = (groups.len() * size_of::<u32>()) as libc::socklen_t;
        // SAFETY: `groups` owns `len` writable bytes, and any bits are a valid u32.
        let result = unsafe {
            libc::getsockopt(
                socket,
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        let count = len as usize / size_of::<u32>();
        if result == 0 {
            groups.truncate(count);
            return Ok(groups);
        }
        let error = io::Error::last_os_error();
        // ERANGE: `len` says how much room they need.
        if error.raw_os_error() != Some(libc::ERANGE) || count <= groups.len() {
            return Err(error);
        }
        groups.resize(count, 0);
    }
}
