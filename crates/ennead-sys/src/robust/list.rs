//! The thread's list of what it holds, which the kernel goes through when the thread ends: the one that the C library has registered, shared with its own
//! robust mutexes.
//!
//! Its format is the kernel's (`Documentation/locking/robust-futexes.rst`): each entry is a pointer to the next, and the futex lies a fixed distance from each
//! entry. The C libraries of 64-bit systems, and musl everywhere, also keep a pointer back right before it, and write their neighbours'; glibc on 32-bit systems keeps none.

#![allow(unsafe_code, reason = "links nodes into the C library's list")]

use std::io;
use std::mem::size_of;
use std::ptr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::compiler_fence;

/// Entries know their predecessor.
const LINKED_BACK: bool = cfg!(any(target_pointer_width = "64", not(target_env = "gnu")));

/// An entry may be marked in its lowest bit: a priority-inheriting futex.
const MARK: usize = 1;

#[repr(C)]
struct Head {
    first: usize,
    futex_offset: isize,
    pending: usize,
}

/// The calling thread's list. Not to leave the thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    /// INVARIANT: the calling thread's registered head, valid as long as the thread lives.
    head: *mut Head,
}

/// A place for an entry: an address with room for a pointer in front of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node(*mut usize);

impl List {
    /// A value for threads whose list nobody asked for yet.
    pub(super) const NONE: Self = Self { head: ptr::null_mut() };

    /// The calling thread's; `Unsupported` if it has none of a kind that is known here.
    pub(super) fn of_this_thread() -> io::Result<Self> {
        let mut head = registered()?;
        if head.is_null() {
            provoke()?;
            head = registered()?;
        }
        if head.is_null() { Err(io::ErrorKind::Unsupported.into()) } else { Ok(Self { head }) }
    }

    /// Where the entry for the futex at `futex` must lie, if that is, with its pointer back, within the `len` private bytes from `room` on.
    pub(super) fn node(self, futex: *mut u32, room: *mut u8, len: usize) -> Option<Node> {
        // SAFETY: `head` is this thread's registered head; its C library set the offset before it registered it.
        let offset = unsafe { ptr::read_volatile(&raw const (*self.head).futex_offset) };
        let at = (futex as usize).wrapping_sub_signed(offset);
        let within = at.checked_sub(room as usize)?;
        let back = if LINKED_BACK { size_of::<usize>() } else { 0 };
        (within >= back && within.checked_add(size_of::<usize>())? <= len)
            .then(|| Node(room.wrapping_add(within).cast()))
    }

    /// From here on until [`Self::end`], the kernel looks at this entry's futex too if the thread dies, linked or not.
    #[inline]
    pub(super) fn begin(self, node: Node) {
        // SAFETY: this thread's own head.
        unsafe { ptr::write_volatile(&raw mut (*self.head).pending, node.0 as usize) };
        compiler_fence(SeqCst);
    }

    #[inline]
    pub(super) fn end(self) {
        compiler_fence(SeqCst);
        // SAFETY: this thread's own head.
        unsafe { ptr::write_volatile(&raw mut (*self.head).pending, 0) };
    }

    /// Links `node` in, between [`Self::begin`] and [`Self::end`].
    ///
    /// # Safety
    /// The node's bytes are private memory that stays mapped while linked, and no list has the node.
    #[inline]
    pub(super) unsafe fn insert(self, node: Node) {
        // SAFETY: the head is ours; the caller's promise for the node; the first entry, if any, is a held mutex of this thread, of ours or of the C library's, both
        // of which keep a pointer back where the platform has one. Entries may be unaligned (musl).
        unsafe {
            let first = ptr::read_volatile(&raw const (*self.head).first);
            node.0.write_unaligned(first);
            if LINKED_BACK {
                node.0.sub(1).write_unaligned(self.head as usize);
                let next = (first & !MARK) as *mut usize;
                if !ptr::addr_eq(next, self.head) {
                    next.sub(1).write_unaligned(node.0 as usize);
                }
            }
            compiler_fence(SeqCst);
            ptr::write_volatile(&raw mut (*self.head).first, node.0 as usize);
        }
        compiler_fence(SeqCst);
    }

    /// Takes `node` out, between [`Self::begin`] and [`Self::end`].
    ///
    /// # Safety
    /// This list has the node.
    #[inline]
    pub(super) unsafe fn remove(self, node: Node) {
        // SAFETY: the node and its neighbours are linked, hence mapped, and only this thread changes its list.
        unsafe {
            let after = node.0.read_unaligned();
            let before =
                if LINKED_BACK { node.0.sub(1).read_unaligned() as *mut usize } else { self.before(node) };
            if LINKED_BACK {
                let next = (after & !MARK) as *mut usize;
                if !ptr::addr_eq(next, self.head) {
                    next.sub(1).write_unaligned(before as usize);
                }
            }
            compiler_fence(SeqCst);
            before.write_unaligned(after);
        }
        compiler_fence(SeqCst);
    }

    /// The entry in front of `node`, where entries do not know it.
    ///
    /// # Safety
    /// This list has the node.
    unsafe fn before(self, node: Node) -> *mut usize {
        let mut at: *mut usize = self.head.cast();
        // SAFETY: every entry up to `node` is linked, hence mapped; the head's first field is its pointer to the first.
        unsafe {
            while at.read_unaligned() & !MARK != node.0 as usize {
                at = (at.read_unaligned() & !MARK) as *mut usize;
            }
        }
        at
    }

    /// Forgets all entries: for the one thread of a forked child, which holds nothing. glibc has done so itself; musl has not.
    #[cfg(target_env = "musl")]
    pub(super) fn clear(self) {
        // SAFETY: this thread's own head; an empty list points to its head.
        unsafe {
            ptr::write_volatile(&raw mut (*self.head).first, self.head as usize);
            ptr::write_volatile(&raw mut (*self.head).pending, 0);
        }
    }
}

/// The head that is registered for this thread, or null.
fn registered() -> io::Result<*mut Head> {
    let mut head: *mut Head = ptr::null_mut();
    let mut len = 0usize;
    // SAFETY: both out-parameters are live; 0 is the calling thread.
    let outcome = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut len) };
    if outcome != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(if len == size_of::<Head>() { head } else { ptr::null_mut() })
}

/// Has the C library register a list: musl does so when the thread first locks a robust mutex of its own.
fn provoke() -> io::Result<()> {
    let check = |outcome: i32| {
        if outcome == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(outcome)) }
    };
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
    let mut mutex = std::mem::MaybeUninit::<libc::pthread_mutex_t>::uninit();
    // SAFETY: both objects are private to this call, initialised before use, unlocked and destroyed before they go.
    unsafe {
        check(libc::pthread_mutexattr_init(attributes.as_mut_ptr()))?;
        check(libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST))?;
        check(libc::pthread_mutex_init(mutex.as_mut_ptr(), attributes.as_ptr()))?;
        check(libc::pthread_mutex_lock(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutex_unlock(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutex_destroy(mutex.as_mut_ptr()))?;
        check(libc::pthread_mutexattr_destroy(attributes.as_mut_ptr()))
    }
}
