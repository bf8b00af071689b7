//! Access control entries ([MS-DTYP] 2.4.4).

use crate::{AccessMask, FormatError, Sid};

/// An access control entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ace {
    /// How it is inherited and what it audits.
    pub flags: AceFlags,
    /// What it says.
    pub kind: AceKind,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AceKind {
    /// `ACCESS_ALLOWED_ACE` ([MS-DTYP] 2.4.4.2).
    Allow(AccessMask, Sid),
    /// `ACCESS_DENIED_ACE` (2.4.4.4).
    Deny(AccessMask, Sid),
    /// `SYSTEM_AUDIT_ACE` (2.4.4.10).
    Audit(AccessMask, Sid),
    /// `SYSTEM_MANDATORY_LABEL_ACE` (2.4.4.13); the mask says what lower levels may not do, the SID is the level.
    MandatoryLabel(AccessMask, Sid),
    /// Any other kind, kept as it is: object and callback ACEs, and those that nobody has thought of yet.
    Other(OtherAce),
}

/// An entry of another kind: its type and what follows its header.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OtherAce {
    /// INVARIANT: none of the types that have a variant of their own.
    ace_type: u8,
    /// INVARIANT: at most [`OtherAce::MAX_BODY`] bytes, a multiple of four; well formed where the type is an object or
    /// callback one.
    body: Vec<u8>,
}

/// The flags of an entry ([MS-DTYP] 2.4.4.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `OBJECT_INHERIT_ACE`.
    pub const OBJECT_INHERIT: Self = Self(0x01);
    /// `CONTAINER_INHERIT_ACE`.
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// `NO_PROPAGATE_INHERIT_ACE`.
    pub const NO_PROPAGATE: Self = Self(0x04);
    /// `INHERIT_ONLY_ACE`: says nothing about the object itself.
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// `INHERITED_ACE`.
    pub const INHERITED: Self = Self(0x10);
    /// `SUCCESSFUL_ACCESS_ACE_FLAG`.
    pub const AUDIT_SUCCESS: Self = Self(0x40);
    /// `FAILED_ACCESS_ACE_FLAG`.
    pub const AUDIT_FAILURE: Self = Self(0x80);

    /// Whether each flag of `other` is set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

pub(crate) const ALLOW: u8 = 0x00;
pub(crate) const DENY: u8 = 0x01;
pub(crate) const AUDIT: u8 = 0x02;
pub(crate) const ALLOW_OBJECT: u8 = 0x05;
pub(crate) const DENY_OBJECT: u8 = 0x06;
pub(crate) const AUDIT_OBJECT: u8 = 0x07;
pub(crate) const ALARM_OBJECT: u8 = 0x08;
pub(crate) const ALLOW_CALLBACK: u8 = 0x09;
pub(crate) const DENY_CALLBACK: u8 = 0x0A;
pub(crate) const ALLOW_CALLBACK_OBJECT: u8 = 0x0B;
pub(crate) const DENY_CALLBACK_OBJECT: u8 = 0x0C;
pub(crate) const AUDIT_CALLBACK: u8 = 0x0D;
pub(crate) const LABEL: u8 = 0x11;
/// `ACE_OBJECT_TYPE_PRESENT` and `ACE_INHERITED_OBJECT_TYPE_PRESENT` in the flags word of an object ACE (2.4.4.3).
pub(crate) const OBJECT_TYPE_PRESENT: u32 = 1;
pub(crate) const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;
/// Type, flags and size of an entry.
pub(crate) const HEADER: usize = 4;

impl Ace {
    /// An entry that allows, without flags.
    #[must_use]
    pub const fn allow(mask: AccessMask, sid: Sid) -> Self {
        Self { flags: AceFlags::NONE, kind: AceKind::Allow(mask, sid) }
    }

    /// An entry that denies, without flags.
    #[must_use]
    pub const fn deny(mask: AccessMask, sid: Sid) -> Self {
        Self { flags: AceFlags::NONE, kind: AceKind::Deny(mask, sid) }
    }

    /// The `AceType` of the header.
    #[must_use]
    pub const fn ace_type(&self) -> u8 {
        match &self.kind {
            AceKind::Allow(..) => ALLOW,
            AceKind::Deny(..) => DENY,
            AceKind::Audit(..) => AUDIT,
            AceKind::MandatoryLabel(..) => LABEL,
            AceKind::Other(other) => other.ace_type,
        }
    }

    /// The length of the binary form, in bytes: a multiple of four.
    #[must_use]
    pub fn binary_len(&self) -> usize {
        HEADER
            + match &self.kind {
                AceKind::Allow(_, sid)
                | AceKind::Deny(_, sid)
                | AceKind::Audit(_, sid)
                | AceKind::MandatoryLabel(_, sid) => 4 + sid.binary_len(),
                AceKind::Other(other) => other.body.len(),
            }
    }

    /// Reads an entry from its type, flags and the bytes behind its header. What follows the SID of a plain entry
    /// is dropped.
    pub(crate) fn from_parts(ace_type: u8, flags: u8, body: &[u8]) -> Result<Self, FormatError> {
        let plain = |kind: fn(AccessMask, Sid) -> AceKind| {
            let (mask, sid) = body.split_first_chunk::<4>().ok_or(FormatError::AceTooShort)?;
            Ok(kind(AccessMask(u32::from_le_bytes(*mask)), Sid::from_prefix(sid)?))
        };
        let kind = match ace_type {
            ALLOW => plain(AceKind::Allow)?,
            DENY => plain(AceKind::Deny)?,
            AUDIT => plain(AceKind::Audit)?,
            LABEL => plain(AceKind::MandatoryLabel)?,
            _ => AceKind::Other(OtherAce::new(ace_type, body.to_vec())?),
        };
        Ok(Self { flags: AceFlags(flags), kind })
    }

    pub(crate) fn write_to(&self, out: &mut Vec<u8>) {
        // INVARIANT of Acl: the whole list, and so each entry, fits 16 bits.
        let size = u16::try_from(self.binary_len()).unwrap_or(u16::MAX);
        out.extend([self.ace_type(), self.flags.0]);
        out.extend(size.to_le_bytes());
        match &self.kind {
            AceKind::Allow(mask, sid)
            | AceKind::Deny(mask, sid)
            | AceKind::Audit(mask, sid)
            | AceKind::MandatoryLabel(mask, sid) => {
                out.extend(mask.0.to_le_bytes());
                sid.write_to(out);
            }
            AceKind::Other(other) => out.extend(&other.body),
        }
    }
}

impl OtherAce {
    /// The most bytes behind the header: what a whole ACL leaves for one entry.
    pub const MAX_BODY: usize = 0xFFFC - 8 - HEADER;

    /// An entry of a type that has no variant in [`AceKind`]; the body is what follows the header.
    ///
    /// # Errors
    /// [`FormatError`] where the type has a variant of its own, the body is too long or no multiple of four, or the
    /// type is an object or callback one and no mask and SID can be read from the body.
    pub fn new(ace_type: u8, body: Vec<u8>) -> Result<Self, FormatError> {
        if matches!(ace_type, ALLOW | DENY | AUDIT | LABEL) {
            return Err(FormatError::AceType(ace_type));
        }
        if body.len() > Self::MAX_BODY || !body.len().is_multiple_of(4) {
            return Err(FormatError::AceSize(body.len()));
        }
        let ace = Self { ace_type, body };
        if ace.layout() != Layout::Unknown && ace.subject().is_none() {
            return Err(FormatError::AceTooShort);
        }
        Ok(ace)
    }

    /// The `AceType` of the header.
    #[must_use]
    pub const fn ace_type(&self) -> u8 {
        self.ace_type
    }

    /// What follows the header.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The mask and the SID, where the type is an object or callback one.
    #[must_use]
    pub fn subject(&self) -> Option<(AccessMask, Sid)> {
        let sid_at = match self.layout() {
            Layout::Unknown => return None,
            Layout::Callback => 4,
            Layout::Object => 8 + 16 * (self.object_flags()? & 3).count_ones() as usize,
        };
        let mask = self.body.first_chunk::<4>()?;
        Some((AccessMask(u32::from_le_bytes(*mask)), Sid::from_prefix(self.body.get(sid_at..)?).ok()?))
    }

    /// Whether the entry speaks of one kind of child object or property only.
    #[must_use]
    pub fn has_object_type(&self) -> bool {
        self.object_flags().is_some_and(|flags| flags & OBJECT_TYPE_PRESENT != 0)
    }

    /// The flags word of an object ACE.
    pub(crate) fn object_flags(&self) -> Option<u32> {
        (self.layout() == Layout::Object).then_some(())?;
        Some(u32::from_le_bytes(*self.body.get(4..)?.first_chunk::<4>()?))
    }

    fn layout(&self) -> Layout {
        match self.ace_type {
            ALLOW_CALLBACK | DENY_CALLBACK | AUDIT_CALLBACK => Layout::Callback,
            ALLOW_OBJECT..=ALARM_OBJECT | ALLOW_CALLBACK_OBJECT | DENY_CALLBACK_OBJECT => Layout::Object,
            _ => Layout::Unknown,
        }
    }
}

/// How the body of an [`OtherAce`] begins.
#[derive(PartialEq, Eq)]
enum Layout {
    /// Mask, SID, data ([MS-DTYP] 2.4.4.6).
    Callback,
    /// Mask, flags, up to two GUIDs, SID, data (2.4.4.3).
    Object,
    /// Anything.
    Unknown,
}
