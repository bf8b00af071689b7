//! The protocol of one folder: how a name comes to be held, and comes free.
//!
//! - **Create**: a complete file without a name, locked, is linked to its name: there is no instant at which a
//!   half-made or unlocked entry has a name.
//! - **Open**: is it locked by holders? Then say that it is being opened, ask again, take a read lock, and check that the name still
//!   stands for the same file.
//! - **Close**: release, *then* try the write lock; with it, check the name again and unlink. Turning the read lock into a
//!   write lock instead would leak the file when two last closers meet: each is refused because of the other, then both go.
//! - **Remove a dead entry**: the write lock, the check, unlink. Only a holder of the write lock unlinks, so between check and unlink
//!   nobody can have put another file in the name's place.
//!
//! All these locks are on the entry itself or on its key: [`key`] says when and why. What deals with a key checks that it has its
//! name still, and the key's name goes after the entry's: with the write lock on a key that has its name one is alone.
//!
//! A kill at any instant drops the locks and nothing else. `tests/protocol_model.rs` explores every interleaving.

mod draft;
mod key;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use ennead_sys::file::{self, Access, FileKind, Status};
use ennead_sys::folder::{self, Folder};
use ennead_sys::lock::{self, Holder, LockMode};
use ennead_sys::process;

pub(crate) use self::draft::{Draft, TEMPORARY};
pub(crate) use self::key::{KEY, Keys, Life, entry_of_key, mark_slot, protect_key};
use self::key::{KeyFound, is_linked, mark_joined};
use crate::entry::SLOTS;
use crate::error::{EntryError, Intruder};
use crate::header::MAGIC;
use crate::name::Holders;
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
    /// Its owner is the user whose process opened the root, who may be acting as another just now.
    pub(crate) own: bool,
    pub(crate) holders: Holders,
    pub(crate) keys: Keys,
}

/// What opening a name came to, where nothing went wrong.
#[derive(Debug)]
pub(crate) enum Found {
    /// It is held, now by the caller too, unless who wants it as the caller does only looks at it.
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

/// An open entry: a hold on its name, or only a look at it. Drop runs the close protocol.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) file: File,
    /// The locks that decide, where the entry does not carry them itself.
    key: Option<File>,
    pub(crate) access: Access,
    /// It takes no part.
    looks: bool,
    pub(crate) shelf: Arc<Shelf>,
    file_name: OsString,
    status: Status,
    /// The process that took the lock: a forked copy must not release it.
    process: u32,
}

/// A dead entry, and the file with its locks, open for writing.
struct Remains {
    /// Keeps the file's number from being used again.
    _entry: Option<OwnedFd>,
    status: Status,
    locks: File,
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
            key: draft.key,
            access: Access::ReadWrite,
            looks: false,
            shelf: Arc::clone(self),
            file_name: name.to_owned(),
            status: draft.status,
            process: process::id(),
        }
    }

    /// Makes a locked description, which another process passed, a hold on the name.
    pub(crate) fn adopt(
        self: &Arc<Self>,
        file: File,
        status: Status,
        access: Access,
        file_name: OsString,
    ) -> Held {
        let (shelf, process) = (Arc::clone(self), process::id());
        Held { file, key: None, access, looks: false, shelf, file_name, status, process }
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
                return Ok(match self.life_unopened(name)? {
                    Life::Held => Found::Denied,
                    Life::Unsettled => Found::Unsettled,
                    Life::Dead => Found::Free,
                });
            };
            let status = self.check(&file)?;
            step::between();
            let looks = self.holders == Holders::Writers && access == Access::Read;
            let mut held = Held {
                file,
                key: None,
                access,
                looks,
                shelf: Arc::clone(self),
                file_name: name.to_owned(),
                status,
                process: process::id(),
            };
            if looks {
                return Ok(match self.life(Some(&held.file), &status)? {
                    Life::Held => Found::Alive(held),
                    Life::Unsettled => Found::Unsettled,
                    Life::Dead => Found::Free,
                });
            }
            // Until it holds, its drop has nothing to close.
            held.looks = true;
            if self.is_keyed(status.inode) {
                held.key = match self.open_key(status.inode)? {
                    KeyFound::Open(key) => Some(key),
                    KeyFound::None => return Ok(Found::Free),
                    KeyFound::Refused(_) => return Ok(Found::Denied),
                };
            }
            step::between();
            let locks = held.locks();
            let ask = |from, len| {
                lock::query(locks, from, len).map_err(EntryError::system("ask who holds the entry"))
            };
            if ask(LIFE, OPENING + 1)? == Holder::Nobody {
                return Ok(Found::Free);
            }
            if ask(LIFE, 1)? != Holder::Readers {
                return Ok(Found::Unsettled);
            }
            let share = |byte| {
                step::between();
                lock::try_lock(locks, LockMode::Read, byte, 1)
                    .map_err(EntryError::system("take a lock on the entry"))
            };
            // Asked again under the opening lock: from here until it falls, no creator takes the entry for dead.
            let alive = share(OPENING)? && ask(LIFE, 1)? == Holder::Readers;
            let locked = alive && share(LIFE)?;
            step::between();
            if locked && held.key.as_ref().map_or(Ok(true), is_linked)? {
                step::between();
                if self.is_named(name, &status)? {
                    lock::unlock(locks, OPENING, 1)
                        .map_err(EntryError::system("release a lock on the entry"))?;
                    if held.key.is_some() {
                        mark_joined(&held.file);
                    }
                    held.looks = false;
                    return Ok(Found::Alive(held));
                }
            }
            // It died meanwhile. A lock on a file without a name binds nobody; it falls with the file.
            drop(held);
            self.wait(patience)?;
        }
    }

    /// Removes `name` if nobody holds it.
    pub(crate) fn remove_if_dead(&self, name: &OsStr) -> Result<Removal, EntryError> {
        if !self.is_ours() {
            return Ok(Removal::NotOurs);
        }
        match self.remains(name)? {
            Ok(remains) => self.remove(name, &remains.status, &remains.locks),
            Err(removal) => Ok(removal),
        }
    }

    /// Removes what `status` is the status of, if it has that name, and nobody holds the locks that decide: `locks` is open for writing,
    /// and has none itself.
    fn remove(&self, name: &OsStr, status: &Status, locks: &File) -> Result<Removal, EntryError> {
        step::between();
        match lock::query(locks, LIFE, 1).map_err(EntryError::system("ask who holds the entry"))? {
            Holder::Readers => return Ok(Removal::Alive),
            Holder::Writer => return Ok(Removal::Busy),
            Holder::Nobody => {}
        }
        step::between();
        let locked = lock::try_lock(locks, LockMode::Write, LIFE, 1)
            .map_err(EntryError::system("take a lock on the entry"))?;
        if !locked {
            return Ok(Removal::Busy);
        }
        step::between();
        let keyed = self.is_keyed(status.inode);
        let is_there = if keyed { is_linked(locks) } else { Ok(true) };
        let outcome = match is_there {
            Ok(true) => self.remove_alone(name, status, keyed),
            Ok(false) => Ok(Removal::Gone),
            Err(e) => Err(e),
        };
        // Explicitly, for a mapping may keep this description alive.
        let _ = lock::unlock(locks, LIFE, 1);
        outcome
    }

    fn remove_alone(&self, name: &OsStr, status: &Status, keyed: bool) -> Result<Removal, EntryError> {
        let removal = if self.is_named(name, status)? {
            step::between();
            self.folder.remove(name).map_err(EntryError::system("remove a dead entry"))?;
            Removal::Removed
        } else {
            Removal::Gone
        };
        if keyed {
            step::between();
            // If it cannot be removed, the next list does it.
            let _ = self.folder.remove(&key::key_name(status.inode));
        }
        Ok(removal)
    }

    /// [`Shelf::remove_if_dead`] for something that was found, not looked for by its name: only if it has an entry's mark.
    /// Entries get their names when they are complete, so a dead one has it, whatever became of the rest.
    pub(crate) fn remove_if_dead_entry(&self, name: &OsStr) -> Result<Removal, EntryError> {
        // One that denies its own owner is made readable on the way, if it is dead.
        let file = match self.open_dead(name)? {
            Ok(file) => file,
            Err(removal) => return Ok(removal),
        };
        let status = self.check(&file)?;
        match self.life(Some(&file), &status)? {
            Life::Held => return Ok(Removal::Alive),
            Life::Unsettled => return Ok(Removal::Busy),
            Life::Dead => {}
        }
        let mut begin = [0; MAGIC.len()];
        let read = file::read_at(&file, &mut begin, 0).map_err(EntryError::system("read the entry"))?;
        if read != begin.len() || begin != MAGIC {
            return Err(EntryError::Intruder { what: Intruder::Stranger });
        }
        self.remove_if_dead(name)
    }

    /// Whether somebody holds `name`, without taking part; `None` if there is nothing that could be held.
    pub(crate) fn is_held(&self, name: &OsStr) -> Result<Option<bool>, EntryError> {
        let life = match self.open_first(name, &[Access::Read])? {
            None => return Ok(None),
            Some((None, _)) => self.life_unopened(name)?,
            Some((Some(file), _)) => {
                let status = self.check(&file)?;
                self.life(Some(&file), &status)?
            }
        };
        Ok(Some(life == Life::Held))
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

    /// What `name` stands for, ready to be removed if it is dead.
    fn remains(&self, name: &OsStr) -> Result<Result<Remains, Removal>, EntryError> {
        let reference = match self.folder.open_reference(name) {
            Ok(reference) => reference,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Err(Removal::Gone)),
            Err(e) => return Err(EntryError::system("look at a dead entry")(e)),
        };
        let status = self.check(&reference)?;
        if self.is_keyed(status.inode) {
            step::between();
            let locks = self.key_to_remove(status.inode)?;
            return Ok(Ok(Remains { _entry: Some(reference), status, locks }));
        }
        Ok(self.open_dead(name)?.and_then(|locks| {
            let status = file::status(&locks).map_err(|_| Removal::Gone)?;
            Ok(Remains { _entry: None, status, locks })
        }))
    }

    /// The file's description, open for writing even where its own mode forbids that to its owner, if it is dead.
    fn open_dead(&self, name: &OsStr) -> Result<Result<File, Removal>, EntryError> {
        match self.open_first(name, &[Access::ReadWrite])? {
            None => Ok(Err(Removal::Gone)),
            Some((Some(file), _)) => {
                self.check(&file)?;
                Ok(Ok(file))
            }
            Some((None, _)) => {
                match self.life_unopened(name)? {
                    Life::Held => return Ok(Err(Removal::Alive)),
                    Life::Unsettled => return Ok(Err(Removal::Busy)),
                    Life::Dead => {}
                }
                let reference = match self.folder.open_reference(name) {
                    Ok(reference) => reference,
                    Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Err(Removal::Gone)),
                    Err(e) => return Err(EntryError::system("look at a dead entry")(e)),
                };
                self.check(&reference)?;
                // It denies its own owner. Nobody holds it, so nobody's rights change.
                folder::set_mode_of_reference(&reference, 0o600)
                    .and_then(|()| folder::reopen(&reference, Access::ReadWrite))
                    .map(Ok)
                    .map_err(EntryError::system("open a dead entry"))
            }
        }
    }

    /// Whether an entry lives that the caller may not open.
    pub(crate) fn life_unopened(&self, name: &OsStr) -> Result<Life, EntryError> {
        match self.folder.status_of(name) {
            Ok(status) => self.life(None, &status),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Life::Dead),
            Err(e) => Err(EntryError::system("look at the entry")(e)),
        }
    }

    /// Refuses what cannot be an entry of this shelf.
    fn check(&self, file: impl AsFd) -> Result<Status, EntryError> {
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
    /// The file whose locks decide.
    fn locks(&self) -> &File {
        self.key.as_ref().unwrap_or(&self.file)
    }

    /// Whether it is a hold, not only a look.
    pub(crate) fn is_hold(&self) -> bool {
        !self.looks
    }

    /// Whether the entry lives: surely, while this is a hold.
    pub(crate) fn is_alive(&self) -> Result<bool, EntryError> {
        Ok(!self.looks || self.shelf.life(Some(&self.file), &self.status)? == Life::Held)
    }

    /// Whether others hold the entry as well.
    pub(crate) fn is_shared(&self) -> Result<bool, EntryError> {
        if self.looks {
            return self.is_alive();
        }
        let holder =
            lock::query(self.locks(), LIFE, 1).map_err(EntryError::system("ask who holds the entry"))?;
        Ok(holder == Holder::Readers)
    }

    /// Takes the lock of a slot; `false` if somebody else has it.
    pub(crate) fn lock_slot(&self, slot: u32) -> Result<bool, EntryError> {
        let locked = lock::try_lock(self.locks(), LockMode::Write, SLOTS + u64::from(slot), 1)
            .map_err(EntryError::system("take a slot's lock"))?;
        if locked && self.key.is_some() {
            mark_slot(&self.file, slot, true);
        }
        Ok(locked)
    }

    pub(crate) fn unlock_slot(&self, slot: u32) -> Result<(), EntryError> {
        if self.key.is_some() {
            mark_slot(&self.file, slot, false);
        }
        lock::unlock(self.locks(), SLOTS + u64::from(slot), 1)
            .map_err(EntryError::system("release a slot's lock"))
    }

    /// Whether somebody else has the slot.
    pub(crate) fn slot_is_held(&self, slot: u32) -> Result<bool, EntryError> {
        match &self.key {
            Some(key) => lock::has_writer(key, SLOTS + u64::from(slot), 1)
                .map_err(EntryError::system("ask for a slot's lock")),
            None => self.shelf.slot_is_held(&self.file, &self.status, slot),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.looks || self.process != process::id() {
            return;
        }
        // Every lock of the descriptions, the slots' too. It cannot fail on open files; if it did, closing them does the same.
        let _ = lock::unlock(&self.file, 0, 0);
        if let Some(key) = &self.key {
            step::between();
            let _ = lock::unlock(key, 0, 0);
        }
        step::between();
        let removed = match self.access {
            _ if !self.shelf.is_ours() => return,
            Access::ReadWrite => self.shelf.remove(&self.file_name, &self.status, self.locks()),
            // The write lock needs another description.
            Access::Read => self.shelf.remove_if_dead(&self.file_name),
        };
        if let Err(error) = removed {
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
