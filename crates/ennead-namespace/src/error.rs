//! What can go wrong, each with the Win32 code that a caller on Windows would see.
//!
//! What an error displays, its `source()` does not say again: an error that displays another as its own goes on with that one's
//! source. So programs print the whole chain, and nothing twice.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use ennead_status::Win32Error;

use crate::header::HeaderError;

/// A text that cannot be a name. `.win32()` is ERROR_INVALID_NAME, or ERROR_FILENAME_EXCED_RANGE where it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// It has no characters.
    Empty,
    /// It has more than [`LONGEST`](crate::name::LONGEST) UTF-16 units.
    TooLong {
        /// How many it has.
        units: usize,
    },
    /// It has a NUL.
    Nul {
        /// Where, in UTF-16 units.
        position: usize,
    },
}

impl NameError {
    /// The Win32 code.
    pub fn win32(&self) -> Win32Error {
        match self {
            NameError::TooLong { .. } => Win32Error::FILENAME_EXCED_RANGE,
            NameError::Empty | NameError::Nul { .. } => Win32Error::INVALID_NAME,
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameError::Empty => write!(f, "the name is empty"),
            NameError::TooLong { units } => {
                write!(f, "the name has {units} UTF-16 units, more than {}", crate::name::LONGEST)
            }
            NameError::Nul { position } => write!(f, "the name has a NUL at position {position}"),
        }
    }
}

impl Error for NameError {}

/// No root to work in.
#[derive(Debug)]
pub enum RootError {
    /// `Global\` was never set up on this machine. ERROR_PATH_NOT_FOUND.
    GlobalMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The folder in which the root is to be does not exist. ERROR_PATH_NOT_FOUND.
    NoParent {
        /// The root.
        path: PathBuf,
        /// The folder that should hold it.
        parent: PathBuf,
    },
    /// The folder belongs to somebody else. ERROR_ACCESS_DENIED.
    WrongOwner {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Whose it should be.
        expected: u32,
    },
    /// Others may write in the folder. ERROR_ACCESS_DENIED.
    OpenToOthers {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// No place for a local root is usable. The code of the last one's error.
    NoPlace {
        /// The last place tried, and why not.
        last: Box<RootError>,
    },
    /// The system refused a step. The code of the system's error.
    System {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RootError {
    /// The Win32 code.
    pub fn win32(&self) -> Win32Error {
        match self {
            RootError::GlobalMissing { .. } | RootError::NoParent { .. } => Win32Error::PATH_NOT_FOUND,
            RootError::WrongOwner { .. } | RootError::OpenToOthers { .. } => Win32Error::ACCESS_DENIED,
            RootError::NoPlace { last } => last.win32(),
            RootError::System { source, .. } => code_of(source),
        }
    }
}

impl fmt::Display for RootError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RootError::GlobalMissing { path } => write!(
                f,
                "the machine-wide namespace {} does not exist: run `ennead setup` as root once per start of the machine",
                path.display()
            ),
            RootError::NoParent { path, parent } => write!(
                f,
                "{} cannot be the namespace's folder, as {} does not exist: make it, or name another in ENNEAD_ROOT",
                path.display(),
                parent.display()
            ),
            RootError::WrongOwner { path, owner, expected } => {
                write!(f, "{} belongs to uid {owner}, not to uid {expected}", path.display())
            }
            RootError::OpenToOthers { path, mode } => {
                write!(f, "others may write in {} (mode {mode:04o}, expected 0700)", path.display())
            }
            RootError::NoPlace { .. } => write!(
                f,
                "no place for the local namespace: set ENNEAD_ROOT or XDG_RUNTIME_DIR to a folder that only you may write in"
            ),
            RootError::System { step, path, .. } => write!(f, "cannot {step} {}", path.display()),
        }
    }
}

impl Error for RootError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RootError::NoPlace { last } => Some(last),
            RootError::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An entry could not be created, opened or used.
#[derive(Debug)]
pub enum EntryError {
    /// Nobody holds the name. ERROR_FILE_NOT_FOUND.
    NotFound,
    /// Somebody holds the name, and the caller wanted it new. ERROR_ALREADY_EXISTS.
    AlreadyExists,
    /// The name is held, and its descriptor does not admit the caller. ERROR_ACCESS_DENIED.
    AccessDenied,
    /// Several users hold the name in `Global\`, none of them root: all but one have ignored that it was held, and nobody can
    /// tell which. ERROR_ACCESS_DENIED.
    Contested {
        /// Two of them.
        uids: [u32; 2],
    },
    /// Something that is no entry lies in the name's place: a link, a folder, a file of another owner. ERROR_ACCESS_DENIED.
    Intruder {
        /// What it is.
        what: Intruder,
    },
    /// The entry is held but cannot be read. ERROR_REVISION_MISMATCH for another layout, else ERROR_FILE_CORRUPT.
    Header(HeaderError),
    /// Two long names have one hash. ERROR_ALREADY_EXISTS.
    HashCollision,
    /// Another process has been in the middle of a step for too long (stopped, perhaps). ERROR_BUSY.
    Stalled {
        /// Whose process.
        uid: u32,
    },
    /// A part is larger than an entry can hold. ERROR_INVALID_PARAMETER.
    TooLarge,
    /// The body was asked for bytes that it does not have, or for a write that the rights do not allow.
    /// ERROR_INVALID_PARAMETER.
    OutOfBody,
    /// The root cannot be used. The root error's code.
    Root(RootError),
    /// The system refused a step. The code of the system's error: ERROR_DISK_FULL, ERROR_WRITE_PROTECT,
    /// ERROR_ACCESS_DENIED, ERROR_PATH_NOT_FOUND, ERROR_TOO_MANY_OPEN_FILES …
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

/// Something in an entry's place that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intruder {
    /// A file that nobody holds and that does not begin as an entry does. It is not ours to remove.
    Stranger,
    /// A symbolic link.
    Link,
    /// A folder.
    Folder,
    /// A socket, FIFO or device.
    Special,
    /// A file that belongs to another user than the folder does.
    WrongOwner {
        /// Whose it is.
        uid: u32,
    },
}

impl EntryError {
    pub(crate) fn system(step: &'static str) -> impl FnOnce(io::Error) -> EntryError {
        move |source| EntryError::System { step, source }
    }

    /// The Win32 code.
    pub fn win32(&self) -> Win32Error {
        match self {
            EntryError::NotFound => Win32Error::FILE_NOT_FOUND,
            EntryError::AlreadyExists | EntryError::HashCollision => Win32Error::ALREADY_EXISTS,
            EntryError::AccessDenied | EntryError::Contested { .. } | EntryError::Intruder { .. } => {
                Win32Error::ACCESS_DENIED
            }
            EntryError::Header(HeaderError::Layout { .. } | HeaderError::Features { .. }) => {
                Win32Error::REVISION_MISMATCH
            }
            EntryError::Header(_) => Win32Error::FILE_CORRUPT,
            EntryError::Stalled { .. } => Win32Error::BUSY,
            EntryError::TooLarge | EntryError::OutOfBody => Win32Error::INVALID_PARAMETER,
            EntryError::Root(error) => error.win32(),
            EntryError::System { source, .. } => code_of(source),
        }
    }
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EntryError::NotFound => write!(f, "nobody holds this name"),
            EntryError::AlreadyExists => write!(f, "the name is held already"),
            EntryError::AccessDenied => {
                write!(f, "the object's security descriptor does not admit this user")
            }
            EntryError::Intruder { what: Intruder::Stranger } => {
                write!(f, "a file that is no entry of Ennead's is here")
            }
            EntryError::Contested { uids: [one, other] } => write!(
                f,
                "uid {one} and uid {other} both hold this name, and one of them took it while the other had it: \
                 end the program that should not hold it (`ennead ls` shows both), or let root hold the name"
            ),
            EntryError::Intruder { what: Intruder::Link } => {
                write!(f, "a symbolic link is in the entry's place")
            }
            EntryError::Intruder { what: Intruder::Folder } => write!(f, "a folder is in the entry's place"),
            EntryError::Intruder { what: Intruder::Special } => {
                write!(f, "a socket, FIFO or device is in the entry's place")
            }
            EntryError::Intruder { what: Intruder::WrongOwner { uid } } => {
                write!(f, "a file of uid {uid} is in the entry's place")
            }
            EntryError::Header(_) => write!(f, "the entry cannot be read"),
            EntryError::HashCollision => write!(f, "another long name has the same hash and is held"),
            EntryError::Stalled { uid } => {
                write!(f, "a process of uid {uid} has stopped in the middle of a change to this name")
            }
            EntryError::TooLarge => write!(f, "the entry would be too large"),
            EntryError::OutOfBody => write!(f, "the entry's body has no such bytes for this holder"),
            EntryError::Root(error) => error.fmt(f),
            EntryError::System { step, .. } => write!(f, "cannot {step}"),
        }
    }
}

impl Error for EntryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EntryError::Header(error) => Some(error),
            EntryError::Root(error) => error.source(),
            EntryError::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<RootError> for EntryError {
    fn from(error: RootError) -> Self {
        EntryError::Root(error)
    }
}

/// A quota in place of space, and a missing folder in place of a file, are ours to tell; the rest is the common table's.
fn code_of(error: &io::Error) -> Win32Error {
    match error.kind() {
        io::ErrorKind::NotFound => Win32Error::PATH_NOT_FOUND,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Win32Error::DISK_FULL,
        io::ErrorKind::ReadOnlyFilesystem => Win32Error::WRITE_PROTECT,
        io::ErrorKind::PermissionDenied => Win32Error::ACCESS_DENIED,
        _ => Win32Error::from(error),
    }
}
