//! A lock that many may read under and hardly anybody writes under, whose most faithful reader pays next to nothing.
//!
//! The first thread that reads often between two writes becomes the *owner*, for good: where the lock is *open*, it comes and goes with plain stores. A writer closes
//! that way, with a fence that the kernel passes on the owner's behalf (see [`crate::fence`]), and finds out whether the owner is inside; some reads later it is
//! open again. There is never a second owner, who might be taken for the first one, late on its way out.

#![allow(unsafe_code, reason = "lends out a value by rules of its own")]

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use crate::fence;
use crate::process::thread_number;

/// In [`OwnedLock::owner`]: there is none yet.
const NOBODY: u32 = 0;
/// So many reads under the lock, since the last write, make an owner, and open its way.
const FAITHFUL: u32 = 8;

/// See the module. A panic under the lock does not poison it.
#[derive(Debug)]
pub struct OwnedLock<T> {
    lock: RwLock<()>,
    /// A thread's number; changed once.
    owner: AtomicU32,
    /// 1: the owner needs no lock. Changed under the lock only, to 1 by the owner, to 0 by writers.
    open: AtomicU32,
    /// 1: the owner reads. Changed by the owner only.
    busy: AtomicU32,
    /// Reads under the lock since the last write, roughly.
    reads: AtomicU32,
    /// INVARIANT: lent out shared to who has the lock for reading, and to the owner who has become busy and has then seen that its way is open; lent out alone to
    /// who has the lock for writing, has closed that way, and has then seen that the owner is not busy.
    value: UnsafeCell<T>,
}

// SAFETY: as for a `RwLock`, whose rules the invariant above are.
unsafe impl<T: Send + Sync> Sync for OwnedLock<T> {}

/// A shared loan.
#[derive(Debug)]
pub struct ReadGuard<'a, T> {
    of: &'a OwnedLock<T>,
    /// `None`: the owner's.
    _lock: Option<RwLockReadGuard<'a, ()>>,
    /// The owner is a thread: the loan stays in it.
    _here: PhantomData<*const ()>,
}

/// A loan for changing.
#[derive(Debug)]
pub struct WriteGuard<'a, T> {
    of: &'a OwnedLock<T>,
    _lock: RwLockWriteGuard<'a, ()>,
}

impl<T> OwnedLock<T> {
    /// With nobody inside.
    pub const fn new(value: T) -> Self {
        Self {
            lock: RwLock::new(()),
            owner: AtomicU32::new(NOBODY),
            open: AtomicU32::new(0),
            busy: AtomicU32::new(0),
            reads: AtomicU32::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits while somebody writes.
    #[inline]
    pub fn read(&self) -> ReadGuard<'_, T> {
        if self.enter_as_owner() {
            return ReadGuard { of: self, _lock: None, _here: PhantomData };
        }
        self.read_under_lock()
    }

    /// `None` while somebody writes.
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        let lock = match self.lock.try_read() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(ReadGuard { of: self, _lock: Some(lock), _here: PhantomData })
    }

    /// `None` while somebody reads or writes: try again when they may have gone. Never waits.
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        let lock = match self.lock.try_write() {
            Ok(lock) => lock,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if self.open.swap(0, Ordering::SeqCst) != 0 {
            // The owner has either said by now that it is busy, or will see that its way is closed.
            fence::heavy();
        }
        // Should the owner be inside, its way stays closed: once it is out, it does not come back before the next attempt.
        let alone = self.busy.load(Ordering::Acquire) == 0;
        alone.then_some(WriteGuard { of: self, _lock: lock })
    }

    /// Without any lock.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn enter_as_owner(&self) -> bool {
        let me = thread_number();
        // Busy: further in, this thread reads already.
        if self.open.load(Ordering::Acquire) == 0
            || me == NOBODY
            || self.owner.load(Ordering::Relaxed) != me
            || self.busy.load(Ordering::Relaxed) != 0
        {
            return false;
        }
        self.busy.store(1, Ordering::Release);
        fence::light();
        if self.open.load(Ordering::Acquire) != 0 {
            return true;
        }
        self.busy.store(0, Ordering::Release);
        false
    }

    #[cold]
    fn read_under_lock(&self) -> ReadGuard<'_, T> {
        let lock = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        // Roughly: two readers may count one read. A thread without a number is nobody.
        let reads = self.reads.load(Ordering::Relaxed).saturating_add(1);
        self.reads.store(reads, Ordering::Relaxed);
        if reads >= FAITHFUL {
            let me = thread_number();
            let owner = self
                .owner
                .compare_exchange(NOBODY, me, Ordering::SeqCst, Ordering::SeqCst)
                .map_or_else(|owner| owner, |_| me);
            if owner == me && me != NOBODY {
                self.open.store(1, Ordering::SeqCst);
            }
        }
        ReadGuard { of: self, _lock: Some(lock), _here: PhantomData }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard has the lock for reading, or is the busy owner's: nobody writes (the invariant of `value`).
        unsafe { &*self.of.value.get() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self._lock.is_none() {
            self.of.busy.store(0, Ordering::Release);
        }
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard has the lock for writing, and the owner is not inside: nobody else has the value.
        unsafe { &*self.of.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.of.value.get() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Still under the lock.
        self.of.reads.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two halves that a writer changes one after the other.
    type Halves = OwnedLock<(u64, u64)>;

    fn read_faithfully(lock: &Halves) {
        for _ in 0..=FAITHFUL {
            assert_eq!(lock.read().0, lock.read().1);
        }
        assert_eq!(
            (lock.owner.load(Ordering::SeqCst), lock.open.load(Ordering::SeqCst)),
            (thread_number(), 1)
        );
    }

    #[test]
    fn an_owner_inside_keeps_writers_out_and_others_in() {
        let lock = Halves::new((1, 1));
        read_faithfully(&lock);
        let inside = lock.read();
        assert_eq!(lock.busy.load(Ordering::SeqCst), 1);
        let nested = lock.read();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                assert!(lock.try_write().is_none());
                assert_eq!(*lock.read(), (1, 1));
            });
        });
        drop((nested, inside));
        *lock.try_write().unwrap() = (2, 2);
        assert_eq!(*lock.read(), (2, 2));
        read_faithfully(&lock);
    }

    #[test]
    fn a_writer_keeps_everybody_out() {
        let lock = Halves::new((1, 1));
        read_faithfully(&lock);
        let mut writer = lock.try_write().unwrap();
        assert!(lock.try_read().is_none() && lock.try_write().is_none());
        writer.0 = 2;
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| *lock.read());
            writer.1 = 2;
            drop(writer);
            assert_eq!(reader.join().unwrap(), (2, 2));
        });
    }

    /// The owner and another thread read while a third one writes.
    #[test]
    fn halves_are_never_seen_apart() {
        let lock = Halves::new((0, 0));
        let stop = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while stop.load(Ordering::Relaxed) == 0 {
                        let halves = lock.read();
                        assert_eq!(halves.0, halves.1);
                        drop(halves);
                        // Who is always inside keeps writers out.
                        std::thread::yield_now();
                    }
                });
            }
            let mut written = 0;
            while written < 300 {
                if let Some(mut halves) = lock.try_write() {
                    halves.0 += 1;
                    std::thread::yield_now();
                    halves.1 += 1;
                    written += 1;
                }
                std::thread::yield_now();
            }
            stop.store(1, Ordering::Relaxed);
        });
        assert_eq!(*lock.read(), (300, 300));
    }
}
