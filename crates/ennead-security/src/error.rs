//! Why a binary form cannot be read.

use ennead_status::Win32Error;
use std::{error, fmt};

/// What is wrong with a binary SID, ACE, ACL or security descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// A SID ends before its sub-authorities do.
    SidTooShort,
    /// A SID's revision is not 1.
    SidRevision(u8),
    /// A SID has more than fifteen sub-authorities.
    SidSubAuthorities(u8),
    /// An ACE ends before its SID does.
    AceTooShort,
    /// An ACE's size is no multiple of four, or goes past its ACL.
    AceSize(usize),
    /// The type has a variant of its own.
    AceType(u8),
    /// An ACL's size goes past the bytes, or its entries go past its size.
    AclTooShort,
    /// An ACL's entries take more than its size field can say.
    AclTooLong,
    /// An ACL's revision is not 2, 3 or 4.
    AclRevision(u8),
    /// A security descriptor is shorter than its header.
    DescriptorTooShort,
    /// A security descriptor's revision is not 1.
    DescriptorRevision(u8),
    /// A security descriptor is not self-relative.
    NotSelfRelative,
    /// A part of a security descriptor begins past its end, or inside its header.
    Offset(u32),
}

impl FormatError {
    /// The Win32 code: `ERROR_INVALID_SID`, `ERROR_INVALID_ACL` or `ERROR_INVALID_SECURITY_DESCR`.
    #[must_use]
    pub const fn win32(self) -> Win32Error {
        match self {
            Self::SidTooShort | Self::SidRevision(_) | Self::SidSubAuthorities(_) => Win32Error::INVALID_SID,
            Self::AceTooShort
            | Self::AceSize(_)
            | Self::AceType(_)
            | Self::AclTooShort
            | Self::AclTooLong
            | Self::AclRevision(_) => Win32Error::INVALID_ACL,
            Self::DescriptorTooShort
            | Self::DescriptorRevision(_)
            | Self::NotSelfRelative
            | Self::Offset(_) => Win32Error::INVALID_SECURITY_DESCR,
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SidTooShort => f.write_str("the SID ends before its sub-authorities do"),
            Self::SidRevision(found) => write!(f, "the SID has revision {found}, expected 1"),
            Self::SidSubAuthorities(found) => {
                write!(f, "the SID has {found} sub-authorities, expected at most 15")
            }
            Self::AceTooShort => f.write_str("the ACE ends before its SID does"),
            Self::AceSize(found) => {
                write!(f, "the ACE has {found} bytes, expected a multiple of four within its ACL")
            }
            Self::AceType(found) => write!(f, "ACE type {found:#04x} has a form of its own"),
            Self::AclTooShort => f.write_str("the ACL ends before its entries do"),
            Self::AclTooLong => write!(f, "the entries do not fit an ACL of {} bytes", crate::Acl::MAX_LEN),
            Self::AclRevision(found) => write!(f, "the ACL has revision {found}, expected 2 to 4"),
            Self::DescriptorTooShort => {
                f.write_str("the security descriptor is shorter than its header of 20 bytes")
            }
            Self::DescriptorRevision(found) => {
                write!(f, "the security descriptor has revision {found}, expected 1")
            }
            Self::NotSelfRelative => f.write_str("the security descriptor is not self-relative"),
            Self::Offset(found) => {
                write!(
                    f,
                    "a part of the security descriptor begins at {found}, outside of it or in its header"
                )
            }
        }
    }
}

impl error::Error for FormatError {}
