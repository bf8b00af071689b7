//! Where two system calls of the protocol stand next to each other.
//!
//! In this crate's own tests a participant may be made to stop for a moment there, so that others (and its killer) get in
//! between; otherwise nothing happens.

/// Between two steps.
#[cfg(not(test))]
#[inline]
pub(crate) fn between() {}

/// Whether this thread's files are to have names from the start, as on a file system without unnamed ones.
#[cfg(not(test))]
#[inline]
pub(crate) fn is_without_unnamed_files() -> bool {
    false
}

#[cfg(test)]
pub(crate) use unnamed::{is_without_unnamed_files, without_unnamed_files};

#[cfg(test)]
mod unnamed {
    use std::cell::Cell;

    thread_local!(static WITHOUT: Cell<bool> = const { Cell::new(false) });

    /// From now on this thread does without.
    pub(crate) fn without_unnamed_files() {
        WITHOUT.set(true);
    }

    pub(crate) fn is_without_unnamed_files() -> bool {
        WITHOUT.get()
    }
}

#[cfg(test)]
pub(crate) use loiter::{between, loiter};

#[cfg(test)]
mod loiter {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::time::Duration;

    static STATE: AtomicU64 = AtomicU64::new(0);

    /// From now on this process loiters, now and then, as `seed` says.
    pub(crate) fn loiter(seed: u64) {
        STATE.store(seed | 1, Relaxed);
    }

    pub(crate) fn between() {
        let mut state = STATE.load(Relaxed);
        if state == 0 {
            return;
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        STATE.store(state, Relaxed);
        match (state >> 20) % 16 {
            0 => std::thread::sleep(Duration::from_micros((state >> 32) % 300)),
            1..4 => std::thread::yield_now(),
            _ => {}
        }
    }
}
