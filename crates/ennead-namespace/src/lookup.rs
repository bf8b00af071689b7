//! Names that are machine-wide on Windows: pipes and mailslots.
//!
//! A client looks in `Local\`, then in `Global\`. A server publishes in `Global\` when its descriptor admits another user and
//! `Global\` is there, else in `Local\`. Where both roots hold a name (two servers that differ in whom they admit), `Local\` is
//! what this user's clients meet; one user's server sees the other root first, so that happens in a race only.

use crate::entry::{CreateOptions, Created, Entry, Wanted};
use crate::error::{EntryError, RootError};
use crate::name::{Kind, Name};
use crate::root::{Root, Scope};

/// Both roots.
#[derive(Debug)]
pub struct Roots {
    /// This user's.
    pub local: Root,
    /// The machine's, where it was set up.
    pub global: Option<Root>,
}

impl Roots {
    /// The roots of this process. A machine without `Global\` has none; that is no error here. A wrong one is not used, and
    /// audited.
    pub fn open() -> Result<Roots, RootError> {
        Ok(Roots { local: Root::local()?, global: Root::global().ok() })
    }

    /// These roots, for tests and for containers.
    pub fn new(local: Root, global: Option<Root>) -> Roots {
        Roots { local, global }
    }

    /// The same roots, in which only what these users hold is seen: [`Root::trusting`].
    #[must_use]
    pub fn trusting(&self, users: impl Fn(u32) -> bool + Clone + Send + Sync + 'static) -> Roots {
        let local = self.local.trusting(users.clone());
        Roots { local, global: self.global.as_ref().map(|global| global.trusting(users)) }
    }

    /// The root that an entry was found or is to be made in.
    pub fn of(&self, scope: Scope) -> Option<&Root> {
        match scope {
            Scope::Local => Some(&self.local),
            Scope::Global => self.global.as_ref(),
        }
    }

    /// Opens a machine-wide name: `Local\` first.
    pub fn open_entry(&self, kind: Kind, name: &Name, wanted: Wanted) -> Result<(Scope, Entry), EntryError> {
        match (self.local.open(kind, name, wanted), &self.global) {
            (Ok(entry), _) => Ok((Scope::Local, entry)),
            (Err(EntryError::NotFound), Some(global)) => {
                Ok((Scope::Global, global.open(kind, name, wanted)?))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// Creates a machine-wide name where it belongs, or opens it in the root that holds it.
    pub fn create_entry(
        &self,
        kind: Kind,
        name: &Name,
        options: &CreateOptions<'_>,
    ) -> Result<(Scope, Created), EntryError> {
        let (here, there) = match &self.global {
            Some(global) if options.protection().admits_others() => (global, Some(&self.local)),
            Some(global) => (&self.local, Some(global)),
            None => (&self.local, None),
        };
        if let Some(there) = there {
            match there.open(kind, name, options.wanted_of_existing()) {
                Ok(_) if options.is_exclusive() => return Err(EntryError::AlreadyExists),
                Ok(entry) => return Ok((there.scope(), Created::Existing(entry))),
                Err(EntryError::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((here.scope(), here.create(kind, name, options)?))
    }
}
