//! Access rights ([MS-DTYP] 2.4.3) and what the generic ones mean for a kind of object (2.4.4.1 and `GENERIC_MAPPING`).

use std::{fmt, ops};

/// A set of access rights.
///
/// Page: [Access Mask Format](https://learn.microsoft.com/windows/win32/secauthz/access-mask-format).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccessMask(pub u32);

impl AccessMask {
    /// No right at all.
    pub const NONE: Self = Self(0);
    /// `DELETE`.
    pub const DELETE: Self = Self(0x0001_0000);
    /// `READ_CONTROL`: read the descriptor, its SACL aside.
    pub const READ_CONTROL: Self = Self(0x0002_0000);
    /// `WRITE_DAC`: change the DACL.
    pub const WRITE_DAC: Self = Self(0x0004_0000);
    /// `WRITE_OWNER`: change the owner.
    pub const WRITE_OWNER: Self = Self(0x0008_0000);
    /// `SYNCHRONIZE`: wait for the object.
    pub const SYNCHRONIZE: Self = Self(0x0010_0000);
    /// `STANDARD_RIGHTS_REQUIRED`: the four standard rights before `SYNCHRONIZE`.
    pub const STANDARD_REQUIRED: Self = Self(0x000F_0000);
    /// `STANDARD_RIGHTS_ALL`.
    pub const STANDARD_ALL: Self = Self(0x001F_0000);
    /// `SPECIFIC_RIGHTS_ALL`: the rights that each kind of object defines.
    pub const SPECIFIC_ALL: Self = Self(0x0000_FFFF);
    /// `ACCESS_SYSTEM_SECURITY`: read and change the SACL; granted by a privilege only.
    pub const ACCESS_SYSTEM_SECURITY: Self = Self(0x0100_0000);
    /// `MAXIMUM_ALLOWED`: in a request, "and whatever else I may have".
    pub const MAXIMUM_ALLOWED: Self = Self(0x0200_0000);
    /// `GENERIC_ALL`.
    pub const GENERIC_ALL: Self = Self(0x1000_0000);
    /// `GENERIC_EXECUTE`.
    pub const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    /// `GENERIC_WRITE`.
    pub const GENERIC_WRITE: Self = Self(0x4000_0000);
    /// `GENERIC_READ`.
    pub const GENERIC_READ: Self = Self(0x8000_0000);

    /// `FILE_READ_DATA`.
    pub const FILE_READ_DATA: Self = Self(0x0001);
    /// `FILE_WRITE_DATA`.
    pub const FILE_WRITE_DATA: Self = Self(0x0002);
    /// `FILE_APPEND_DATA`, which on a named pipe is [`FILE_CREATE_PIPE_INSTANCE`](Self::FILE_CREATE_PIPE_INSTANCE).
    pub const FILE_APPEND_DATA: Self = Self(0x0004);
    /// `FILE_CREATE_PIPE_INSTANCE`: serve a further instance of a named pipe.
    pub const FILE_CREATE_PIPE_INSTANCE: Self = Self(0x0004);
    /// `FILE_READ_ATTRIBUTES`.
    pub const FILE_READ_ATTRIBUTES: Self = Self(0x0080);
    /// `FILE_WRITE_ATTRIBUTES`.
    pub const FILE_WRITE_ATTRIBUTES: Self = Self(0x0100);
    /// `FILE_ALL_ACCESS`.
    pub const FILE_ALL_ACCESS: Self = Self(0x001F_01FF);
    /// `FILE_GENERIC_READ`.
    pub const FILE_GENERIC_READ: Self = Self(0x0012_0089);
    /// `FILE_GENERIC_WRITE`.
    pub const FILE_GENERIC_WRITE: Self = Self(0x0012_0116);
    /// `FILE_GENERIC_EXECUTE`.
    pub const FILE_GENERIC_EXECUTE: Self = Self(0x0012_00A0);

    /// The four generic rights together.
    const GENERIC: Self = Self(0xF000_0000);

    /// Whether each right of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether some right of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This set without the rights of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl ops::BitOr for AccessMask {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl ops::BitOrAssign for AccessMask {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl ops::BitAnd for AccessMask {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for AccessMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessMask({:#010x})", self.0)
    }
}

/// What each generic right means for a kind of object (`GENERIC_MAPPING`).
///
/// Page: [GENERIC_MAPPING](https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-generic_mapping).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GenericMapping {
    /// What `GENERIC_READ` means.
    pub read: AccessMask,
    /// What `GENERIC_WRITE` means.
    pub write: AccessMask,
    /// What `GENERIC_EXECUTE` means.
    pub execute: AccessMask,
    /// What `GENERIC_ALL` means.
    pub all: AccessMask,
}

impl GenericMapping {
    /// The mapping of files, pipes and mailslots.
    pub const FILE: Self = Self {
        read: AccessMask::FILE_GENERIC_READ,
        write: AccessMask::FILE_GENERIC_WRITE,
        execute: AccessMask::FILE_GENERIC_EXECUTE,
        all: AccessMask::FILE_ALL_ACCESS,
    };

    /// The set with each generic right replaced by what it means (`MapGenericMask`).
    #[must_use]
    pub fn map(&self, mask: AccessMask) -> AccessMask {
        let meaning = [
            (AccessMask::GENERIC_READ, self.read),
            (AccessMask::GENERIC_WRITE, self.write),
            (AccessMask::GENERIC_EXECUTE, self.execute),
            (AccessMask::GENERIC_ALL, self.all),
        ];
        let mapped = meaning.iter().filter(|(generic, _)| mask.contains(*generic));
        mapped.fold(mask, |sum, (_, rights)| sum | *rights).without(AccessMask::GENERIC)
    }
}
