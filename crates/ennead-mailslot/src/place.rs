//! Where mailslots are looked for and published.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ennead_namespace::{EntryError, Kind, Root, Roots, Scope, SocketFolder, SocketName};

use crate::error::Reason;

/// The namespaces of a process, or others for tests and containers. Clones are the same place.
#[derive(Clone, Debug)]
pub struct Place(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    roots: Roots,
    /// By whether it is in `Global`, and by user. One descriptor each.
    folders: Mutex<HashMap<(bool, u32), Arc<SocketFolder>>>,
}

impl Place {
    /// These roots.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self(Arc::new(Inner { roots, folders: Mutex::default() }))
    }

    /// A single folder, for tests and for containers, made (mode 0700) if only its last step is missing.
    ///
    /// # Errors
    /// What [`Root::at`] says.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, ennead_namespace::RootError> {
        Ok(Self::new(Roots::new(Root::at(path)?, None)))
    }

    /// The process's own: [`Roots::open`] at the first use, the same from then on.
    pub(crate) fn of_process() -> Result<Self, Reason> {
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
    pub(crate) fn folder(&self, scope: Scope, name: &SocketName) -> Result<Arc<SocketFolder>, EntryError> {
        let key = (scope == Scope::Global, name.uid);
        let mut folders = self.0.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = folders.get(&key) {
            return Ok(Arc::clone(folder));
        }
        let root = self.roots().of(scope).ok_or(EntryError::NotFound)?;
        let folder = Arc::new(root.sockets_of(Kind::MAILSLOT, name)?);
        folders.insert(key, Arc::clone(&folder));
        Ok(folder)
    }

    /// Forgets the folders: one of them may have been removed and made anew.
    pub(crate) fn forget_folders(&self) {
        self.0.folders.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
