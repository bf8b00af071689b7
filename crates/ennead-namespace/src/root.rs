//! The roots: `Local\` of this user, `Global\` of the machine.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ennead_sys::file::{self, FileKind};
use ennead_sys::folder::Folder;
use ennead_sys::process;

use crate::error::{EntryError, RootError};
use crate::name::{Holders, Kind};
use crate::shelf::{Keys, Shelf};

/// Where `Global\` is.
pub const GLOBAL: &str = "/run/ennead";

/// Which of the two namespaces a root is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `Local\`: one user's.
    Local,
    /// `Global\`: the machine's, one folder a user.
    Global,
}

/// The root folder of a namespace.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    folder: Folder,
    scope: Scope,
    tmpfs: bool,
    /// Whose root it is; in `Global\`, whose folder this process publishes in.
    pub(crate) owner: u32,
    shelves: Mutex<HashMap<&'static str, Arc<Shelf>>>,
}

/// What decides where the local root is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) ennead_root: Option<OsString>,
    pub(crate) runtime_dir: Option<OsString>,
    pub(crate) secure: bool,
    pub(crate) uid: u32,
}

/// A place for the local root: the folder that must be there, and the one in it that is made where missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) parent: PathBuf,
    pub(crate) name: OsString,
    /// Whether the parent itself must belong to the user.
    pub(crate) parent_is_ours: bool,
    /// Whether an unusable place is an error, not a reason to look further: somebody asked for it.
    pub(crate) demanded: bool,
}

impl Root {
    /// This user's root: `$ENNEAD_ROOT` (ignored in a set-uid program), else `$XDG_RUNTIME_DIR/ennead`, else
    /// `/run/user/UID/ennead`, else `/dev/shm/ennead-UID`, else `/tmp/ennead-UID`. Missing folders are made (mode 0700), existing
    /// ones are refused if somebody else owns them or may write there.
    pub fn local() -> Result<Root, RootError> {
        let surroundings = Surroundings {
            ennead_root: std::env::var_os("ENNEAD_ROOT"),
            runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
            secure: process::is_secure_execution(),
            uid: process::effective_uid(),
        };
        Self::local_among(&places(&surroundings), surroundings.uid)
    }

    pub(crate) fn local_among(places: &[Place], uid: u32) -> Result<Root, RootError> {
        let mut last = None;
        for place in places {
            match Self::open_place(place, uid) {
                Ok(root) => return Ok(root),
                Err(error) if place.demanded => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        let nothing = || RootError::System {
            step: "find",
            path: PathBuf::from("/tmp"),
            source: io::ErrorKind::NotFound.into(),
        };
        Err(RootError::NoPlace { last: Box::new(last.unwrap_or_else(nothing)) })
    }

    /// A local root at `path`, made (mode 0700) if only its last step is missing.
    pub fn at(path: impl AsRef<Path>) -> Result<Root, RootError> {
        Self::open_place(&place_at(path.as_ref().to_owned()), process::effective_uid())
    }

    /// The machine's root, `/run/ennead`. [`RootError::GlobalMissing`] where `ennead setup` never ran.
    pub fn global() -> Result<Root, RootError> {
        Self::global_at(GLOBAL)
    }

    /// A machine's root at another path. It must belong to root (or, for tests, to this user).
    pub fn global_at(path: impl AsRef<Path>) -> Result<Root, RootError> {
        let path = path.as_ref().to_owned();
        let folder = match Folder::open(&path) {
            Ok(folder) => folder,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(RootError::GlobalMissing { path }),
            Err(source) => return Err(RootError::System { step: "open", path, source }),
        };
        let uid = process::effective_uid();
        let system = |step| system(step, &path);
        let status = folder.status().map_err(system("look at"))?;
        if status.uid != 0 && status.uid != uid {
            return Err(audited(RootError::WrongOwner { path, owner: status.uid, expected: 0 }));
        }
        // Everybody makes a folder here, which is safe with the sticky bit only.
        if status.mode & 0o022 != 0 && status.mode & 0o1000 == 0 {
            return Err(audited(RootError::OpenToOthers { path, mode: status.mode }));
        }
        let tmpfs = folder.is_tmpfs().map_err(system("look at"))?;
        Ok(Root { path, folder, scope: Scope::Global, tmpfs, owner: uid, shelves: Mutex::default() }.warned())
    }

    fn open_place(place: &Place, uid: u32) -> Result<Root, RootError> {
        let parent = Folder::open(&place.parent).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => {
                RootError::NoParent { path: place.parent.join(&place.name), parent: place.parent.clone() }
            }
            _ => RootError::System { step: "open", path: place.parent.clone(), source },
        })?;
        if place.parent_is_ours {
            let owner = parent.status().map_err(system("look at", &place.parent))?.uid;
            if owner != uid {
                let path = place.parent.clone();
                return Err(audited(RootError::WrongOwner { path, owner, expected: uid }));
            }
        }
        let path = place.parent.join(&place.name);
        let folder = if place.demanded {
            // The user's own choice: it may be a link.
            match Folder::open(&path) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    open_or_make(&parent, &place.name, 0o700, uid).map_err(system("make", &path))?
                }
                other => other.map_err(system("open", &path))?,
            }
        } else {
            open_or_make(&parent, &place.name, 0o700, uid).map_err(system("open or make", &path))?
        };
        let status = folder.status().map_err(system("look at", &path))?;
        if status.uid != uid {
            return Err(audited(RootError::WrongOwner { path, owner: status.uid, expected: uid }));
        }
        if status.mode & 0o022 != 0 {
            return Err(audited(RootError::OpenToOthers { path, mode: status.mode }));
        }
        let tmpfs = folder.is_tmpfs().map_err(system("look at", &path))?;
        Ok(Root { path, folder, scope: Scope::Local, tmpfs, owner: uid, shelves: Mutex::default() }.warned())
    }

    fn warned(self) -> Root {
        if !self.tmpfs {
            tracing::warn!(
                target: "ennead::namespace",
                root = %self.path.display(),
                "the root is not on a tmpfs: entries outlive a restart, and a full disk ends in SIGBUS"
            );
        }
        self
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which namespace it is.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether it lies on a tmpfs, as it should.
    pub fn is_tmpfs(&self) -> bool {
        self.tmpfs
    }

    /// The folder that this process publishes in, made where missing.
    pub(crate) fn own_shelf(&self, kind: Kind) -> Result<Arc<Shelf>, EntryError> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = shelves.get(kind.folder()) {
            // Somebody may have removed the folder under us; then it has no name any more.
            if shelf.folder.status().is_ok_and(|status| status.links > 0) {
                return Ok(Arc::clone(shelf));
            }
        }
        let shelf = Arc::new(self.open_own_shelf(kind)?);
        shelves.insert(kind.folder(), Arc::clone(&shelf));
        Ok(shelf)
    }

    /// The folder of a kind in `Local\`, if it is there: who only looks makes nothing.
    fn existing_shelf(&self, kind: Kind) -> Result<Option<Arc<Shelf>>, EntryError> {
        match self.folder.status_of(OsStr::new(kind.folder())) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => self.own_shelf(kind).map(Some),
        }
    }

    fn open_own_shelf(&self, kind: Kind) -> Result<Shelf, EntryError> {
        let (home, mode) = match self.scope {
            Scope::Local => (self.folder.try_clone().map_err(system("open", &self.path))?, 0o700),
            Scope::Global => {
                let name = OsString::from(self.owner.to_string());
                let path = self.path.join(&name);
                let home = open_or_make(&self.folder, &name, 0o755, self.owner)
                    .map_err(system("open or make", &path))?;
                self.check_owned(&home, &path)?;
                (home, 0o755)
            }
        };
        let path = self.path.join(kind.folder());
        let folder = open_or_make(&home, OsStr::new(kind.folder()), mode, self.owner)
            .map_err(system("open or make", &path))?;
        self.check_owned(&folder, &path)?;
        Ok(self.shelf(folder, self.owner, kind))
    }

    fn shelf(&self, folder: Folder, owner: u32, kind: Kind) -> Shelf {
        let keyed = self.scope == Scope::Global && kind.holders() == Holders::Writers;
        Shelf { folder, owner, holders: kind.holders(), keys: if keyed { Keys::All } else { Keys::None } }
    }

    fn shelf_of_any_kind(&self, folder: Folder, owner: u32, name: &OsStr) -> Shelf {
        match [Kind::PIPE, Kind::MAILSLOT, Kind::OBJECT].into_iter().find(|kind| kind.folder() == name) {
            Some(kind) => self.shelf(folder, owner, kind),
            None => Shelf { folder, owner, holders: Holders::Readers, keys: Keys::Some },
        }
    }

    fn check_owned(&self, folder: &Folder, path: &Path) -> Result<(), RootError> {
        let status = folder.status().map_err(system("look at", path))?;
        if status.uid != self.owner {
            let error =
                RootError::WrongOwner { path: path.to_owned(), owner: status.uid, expected: self.owner };
            return Err(audited(error));
        }
        if status.mode & 0o022 != 0 {
            return Err(audited(RootError::OpenToOthers { path: path.to_owned(), mode: status.mode }));
        }
        Ok(())
    }

    /// Every folder of this kind: root's first, then the own one (each if it is there), then the others' by rising uid.
    pub(crate) fn shelves(&self, kind: Kind) -> Result<Vec<Arc<Shelf>>, EntryError> {
        if self.scope == Scope::Local {
            return Ok(self.existing_shelf(kind)?.into_iter().collect());
        }
        let mut shelves = Vec::new();
        for uid in self.uids()? {
            let Some(home) = self.home_of(uid)? else { continue };
            let folder = match home.open_in(OsStr::new(kind.folder())) {
                Ok(folder) => folder,
                // Else a holder would be overlooked.
                Err(e) if file::is_shortage(&e) => return Err(system("open", &self.path)(e).into()),
                Err(_) => continue,
            };
            if folder.status().is_ok_and(|status| status.uid == uid && status.mode & 0o022 == 0) {
                shelves.push(Arc::new(self.shelf(folder, uid, kind)));
            }
        }
        shelves.sort_by_key(|shelf| (shelf.owner != 0, shelf.owner != self.owner, shelf.owner));
        Ok(shelves)
    }

    /// The folder of one user in `Global\`, if it is really theirs.
    pub(crate) fn home_of(&self, uid: u32) -> Result<Option<Folder>, RootError> {
        let name = OsString::from(uid.to_string());
        let home = match self.folder.open_in(&name) {
            Ok(home) => home,
            Err(e) if file::is_shortage(&e) => return Err(system("open", &self.path)(e)),
            Err(_) => return Ok(None),
        };
        let Ok(status) = home.status() else { return Ok(None) };
        if status.uid == uid && status.mode & 0o022 == 0 {
            return Ok(Some(home));
        }
        tracing::warn!(
            target: "ennead::audit",
            uid, owner = status.uid, mode = status.mode,
            "ignored a folder in the global root that is not its user's alone"
        );
        Ok(None)
    }

    /// The users who have a folder in `Global\`.
    fn uids(&self) -> Result<Vec<u32>, EntryError> {
        let names = self.folder.names().map_err(system("list", &self.path))?;
        Ok(names.iter().filter_map(|name| parse_uid(name)).collect())
    }

    /// The folder of one owner: for `Local\` the root itself.
    pub(crate) fn home(&self, uid: u32) -> Result<Option<Folder>, EntryError> {
        match self.scope {
            Scope::Local if uid == self.owner => {
                Ok(Some(self.folder.try_clone().map_err(system("open", &self.path))?))
            }
            Scope::Local => Ok(None),
            Scope::Global => Ok(self.home_of(uid)?),
        }
    }

    /// The kinds' folders that exist in the folders which this user may clean.
    pub(crate) fn cleanable(&self) -> Result<Vec<Arc<Shelf>>, EntryError> {
        let caller = process::effective_uid();
        let mut shelves = self.every_shelf()?;
        shelves.retain(|shelf| caller == 0 || caller == shelf.owner);
        Ok(shelves)
    }

    /// The kinds' folders that exist, of every user.
    pub(crate) fn every_shelf(&self) -> Result<Vec<Arc<Shelf>>, EntryError> {
        let uids = match self.scope {
            Scope::Local => vec![self.owner],
            Scope::Global => self.uids()?,
        };
        let mut shelves = Vec::new();
        for uid in uids {
            let Some(home) = self.home(uid)? else { continue };
            for name in home.names().map_err(system("list", &self.path))? {
                let is_folder =
                    |home: &Folder| home.status_of(&name).is_ok_and(|status| status.kind == FileKind::Folder);
                if name.as_bytes().starts_with(b".") || !is_folder(&home) {
                    continue;
                }
                if let Ok(folder) = home.open_in(&name) {
                    shelves.push(Arc::new(self.shelf_of_any_kind(folder, uid, &name)));
                }
            }
        }
        Ok(shelves)
    }
}

/// Decimal, without leading zeros or signs: one folder name a user.
pub(crate) fn parse_uid(name: &OsStr) -> Option<u32> {
    let text = name.to_str()?;
    let uid: u32 = text.parse().ok()?;
    (uid.to_string() == text).then_some(uid)
}

/// Opens a folder, or makes it; `uid` is who shall own it, so a user who is not that one makes none.
fn open_or_make(parent: &Folder, name: &OsStr, mode: u32, uid: u32) -> io::Result<Folder> {
    match parent.open_in(name) {
        Err(e) if e.kind() == io::ErrorKind::NotFound && process::effective_uid() == uid => {
            match parent.make(name, mode) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
            parent.open_in(name)
        }
        other => other,
    }
}

fn system<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> RootError + use<'a> {
    move |source| RootError::System { step, path: path.to_owned(), source }
}

fn audited(error: RootError) -> RootError {
    tracing::warn!(target: "ennead::audit", %error, "refused a root");
    error
}

/// Where the local root may be, in order.
pub(crate) fn places(surroundings: &Surroundings) -> Vec<Place> {
    let Surroundings { ennead_root, runtime_dir, secure, uid } = surroundings;
    if let Some(root) = ennead_root.as_ref().filter(|root| !secure && !root.is_empty()) {
        return vec![place_at(PathBuf::from(root))];
    }
    let mut places = Vec::new();
    let mut push = |parent: PathBuf, name: String, parent_is_ours| {
        places.push(Place { parent, name: name.into(), parent_is_ours, demanded: false });
    };
    // The base directory specification: a relative path is to be ignored.
    if let Some(folder) = runtime_dir.as_ref().map(PathBuf::from).filter(|path| !secure && path.is_absolute())
    {
        push(folder, "ennead".to_owned(), true);
    }
    push(PathBuf::from(format!("/run/user/{uid}")), "ennead".to_owned(), true);
    push(PathBuf::from("/dev/shm"), format!("ennead-{uid}"), false);
    push(PathBuf::from("/tmp"), format!("ennead-{uid}"), false);
    places
}

fn place_at(path: PathBuf) -> Place {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Place { parent: parent.to_owned(), name: name.to_owned(), parent_is_ours: false, demanded: true }
        }
        // `/`, `..`: a folder that exists, or nothing.
        _ => Place { parent: path, name: ".".into(), parent_is_ours: false, demanded: true },
    }
}

#[cfg(test)]
mod tests;
