//! Sockets beside the entries.
//!
//! A server's sockets lie in the folder `.sockets` of its kind, in its own user's folder, under names of entry id, slot and
//! random bits, never used again. A socket is alive while its slot of its entry is held; what is not is swept with the entries.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use ennead_sys::file::FileKind;
use ennead_sys::folder::Folder;

use crate::entry::Entry;
use crate::error::EntryError;
use crate::name::Kind;
use crate::owner;
use crate::protection::Protection;
use crate::root::{Root, Scope};

pub(crate) const FOLDER: &str = ".sockets";

/// Where a socket is: fixed-width, to be kept in an entry's body. What comes from there is only a hint, as the body is
/// shared: the connection's credentials say who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketName {
    /// The user in whose folder it lies.
    pub uid: u32,
    /// The slot of the entry that keeps it alive.
    pub slot: u32,
    /// The entry's id.
    pub entry: u64,
    /// Random bits.
    pub token: u64,
}

impl SocketName {
    pub(crate) fn file_name(&self) -> OsString {
        self.to_string().into()
    }

    /// From a file name in the folder of `uid`.
    pub(crate) fn parse(uid: u32, name: &OsStr) -> Option<SocketName> {
        let mut parts = name.to_str()?.split('-');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (entry, slot, token) = (number()?, u32::try_from(number()?).ok()?, number()?);
        let parsed = SocketName { uid, slot, entry, token };
        (parsed.file_name() == name).then_some(parsed)
    }
}

impl fmt::Display for SocketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:08x}-{:016x}", self.entry, self.slot, self.token)
    }
}

/// An open folder of sockets, which yields paths short enough for `bind` and `connect`.
#[derive(Debug)]
pub struct SocketFolder {
    folder: Folder,
    uid: u32,
}

impl Root {
    /// This user's folder for the sockets of `kind`, made where missing. To bind in.
    pub fn own_sockets(&self, kind: Kind) -> Result<SocketFolder, EntryError> {
        let shelf = self.own_shelf(kind)?;
        let name = OsStr::new(FOLDER);
        // Others may pass through in Global, but not look around: a socket's name is in the entry, for those who may read it.
        let mode = if self.scope() == Scope::Global { 0o711 } else { 0o700 };
        let folder = match shelf.folder.open_in(name) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => match shelf.folder.make(name, mode) {
                Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => Err(e),
                _ => shelf.folder.open_in(name),
            },
            other => other,
        };
        let folder = folder.map_err(EntryError::system("open the folder of sockets"))?;
        Ok(SocketFolder { folder, uid: shelf.owner })
    }

    /// The folder that holds `name`. To connect to. [`EntryError::NotFound`] if that user has none.
    pub fn sockets_of(&self, kind: Kind, name: &SocketName) -> Result<SocketFolder, EntryError> {
        let Some(home) = self.home(name.uid)? else { return Err(EntryError::NotFound) };
        let folder = home
            .open_in(OsStr::new(kind.folder()))
            .and_then(|shelf| shelf.open_in(OsStr::new(FOLDER)))
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => EntryError::NotFound,
                _ => EntryError::system("open the folder of sockets")(e),
            })?;
        let status = folder.status().map_err(EntryError::system("look at the folder of sockets"))?;
        if status.uid != name.uid {
            let what = crate::error::Intruder::WrongOwner { uid: status.uid };
            tracing::warn!(target: "ennead::audit", ?what, "refused a folder of sockets");
            return Err(EntryError::Intruder { what });
        }
        Ok(SocketFolder { folder, uid: name.uid })
    }
}

impl SocketFolder {
    /// A fresh name for a socket of `entry` that lives as long as this process holds `slot` of it: lock the slot first, then bind.
    ///
    /// Sockets that an earlier holder of the slot left behind are removed.
    pub fn new_name(&self, entry: &Entry, slot: u32) -> Result<SocketName, EntryError> {
        let token = owner::random().map_err(EntryError::system("get random bits"))?;
        let fresh = SocketName { uid: self.uid, slot, entry: entry.id(), token };
        // Only whoever holds the slot comes here, so an older socket of it has no server.
        for name in self.folder.names().unwrap_or_default() {
            if let Some(old) = SocketName::parse(self.uid, &name)
                && (old.entry, old.slot) == (fresh.entry, fresh.slot)
            {
                let _ = self.folder.remove(&name);
            }
        }
        Ok(fresh)
    }

    /// The path of the socket for `bind` and `connect`: short whatever the root's path is, good while this folder is open.
    pub fn path(&self, name: &SocketName) -> PathBuf {
        self.folder.short_path(&name.file_name())
    }

    /// Lets those connect to a bound socket who may read the entry. Bind, protect, then listen.
    pub fn protect(&self, name: &SocketName, protection: &Protection) -> Result<(), EntryError> {
        let path = self.path(name);
        let kind = self.folder.status_of(&name.file_name()).map(|status| status.kind);
        match kind {
            Ok(FileKind::Socket) => {
                protection.apply_to_socket(&path).map_err(EntryError::system("protect the socket"))
            }
            Ok(_) => Err(EntryError::Intruder { what: crate::error::Intruder::Special }),
            Err(e) => Err(EntryError::system("look at the socket")(e)),
        }
    }

    /// Removes a socket's name. One that is gone is no error.
    pub fn remove(&self, name: &SocketName) -> Result<(), EntryError> {
        match self.folder.remove(&name.file_name()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(EntryError::system("remove the socket")(e))
            }
            _ => Ok(()),
        }
    }
}

impl Entry {
    /// Whether the server of `name` lives: it holds its slot of this entry.
    pub fn socket_is_alive(&self, name: &SocketName) -> Result<bool, EntryError> {
        Ok(name.entry == self.id() && self.slot_is_held(name.slot)?)
    }
}
