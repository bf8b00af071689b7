//! What can go wrong, each with the Win32 code that a caller on Windows would see.

use std::error::Error;
use std::{fmt, io};

use ennead_namespace::EntryError;
use ennead_status::Win32Error;

use crate::layout::{self, Strange};
use crate::name::ObjectNameError;

/// An object could not be created, opened or taken over.
#[derive(Debug)]
#[non_exhaustive]
pub enum ObjectError {
    /// The text names no object. The code of the name's error.
    Name(ObjectNameError),
    /// The name's entry could not be made or opened: ERROR_FILE_NOT_FOUND where nobody holds the name, ERROR_ACCESS_DENIED …
    Entry(EntryError),
    /// The name belongs to another kind of object. ERROR_INVALID_HANDLE.
    OtherKind,
    /// The descriptor does not grant the rights asked for. ERROR_ACCESS_DENIED.
    Denied,
    /// A semaphore's counts make no sense. ERROR_INVALID_PARAMETER.
    Counts {
        /// The initial count.
        initial: u32,
        /// The maximum.
        maximum: u32,
    },
    /// The object was made by an Ennead of another layout. ERROR_REVISION_MISMATCH.
    Version {
        /// Its layout.
        version: u32,
        /// Its features.
        features: u32,
    },
    /// What lies in the object's place is none. ERROR_FILE_CORRUPT.
    Damaged,
    /// No process or thread has the id. ERROR_INVALID_PARAMETER.
    Gone,
    /// The system refused a step. The code of the system's error.
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl ObjectError {
    pub(crate) fn system(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { step, source }
    }

    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Name(error) => error.win32(),
            Self::Entry(error) => error.win32(),
            Self::OtherKind => Win32Error::INVALID_HANDLE,
            Self::Denied => Win32Error::ACCESS_DENIED,
            Self::Counts { .. } => Win32Error::INVALID_PARAMETER,
            Self::Version { .. } => Win32Error::REVISION_MISMATCH,
            Self::Damaged => Win32Error::FILE_CORRUPT,
            Self::Gone => Win32Error::INVALID_PARAMETER,
            Self::System { source, .. } => Win32Error::from(source),
        }
    }
}

impl From<ObjectNameError> for ObjectError {
    fn from(error: ObjectNameError) -> Self {
        Self::Name(error)
    }
}

impl From<EntryError> for ObjectError {
    fn from(error: EntryError) -> Self {
        Self::Entry(error)
    }
}

impl From<Strange> for ObjectError {
    fn from(strange: Strange) -> Self {
        match strange {
            Strange::Magic => Self::Damaged,
            Strange::Version { version, features } => Self::Version { version, features },
        }
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Entry(error) => error.fmt(f),
            Self::OtherKind => f.write_str("the name belongs to an object of another kind"),
            Self::Denied => {
                f.write_str("the object's security descriptor does not grant the rights asked for")
            }
            Self::Counts { initial, maximum } => write!(
                f,
                "a semaphore cannot begin at {initial} of {maximum}: the maximum is between 1 and 2147483647, and the initial count at most that"
            ),
            Self::Version { version, features } => write!(
                f,
                "the object has layout {version} with features {features:#x}, and this program reads layout {} with none",
                layout::VERSION
            ),
            Self::Damaged => f.write_str("what lies in the object's place is none"),
            Self::Gone => f.write_str("no process or thread has that id"),
            Self::System { step, .. } => write!(f, "cannot {step}"),
        }
    }
}

impl Error for ObjectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Name(error) => error.source(),
            Self::Entry(error) => error.source(),
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An object's state could not be changed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ChangeError {
    /// The handle lacks the right. ERROR_ACCESS_DENIED.
    Denied,
    /// The calling thread does not own the mutex. ERROR_NOT_OWNER.
    NotOwner,
    /// The semaphore's count would exceed its maximum; it is unchanged. ERROR_TOO_MANY_POSTS.
    TooManyPosts,
    /// A semaphore was to be released by zero. ERROR_INVALID_PARAMETER.
    Zero,
    /// A timer's period is above 2147483647 ms. ERROR_INVALID_PARAMETER.
    Period,
    /// Another process writes into the object without keeping to the rules. ERROR_INVALID_DATA.
    Spoiled,
    /// The system refused. The code of its error.
    System(io::Error),
}

impl ChangeError {
    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Denied => Win32Error::ACCESS_DENIED,
            Self::NotOwner => Win32Error::NOT_OWNER,
            Self::TooManyPosts => Win32Error::TOO_MANY_POSTS,
            Self::Zero | Self::Period => Win32Error::INVALID_PARAMETER,
            Self::Spoiled => Win32Error::INVALID_DATA,
            Self::System(error) => Win32Error::from(error),
        }
    }
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Denied => "the handle lacks the right to change the object",
            Self::NotOwner => "this thread does not own the mutex",
            Self::TooManyPosts => "the semaphore's count would exceed its maximum",
            Self::Zero => "a semaphore is released by at least one",
            Self::Period => "a timer's period is at most 2147483647 ms",
            Self::Spoiled => "another process writes into the object without keeping to the rules",
            Self::System(_) => "the system refused a step of the change",
        })
    }
}

impl Error for ChangeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

/// A wait failed; nothing was taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum WaitError {
    /// A handle lacks SYNCHRONIZE. ERROR_ACCESS_DENIED.
    Denied,
    /// No objects, or more than [`MAXIMUM_WAIT_OBJECTS`](crate::MAXIMUM_WAIT_OBJECTS). ERROR_INVALID_PARAMETER.
    Count(usize),
    /// One object twice, in a wait for all. ERROR_INVALID_PARAMETER.
    Duplicate,
    /// Objects of different [places](crate::Place), in a wait for all. ERROR_NOT_SUPPORTED.
    Places,
    /// The token was cancelled. ERROR_OPERATION_ABORTED.
    Cancelled,
    /// Another process writes into an object without keeping to the rules. ERROR_INVALID_DATA.
    Spoiled,
    /// The system refused. The code of its error.
    System(io::Error),
}

impl WaitError {
    /// The Win32 code.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Denied => Win32Error::ACCESS_DENIED,
            Self::Count(_) | Self::Duplicate => Win32Error::INVALID_PARAMETER,
            Self::Places => Win32Error::NOT_SUPPORTED,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::Spoiled => Win32Error::INVALID_DATA,
            Self::System(error) => Win32Error::from(error),
        }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("a handle lacks the right SYNCHRONIZE"),
            Self::Count(count) => {
                write!(f, "a wait takes 1 to {} objects, not {count}", crate::MAXIMUM_WAIT_OBJECTS)
            }
            Self::Duplicate => f.write_str("a wait for all takes each object once"),
            Self::Places => f.write_str("a wait for all takes objects of one place"),
            Self::Cancelled => f.write_str("the wait was cancelled"),
            Self::Spoiled => {
                f.write_str("another process writes into an object without keeping to the rules")
            }
            Self::System(_) => f.write_str("the system refused a step of the wait"),
        }
    }
}

impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for WaitError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}
