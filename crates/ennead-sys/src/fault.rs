//! Faults in mapped files become a flag instead of the end of the process.
//!
//! A load or store in a mapping raises SIGBUS when the file was truncated below it, when a tmpfs has no room for the page, or when the disk fails. One
//! handler a process, installed at the first registration, looks the address up among the registered ranges: if it is in one, a private page of zeros takes the place
//! of the lost one, the range is marked broken, and the access goes on. Any other fault is passed on unchanged to whoever handled SIGBUS before.
//!
//! The handler calls `mmap` and reads atomics, nothing else: it takes no lock and allocates nothing. A program that installs a handler of its own later has to chain
//! to ours, as ours does to the one before.

#![allow(unsafe_code, reason = "a signal handler, and the table that it reads")]

use std::io;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, fence};

/// A range of this process's memory whose faults set a flag. Dropped before the range is unmapped.
#[derive(Debug)]
pub(crate) struct Registration(&'static Slot);

impl Registration {
    /// Registers `len` mapped bytes at `start`. `page` is the size of the mapping's pages (huge ones too), `writable` whether a substitute page is.
    ///
    /// # Safety
    /// The range is a mapping of a file that belongs to the caller, begins and ends on multiples of `page`, and stays mapped while the registration lives:
    /// the handler may map over any page of it at any instant.
    pub(crate) unsafe fn new(start: usize, len: usize, page: usize, writable: bool) -> io::Result<Self> {
        install()?;
        let slot = claim();
        slot.change(|slot| {
            slot.start.store(start, Relaxed);
            slot.len.store(len, Relaxed);
            slot.page.store(page, Relaxed);
            slot.writable.store(writable, Relaxed);
            slot.broken.store(false, Relaxed);
        });
        Ok(Self(slot))
    }

    /// Whether a page of the range was lost since it was registered. What was read since then is zeros in part, what was written there is lost.
    #[inline]
    pub(crate) fn is_broken(&self) -> bool {
        // The handler ran on the thread that asks, or its effect is as old as the other thread's access.
        self.0.broken.load(Relaxed)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.0.change(|slot| slot.len.store(0, Relaxed));
        self.0.taken.store(false, Release);
    }
}

/// One registered range. Slots live as long as the process.
#[derive(Debug)]
struct Slot {
    /// Whether somebody owns the slot; only the owner changes the rest, but for `broken`.
    taken: AtomicBool,
    /// Odd while the owner changes it: the handler may run on another thread meanwhile.
    version: AtomicU32,
    start: AtomicUsize,
    len: AtomicUsize,
    page: AtomicUsize,
    writable: AtomicBool,
    broken: AtomicBool,
}

impl Slot {
    const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            version: AtomicU32::new(0),
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            page: AtomicUsize::new(0),
            writable: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    fn change(&self, change: impl FnOnce(&Self)) {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        change(self);
        self.version.store(version.wrapping_add(2), Release);
    }

    /// The page that holds `address`, if this range does: its start, its size, whether it is to be writable.
    ///
    /// The slot of the range in which a thread faults stands still: a registration outlives every access. So a slot that changes is another's.
    fn page_of(&self, address: usize) -> Option<(usize, usize, bool)> {
        let before = self.version.load(Acquire);
        let (start, len, page) = (self.start.load(Relaxed), self.len.load(Relaxed), self.page.load(Relaxed));
        let writable = self.writable.load(Relaxed);
        fence(Acquire);
        let stable = before.is_multiple_of(2) && self.version.load(Relaxed) == before;
        let inside = stable && page > 0 && address.wrapping_sub(start) < len;
        inside.then(|| (address - (address - start) % page, page, writable))
    }
}

const CHUNK: usize = 64;

/// Slots, and where there are more.
struct Chunk {
    slots: [Slot; CHUNK],
    next: AtomicPtr<Chunk>,
}

impl Chunk {
    const fn new() -> Self {
        Self { slots: [const { Slot::new() }; CHUNK], next: AtomicPtr::new(ptr::null_mut()) }
    }

    fn next(&self) -> Option<&'static Chunk> {
        let next = self.next.load(Acquire);
        // SAFETY: null, or a chunk that was leaked for good before its address was stored.
        unsafe { next.as_ref() }
    }
}

static FIRST: Chunk = Chunk::new();

/// Takes a free slot; adds a chunk where there is none. No lock: a child forked in the middle of it could never take one.
fn claim() -> &'static Slot {
    let mut chunk: &'static Chunk = &FIRST;
    loop {
        for slot in &chunk.slots {
            let free = !slot.taken.load(Relaxed);
            if free && slot.taken.compare_exchange(false, true, AcqRel, Relaxed).is_ok() {
                return slot;
            }
        }
        chunk = match chunk.next() {
            Some(next) => next,
            None => {
                let fresh = Box::into_raw(Box::new(Chunk::new()));
                if chunk.next.compare_exchange(ptr::null_mut(), fresh, AcqRel, Acquire).is_err() {
                    // SAFETY: nobody else has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                }
                match chunk.next() {
                    Some(next) => next,
                    None => continue,
                }
            }
        };
    }
}

fn find(address: usize) -> Option<(&'static Slot, usize, usize, bool)> {
    let mut chunk = Some(&FIRST);
    while let Some(here) = chunk {
        for slot in &here.slots {
            if let Some((start, page, writable)) = slot.page_of(address) {
                return Some((slot, start, page, writable));
            }
        }
        chunk = here.next();
    }
    None
}

/// What handled SIGBUS before us, leaked: the handler reads it at any time.
static PREVIOUS: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

fn install() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let outcome = INSTALLED.get_or_init(|| {
        // SAFETY: all-zero bytes are a valid `sigaction`.
        let mut previous: libc::sigaction = unsafe { std::mem::zeroed() };
        // Stored before ours can run, so that it always has somebody to pass a fault to.
        // SAFETY: asks only; the structure is ours.
        if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &raw mut previous) } != 0 {
            return Err(errno());
        }
        PREVIOUS.store(Box::into_raw(Box::new(previous)), SeqCst);
        // SAFETY: as above.
        let mut ours: libc::sigaction = unsafe { std::mem::zeroed() };
        ours.sa_sigaction = handle as *const () as usize;
        // On the alternate stack where the thread has one (std's do): a thread at its stack's end may fault here too.
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: the mask is ours; the handler is async-signal-safe, see there.
        let installed = unsafe {
            libc::sigemptyset(&raw mut ours.sa_mask);
            libc::sigaction(libc::SIGBUS, &raw const ours, ptr::null_mut())
        };
        if installed == 0 { Ok(()) } else { Err(errno()) }
    });
    outcome.map_err(io::Error::from_raw_os_error)
}

fn errno() -> i32 {
    // SAFETY: the thread's own errno, always valid.
    unsafe { *libc::__errno_location() }
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let saved = errno();
    // SAFETY: the kernel gives a handler with SA_SIGINFO a valid structure; the address is meant for SIGBUS of the kernel's own only, which the code says.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    // Another code is an unaligned access, a broken memory chip, or somebody's kill(2).
    if code != libc::BUS_ADRERR || !substitute(address) {
        // SAFETY: our own arguments, as the kernel gave them.
        unsafe { pass_on(signal, info, context) };
    }
    // SAFETY: the thread's own errno.
    unsafe { *libc::__errno_location() = saved };
}

/// Puts a page of zeros where `address` lies, if that is in a registered range.
fn substitute(address: usize) -> bool {
    let Some((slot, start, page, writable)) = find(address) else { return false };
    let protection = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    slot.broken.store(true, Relaxed);
    // SAFETY: the page lies in a registered range, whose owner allows this; the thread that faulted keeps the registration alive.
    let mapped = unsafe { libc::mmap(start as *mut libc::c_void, page, protection, flags, -1, 0) };
    mapped != libc::MAP_FAILED
}

/// Does what would have been done without us.
///
/// # Safety
/// The arguments are those that the kernel gave the handler.
unsafe fn pass_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: stored before the handler was installed, never freed.
    let Some(previous) = (unsafe { PREVIOUS.load(Acquire).as_ref() }) else { return };
    // SAFETY: as the kernel gave it. Codes above zero are the kernel's own: the fault comes again when the handler returns.
    let is_fault = unsafe { (*info).si_code } > 0;
    match previous.sa_sigaction {
        libc::SIG_IGN if !is_fault => {}
        // A fault cannot be ignored: the kernel ends the process then, too.
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: the default action; a fault repeats itself and meets it, anything else is raised again, and comes when the handler returns.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if !is_fault {
                    libc::raise(signal);
                }
            }
        }
        handler => {
            // SAFETY: whoever installed it said by the flag which of the two kinds of function it is; its mask is put on while it runs, as it would be.
            unsafe {
                let mut mask: libc::sigset_t = std::mem::zeroed();
                libc::pthread_sigmask(libc::SIG_BLOCK, &raw const previous.sa_mask, &raw mut mask);
                if previous.sa_flags & libc::SA_SIGINFO != 0 {
                    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                        std::mem::transmute(handler);
                    handler(signal, info, context);
                } else {
                    let handler: extern "C" fn(libc::c_int) = std::mem::transmute(handler);
                    handler(signal);
                }
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const mask, ptr::null_mut());
            }
        }
    }
}
