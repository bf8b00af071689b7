//! What goes wrong with named pipes, and which Win32 code says so.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ennead_status::{Coded, Win32Error};

use super::name::NameError;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `CreateNamedPipe`.
    Create,
    /// `CreateFile` on a pipe.
    Open,
    /// `ConnectNamedPipe`.
    Connect,
    /// `DisconnectNamedPipe`.
    Disconnect,
    /// `ReadFile`.
    Read,
    /// `WriteFile`.
    Write,
    /// `PeekNamedPipe`.
    Peek,
    /// `TransactNamedPipe`.
    Transact,
    /// `FlushFileBuffers`.
    Flush,
    /// `WaitNamedPipe`.
    Wait,
    /// `GetNamedPipeHandleState`, `GetNamedPipeInfo` and their kin.
    Query,
    /// `SetNamedPipeHandleState`.
    SetState,
    /// `ImpersonateNamedPipeClient`.
    Impersonate,
    /// Listing the pipes.
    List,
}

impl Operation {
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create the pipe",
            Self::Open => "open the pipe",
            Self::Connect => "connect the pipe instance",
            Self::Disconnect => "disconnect the pipe instance",
            Self::Read => "read from the pipe",
            Self::Write => "write to the pipe",
            Self::Peek => "peek into the pipe",
            Self::Transact => "transact over the pipe",
            Self::Flush => "flush the pipe",
            Self::Wait => "wait for the pipe",
            Self::Query => "query the pipe",
            Self::SetState => "set the pipe's modes",
            Self::Impersonate => "impersonate the pipe's client",
            Self::List => "list the pipes",
        }
    }
}

/// Why it did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The name is not a pipe's: ERROR_INVALID_NAME.
    Name(NameError),
    /// A parameter that the documentation does not allow: ERROR_INVALID_PARAMETER.
    Parameter(&'static str),
    /// No process serves a pipe of that name: ERROR_FILE_NOT_FOUND.
    NotFound,
    /// The name says another computer, which is not reached from here: ERROR_BAD_NETPATH.
    Remote,
    /// No instance listens: ERROR_PIPE_BUSY.
    NoneListening,
    /// As many instances as the pipe may have exist: ERROR_PIPE_BUSY.
    TooManyInstances,
    /// The security descriptor, or the direction of the pipe or of the handle, forbids it: ERROR_ACCESS_DENIED.
    Denied(&'static str),
    /// The pipe exists with another value of this attribute: ERROR_ACCESS_DENIED.
    Mismatch(&'static str),
    /// The pipe exists, and a first instance was asked for: ERROR_ACCESS_DENIED.
    NotFirst,
    /// Nothing to read, and the handle does not wait: ERROR_NO_DATA.
    Empty,
    /// The other end has been closed: ERROR_NO_DATA.
    Closing,
    /// The other end has been closed while a write waited, or went on: ERROR_BROKEN_PIPE.
    Broken,
    /// The other end has been closed, and all that it wrote has been read: ERROR_BROKEN_PIPE.
    Ended,
    /// The server has disconnected the instance: ERROR_PIPE_NOT_CONNECTED.
    NotConnected,
    /// No client has connected yet: ERROR_PIPE_LISTENING.
    Listening,
    /// The operation does not fit the pipe's state, type or read mode: ERROR_BAD_PIPE.
    BadState(&'static str),
    /// A transaction was begun with unread data in the pipe: ERROR_PIPE_BUSY.
    UnreadData,
    /// The time is over: ERROR_SEM_TIMEOUT.
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
            Self::Parameter(_) => Win32Error::INVALID_PARAMETER,
            Self::NotFound => Win32Error::FILE_NOT_FOUND,
            Self::Remote => Win32Error::BAD_NETPATH,
            Self::NoneListening | Self::TooManyInstances | Self::UnreadData => Win32Error::PIPE_BUSY,
            Self::Denied(_) | Self::Mismatch(_) | Self::NotFirst => Win32Error::ACCESS_DENIED,
            Self::Empty | Self::Closing => Win32Error::NO_DATA,
            Self::Ended | Self::Broken => Win32Error::BROKEN_PIPE,
            Self::NotConnected => Win32Error::PIPE_NOT_CONNECTED,
            Self::Listening => Win32Error::PIPE_LISTENING,
            Self::BadState(_) => Win32Error::BAD_PIPE,
            Self::TimedOut => Win32Error::SEM_TIMEOUT,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::Version { .. } => Win32Error::REVISION_MISMATCH,
            Self::Damaged(_) => Win32Error::INVALID_DATA,
            Self::System { source, .. } => Win32Error::from(source),
            Self::Namespace(source) => source.win32(),
        }
    }

    /// For opening: what of the namespace's errors has a name of its own here.
    pub(crate) fn from_open(error: ennead_namespace::EntryError) -> Self {
        use ennead_namespace::EntryError;
        match error {
            EntryError::NotFound => Self::NotFound,
            EntryError::AccessDenied => Self::Denied("the rights of the pipe's entry"),
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
            Self::NotFound => f.write_str("no process serves a pipe of that name"),
            Self::Remote => f.write_str("it is on another computer, which is not reached from here"),
            Self::NoneListening => f.write_str("all instances are busy"),
            Self::TooManyInstances => f.write_str("as many instances as it may have exist already"),
            Self::Denied(what) => write!(f, "access denied: {what}"),
            Self::Mismatch(what) => write!(f, "it exists with another {what}"),
            Self::NotFirst => f.write_str("it exists already, and this was to be the first instance"),
            Self::Empty => f.write_str("it is empty, and the handle does not wait"),
            Self::Closing => f.write_str("the other end has been closed"),
            Self::Broken => f.write_str("the other end has been closed meanwhile"),
            Self::Ended => f.write_str("the other end has been closed, and everything has been read"),
            Self::NotConnected => f.write_str("the instance is disconnected"),
            Self::Listening => f.write_str("no client has connected yet"),
            Self::BadState(what) => f.write_str(what),
            Self::UnreadData => f.write_str("there is unread data in it"),
            Self::TimedOut => f.write_str("the time is over"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Version { theirs, ours } => write!(
                f,
                "the other program speaks version {theirs} of the pipe layout, this one version {ours}"
            ),
            Self::Damaged(what) => write!(f, "{what} is not as it should be"),
            Self::System { step, .. } => write!(f, "could not {step}"),
            Self::Namespace(source) => source.fmt(f),
        }
    }
}

/// An operation on a named pipe that failed.
#[derive(Debug)]
pub struct Error {
    /// What was being done.
    pub operation: Operation,
    /// Why it did not work. Boxed: the good case should not pay for it.
    pub reason: Box<Reason>,
    /// How many bytes a write, or the write of a transaction, had written by then, in bytes; 0 for everything else. The other
    /// end can read them, or could; of a message they are the first part.
    pub written: usize,
}

impl Error {
    pub(crate) fn new(operation: Operation, reason: Reason) -> Self {
        Self { operation, reason: Box::new(reason), written: 0 }
    }

    /// The code that `GetLastError` gives.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        self.reason.win32()
    }
}

/// A reason that cut a write short.
#[derive(Debug)]
pub(crate) struct Cut {
    pub written: usize,
    pub reason: Reason,
}

impl From<Reason> for Cut {
    fn from(reason: Reason) -> Self {
        Self { written: 0, reason }
    }
}

impl<T> During<T> for std::result::Result<T, Cut> {
    fn during(self, operation: Operation) -> Result<T> {
        self.map_err(|Cut { written, reason }| Error { written, ..Error::new(operation, reason) })
    }
}

/// Says what was being done when a step failed.
pub(crate) trait During<T> {
    fn during(self, operation: Operation) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, Reason> {
    fn during(self, operation: Operation) -> Result<T> {
        self.map_err(|reason| Error::new(operation, reason))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}", self.operation.verb(), self.reason)?;
        match self.written {
            0 => Ok(()),
            written => write!(f, ", after {written} bytes were written"),
        }
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
    /// Keeps the code (`Win32Error::from(&io_error)` gives it back) and the error, whose text shows; [`Coded`] is what is
    /// inside. The kind is the code's, but that of [`Reason::Empty`] and [`Reason::Listening`] is `WouldBlock`.
    fn from(error: Error) -> Self {
        let kind = match *error.reason {
            Reason::Empty | Reason::Listening => io::ErrorKind::WouldBlock,
            _ => error.win32().kind(),
        };
        Self::new(kind, Coded::new(error.win32(), error))
    }
}

/// What operations on named pipes return.
pub type Result<T> = std::result::Result<T, Error>;
