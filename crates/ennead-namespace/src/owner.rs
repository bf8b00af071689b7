//! Who holds something: a process, by 64 random bits.
//!
//! Containers share roots but not process ids, so an id of the kernel's is information for people only.

use std::fmt;
use std::io;
use std::sync::Mutex;

use ennead_sys::process;

/// A process's identity in shared structures: random, never zero, another one after fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnerId(u64);

static CURRENT: Mutex<Option<(u32, OwnerId)>> = Mutex::new(None);

impl OwnerId {
    /// This process's.
    pub fn current() -> io::Result<OwnerId> {
        let pid = process::id();
        let mut current = CURRENT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match *current {
            Some((of, id)) if of == pid => Ok(id),
            _ => {
                let id = OwnerId(random()?);
                *current = Some((pid, id));
                Ok(id)
            }
        }
    }

    /// The one in a shared structure.
    pub fn from_u64(value: u64) -> OwnerId {
        OwnerId(value)
    }

    /// Its bits.
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// 64 random bits, not all zero.
pub(crate) fn random() -> io::Result<u64> {
    loop {
        let value = process::random_u64()?;
        if value != 0 {
            return Ok(value);
        }
    }
}
