//! The locks of this room. In the crate's own unit tests they are the model checker's.

#[cfg(test)]
pub(super) use shuttle::sync::{Condvar, Mutex, MutexGuard};
use std::sync::PoisonError;
#[cfg(not(test))]
pub(super) use std::sync::{Condvar, Mutex, MutexGuard};

/// What lies behind these locks is consistent at each unlock, so a panic elsewhere does not spoil it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
