//! The file whose locks decide whether an entry is held.
//!
//! Where readers hold (see [`Holders`](crate::name::Holders)) it is the entry itself, and so it is in `Local\`, where there are no other users. In
//! `Global\`, where only writers hold, it is a file of its own beside the entry, its **key**, which only those may open who may write
//! the entry: else whoever may read the entry could lock it, keep a dead name from being made anew, and keep other servers from joining. It
//! has its entry's inode number in its name, is there and locked before the entry has a name, and goes after it.
//!
//! Who may not open the key finds the locks in `/proc/locks`, but that is slow. So holders also **mark** the entry, with a write lock,
//! which a reader cannot have: its maker marks all but [`JOINERS`] and the slots, before anybody else can open it; who joins marks a random byte,
//! as well as that goes, since a reader's locks can be in the way. A mark shows that the entry is held. That there is none shows nothing.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;

use ennead_sys::file::{self, Access, Status};
use ennead_sys::lock::{self, Holder, LockMode};

use super::{LIFE, OPENING, Removal, Shelf};
use crate::entry::SLOTS;
use crate::error::EntryError;
use crate::owner;
use crate::protection::Protection;

/// What the file names of keys begin with.
pub(crate) const KEY: &str = ".k.";

/// Where those who join an entry mark it.
const JOINERS: u64 = 1 << 61;
const JOINERS_LEN: u64 = 1 << 61;

/// Which entries of a shelf have a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    None,
    All,
    /// A sweep does not know every kind: those that have one.
    Some,
}

/// Whether an entry lives, as somebody sees it who takes no part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Held,
    /// Nobody holds it, but somebody is just opening or removing it.
    Unsettled,
    Dead,
}

/// What a look for a key came to.
pub(super) enum KeyFound {
    Open(File),
    None,
    /// It is not for the caller.
    Refused(Status),
}

/// The locks that decide, as the caller can see them.
enum Seen<'a> {
    Here(&'a File),
    Key(File),
    Listed(Status),
}

pub(super) fn key_name(inode: u64) -> OsString {
    format!("{KEY}{inode:x}").into()
}

impl Shelf {
    pub(super) fn is_keyed(&self, inode: u64) -> bool {
        match self.keys {
            Keys::None => false,
            Keys::All => true,
            Keys::Some => self.folder.status_of(&key_name(inode)).is_ok(),
        }
    }

    pub(super) fn open_key(&self, inode: u64) -> Result<KeyFound, EntryError> {
        let name = key_name(inode);
        match self.folder.open_file(&name, Access::ReadWrite) {
            Ok(key) => {
                self.check(&key)?;
                Ok(KeyFound::Open(key))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(KeyFound::None),
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => match self.folder.status_of(&name) {
                Ok(status) => Ok(KeyFound::Refused(status)),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(KeyFound::None),
                Err(e) => Err(EntryError::system("look at the entry's key")(e)),
            },
            Err(e) => Err(EntryError::system("open the entry's key")(e)),
        }
    }

    /// A locked key for an entry that has no name yet.
    pub(super) fn new_key(&self, entry: &File) -> Result<File, EntryError> {
        let inode = file::status(entry).map_err(EntryError::system("look at the entry's file"))?.inode;
        let name = key_name(inode);
        loop {
            match self.folder.new_file(&name) {
                Ok(key) => {
                    // Between the two a list may have taken it for dead: it is about to remove it, or has.
                    let locked = lock::try_lock(&key, LockMode::Read, LIFE, 1)
                        .map_err(EntryError::system("take a lock on the entry's key"))?;
                    if locked && is_linked(&key)? {
                        return Ok(key);
                    }
                }
                // Of an earlier file with that number, or a sweep's, which is about to remove it.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if self.remove_key_if_dead(&name)? == Removal::Busy {
                        std::thread::yield_now();
                    }
                }
                Err(e) => return Err(EntryError::system("make the entry's key")(e)),
            }
        }
    }

    /// The key to remove an entry with. One that has none gets one: it is of an older layout, or its key was swept.
    pub(super) fn key_to_remove(&self, inode: u64) -> Result<File, EntryError> {
        loop {
            match self.open_key(inode)? {
                KeyFound::Open(key) => return Ok(key),
                KeyFound::Refused(status) => {
                    let what = crate::error::Intruder::WrongOwner { uid: status.uid };
                    return Err(EntryError::Intruder { what });
                }
                KeyFound::None => match self.folder.new_file(&key_name(inode)) {
                    Ok(key) => return Ok(key),
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(e) => return Err(EntryError::system("make the entry's key")(e)),
                },
            }
        }
    }

    /// Removes a key that nobody holds.
    pub(crate) fn remove_key_if_dead(&self, name: &OsStr) -> Result<Removal, EntryError> {
        if !self.is_ours() {
            return Ok(Removal::NotOurs);
        }
        let key = match self.folder.open_file(name, Access::ReadWrite) {
            Ok(key) => key,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Removal::Gone),
            Err(e) => return Err(EntryError::system("open an entry's key")(e)),
        };
        self.check(&key)?;
        let ask =
            lock::query(&key, LIFE, OPENING + 1).map_err(EntryError::system("ask who holds the entry"))?;
        if ask != Holder::Nobody {
            return Ok(if ask == Holder::Readers { Removal::Alive } else { Removal::Busy });
        }
        let locked = lock::try_lock(&key, LockMode::Write, LIFE, 1)
            .map_err(EntryError::system("take a lock on the entry"))?;
        if !locked {
            return Ok(Removal::Busy);
        }
        // Who has the write lock on a key with a name is the only one to remove that name.
        if !is_linked(&key)? {
            return Ok(Removal::Gone);
        }
        self.folder.remove(name).map_err(EntryError::system("remove an entry's key"))?;
        Ok(Removal::Removed)
    }

    /// Whether the entry lives, without taking part. `entry` is its file, where the caller may open it.
    pub(crate) fn life(&self, entry: Option<&File>, status: &Status) -> Result<Life, EntryError> {
        let Some(seen) = self.see(entry, status, 0, 0)? else { return Ok(Life::Dead) };
        let Some(seen) = seen else { return Ok(Life::Held) };
        // Dead for good is only what nobody holds on either byte, asked in one question.
        if seen.ask(LIFE, OPENING) == Holder::Nobody {
            return Ok(Life::Dead);
        }
        Ok(if seen.ask(LIFE, LIFE) == Holder::Readers { Life::Held } else { Life::Unsettled })
    }

    /// Whether anybody has the slot, without taking part.
    pub(crate) fn slot_is_held(&self, entry: &File, status: &Status, slot: u32) -> Result<bool, EntryError> {
        let at = SLOTS + u64::from(slot);
        if !self.is_keyed(status.inode) {
            return lock::has_writer(entry, at, 1).map_err(EntryError::system("ask for a slot's lock"));
        }
        match self.see(Some(entry), status, at, 1)? {
            None => Ok(false),
            Some(None) => Ok(true),
            Some(Some(seen)) => Ok(seen.ask(at, at) == Holder::Writer),
        }
    }

    /// The locks that decide. `None` where there can be none, `Some(None)` where a mark in the range says it all.
    #[allow(clippy::option_option, reason = "used here only")]
    fn see<'a>(
        &self,
        entry: Option<&'a File>,
        status: &Status,
        start: u64,
        len: u64,
    ) -> Result<Option<Option<Seen<'a>>>, EntryError> {
        if !self.is_keyed(status.inode) {
            return Ok(Some(Some(entry.map_or(Seen::Listed(*status), Seen::Here))));
        }
        if let Some(entry) = entry
            && lock::has_writer(entry, start, len).map_err(EntryError::system("ask who holds the entry"))?
        {
            return Ok(Some(None));
        }
        Ok(match self.open_key(status.inode)? {
            KeyFound::Open(key) => Some(Some(Seen::Key(key))),
            KeyFound::Refused(status) => Some(Some(Seen::Listed(status))),
            // It goes after the entry's name.
            KeyFound::None => None,
        })
    }
}

impl Seen<'_> {
    /// Who has a lock on `from..=to`. Where /proc cannot tell: a holder.
    fn ask(&self, from: u64, to: u64) -> Holder {
        let len = to - from + 1;
        let known = match self {
            Seen::Here(file) => lock::query(file, from, len),
            Seen::Key(key) => lock::query(key, from, len),
            Seen::Listed(status) => lock::query_unopened(status.device, status.inode, &(from..=to)),
        };
        known.unwrap_or(if from < SLOTS { Holder::Readers } else { Holder::Writer })
    }
}

/// Whether it still has a name.
pub(super) fn is_linked(file: &File) -> Result<bool, EntryError> {
    let status = file::status(file).map_err(EntryError::system("look at the entry's key"))?;
    Ok(status.links > 0)
}

/// Marks an entry that nobody else can open yet.
pub(super) fn mark_new(entry: &File) -> Result<(), EntryError> {
    lock::try_lock(entry, LockMode::Write, 0, SLOTS).map(drop).map_err(EntryError::system("mark the entry"))
}

/// Marks an entry for one who has joined it. A reader's lock may be in the way; then the key alone shows the hold.
pub(super) fn mark_joined(entry: &File) {
    let Ok(random) = owner::random() else { return };
    let _ = lock::try_lock(entry, LockMode::Write, JOINERS + random % JOINERS_LEN, 1);
}

/// Marks a slot, or takes the mark away.
pub(crate) fn mark_slot(entry: &File, slot: u32, held: bool) {
    let at = SLOTS + u64::from(slot);
    let _ = match held {
        true => lock::try_lock(entry, LockMode::Write, at, 1).map(drop),
        false => lock::unlock(entry, at, 1),
    };
}

/// A key that belongs to a draft: protected as the entry's descriptor says.
pub(crate) fn protect_key(key: &File, protection: &Protection) -> Result<(), EntryError> {
    protection.apply_to_key(key).map_err(EntryError::system("protect the entry's key"))
}

/// The inode number in a key's name.
pub(crate) fn entry_of_key(name: &OsStr) -> Option<u64> {
    let digits = std::str::from_utf8(name.as_bytes().strip_prefix(KEY.as_bytes())?).ok()?;
    let inode = u64::from_str_radix(digits, 16).ok()?;
    (key_name(inode) == name).then_some(inode)
}
