//! Who is at the other end of a socket, as the kernel says.
#![allow(unsafe_code, reason = "getsockopt(SO_PEERGROUPS, SO_PEERPIDFD), which rustix does not have")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

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

impl Peer {
    /// The user behind the other end of any connected local socket, a socket pair included, as it was at that end's
    /// connect(2), or at its listen(2) when the end that connected asks. It does not change later.
    ///
    /// # Errors
    ///
    /// ENOTSOCK; ENODATA for a socket that is not local or not connected.
    pub fn of(socket: impl AsFd) -> io::Result<Self> {
        let socket = socket.as_fd();
        let credentials = credentials(socket.as_raw_fd())?;
        // The kernel's "nobody yet". As an argument of a set*id call it would mean "stay who you are".
        if credentials.uid == u32::MAX || credentials.gid == u32::MAX {
            return Err(io::Error::from_raw_os_error(libc::ENODATA));
        }
        Ok(Self {
            pid: u32::try_from(credentials.pid).unwrap_or(0),
            uid: credentials.uid,
            gid: credentials.gid,
            groups: groups(socket.as_raw_fd())?,
        })
    }

    /// A descriptor of the process at the other end, which cannot be mistaken for another (SO_PEERPIDFD, Linux
    /// 6.5). `None` on older kernels, and when that process is gone.
    #[must_use]
    pub fn process_of(socket: impl AsFd) -> Option<OwnedFd> {
        const SO_PEERPIDFD: libc::c_int = 77;
        let mut fd: libc::c_int = -1;
        let mut len = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: a place for one descriptor number.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                SO_PEERPIDFD,
                (&raw mut fd).cast(),
                &raw mut len,
            )
        };
        if result != 0 || fd < 0 {
            return None;
        }
        // SAFETY: the kernel has just made this descriptor, close-on-exec, for us.
        Some(unsafe { OwnedFd::from_raw_fd(fd) })
    }
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

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;
    use crate::thread_credentials::{Identity, assume, may_assume};

    #[test]
    fn the_peer_is_who_connected() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!(peer.pid, std::process::id());
        assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
        assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    }

    #[test]
    fn what_is_no_connected_local_socket_has_no_peer() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(Peer::of(&udp).is_err());
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Peer::of(&file).is_err());
        assert!(Peer::process_of(&file).is_none());
    }

    #[test]
    fn more_groups_than_usual_arrive_all_and_later_changes_do_not() {
        if !may_assume() {
            assert!(std::env::var_os("CI").is_none(), "this test needs CAP_SETUID (run it as root)");
            eprintln!("skipped: needs CAP_SETUID");
            return;
        }
        let identity = Identity { uid: 54_321, gid: 54_322, groups: (70_000..70_300).collect() };
        let connected = identity.clone();
        let (ours, _theirs) = thread::spawn(move || {
            let _guard = assume(&connected).unwrap();
            UnixStream::pair().unwrap()
        })
        .join()
        .unwrap();
        let peer = Peer::of(&ours).unwrap();
        assert_eq!((peer.uid, peer.gid, peer.groups), (identity.uid, identity.gid, identity.groups));
    }

    #[test]
    fn the_peers_process_is_a_descriptor_where_the_kernel_has_it() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        if let Some(process) = Peer::process_of(&ours) {
            assert!(rustix::io::fcntl_getfd(&process).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        }
    }
}
