//! The protocol of one folder: how a name comes to be held, and comes free.
//!
//! - **Create**: a complete file without a name, read-locked, is linked to its name: there is no instant at which a
//!   half-made or unlocked entry has a name.
//! - **Open**: is it locked by readers? Then say that it is being opened, ask again, take a read lock, and check that the name still
//!   stands for the same file.
//! - **Close**: release, *then* try the write lock; with it, check the name again and unlink. Turning the read lock into a
//!   write lock instead would leak the file when two last closers meet: each is refused because of the other, then both go.
//! - **Remove a dead entry**: the write lock, the check, unlink. Only a holder of the write lock unlinks, so between check and unlink
//!   nobody can have put another file in the name's place.
//!
//! A kill at any instant drops the locks and nothing else. `tests/protocol_model.rs` explores every interleaving.

mod draft;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::sync::Arc;

use ennead_sys::file::{self, Access, FileKind, Status};
use ennead_sys::folder::{self, Folder};
use ennead_sys::lock::{self, Holder, LockMode};
use ennead_sys::process;

pub(crate) use self::draft::{Draft, TEMPORARY};
use crate::error::{EntryError, Intruder};
use crate::header::MAGIC;
use crate::patience::Patience;
use crate::step;

/// The byte whose lock is the entry's life.
pub(crate) const LIFE: u64 = 0;

/// The byte that is read-locked while somebody opens the entry, from before they ask for its life until they share it.
///
/// The last holder may die between that question and the lock; then the lock brings a dead entry back. In its own folder
/// that harms nobody (the name was never given away). A creator in another user's folder must not take the entry for dead meanwhile: dead
/// for good is only what nobody holds on either byte, asked in one question.
const OPENING: u64 = 1;

/// The folder of one kind of one owner.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) folder: Folder,
    pub(crate) owner: u32,
}

/// What opening a name came to, where nothing went wrong.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is held, now by the caller too.
    Alive(Held),
    /// There is nothing, or something that nobody holds.
    Free,
    /// Nobody holds it, but somebody is just opening or removing it: an opener may take it for free, a creator may not yet.
    Unsettled,
    /// It is held, but the caller may not open it.
    Denied,
}

/// What became of a name that might be dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It was dead, and is gone.
    Removed,
    /// It was gone already.
    Gone,
    /// Somebody holds it.
    Alive,
    /// Somebody else is removing it.
    Busy,
    /// The caller may not remove from this folder.
    NotOurs,
}

/// A read lock on an entry's life. Drop runs the close protocol.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) file: File,
    pub(crate) access: Access,
    pub(crate) shelf: Arc<Shelf>,
    file_name: OsString,
    /// The process that took the lock: a forked copy must not release it.
    process: u32,
}

impl Shelf {
    /// Whether the caller may remove files here.
    pub(crate) fn is_ours(&self) -> bool {
        let uid = process::effective_uid();
        uid == self.owner || uid == 0
    }

    /// Makes a published draft a hold on the name.
    pub(crate) fn hold(self: &Arc<Self>, draft: Draft, name: &OsStr) -> Held {
        Held {
            file: draft.file,
            access: Access::ReadWrite,
            shelf: Arc::clone(self),
            file_name: name.to_owned(),
            process: process::id(),
        }
    }

    /// Makes a locked description, which another process passed, a hold on the name.
    pub(crate) fn adopt(self: &Arc<Self>, file: File, access: Access, file_name: OsString) -> Held {
        Held { file, access, shelf: Arc::clone(self), file_name, process: process::id() }
    }

    /// Opens `name` if somebody holds it.
    pub(crate) fn open(
        self: &Arc<Self>,
        name: &OsStr,
        accesses: &[Access],
        patience: &mut Patience,
    ) -> Result<Found, EntryError> {
        loop {
            let Some((file, access)) = self.open_first(name, accesses)? else { return Ok(Found::Free) };
            let Some(file) = file else {
                return Ok(if self.is_held_unopened(name)? { Found::Denied } else { Found::Free });
            };
            let status = self.check(&file)?;
            step::between();
            let ask = |from, len| {
                lock::query(&file, from, len).map_err(EntryError::system("ask who holds the entry"))
            };
            if ask(LIFE, OPENING + 1)? == Holder::Nobody {
                return Ok(Found::Free);
            }
            if ask(LIFE, 1)? != Holder::Readers {
                return Ok(Found::Unsettled);
            }
            let share = |byte| {
                step::between();
                lock::try_lock(&file, LockMode::Read, byte, 1)
                    .map_err(EntryError::system("take a lock on the entry"))
            };
            // Asked again under the opening lock: from here until it falls, no creator takes the entry for dead.
            let alive = share(OPENING)? && ask(LIFE, 1)? == Holder::Readers;
            let locked = alive && share(LIFE)?;
            step::between();
            if locked && self.is_named(name, &status)? {
                lock::unlock(&file, OPENING, 1).map_err(EntryError::system("release a lock on the entry"))?;
                let process = process::id();
                let shelf = Arc::clone(self);
                return Ok(Found::Alive(Held { file, access, shelf, file_name: name.to_owned(), process }));
            }
            // It died meanwhile. A lock on a file without a name binds nobody; it falls with `file`.
            drop(file);
            self.wait(patience)?;
        }
    }

    /// Removes `name` if nobody holds it. `own` is a description open for writing whose locks were released, if there is one.
    pub(crate) fn remove_if_dead(&self, name: &OsStr, own: Option<&File>) -> Result<Removal, EntryError> {
        if !self.is_ours() {
            return Ok(Removal::NotOurs);
        }
        let opened;
        let file = match own {
            Some(file) => file,
            None => match self.open_to_remove(name)? {
                Ok(file) => {
                    opened = file;
                    &opened
                }
                Err(removal) => return Ok(removal),
            },
        };
        let status = self.check(file)?;
        step::between();
        match lock::query(file, LIFE, 1).map_err(EntryError::system("ask who holds the entry"))? {
            Holder::Readers => return Ok(Removal::Alive),
            Holder::Writer => return Ok(Removal::Busy),
            Holder::Nobody => {}
        }
        step::between();
        let locked = lock::try_lock(file, LockMode::Write, LIFE, 1)
            .map_err(EntryError::system("take a lock on the entry"))?;
        if !locked {
            return Ok(Removal::Busy);
        }
        step::between();
        let outcome = match self.is_named(name, &status) {
            Ok(true) => {
                step::between();
                match self.folder.remove(name) {
                    Ok(()) => Ok(Removal::Removed),
                    Err(e) => Err(EntryError::system("remove a dead entry")(e)),
                }
            }
            Ok(false) => Ok(Removal::Gone),
            Err(e) => Err(e),
        };
        // Explicitly, for a mapping may keep this description alive.
        let _ = lock::unlock(file, LIFE, 1);
        outcome
    }

    /// [`Shelf::remove_if_dead`] for something that was found, not looked for by its name: only if it has an entry's mark.
    /// Entries get their names when they are complete, so a dead one has it, whatever became of the rest.
    pub(crate) fn remove_if_dead_entry(&self, name: &OsStr) -> Result<Removal, EntryError> {
        let file = match self.open_to_remove(name)? {
            Ok(file) => file,
            Err(removal) => return Ok(removal),
        };
        let mut mark = [0; MAGIC.len()];
        let read = file::read_at(&file, &mut mark, 0).map_err(EntryError::system("read the entry"))?;
        let nobody = lock::query(&file, LIFE, 1).map_err(EntryError::system("ask who holds the entry"))?;
        if matches!(nobody, Holder::Nobody) && (read != mark.len() || mark != MAGIC) {
            return Err(EntryError::Intruder { what: Intruder::Stranger });
        }
        self.remove_if_dead(name, Some(&file))
    }

    /// Whether somebody holds `name`, without taking part; `None` if there is nothing that could be held.
    pub(crate) fn is_held(&self, name: &OsStr) -> Result<Option<bool>, EntryError> {
        match self.open_first(name, &[Access::Read])? {
            None => Ok(None),
            Some((None, _)) => self.is_held_unopened(name).map(Some),
            Some((Some(file), _)) => {
                self.check(&file)?;
                let holder =
                    lock::query(&file, LIFE, 1).map_err(EntryError::system("ask who holds the entry"))?;
                Ok(Some(holder == Holder::Readers))
            }
        }
    }

    pub(crate) fn wait(&self, patience: &mut Patience) -> Result<(), EntryError> {
        if patience.wait() { Ok(()) } else { Err(EntryError::Stalled { uid: self.owner }) }
    }

    /// The file with the first of `accesses` that the caller has; `Some(None)` if it exists and the caller has none.
    #[allow(clippy::type_complexity, reason = "used here only")]
    fn open_first(
        &self,
        name: &OsStr,
        accesses: &[Access],
    ) -> Result<Option<(Option<File>, Access)>, EntryError> {
        for &access in accesses {
            match self.folder.open_file(name, access) {
                Ok(file) => return Ok(Some((Some(file), access))),
                Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(e) if is_refusal(&e) => {}
                Err(e) => match self.folder.status_of(name) {
                    Ok(status) if status.kind != FileKind::Regular => return Err(intruder(&status)),
                    _ => return Err(EntryError::system("open the entry")(e)),
                },
            }
        }
        Ok(Some((None, Access::Read)))
    }

    /// The dead file's description, open for writing even where its own mode forbids that to its owner.
    fn open_to_remove(&self, name: &OsStr) -> Result<Result<File, Removal>, EntryError> {
        match self.open_first(name, &[Access::ReadWrite])? {
            None => Ok(Err(Removal::Gone)),
            Some((Some(file), _)) => Ok(Ok(file)),
            Some((None, _)) => {
                if self.is_held_unopened(name)? {
                    return Ok(Err(Removal::Alive));
                }
                let reference = match self.folder.open_reference(name) {
                    Ok(reference) => reference,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Err(Removal::Gone)),
                    Err(e) => return Err(EntryError::system("look at a dead entry")(e)),
                };
                let status = file::status(&reference).map_err(EntryError::system("look at a dead entry"))?;
                if status.kind != FileKind::Regular {
                    return Err(intruder(&status));
                }
                // It denies its own owner. Nobody holds it, so nobody's rights change.
                folder::set_mode_of_reference(&reference, 0o600)
                    .and_then(|()| folder::reopen(&reference, Access::ReadWrite))
                    .map(Ok)
                    .map_err(EntryError::system("open a dead entry"))
            }
        }
    }

    /// Whether somebody holds an entry that the caller may not open. Where /proc cannot tell: yes.
    fn is_held_unopened(&self, name: &OsStr) -> Result<bool, EntryError> {
        match self.folder.status_of(name) {
            Ok(status) => {
                Ok(lock::is_held_unopened(status.device, status.inode, &(LIFE..=OPENING)).unwrap_or(true))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(EntryError::system("look at the entry")(e)),
        }
    }

    /// Whether somebody is a holder of an entry that the caller may not open; not one who only opens or removes it.
    pub(crate) fn is_read_locked_unopened(&self, name: &OsStr) -> bool {
        match self.folder.status_of(name) {
            Ok(status) => {
                lock::is_read_locked_unopened(status.device, status.inode, &(LIFE..=LIFE)).unwrap_or(true)
            }
            Err(e) => e.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Refuses what cannot be an entry of this shelf.
    fn check(&self, file: &File) -> Result<Status, EntryError> {
        let status = file::status(file).map_err(EntryError::system("look at the entry"))?;
        if status.kind != FileKind::Regular {
            return Err(intruder(&status));
        }
        if status.uid != self.owner {
            return Err(EntryError::Intruder { what: Intruder::WrongOwner { uid: status.uid } });
        }
        Ok(status)
    }

    fn is_named(&self, name: &OsStr, status: &Status) -> Result<bool, EntryError> {
        match self.folder.status_of(name) {
            Ok(named) => Ok(named.is_same_file(status)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(EntryError::system("look at the entry")(e)),
        }
    }
}

impl Held {
    /// Whether other processes hold the entry as well.
    pub(crate) fn is_shared(&self) -> io::Result<bool> {
        Ok(lock::query(&self.file, LIFE, 1)? == Holder::Readers)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.process != process::id() {
            return;
        }
        // Every lock of the description, the slots' too. It cannot fail on an open file; if it did, closing it does the same.
        let _ = lock::unlock(&self.file, 0, 0);
        step::between();
        let own = (self.access == Access::ReadWrite).then_some(&self.file);
        if let Err(error) = self.shelf.remove_if_dead(&self.file_name, own) {
            // The name is free all the same; the next list in the folder meets the same trouble and reports it.
            tracing::debug!(target: "ennead::namespace", %error, "a closed entry's file stays");
        }
    }
}

fn intruder(status: &Status) -> EntryError {
    let what = match status.kind {
        FileKind::Link => Intruder::Link,
        FileKind::Folder => Intruder::Folder,
        _ => Intruder::Special,
    };
    tracing::warn!(target: "ennead::audit", ?what, uid = status.uid, "refused what lies in an entry's place");
    EntryError::Intruder { what }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}
