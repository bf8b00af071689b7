//! An error together with its code, for the way through `std::io::Error`.

use std::{error, fmt, io};

use crate::Win32Error;

/// An error and the Win32 code that it has: what the [`io::Error`]s that Ennead makes of its own errors have inside. It reads as
/// the error itself; [`Win32Error::from`] finds the code.
///
/// ```
/// use ennead_status::{Coded, Win32Error};
///
/// let io = std::io::Error::from(Coded::new(Win32Error::BROKEN_PIPE, "the stock list has ended"));
/// assert_eq!((io.kind(), io.to_string()), (std::io::ErrorKind::BrokenPipe, "the stock list has ended".to_owned()));
/// assert_eq!(Win32Error::from(&io), Win32Error::BROKEN_PIPE);
/// ```
#[derive(Debug)]
pub struct Coded {
    code: Win32Error,
    error: Box<dyn error::Error + Send + Sync>,
}

impl Coded {
    /// An error with its code.
    pub fn new(code: Win32Error, error: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self { code, error: error.into() }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> Win32Error {
        self.code
    }

    /// The error, to be downcast.
    #[must_use]
    pub fn error(&self) -> &(dyn error::Error + Send + Sync + 'static) {
        &*self.error
    }
}

impl fmt::Display for Coded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl error::Error for Coded {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.error.source()
    }
}

impl From<Coded> for io::Error {
    /// With the kind of the code.
    fn from(coded: Coded) -> Self {
        Self::new(coded.code.kind(), coded)
    }
}
