//! Handles that go to another process: what travels, and how a chosen child inherits it.
//!
//! Pages: [Object Duplication](https://learn.microsoft.com/windows/win32/sync/object-duplication),
//! [Object Inheritance](https://learn.microsoft.com/windows/win32/sync/object-inheritance).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Command;

use ennead_namespace::Scope;
use ennead_security::AccessMask;
use ennead_sys::inherit;

/// A handle on its way to another process: one descriptor and one word. It keeps the object, and its name, alive by itself
/// until it is dropped or taken up, in whatever process or socket it is.
///
/// Whoever gets it can use the object with the rights that the handle had. Send it only to whom you trust with the object.
#[derive(Debug)]
pub struct SharedObject {
    file: OwnedFd,
    granted: AccessMask,
    scope: Option<Scope>,
}

const LOCAL: u64 = 1 << 32;
const GLOBAL: u64 = 2 << 32;

impl SharedObject {
    pub(crate) fn new(file: OwnedFd, granted: AccessMask, scope: Option<Scope>) -> Self {
        Self { file, granted, scope }
    }

    pub(crate) fn into_parts(self) -> (OwnedFd, AccessMask, Option<Scope>) {
        (self.file, self.granted, self.scope)
    }

    /// The word that travels beside the descriptor.
    #[must_use]
    pub fn word(&self) -> u64 {
        let scope = match self.scope {
            None => 0,
            Some(Scope::Local) => LOCAL,
            Some(Scope::Global) => GLOBAL,
        };
        scope | u64::from(self.granted.0)
    }

    /// From a descriptor and a word that travelled.
    ///
    /// # Errors
    /// `InvalidData` for a word that [`SharedObject::word`] never gives.
    pub fn from_parts(file: OwnedFd, word: u64) -> io::Result<Self> {
        let granted = AccessMask(word as u32);
        let scope = match word & !u64::from(u32::MAX) {
            0 => None,
            LOCAL => Some(Scope::Local),
            GLOBAL => Some(Scope::Global),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        Ok(Self { file, granted, scope })
    }

    /// Lets the child that `command` starts inherit it, and no other; the child takes it with [`SharedObject::inherited`] from the
    /// text that comes back, which the caller passes on (an argument, a variable).
    ///
    /// # Errors
    /// EMFILE where descriptors run out.
    pub fn inherit(self, command: &mut Command) -> io::Result<String> {
        let word = self.word();
        Ok(format!("{}+{word:x}", inherit::give(command, self.file)?))
    }

    /// What the parent let this process inherit, once.
    ///
    /// # Errors
    /// `NotFound` where there is no such descriptor, or it was taken before; `InvalidData` for another text.
    pub fn inherited(told: &str) -> io::Result<Self> {
        let (file, word) = told.split_once('+').ok_or(io::ErrorKind::InvalidData)?;
        let word = u64::from_str_radix(word, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        Self::from_parts(inherit::take(file)?, word)
    }
}

impl AsFd for SharedObject {
    /// The descriptor that travels.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl From<SharedObject> for OwnedFd {
    fn from(shared: SharedObject) -> Self {
        shared.file
    }
}
