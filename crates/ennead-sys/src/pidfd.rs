//! Processes and threads as descriptors: readable once they have ended.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::OnceLock;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// A descriptor of `child`, close-on-exec. It is the right process as long as the child has not been waited for.
///
/// # Errors
///
/// ESRCH when it has been; EMFILE or ENFILE at a descriptor limit.
pub fn of_child(child: &Child) -> io::Result<OwnedFd> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(pid, PidfdFlags::empty())?)
}

/// PIDFD_THREAD, Linux 6.9.
const THREAD: PidfdFlags = PidfdFlags::from_bits_retain(rustix::fs::OFlags::EXCL.bits());

/// A descriptor of the process of that id in our pid namespace, close-on-exec.
///
/// # Errors
///
/// ESRCH where there is none; EMFILE or ENFILE at a descriptor limit.
pub fn of_process(id: u32) -> io::Result<OwnedFd> {
    Ok(pidfd_open(pid(id)?, PidfdFlags::empty())?)
}

/// A descriptor of the thread of that id in our pid namespace, close-on-exec. Of a process's first thread where threads have none: that process's.
///
/// # Errors
///
/// ESRCH where there is none; `Unsupported` before Linux 6.9 for another than the first; EMFILE or ENFILE at a descriptor limit.
pub fn of_thread(id: u32) -> io::Result<OwnedFd> {
    if threads_have_them() {
        return Ok(pidfd_open(pid(id)?, THREAD)?);
    }
    match process_of(id) {
        None => Err(rustix::io::Errno::SRCH.into()),
        Some(process) if process == id => of_process(id),
        Some(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

/// A descriptor that is readable at the latest when the thread's process has ended.
pub(crate) fn of_thread_or_its_process(id: u32, threads: bool) -> io::Result<OwnedFd> {
    if threads {
        return Ok(pidfd_open(pid(id)?, THREAD)?);
    }
    of_process(process_of(id).ok_or(rustix::io::Errno::SRCH)?)
}

/// Whether this kernel has descriptors of threads.
pub(crate) fn threads_have_them() -> bool {
    static PROBED: OnceLock<bool> = OnceLock::new();
    *PROBED.get_or_init(|| pidfd_open(rustix::thread::gettid(), THREAD).is_ok())
}

/// The process that a thread belongs to.
fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

fn pid(id: u32) -> io::Result<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_with_and_without_descriptors_of_threads() {
        let (told, tid) = std::sync::mpsc::channel();
        let (end, until) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = told.send(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
            let _ = until.recv();
        });
        let tid = tid.recv().unwrap();
        assert_eq!(process_of(tid), Some(std::process::id()));
        of_thread_or_its_process(tid, false).unwrap();
        if threads_have_them() {
            of_thread_or_its_process(tid, true).unwrap();
        }
        drop(end);
        thread.join().unwrap();
        assert!(of_process(u32::MAX).is_err() && of_process(0).is_err());
    }
}
