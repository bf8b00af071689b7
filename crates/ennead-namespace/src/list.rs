//! Listing what is alive, and sweeping what is not.
//!
//! An observer takes no locks on what lives: it would look like a holder.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use ennead_sys::file::{self, Access, FileKind, Status};
use ennead_sys::folder::Folder;

use crate::entry::read_front;
use crate::error::{EntryError, Intruder};
use crate::header::Header;
use crate::name::{Kind, Name};
use crate::root::Root;
use crate::shelf::{KEY, Removal, Shelf, entry_of_key};
use crate::socket::{self, SocketName};

/// What one folder or more held.
#[derive(Debug, Default)]
pub struct Listing {
    /// The live entries, ordered by file name, then uid.
    pub entries: Vec<Listed>,
    /// What was neither alive nor removable, each with the reason.
    pub skipped: Vec<Skipped>,
    /// How many dead files, claims and sockets were removed.
    pub removed: usize,
}

/// A live entry.
#[derive(Debug)]
pub struct Listed {
    /// The user in whose folder it lies.
    pub uid: u32,
    /// The name: as its creator wrote it where that may be read, else as its file name tells; `None` if only a hash does.
    pub name: Option<Name>,
    /// The private namespace that it is in.
    pub namespace: Option<u64>,
    /// The file's name.
    pub file_name: OsString,
    /// Its mode.
    pub mode: u32,
    /// What only those may know who may read the entry.
    pub observed: Option<Observed>,
}

/// A readable entry, not held.
#[derive(Debug)]
pub struct Observed {
    /// The fixed part.
    pub header: Header,
    /// The security descriptor in self-relative form.
    pub descriptor: Vec<u8>,
    file: File,
    status: Status,
    shelf: Arc<Shelf>,
}

/// Something in the folder that is no live entry and stays.
#[derive(Debug)]
pub struct Skipped {
    /// The user in whose folder it lies.
    pub uid: u32,
    /// Its file name.
    pub file_name: OsString,
    /// Why.
    pub reason: EntryError,
}

impl Observed {
    /// Copies bytes of the body as they are now: as many as there are, up to the buffer's length.
    pub fn read_body(&self, offset: u64, to: &mut [u8]) -> Result<usize, EntryError> {
        let (start, len) = self.header.body;
        let wanted = to.len().min(usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX));
        file::read_at(&self.file, &mut to[..wanted], start.saturating_add(offset))
            .map_err(EntryError::system("read the entry"))
    }

    /// Whether somebody has slot `n`.
    pub fn slot_is_held(&self, n: u32) -> Result<bool, EntryError> {
        self.shelf.slot_is_held(&self.file, &self.status, n)
    }
}

/// What lies in a shelf besides entries is told by the first characters.
enum Sort {
    Entry,
    /// A claim or a draft: it may be dead, but is never listed.
    Passing,
    Key,
    Sockets,
    Foreign,
}

impl Root {
    /// The live entries of a kind, of all users in `Global\`. Dead files that this user may remove are removed on the way.
    ///
    /// One entry that cannot be read (another layout, garbage, another user's secret) never hides the others.
    pub fn list(&self, kind: Kind) -> Result<Listing, EntryError> {
        let mut listing = Listing::default();
        let shelves = self.shelves(kind)?;
        list_shelves(self, &shelves, Some(kind), &mut listing)?;
        if self.inside.is_some() {
            listing.entries.retain(|entry| entry.namespace == self.inside);
        }
        listing.entries.sort_by(|a, b| (&a.file_name, a.uid).cmp(&(&b.file_name, b.uid)));
        Ok(listing)
    }

    /// Removes the dead files of every kind in the folders that this user may clean (root: everybody's). Says what it left, and
    /// how many it removed; lists nothing.
    pub fn sweep(&self) -> Result<Listing, EntryError> {
        let mut listing = Listing::default();
        let shelves = self.cleanable()?;
        list_shelves(self, &shelves, None, &mut listing)?;
        listing.entries.clear();
        Ok(listing)
    }
}

fn list_shelves(
    root: &Root,
    shelves: &[Arc<Shelf>],
    kind: Option<Kind>,
    listing: &mut Listing,
) -> Result<(), EntryError> {
    // Sockets first: one that was there before its entry was looked for and has none, has lost it.
    let sockets: Vec<(Folder, Vec<SocketName>)> =
        shelves.iter().filter_map(|shelf| sockets_in(shelf)).collect();
    for shelf in shelves {
        list_shelf(shelf, kind, listing)?;
    }
    if sockets.iter().all(|(_, names)| names.is_empty()) {
        return Ok(());
    }
    // A server may keep its sockets apart from its entry, in its own user's folder: look in all.
    let mut elsewhere = Listing::default();
    let alive: &[Listed] = match kind {
        Some(_) => &listing.entries,
        None => {
            for shelf in root.every_shelf()? {
                list_shelf(&shelf, None, &mut elsewhere)?;
            }
            &elsewhere.entries
        }
    };
    let observed: HashMap<u64, &Observed> = alive
        .iter()
        .filter_map(|entry| entry.observed.as_ref().map(|seen| (seen.header.entry, seen)))
        .collect();
    let all_seen = alive.iter().all(|entry| entry.observed.is_some());
    for (folder, names) in &sockets {
        for name in names {
            let dead = match observed.get(&name.entry) {
                Some(entry) => !entry.slot_is_held(name.slot)?,
                None => all_seen,
            };
            if dead && folder.remove(&name.file_name()).is_ok() {
                listing.removed += 1;
            }
        }
    }
    Ok(())
}

fn sockets_in(shelf: &Shelf) -> Option<(Folder, Vec<SocketName>)> {
    if !shelf.is_ours() {
        return None;
    }
    let folder = shelf.folder.open_in(OsStr::new(socket::FOLDER)).ok()?;
    let is_socket = |name: &OsStr| folder.status_of(name).is_ok_and(|status| status.kind == FileKind::Socket);
    let names = folder.names().ok()?;
    let sockets = names
        .iter()
        .filter(|name| is_socket(name))
        .filter_map(|name| SocketName::parse(shelf.owner, name))
        .collect();
    Some((folder, sockets))
}

fn list_shelf(shelf: &Arc<Shelf>, kind: Option<Kind>, listing: &mut Listing) -> Result<(), EntryError> {
    let names = match shelf.folder.names() {
        Ok(names) => names,
        Err(_) if !shelf.is_ours() => return Ok(()),
        Err(e) => return Err(EntryError::system("list the folder")(e)),
    };
    // Claims before entries, as in a scan: what moves from the one to the other meanwhile is met at its new name.
    let (first, second): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| matches!(sort(name), Sort::Passing));
    let keys: Vec<_> = second.iter().filter(|name| matches!(sort(name), Sort::Key)).cloned().collect();
    let mut entries = Vec::new();
    for file_name in first.into_iter().chain(second) {
        if !keys.is_empty() && matches!(sort(&file_name), Sort::Passing | Sort::Entry) {
            entries.extend(shelf.folder.status_of(&file_name).map(|status| status.inode));
        }
        let outcome = match sort(&file_name) {
            Sort::Sockets | Sort::Key => continue,
            Sort::Foreign => shelf_intruder(shelf, &file_name),
            Sort::Passing | Sort::Entry => clean(shelf, &file_name),
        };
        match outcome {
            Ok(Removal::Removed) => listing.removed += 1,
            Ok(Removal::Alive) if matches!(sort(&file_name), Sort::Entry) => {
                match look(shelf, &file_name, kind) {
                    Ok(Some(entry)) => listing.entries.push(entry),
                    Ok(None) => {}
                    Err(reason) => listing.skipped.push(Skipped { uid: shelf.owner, file_name, reason }),
                }
            }
            Ok(_) => {}
            Err(reason) => {
                tracing::warn!(target: "ennead::audit", uid = shelf.owner, ?file_name, ?reason, "skipped");
                listing.skipped.push(Skipped { uid: shelf.owner, file_name, reason });
            }
        }
    }
    // A key goes with its entry; what was killed in between left it behind.
    let orphans =
        keys.iter().filter(|name| entry_of_key(name).is_some_and(|entry| !entries.contains(&entry)));
    for name in orphans.filter(|_| shelf.is_ours()) {
        match shelf.remove_key_if_dead(name) {
            Ok(Removal::Removed) => listing.removed += 1,
            Ok(_) => {}
            Err(reason) => {
                listing.skipped.push(Skipped { uid: shelf.owner, file_name: name.clone(), reason });
            }
        }
    }
    Ok(())
}

fn sort(file_name: &OsStr) -> Sort {
    let bytes = file_name.as_bytes();
    if bytes.starts_with(crate::claim::CLAIM.as_bytes())
        || bytes.starts_with(crate::shelf::TEMPORARY.as_bytes())
    {
        Sort::Passing
    } else if bytes.starts_with(KEY.as_bytes()) {
        Sort::Key
    } else if bytes == socket::FOLDER.as_bytes() {
        Sort::Sockets
    } else if bytes.starts_with(b".") {
        Sort::Foreign
    } else {
        Sort::Entry
    }
}

/// Removes the file if it is dead and this user may; otherwise only asks. What is no entry stays: somebody may have taken a
/// folder with other things in it for a root.
fn clean(shelf: &Shelf, file_name: &OsStr) -> Result<Removal, EntryError> {
    if shelf.is_ours() {
        return match sort(file_name) {
            Sort::Entry => shelf.remove_if_dead_entry(file_name),
            _ => shelf.remove_if_dead(file_name),
        };
    }
    Ok(match shelf.is_held(file_name)? {
        Some(true) => Removal::Alive,
        Some(false) => Removal::NotOurs,
        None => Removal::Gone,
    })
}

fn shelf_intruder(shelf: &Shelf, file_name: &OsStr) -> Result<Removal, EntryError> {
    let status = shelf.folder.status_of(file_name).map_err(EntryError::system("look at a file"))?;
    Err(EntryError::Intruder {
        what: match status.kind {
            FileKind::Link => Intruder::Link,
            FileKind::Folder => Intruder::Folder,
            _ => Intruder::Special,
        },
    })
}

/// What may be told of a live entry. `None` if it is gone by now.
fn look(shelf: &Arc<Shelf>, file_name: &OsStr, kind: Option<Kind>) -> Result<Option<Listed>, EntryError> {
    let status = match shelf.folder.status_of(file_name) {
        Ok(status) => status,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(EntryError::system("look at an entry")(e)),
    };
    let namespace = Name::namespace_of(file_name);
    let from_file_name = || kind.and_then(|kind| Name::from_file_name(file_name, kind.case()));
    let (name, observed) = match shelf.folder.open_file(file_name, Access::Read) {
        Ok(file) => {
            let (header, name, descriptor) = read_front(&file)?;
            if kind.is_some_and(|kind| name.file_name_within(namespace, kind.case()) != file_name) {
                return Err(EntryError::Header(crate::header::HeaderError::Extent { part: "name" }));
            }
            (Some(name), Some(Observed { header, descriptor, file, status, shelf: Arc::clone(shelf) }))
        }
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => (from_file_name(), None),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(EntryError::system("open an entry")(e)),
    };
    Ok(Some(Listed {
        uid: shelf.owner,
        name,
        namespace,
        file_name: file_name.to_owned(),
        mode: status.mode,
        observed,
    }))
}
