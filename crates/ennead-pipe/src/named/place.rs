//! Where pipes are looked for and published.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ennead_namespace::{EntryError, Kind, Root, Roots, Scope, SocketFolder, SocketName};

use super::error::Reason;
use super::known::Known;

/// The namespaces in which pipes are looked for (`Local`, then `Global`) and published. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roots: Roots,
    /// Opened once: a client needs one at each connection.
    folders: Mutex<HashMap<(bool, u32), Arc<SocketFolder>>>,
    /// By name as it was written. One descriptor each.
    known: Mutex<HashMap<String, Arc<Known>>>,
}

impl Place {
    /// These roots.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self(Arc::new(Inner { roots, folders: Mutex::default(), known: Mutex::default() }))
    }

    /// A single folder, for tests and for containers, made (mode 0700) if only its last step is missing.
    ///
    /// # Errors
    /// What [`Root::at`] says.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, ennead_namespace::RootError> {
        Ok(Self::new(Roots::new(Root::at(path)?, None)))
    }

    /// The process's own: [`Roots::open`] at the first use, the same from then on.
    pub(super) fn of_process() -> Result<Self, Reason> {
        static DEFAULT: OnceLock<Place> = OnceLock::new();
        if let Some(place) = DEFAULT.get() {
            return Ok(place.clone());
        }
        let roots = Roots::open().map_err(|error| Reason::Namespace(error.into()))?;
        Ok(DEFAULT.get_or_init(|| Self::new(roots)).clone())
    }

    /// The roots.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.0.roots
    }

    /// The folder in which a socket lies.
    pub(super) fn folder(&self, scope: Scope, name: &SocketName) -> Result<Arc<SocketFolder>, EntryError> {
        let key = (scope == Scope::Global, name.uid);
        let mut folders = self.0.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get(&key) {
            return Ok(Arc::clone(folder));
        }
        let root = self.roots().of(scope).ok_or(EntryError::NotFound)?;
        let folder = Arc::new(root.sockets_of(Kind::PIPE, name)?);
        folders.insert(key, Arc::clone(&folder));
        Ok(folder)
    }

    /// Forgets the folders: one of them may have been removed and made anew.
    pub(super) fn forget_folders(&self) {
        self.0.folders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The pipe of that name, if it was opened before.
    pub(super) fn known(&self, name: &str) -> Option<Arc<Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Remembers a pipe, or forgets it.
    pub(super) fn remember(&self, name: &str, known: Option<Known>) {
        let mut all = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        match known {
            Some(known) => {
                if all.len() >= MOST_KNOWN {
                    all.clear();
                }
                all.insert(name.to_owned(), Arc::new(known));
            }
            None => drop(all.remove(name)),
        }
    }
}

/// How many pipes a place remembers.
const MOST_KNOWN: usize = 16;
