//! Where named objects are made and looked for.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ennead_namespace::{EntryError, Root, RootError, Scope};

use crate::outcome::OutcomePages;

/// The two namespaces of named objects. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Place(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Each root is opened when a name in it is first used.
    local: OnceLock<Root>,
    global: OnceLock<Root>,
    outcomes: OutcomePages,
}

impl Place {
    /// These roots. Without `global`, the machine's is opened when a name in it is first used.
    #[must_use]
    pub fn new(local: Root, global: Option<Root>) -> Self {
        let inner = Inner {
            local: OnceLock::from(local),
            global: OnceLock::new(),
            outcomes: OutcomePages::default(),
        };
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

    /// The outcomes of this place's waits for all.
    pub(crate) fn outcomes(&self) -> &OutcomePages {
        &self.0.outcomes
    }

    /// Whether both are the same folders.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let local = |place: &Self| place.root(Scope::Local).ok().map(|root| root.path().to_owned());
        let other_global = match (self.0.global.get(), other.0.global.get()) {
            (Some(one), Some(two)) => one.path() != two.path(),
            // The machine's, opened by one of them so far.
            _ => false,
        };
        Arc::ptr_eq(&self.0, &other.0) || local(self) == local(other) && !other_global
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
