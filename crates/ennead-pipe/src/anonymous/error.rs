//! What can go wrong with an end of a pipe.

use std::{error, fmt, io};

use ennead_status::{Coded, Win32Error};

/// Why a read or a peek failed.
#[derive(Debug)]
pub enum ReadError {
    /// Every writer is gone and everything was read: `ERROR_BROKEN_PIPE` (`ReadFile`, *Pipes*).
    Ended,
    /// Nothing to read now, and the caller did not want to wait: `ERROR_NO_DATA`.
    Empty,
    /// Nothing to read until the deadline: `ERROR_SEM_TIMEOUT`.
    TimedOut,
    /// Another thread cancelled it: `ERROR_OPERATION_ABORTED`. Nothing was read.
    Cancelled,
    /// The system refused.
    System(io::Error),
}

/// Why a write failed, and how much was written before it did.
#[derive(Debug)]
pub enum WriteError {
    /// Every reader is gone: `ERROR_BROKEN_PIPE`, as `WriteFile` documents it for anonymous pipes. (A program under
    /// Wine gets `ERROR_NO_DATA` here; portable ones check for both.)
    Ended {
        /// Bytes that had been written. Whether somebody read them is unknown.
        written: usize,
    },
    /// No room until the deadline: `ERROR_SEM_TIMEOUT`.
    TimedOut {
        /// Bytes that were written.
        written: usize,
    },
    /// Another thread cancelled it: `ERROR_OPERATION_ABORTED`.
    Cancelled {
        /// Bytes that were written.
        written: usize,
    },
    /// The system refused.
    System {
        /// Bytes that were written.
        written: usize,
        /// What it said.
        source: io::Error,
    },
}

impl ReadError {
    /// What `GetLastError` says on Windows.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Ended => Win32Error::BROKEN_PIPE,
            Self::Empty => Win32Error::NO_DATA,
            Self::TimedOut => Win32Error::SEM_TIMEOUT,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::System(error) => Win32Error::from(error),
        }
    }
}

impl WriteError {
    /// What `GetLastError` says on Windows.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Ended { .. } => Win32Error::BROKEN_PIPE,
            Self::TimedOut { .. } => Win32Error::SEM_TIMEOUT,
            Self::Cancelled { .. } => Win32Error::OPERATION_ABORTED,
            Self::System { source, .. } => Win32Error::from(source),
        }
    }

    /// How many bytes had been written before it failed.
    #[must_use]
    pub const fn written(&self) -> usize {
        match self {
            Self::Ended { written }
            | Self::TimedOut { written }
            | Self::Cancelled { written }
            | Self::System { written, .. } => *written,
        }
    }

    pub(super) fn from_io(written: usize, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            Self::Ended { written }
        } else {
            Self::System { written, source }
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("every writer of the pipe is gone"),
            Self::Empty => f.write_str("the pipe is empty"),
            Self::TimedOut => f.write_str("nothing arrived in the pipe in time"),
            Self::Cancelled => f.write_str("reading the pipe was cancelled"),
            Self::System(_) => f.write_str("reading the pipe failed"),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { .. } => f.write_str("every reader of the pipe is gone"),
            Self::TimedOut { written } => write!(f, "no room in the pipe in time, after {written} bytes"),
            Self::Cancelled { written } => write!(f, "writing the pipe was cancelled after {written} bytes"),
            Self::System { written, .. } => write!(f, "writing the pipe failed after {written} bytes"),
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl error::Error for WriteError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::System { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::System(error) => error,
            ReadError::Empty => Self::new(io::ErrorKind::WouldBlock, Coded::new(Win32Error::NO_DATA, error)),
            other => Coded::new(other.win32(), other).into(),
        }
    }
}

impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::System { source, .. } => source,
            other => Coded::new(other.win32(), other).into(),
        }
    }
}

/// A descriptor that is not the wanted end of a pipe: `ERROR_INVALID_HANDLE`. It is given back.
#[derive(Debug)]
pub struct NotAnEnd(pub std::os::fd::OwnedFd);

impl NotAnEnd {
    /// What `GetLastError` says on Windows.
    #[must_use]
    pub const fn win32(&self) -> Win32Error {
        Win32Error::INVALID_HANDLE
    }
}

impl fmt::Display for NotAnEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the descriptor is not that end of a pipe")
    }
}

impl error::Error for NotAnEnd {}
