//! Locks in shared memory whose owner may die: the next one is told, whatever kills the owner at whatever instant.
//!
//! A [`RobustWord`] is the last eight bytes of some shared pages. Its first half is a futex in the format that the kernel knows: the owner's thread id, a bit
//! for sleepers, a bit for an owner that died. When a thread ends, the kernel goes through a list of what the thread holds and marks each word. The list is the
//! C library's, one a thread; **no pointer of it lies in shared memory**: a private page is mapped right behind the shared ones, and a list's entry lies a fixed
//! distance from its futex. So a hostile process that can write the word may spoil this one object, and reach nothing else: what this process
//! believes of its own threads' ownership (who, how often) it keeps to itself.
//!
//! # In shared memory
//! The last 32 bytes; all zero is free and never owned.
//!
//! | from the end | what |
//! |---|---|
//! | 32 | 16 bytes, zero |
//! | 16 | u64: the pid namespace whose thread ids stand in the word (its inode), 0 none yet, all ones several |
//! | 8 | u32, the futex: bit 31 somebody sleeps, bit 30 the last owner died, bits 0–29 the owner: a thread id; or bit 29 and a transaction's tag; or bit 28 and a slow owner's number |
//! | 4 | u32, the generation: bit 0 somebody sleeps on it; counted up by each release that finds sleepers |
//!
//! Programs change both halves together, by one compare-and-swap; the kernel changes the futex alone.
//!
//! # Why no wake-up is lost
//! - At a death the kernel wakes *one* sleeper of the futex. Each of them has the word set as its list's pending operation, so that the kernel wakes the next
//!   if that one is killed before it runs. A thread has one pending operation: who waits for several words sleeps on the generation instead
//!   ([`RobustWord::prepare_sleep`]), which every release with sleepers wakes as a whole, and watches the owner's process ([`RobustWord::owner_watch`]).
//! - A release keeps bit 31 until it has woken all, and then clears it only if nothing has changed since, the generation included. Otherwise a
//!   sleeper that the kernel woke on behalf of a killed releaser could die in its turn while a third party, who passed by, owns the word and
//!   knows of no sleepers.
//!
//! # Slow owners
//! Thread ids mean nothing in another pid namespace, and the kernel compares bare numbers: a dying thread would mark the words of its namesake. So a word
//! that was ever mapped from a second namespace is owned by slow owners only: each holds a file lock (from byte [`SLOW_LOCK`] on) as long as it owns, and the kernel drops that at its death.
//! Who waits for one has a thread wait for the file lock. The same goes for what a thread owns beyond 2,000, where the kernel's patience with a list ends.
//!
//! # Limits
//! A thread other than a process's first that calls `execve` while it owns: Linux renames the thread before it looks at the list, and marks nothing. Sleepers are not
//! told; whoever comes next finds that the owner does not exist. The same heals a word that was scribbled over with an id that nobody has.

#![allow(unsafe_code, reason = "calls the list's functions")]

mod list;
mod me;
mod owner_watch;
mod page;
mod register;
mod slow;
#[cfg(test)]
mod tests;
mod word;

use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::mapping::Mapping;

pub use owner_watch::OwnerWatch;
use page::{Page, Patience};
pub use slow::SLOW_LOCK;

/// The bytes at the end of the mapping that belong to the word.
pub const ROBUST_LEN: usize = 32;

/// The largest tag of a transaction, see [`RobustWord::pledge`].
pub const MOST_TAG: u32 = word::MOST_TAG;

/// A lock in shared memory that outlives its owners. All handles of one process upon one object are one page: a thread that owns it through one handle owns it
/// through all.
#[derive(Debug)]
pub struct RobustWord(Arc<Page>);

/// What an attempt to own came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The calling thread owns it.
    Acquired,
    /// The calling thread owns it, and the owner before it died owning it.
    Abandoned,
    /// The calling thread owned it before; it must unlock once more.
    Recursed,
    /// Somebody else owns it (only if it was not to be waited for).
    Busy,
    /// The deadline has passed.
    TimedOut,
    /// The other word that was given has changed.
    Alerted,
    /// It is promised to the transaction of this tag: find out what became of that, [redeem](RobustWord::redeem), [unpledge](RobustWord::unpledge) or
    /// [forfeit](RobustWord::forfeit) it or wait for its outcome, and ask again.
    Pledged(u32),
    /// The calling thread owns it 4,294,967,295 times already.
    Overflow,
}

/// The word at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nobody owns it.
    Free {
        /// Its last owner died, and nobody was told.
        abandoned: bool,
    },
    /// The calling thread owns it.
    Mine,
    /// Somebody else does.
    Owned,
    /// It is promised to the transaction of this tag.
    Pledged(u32),
}

/// Why an unlock failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnlockError {
    /// The calling thread does not own it. Nothing has changed.
    NotOwner,
    /// Somebody wrote another owner over ours. This thread owns it no more; what is left in the word is the other's.
    Spoiled,
}

impl RobustWord {
    /// Maps `len` bytes of `file` from `offset` on, both whole pages ([`page_size`]), with the word in the last eight bytes; or finds them mapped.
    ///
    /// The description is kept: a thread that owns the word keeps it after the last handle was dropped, until it ends. It must be open for reading and writing,
    /// and the file must not shrink.
    ///
    /// # Errors
    /// `InvalidInput` unless offset and length are whole pages; `NotFound` without /proc; the kernel's.
    pub fn map(file: impl AsFd, offset: u64, len: usize) -> io::Result<Self> {
        let status = rustix::fs::fstat(&file)?;
        // Both are 64 bits on all but some 32-bit platforms.
        #[allow(
            clippy::useless_conversion,
            clippy::unnecessary_cast,
            reason = "the types differ by platform"
        )]
        let key = (status.st_dev as u64, status.st_ino as u64, offset, len);
        register::admit(key, || Page::map(file.as_fd(), key)).map(Self)
    }

    /// The shared pages. Whoever stores into the word's own [`ROBUST_LEN`] bytes spoils it.
    #[must_use]
    #[inline]
    pub fn mapping(&self) -> &Mapping {
        &self.0.mapping
    }

    /// Owns the word if nobody else does, without waiting.
    ///
    /// # Errors
    /// `InvalidData` when somebody scribbled over the word while another thread of this process owned it; the kernel's, for slow owners.
    #[inline]
    pub fn try_lock(&self) -> io::Result<Attempt> {
        self.0.acquire(None)
    }

    /// Waits until the calling thread owns the word, until `deadline`, or until `alert`'s word is not the value beside it (who changes it wakes it
    /// with [`crate::futex::Scope::Shared`]). What can be owned at the last look is owned, whatever the time.
    ///
    /// # Errors
    /// As for [`Self::try_lock`].
    #[inline]
    pub fn lock(&self, deadline: Option<Instant>, alert: Option<(&AtomicU32, u32)>) -> io::Result<Attempt> {
        self.0.acquire(Some(Patience { deadline, alert }))
    }

    /// Owns it once less; at the last, frees it and wakes who sleeps.
    ///
    /// # Errors
    /// See [`UnlockError`].
    #[inline]
    pub fn unlock(&self) -> Result<(), UnlockError> {
        self.0.unlock()
    }

    /// Whether the calling thread owns it.
    #[must_use]
    pub fn owned_by_me(&self) -> bool {
        let token = me::token();
        token != 0 && self.0.owner.load(Relaxed) == token
    }

    /// How often the calling thread owns it; 0 if it does not.
    #[must_use]
    pub fn recursion(&self) -> u32 {
        if self.owned_by_me() { self.0.depth.load(Relaxed) } else { 0 }
    }

    /// The word now. A word whose slow owner is dead is free; one that a dead thread owns and the kernel is about to mark is owned still.
    #[must_use]
    pub fn seen(&self) -> Seen {
        if self.owned_by_me() { Seen::Mine } else { self.0.seen() }
    }

    /// Who must be watched by somebody who is going to wait for several words: ask first, then [`Self::prepare_sleep`], then sleep.
    ///
    /// # Errors
    /// The kernel's, at a limit of descriptors or threads.
    pub fn owner_watch(&self) -> io::Result<OwnerWatch> {
        OwnerWatch::new(&self.0)
    }

    /// Announces a sleep upon several words: the word to sleep on and its value, as long as the owner is the one `watched`.
    ///
    /// # Errors
    /// What was seen instead, when it is worth another look: free, pledged, or another owner ([`Seen::Owned`]: watch that one).
    pub fn prepare_sleep(&self, watched: &OwnerWatch) -> Result<(&AtomicU32, u32), Seen> {
        let value = self.0.announce_sleep(watched.owner())?;
        Ok((self.0.generation(), value))
    }

    /// The word on which those sleep who wait for several, see [`Self::prepare_sleep`].
    #[must_use]
    pub fn generation(&self) -> &AtomicU32 {
        self.0.generation()
    }

    /// Promises the free word to a transaction; whether its last owner died stays noted. Of the tag the lowest 29 bits count.
    ///
    /// # Errors
    /// What was seen, if it is not free.
    pub fn pledge(&self, tag: u32) -> Result<(), Seen> {
        self.0.pledge(tag)
    }

    /// Takes the promise back: the word is as it was before, and who slept meanwhile is woken. `false` if it is not promised to this transaction.
    pub fn unpledge(&self, tag: u32) -> bool {
        self.0.break_pledge(tag, false)
    }

    /// Ends the promise to somebody who died after the transaction had been committed: free, and its last owner died. `false` if it is not promised to this transaction.
    pub fn forfeit(&self, tag: u32) -> bool {
        self.0.break_pledge(tag, true)
    }

    /// Turns the promise into ownership, by the thread whose transaction it is: [`Attempt::Acquired`] or [`Attempt::Abandoned`]; `None` if it is not promised to
    /// this transaction.
    ///
    /// # Errors
    /// As for [`Self::try_lock`].
    pub fn redeem(&self, tag: u32) -> io::Result<Option<Attempt>> {
        self.0.redeem(tag)
    }
}

impl Clone for RobustWord {
    fn clone(&self) -> Self {
        self.0.handles.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for RobustWord {
    fn drop(&mut self) {
        register::dismiss(&self.0);
    }
}

/// The size of a page of memory on this machine, in bytes.
#[must_use]
pub fn page_size() -> usize {
    rustix::param::page_size()
}

impl fmt::Display for UnlockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotOwner => "the calling thread does not own the lock",
            Self::Spoiled => "another process has overwritten the owner of the lock",
        })
    }
}

impl Error for UnlockError {}
