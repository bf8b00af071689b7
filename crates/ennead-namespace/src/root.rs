//! The roots: `Local\` of this user, `Global\` of the machine.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ennead_sys::file::{self, FileKind};
use ennead_sys::folder::Folder;
use ennead_sys::process;

use crate::error::{EntryError, RootError};
use crate::name::{Holders, Kind, Name};
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

/// The root folder of a namespace. This user's is made when something is first created in it: who only looks makes nothing.
#[derive(Debug)]
pub struct Root {
    base: Arc<Base>,
    users: Users,
    /// The private namespace that all names are in.
    pub(crate) inside: Option<u64>,
    shelves: Mutex<HashMap<&'static str, Arc<Shelf>>>,
}

/// The folder itself, which roots that differ in whom they look at have in common.
#[derive(Debug)]
struct Base {
    opened: OnceLock<Opened>,
    /// Where it is made, if it is not there yet.
    places: Vec<Place>,
    expected: PathBuf,
    scope: Scope,
    /// Whose root it is; in `Global\`, whose folder this process publishes in.
    owner: u32,
}

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    folder: Folder,
    tmpfs: bool,
}

/// Whose folders are looked into.
#[derive(Clone)]
enum Users {
    All,
    Those(Arc<dyn Fn(u32) -> bool + Send + Sync>),
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Users::All => "All",
            Users::Those(_) => "Those",
        })
    }
}

/// Another handle of the same folder, with a memory of its own for the kinds' folders.
impl Clone for Root {
    fn clone(&self) -> Root {
        Root {
            base: Arc::clone(&self.base),
            users: self.users.clone(),
            inside: self.inside,
            shelves: Mutex::default(),
        }
    }
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
    /// `/run/user/UID/ennead`, else `/dev/shm/ennead-UID`, else `/tmp/ennead-UID`. Existing folders are refused if somebody else owns
    /// them or may write there; where none exists, the first that can be made is, with mode 0700, at the first create.
    pub fn local() -> Result<Root, RootError> {
        let surroundings = Surroundings {
            ennead_root: std::env::var_os("ENNEAD_ROOT"),
            runtime_dir: std::env::var_os("XDG_RUNTIME_DIR"),
            secure: process::is_secure_execution(),
            uid: process::effective_uid(),
        };
        Self::local_among(places(&surroundings), surroundings.uid)
    }

    pub(crate) fn local_among(places: Vec<Place>, uid: u32) -> Result<Root, RootError> {
        let mut last = None;
        let mut expected = None;
        let mut found = None;
        for place in &places {
            match open_place(place, uid, false) {
                Ok(Some(opened)) => {
                    found = Some(opened);
                    break;
                }
                Ok(None) => expected = expected.or_else(|| Some(place.path())),
                Err(error) if place.demanded => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        let Some(expected) = found.as_ref().map(|opened| opened.path.clone()).or(expected) else {
            return Err(no_place(last));
        };
        let opened = found.map(OnceLock::from).unwrap_or_default();
        Ok(Self::new(Base { opened, places, expected, scope: Scope::Local, owner: uid }))
    }

    fn new(base: Base) -> Root {
        Root { base: Arc::new(base), users: Users::All, inside: None, shelves: Mutex::default() }
    }

    /// A local root at `path`, made now (mode 0700) if only its last step is missing: whoever names a place wants it.
    pub fn at(path: impl AsRef<Path>) -> Result<Root, RootError> {
        let root = Self::local_among(vec![place_at(path.as_ref().to_owned())], process::effective_uid())?;
        root.base.made()?;
        Ok(root)
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
        let status = folder.status().map_err(system("look at", &path))?;
        if status.uid != 0 && status.uid != uid {
            return Err(audited(RootError::WrongOwner { path, owner: status.uid, expected: 0 }));
        }
        // Everybody makes a folder here, which is safe with the sticky bit only.
        if status.mode & 0o022 != 0 && status.mode & 0o1000 == 0 {
            return Err(audited(RootError::OpenToOthers { path, mode: status.mode }));
        }
        let opened = Opened::new(path.clone(), folder)?;
        Ok(Self::new(Base {
            opened: OnceLock::from(opened),
            places: Vec::new(),
            expected: path,
            scope: Scope::Global,
            owner: uid,
        }))
    }

    /// The same root, in which only what these users hold is seen, whoever else may hold a name: for a client that knows whose the
    /// server is, and would not talk to another. Who creates a name here takes no notice of others' holding it either, and their
    /// clients then find two holders.
    #[must_use]
    pub fn trusting(&self, users: impl Fn(u32) -> bool + Send + Sync + 'static) -> Root {
        let users = match &self.users {
            Users::All => Users::Those(Arc::new(users)),
            Users::Those(those) => {
                let those = Arc::clone(those);
                Users::Those(Arc::new(move |uid| those(uid) && users(uid)))
            }
        };
        Root { users, ..self.clone() }
    }

    /// The same root, whose names are all in the private namespace `id`.
    pub(crate) fn within(&self, id: u64) -> Root {
        Root { inside: Some(id), ..self.clone() }
    }

    fn admits(&self, uid: u32) -> bool {
        match &self.users {
            Users::All => true,
            Users::Those(those) => those(uid),
        }
    }

    /// The file that stands for a name here.
    pub(crate) fn file_name(&self, kind: Kind, name: &Name) -> OsString {
        name.file_name_within(self.inside, kind.case())
    }

    /// Where it is, or will be.
    pub fn path(&self) -> &Path {
        self.base.opened.get().map_or(&self.base.expected, |opened| &opened.path)
    }

    /// Which namespace it is.
    pub fn scope(&self) -> Scope {
        self.base.scope
    }

    /// Whether it lies on a tmpfs, as it should; `true` while it does not exist.
    pub fn is_tmpfs(&self) -> bool {
        self.base.opened.get().is_none_or(|opened| opened.tmpfs)
    }

    /// The folder that this process publishes in, made where missing.
    pub(crate) fn own_shelf(&self, kind: Kind) -> Result<Arc<Shelf>, EntryError> {
        if !self.admits(self.base.owner) {
            return Err(EntryError::AccessDenied);
        }
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shelf) = known(&shelves, kind) {
            return Ok(shelf);
        }
        let shelf = Arc::new(self.open_own_shelf(kind)?);
        shelves.insert(kind.folder(), Arc::clone(&shelf));
        Ok(shelf)
    }

    /// The folder of a kind in `Local\`, if it is there: who only looks makes nothing.
    fn existing_shelf(&self, kind: Kind) -> Result<Option<Arc<Shelf>>, EntryError> {
        if self.admits(self.base.owner)
            && let Some(shelf) = known(&self.shelves.lock().unwrap_or_else(PoisonError::into_inner), kind)
        {
            return Ok(Some(shelf));
        }
        let Some(folder) = self.base.folder()? else { return Ok(None) };
        match folder.status_of(OsStr::new(kind.folder())) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            _ => self.own_shelf(kind).map(Some),
        }
    }

    fn open_own_shelf(&self, kind: Kind) -> Result<Shelf, EntryError> {
        let (folder, owner) = (self.base.made()?, self.base.owner);
        let (home, mode) = match self.scope() {
            Scope::Local => (folder.try_clone().map_err(system("open", self.path()))?, 0o700),
            Scope::Global => {
                let name = OsString::from(owner.to_string());
                let path = self.path().join(&name);
                let home =
                    open_or_make(folder, &name, 0o755, owner).map_err(system("open or make", &path))?;
                self.check_owned(&home, &path)?;
                (home, 0o755)
            }
        };
        let path = self.path().join(kind.folder());
        let folder = open_or_make(&home, OsStr::new(kind.folder()), mode, owner)
            .map_err(system("open or make", &path))?;
        self.check_owned(&folder, &path)?;
        Ok(self.shelf(folder, owner, kind))
    }

    fn shelf(&self, folder: Folder, owner: u32, kind: Kind) -> Shelf {
        let keyed = self.scope() == Scope::Global && kind.holders() == Holders::Writers;
        let keys = if keyed { Keys::All } else { Keys::None };
        Shelf { folder, owner, own: owner == self.base.owner, holders: kind.holders(), keys }
    }

    fn shelf_of_any_kind(&self, folder: Folder, owner: u32, name: &OsStr) -> Shelf {
        match [Kind::PIPE, Kind::MAILSLOT, Kind::OBJECT, Kind::NAMESPACE]
            .into_iter()
            .find(|kind| kind.folder() == name)
        {
            Some(kind) => self.shelf(folder, owner, kind),
            None => {
                let own = owner == self.base.owner;
                Shelf { folder, owner, own, holders: Holders::Readers, keys: Keys::Some }
            }
        }
    }

    fn check_owned(&self, folder: &Folder, path: &Path) -> Result<(), RootError> {
        let status = folder.status().map_err(system("look at", path))?;
        if status.uid != self.base.owner {
            let expected = self.base.owner;
            let error = RootError::WrongOwner { path: path.to_owned(), owner: status.uid, expected };
            return Err(audited(error));
        }
        if status.mode & 0o022 != 0 {
            return Err(audited(RootError::OpenToOthers { path: path.to_owned(), mode: status.mode }));
        }
        Ok(())
    }

    /// Every folder of this kind: root's first, then the own one (each if it is there), then the others' by rising uid.
    pub(crate) fn shelves(&self, kind: Kind) -> Result<Vec<Arc<Shelf>>, EntryError> {
        if self.scope() == Scope::Local {
            let own = if self.admits(self.base.owner) { self.existing_shelf(kind)? } else { None };
            return Ok(own.into_iter().collect());
        }
        let mut shelves = Vec::new();
        for uid in self.uids()?.into_iter().filter(|&uid| self.admits(uid)) {
            let Some(home) = self.home_of(uid)? else { continue };
            let folder = match home.open_in(OsStr::new(kind.folder())) {
                Ok(folder) => folder,
                // Else a holder would be overlooked.
                Err(e) if file::is_shortage(&e) => return Err(system("open", self.path())(e).into()),
                Err(_) => continue,
            };
            if folder.status().is_ok_and(|status| status.uid == uid && status.mode & 0o022 == 0) {
                shelves.push(Arc::new(self.shelf(folder, uid, kind)));
            }
        }
        shelves.sort_by_key(|shelf| (shelf.owner != 0, shelf.owner != self.base.owner, shelf.owner));
        Ok(shelves)
    }

    /// The folder of one user in `Global\`, if it is really theirs.
    pub(crate) fn home_of(&self, uid: u32) -> Result<Option<Folder>, RootError> {
        let name = OsString::from(uid.to_string());
        let Some(folder) = self.base.folder()? else { return Ok(None) };
        let home = match folder.open_in(&name) {
            Ok(home) => home,
            Err(e) if file::is_shortage(&e) => return Err(system("open", self.path())(e)),
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
        let Some(folder) = self.base.folder()? else { return Ok(Vec::new()) };
        let names = folder.names().map_err(system("list", self.path()))?;
        Ok(names.iter().filter_map(|name| parse_uid(name)).collect())
    }

    /// The folder of one owner: for `Local\` the root itself.
    pub(crate) fn home(&self, uid: u32) -> Result<Option<Folder>, EntryError> {
        match self.scope() {
            Scope::Local if uid == self.base.owner => match self.base.folder()? {
                Some(folder) => Ok(Some(folder.try_clone().map_err(system("open", self.path()))?)),
                None => Ok(None),
            },
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
        let uids = match self.scope() {
            Scope::Local => vec![self.base.owner],
            Scope::Global => self.uids()?,
        };
        let mut shelves = Vec::new();
        for uid in uids {
            let Some(home) = self.home(uid)? else { continue };
            for name in home.names().map_err(system("list", self.path()))? {
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

impl Base {
    /// The folder, if it is there.
    fn folder(&self) -> Result<Option<&Folder>, RootError> {
        if let Some(opened) = self.opened.get() {
            return Ok(Some(&opened.folder));
        }
        for place in &self.places {
            match open_place(place, self.owner, false) {
                Ok(Some(opened)) => return Ok(Some(&self.opened.get_or_init(|| opened).folder)),
                Err(error) if place.demanded => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(None)
    }

    /// The folder, made where missing.
    fn made(&self) -> Result<&Folder, RootError> {
        if let Some(opened) = self.opened.get() {
            return Ok(&opened.folder);
        }
        let mut last = None;
        for place in &self.places {
            match open_place(place, self.owner, true) {
                Ok(Some(opened)) => return Ok(&self.opened.get_or_init(|| opened).folder),
                Ok(None) => {}
                Err(error) if place.demanded => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(no_place(last))
    }
}

impl Opened {
    fn new(path: PathBuf, folder: Folder) -> Result<Opened, RootError> {
        let tmpfs = folder.is_tmpfs().map_err(system("look at", &path))?;
        if !tmpfs {
            tracing::warn!(
                target: "ennead::namespace",
                root = %path.display(),
                "the root is not on a tmpfs: entries outlive a restart, and a full disk ends in SIGBUS"
            );
        }
        Ok(Opened { path, folder, tmpfs })
    }
}

impl Place {
    fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }
}

/// The root at a place, checked; `None` if it is not there, and not to be made.
fn open_place(place: &Place, uid: u32, make: bool) -> Result<Option<Opened>, RootError> {
    let path = place.path();
    let parent = Folder::open(&place.parent).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => RootError::NoParent { path: path.clone(), parent: place.parent.clone() },
        _ => RootError::System { step: "open", path: place.parent.clone(), source },
    })?;
    if place.parent_is_ours {
        let owner = parent.status().map_err(system("look at", &place.parent))?.uid;
        if owner != uid {
            let path = place.parent.clone();
            return Err(audited(RootError::WrongOwner { path, owner, expected: uid }));
        }
    }
    // One that the user chose may be a link.
    let there = if place.demanded { Folder::open(&path) } else { parent.open_in(&place.name) };
    let is_link = || parent.status_of(&place.name).is_ok_and(|status| status.kind == FileKind::Link);
    let folder = match there {
        // One that leads nowhere.
        Err(e) if e.kind() == io::ErrorKind::NotFound && is_link() => return Err(system("open", &path)(e)),
        Err(e) if e.kind() == io::ErrorKind::NotFound && !make => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            open_or_make(&parent, &place.name, 0o700, uid).map_err(system("make", &path))?
        }
        other => other.map_err(system("open", &path))?,
    };
    let status = folder.status().map_err(system("look at", &path))?;
    if status.uid != uid {
        return Err(audited(RootError::WrongOwner { path, owner: status.uid, expected: uid }));
    }
    if status.mode & 0o022 != 0 {
        return Err(audited(RootError::OpenToOthers { path, mode: status.mode }));
    }
    Opened::new(path, folder).map(Some)
}

fn no_place(last: Option<RootError>) -> RootError {
    let nothing = || RootError::System {
        step: "find",
        path: PathBuf::from("/tmp"),
        source: io::ErrorKind::NotFound.into(),
    };
    RootError::NoPlace { last: Box::new(last.unwrap_or_else(nothing)) }
}

/// The folder of a kind that was opened before, and that nobody has removed under us since: then it would have no name any more.
fn known(shelves: &HashMap<&'static str, Arc<Shelf>>, kind: Kind) -> Option<Arc<Shelf>> {
    let shelf = shelves.get(kind.folder())?;
    shelf.folder.status().is_ok_and(|status| status.links > 0).then(|| Arc::clone(shelf))
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
