//! Names of pipes: `\\.\pipe\NAME`.
//!
//! Page: [Pipe Names](https://learn.microsoft.com/windows/win32/ipc/pipe-names).

use std::fmt;

/// How long the whole string may be, in UTF-16 units, as documented.
pub const MAX_LEN: usize = 256;

/// The name of a pipe, parsed: which computer, and what follows `pipe\`.
///
/// Case is kept; whether two names are the same is for the namespace to say, which folds it.
///
/// The documentation forbids a backslash in the name. Windows does not mind one, and its own services have them
/// (`\\.\pipe\Winsock2\CatalogChangeListener-…`), so this does not mind either; [`PipeName::is_documented`] does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PipeName {
    host: Option<String>,
    name: String,
}

impl PipeName {
    /// Parses `\\.\pipe\NAME`, `\\?\pipe\NAME` or `\\COMPUTER\pipe\NAME`. The first and last may have slashes for
    /// backslashes, as Windows takes them.
    ///
    /// # Errors
    ///
    /// [`NameError`], which is ERROR_INVALID_NAME.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        let units = text.encode_utf16().count();
        if units > MAX_LEN {
            return Err(NameError::TooLong { units });
        }
        // `\\?\` switches the normalisation off.
        let text = if text.starts_with(r"\\?\") { text.to_owned() } else { text.replace('/', r"\") };
        let rest = text.strip_prefix(r"\\").ok_or(NameError::Prefix)?;
        let (host, rest) = rest.split_once('\\').ok_or(NameError::Prefix)?;
        let (device, name) = rest.split_once('\\').ok_or(NameError::Prefix)?;
        if host.is_empty() || !device.eq_ignore_ascii_case("pipe") {
            return Err(NameError::Prefix);
        }
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let host = (!matches!(host, "." | "?") && !is_this_computer(host)).then(|| host.to_owned());
        Ok(Self { host, name: name.to_owned() })
    }

    /// The other computer that the name says, if it says one.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// What follows `pipe\`, as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Whether it begins with `LOCAL\`: such a pipe is never published beyond the `Local` namespace.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(r"LOCAL\"))
    }

    /// Whether it keeps to the documentation, which allows no backslash (but in `LOCAL\`).
    #[must_use]
    pub fn is_documented(&self) -> bool {
        let rest = if self.is_local() { &self.name[6..] } else { &self.name };
        !rest.is_empty() && !rest.contains('\\')
    }
}

impl fmt::Display for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r"\\{}\pipe\{}", self.host.as_deref().unwrap_or("."), self.name)
    }
}

fn is_this_computer(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || ennead_sys::process::computer_name().is_some_and(|name| name.eq_ignore_ascii_case(host))
}

/// A string that names no pipe: ERROR_INVALID_NAME.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// It does not begin with `\\.\pipe\`.
    Prefix,
    /// Nothing follows `pipe\`.
    Empty,
    /// There is a NUL in it.
    Nul,
    /// It is longer than [`MAX_LEN`].
    TooLong {
        /// How long it is, in UTF-16 units.
        units: usize,
    },
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str(r"a pipe's name begins with \\.\pipe\"),
            Self::Empty => f.write_str(r"nothing follows \\.\pipe\"),
            Self::Nul => f.write_str("there is a NUL in the name"),
            Self::TooLong { units } => {
                write!(f, "the name has {units} characters, and {MAX_LEN} are allowed, the prefix included")
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
        for text in
            [r"\\.\pipe\x", r"\\?\pipe\x", r"\\.\PIPE\x", "//./pipe/x", r"\\localhost\pipe\x", r"\\.\pipe/x"]
        {
            let name = PipeName::parse(text).unwrap();
            assert_eq!((name.host(), name.as_str()), (None, "x"), "{text}");
        }
        let remote = PipeName::parse(r"\\no-such-computer\pipe\x").unwrap();
        assert_eq!(remote.host(), Some("no-such-computer"));
        assert_eq!(remote.to_string(), r"\\no-such-computer\pipe\x");
    }

    #[test]
    fn any_character_but_nul() {
        let strange = "a:b*c?d\"e<f>g|h\u{7}\u{1F600} .";
        let name = PipeName::parse(&format!(r"\\.\pipe\{strange}")).unwrap();
        assert_eq!(name.as_str(), strange);
        assert!(name.is_documented());
        let nested = PipeName::parse(r"\\.\pipe\Winsock2\CatalogChangeListener-1").unwrap();
        assert!(!nested.is_documented());
        let local = PipeName::parse(r"\\.\pipe\local\x").unwrap();
        assert!(local.is_local() && local.is_documented());
        assert_eq!(local.as_str(), r"local\x");
    }

    #[test]
    fn what_is_no_name() {
        let prefix =
            ["", "x", r"\\.\", r"\\.\pipe", r"\\.\pip\x", r"\.\pipe\x", r"\\\pipe\x", r"\\.\mailslot\x"];
        for text in prefix {
            assert_eq!(PipeName::parse(text), Err(NameError::Prefix), "{text}");
        }
        assert_eq!(PipeName::parse(r"\\.\pipe\"), Err(NameError::Empty));
        assert_eq!(PipeName::parse("\\\\.\\pipe\\a\0b"), Err(NameError::Nul));
    }

    #[test]
    fn length_counts_the_whole_string_in_utf16_units() {
        let prefix = r"\\.\pipe\";
        let longest = format!("{prefix}{}", "a".repeat(256 - prefix.len()));
        assert!(PipeName::parse(&longest).is_ok());
        assert_eq!(PipeName::parse(&format!("{longest}a")), Err(NameError::TooLong { units: 257 }));
        let pairs = format!("{prefix}{}", "\u{1F600}".repeat(124));
        assert_eq!(PipeName::parse(&pairs), Err(NameError::TooLong { units: 257 }));
    }
}
