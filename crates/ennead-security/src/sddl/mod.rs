//! The security descriptor definition language ([MS-DTYP] 2.5.1): its words, and why a text is none.

mod parse;
mod print;

pub(crate) use parse::{parse, parse_sid};
pub(crate) use print::print;

use crate::ace;
use ennead_status::Win32Error;
use std::{error, fmt};

/// The longest text that is parsed, in bytes. Two full ACLs in Ennead's notation for ACEs without one fit.
pub(crate) const MAX_LEN: usize = 512 * 1024;

/// Letters of the ACE types that are a mask and a SID, or an object ACE.
const ACE_TYPES: &[(&str, u8)] = &[
    ("A", ace::ALLOW),
    ("D", ace::DENY),
    ("AU", ace::AUDIT),
    ("OA", ace::ALLOW_OBJECT),
    ("OD", ace::DENY_OBJECT),
    ("OU", ace::AUDIT_OBJECT),
    ("ML", ace::LABEL),
];

/// Letters of the ACE flags.
const ACE_FLAGS: &[(&str, u8)] = &[
    ("OI", 0x01),
    ("CI", 0x02),
    ("NP", 0x04),
    ("IO", 0x08),
    ("ID", 0x10),
    ("CR", 0x20),
    ("SA", 0x40),
    ("FA", 0x80),
    ("TP", 0x40),
];

/// Letters of the rights: those of one bit, ascending, then those that stand for several.
const RIGHTS: &[(&str, u32)] = &[
    ("CC", 0x0000_0001),
    ("DC", 0x0000_0002),
    ("LC", 0x0000_0004),
    ("SW", 0x0000_0008),
    ("RP", 0x0000_0010),
    ("WP", 0x0000_0020),
    ("DT", 0x0000_0040),
    ("LO", 0x0000_0080),
    ("CR", 0x0000_0100),
    ("SD", 0x0001_0000),
    ("RC", 0x0002_0000),
    ("WD", 0x0004_0000),
    ("WO", 0x0008_0000),
    ("GA", 0x1000_0000),
    ("GX", 0x2000_0000),
    ("GW", 0x4000_0000),
    ("GR", 0x8000_0000),
    ("FA", 0x001F_01FF),
    ("FR", 0x0012_0089),
    ("FW", 0x0012_0116),
    ("FX", 0x0012_00A0),
    ("KA", 0x000F_003F),
    ("KR", 0x0002_0019),
    ("KW", 0x0002_0006),
    ("KX", 0x0002_0019),
];

/// Letters of the rights of a mandatory label ([MS-DTYP] 2.4.4.13).
const LABEL_RIGHTS: &[(&str, u32)] = &[("NW", 0x1), ("NR", 0x2), ("NX", 0x4)];

/// What an ACL that is null is written as.
const NULL_ACL: &str = "NO_ACCESS_CONTROL";

/// Where a text stops being SDDL, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SddlError {
    /// The offset in the text, in bytes.
    pub position: usize,
    /// What was expected there.
    pub expected: &'static str,
    /// The start of what was there instead; empty at the end.
    pub found: String,
}

impl SddlError {
    fn at(text: &str, position: usize, expected: &'static str) -> Self {
        const SHOWN: usize = 12;
        let rest = text.get(position..).unwrap_or_default();
        Self { position, expected, found: rest.chars().take(SHOWN).collect() }
    }

    /// `ERROR_INVALID_PARAMETER`, as `ConvertStringSecurityDescriptorToSecurityDescriptor` has it.
    #[must_use]
    pub const fn win32(&self) -> Win32Error {
        Win32Error::INVALID_PARAMETER
    }
}

impl fmt::Display for SddlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at offset {}: expected {}, found ", self.position, self.expected)?;
        if self.found.is_empty() { f.write_str("the end") } else { write!(f, "{:?}", self.found) }
    }
}

impl error::Error for SddlError {}
