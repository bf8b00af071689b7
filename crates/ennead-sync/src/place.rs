//! Where named objects are made and looked for.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ennead_namespace::{EntryError, Root, RootError, Scope};

/// The two namespaces of named objects. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Place(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Each root is opened when a name in it is first used.
    local: OnceLock<Root>,
    global: OnceLock<Root>,
}

impl Place {
    /// These roots. Without `global`, the machine's is opened when a name in it is first used.
    #[must_use]
    pub fn new(local: Root, global: Option<Root>) -> Self {
        let inner = Inner { local: OnceLock::from(local), global: OnceLock::new() };
        if let Some(global) = global {
            let _ = inner.global.set(global);
        }
        Self(Arc::new(inner))
    }

    /// A local root in a folder, for tests and for containers, made (mode 0700) if only its last step is missing.
    ///
    /// # Errors
    /// What [`Root::at`] says.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, RootError> {
        Ok(Self::new(Root::at(path)?, None))
    }

    /// The process's own, which is used where no other is said.
    #[must_use]
    pub fn of_process() -> Self {
        static DEFAULT: OnceLock<Place> = OnceLock::new();
        DEFAULT.get_or_init(Self::default).clone()
    }

    /// The root of a namespace.
    ///
    /// # Errors
    /// Where there is none, or it cannot be used; for `Global\` the error names the command that makes it.
    pub fn root(&self, scope: Scope) -> Result<&Root, EntryError> {
        let (cell, open): (_, fn() -> Result<Root, RootError>) = match scope {
            Scope::Local => (&self.0.local, Root::local),
            Scope::Global => (&self.0.global, Root::global),
        };
        if let Some(root) = cell.get() {
            return Ok(root);
        }
        let root = open()?;
        Ok(cell.get_or_init(|| root))
    }
}
