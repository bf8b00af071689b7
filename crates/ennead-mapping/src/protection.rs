//! Page protections of a file mapping, access to a view, and how the two go together.
//!
//! Pages: [CreateFileMapping](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-createfilemappingw),
//! [MapViewOfFile](https://learn.microsoft.com/windows/win32/api/memoryapi/nf-memoryapi-mapviewoffile).

use ennead_security::AccessMask;

use crate::rights::{EXECUTE, QUERY, READ, WRITE};

/// The page protection of a file mapping (`flProtect`): what its views may be mapped for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PageProtection {
    /// `PAGE_READONLY`: reading, or copy-on-write.
    ReadOnly,
    /// `PAGE_READWRITE`: reading, copy-on-write, or reading and writing.
    #[default]
    ReadWrite,
    /// `PAGE_WRITECOPY`: the same as [`ReadOnly`](Self::ReadOnly).
    WriteCopy,
    /// `PAGE_EXECUTE_READ`: reading, copy-on-write, or running.
    ExecuteRead,
    /// `PAGE_EXECUTE_READWRITE`: everything.
    ExecuteReadWrite,
    /// `PAGE_EXECUTE_WRITECOPY`: the same as [`ExecuteRead`](Self::ExecuteRead).
    ExecuteWriteCopy,
}

impl PageProtection {
    /// The number in the Windows headers.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::ReadOnly => 0x02,
            Self::ReadWrite => 0x04,
            Self::WriteCopy => 0x08,
            Self::ExecuteRead => 0x20,
            Self::ExecuteReadWrite => 0x40,
            Self::ExecuteWriteCopy => 0x80,
        }
    }

    /// The protection of a number; `None` for one that a file mapping cannot have.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        Some(match bits {
            0x02 => Self::ReadOnly,
            0x04 => Self::ReadWrite,
            0x08 => Self::WriteCopy,
            0x20 => Self::ExecuteRead,
            0x40 => Self::ExecuteReadWrite,
            0x80 => Self::ExecuteWriteCopy,
            _ => return None,
        })
    }

    /// The name in the Windows headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "PAGE_READONLY",
            Self::ReadWrite => "PAGE_READWRITE",
            Self::WriteCopy => "PAGE_WRITECOPY",
            Self::ExecuteRead => "PAGE_EXECUTE_READ",
            Self::ExecuteReadWrite => "PAGE_EXECUTE_READWRITE",
            Self::ExecuteWriteCopy => "PAGE_EXECUTE_WRITECOPY",
        }
    }

    /// Whether views may change what everybody sees.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        matches!(self, Self::ReadWrite | Self::ExecuteReadWrite)
    }

    /// Whether views may be run.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        matches!(self, Self::ExecuteRead | Self::ExecuteReadWrite | Self::ExecuteWriteCopy)
    }

    /// The access to an existing object that creating it with this protection asks for.
    pub(crate) fn access(self) -> AccessMask {
        let mut access = QUERY | READ;
        if self.is_writable() {
            access |= WRITE;
        }
        if self.is_executable() {
            access |= EXECUTE;
        }
        access
    }
}

/// What a view is mapped for (`dwDesiredAccess` of `MapViewOfFile`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ViewAccess {
    /// `FILE_MAP_READ`.
    #[default]
    Read,
    /// `FILE_MAP_WRITE`, `FILE_MAP_ALL_ACCESS`: reading and writing, which everybody sees.
    Write,
    /// `FILE_MAP_COPY`: writing that only this view sees. Bytes of pages that it has not written yet still change with the file.
    Copy,
}

impl ViewAccess {
    /// What the handle must have been opened with.
    pub(crate) fn needs(self, execute: bool) -> AccessMask {
        let data = match self {
            Self::Read | Self::Copy => READ,
            Self::Write => WRITE,
        };
        if execute { data | EXECUTE } else { data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_and_back() {
        use PageProtection::*;
        for protection in [ReadOnly, ReadWrite, WriteCopy, ExecuteRead, ExecuteReadWrite, ExecuteWriteCopy] {
            assert_eq!(PageProtection::from_bits(protection.bits()), Some(protection));
        }
        // PAGE_NOACCESS, PAGE_EXECUTE, and two at once.
        assert!([0, 0x01, 0x10, 0x06].iter().all(|&bits| PageProtection::from_bits(bits).is_none()));
    }
}
