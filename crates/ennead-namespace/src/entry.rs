//! Entries as a mechanism uses them.

mod body;
mod content;
mod options;

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock, PoisonError};

use ennead_security::{FormatError, SecurityDescriptor};
use ennead_sys::file::{self, Access, FileKind};
use ennead_sys::folder;
use ennead_sys::lock::{self, LockMode};
use ennead_sys::mapping::{Mapping, ReadOnlyMapping};

pub use self::body::Body;
use self::body::Pages;
pub(crate) use self::content::{Prepared, read_front};
pub use self::options::{CreateOptions, Created, Wanted};
use crate::claim::{self, Outcome};
use crate::error::{EntryError, Intruder};
use crate::header::Header;
use crate::name::{Holders, Kind, Name};
use crate::owner::OwnerId;
use crate::patience::Patience;
use crate::root::{Root, Scope};
use crate::shelf::{Held, LIFE};

/// The first byte whose locks are slots. Far past any body; locks need no bytes under them.
pub(crate) const SLOTS: u64 = 1 << 40;

/// A held name. Dropping it lets go; when the last holder does, the name is free and the file removed.
///
/// Where only writers hold ([`Holders::Writers`](crate::name::Holders)), one that was opened for reading is only a look at the entry: it keeps
/// nothing alive, and [`Entry::is_held`] says whether somebody else still does.
///
/// To hold it longer, share it in an `Arc`. Every entry has its own description, so its locks are its own.
#[derive(Debug)]
pub struct Entry {
    // Declared first, dropped first: a mapping keeps its description's locks.
    mapping: OnceLock<Pages>,
    held: Held,
    kind: Kind,
    name: Name,
    header: Header,
    descriptor: Vec<u8>,
    slots: Mutex<BTreeSet<u32>>,
}

impl Root {
    /// Makes an entry, or opens the one that holds the name.
    ///
    /// Does not block, but for a moment while another process is at the same name. Files of dead holders are replaced.
    pub fn create(
        &self,
        kind: Kind,
        name: &Name,
        options: &CreateOptions<'_>,
    ) -> Result<Created, EntryError> {
        let file_name = self.file_name(kind, name);
        let prepared = Prepared::new(name, options)?;
        let own = self.own_shelf(kind)?;
        let outcome = match self.scope() {
            Scope::Local => claim::create_alone(&own, &file_name, &prepared, options)?,
            Scope::Global => {
                claim::create_among(&own, || self.shelves(kind), &file_name, &prepared, options)?
            }
        };
        match outcome {
            Outcome::Created(held) => {
                let entry = Entry::read(held, kind, name)?;
                entry.slots.lock().unwrap_or_else(PoisonError::into_inner).extend(options.slot);
                Ok(Created::New(entry))
            }
            Outcome::Existing(_) if options.exclusive => Err(EntryError::AlreadyExists),
            Outcome::Existing(held) => match Entry::read(held, kind, name) {
                Ok(entry) => Ok(Created::Existing(entry)),
                Err(EntryError::NotFound) => Err(EntryError::HashCollision),
                Err(error) => Err(error),
            },
        }
    }

    /// Makes or opens an entry of which each user has one of their own under the same name, also in `Global\`: others find it with
    /// [`Root::open_of`] only.
    pub fn create_own(
        &self,
        kind: Kind,
        name: &Name,
        options: &CreateOptions<'_>,
    ) -> Result<Created, EntryError> {
        let own = self.own_shelf(kind)?;
        let prepared = Prepared::new(name, options)?;
        match claim::create_alone(&own, &name.file_name(kind.case()), &prepared, options)? {
            Outcome::Created(held) => Entry::read(held, kind, name).map(Created::New),
            Outcome::Existing(held) => Entry::read(held, kind, name).map(Created::Existing),
        }
    }

    /// Opens the entry of that name that the user `uid` made with [`Root::create_own`].
    pub fn open_of(&self, uid: u32, kind: Kind, name: &Name, wanted: Wanted) -> Result<Entry, EntryError> {
        let mut shelves = self.shelves(kind)?;
        shelves.retain(|shelf| shelf.owner == uid);
        let file_name = name.file_name(kind.case());
        let held = claim::open_among(&shelves, &file_name, wanted.accesses(), &mut Patience::default())?;
        Entry::read(held, kind, name)
    }

    /// Opens the entry that holds the name. [`EntryError::NotFound`] if nobody does.
    pub fn open(&self, kind: Kind, name: &Name, wanted: Wanted) -> Result<Entry, EntryError> {
        let file_name = self.file_name(kind, name);
        let mut patience = Patience::default();
        let shelves = self.shelves(kind)?;
        let held = claim::open_among(&shelves, &file_name, wanted.accesses(), &mut patience).inspect_err(|e| {
            if matches!(e, EntryError::AccessDenied) {
                tracing::warn!(target: "ennead::audit", kind = kind.folder(), %name, "refused: the entry's rights");
            }
        })?;
        Entry::read(held, kind, name)
    }
}

/// Passing an entry on to another process: each holder has a description of its own.
impl Root {
    /// Takes up what [`Entry::share`] made in another process, whose word for the file's being an entry is not taken.
    ///
    /// Where this root holds the name, the last close removes the file; else the file stays until somebody who may remove it looks.
    pub fn join(&self, kind: Kind, file: OwnedFd) -> Result<Entry, EntryError> {
        if kind.holders() == Holders::Writers {
            return Err(EntryError::system("join an entry that its writers hold")(
                std::io::ErrorKind::Unsupported.into(),
            ));
        }
        let file = File::from(file);
        let status = file::status(&file).map_err(EntryError::system("look at the entry"))?;
        let access = file::access_of(&file).map_err(EntryError::system("look at the entry"))?;
        let (FileKind::Regular, Some(access)) = (status.kind, access) else {
            return Err(EntryError::Intruder { what: Intruder::Special });
        };
        // It is locked already; this tells a description that is none of ours, and on one that is it changes nothing.
        let locked = lock::try_lock(&file, LockMode::Read, LIFE, 1)
            .map_err(EntryError::system("take a lock on the entry"))?;
        if !locked {
            return Err(EntryError::NotFound);
        }
        let (header, name, descriptor) = read_front(&file)?;
        let shelves = self.shelves(kind)?;
        let shelf = match shelves.into_iter().find(|shelf| shelf.owner == status.uid) {
            Some(shelf) => shelf,
            None => self.own_shelf(kind)?,
        };
        let held = shelf.adopt(file, status, access, self.file_name(kind, &name));
        Ok(Entry { mapping: OnceLock::new(), held, kind, name, header, descriptor, slots: Mutex::default() })
    }
}

impl Entry {
    /// A fresh description of the entry's file that holds the name by itself, to be passed to another process, which takes it up
    /// with [`Root::join`]. It may do what this holder may.
    ///
    /// For kinds that their readers hold; one that its writers hold can be opened anew, and is not shared (ERROR_NOT_SUPPORTED).
    pub fn share(&self) -> Result<OwnedFd, EntryError> {
        if self.kind.holders() == Holders::Writers {
            return Err(EntryError::system("share an entry that its writers hold")(
                std::io::ErrorKind::Unsupported.into(),
            ));
        }
        let file = folder::reopen(&self.held.file, self.held.access)
            .map_err(EntryError::system("open the entry again"))?;
        // This holder's own lock keeps everybody from the exclusive one meanwhile.
        let locked = lock::try_lock(&file, LockMode::Read, LIFE, 1)
            .map_err(EntryError::system("take a lock on the entry"))?;
        if locked { Ok(file.into()) } else { Err(EntryError::NotFound) }
    }

    fn read(held: Held, kind: Kind, name: &Name) -> Result<Entry, EntryError> {
        let (header, stored, descriptor) = read_front(&held.file)?;
        if !stored.is_same(name, kind.case()) {
            return Err(EntryError::NotFound);
        }
        Ok(Entry {
            mapping: OnceLock::new(),
            held,
            kind,
            name: stored,
            header,
            descriptor,
            slots: Mutex::default(),
        })
    }

    /// The name as its creator wrote it.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The kind that it was opened as.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its random id, never used again.
    pub fn id(&self) -> u64 {
        self.header.entry
    }

    /// Its fixed part, as it was when opened.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The process that made it (which may be gone).
    pub fn creator(&self) -> OwnerId {
        OwnerId::from_u64(self.header.owner)
    }

    /// The user whose folder it lies in: the kernel's word, not the entry's.
    pub fn owner_uid(&self) -> u32 {
        self.held.shelf.owner
    }

    /// The mechanism's tag. Compare it before the body is read: kinds share folders.
    pub fn body_tag(&self) -> u32 {
        self.header.body_tag
    }

    /// The mechanism's layout version.
    pub fn body_version(&self) -> u32 {
        self.header.body_version
    }

    /// The exact security descriptor in self-relative form.
    pub fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// The same, parsed.
    pub fn security_descriptor(&self) -> Result<SecurityDescriptor, FormatError> {
        SecurityDescriptor::from_bytes(&self.descriptor)
    }

    /// Whether this holder may write the body and lock slots.
    pub fn is_writable(&self) -> bool {
        self.held.access == Access::ReadWrite
    }

    /// Whether other holders live.
    pub fn is_shared(&self) -> Result<bool, EntryError> {
        self.held.is_shared()
    }

    /// Whether anybody holds the entry: surely, if this value does.
    pub fn is_held(&self) -> Result<bool, EntryError> {
        self.held.is_alive()
    }

    /// The file, for a mechanism that maps parts of it itself, beginning at the header's `body.0`.
    pub fn file(&self) -> &File {
        &self.held.file
    }

    /// The body, mapped at the first call.
    pub fn body(&self) -> Result<Body<'_>, EntryError> {
        let pages = match self.mapping.get() {
            Some(pages) => pages,
            None => {
                let pages = self.map().map_err(EntryError::system("map the entry"))?;
                self.mapping.get_or_init(|| pages)
            }
        };
        // Both fit: the whole file was mapped, and it ends behind the body.
        Ok(Body { pages, start: self.header.body.0 as usize, len: self.header.body.1 as usize })
    }

    fn map(&self) -> std::io::Result<Pages> {
        let end = self.header.body.0 + self.header.body.1;
        let len = usize::try_from(end).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        // A holder may have truncated it since: then the load would be a SIGBUS.
        if file::status(&self.held.file)?.size < end {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(match self.held.access {
            Access::ReadWrite => Pages::Shared(Mapping::new(&self.held.file, len)?),
            Access::Read => Pages::ReadOnly(ReadOnlyMapping::new(&self.held.file, len)?),
        })
    }

    /// Takes slot `n` for this entry value; `false` if anybody has it, this value included. It falls with the entry value, or
    /// the process. Needs the right to write ([`Entry::is_writable`]).
    pub fn lock_slot(&self, n: u32) -> Result<bool, EntryError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.contains(&n) {
            return Ok(false);
        }
        let locked = self.held.is_hold() && self.held.lock_slot(n)?;
        if locked {
            slots.insert(n);
        }
        Ok(locked)
    }

    /// Takes the first free slot of `0..count`.
    pub fn lock_any_slot(&self, count: u32) -> Result<Option<u32>, EntryError> {
        for n in 0..count {
            if self.lock_slot(n)? {
                return Ok(Some(n));
            }
        }
        Ok(None)
    }

    /// Lets slot `n` go, if this entry value has it.
    pub fn unlock_slot(&self, n: u32) -> Result<(), EntryError> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.remove(&n) {
            self.held.unlock_slot(n)?;
        }
        Ok(())
    }

    /// Whether anybody has slot `n`, this value included. Takes no lock.
    pub fn slot_is_held(&self, n: u32) -> Result<bool, EntryError> {
        if self.slots.lock().unwrap_or_else(PoisonError::into_inner).contains(&n) {
            return Ok(true);
        }
        self.held.slot_is_held(n)
    }
}
