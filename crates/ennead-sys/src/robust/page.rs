//! One object's page in this process: owning its word, and giving it up.

#![allow(unsafe_code, reason = "links the page's node")]

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, AtomicUsize};
use std::time::Instant;

use rustix::process::{Pid, test_kill_process};

use super::list::Node;
use super::me::{self, MOST_HELD, Me};
use super::register::Key;
use super::slow;
use super::word::{Owner, State};
use super::{Attempt, Seen, UnlockError};
use crate::futex::{self, Scope, Woken};
use crate::mapping::Mapping;

/// The home of a word that was mapped from several pid namespaces.
pub(super) const SEVERAL: u64 = u64::MAX;

const ALL: u32 = u32::MAX;

/// The object, as this process has it. Everything but the mapping is private.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) mapping: Mapping,
    /// INVARIANT: the last eight bytes of the mapping.
    word_at: usize,
    pub(super) key: Key,
    pub(super) file: OwnedFd,
    /// How many handles lead here; changed under the register's lock, or while there is another.
    pub(super) handles: AtomicUsize,
    /// The token of the thread that owns the word, 0 if none of this process does. Also the right to the node: who changes it from 0 links it.
    pub(super) owner: AtomicU64,
    /// The owner's thread id, to see whether it is dead in a living process.
    owner_tid: AtomicU32,
    /// How often the owner owns it; only the owner uses it.
    pub(super) depth: AtomicU32,
    /// The descriptor that holds a slow owner's file lock, -1 if none.
    pub(super) slow_lock: AtomicI32,
    /// Whether a thread of this process waits for a slow owner's lock.
    pub(super) watching: AtomicBool,
}

/// How long to wait, and for what else.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub(super) deadline: Option<Instant>,
    pub(super) alert: Option<(&'a AtomicU32, u32)>,
}

/// What came of the attempt to take a word that was seen in some state.
pub(super) enum Taken {
    Yes(Attempt),
    /// It is somebody's.
    No(State),
}

impl Page {
    pub(super) fn map(file: BorrowedFd<'_>, key: Key) -> io::Result<Self> {
        let (_, _, offset, len) = key;
        let mapping = Mapping::with_private_page(file, offset, len)?;
        let page = Self {
            word_at: len - size_of::<u64>(),
            mapping,
            key,
            file: file.try_clone_to_owned()?,
            handles: AtomicUsize::new(0),
            owner: AtomicU64::new(0),
            owner_tid: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            slow_lock: AtomicI32::new(-1),
            watching: AtomicBool::new(false),
        };
        page.settle(slow::pid_namespace()?);
        Ok(page)
    }

    /// Notes the pid namespace of this process.
    pub(super) fn settle(&self, ours: u64) {
        let home = self.home_word();
        if let Err(other) = home.compare_exchange(0, ours, AcqRel, Acquire)
            && other != ours
        {
            home.store(SEVERAL, Release);
        }
    }

    #[inline]
    pub(super) fn acquire(&self, patience: Option<Patience<'_>>) -> io::Result<Attempt> {
        me::with(|me| {
            if self.owner.load(Relaxed) == me.token() {
                return Ok(self.recurse());
            }
            match self.fast_node(me) {
                Some(node) => {
                    me.list().begin(node);
                    let attempt = self.acquire_fast(me, node, patience);
                    me.list().end();
                    attempt
                }
                None => slow::acquire(self, me, patience),
            }
        })
    }

    /// The node with which this thread can own the word in the kernel's sight; `None` if it must be a slow owner.
    #[inline]
    fn fast_node(&self, me: &Me) -> Option<Node> {
        let at_home = self.home_word().load(Relaxed) == slow::known_pid_namespace();
        if at_home && me.held() < MOST_HELD { self.node(me) } else { None }
    }

    /// Where the kernel looks for the node when this thread dies.
    #[inline]
    pub(super) fn node(&self, me: &Me) -> Option<Node> {
        me.list().node(self.futex().as_ptr(), self.mapping.private_page(), super::page_size())
    }

    /// Between begin and end.
    #[inline]
    fn acquire_fast(&self, me: &Me, node: Node, patience: Option<Patience<'_>>) -> io::Result<Attempt> {
        let mut over = None;
        loop {
            match self.take(Owner::Thread(me.tid()))? {
                Taken::Yes(attempt) => {
                    if !self.admit(me) {
                        let _ = self.release(Owner::Thread(me.tid()), false);
                        return Err(spoiled());
                    }
                    // SAFETY: the node is in this mapping's private page, which stays mapped while somebody of this process owns the word; `admit` says
                    // that no other thread has it in its list.
                    unsafe { me.list().insert(node) };
                    me.holds_more();
                    return Ok(attempt);
                }
                Taken::No(seen) => match (seen.owner(), over, patience) {
                    (Owner::Pledged(tag), ..) => return Ok(Attempt::Pledged(tag)),
                    (_, Some(over), _) => return Ok(over),
                    (_, None, None) => return Ok(Attempt::Busy),
                    (_, None, Some(patience)) => over = self.sleep(seen, patience)?,
                },
            }
        }
    }

    /// Takes the word if it is nobody's, or a dead slow owner's.
    #[inline]
    pub(super) fn take(&self, owner: Owner) -> io::Result<Taken> {
        loop {
            let seen = self.state();
            let died = match seen.owner() {
                Owner::Nobody => seen.died(),
                Owner::Slow(_) if !slow::is_alive(self)? => true,
                _ => return Ok(Taken::No(seen)),
            };
            if self.change(seen, seen.owned(owner)) {
                return Ok(Taken::Yes(if died { Attempt::Abandoned } else { Attempt::Acquired }));
            }
        }
    }

    /// Sleeps while the word is as `seen`. What the attempt has come to, should the word still be somebody's.
    pub(super) fn sleep(&self, seen: State, patience: Patience<'_>) -> io::Result<Option<Attempt>> {
        let noted = seen.with_waiters();
        if seen != noted && !self.change(seen, noted) {
            return Ok(None);
        }
        match seen.owner() {
            Owner::Slow(_) => slow::watch(self)?,
            Owner::Thread(tid) if self.is_at_home() && self.heal(noted, tid) => return Ok(None),
            _ => {}
        }
        let mine = (self.futex(), noted.futex);
        let woken = match patience.alert {
            None => futex::wait(mine.0, mine.1, Scope::Shared, patience.deadline)?,
            Some(alert) => futex::wait_any(&[mine, alert], Scope::Shared, patience.deadline)?,
        };
        let alerted = patience.alert.is_some_and(|(word, value)| word.load(Acquire) != value);
        Ok(match woken {
            Woken::TimedOut => Some(Attempt::TimedOut),
            Woken::ByWake | Woken::LookAgain if alerted => Some(Attempt::Alerted),
            Woken::ByWake | Woken::LookAgain => None,
        })
    }

    /// Notes the calling thread as the owner within this process; `false` if a living thread is it already, so that the word must have been scribbled over.
    #[inline]
    pub(super) fn admit(&self, me: &Me) -> bool {
        let mut old = self.owner.load(Relaxed);
        loop {
            if old != 0 && me::is_of_this_process(old) && is_thread_alive(self.owner_tid.load(Relaxed)) {
                return false;
            }
            match self.owner.compare_exchange(old, me.token(), Acquire, Relaxed) {
                Ok(_) => break,
                Err(other) => old = other,
            }
        }
        self.owner_tid.store(me.tid(), Relaxed);
        self.depth.store(1, Relaxed);
        true
    }

    fn recurse(&self) -> Attempt {
        match self.depth.load(Relaxed).checked_add(1) {
            Some(depth) => {
                self.depth.store(depth, Relaxed);
                Attempt::Recursed
            }
            None => Attempt::Overflow,
        }
    }

    #[inline]
    pub(super) fn unlock(&self) -> Result<(), UnlockError> {
        let unlocked = me::with(|me| {
            Ok(if self.owner.load(Relaxed) != me.token() {
                Err(UnlockError::NotOwner)
            } else if self.depth.load(Relaxed) > 1 {
                self.depth.store(self.depth.load(Relaxed) - 1, Relaxed);
                Ok(())
            } else {
                self.give_up(me, false)
            })
        });
        // Who cannot be introduced owns nothing.
        unlocked.unwrap_or(Err(UnlockError::NotOwner))
    }

    /// In the owner's last moments.
    pub(super) fn abandon(&self, me: &Me) {
        let _ = self.give_up(me, true);
    }

    #[inline]
    fn give_up(&self, me: &Me, died: bool) -> Result<(), UnlockError> {
        if self.slow_lock.load(Relaxed) >= 0 {
            return slow::give_up(self, died);
        }
        // It had one when it took the word, and neither the list nor the page has moved.
        let Some(node) = self.node(me) else { return Err(UnlockError::Spoiled) };
        me.list().begin(node);
        // SAFETY: the owner has linked it, when it took the word.
        unsafe { me.list().remove(node) };
        me.holds_less();
        // Before the word is free: the next owner may be another thread of this process.
        self.owner.store(0, Release);
        let released = self.release(Owner::Thread(me.tid()), died);
        me.list().end();
        released
    }

    /// Frees the word that is `owner`'s.
    #[inline]
    pub(super) fn release(&self, owner: Owner, died: bool) -> Result<(), UnlockError> {
        loop {
            let seen = self.state();
            if seen.owner() != owner {
                self.wake(seen);
                return Err(UnlockError::Spoiled);
            }
            let freed = seen.freed(died);
            if self.change(seen, freed) {
                if freed.generation != seen.generation {
                    self.wake_and_tidy(seen, freed);
                }
                return Ok(());
            }
        }
    }

    /// Wakes all who slept while the word was as `seen`, then clears the note of them, if the word is still as `freed`: then nobody has come since,
    /// because no state with sleepers ever comes back.
    #[cold]
    pub(super) fn wake_and_tidy(&self, seen: State, freed: State) {
        self.wake(seen);
        if freed.has_waiters() {
            let _ = self.change(freed, freed.without_waiters());
        }
    }

    fn wake(&self, seen: State) {
        if seen.has_waiters() {
            futex::wake(self.futex(), ALL, Scope::Shared);
        }
        if seen.has_sleepers() {
            futex::wake(self.generation(), ALL, Scope::Shared);
        }
    }

    pub(super) fn wake_all(&self) {
        futex::wake(self.futex(), ALL, Scope::Shared);
        futex::wake(self.generation(), ALL, Scope::Shared);
    }

    /// Frees the word, noted as `seen`, if its owner does not exist (any more): see "Limits" in `robust.rs`.
    pub(super) fn heal(&self, seen: State, tid: u32) -> bool {
        let exists = i32::try_from(tid).ok().and_then(Pid::from_raw).is_some_and(|tid| {
            // Refused is alive.
            test_kill_process(tid) != Err(rustix::io::Errno::SRCH)
        });
        !exists && self.declare_dead(seen)
    }

    /// Frees the word on behalf of a dead owner, if it is still as `seen`.
    pub(super) fn declare_dead(&self, seen: State) -> bool {
        let freed = seen.freed(true);
        let changed = self.change(seen, freed);
        if changed && freed.generation != seen.generation {
            self.wake_and_tidy(seen, freed);
        }
        changed
    }

    pub(super) fn seen(&self) -> Seen {
        let seen = self.state();
        match seen.owner() {
            Owner::Nobody => Seen::Free { abandoned: seen.died() },
            Owner::Pledged(tag) => Seen::Pledged(tag),
            Owner::Slow(_) if matches!(slow::is_alive(self), Ok(false)) => Seen::Free { abandoned: true },
            Owner::Slow(_) | Owner::Thread(_) => Seen::Owned,
        }
    }

    pub(super) fn announce_sleep(&self, watched: Option<Owner>) -> Result<u32, Seen> {
        loop {
            let seen = self.state();
            if watched != Some(seen.owner()) {
                return Err(self.seen());
            }
            let noted = seen.with_sleepers();
            if seen == noted || self.change(seen, noted) {
                return Ok(noted.generation);
            }
        }
    }

    pub(super) fn pledge(&self, tag: u32) -> Result<(), Seen> {
        loop {
            let seen = self.state();
            if let Owner::Slow(_) = seen.owner()
                && matches!(slow::is_alive(self), Ok(false))
            {
                self.declare_dead(seen);
                continue;
            }
            if seen.owner() != Owner::Nobody {
                return Err(self.seen());
            }
            if self.change(seen, seen.pledged(tag)) {
                return Ok(());
            }
        }
    }

    pub(super) fn break_pledge(&self, tag: u32, died: bool) -> bool {
        loop {
            let seen = self.state();
            if seen.owner() != Owner::Pledged(tag) {
                return false;
            }
            let freed = seen.freed(died || seen.died());
            if self.change(seen, freed) {
                if freed.generation != seen.generation {
                    self.wake_and_tidy(seen, freed);
                }
                return true;
            }
        }
    }

    pub(super) fn redeem(&self, tag: u32) -> io::Result<Option<Attempt>> {
        me::with(|me| match self.fast_node(me) {
            Some(node) => {
                me.list().begin(node);
                let redeemed = self.redeem_fast(me, node, tag);
                me.list().end();
                redeemed
            }
            None => slow::redeem(self, me, tag),
        })
    }

    /// Between begin and end.
    fn redeem_fast(&self, me: &Me, node: Node, tag: u32) -> io::Result<Option<Attempt>> {
        let Some(attempt) = self.take_pledged(tag, Owner::Thread(me.tid())) else { return Ok(None) };
        if !self.admit(me) {
            let _ = self.release(Owner::Thread(me.tid()), false);
            return Err(spoiled());
        }
        // SAFETY: as in `acquire_fast`.
        unsafe { me.list().insert(node) };
        me.holds_more();
        Ok(Some(attempt))
    }

    pub(super) fn take_pledged(&self, tag: u32, owner: Owner) -> Option<Attempt> {
        loop {
            let seen = self.state();
            if seen.owner() != Owner::Pledged(tag) {
                return None;
            }
            if self.change(seen, seen.owned(owner)) {
                return Some(if seen.died() { Attempt::Abandoned } else { Attempt::Acquired });
            }
        }
    }

    /// Whether some thread of this process owns it, as far as this process knows.
    pub(super) fn is_owned_here(&self) -> bool {
        let owner = self.owner.load(Relaxed);
        owner != 0 && me::is_of_this_process(owner)
    }

    /// Whether the thread ids in the word are of this process's namespace.
    pub(super) fn is_at_home(&self) -> bool {
        self.home_word().load(Relaxed) == slow::known_pid_namespace()
    }

    #[inline]
    pub(super) fn state(&self) -> State {
        State::from_bits(self.word().load(Acquire))
    }

    #[inline]
    pub(super) fn change(&self, from: State, to: State) -> bool {
        self.word().compare_exchange(from.bits(), to.bits(), AcqRel, Relaxed).is_ok()
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        self.mapping.atomic_u64(self.word_at)
    }

    /// The half of the word that the kernel knows: only its address is used.
    #[inline]
    pub(super) fn futex(&self) -> &AtomicU32 {
        self.mapping.atomic_u32(self.word_at)
    }

    /// The other half: only its address is used.
    pub(super) fn generation(&self) -> &AtomicU32 {
        self.mapping.atomic_u32(self.word_at + size_of::<u32>())
    }

    #[inline]
    fn home_word(&self) -> &AtomicU64 {
        self.mapping.atomic_u64(self.word_at - size_of::<u64>())
    }
}

pub(super) fn spoiled() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "another process has overwritten the owner of the lock")
}

fn is_thread_alive(tid: u32) -> bool {
    // SAFETY: signal 0 only asks.
    let outcome = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, 0) };
    outcome == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}
