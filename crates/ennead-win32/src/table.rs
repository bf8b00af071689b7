//! The table behind `HANDLE`: found without a lock, never a use after close.
//!
//! A handle is a number of 31 bits, a multiple of four: a place in the table and the place's generation. Each place has one word
//! that says whether it is open, in which generation, and how many threads use it at this moment. To look up is to add oneself to
//! the users and then look whether that was allowed. To close is to change *open* to *closing*; the last user out empties the
//! place, so an operation that is under way when its handle is closed ends in good order, as on Windows.
//!
//! A handle that was closed keeps its generation until the place has been used 512 times anew: using it gives
//! ERROR_INVALID_HANDLE until then. Generations begin at random, so that a number from another process mostly finds nothing.

#![allow(
    unsafe_code,
    reason = "the contents of a place are guarded by its word, which the compiler cannot see"
)]

use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::{HANDLE, HANDLE_FLAG_PROTECT_FROM_CLOSE};

use crate::call::Outcome;
use crate::object::Object;

const PLACES_A_PART: usize = 1024;
/// Place and one fit into [`INDEX_BITS`].
const PARTS: usize = 1023;
const INDEX_BITS: u32 = 20;
const GENERATIONS: u64 = 1 << 9;
/// So many free places wait before one is used again, so that a stale handle is detected for long.
const RESTING: usize = 64;

/// What a handle gives: an object, and what may be done with it through this handle.
#[derive(Clone)]
pub(crate) struct Grant {
    pub object: Arc<Object>,
    /// The access mask.
    pub access: u32,
}

/// A place: `users` in the low half of its word, above them the state and the generation.
struct Place {
    word: AtomicU64,
    /// `HANDLE_FLAG_INHERIT`, `HANDLE_FLAG_PROTECT_FROM_CLOSE`.
    flags: AtomicU32,
    /// INVARIANT: written only by who opens a free place (nobody else knows it) and by who turned *closing* without users into
    /// *free*; read only by users who saw *open*.
    grant: UnsafeCell<Option<Grant>>,
}

const USER: u64 = 1;
const USERS: u64 = (1 << 32) - 1;
const OPEN: u64 = 1 << 32;
const CLOSING: u64 = 1 << 33;
const GENERATION_SHIFT: u32 = 34;

// SAFETY: see the invariant of `grant`; what lies in it is Send and Sync.
unsafe impl Sync for Place {}

/// A table of handles.
pub(crate) struct Table {
    parts: [OnceLock<Box<[Place]>>; PARTS],
    free: Mutex<Free>,
}

struct Free {
    resting: VecDeque<u32>,
    /// The first place that was never used.
    fresh: u32,
}

/// The table of this process.
pub(crate) static HANDLES: Table = Table::new();

/// A grant in use: while this lives the object is not let go, whoever closes the handle.
pub(crate) struct Held<'a> {
    place: &'a Place,
    index: u32,
    table: &'a Table,
}

impl Table {
    const fn new() -> Self {
        Self {
            parts: [const { OnceLock::new() }; PARTS],
            free: Mutex::new(Free { resting: VecDeque::new(), fresh: 0 }),
        }
    }

    /// A handle for `grant`.
    ///
    /// # Errors
    /// ERROR_TOO_MANY_OPEN_FILES when a million are open.
    pub fn open(&self, grant: Grant, flags: u32) -> Outcome<HANDLE> {
        let index = self.free_place()?;
        let place = self.place(index).ok_or(Win32Error::INTERNAL_ERROR)?;
        // SAFETY: the place is free and taken off the list: users who come by see that it is not open and look no further.
        unsafe { *place.grant.get() = Some(grant) };
        place.flags.store(flags, Ordering::Relaxed);
        let old = place.word.load(Ordering::Relaxed);
        let generation = ((old >> GENERATION_SHIFT) + 1) % GENERATIONS;
        // The table itself is a user while the handle is open. Stale users may be passing by: add, do not store.
        let change = (generation << GENERATION_SHIFT | OPEN | USER).wrapping_sub(old & !USERS);
        place.word.fetch_add(change, Ordering::Release);
        Ok(number(index, generation))
    }

    /// The object behind a handle.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE.
    pub fn get(&self, handle: HANDLE) -> Outcome<Held<'_>> {
        let (index, generation) = parse(handle).ok_or(Win32Error::INVALID_HANDLE)?;
        let place = self.place(index).ok_or(Win32Error::INVALID_HANDLE)?;
        let word = place.word.fetch_add(USER, Ordering::Acquire);
        let held = Held { place, index, table: self };
        if word & OPEN == 0 || word >> GENERATION_SHIFT != generation {
            return Err(Win32Error::INVALID_HANDLE);
        }
        Ok(held)
    }

    /// Closes a handle.
    ///
    /// # Errors
    /// ERROR_INVALID_HANDLE, also for one that is protected from it.
    pub fn close(&self, handle: HANDLE) -> Outcome<()> {
        let held = self.get(handle)?;
        if held.flags() & HANDLE_FLAG_PROTECT_FROM_CLOSE != 0 {
            return Err(Win32Error::INVALID_HANDLE);
        }
        // Of several who close it at once, one does.
        let mut word = held.place.word.load(Ordering::Relaxed);
        loop {
            if word & OPEN == 0 {
                return Err(Win32Error::INVALID_HANDLE);
            }
            let closed = (word & !OPEN | CLOSING) - USER;
            match held.place.word.compare_exchange_weak(word, closed, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => word = now,
            }
        }
    }

    /// Closes a handle that nobody was told of.
    pub fn take_back(&self, handle: HANDLE) {
        let closed = self.close(handle);
        debug_assert!(closed.is_ok(), "nobody else knows the handle");
    }

    fn free_place(&self) -> Outcome<u32> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.resting.len() >= RESTING
            && let Some(index) = free.resting.pop_front()
        {
            return Ok(index);
        }
        let index = free.fresh;
        if index as usize == PARTS * PLACES_A_PART {
            return free.resting.pop_front().ok_or(Win32Error::TOO_MANY_OPEN_FILES);
        }
        free.fresh += 1;
        self.parts[index as usize / PLACES_A_PART].get_or_init(fresh_part);
        Ok(index)
    }

    fn place(&self, index: u32) -> Option<&Place> {
        self.parts.get(index as usize / PLACES_A_PART)?.get()?.get(index as usize % PLACES_A_PART)
    }
}

fn fresh_part() -> Box<[Place]> {
    let seed = RandomState::new();
    let place = |n: usize| Place {
        word: AtomicU64::new((seed.hash_one(n) % GENERATIONS) << GENERATION_SHIFT),
        flags: AtomicU32::new(0),
        grant: UnsafeCell::new(None),
    };
    (0..PLACES_A_PART).map(place).collect()
}

/// Generation (9 bits), place (20 bits) and two zero bits, which are the program's own to set.
fn number(index: u32, generation: u64) -> HANDLE {
    let value = ((generation << INDEX_BITS) | (u64::from(index) + 1)) << 2;
    std::ptr::without_provenance_mut(value as usize)
}

fn parse(handle: HANDLE) -> Option<(u32, u64)> {
    let value = handle.addr() as u64 >> 2;
    let index = u32::try_from(value & ((1 << INDEX_BITS) - 1)).ok()?.checked_sub(1)?;
    let generation = value >> INDEX_BITS;
    (generation < GENERATIONS).then_some((index, generation))
}

impl Held<'_> {
    /// Whether the handle is inherited, and protected from close.
    pub fn flags(&self) -> u32 {
        self.place.flags.load(Ordering::Relaxed)
    }

    /// Changes the flags of `mask`.
    pub fn set_flags(&self, mask: u32, flags: u32) {
        // Two programs' threads that set flags of one handle at once: each bit is one of theirs.
        let _ = self
            .place
            .flags
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| Some(old & !mask | flags & mask));
    }
}

impl Deref for Held<'_> {
    type Target = Grant;

    fn deref(&self) -> &Grant {
        // SAFETY: we are a user who saw it open, so nobody writes it while we live (INVARIANT of `grant`).
        let grant = unsafe { &*self.place.grant.get() };
        // INVARIANT: an open place has a grant.
        grant.as_ref().expect("an open place has a grant")
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let word = self.place.word.fetch_sub(USER, Ordering::Release) - USER;
        if word & CLOSING == 0 || word & USERS != 0 {
            return;
        }
        // Whoever turns it free empties it; a stale user who comes by now may bring the count to zero once more.
        let free = word & !CLOSING;
        if self.place.word.compare_exchange(word, free, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return;
        }
        // SAFETY: it was closing without users and only we made it free; nobody opens it before it is on the list.
        let grant = unsafe { (*self.place.grant.get()).take() };
        self.table.free.lock().unwrap_or_else(PoisonError::into_inner).resting.push_back(self.index);
        // Last and without the lock: closing a pipe may take its time.
        drop(grant);
    }
}
