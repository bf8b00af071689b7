//! Win32 error codes: what `GetLastError` returns.

use crate::{codes, errno, tables};
use std::{error, fmt, io};

/// A Win32 error code (`GetLastError`, `WSAGetLastError`, `RPC_STATUS`); any value is one.
///
/// Page: [System Error Codes](https://learn.microsoft.com/windows/win32/debug/system-error-codes).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Win32Error(pub u32);

impl Win32Error {
    /// The name in the Windows headers, such as `ERROR_BROKEN_PIPE`; `None` for a code that is not in the tables.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.name)
    }

    /// What `FormatMessage` says, without line end; inserts such as `%1` stand as they are. `None` for a code
    /// that is not in the tables.
    #[must_use]
    pub fn message(self) -> Option<&'static str> {
        self.row().map(|row| row.message)
    }

    /// Whether this is `ERROR_SUCCESS`.
    #[must_use]
    pub const fn is_success(self) -> bool {
        self.0 == 0
    }

    /// The code for a Linux errno; [`GEN_FAILURE`](Self::GEN_FAILURE) for one without a counterpart.
    #[must_use]
    pub fn from_errno(errno: i32) -> Self {
        errno::to_win32(errno)
    }

    /// The Linux errno that says most nearly the same; `None` where there is none.
    #[must_use]
    pub fn errno(self) -> Option<i32> {
        errno::from_win32(self)
    }

    /// The kind that [`std::io::Error`] gives this code on Windows, or that of the nearest errno.
    #[must_use]
    pub fn kind(self) -> io::ErrorKind {
        errno::kind(self)
    }

    fn row(self) -> Option<&'static codes::Code<u32>> {
        codes::find(tables::WIN32, self.0)
    }
}

impl fmt::Display for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row() {
            Some(row) => write!(f, "{} ({}, {})", row.message, row.name, row.value),
            None => write!(f, "Win32 error {} ({:#X})", self.0, self.0),
        }
    }
}

impl fmt::Debug for Win32Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "Win32Error({}: {name})", self.0),
            None => write!(f, "Win32Error({})", self.0),
        }
    }
}

impl error::Error for Win32Error {}

impl From<&io::Error> for Win32Error {
    /// The code that the error wraps (a [`Win32Error`], [`Coded`](crate::Coded), [`NtStatus`](crate::NtStatus) or
    /// [`HResult`](crate::HResult), at any depth), else that of its errno, else that of its kind.
    fn from(error: &io::Error) -> Self {
        errno::of_io_error(error)
    }
}

impl From<io::Error> for Win32Error {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<Win32Error> for io::Error {
    /// Wraps the code whole, so that [`Win32Error::from`] gives it back, whatever it is.
    fn from(code: Win32Error) -> Self {
        Self::new(code.kind(), code)
    }
}
