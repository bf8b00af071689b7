//! Whose turn it is: one operation at a time in each direction, in this process. Waiting for one's turn can be cancelled and has a deadline.
//!
//! As a rule one thread has every turn of a direction, and a lock that nobody else wants costs two locked instructions each time. So the first thread that comes
//! is the *owner*: it takes and gives back with plain stores, until another one comes. That one ends the ownership for good: it says so, makes every thread pass a fence
//! (a heavy one, see [`System::heavy_fence`]), and waits until the owner is out. From then on all come through the lock.

use crate::error::Fault;
use crate::system::{Heard, System, Word};
use crate::wait::Wait;

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Taken, and somebody may sleep until it is free.
const WANTED: u32 = 2;

/// In [`Turn::owner`]: nobody has come yet.
const NOBODY: u32 = 0;
/// In [`Turn::owner`]: there is none any more.
const EVERYBODY: u32 = u32::MAX;

pub(crate) struct Turn<S: System> {
    lock: S::Word,
    /// The number of the thread that needs no lock.
    owner: S::Word,
    /// 1: the owner has its turn. Only the owner changes it.
    busy: S::Word,
}

/// How a turn was taken, to be told when it is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    AsOwner,
    ByLock,
}

impl<S: System> Turn<S> {
    pub(crate) fn new() -> Self {
        Self { lock: Word::new(FREE), owner: Word::new(NOBODY), busy: Word::new(0) }
    }

    /// Takes it if this thread is the owner and has it not yet.
    #[inline(always)]
    pub(crate) fn take_as_owner(&self, system: &S) -> bool {
        let me = system.thread_number();
        // Nobody's number: a thread that has none. Busy: a signal handler came between.
        if me == NOBODY || system.peek(&self.owner) != me || system.peek(&self.busy) != 0 {
            return false;
        }
        system.put(&self.busy, 1);
        system.light_fence();
        if system.peek(&self.owner) == me {
            return true;
        }
        self.leave_as_owner(system);
        false
    }

    /// Takes it as everybody else does. The thread that comes first becomes the owner. Another thread may give it back.
    pub(crate) fn take_by_lock(&self, system: &S, wait: &Wait<'_>) -> Result<(), Fault> {
        if !self.lock.exchange(FREE, TAKEN) {
            self.queue(system, wait)?;
        }
        let me = system.thread_number();
        match system.peek(&self.owner) {
            NOBODY if me != NOBODY => drop(self.owner.swap(me)),
            EVERYBODY => {}
            _ => {
                self.owner.swap(EVERYBODY);
                system.heavy_fence();
            }
        }
        let outcome = self.wait_for_owner(system, wait);
        if outcome.is_err() {
            self.give_back(system, Taken::ByLock);
        }
        outcome
    }

    #[inline(always)]
    pub(crate) fn give_back(&self, system: &S, taken: Taken) {
        match taken {
            Taken::AsOwner => self.leave_as_owner(system),
            Taken::ByLock => {
                if self.lock.swap(FREE) == WANTED {
                    system.wake(&self.lock);
                }
            }
        }
    }

    #[inline(always)]
    fn leave_as_owner(&self, system: &S) {
        system.put(&self.busy, 0);
        system.light_fence();
        if system.peek(&self.owner) == EVERYBODY {
            self.wake_successor(system);
        }
    }

    #[cold]
    fn wake_successor(&self, system: &S) {
        // What the successor did before it looked is seen by what we do next.
        system.fence();
        system.wake(&self.busy);
    }

    /// By who has the lock.
    #[inline]
    fn wait_for_owner(&self, system: &S, wait: &Wait<'_>) -> Result<(), Fault> {
        while self.busy.load() != 0 {
            sleep(system, &self.busy, 1, wait)?;
        }
        Ok(())
    }

    #[cold]
    fn queue(&self, system: &S, wait: &Wait<'_>) -> Result<(), Fault> {
        if matches!(wait, Wait::Never) {
            return Err(Fault::WouldBlock);
        }
        while self.lock.swap(WANTED) != FREE {
            sleep(system, &self.lock, WANTED, wait)?;
        }
        Ok(())
    }
}

#[cold]
fn sleep<S: System>(system: &S, word: &S::Word, value: u32, wait: &Wait<'_>) -> Result<(), Fault> {
    if matches!(wait, Wait::Never) {
        return Err(Fault::WouldBlock);
    }
    match system.sleep(word, value, wait).map_err(Fault::System)? {
        Heard::TimedOut => Err(Fault::TimedOut),
        Heard::Cancelled => Err(Fault::Cancelled),
        Heard::Ring | Heard::End => Ok(()),
    }
}
