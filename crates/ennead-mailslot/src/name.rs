//! Names of mailslots.
//!
//! Page: [Mailslot Names](https://learn.microsoft.com/windows/win32/ipc/mailslot-names).

use std::fmt;

/// How far a name reaches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// `\\.\`: this computer.
    Here,
    /// `\\NAME\`: another computer, or all computers of a domain; the name does not tell which.
    Named(String),
    /// `\\*\`: all computers of the primary domain.
    Everywhere,
}

impl Reach {
    /// The most bytes that a message there may have, whatever the slot allows: 424 to a computer, 400 to all of the domain.
    ///
    /// Pages: [About Mailslots](https://learn.microsoft.com/windows/win32/ipc/about-mailslots),
    /// [Interprocess Communications](https://learn.microsoft.com/windows/win32/ipc/interprocess-communications).
    #[must_use]
    pub const fn largest_message(&self) -> Option<usize> {
        match self {
            Self::Here => None,
            Self::Named(_) => Some(424),
            Self::Everywhere => Some(400),
        }
    }
}

/// `\\.\mailslot\[path\]name`, and the forms that reach further.
///
/// Slashes count as backslashes and `\\?\` as `\\.\`. Any character but NUL may be in the name. Whether two names are the same
/// does not depend on case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SlotName {
    reach: Reach,
    name: String,
}

impl SlotName {
    /// Reads a name.
    ///
    /// # Errors
    /// What it is not.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.replace('/', r"\");
        let rest = text.strip_prefix(r"\\").ok_or(NameError::Prefix)?;
        let (host, rest) = rest.split_once('\\').ok_or(NameError::Prefix)?;
        let (kind, name) = rest.split_once('\\').ok_or(NameError::Prefix)?;
        if host.is_empty() || !kind.eq_ignore_ascii_case("mailslot") {
            return Err(NameError::Prefix);
        }
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        let units = name.encode_utf16().count();
        if units > ennead_namespace::name::LONGEST {
            return Err(NameError::TooLong { units });
        }
        let reach = match host {
            "." | "?" => Reach::Here,
            "*" => Reach::Everywhere,
            host => Reach::Named(host.to_owned()),
        };
        Ok(Self { reach, name: name.to_owned() })
    }

    /// How far it reaches.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// What follows `mailslot\`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.reach {
            Reach::Here => ".",
            Reach::Everywhere => "*",
            Reach::Named(host) => host,
        };
        write!(f, r"\\{host}\mailslot\{}", self.name)
    }
}

/// A string that names no mailslot: ERROR_INVALID_NAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It does not begin with `\\.\mailslot\`.
    Prefix,
    /// Nothing follows `mailslot\`.
    Empty,
    /// There is a NUL in it.
    Nul,
    /// It is longer than Windows can hold.
    TooLong {
        /// How long it is, in UTF-16 units.
        units: usize,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str(r"a mailslot's name begins with \\.\mailslot\"),
            Self::Empty => f.write_str(r"nothing follows \\.\mailslot\"),
            Self::Nul => f.write_str("there is a NUL in the name"),
            Self::TooLong { units } => {
                write!(
                    f,
                    "the name has {units} characters, and {} are allowed",
                    ennead_namespace::name::LONGEST
                )
            }
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_forms() {
        for text in [r"\\.\mailslot\x", r"\\?\MailSlot\x", "//./mailslot/x"] {
            let name = SlotName::parse(text).unwrap();
            assert_eq!((name.reach(), name.as_str()), (&Reach::Here, "x"), "{text}");
            assert_eq!(name.reach().largest_message(), None);
        }
        let path = SlotName::parse(r"\\.\mailslot\taxes\bobs_comments").unwrap();
        assert_eq!(path.as_str(), r"taxes\bobs_comments");
        let host = SlotName::parse(r"\\HOST\mailslot\x").unwrap();
        assert_eq!((host.reach(), host.reach().largest_message()), (&Reach::Named("HOST".into()), Some(424)));
        let all = SlotName::parse(r"\\*\mailslot\x\y").unwrap();
        assert_eq!((all.reach(), all.reach().largest_message()), (&Reach::Everywhere, Some(400)));
        assert_eq!(all.to_string(), r"\\*\mailslot\x\y");
    }

    #[test]
    fn what_is_no_name() {
        for text in ["", "x", r"\\.\", r"\\.\mailslot", r"\\.\pipe\x", r"\\\mailslot\x", r"mailslot\x"] {
            assert_eq!(SlotName::parse(text), Err(NameError::Prefix), "{text}");
        }
        assert_eq!(SlotName::parse(r"\\.\mailslot\"), Err(NameError::Empty));
        assert_eq!(SlotName::parse("\\\\.\\mailslot\\a\0"), Err(NameError::Nul));
        let long = format!(r"\\.\mailslot\{}", "a".repeat(32_768));
        assert_eq!(SlotName::parse(&long), Err(NameError::TooLong { units: 32_768 }));
    }
}
