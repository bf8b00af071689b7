//! Private namespaces: names that mean something only to those who know a boundary.
//!
//! Pages: [Object Namespaces](https://learn.microsoft.com/windows/win32/sync/object-namespaces),
//! [CreatePrivateNamespace](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createprivatenamespacew).
//!
//! A namespace is an entry; while its creator lives, others can open it. Its objects are ordinary ones, whose names
//! begin with the namespace's own, which has backslashes and so is nobody else's. The alias stands for that in this process.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ennead_namespace::{
    Case, CreateOptions, Entry, EntryError, Kind, Name, NameError, Protection, RootError, Scope, Wanted,
};
use ennead_security::{SecurityDescriptor, Sid, Token};
use ennead_status::Win32Error;
use ennead_sys::process;

use crate::layout;
use crate::place::Place;
use crate::rights;

const KIND: Kind = Kind::new("namespace", Case::Matters);
/// "PNSP", the entry's body tag.
const TAG: u32 = u32::from_le_bytes(*b"PNSP");
/// The slot that the creator holds.
const CREATOR: u32 = 0;

/// What a namespace is isolated by: a name and the users and groups that its creator must be or belong to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Boundary {
    name: String,
    sids: Vec<Sid>,
}

impl Boundary {
    /// A boundary of a name only (`CreateBoundaryDescriptor`).
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), sids: Vec::new() }
    }

    /// One that also asks for this user or group (`AddSIDToBoundaryDescriptor`).
    #[must_use]
    pub fn sid(mut self, sid: Sid) -> Self {
        if let Err(at) = self.sids.binary_search_by_key(&sid.to_bytes(), Sid::to_bytes) {
            self.sids.insert(at, sid);
        }
        self
    }

    fn admits(&self, token: &Token) -> bool {
        self.sids.iter().all(|sid| token.has(sid))
    }
}

/// A private namespace that this process made or opened. While it is held, `ALIAS\NAME` names an object in it, in this
/// process. Dropping it closes it (`ClosePrivateNamespace`): the objects go on, and after its creator's nobody can open it any more.
#[derive(Debug)]
pub struct PrivateNamespace {
    alias: Vec<u16>,
    // Kept for its locks.
    _entry: Entry,
}

/// What aliases stand for in this process: the root, and what the names begin with.
static ALIASES: Mutex<Option<Aliases>> = Mutex::new(None);

type Aliases = HashMap<Vec<u16>, (Scope, Vec<u16>)>;

impl PrivateNamespace {
    /// Makes a namespace, for its creator's user only unless a descriptor says otherwise; in `Global\` where that admits others.
    ///
    /// # Errors
    /// ERROR_ACCESS_DENIED where the caller is not within the boundary; ERROR_ALREADY_EXISTS where a living process made it, or this process
    /// uses the alias; ERROR_INVALID_PARAMETER for an alias that can be none.
    pub fn create(
        alias: &str,
        boundary: &Boundary,
        descriptor: Option<&SecurityDescriptor>,
    ) -> Result<Self, NamespaceError> {
        Self::create_at(&Place::of_process(), alias, boundary, descriptor)
    }

    /// The same in another place.
    ///
    /// # Errors
    /// As [`PrivateNamespace::create`].
    pub fn create_at(
        place: &Place,
        alias: &str,
        boundary: &Boundary,
        descriptor: Option<&SecurityDescriptor>,
    ) -> Result<Self, NamespaceError> {
        let name = name_of(alias, boundary)?;
        let token = Token::unix(process::effective_uid(), &process::groups());
        if !boundary.admits(&token) {
            return Err(NamespaceError::Boundary);
        }
        let default = rights::default_descriptor();
        let protection = rights::protection(descriptor.unwrap_or(&default), &rights::STATEFUL);
        let scope = if protection.admits_others() { Scope::Global } else { Scope::Local };
        let entry = Self::made(place, scope, &name, &protection)?;
        if !entry.lock_slot(CREATOR)? {
            return Err(NamespaceError::Exists);
        }
        Self::known_as(alias, scope, &name, entry)
    }

    /// Opens a namespace that a living process made (`OpenPrivateNamespace`).
    ///
    /// # Errors
    /// ERROR_PATH_NOT_FOUND where there is none of this alias and boundary; ERROR_ACCESS_DENIED where its descriptor does not admit the caller;
    /// ERROR_ALREADY_EXISTS where this process uses the alias.
    pub fn open(alias: &str, boundary: &Boundary) -> Result<Self, NamespaceError> {
        Self::open_at(&Place::of_process(), alias, boundary)
    }

    /// The same in another place.
    ///
    /// # Errors
    /// As [`PrivateNamespace::open`].
    pub fn open_at(place: &Place, alias: &str, boundary: &Boundary) -> Result<Self, NamespaceError> {
        let name = name_of(alias, boundary)?;
        for scope in [Scope::Local, Scope::Global] {
            let root = match place.root(scope) {
                Err(EntryError::Root(RootError::GlobalMissing { .. })) => continue,
                root => root?,
            };
            let entry = match root.open(KIND, &name, Wanted::ReadWrite) {
                Err(EntryError::NotFound) => continue,
                entry => entry?,
            };
            if entry.body_tag() == TAG && entry.slot_is_held(CREATOR)? {
                return Self::known_as(alias, scope, &name, entry);
            }
        }
        Err(NamespaceError::NotFound)
    }

    fn made(
        place: &Place,
        scope: Scope,
        name: &Name,
        protection: &Protection,
    ) -> Result<Entry, NamespaceError> {
        let options = CreateOptions::new(protection).body(TAG, layout::VERSION, 8).wanted(Wanted::ReadWrite);
        Ok(place.root(scope)?.create(KIND, name, &options)?.into_entry())
    }

    fn known_as(alias: &str, scope: Scope, name: &Name, entry: Entry) -> Result<Self, NamespaceError> {
        let alias: Vec<u16> = alias.encode_utf16().collect();
        let mut aliases = aliases();
        let aliases = aliases.get_or_insert_default();
        if aliases.contains_key(&alias) {
            return Err(NamespaceError::Exists);
        }
        aliases.insert(alias.clone(), (scope, name.as_wide().to_vec()));
        Ok(Self { alias, _entry: entry })
    }
}

impl Drop for PrivateNamespace {
    fn drop(&mut self) {
        if let Some(aliases) = aliases().as_mut() {
            aliases.remove(&self.alias);
        }
    }
}

/// What `ALIAS\rest` is called, if this process knows the alias.
pub(crate) fn resolve(alias: &[u16], rest: &[u16]) -> Option<(Scope, Vec<u16>)> {
    let aliases = aliases();
    let (scope, prefix) = aliases.as_ref()?.get(alias)?;
    let mut name = prefix.clone();
    name.push(u16::from(b'\\'));
    name.extend_from_slice(rest);
    Some((*scope, name))
}

fn aliases() -> MutexGuard<'static, Option<Aliases>> {
    ALIASES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Unambiguous whatever the parts hold, and with a backslash, which no ordinary name has.
fn name_of(alias: &str, boundary: &Boundary) -> Result<Name, NamespaceError> {
    if alias.is_empty() || alias.contains('\\') || ["Local", "Global", "Session"].contains(&alias) {
        return Err(NamespaceError::Alias);
    }
    let sids: Vec<String> = boundary.sids.iter().map(ToString::to_string).collect();
    let text = format!("{alias}\\{}\\{}:{}", sids.join(","), boundary.name.len(), boundary.name);
    Name::new(&text).map_err(NamespaceError::Name)
}

/// Why a private namespace could not be made or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum NamespaceError {
    /// The alias is empty, has a backslash, or is `Local`, `Global` or `Session`. ERROR_INVALID_PARAMETER.
    Alias,
    /// Alias or boundary cannot stand in a name. The code of the name's error.
    Name(NameError),
    /// The caller is not within the boundary. ERROR_ACCESS_DENIED.
    Boundary,
    /// A living process has made it, or this process uses the alias. ERROR_ALREADY_EXISTS.
    Exists,
    /// There is none. ERROR_PATH_NOT_FOUND.
    NotFound,
    /// Its entry could not be made or opened. The code of the entry's error.
    Entry(EntryError),
}

impl NamespaceError {
    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Alias => Win32Error::INVALID_PARAMETER,
            Self::Name(error) => error.win32(),
            Self::Boundary => Win32Error::ACCESS_DENIED,
            Self::Exists => Win32Error::ALREADY_EXISTS,
            Self::NotFound => Win32Error::PATH_NOT_FOUND,
            Self::Entry(error) => error.win32(),
        }
    }
}

impl From<EntryError> for NamespaceError {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Alias => f.write_str(r"the alias is empty, has a backslash, or is one of the system's"),
            Self::Name(error) => error.fmt(f),
            Self::Boundary => f.write_str("the caller is not within the namespace's boundary"),
            Self::Exists => f.write_str("the namespace exists, or this process uses the alias already"),
            Self::NotFound => f.write_str("no living process has made this namespace"),
            Self::Entry(error) => error.fmt(f),
        }
    }
}

impl Error for NamespaceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => error.source(),
            Self::Entry(error) => error.source(),
            _ => None,
        }
    }
}
