//! The calling thread: what the kernel calls it, what it is to its own process, and what it does last.

use std::cell::Cell;
use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::list::List;
use super::register;

/// The kernel goes through 2,048 entries of a dying thread's list, the program's own robust mutexes among them.
pub(super) const MOST_HELD: u32 = 2_000;

/// Where a thread's number begins in a token; the process's generation stands above.
const NUMBER_BITS: u32 = 40;

/// Counts the forks that led to this process, so that what a parent's memory says of its threads is not taken for a child's.
static GENERATION: AtomicU32 = AtomicU32::new(1);

static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

/// What a thread knows of itself.
#[derive(Debug)]
pub(super) struct Me {
    generation: Cell<u32>,
    token: Cell<u64>,
    tid: Cell<u32>,
    list: Cell<List>,
    held: Cell<u32>,
}

thread_local! {
    static ME: Me = const {
        Me {
            generation: Cell::new(0),
            token: Cell::new(0),
            tid: Cell::new(0),
            list: Cell::new(List::NONE),
            held: Cell::new(0),
        }
    };
    static LAST_WORDS: LastWords = const { LastWords };
}

/// The calling thread, known to the kernel's list; an error where it has none, or in the thread's last moments, after it has given up what it held.
#[inline]
pub(super) fn with<T>(act: impl FnOnce(&Me) -> io::Result<T>) -> io::Result<T> {
    ME.with(|me| {
        if me.generation.get() != GENERATION.load(Relaxed) {
            me.introduce()?;
        }
        act(me)
    })
}

/// The calling thread's token, or 0 if it was never asked for: then it owns nothing.
#[inline]
pub(super) fn token() -> u64 {
    ME.with(|me| if me.generation.get() == GENERATION.load(Relaxed) { me.token.get() } else { 0 })
}

/// Whether a token was given to a thread of this very process, not of one that it was forked from.
pub(super) fn is_of_this_process(token: u64) -> bool {
    token >> NUMBER_BITS == u64::from(GENERATION.load(Relaxed))
}

/// In the child, right after a fork.
pub(super) fn forked() {
    GENERATION.fetch_add(1, Relaxed);
    #[cfg(target_env = "musl")]
    ME.with(|me| {
        if me.generation.get() != 0 {
            me.list.get().clear();
        }
    });
}

impl Me {
    pub(super) fn token(&self) -> u64 {
        self.token.get()
    }

    pub(super) fn tid(&self) -> u32 {
        self.tid.get()
    }

    pub(super) fn list(&self) -> List {
        self.list.get()
    }

    /// How many words of its list the thread holds.
    pub(super) fn held(&self) -> u32 {
        self.held.get()
    }

    pub(super) fn holds_more(&self) {
        self.held.set(self.held.get() + 1);
    }

    pub(super) fn holds_less(&self) {
        self.held.set(self.held.get().saturating_sub(1));
    }

    #[cold]
    fn introduce(&self) -> io::Result<()> {
        register::expect_forks()?;
        // So that its destructor runs at the thread's end.
        LAST_WORDS.try_with(|_| ()).map_err(io::Error::other)?;
        self.list.set(List::of_this_thread()?);
        self.tid.set(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
        let generation = GENERATION.load(Relaxed);
        let number = LAST_NUMBER.fetch_add(1, Relaxed) + 1;
        self.token.set(u64::from(generation) << NUMBER_BITS | number & ((1 << NUMBER_BITS) - 1));
        self.held.set(0);
        self.generation.set(generation);
        Ok(())
    }
}

/// Gives up, as the thread's death would, what it still owns, and tells all who sleep: the kernel would tell one.
struct LastWords;

impl Drop for LastWords {
    fn drop(&mut self) {
        ME.with(|me| {
            if me.generation.get() == GENERATION.load(Relaxed) {
                register::abandon_all(me);
            }
            me.generation.set(0);
        });
    }
}
