//! Names of objects: `Local\NAME`, `Global\NAME`, or `NAME`, which is `Local\NAME`; and `ALIAS\NAME` in an open private namespace.
//!
//! Pages: [Object Names](https://learn.microsoft.com/windows/win32/sync/object-names),
//! [Kernel Object Namespaces](https://learn.microsoft.com/windows/win32/termserv/kernel-object-namespaces).

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ennead_namespace::{EntryError, Name, Root, Scope, private};
use ennead_status::Win32Error;

use crate::place::Place;

/// The longest name in UTF-16 units, the prefix included (`MAX_PATH` with its terminating NUL).
pub const MAX_LEN: usize = 259;

/// The name of an event, mutex, semaphore, timer or section, parsed. Case matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName {
    scope: Scope,
    within: Option<Within>,
    name: Name,
}

/// The private namespace that a name is in.
#[derive(Clone, Debug)]
struct Within {
    alias: Vec<u16>,
    root: Arc<Root>,
}

impl PartialEq for Within {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.root, &other.root)
    }
}

impl Eq for Within {}

impl Hash for Within {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.root).hash(state);
    }
}

impl ObjectName {
    /// Parses `Local\NAME`, `Global\NAME`, `NAME`, or `ALIAS\NAME` where this process has such a
    /// [private namespace](crate::PrivateNamespace) open. The prefixes are compared case-sensitively, as Windows does, and
    /// the rest may have any character but the backslash.
    ///
    /// # Errors
    /// [`ObjectNameError`].
    pub fn parse(text: &str) -> Result<Self, ObjectNameError> {
        let units: Vec<u16> = text.encode_utf16().collect();
        Self::from_wide(&units)
    }

    /// The same for UTF-16 units, which need not be well formed.
    ///
    /// # Errors
    /// [`ObjectNameError`].
    pub fn from_wide(units: &[u16]) -> Result<Self, ObjectNameError> {
        if units.len() > MAX_LEN {
            return Err(ObjectNameError::TooLong { units: units.len() });
        }
        let (scope, rest) = match prefix(units) {
            Some((prefix, rest)) if is(prefix, "Local") => (Scope::Local, rest),
            Some((prefix, rest)) if is(prefix, "Global") => (Scope::Global, rest),
            Some((alias, rest)) => return Self::of_alias(alias, rest),
            None => (Scope::Local, units),
        };
        if rest.contains(&u16::from(b'\\')) {
            return Err(ObjectNameError::Path);
        }
        let name = Name::from_wide(rest).map_err(ObjectNameError::Name)?;
        Ok(Self { scope, within: None, name })
    }

    fn of_alias(alias: &[u16], rest: &[u16]) -> Result<Self, ObjectNameError> {
        let root = private::root_of_alias(alias).filter(|_| !rest.contains(&u16::from(b'\\')));
        let root = root.ok_or(ObjectNameError::Path)?;
        let name = Name::from_wide(rest).map_err(ObjectNameError::Name)?;
        let scope = root.scope();
        Ok(Self { scope, within: Some(Within { alias: alias.to_vec(), root }), name })
    }

    /// The root that it is made and looked for in: that of its private namespace, or the place's.
    ///
    /// # Errors
    /// As [`Place::root`].
    pub fn root<'a>(&'a self, place: &'a Place) -> Result<&'a Root, EntryError> {
        match &self.within {
            Some(within) => Ok(&within.root),
            None => place.root(self.scope),
        }
    }

    /// Which namespace it is in.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// What follows the prefix.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(within) = &self.within {
            return write!(f, "{}\\{}", String::from_utf16_lossy(&within.alias), self.name);
        }
        let prefix = match self.scope {
            Scope::Local => "Local",
            Scope::Global => "Global",
        };
        write!(f, "{prefix}\\{}", self.name)
    }
}

/// What is before the first backslash, and what is behind it.
fn prefix(units: &[u16]) -> Option<(&[u16], &[u16])> {
    let at = units.iter().position(|unit| *unit == u16::from(b'\\'))?;
    Some((&units[..at], &units[at + 1..]))
}

fn is(units: &[u16], text: &str) -> bool {
    units.iter().copied().eq(text.encode_utf16())
}

/// A text that names no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectNameError {
    /// A backslash stands where there is no namespace before it. ERROR_PATH_NOT_FOUND.
    Path,
    /// It is longer than 259 UTF-16 units. ERROR_FILENAME_EXCED_RANGE.
    TooLong {
        /// How long it is, in UTF-16 units.
        units: usize,
    },
    /// What follows the prefix is empty or has a NUL. ERROR_INVALID_NAME.
    Name(ennead_namespace::NameError),
}

impl ObjectNameError {
    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Path => Win32Error::PATH_NOT_FOUND,
            Self::TooLong { .. } => Win32Error::FILENAME_EXCED_RANGE,
            Self::Name(error) => error.win32(),
        }
    }
}

impl fmt::Display for ObjectNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str(
                r"the name has a backslash that does not end `Local` or `Global`, nor an open namespace",
            ),
            Self::TooLong { units } => {
                write!(f, "the name has {units} characters, and {MAX_LEN} are allowed, the prefix included")
            }
            Self::Name(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ObjectNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_forms() {
        for (text, scope) in [("x", Scope::Local), (r"Local\x", Scope::Local), (r"Global\x", Scope::Global)] {
            let name = ObjectName::parse(text).unwrap();
            assert_eq!((name.scope(), name.name().to_string().as_str()), (scope, "x"), "{text}");
        }
        assert_eq!(ObjectName::parse("x").unwrap().to_string(), r"Local\x");
        let strange = "a/b:c*\u{1F600}";
        assert_eq!(ObjectName::parse(strange).unwrap().name().to_string(), strange);
    }

    #[test]
    fn what_is_no_name() {
        for text in [r"Global\a\b", r"a\b", r"\x", r"global\x", r"Local\Global\x"] {
            assert_eq!(ObjectName::parse(text).unwrap_err().win32(), Win32Error::PATH_NOT_FOUND, "{text}");
        }
        for text in ["", r"Local\", "a\0b"] {
            assert_eq!(ObjectName::parse(text).unwrap_err().win32(), Win32Error::INVALID_NAME, "{text:?}");
        }
        assert!(ObjectName::parse(&"a".repeat(MAX_LEN)).is_ok());
        let long = ObjectName::parse(&"a".repeat(MAX_LEN + 1)).unwrap_err();
        assert_eq!(long.win32(), Win32Error::FILENAME_EXCED_RANGE);
    }
}
