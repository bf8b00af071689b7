//! A value in shared memory with the mutex that guards it.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Instant;

use ennead_sys::plain::{Plain, bytes_of};
use ennead_sys::robust::{Attempt, RobustWord};

use crate::counter::Counter;
use crate::error::{During, Operation, Reason, Result, ViewError};
use crate::part::{Place, region};
use crate::view::View;

/// What the place begins with; the two copies follow, each on a multiple of 64 bytes, and the mutex is at the end of the last page.
///
/// | offset | bytes | field, in the machine's byte order |
/// |---|---|---|
/// | 0 | 4 | magic `GRD1`; 0 in a place that nobody has used |
/// | 4 | 4 | the value's size in bytes |
/// | 8 | 4 | how often it was changed, times 2, and whether somebody waits for the next change; the newest copy is `count % 2` |
/// | 12 | 4 | not 0: a holder of the mutex died, and nobody has said since that this was seen to |
const HEAD: usize = 64;
const MAGIC: u32 = u32::from_ne_bytes(*b"GRD1");
const COUNT: usize = 8;
const POISON: usize = 12;

/// A value that several processes change, one at a time.
///
/// [`lock`](Self::lock) waits for the mutex and gives a private copy, which is yours to change; dropping the guard makes what changed the new value, and lets go. A holder that is killed at
/// any instant, or panics, leaves the value as it was before: changes arrive whole or not at all. Still, it may have been in the middle of something larger than this value: so the
/// next one finds it *poisoned*, and must say that it knows.
///
/// The place takes [`Guarded::size`] bytes, whole pages; zeros are a value that is all zeros. A holder that is *stopped* keeps the others waiting.
///
/// ```
/// use ennead_mapping::{Guarded, MappingOptions, ViewAccess};
/// # use std::sync::Arc;
///
/// let stock = MappingOptions::memory(Guarded::<[i64; 2]>::size() as u64).create_unnamed()?;
/// let view = Arc::new(stock.view(ViewAccess::Write)?);
/// let bolts = Guarded::<[i64; 2]>::new(&view, 0)?;
/// {
///     let mut guard = bolts.lock(None)?;
///     guard[0] += 40;
///     guard[1] -= 40;
/// }
/// assert_eq!(*bolts.lock(None)?, [40, -40]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Guarded<T> {
    place: Place,
    mutex: RobustWord,
    of: PhantomData<fn() -> T>,
}

impl<T: Plain> Guarded<T> {
    /// How many bytes a place takes.
    #[must_use]
    pub fn size() -> usize {
        region(HEAD + 2 * size_of::<T>().next_multiple_of(64))
    }

    /// The guarded value at `offset` of a view for writing, a multiple of the page size. Every process that uses it says the same offset and type.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER: not within the view, or askew; ERROR_INVALID_DATA: something else is there; ERROR_NOACCESS: the view is for reading; else what the
    /// system says.
    pub fn new(view: &Arc<View>, offset: usize) -> Result<Self> {
        Self::at(view, offset).during(Operation::Part)
    }

    fn at(view: &Arc<View>, offset: usize) -> std::result::Result<Self, Reason> {
        let size = u32::try_from(size_of::<T>()).map_err(|_| Reason::Parameter("the value is too large"))?;
        let place = Place::new(view, offset, Self::size())?;
        place.sign(MAGIC, size)?;
        let mutex = place.mutex(Self::size())?;
        Ok(Self { place, mutex, of: PhantomData })
    }

    /// Waits for the mutex until `deadline`, `None` for ever. The guard belongs to this thread, which must not have the mutex already.
    ///
    /// # Errors
    /// - ERROR_ABANDONED_WAIT_0 ([`Reason::Poisoned`]): a holder died, and nobody has [recovered](Self::recover) since; the mutex is not held;
    /// - ERROR_SEM_TIMEOUT; ERROR_POSSIBLE_DEADLOCK: this thread has it; what the system says.
    pub fn lock(&self, deadline: Option<Instant>) -> Result<Guard<'_, T>> {
        self.enter(self.mutex.lock(deadline, None), Care::Refuse).during(Operation::Part)
    }

    /// Takes the mutex if it is free; `None` if it is not.
    ///
    /// # Errors
    /// As for [`lock`](Self::lock).
    pub fn try_lock(&self) -> Result<Option<Guard<'_, T>>> {
        match self.mutex.try_lock() {
            Ok(Attempt::Busy) => Ok(None),
            attempt => self.enter(attempt, Care::Refuse).map(Some).during(Operation::Part),
        }
    }

    /// Takes the mutex although a holder died, and says that this was seen to: the next ones hear nothing of it. The value is whole, as the last one left it who
    /// finished; whether that is enough is for the caller to know.
    ///
    /// # Errors
    /// As for [`lock`](Self::lock), but for the first.
    pub fn recover(&self, deadline: Option<Instant>) -> Result<Guard<'_, T>> {
        self.enter(self.mutex.lock(deadline, None), Care::Take).during(Operation::Part)
    }

    /// The newest value, without the mutex: whole, and as it was at some instant during the call. Never blocks.
    ///
    /// # Errors
    /// [`ViewError::Broken`], [`ViewError::NotCommitted`].
    pub fn snapshot(&self) -> std::result::Result<T, ViewError> {
        loop {
            let count = self.count()?;
            let value = self.place.view.get(self.copy(count))?;
            std::sync::atomic::fence(Acquire);
            if self.count()? == count {
                return Ok(value);
            }
        }
    }

    /// How often the value was changed, modulo 2³¹.
    ///
    /// # Errors
    /// As for [`snapshot`](Self::snapshot).
    pub fn version(&self) -> std::result::Result<u32, ViewError> {
        self.count()
    }

    /// Sleeps until the value was changed since it had this [`version`](Self::version); `false` if the deadline came first.
    ///
    /// # Errors
    /// What the system says.
    pub fn wait_for_change(&self, version: u32, deadline: Option<Instant>) -> Result<bool> {
        self.counter()
            .map_err(Reason::from)
            .and_then(|counter| counter.wait(version, deadline))
            .during(Operation::Part)
    }

    /// Whether a holder died and nobody has [recovered](Self::recover) since.
    ///
    /// # Errors
    /// As for [`snapshot`](Self::snapshot).
    pub fn is_poisoned(&self) -> std::result::Result<bool, ViewError> {
        Ok(self.place.word(POISON)?.load(Relaxed) != 0)
    }

    fn enter(
        &self,
        attempt: std::io::Result<Attempt>,
        care: Care,
    ) -> std::result::Result<Guard<'_, T>, Reason> {
        let abandoned = match attempt.map_err(Reason::system("take the mutex"))? {
            Attempt::Acquired => false,
            Attempt::Abandoned => true,
            Attempt::TimedOut | Attempt::Busy | Attempt::Alerted => return Err(Reason::TimedOut),
            Attempt::Recursed => {
                // Undone; two copies of one thread's would overwrite each other.
                let _ = self.mutex.unlock();
                return Err(Reason::Recursion);
            }
            Attempt::Pledged(_) | Attempt::Overflow => return Err(Reason::Damaged("the mutex was spoiled")),
        };
        let held = Held { guarded: self, of: PhantomData };
        if self.mutex.mapping().is_broken() {
            return Err(ViewError::Broken.into());
        }
        let poison = self.place.word(POISON)?;
        match care {
            Care::Take => poison.store(0, Relaxed),
            Care::Refuse if abandoned => poison.store(1, Relaxed),
            Care::Refuse => {}
        }
        if poison.load(Relaxed) != 0 {
            return Err(Reason::Poisoned);
        }
        let value = self.place.view.get(self.copy(self.count()?))?;
        Ok(Guard { held, value, changed: false })
    }

    fn commit(&self, value: &T) -> std::result::Result<(), Reason> {
        let counter = self.counter()?;
        // Readers without the mutex look at the count after they copied; the copy that is written now was the older one until the last count.
        std::sync::atomic::fence(Release);
        self.place.view.write(self.copy(counter.count().wrapping_add(1)), bytes_of(value))?;
        counter.advance()?;
        if self.place.view.is_broken() { Err(ViewError::Broken.into()) } else { Ok(()) }
    }

    fn counter(&self) -> std::result::Result<Counter<'_>, ViewError> {
        self.place.word(COUNT).map(Counter)
    }

    fn count(&self) -> std::result::Result<u32, ViewError> {
        let word = self.place.view.load::<AtomicU32>(self.place.offset + COUNT)?;
        Ok(word >> 1)
    }

    /// Where the copy with that count lies.
    fn copy(&self, count: u32) -> usize {
        self.place.offset + HEAD + (count % 2) as usize * size_of::<T>().next_multiple_of(64)
    }
}

/// What to do about a holder's death.
#[derive(Clone, Copy)]
enum Care {
    /// Say so, and hold nothing.
    Refuse,
    /// Go on.
    Take,
}

/// The mutex, held by the thread that this value was made on.
struct Held<'g, T: Plain> {
    guarded: &'g Guarded<T>,
    /// It cannot go to another thread.
    of: PhantomData<*mut ()>,
}

impl<T: Plain> Drop for Held<'_, T> {
    fn drop(&mut self) {
        // Spoiled by a co-writer: then it is not ours to let go.
        let _ = self.guarded.mutex.unlock();
    }
}

/// The mutex is held, and this is a copy of the value. Dropping it makes a changed copy the value, and lets go of the mutex; where a panic drops it, or
/// [`discard`](Self::discard), the value stays as it was.
pub struct Guard<'g, T: Plain> {
    value: T,
    changed: bool,
    held: Held<'g, T>,
}

impl<'g, T: Plain> Guard<'g, T> {
    /// Makes the copy the value now, and goes on holding the mutex.
    ///
    /// # Errors
    /// ERROR_SWAPERROR where the memory was lost; what the system says.
    pub fn commit(&mut self) -> Result<()> {
        self.held.guarded.commit(&self.value).during(Operation::Part)?;
        self.changed = false;
        Ok(())
    }

    /// Lets go of the mutex; the value stays as it was.
    pub fn discard(mut self) {
        self.changed = false;
    }

    /// Makes the copy the value and lets go, as dropping does, and says whether it could.
    ///
    /// # Errors
    /// As for [`commit`](Self::commit).
    pub fn finish(mut self) -> Result<()> {
        if self.changed { self.commit() } else { Ok(()) }
    }
}

impl<T: Plain> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: Plain> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changed = true;
        &mut self.value
    }
}

impl<T: Plain> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        if self.changed && !std::thread::panicking() {
            // Who wants to know calls `finish`.
            let _ = self.held.guarded.commit(&self.value);
        }
    }
}

impl<T> fmt::Debug for Guarded<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("place", &self.place).finish_non_exhaustive()
    }
}

impl<T: Plain + fmt::Debug> fmt::Debug for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
