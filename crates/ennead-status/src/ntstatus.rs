//! NTSTATUS: what the kernel and the wire protocols say ([MS-ERREF] 2.3).

use crate::{Win32Error, codes::NtCode, tables};
use std::{error, fmt};

/// An NTSTATUS; any value is one. The top two bits are the severity.
///
/// Page: [NTSTATUS values](https://learn.microsoft.com/openspecs/windows_protocols/ms-erref/596a1078-e883-4972-9bbc-49e60bebca55).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtStatus(pub u32);

/// `FACILITY_NTWIN32` with error severity: the low word is a Win32 code (`NTSTATUS_FROM_WIN32`).
const NT_WIN32: u32 = 0xC007_0000;
/// The bit of codes that Microsoft leaves to others; `RtlNtStatusToDosError` passes them unchanged.
const CUSTOMER: u32 = 0x2000_0000;

impl NtStatus {
    /// The name in the Windows headers, such as `STATUS_PIPE_BROKEN`; `None` for a value that is not in the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// The phrase of the Win32 code that this status becomes; `None` where that is unknown too.
    #[must_use]
    pub fn message(self) -> Option<&'static str> {
        match Win32Error::from(self) {
            Win32Error::MR_MID_NOT_FOUND if self.row().is_none() => None,
            code => code.message(),
        }
    }

    /// `NT_SUCCESS`: the severity is success or information.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 < 0x8000_0000
    }

    /// `NT_WARNING`: such as `STATUS_BUFFER_OVERFLOW`, with which data came all the same.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        self.0 >> 30 == 2
    }

    /// `NT_ERROR`.
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.0 >> 30 == 3
    }

    fn row(self) -> Option<&'static NtCode> {
        rows().find(|row| row.value == self.0)
    }
}

impl From<NtStatus> for Win32Error {
    /// As [`RtlNtStatusToDosError`](https://learn.microsoft.com/windows/win32/api/winternl/nf-winternl-rtlntstatustodoserror):
    /// the table; customer codes unchanged; the low word of a code that carries a Win32 code; else
    /// `ERROR_MR_MID_NOT_FOUND`.
    fn from(status: NtStatus) -> Self {
        if let Some(row) = status.row() {
            return row.win32;
        }
        match status.0 >> 16 {
            _ if status.0 & CUSTOMER != 0 => Self(status.0),
            0xC001 | 0x8007 | 0xC007 => Self(status.0 & 0xFFFF),
            _ => Self::MR_MID_NOT_FOUND,
        }
    }
}

impl From<Win32Error> for NtStatus {
    /// The first status of the table that becomes this code; else `NTSTATUS_FROM_WIN32`; for a code that does not
    /// fit 16 bits, `STATUS_UNSUCCESSFUL`.
    fn from(code: Win32Error) -> Self {
        match rows().find(|row| row.win32 == code) {
            Some(row) => Self(row.value),
            None if code.0 <= 0xFFFF => Self(NT_WIN32 | code.0),
            None if code.0 & CUSTOMER != 0 => Self(code.0),
            None => Self::UNSUCCESSFUL,
        }
    }
}

impl fmt::Display for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.message(), self.name()) {
            (Some(message), Some(name)) => write!(f, "{message} ({name}, 0x{:08X})", self.0),
            (Some(message), None) => write!(f, "{message} (NTSTATUS 0x{:08X})", self.0),
            (None, Some(name)) => write!(f, "{name} (0x{:08X})", self.0),
            (None, None) => write!(f, "NTSTATUS 0x{:08X}", self.0),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "NtStatus(0x{:08X}: {name})", self.0),
            None => write!(f, "NtStatus(0x{:08X})", self.0),
        }
    }
}

impl error::Error for NtStatus {}

fn rows() -> impl Iterator<Item = &'static NtCode> {
    tables::NT.iter().copied().flatten()
}
