//! Owners that live by a file lock: where thread ids say nothing, and where a thread holds more than the kernel goes through.

#![allow(unsafe_code, reason = "keeps a descriptor in an atomic number")]

use std::io;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::thread;

use super::me::Me;
use super::page::{Page, Patience, Taken, spoiled};
use super::register;
use super::word::{MOST_SLOW, Owner};
use super::{Attempt, UnlockError};
use crate::lock::{self, Holder, LockMode};
use crate::memfd;

/// From this byte on slow owners lock: each the one that is as far from here as its word's pages from the file's beginning. Beyond every entry's own.
pub const SLOW_LOCK: u64 = 1 << 62;

static PID_NAMESPACE: AtomicU64 = AtomicU64::new(0);

/// The number of this process's pid namespace.
pub(super) fn pid_namespace() -> io::Result<u64> {
    let known = known_pid_namespace();
    if known != 0 {
        return Ok(known);
    }
    #[allow(clippy::unnecessary_cast, reason = "the type differs by platform")]
    let found = rustix::fs::stat("/proc/self/ns/pid")?.st_ino as u64;
    PID_NAMESPACE.store(found, Relaxed);
    Ok(found)
}

/// The same, if it was asked for before; else 0, which is none's.
#[inline]
pub(super) fn known_pid_namespace() -> u64 {
    PID_NAMESPACE.load(Relaxed)
}

/// In a forked child, which may be in another one: whether it is.
pub(super) fn forked() -> bool {
    let before = PID_NAMESPACE.swap(0, Relaxed);
    before != 0 && pid_namespace().ok() != Some(before)
}

/// Whether a slow owner lives, or a process that is just about to become one.
pub(super) fn is_alive(page: &Page) -> io::Result<bool> {
    Ok(lock::query(&page.file, page.slow_byte(), 1)? == Holder::Writer)
}

pub(super) fn acquire(page: &Page, me: &Me, patience: Option<Patience<'_>>) -> io::Result<Attempt> {
    // Asleep, this thread may be the one whom the kernel tells of a fast owner's death.
    let node = if page.is_at_home() { page.node(me) } else { None };
    if let Some(node) = node {
        me.list().begin(node);
    }
    let attempt = acquire_locked(page, me, patience);
    if node.is_some() {
        me.list().end();
    }
    attempt
}

fn acquire_locked(page: &Page, me: &Me, patience: Option<Patience<'_>>) -> io::Result<Attempt> {
    let mut over = None;
    loop {
        let mut seen = page.state();
        let worth_a_try = match seen.owner() {
            Owner::Nobody => true,
            Owner::Slow(_) => !is_alive(page)?,
            Owner::Thread(_) | Owner::Pledged(_) => false,
        };
        if worth_a_try {
            let lock = enter(page)?;
            match take(page)? {
                Taken::Yes(attempt) => return own(page, me, lock, attempt),
                Taken::No(other) => seen = other,
            }
        }
        match (seen.owner(), over, patience) {
            (Owner::Pledged(tag), ..) => return Ok(Attempt::Pledged(tag)),
            (_, Some(over), _) => return Ok(over),
            (_, None, None) => return Ok(Attempt::Busy),
            (_, None, Some(patience)) => over = page.sleep(seen, patience)?,
        }
    }
}

pub(super) fn redeem(page: &Page, me: &Me, tag: u32) -> io::Result<Option<Attempt>> {
    let lock = enter(page)?;
    match page.take_pledged(tag, fresh_owner()?) {
        Some(attempt) => own(page, me, lock, attempt).map(Some),
        None => Ok(None),
    }
}

/// The caller is the slow owner.
pub(super) fn give_up(page: &Page, died: bool) -> Result<(), UnlockError> {
    let lock = page.slow_lock.swap(-1, AcqRel);
    page.owner.store(0, Release);
    let owner = page.state().owner();
    // Whoever sleeps also hears the file lock fall: it falls last, so that a kill in between loses nobody.
    let released = match owner {
        Owner::Slow(_) => page.release(owner, died),
        _ => Err(UnlockError::Spoiled),
    };
    close(lock);
    released
}

/// Sees to it that this process hears of the end of a slow owner's file lock: then the word, were it still that owner's, is freed, and all are woken.
pub(super) fn watch(page: &Page) -> io::Result<()> {
    if page.watching.swap(true, AcqRel) {
        return Ok(());
    }
    let started = register::find(&page.key).map_or(Ok(()), |page| {
        let file = memfd::reopen(&page.file)?;
        let serve = move || {
            // It fails only for want of locks in the kernel: then those who sleep look again.
            let _ = lock::wait(&file, LockMode::Read, page.slow_byte(), 1);
            // From here on nobody who comes relies on this thread; who came before is told below.
            page.watching.swap(false, AcqRel);
            page.tell_of_slow_end();
        };
        thread::Builder::new().name("ennead-owner".into()).spawn(serve).map(drop)
    });
    if started.is_err() {
        page.watching.store(false, Release);
    }
    started
}

/// In a forked child: the parent's lock is not the child's to hold.
pub(super) fn forget(page: &Page) {
    close(page.slow_lock.swap(-1, AcqRel));
    page.watching.store(false, Release);
}

/// Takes the file lock. Only for a moment does anybody hold it who does not own the word: so this waits, but not for long.
fn enter(page: &Page) -> io::Result<OwnedFd> {
    let file = memfd::reopen(&page.file)?;
    lock::wait(&file, LockMode::Write, page.slow_byte(), 1)?;
    Ok(file)
}

/// With the file lock held: another slow owner must be dead.
fn take(page: &Page) -> io::Result<Taken> {
    let owner = fresh_owner()?;
    loop {
        let seen = page.state();
        let died = match seen.owner() {
            Owner::Nobody => seen.died(),
            Owner::Slow(_) => true,
            _ => return Ok(Taken::No(seen)),
        };
        if page.change(seen, seen.owned(owner)) {
            return Ok(Taken::Yes(if died { Attempt::Abandoned } else { Attempt::Acquired }));
        }
    }
}

/// A number that no other acquisition has, so that who believes the one before dead cannot free this one.
fn fresh_owner() -> io::Result<Owner> {
    Ok(Owner::Slow(crate::process::random_u64()? as u32 & MOST_SLOW))
}

fn own(page: &Page, me: &Me, lock: OwnedFd, attempt: Attempt) -> io::Result<Attempt> {
    if !page.admit(me) {
        let owner = page.state().owner();
        if matches!(owner, Owner::Slow(_)) {
            let _ = page.release(owner, false);
        }
        return Err(spoiled());
    }
    page.slow_lock.store(lock.into_raw_fd(), Release);
    Ok(attempt)
}

fn close(lock: i32) {
    if lock >= 0 {
        // SAFETY: the number came from `into_raw_fd`, and was swapped out: nobody else has it.
        drop(unsafe { OwnedFd::from_raw_fd(lock) });
    }
}

impl Page {
    /// No slow owner lives, at this moment.
    fn tell_of_slow_end(&self) {
        let seen = self.state();
        if matches!(seen.owner(), Owner::Slow(_)) {
            self.declare_dead(seen);
        }
        self.wake_all();
    }

    /// The byte that its slow owners lock.
    fn slow_byte(&self) -> u64 {
        let (_, _, offset, _) = self.key;
        SLOW_LOCK.saturating_add(offset)
    }

    pub(super) fn forget_slow_lock(&self) {
        forget(self);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        close(self.slow_lock.load(Acquire));
    }
}
