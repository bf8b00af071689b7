//! Doing what may raise SIGPIPE without raising it, on kernels without RWF_NOSIGNAL (before Linux 6.18).
//!
//! The signal of a write to a broken pipe goes to the writing thread. So: block it in this thread, do the work, take
//! it off the thread's pending set, unblock. The process's disposition is never touched (it belongs to the program,
//! and a change would race with other threads). Costs two system calls, 0.5 µs, where RWF_NOSIGNAL costs nothing
//! measurable.
#![allow(unsafe_code, reason = "signal masks are not in rustix's safe interface")]

use std::mem::MaybeUninit;
use std::ptr;

use rustix::io::Errno;

/// Runs `work` so that a SIGPIPE which it raises is never delivered.
pub(super) fn without_sigpipe<T>(work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
    let blocked = Blocked::new();
    let result = work();
    if matches!(result, Err(Errno::PIPE)) {
        blocked.discard();
    }
    result
}

struct Blocked {
    before: libc::sigset_t,
    sigpipe: libc::sigset_t,
    /// One was pending before our work: it is somebody else's and stays.
    foreign: bool,
}

impl Blocked {
    fn new() -> Self {
        let mut sigpipe = MaybeUninit::uninit();
        let mut before = MaybeUninit::uninit();
        let mut pending = MaybeUninit::uninit();
        // SAFETY: each call initialises the set that it is given (sigemptyset before sigaddset); none fails for
        // these arguments. sigismember reads a set that sigpending has filled.
        unsafe {
            libc::sigemptyset(sigpipe.as_mut_ptr());
            libc::sigaddset(sigpipe.as_mut_ptr(), libc::SIGPIPE);
            libc::sigemptyset(before.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, sigpipe.as_ptr(), before.as_mut_ptr());
            let before = before.assume_init();
            // Only a signal that was blocked before could already be pending here.
            let foreign = libc::sigismember(&raw const before, libc::SIGPIPE) == 1 && {
                libc::sigemptyset(pending.as_mut_ptr());
                libc::sigpending(pending.as_mut_ptr());
                libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1
            };
            Self { before, sigpipe: sigpipe.assume_init(), foreign }
        }
    }

    /// Takes the SIGPIPE that our work raised off the pending set.
    fn discard(&self) {
        if self.foreign {
            return;
        }
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            // SAFETY: the set is initialised, no information is asked for, the timeout outlives the call.
            let taken =
                unsafe { libc::sigtimedwait(&raw const self.sigpipe, ptr::null_mut(), &raw const now) };
            if taken != -1 || std::io::Error::last_os_error().raw_os_error() != Some(libc::EINTR) {
                return;
            }
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: restores the mask that new() read.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.before, ptr::null_mut()) };
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn sigpipe_kills() {
        // SAFETY: the default action involves no handler of ours.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    }

    pub(in super::super) fn block_and_raise_sigpipe() {
        let blocked = Blocked::new();
        // SAFETY: raises a signal that this thread has blocked.
        unsafe { libc::raise(libc::SIGPIPE) };
        // The mask stays as it is.
        std::mem::forget(blocked);
    }

    pub(in super::super) fn sigpipe_is_blocked() -> bool {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set, pthread_sigmask fills it, sigismember reads it.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), set.as_mut_ptr());
            libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1
        }
    }

    pub(in super::super) fn sigpipe_is_pending() -> bool {
        let mut set = MaybeUninit::uninit();
        // SAFETY: as above, filled by sigpending.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigpending(set.as_mut_ptr());
            libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1
        }
    }
}
