//! Whose turn it is: one operation at a time in each direction, in this process. Waiting for one's turn can be cancelled and has a deadline.

use crate::error::Fault;
use crate::system::{Heard, System, Word};
use crate::wait::Wait;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may sleep until it is free.
const WANTED: u32 = 2;

pub(crate) struct Turn<S: System>(S::Word);

impl<S: System> Turn<S> {
    pub(crate) fn new() -> Self {
        Self(Word::new(FREE))
    }

    #[inline]
    pub(crate) fn take(&self, system: &S, wait: &Wait<'_>) -> Result<(), Fault> {
        if self.try_take() { Ok(()) } else { self.queue(system, wait) }
    }

    #[inline]
    pub(crate) fn try_take(&self) -> bool {
        self.0.exchange(FREE, TAKEN)
    }

    #[inline]
    pub(crate) fn give_back(&self, system: &S) {
        if self.0.swap(FREE) == WANTED {
            system.wake(&self.0);
        }
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
