//! Security descriptors ([MS-DTYP] 2.4.6).

use crate::{Acl, FormatError, SddlError, Sid, sddl};
use std::{fmt, str::FromStr};

/// Who owns an object, who may do what with it, and what is audited.
///
/// `Display` and `FromStr` are SDDL (see [`sddl`](crate#sddl)). Page:
/// [Security Descriptors](https://learn.microsoft.com/windows/win32/secauthz/security-descriptors).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SecurityDescriptor {
    /// The owner, who may always read and change the DACL.
    pub owner: Option<Sid>,
    /// The primary group; only POSIX ever asks for it.
    pub group: Option<Sid>,
    /// Who may do what.
    pub dacl: AclSlot,
    /// What is audited, and the mandatory label.
    pub sacl: AclSlot,
    /// The control flags that are not said by the other fields.
    pub control: Control,
}

/// The place of an ACL in a descriptor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AclSlot {
    /// There is none: `SE_DACL_PRESENT` is clear. A DACL like this grants everything to everyone.
    #[default]
    Absent,
    /// There is a null one: the flag is set, the pointer is null. A DACL like this grants everything to everyone.
    Null,
    /// There is one. An empty one grants nothing to anybody but the owner.
    Present(Acl),
}

impl AclSlot {
    /// The list, where there is one.
    #[must_use]
    pub const fn acl(&self) -> Option<&Acl> {
        match self {
            Self::Present(acl) => Some(acl),
            Self::Absent | Self::Null => None,
        }
    }
}

/// Control flags of a descriptor. Those that the form or the other fields say (`SE_SELF_RELATIVE`, `SE_DACL_PRESENT`,
/// `SE_SACL_PRESENT`, `SE_RM_CONTROL_VALID`) are left out when one is read and are never set from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Control(pub u16);

impl Control {
    /// `SE_OWNER_DEFAULTED`.
    pub const OWNER_DEFAULTED: Self = Self(0x0001);
    /// `SE_GROUP_DEFAULTED`.
    pub const GROUP_DEFAULTED: Self = Self(0x0002);
    /// `SE_DACL_DEFAULTED`.
    pub const DACL_DEFAULTED: Self = Self(0x0008);
    /// `SE_SACL_DEFAULTED`.
    pub const SACL_DEFAULTED: Self = Self(0x0020);
    /// `SE_DACL_AUTO_INHERIT_REQ`, in SDDL `AR`.
    pub const DACL_AUTO_INHERIT_REQ: Self = Self(0x0100);
    /// `SE_SACL_AUTO_INHERIT_REQ`.
    pub const SACL_AUTO_INHERIT_REQ: Self = Self(0x0200);
    /// `SE_DACL_AUTO_INHERITED`, in SDDL `AI`.
    pub const DACL_AUTO_INHERITED: Self = Self(0x0400);
    /// `SE_SACL_AUTO_INHERITED`.
    pub const SACL_AUTO_INHERITED: Self = Self(0x0800);
    /// `SE_DACL_PROTECTED`, in SDDL `P`.
    pub const DACL_PROTECTED: Self = Self(0x1000);
    /// `SE_SACL_PROTECTED`.
    pub const SACL_PROTECTED: Self = Self(0x2000);

    /// The flags that this type keeps.
    const KEPT: u16 =
        !(Self::DACL_PRESENT | Self::SACL_PRESENT | Self::RM_CONTROL_VALID | Self::SELF_RELATIVE);
    const DACL_PRESENT: u16 = 0x0004;
    const SACL_PRESENT: u16 = 0x0010;
    const RM_CONTROL_VALID: u16 = 0x4000;
    const SELF_RELATIVE: u16 = 0x8000;

    /// Whether each flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl SecurityDescriptor {
    /// The most bytes that the self-relative form takes.
    pub const MAX_LEN: usize = HEADER + 2 * Acl::MAX_LEN + 2 * Sid::MAX_LEN;

    /// A descriptor with an owner, a group and a DACL.
    #[must_use]
    pub const fn new(owner: Sid, group: Sid, dacl: Acl) -> Self {
        Self {
            owner: Some(owner),
            group: Some(group),
            dacl: AclSlot::Present(dacl),
            sacl: AclSlot::Absent,
            control: Control(0),
        }
    }

    /// Reads the self-relative form ([MS-DTYP] 2.4.6). Parts may lie in any order, and may overlap.
    ///
    /// # Errors
    /// [`FormatError`], with its Win32 code.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let head = bytes.first_chunk::<HEADER>().ok_or(FormatError::DescriptorTooShort)?;
        if head[0] != 1 {
            return Err(FormatError::DescriptorRevision(head[0]));
        }
        let control = u16::from_le_bytes([head[2], head[3]]);
        if control & Control::SELF_RELATIVE == 0 {
            return Err(FormatError::NotSelfRelative);
        }
        let part = |at: usize| {
            let offset = u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            match offset {
                0 => Ok(None),
                1..HEADER_U32 => Err(FormatError::Offset(offset)),
                _ => match usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)) {
                    Some(part) if !part.is_empty() => Ok(Some(part)),
                    _ => Err(FormatError::Offset(offset)),
                },
            }
        };
        let sid = |at| part(at)?.map(Sid::from_prefix).transpose();
        let acl = |at, present| match part(at)? {
            _ if control & present == 0 => Ok(AclSlot::Absent),
            None => Ok(AclSlot::Null),
            Some(part) => Acl::from_prefix(part).map(AclSlot::Present),
        };
        Ok(Self {
            owner: sid(4)?,
            group: sid(8)?,
            sacl: acl(12, Control::SACL_PRESENT)?,
            dacl: acl(16, Control::DACL_PRESENT)?,
            control: Control(control & Control::KEPT),
        })
    }

    /// The self-relative form: header, SACL, DACL, owner, group, without gaps.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; HEADER];
        // Everything fits: the whole form has at most MAX_LEN bytes.
        let here = |out: &Vec<u8>| u32::try_from(out.len()).unwrap_or(u32::MAX);
        let mut offsets = [0; 4];
        for (offset, slot) in [(2, &self.sacl), (3, &self.dacl)] {
            if let AclSlot::Present(acl) = slot {
                offsets[offset] = here(&out);
                acl.write_to(&mut out);
            }
        }
        for (offset, sid) in [(0, &self.owner), (1, &self.group)] {
            if let Some(sid) = sid {
                offsets[offset] = here(&out);
                sid.write_to(&mut out);
            }
        }
        out[0] = 1;
        out[2..4].copy_from_slice(&self.control_word().to_le_bytes());
        for (to, offset) in out[4..HEADER].as_chunks_mut::<4>().0.iter_mut().zip(offsets) {
            *to = offset.to_le_bytes();
        }
        out
    }

    /// All control flags of the self-relative form (`GetSecurityDescriptorControl`).
    #[must_use]
    pub fn control_word(&self) -> u16 {
        let present = |slot: &AclSlot, flag| if *slot == AclSlot::Absent { 0 } else { flag };
        self.control.0 & Control::KEPT
            | present(&self.dacl, Control::DACL_PRESENT)
            | present(&self.sacl, Control::SACL_PRESENT)
            | Control::SELF_RELATIVE
    }
}

/// Revision, control and four offsets.
const HEADER: usize = 20;
const HEADER_U32: u32 = 20;

impl fmt::Display for SecurityDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        sddl::print(self, f)
    }
}

impl FromStr for SecurityDescriptor {
    type Err = SddlError;

    fn from_str(text: &str) -> Result<Self, SddlError> {
        sddl::parse(text)
    }
}
