//! Private namespaces: names that only those can take who are within a boundary.
//!
//! A [`Boundary`] is a name and at least one SID; together they say which namespace is meant. Its creator must have every one of
//! those SIDs, and whoever opens it looks only at namespaces whose creators have them: so nobody outside can put one in its
//! place, by being first or by any trick. What is created *in* the namespace is looked for only with the users whom its
//! descriptor lets create objects ([`CREATE_OBJECT`]), its owner, and root.
//!
//! In a process the namespace goes by an alias, the prefix of its objects' names (`ALIAS\event`): [`root_of_alias`] gives the root
//! that they are created and opened in. The namespace can be opened as long as its creator has it open; the objects
//! in it live as long as their own handles do.
//!
//! Pages: [Object Namespaces](https://learn.microsoft.com/windows/win32/sync/object-namespaces),
//! [CreatePrivateNamespace](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createprivatenamespacew),
//! [OpenPrivateNamespace](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-openprivatenamespacew),
//! [ClosePrivateNamespace](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-closeprivatenamespace),
//! [CreateBoundaryDescriptor](https://learn.microsoft.com/windows/win32/api/namespaceapi/nf-namespaceapi-createboundarydescriptorw).
//!
//! A user's groups are those of `/etc/passwd` and `/etc/group`, since the kernel tells only of one's own. Of integrity labels every user
//! has those up to medium, and uid 0 those above.

mod error;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Sid, Token, access_check};
use ennead_sys::{accounts, process};

pub use self::error::PrivateError;
use crate::entry::{CreateOptions, Created, Entry, Wanted};
use crate::error::{EntryError, NameError};
use crate::lookup::Roots;
use crate::name::{Kind, Name};
use crate::protection::Protection;
use crate::root::Root;

/// `DIRECTORY_TRAVERSE`: to open the namespace.
pub const TRAVERSE: AccessMask = AccessMask(0x0002);
/// `DIRECTORY_CREATE_OBJECT`: to create objects in it.
pub const CREATE_OBJECT: AccessMask = AccessMask(0x0004);

/// The rights of a namespace, as those of an object directory.
pub const MAPPING: GenericMapping = GenericMapping {
    read: AccessMask(AccessMask::READ_CONTROL.0 | 0x0003),
    write: AccessMask(AccessMask::READ_CONTROL.0 | 0x000c),
    execute: AccessMask(AccessMask::READ_CONTROL.0 | 0x0003),
    all: AccessMask(AccessMask::STANDARD_REQUIRED.0 | 0x000f),
};

const TAG: u32 = u32::from_le_bytes(*b"PRIV");
const VERSION: u32 = 1;

/// What a namespace is isolated by: a name, and SIDs (`CreateBoundaryDescriptor`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boundary {
    name: Name,
    sids: BTreeSet<Sid>,
}

impl Boundary {
    /// A boundary without SIDs, which needs one at least.
    pub fn new(name: &str) -> Result<Boundary, NameError> {
        Ok(Boundary { name: Name::new(name)?, sids: BTreeSet::new() })
    }

    /// The same for UTF-16 units, which need not be well formed.
    pub fn from_wide(name: &[u16]) -> Result<Boundary, NameError> {
        Ok(Boundary { name: Name::from_wide(name)?, sids: BTreeSet::new() })
    }

    /// Adds a SID (`AddSIDToBoundaryDescriptor`, `AddIntegrityLabelToBoundaryDescriptor`). Their order does not matter.
    pub fn add(&mut self, sid: Sid) {
        self.sids.insert(sid);
    }

    /// Whether a user has every one of its SIDs.
    pub fn holds(&self, uid: u32) -> bool {
        let token = token_of(uid);
        self.sids.iter().all(|sid| token.has(sid) || has_label(uid, sid))
    }

    /// One text for each boundary: the length tells where the name ends.
    fn key(&self) -> Result<Name, PrivateError> {
        if self.sids.is_empty() {
            return Err(PrivateError::NoSid);
        }
        let name = self.name.as_wide();
        let mut units: Vec<u16> = format!("{}:", name.len()).encode_utf16().collect();
        units.extend(name);
        for sid in &self.sids {
            units.extend(format!("|{sid}").encode_utf16());
        }
        Name::from_wide(&units).map_err(PrivateError::Name)
    }
}

/// `S-1-16-level`.
fn has_label(uid: u32, sid: &Sid) -> bool {
    const MEDIUM: u32 = 0x2000;
    let is_label = |level: u32| Sid::new(16, &[level]).as_ref() == Some(sid);
    matches!(sid.sub_authorities(), &[level] if is_label(level) && (level <= MEDIUM || uid == 0))
}

/// What everybody agrees on about a user, be it the own one.
fn token_of(uid: u32) -> Token {
    let groups = accounts::groups_of(uid).unwrap_or_else(|error| {
        tracing::warn!(target: "ennead::namespace", uid, %error, "the user counts as a member of no group");
        Vec::new()
    });
    Token::unix(uid, &groups)
}

/// An open private namespace, and its alias in this process. Dropping it is `ClosePrivateNamespace`: the alias is free, and if it
/// was created here, nobody can open the namespace any more. Objects in it go on.
#[derive(Debug)]
pub struct PrivateNamespace {
    alias: Vec<u16>,
    root: Arc<Root>,
    entry: Entry,
}

/// The roots of the aliases of this process; none yet for one that is just being opened.
type Aliases = HashMap<Vec<u16>, Option<Arc<Root>>>;

static ALIASES: Mutex<Option<Aliases>> = Mutex::new(None);

fn aliases() -> MutexGuard<'static, Option<Aliases>> {
    ALIASES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The root of the objects whose names begin with `ALIAS\`. `None` if no namespace goes by that alias in this process.
pub fn root_of_alias(alias: &[u16]) -> Option<Arc<Root>> {
    aliases().as_ref()?.get(alias)?.clone()
}

impl PrivateNamespace {
    /// Creates the namespace (`CreatePrivateNamespace`). Without a descriptor, only this user may open it, and root.
    ///
    /// It is the machine's where its descriptor admits another user and `Global\` exists, else this user's.
    ///
    /// # Errors
    /// [`PrivateError::Exists`] if the boundary has a namespace already, [`PrivateError::Outside`] if the caller is not within
    /// it, [`PrivateError::Alias`] if the alias is taken.
    pub fn create(
        roots: &Roots,
        boundary: &Boundary,
        alias: &str,
        descriptor: Option<&SecurityDescriptor>,
    ) -> Result<PrivateNamespace, PrivateError> {
        let key = boundary.key()?;
        if !boundary.holds(process::effective_uid()) {
            return Err(PrivateError::Outside);
        }
        let alias = match Alias::reserve(alias) {
            // Where both are true, what is told is that the namespace is there.
            Err(PrivateError::Alias) if is_there(roots, boundary, &key) => return Err(PrivateError::Exists),
            alias => alias?,
        };
        let protection = match descriptor {
            // Who may delete it may write its entry, that is, hold it open.
            Some(given) => {
                Protection::new(given, Meaning { read: TRAVERSE, write: AccessMask::DELETE }, &MAPPING)
            }
            None => Protection::private(),
        };
        let options = CreateOptions::new(&protection).body(TAG, VERSION, 0).exclusive();
        match seen(roots, boundary).create_entry(Kind::NAMESPACE, &key, &options) {
            Ok((scope, Created::New(entry))) => {
                let root = roots.of(scope).ok_or(PrivateError::Missing)?;
                alias.establish(root, entry)
            }
            Ok((_, Created::Existing(_))) | Err(EntryError::AlreadyExists | EntryError::AccessDenied) => {
                Err(PrivateError::Exists)
            }
            Err(error) => Err(PrivateError::Entry(error)),
        }
    }

    /// Opens the namespace that somebody created (`OpenPrivateNamespace`). The caller need not be within the boundary.
    ///
    /// # Errors
    /// [`PrivateError::Missing`] if nobody has created it, or its creator has closed it; [`PrivateError::Entry`] with
    /// ERROR_ACCESS_DENIED where its descriptor refuses the caller; [`PrivateError::Alias`].
    pub fn open(roots: &Roots, boundary: &Boundary, alias: &str) -> Result<PrivateNamespace, PrivateError> {
        let key = boundary.key()?;
        match seen(roots, boundary).open_entry(Kind::NAMESPACE, &key, Wanted::Read) {
            Ok((scope, entry)) => {
                let root = roots.of(scope).ok_or(PrivateError::Missing)?;
                Alias::reserve(alias)?.establish(root, entry)
            }
            Err(EntryError::NotFound) => Err(PrivateError::Missing),
            Err(error) => Err(PrivateError::Entry(error)),
        }
    }

    /// The root of its objects: their names are without the alias.
    pub fn root(&self) -> &Arc<Root> {
        &self.root
    }

    /// The alias, the prefix of its objects' names.
    pub fn alias(&self) -> &[u16] {
        &self.alias
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &[u8] {
        self.entry.descriptor()
    }

    /// Whether it was created here: it can be opened as long as this value lives.
    pub fn is_creator(&self) -> bool {
        self.entry.is_writable()
    }
}

impl Drop for PrivateNamespace {
    fn drop(&mut self) {
        if let Some(known) = aliases().as_mut() {
            known.remove(&self.alias);
        }
    }
}

fn is_there(roots: &Roots, boundary: &Boundary, key: &Name) -> bool {
    match seen(roots, boundary).open_entry(Kind::NAMESPACE, key, Wanted::Read) {
        Ok(_) | Err(EntryError::AccessDenied) => true,
        Err(_) => false,
    }
}

/// The roots, with the namespaces of those only who are within the boundary.
fn seen(roots: &Roots, boundary: &Boundary) -> Roots {
    let boundary = boundary.clone();
    roots.trusting(move |uid| boundary.holds(uid))
}

/// An alias that is this operation's; free again unless it comes to something.
struct Alias {
    units: Vec<u16>,
    established: bool,
}

impl Alias {
    fn reserve(alias: &str) -> Result<Alias, PrivateError> {
        let units: Vec<u16> = alias.encode_utf16().collect();
        Name::from_wide(&units).map_err(PrivateError::Name)?;
        if units.contains(&u16::from(b'\\')) {
            return Err(PrivateError::AliasText);
        }
        // Those two have meanings of their own.
        let reserved = ["Local", "Global"].contains(&alias);
        let mut guard = aliases();
        let known = guard.get_or_insert_default();
        if reserved || known.contains_key(&units) {
            return Err(PrivateError::Alias);
        }
        known.insert(units.clone(), None);
        Ok(Alias { units, established: false })
    }

    fn establish(mut self, root: &Root, entry: Entry) -> Result<PrivateNamespace, PrivateError> {
        if (entry.body_tag(), entry.body_version()) != (TAG, VERSION) {
            return Err(PrivateError::Missing);
        }
        let descriptor = entry.security_descriptor().map_err(|_| PrivateError::Missing)?;
        let owner = entry.owner_uid();
        let creates = move |uid| {
            uid == owner
                || uid == 0
                || access_check(&descriptor, &token_of(uid), CREATE_OBJECT, &MAPPING).is_ok()
        };
        let root = Arc::new(root.trusting(creates).within(entry.id()));
        if let Some(known) = aliases().as_mut() {
            known.insert(self.units.clone(), Some(Arc::clone(&root)));
        }
        self.established = true;
        Ok(PrivateNamespace { alias: std::mem::take(&mut self.units), root, entry })
    }
}

impl Drop for Alias {
    fn drop(&mut self) {
        if !self.established
            && let Some(known) = aliases().as_mut()
        {
            known.remove(&self.units);
        }
    }
}
