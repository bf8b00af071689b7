//! What goes wrong with mailslots, and which Win32 code says so.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ennead_status::{Coded, Win32Error};

use crate::name::NameError;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `CreateMailslot`.
    Create,
    /// `CreateFile` on a mailslot.
    Open,
    /// `ReadFile`.
    Read,
    /// `WriteFile`.
    Write,
    /// `GetMailslotInfo`.
    Query,
    /// `SetMailslotInfo`.
    Set,
    /// Listing the mailslots.
    List,
}

impl Operation {
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create the mailslot",
            Self::Open => "open the mailslot",
            Self::Read => "read from the mailslot",
            Self::Write => "write to the mailslot",
            Self::Query => "query the mailslot",
            Self::Set => "change the mailslot",
            Self::List => "list the mailslots",
        }
    }
}

/// Why it did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The name is not a mailslot's: ERROR_INVALID_NAME.
    Name(NameError),
    /// A parameter that the documentation does not allow: ERROR_INVALID_PARAMETER.
    Parameter(&'static str),
    /// A slot of that name exists: ERROR_ALREADY_EXISTS.
    Exists,
    /// No process serves a slot of that name: ERROR_FILE_NOT_FOUND.
    NotFound,
    /// The name reaches beyond this computer: ERROR_REMOTE_MAILSLOTS_DEPRECATED.
    Remote,
    /// A message beyond this computer with more bytes than that allows: ERROR_BAD_NETPATH.
    TooLongForNetwork {
        /// How many it allows.
        most: usize,
    },
    /// The message has more bytes than the slot takes: ERROR_INVALID_PARAMETER.
    TooLong {
        /// How many bytes it has.
        bytes: usize,
        /// How many the slot takes.
        most: u32,
    },
    /// The next message has more bytes than the buffer; it stays: ERROR_INSUFFICIENT_BUFFER.
    BufferTooSmall {
        /// How many bytes it has.
        bytes: usize,
    },
    /// As many bytes of this client as the slot's budget allows are unread: ERROR_NOT_ENOUGH_QUOTA.
    Full {
        /// The budget, in bytes.
        budget: u64,
    },
    /// As many writers as can be wait for the server to read for the first time: ERROR_NO_SYSTEM_RESOURCES.
    TooManyWriters,
    /// Another handle's share mode, or this one's, forbids it: ERROR_SHARING_VIOLATION.
    Sharing,
    /// The security descriptor, or the handle's access, forbids it: ERROR_ACCESS_DENIED.
    Denied(&'static str),
    /// The server has closed the slot, or has died: ERROR_HANDLE_EOF.
    Gone,
    /// No message came in time: ERROR_SEM_TIMEOUT.
    TimedOut,
    /// Somebody cancelled it: ERROR_OPERATION_ABORTED.
    Cancelled,
    /// The other process has another version of Ennead, which this one does not understand: ERROR_REVISION_MISMATCH.
    Version {
        /// The version that was found.
        theirs: u32,
        /// The version that this library speaks.
        ours: u32,
    },
    /// What another process shares is not what it should be: ERROR_INVALID_DATA.
    Damaged(&'static str),
    /// The system refused a step: the code of its error number.
    System {
        /// Which step.
        step: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The namespace refused a step: its own code.
    Namespace(ennead_namespace::EntryError),
}

impl Reason {
    /// The code that `GetLastError` gives.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Name(_) => Win32Error::INVALID_NAME,
            Self::Parameter(_) | Self::TooLong { .. } => Win32Error::INVALID_PARAMETER,
            Self::Exists => Win32Error::ALREADY_EXISTS,
            Self::NotFound => Win32Error::FILE_NOT_FOUND,
            Self::Remote => Win32Error::REMOTE_MAILSLOTS_DEPRECATED,
            Self::TooLongForNetwork { .. } => Win32Error::BAD_NETPATH,
            Self::BufferTooSmall { .. } => Win32Error::INSUFFICIENT_BUFFER,
            Self::Full { .. } => Win32Error::NOT_ENOUGH_QUOTA,
            Self::TooManyWriters => Win32Error::NO_SYSTEM_RESOURCES,
            Self::Sharing => Win32Error::SHARING_VIOLATION,
            Self::Denied(_) => Win32Error::ACCESS_DENIED,
            Self::Gone => Win32Error::HANDLE_EOF,
            Self::TimedOut => Win32Error::SEM_TIMEOUT,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::Version { .. } => Win32Error::REVISION_MISMATCH,
            Self::Damaged(_) => Win32Error::INVALID_DATA,
            Self::System { source, .. } => Win32Error::from(source),
            Self::Namespace(source) => source.win32(),
        }
    }

    /// For creating and opening: what of the namespace's errors has a name of its own here.
    pub(crate) fn from_entry(error: ennead_namespace::EntryError) -> Self {
        use ennead_namespace::EntryError;
        match error {
            EntryError::NotFound => Self::NotFound,
            EntryError::AlreadyExists => Self::Exists,
            EntryError::AccessDenied => Self::Denied("the rights of the mailslot's entry"),
            other => Self::Namespace(other),
        }
    }

    pub(crate) fn system(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { step, source }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Parameter(what) => f.write_str(what),
            Self::Exists => f.write_str("a mailslot of that name exists"),
            Self::NotFound => f.write_str("no process serves a mailslot of that name"),
            Self::Remote => f.write_str("mailslots beyond this computer are switched off"),
            Self::TooLongForNetwork { most } => {
                write!(f, "beyond this computer a message has at most {most} bytes")
            }
            Self::TooLong { bytes, most } => {
                write!(f, "the message has {bytes} bytes, and the mailslot takes {most} at most")
            }
            Self::BufferTooSmall { bytes } => {
                write!(f, "the next message has {bytes} bytes, more than the buffer; it stays there")
            }
            Self::Full { budget } => {
                write!(
                    f,
                    "the server has not read enough: of each client it leaves {budget} bytes unread at most"
                )
            }
            Self::TooManyWriters => f.write_str(
                "too many clients have written since the server last read, or have descriptors on their way",
            ),
            Self::Sharing => f.write_str("the share mode of another handle, or of this one, forbids it"),
            Self::Denied(what) => write!(f, "access denied: {what}"),
            Self::Gone => f.write_str("its server has closed it, or has died"),
            Self::TimedOut => f.write_str("no message came in time"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Version { theirs, ours } => write!(
                f,
                "the other program speaks version {theirs} of the mailslot layout, this one version {ours}"
            ),
            Self::Damaged(what) => write!(f, "{what} is not as it should be"),
            Self::System { step, .. } => write!(f, "could not {step}"),
            Self::Namespace(source) => source.fmt(f),
        }
    }
}

/// An operation on a mailslot that failed.
#[derive(Debug)]
pub struct Error {
    /// What was being done.
    pub operation: Operation,
    /// Why it did not work. Boxed: the good case should not pay for it.
    pub reason: Box<Reason>,
}

impl Error {
    pub(crate) fn new(operation: Operation, reason: Reason) -> Self {
        Self { operation, reason: Box::new(reason) }
    }

    /// The code that `GetLastError` gives.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        self.reason.win32()
    }
}

/// Says what was being done when a step failed.
pub(crate) trait During<T> {
    fn during(self, operation: Operation) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, Reason> {
    #[inline]
    fn during(self, operation: Operation) -> Result<T> {
        self.map_err(|reason| Error::new(operation, reason))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation.verb(), self.reason)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.reason {
            Reason::System { source, .. } => Some(source),
            // These display themselves.
            Reason::Namespace(source) => source.source(),
            Reason::Name(source) => source.source(),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    /// Keeps the code (`Win32Error::from(&io_error)` gives it back) and the error, whose text shows; [`Coded`] is what is inside.
    fn from(error: Error) -> Self {
        let kind = match *error.reason {
            Reason::TimedOut => io::ErrorKind::TimedOut,
            _ => error.win32().kind(),
        };
        Self::new(kind, Coded::new(error.win32(), error))
    }
}

/// What operations on mailslots return.
pub type Result<T> = std::result::Result<T, Error>;
