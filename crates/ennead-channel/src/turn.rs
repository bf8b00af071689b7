//! Whose turn it is: one operation at a time in each direction, in this process. Waiting for one's turn can be cancelled and has a deadline.

use crate::error::Fault;
use crate::system::{Heard, System, Word};
use crate::wait::Wait;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may sleep until it is free.
const WANTED: u32 = 2;

pub(crate) struct Turn<S: System>(S::Word);

/// The turn, until dropped.
pub(crate) struct Held<'a, S: System> {
    turn: &'a Turn<S>,
    system: &'a S,
}

impl<S: System> Turn<S> {
    pub(crate) fn new() -> Self {
        Self(Word::new(FREE))
    }

    #[inline]
    pub(crate) fn take<'a>(&'a self, system: &'a S, wait: &Wait<'_>) -> Result<Held<'a, S>, Fault> {
        if !self.0.exchange(FREE, TAKEN) {
            self.queue(system, wait)?;
        }
        Ok(Held { turn: self, system })
    }

    /// Gives back a turn that was taken and forgotten, on purpose, with [`std::mem::forget`].
    pub(crate) fn give_back(&self, system: &S) {
        drop(Held { turn: self, system });
    }

    #[cold]
    fn queue(&self, system: &S, wait: &Wait<'_>) -> Result<(), Fault> {
        if matches!(wait, Wait::Never) {
            return Err(Fault::WouldBlock);
        }
        while self.0.swap(WANTED) != FREE {
            match system.sleep(&self.0, WANTED, wait).map_err(Fault::System)? {
                Heard::TimedOut => return Err(Fault::TimedOut),
                Heard::Cancelled => return Err(Fault::Cancelled),
                Heard::Ring | Heard::End => {}
            }
        }
        Ok(())
    }
}

impl<S: System> Drop for Held<'_, S> {
    #[inline]
    fn drop(&mut self) {
        if self.turn.0.swap(FREE) == WANTED {
            self.system.wake(&self.turn.0);
        }
    }
}
