//! Telling a process from what it was before a fork.
//!
//! A process id does not do: a child in a pid namespace of its own may have its parent's number. The kernel wipes a page of ours in each child, however that was
//! forked, so that one load says whether this is still the process that it was.

#![allow(unsafe_code, reason = "maps a page that forks do not inherit")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags};

/// A number that this process has in common with neither its parent nor its children (as far as they had taken it when they forked); it never changes in the life
/// of a process. `None` where the kernel cannot tell.
#[must_use]
pub fn generation() -> Option<u64> {
    /// The last number taken in this process or, before the fork, in those that it stems from.
    static LAST: AtomicU64 = AtomicU64::new(0);
    let page = page()?;
    match page.load(Ordering::Relaxed) {
        0 => {
            // Two threads of a child may come here at once; one number wins.
            let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
            Some(page.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed).err().unwrap_or(next))
        }
        taken => Some(taken),
    }
}

/// A word that is 0 in every new process.
fn page() -> Option<&'static AtomicU64> {
    static PAGE: OnceLock<Option<&'static AtomicU64>> = OnceLock::new();
    *PAGE.get_or_init(|| {
        // Of which the kernel makes a page, or the one page that it is.
        let size = size_of::<u64>();
        // SAFETY: a fresh private mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                size,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }
        .ok()?;
        // SAFETY: the page is ours alone, and nothing but the word at its start is ever used.
        let wiped = unsafe { rustix::mm::madvise(start, size, Advice::LinuxWipeOnFork) };
        if wiped.is_err() {
            // SAFETY: mapped above, and nobody has a pointer to it.
            let _ = unsafe { rustix::mm::munmap(start, size) };
            return None;
        }
        // SAFETY: mapped, aligned, zero-initialised, never unmapped, and only ever used as this atomic.
        Some(unsafe { AtomicU64::from_ptr(start.cast()) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fork_is_another_generation() {
        let ours = generation().unwrap();
        assert_eq!(generation(), Some(ours));
        // SAFETY: the child only loads and stores words, and exits.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            let differs = generation().is_some_and(|theirs| theirs != ours) && generation() == generation();
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!differs)) };
        }
        let mut status = 0;
        // SAFETY: a place for the status of a child of ours.
        let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!((waited, status), (child, 0));
        assert_eq!(generation(), Some(ours));
    }
}
