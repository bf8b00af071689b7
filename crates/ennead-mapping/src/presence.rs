//! Being there, as long as one lives.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use ennead_sys::robust::{Attempt, RobustWord, Seen};

use crate::error::{During, Operation, Reason, Result, ViewError};
use crate::part::{Place, region};
use crate::ring::Word;
use crate::view::View;

/// What the place begins with: magic `PRS1`, then zeros, and the mutex at its end.
const MAGIC: u32 = u32::from_ne_bytes(*b"PRS1");
const HEAD: usize = 64;

/// A place in shared memory where one thread says that it is there, until it leaves or dies, however that comes about. Others see its end at once, also while they wait for
/// [something of it](crate::Ring::pop_while).
///
/// The place takes [`Presence::size`] bytes: a page.
pub struct Presence {
    mutex: RobustWord,
    _place: Place,
}

/// Said to be there; dropped, or dead: not there any more.
pub struct Present {
    mutex: RobustWord,
    /// It is this thread that is there.
    of: PhantomData<*mut ()>,
}

impl Presence {
    /// How many bytes a place takes.
    #[must_use]
    pub fn size() -> usize {
        region(HEAD)
    }

    /// The place at `offset` of a view for writing, a multiple of the page size; zeros are a place where nobody is.
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER: not within the view, or askew; ERROR_INVALID_DATA: something else is there; ERROR_NOACCESS: the view is for reading; else what the
    /// system says.
    pub fn new(view: &Arc<View>, offset: usize) -> Result<Self> {
        Self::at(view, offset).during(Operation::Part)
    }

    fn at(view: &Arc<View>, offset: usize) -> std::result::Result<Self, Reason> {
        let place = Place::new(view, offset, Self::size())?;
        place.sign(MAGIC, 1)?;
        Ok(Self { mutex: place.mutex(Self::size())?, _place: place })
    }

    /// Says that this thread is there.
    ///
    /// # Errors
    /// ERROR_BUSY: somebody is there.
    pub fn enter(&self) -> Result<Present> {
        let attempt =
            self.mutex.try_lock().map_err(Reason::system("take the mutex")).during(Operation::Part)?;
        match attempt {
            Attempt::Acquired | Attempt::Abandoned if self.mutex.mapping().is_broken() => {
                let _ = self.mutex.unlock();
                Err(ViewError::Broken).during(Operation::Part)
            }
            Attempt::Acquired | Attempt::Abandoned => {
                Ok(Present { mutex: self.mutex.clone(), of: PhantomData })
            }
            other => {
                if other == Attempt::Recursed {
                    let _ = self.mutex.unlock();
                }
                Err(Reason::Taken("somebody is there already")).during(Operation::Part)
            }
        }
    }

    /// Whether somebody is there.
    #[must_use]
    pub fn is_anybody_there(&self) -> bool {
        !matches!(self.mutex.seen(), Seen::Free { .. })
    }

    /// Sleeps until nobody is there (`true`), or `word` is not `value` any more.
    pub(crate) fn has_ended_before(&self, word: Word<'_>, value: u32) -> std::result::Result<bool, Reason> {
        let attempt = self.mutex.lock(None, Some((word, value)));
        match attempt.map_err(Reason::system("wait for the other's end"))? {
            Attempt::Acquired | Attempt::Abandoned | Attempt::Recursed => {
                let _ = self.mutex.unlock();
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        // Spoiled by a co-writer: then nobody can say who is there.
        let _ = self.mutex.unlock();
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence").field("anybody", &self.is_anybody_there()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Present {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Present").finish_non_exhaustive()
    }
}
