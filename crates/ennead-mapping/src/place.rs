//! Where named file mappings are looked for and published.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use ennead_namespace::{Name, NameError, Root, RootError, Roots, Scope};

use crate::error::Reason;

/// The namespaces in which names live. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Place(Arc<Roots>);

impl Place {
    /// These roots.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self(Arc::new(roots))
    }

    /// A single folder, for tests and for containers, made (mode 0700) if only its last step is missing.
    ///
    /// # Errors
    /// What [`Root::at`] says.
    pub fn at(path: impl AsRef<Path>) -> Result<Self, RootError> {
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
        &self.0
    }

    /// The root of a scope; an error that says what to do where `Global\` was never set up.
    pub(crate) fn root(&self, scope: Scope) -> Result<&Root, Reason> {
        match self.0.of(scope) {
            Some(root) => Ok(root),
            None => Err(match Root::global() {
                Err(error) => Reason::Namespace(error.into()),
                // It was set up since.
                Ok(_) => Reason::NotFound,
            }),
        }
    }
}

/// A name as it is given: `Local\x`, `Global\x`, or `x`, which is local.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) scope: Scope,
    pub(crate) name: Name,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, Reason> {
        let (scope, rest) = match text.split_once('\\') {
            Some(("Local", rest)) => (Scope::Local, rest),
            Some(("Global", rest)) => (Scope::Global, rest),
            _ => (Scope::Local, text),
        };
        if rest.contains('\\') {
            return Err(Reason::Backslash);
        }
        let name = Name::new(rest)?;
        // MAX_PATH, with the NUL that ends it.
        match name.as_wide().len() {
            units @ 260.. => Err(Reason::Name(NameError::TooLong { units })),
            _ => Ok(Self { scope, name }),
        }
    }
}
