//! Descriptors that one chosen child inherits, and how it finds them.
//!
//! Every descriptor of ours is close-on-exec. One that a child is to have loses that flag in the child only, between
//! its fork and its exec, so that no other child, started by any thread at any instant, ever has it.
#![allow(unsafe_code, reason = "pre_exec, and taking over a descriptor by its number")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Mutex;

use rustix::io::FdFlags;

/// Gives `fd` to the child that `command` starts, and to no other. Returns what the child must be told so that
/// [`take`] finds it (number, device and inode: plain ASCII without spaces). The descriptor is closed here when
/// `command` is dropped.
///
/// # Errors
///
/// EMFILE when it has to move above the standard streams and cannot.
pub fn give(command: &mut Command, fd: OwnedFd) -> io::Result<String> {
    let fd = if fd.as_raw_fd() > 2 { fd } else { rustix::io::fcntl_dupfd_cloexec(&fd, 3)? };
    let told = format!("{}.{}", fd.as_raw_fd(), identity(&fd)?);
    let keep = move || Ok(rustix::io::fcntl_setfd(&fd, FdFlags::empty())?);
    // SAFETY: between fork and exec it makes one system call, with no allocation and no lock.
    unsafe { command.pre_exec(keep) };
    Ok(told)
}

/// Takes over the descriptor that the parent gave with [`give`], once: it is close-on-exec from then on.
///
/// What the parent told is checked, for an environment outlives what it speaks of: the number must be open,
/// inherited (no descriptor that this process made itself is without close-on-exec in a Rust program) and the very
/// object that the parent meant.
///
/// # Errors
///
/// NotFound when there is no such descriptor, or it was taken already; InvalidData when what was told makes no sense.
pub fn take(told: &str) -> io::Result<OwnedFd> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let (number, wanted) = told.split_once('.').ok_or(io::ErrorKind::InvalidData)?;
    let number: i32 = number.parse().map_err(|_| io::ErrorKind::InvalidData)?;
    if number <= 2 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let _guard = ONE_AT_A_TIME.lock();
    // SAFETY: only asked about, within this function; a number that is not open gives EBADF.
    let seen = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = rustix::io::fcntl_getfd(seen).map_err(|_| io::ErrorKind::NotFound)?;
    if flags.contains(FdFlags::CLOEXEC) || identity(seen)? != wanted {
        return Err(io::ErrorKind::NotFound.into());
    }
    rustix::io::fcntl_setfd(seen, FdFlags::CLOEXEC)?;
    // SAFETY: open, inherited and meant for whoever was told; nobody in this process owned it, for it was not
    // close-on-exec, and from now on it is, so that it is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn identity(fd: impl std::os::fd::AsFd) -> io::Result<String> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(format!("{:x}.{:x}", stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale_or_senseless_is_refused() {
        let (reader, _writer) = crate::pipe::pair().unwrap();
        let number = reader.as_raw_fd();
        let right = identity(&reader).unwrap();
        // Ours, hence close-on-exec, hence not inherited.
        assert_eq!(take(&format!("{number}.{right}")).unwrap_err().kind(), io::ErrorKind::NotFound);
        let inherited = rustix::io::dup(&reader).unwrap();
        let number = inherited.as_raw_fd();
        assert_eq!(take(&format!("{number}.1.1")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(take("999999.1.1").unwrap_err().kind(), io::ErrorKind::NotFound);
        for senseless in ["", "7", "x.1.1", "-1.1.1", "0.1.1", "99999999999.1.1"] {
            assert_eq!(take(senseless).unwrap_err().kind(), io::ErrorKind::InvalidData, "{senseless}");
        }
        std::mem::forget(inherited);
        let taken = take(&format!("{number}.{right}")).unwrap();
        assert_eq!(taken.as_raw_fd(), number);
        assert_eq!(take(&format!("{number}.{right}")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
