//! Processes as descriptors: readable once the process has ended.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;

use rustix::process::{Pid, PidfdFlags};

/// A descriptor of `child`, close-on-exec. It is the right process as long as the child has not been waited for.
///
/// # Errors
///
/// ESRCH when it has been; EMFILE or ENFILE at a descriptor limit.
pub fn of_child(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(rustix::process::pidfd_open(pid, PidfdFlags::empty())?)
}
