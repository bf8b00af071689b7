//! HRESULT: what COM says ([MS-ERREF] 2.1).

use crate::{NtStatus, Win32Error, codes, tables};
use std::{error, fmt};

/// An HRESULT; any value is one, and a negative one is a failure.
///
/// Page: [Structure of COM Error Codes](https://learn.microsoft.com/windows/win32/com/structure-of-com-error-codes).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HResult(pub i32);

/// `FACILITY_NT_BIT`: the rest is an NTSTATUS.
const NT_BIT: u32 = 0x1000_0000;
/// Failure severity with `FACILITY_WIN32`: the low word is a Win32 code.
const WIN32: u32 = 0x8007_0000;

impl HResult {
    /// The name in the Windows headers, such as `E_NOINTERFACE`; `None` for a value that is not in the table.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        codes::find(tables::HRESULT, self.0).map(|row| row.name)
    }

    /// The phrase of the value, or of the Win32 code or NTSTATUS inside it; `None` where none is known.
    #[must_use]
    pub fn message(self) -> Option<&'static str> {
        match codes::find(tables::HRESULT, self.0) {
            Some(row) => Some(row.message),
            None => self.win32()?.message(),
        }
    }

    /// `SUCCEEDED`: any value that is not negative.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 >= 0
    }

    /// `HRESULT_FACILITY`: bits 16 to 28.
    #[must_use]
    pub const fn facility(self) -> u16 {
        (self.0.cast_unsigned() >> 16) as u16 & 0x1FFF
    }

    /// The NTSTATUS inside, where `HRESULT_FROM_NT` made the value.
    #[must_use]
    pub const fn nt_status(self) -> Option<NtStatus> {
        let bits = self.0.cast_unsigned();
        if bits & NT_BIT != 0 { Some(NtStatus(bits & !NT_BIT)) } else { None }
    }

    /// The Win32 code inside, where `HRESULT_FROM_WIN32` or `HRESULT_FROM_NT` made the value, or it is `S_OK`.
    #[must_use]
    pub fn win32(self) -> Option<Win32Error> {
        let bits = self.0.cast_unsigned();
        if let Some(status) = self.nt_status() {
            return Some(Win32Error::from(status));
        }
        (bits == 0 || bits & 0xFFFF_0000 == WIN32).then_some(Win32Error(bits & 0xFFFF))
    }
}

impl From<Win32Error> for HResult {
    /// `HRESULT_FROM_WIN32`: a code that is zero or has its top bit set is an HRESULT already; of others the low
    /// word is kept.
    fn from(code: Win32Error) -> Self {
        if code.0.cast_signed() <= 0 {
            Self(code.0.cast_signed())
        } else {
            Self((code.0 & 0xFFFF | WIN32).cast_signed())
        }
    }
}

impl From<NtStatus> for HResult {
    /// `HRESULT_FROM_NT`: the status with `FACILITY_NT_BIT` set.
    fn from(status: NtStatus) -> Self {
        Self((status.0 | NT_BIT).cast_signed())
    }
}

impl fmt::Display for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        if let Some(row) = codes::find(tables::HRESULT, self.0) {
            return write!(f, "{} ({}, 0x{bits:08X})", row.message, row.name);
        }
        if let Some(status) = self.nt_status().filter(|status| status.name().is_some()) {
            let (message, name) = (status.message().unwrap_or_default(), status.name().unwrap_or_default());
            return write!(f, "{message} (HRESULT_FROM_NT({name}), 0x{bits:08X})");
        }
        match self.win32().and_then(|code| Some((code.message()?, code.name()?))) {
            Some((message, name)) => write!(f, "{message} (HRESULT_FROM_WIN32({name}), 0x{bits:08X})"),
            None => write!(f, "HRESULT 0x{bits:08X} (facility {}, code {})", self.facility(), bits & 0xFFFF),
        }
    }
}

impl fmt::Debug for HResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "HResult(0x{:08X}: {name})", self.0),
            None => write!(f, "HResult(0x{:08X})", self.0),
        }
    }
}

impl error::Error for HResult {}
