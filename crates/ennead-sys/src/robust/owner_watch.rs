//! Hearing of an owner's death while sleeping upon several words.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::page::Page;
use super::slow;
use super::word::Owner;

/// PIDFD_THREAD, Linux 6.9.
const THREAD: PidfdFlags = PidfdFlags::from_bits_retain(rustix::fs::OFlags::EXCL.bits());

/// Who owned a word when it was asked for.
#[derive(Debug)]
pub struct OwnerWatch {
    owner: Option<Owner>,
    descriptor: Option<OwnedFd>,
}

impl OwnerWatch {
    pub(super) fn new(page: &Page) -> io::Result<Self> {
        loop {
            let seen = page.state();
            let owner = seen.owner();
            let descriptor = match owner {
                Owner::Nobody => return Ok(Self { owner: None, descriptor: None }),
                // The transaction's own liveness is what counts.
                Owner::Pledged(_) => None,
                Owner::Slow(_) => {
                    slow::watch(page)?;
                    None
                }
                // A sibling's end is told to everybody; and ids of a foreign namespace lead nowhere.
                Owner::Thread(_) if page.is_owned_here() || !page.is_at_home() => None,
                Owner::Thread(tid) => match of_thread(tid, *threads_have_them()) {
                    Ok(descriptor) => Some(descriptor),
                    Err(Errno::SRCH) => {
                        page.heal(seen, tid);
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            // Was it this very owner's id when the descriptor was opened? While the word says so, the kernel cannot have given the id away.
            if page.state().owner() == owner {
                return Ok(Self { owner: Some(owner), descriptor });
            }
        }
    }

    pub(super) fn owner(&self) -> Option<Owner> {
        self.owner
    }

    /// Readable once the owner has died; `None` if there is nothing to watch, because its end will be told on the words themselves.
    #[must_use]
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }

    /// The descriptor, to keep.
    #[must_use]
    pub fn into_descriptor(self) -> Option<OwnedFd> {
        self.descriptor
    }
}

/// A descriptor of the thread, or of its process where threads have none.
fn of_thread(tid: u32, threads: bool) -> Result<OwnedFd, Errno> {
    let pid = |id: u32| i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH);
    if threads {
        return pidfd_open(pid(tid)?, THREAD);
    }
    let process = process_of(tid).ok_or(Errno::SRCH)?;
    pidfd_open(pid(process)?, PidfdFlags::empty())
}

/// The process that a thread belongs to.
fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

fn threads_have_them() -> &'static bool {
    static PROBED: OnceLock<bool> = OnceLock::new();
    PROBED.get_or_init(|| pidfd_open(rustix::thread::gettid(), THREAD).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_watched_with_and_without_descriptors_of_threads() {
        let (told, tid) = std::sync::mpsc::channel();
        let (end, until) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let _ = told.send(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
            let _ = until.recv();
        });
        let tid = tid.recv().unwrap();
        assert_eq!(process_of(tid), Some(std::process::id()));
        of_thread(tid, false).unwrap();
        if *threads_have_them() {
            of_thread(tid, true).unwrap();
        }
        drop(end);
        thread.join().unwrap();
    }
}
