//! Why a client cannot be impersonated.

use std::{error, fmt, io};

use ennead_status::Win32Error;

use super::Level;

/// Why a client is not impersonated. No request of the client should be executed then.
#[derive(Debug)]
pub enum ImpersonateError {
    /// There is no client: ERROR_PIPE_LISTENING or ERROR_PIPE_NOT_CONNECTED.
    NoClient(Box<crate::named::Error>),
    /// Nothing has been read from this client yet: `ERROR_CANNOT_IMPERSONATE`.
    NothingRead,
    /// The client's level, or the server's privileges, do not allow acting as the client:
    /// `ERROR_BAD_IMPERSONATION_LEVEL`.
    BadLevel {
        /// The level that there is.
        level: Level,
    },
    /// The kernel refused.
    System(io::Error),
}

impl ImpersonateError {
    /// What `GetLastError` says on Windows.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::NoClient(error) => error.win32(),
            Self::NothingRead => Win32Error::CANNOT_IMPERSONATE,
            Self::BadLevel { .. } => Win32Error::BAD_IMPERSONATION_LEVEL,
            Self::System(error) => Win32Error::from(error),
        }
    }
}

impl fmt::Display for ImpersonateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoClient(error) => error.fmt(f),
            Self::NothingRead => f.write_str("nothing has been read from the client yet"),
            Self::BadLevel { level } => {
                write!(f, "acting as the client needs SecurityImpersonation, not {level}")
            }
            Self::System(_) => f.write_str("the client's identity cannot be assumed"),
        }
    }
}

impl error::Error for ImpersonateError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::NoClient(error) => error.source(),
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}
