//! Why there is no private namespace.

use std::error::Error;
use std::fmt;

use ennead_status::Win32Error;

use crate::error::{EntryError, NameError};

/// A private namespace could not be created or opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum PrivateError {
    /// The boundary has no SID. ERROR_INVALID_PARAMETER.
    NoSid,
    /// The boundary's name, or the alias, is none. The code of the name's error.
    Name(NameError),
    /// The alias has a backslash. ERROR_INVALID_PARAMETER.
    AliasText,
    /// The alias is taken in this process, or is `Local` or `Global`. ERROR_DUP_NAME.
    Alias,
    /// The caller does not have all SIDs of the boundary. ERROR_ACCESS_DENIED.
    Outside,
    /// The boundary has a namespace. ERROR_ALREADY_EXISTS.
    Exists,
    /// The boundary has no namespace, or its creator has closed it. ERROR_PATH_NOT_FOUND.
    Missing,
    /// Its entry could not be made or opened. The entry error's code.
    Entry(EntryError),
}

impl PrivateError {
    /// The Win32 code.
    pub fn win32(&self) -> Win32Error {
        match self {
            PrivateError::NoSid | PrivateError::AliasText => Win32Error::INVALID_PARAMETER,
            PrivateError::Name(error) => error.win32(),
            PrivateError::Alias => Win32Error::DUP_NAME,
            PrivateError::Outside => Win32Error::ACCESS_DENIED,
            PrivateError::Exists => Win32Error::ALREADY_EXISTS,
            PrivateError::Missing => Win32Error::PATH_NOT_FOUND,
            PrivateError::Entry(error) => error.win32(),
        }
    }
}

impl fmt::Display for PrivateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrivateError::NoSid => write!(f, "the boundary has no SID, and needs one at least"),
            PrivateError::Name(error) => error.fmt(f),
            PrivateError::AliasText => write!(f, "the alias of a namespace has no backslash"),
            PrivateError::Alias => {
                write!(
                    f,
                    "another namespace goes by this alias in this process, or every process has one of that name"
                )
            }
            PrivateError::Outside => write!(f, "this user does not have every SID of the boundary"),
            PrivateError::Exists => write!(f, "the boundary has a private namespace already"),
            PrivateError::Missing => {
                write!(f, "nobody has a private namespace with this boundary open who created it")
            }
            PrivateError::Entry(error) => error.fmt(f),
        }
    }
}

impl Error for PrivateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            PrivateError::Entry(error) => error.source(),
            _ => None,
        }
    }
}
