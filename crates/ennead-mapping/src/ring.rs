//! A bounded queue of records in shared memory, for any number of producers and consumers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use ennead_sys::memory;
use ennead_sys::plain::{Plain, bytes_of, bytes_of_mut, zeroed};
use ennead_sys::robust::{Attempt, RobustWord};

use crate::counter::Counter;
use crate::error::{During, Operation, Reason, Result, ViewError};
use crate::part::Place;
use crate::presence::Presence;
use crate::view::View;

/// The first page: the header, and the consumers' mutex at its end. The second has the producers' mutex at its end. Then the slots, each a length and its bytes.
///
/// | offset | bytes | field, in the machine's byte order |
/// |---|---|---|
/// | 0 | 4 | magic `RNG1`; 0 in a place that nobody has used |
/// | 4 | 4 | the longest record in bytes |
/// | 8 | 4 | how many slots, a power of two |
/// | 64 | 4 | how many records were taken, times 2, and whether somebody waits for room |
/// | 128 | 4 | how many were put there, times 2, and whether somebody waits for one |
const MAGIC: u32 = u32::from_ne_bytes(*b"RNG1");
const SLOTS: usize = 8;
const HEAD: usize = 64;
const TAIL: usize = 128;
const LINE: usize = 64;
const LENGTH: usize = 8;
/// Counts are of 31 bits.
const MOST_SLOTS: u32 = 1 << 30;

/// A queue of records of at most so many bytes, in a view.
///
/// What is promised: a record arrives whole, once, and those of one producer in their order. A producer that is killed has put its record there or has not, a consumer that is
/// killed has taken it or has not (then another gets it); neither stops the others, and no wake-up is lost with them. A process that is *stopped* in the middle keeps the others of its side waiting.
///
/// ```
/// use ennead_mapping::{MappingOptions, Ring, ViewAccess};
/// # use std::sync::Arc;
///
/// let memory = MappingOptions::memory(Ring::size(16, 100) as u64).create_unnamed()?;
/// let orders = Ring::new(&Arc::new(memory.view(ViewAccess::Write)?), 0, 16, 100)?;
/// orders.push(b"forty bolts", None)?;
/// let mut order = Vec::new();
/// orders.pop(&mut order, None)?;
/// assert_eq!(order, b"forty bolts");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ring {
    place: Place,
    producers: RobustWord,
    consumers: RobustWord,
    longest: usize,
    slots: u32,
}

impl Ring {
    /// How many bytes a ring takes that holds `slots` records (rounded up to a power of two) of at most `longest` bytes: whole pages.
    #[must_use]
    pub fn size(slots: u32, longest: usize) -> usize {
        let slots = slots.clamp(1, MOST_SLOTS).next_power_of_two() as usize;
        let bytes = stride(longest).saturating_mul(slots);
        bytes
            .saturating_add(2 * memory::page())
            .checked_next_multiple_of(memory::page())
            .unwrap_or(usize::MAX)
    }

    /// The ring at `offset` of a view for writing, a multiple of the page size. Every process that uses it says the same numbers; zeros are an empty ring.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER: not within the view, or askew, or no slots; ERROR_INVALID_DATA: something else is there; ERROR_NOACCESS: the view is for reading; else what
    /// the system says.
    pub fn new(view: &Arc<View>, offset: usize, slots: u32, longest: usize) -> Result<Self> {
        Self::at(view, offset, slots, longest).during(Operation::Part)
    }

    fn at(view: &Arc<View>, offset: usize, slots: u32, longest: usize) -> std::result::Result<Self, Reason> {
        let bytes = u32::try_from(longest).map_err(|_| Reason::Parameter("the records are too long"))?;
        if slots == 0 || slots > MOST_SLOTS || longest == 0 {
            return Err(Reason::Parameter("a ring has slots, and they have bytes"));
        }
        let slots = slots.next_power_of_two();
        let place = Place::new(view, offset, Self::size(slots, longest))?;
        place.sign(MAGIC, bytes)?;
        place.sign_word(SLOTS, slots)?;
        let consumers = place.mutex(memory::page())?;
        let producers = place.mutex(2 * memory::page())?;
        Ok(Self { place, producers, consumers, longest, slots })
    }

    /// Puts a record there. Sleeps while there is no room, until `deadline`.
    ///
    /// # Errors
    /// ERROR_SEM_TIMEOUT; ERROR_INVALID_PARAMETER: it is too long; ERROR_INVALID_DATA: a co-writer has spoiled the ring.
    pub fn push(&self, record: &[u8], deadline: Option<Instant>) -> Result<()> {
        let put = || loop {
            match self.put(record, deadline)? {
                None => return Ok(()),
                Some(seen) if self.head()?.wait(seen, deadline)? => {}
                Some(_) => return Err(Reason::TimedOut),
            }
        };
        put().during(Operation::Part)
    }

    /// Puts a record there, or sees that nobody is [present](Presence) any more who would take one.
    ///
    /// # Errors
    /// ERROR_BROKEN_PIPE: there is no room, and nobody is present; else as for [`push`](Self::push).
    pub fn push_while(&self, record: &[u8], presence: &Presence) -> Result<()> {
        let put = || loop {
            let Some(seen) = self.put(record, None)? else { return Ok(()) };
            let head = self.head()?;
            let Some(word) = head.announce_sleep(seen) else { continue };
            if presence.has_ended_before(head.0, word)? {
                return Err(Reason::Gone);
            }
        };
        put().during(Operation::Part)
    }

    /// Puts a record there if there is room; says whether. Waits for no more than another producer's copying.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn try_push(&self, record: &[u8]) -> Result<bool> {
        self.put(record, None).map(|seen| seen.is_none()).during(Operation::Part)
    }

    /// Takes the oldest record, in place of what was in `record`. Sleeps while there is none, until `deadline`.
    ///
    /// # Errors
    /// ERROR_SEM_TIMEOUT; ERROR_INVALID_DATA: a co-writer has spoiled the ring.
    pub fn pop(&self, record: &mut Vec<u8>, deadline: Option<Instant>) -> Result<()> {
        let mut take = || loop {
            match self.take(record, deadline)? {
                None => return Ok(()),
                Some(seen) if self.tail()?.wait(seen, deadline)? => {}
                Some(_) => return Err(Reason::TimedOut),
            }
        };
        take().during(Operation::Part)
    }

    /// Takes the oldest record, or sees that there will be none: that nobody is [present](Presence) any more, and nothing is left.
    ///
    /// # Errors
    /// ERROR_BROKEN_PIPE: nobody is present; else as for [`pop`](Self::pop).
    pub fn pop_while(&self, record: &mut Vec<u8>, presence: &Presence) -> Result<()> {
        let mut take = || loop {
            let Some(seen) = self.take(record, None)? else { return Ok(()) };
            let tail = self.tail()?;
            let Some(word) = tail.announce_sleep(seen) else { continue };
            // What was put there before the end is taken first.
            if presence.has_ended_before(tail.0, word)? {
                return if self.take(record, None)?.is_none() { Ok(()) } else { Err(Reason::Gone) };
            }
        };
        take().during(Operation::Part)
    }

    /// Takes the oldest record if there is one; says whether. Waits for no more than another consumer's copying.
    ///
    /// # Errors
    /// As for [`pop`](Self::pop).
    pub fn try_pop(&self, record: &mut Vec<u8>) -> Result<bool> {
        self.take(record, None).map(|seen| seen.is_none()).during(Operation::Part)
    }

    /// [`push`](Self::push) of a value.
    ///
    /// # Errors
    /// As for [`push`](Self::push).
    pub fn push_value<T: Plain>(&self, value: &T, deadline: Option<Instant>) -> Result<()> {
        self.push(bytes_of(value), deadline)
    }

    /// [`pop`](Self::pop) of a value.
    ///
    /// # Errors
    /// As for [`pop`](Self::pop); ERROR_INVALID_DATA too for a record of another length, which is gone then.
    pub fn pop_value<T: Plain>(&self, deadline: Option<Instant>) -> Result<T> {
        let mut record = Vec::new();
        self.pop(&mut record, deadline)?;
        let mut value = zeroed::<T>();
        if record.len() != size_of::<T>() {
            return Err(Reason::Damaged("the record is no such value")).during(Operation::Part);
        }
        bytes_of_mut(&mut value).copy_from_slice(&record);
        Ok(value)
    }

    /// How many records are there, at some instant during the call.
    ///
    /// # Errors
    /// [`ViewError::Broken`], [`ViewError::NotCommitted`].
    pub fn len(&self) -> std::result::Result<usize, ViewError> {
        let taken = self.head()?.count();
        Ok(between(taken, self.tail()?.count()).min(self.slots) as usize)
    }

    /// Whether there is none.
    ///
    /// # Errors
    /// As for [`len`](Self::len).
    pub fn is_empty(&self) -> std::result::Result<bool, ViewError> {
        Ok(self.len()? == 0)
    }

    /// The longest record in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// How many records have room.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots as usize
    }

    /// `None` if it was put there, else the count of taken ones at which there was no room.
    fn put(&self, record: &[u8], deadline: Option<Instant>) -> std::result::Result<Option<u32>, Reason> {
        if record.len() > self.longest {
            return Err(Reason::Parameter("the record is longer than the ring's slots"));
        }
        let _held = Side::enter(&self.producers, deadline)?;
        let (head, tail) = (self.head()?.count(), self.tail()?);
        let used = between(head, tail.count());
        if used > self.slots {
            return Err(Reason::Damaged("the ring was spoiled"));
        }
        if used == self.slots {
            return Ok(Some(head));
        }
        let slot = self.slot(tail.count());
        let len = record.len() as u32;
        self.place.view.write(slot, &len.to_ne_bytes())?;
        self.place.view.write(slot + LENGTH, record)?;
        // Before this step the record is not there, after it it is.
        tail.advance()?;
        Ok(None)
    }

    /// `None` if one was taken, else the count of put ones at which there was none.
    fn take(
        &self,
        record: &mut Vec<u8>,
        deadline: Option<Instant>,
    ) -> std::result::Result<Option<u32>, Reason> {
        let _held = Side::enter(&self.consumers, deadline)?;
        let (head, tail) = (self.head()?, self.tail()?.count());
        match between(head.count(), tail) {
            0 => return Ok(Some(tail)),
            used if used > self.slots => return Err(Reason::Damaged("the ring was spoiled")),
            _ => {}
        }
        let slot = self.slot(head.count());
        let len = self.place.view.get::<u32>(slot)? as usize;
        if len > self.longest {
            return Err(Reason::Damaged("a record was spoiled"));
        }
        record.resize(len, 0);
        self.place.view.read(slot + LENGTH, record)?;
        head.advance()?;
        Ok(None)
    }

    fn head(&self) -> std::result::Result<Counter<'_>, ViewError> {
        self.place.word(HEAD).map(Counter)
    }

    fn tail(&self) -> std::result::Result<Counter<'_>, ViewError> {
        self.place.word(TAIL).map(Counter)
    }

    fn slot(&self, count: u32) -> usize {
        let first = self.place.offset + 2 * memory::page();
        first + (count % self.slots) as usize * stride(self.longest)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, slots, longest, .. } = self;
        f.debug_struct("Ring")
            .field("place", place)
            .field("slots", slots)
            .field("longest", longest)
            .finish_non_exhaustive()
    }
}

/// One side's mutex, held. An owner that died has left nothing half-done that could be seen.
struct Side<'r>(&'r RobustWord);

impl<'r> Side<'r> {
    fn enter(mutex: &'r RobustWord, deadline: Option<Instant>) -> std::result::Result<Self, Reason> {
        match mutex.lock(deadline, None).map_err(Reason::system("take the ring's mutex"))? {
            Attempt::Acquired | Attempt::Abandoned => {
                let held = Self(mutex);
                if mutex.mapping().is_broken() { Err(ViewError::Broken.into()) } else { Ok(held) }
            }
            Attempt::Recursed => {
                let _ = mutex.unlock();
                Err(Reason::Recursion)
            }
            Attempt::TimedOut | Attempt::Busy | Attempt::Alerted => Err(Reason::TimedOut),
            Attempt::Pledged(_) | Attempt::Overflow => Err(Reason::Damaged("the ring was spoiled")),
        }
    }
}

impl Drop for Side<'_> {
    fn drop(&mut self) {
        // Spoiled by a co-writer: then it is not ours to let go.
        let _ = self.0.unlock();
    }
}

fn stride(longest: usize) -> usize {
    longest.saturating_add(LENGTH).checked_next_multiple_of(LINE).unwrap_or(usize::MAX)
}

/// From one count to a later one, modulo 2³¹.
fn between(earlier: u32, later: u32) -> u32 {
    later.wrapping_sub(earlier) & (u32::MAX >> 1)
}

/// The word that counts, for others to be waited for together with.
pub(crate) type Word<'a> = &'a AtomicU32;
