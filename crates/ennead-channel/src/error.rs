//! Why an operation failed.

use std::{fmt, io};

use ennead_status::Win32Error;

/// What stops an operation, before it is known which one.
#[derive(Debug)]
pub(crate) enum Fault {
    WouldBlock,
    TimedOut,
    Cancelled,
    Ended,
    /// As `Ended`, of an operation that had begun before.
    Broken,
    Torn,
    Disconnected,
    Closed,
    Violation(&'static str),
    System(io::Error),
}

impl Fault {
    /// The fault of a write that had begun, or waited, before the peer went.
    pub(crate) fn of_begun(self) -> Self {
        match self {
            Self::Ended => Self::Broken,
            other => other,
        }
    }
}

/// Why nothing was read. (Once something was, a read reports that instead.)
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError {
    /// There is nothing to read now, and the caller would not wait. ERROR_NO_DATA.
    WouldBlock,
    /// The deadline has passed. ERROR_SEM_TIMEOUT.
    TimedOut,
    /// The token was cancelled. ERROR_OPERATION_ABORTED.
    Cancelled,
    /// Everything was read and the peer writes no more: it closed, half-closed or died. ERROR_BROKEN_PIPE.
    Ended,
    /// The peer, or one of several processes that share its end, died in the middle of a message larger than the ring. ERROR_BROKEN_PIPE.
    Torn,
    /// One side has disconnected; unread data is void. ERROR_PIPE_NOT_CONNECTED.
    Disconnected,
    /// This end was closed. ERROR_INVALID_HANDLE.
    Closed,
    /// The peer broke the ring's rules, in the way named; this end is of no use any more. ERROR_INVALID_DATA.
    Violation(&'static str),
    /// The system refused something.
    System(io::Error),
}

/// Why a write or a flush failed, and how many bytes of it the peer can read all the same.
#[derive(Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// There is no room now, and the caller would not wait; nothing was written. ERROR_NO_DATA.
    WouldBlock,
    /// The deadline has passed. ERROR_SEM_TIMEOUT.
    TimedOut {
        /// Bytes written before; a message cut short ends there.
        written: usize,
    },
    /// The token was cancelled. ERROR_OPERATION_ABORTED.
    Cancelled {
        /// Bytes written before; a message cut short ends there.
        written: usize,
    },
    /// The peer is gone or has closed its end. ERROR_NO_DATA, as WriteFile on a named pipe has it.
    Ended {
        /// Bytes written before, which nobody may have read.
        written: usize,
    },
    /// The peer went, or closed its end, while this write waited for room or after it had written a part. ERROR_BROKEN_PIPE.
    Broken {
        /// Bytes written before, which nobody may have read.
        written: usize,
    },
    /// Another process that shares this end died in the middle of a message larger than the ring. ERROR_BROKEN_PIPE.
    Torn,
    /// One side has disconnected. ERROR_PIPE_NOT_CONNECTED.
    Disconnected,
    /// This end was closed, or closed for writing. ERROR_INVALID_HANDLE.
    Closed,
    /// A message is longer than 4 GiB − 1 byte. ERROR_INVALID_PARAMETER.
    TooLong,
    /// The peer broke the ring's rules, in the way named; this end is of no use any more. ERROR_INVALID_DATA.
    Violation(&'static str),
    /// The system refused something.
    System(io::Error),
}

/// Why what a peer passed was refused.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The memory is not a memory file in tmpfs with its size sealed and its contents not.
    NotSealed,
    /// The memory does not begin with this layout's mark: it is something else, or of a machine of other byte order.
    NotAChannel,
    /// The peer's Ennead has another layout version.
    Version {
        /// The peer's layout version.
        theirs: u32,
        /// The features that the peer's layout needs, as bits.
        features: u32,
    },
    /// The header contradicts itself or the file's size.
    Header,
    /// The rings are larger than the acceptor's limits allow.
    TooLarge {
        /// The larger ring, in bytes.
        capacity: u64,
    },
    /// A doorbell is not an anonymous pipe's right end, or could not be opened afresh.
    Doorbell(io::Error),
    /// The system refused something.
    System(io::Error),
}

impl ReadError {
    /// The Win32 code that ReadFile would give.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::WouldBlock => Win32Error::NO_DATA,
            Self::TimedOut => Win32Error::SEM_TIMEOUT,
            Self::Cancelled => Win32Error::OPERATION_ABORTED,
            Self::Ended | Self::Torn => Win32Error::BROKEN_PIPE,
            Self::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
            Self::Closed => Win32Error::INVALID_HANDLE,
            Self::Violation(_) => Win32Error::INVALID_DATA,
            Self::System(error) => error.into(),
        }
    }
}

impl WriteError {
    /// The Win32 code that WriteFile would give.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::WouldBlock | Self::Ended { .. } => Win32Error::NO_DATA,
            Self::TimedOut { .. } => Win32Error::SEM_TIMEOUT,
            Self::Cancelled { .. } => Win32Error::OPERATION_ABORTED,
            Self::Broken { .. } | Self::Torn => Win32Error::BROKEN_PIPE,
            Self::Disconnected => Win32Error::PIPE_NOT_CONNECTED,
            Self::Closed => Win32Error::INVALID_HANDLE,
            Self::TooLong => Win32Error::INVALID_PARAMETER,
            Self::Violation(_) => Win32Error::INVALID_DATA,
            Self::System(error) => error.into(),
        }
    }

    /// How many bytes were written all the same.
    #[must_use]
    pub fn written(&self) -> usize {
        match self {
            Self::TimedOut { written }
            | Self::Cancelled { written }
            | Self::Ended { written }
            | Self::Broken { written } => *written,
            _ => 0,
        }
    }
}

impl AcceptError {
    /// The Win32 code: ERROR_INVALID_DATA, ERROR_REVISION_MISMATCH, or the system's.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Version { .. } => Win32Error::REVISION_MISMATCH,
            Self::System(error) => error.into(),
            _ => Win32Error::INVALID_DATA,
        }
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::WouldBlock => Self::WouldBlock,
            Fault::TimedOut => Self::TimedOut,
            Fault::Cancelled => Self::Cancelled,
            Fault::Ended | Fault::Broken => Self::Ended,
            Fault::Torn => Self::Torn,
            Fault::Disconnected => Self::Disconnected,
            Fault::Closed => Self::Closed,
            Fault::Violation(what) => Self::Violation(what),
            Fault::System(error) => Self::System(error),
        }
    }
}

impl WriteError {
    pub(crate) fn new(fault: Fault, written: usize) -> Self {
        match fault {
            Fault::WouldBlock => Self::WouldBlock,
            Fault::TimedOut => Self::TimedOut { written },
            Fault::Cancelled => Self::Cancelled { written },
            Fault::Ended => Self::Ended { written },
            Fault::Broken => Self::Broken { written },
            Fault::Torn => Self::Torn,
            Fault::Disconnected => Self::Disconnected,
            Fault::Closed => Self::Closed,
            Fault::Violation(what) => Self::Violation(what),
            Fault::System(error) => Self::System(error),
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("there is nothing to read"),
            Self::TimedOut => f.write_str("nothing could be read before the deadline"),
            Self::Cancelled => f.write_str("the read was cancelled"),
            Self::Ended => f.write_str("everything was read and the peer writes no more"),
            Self::Torn => f.write_str("the writer died in the middle of a message"),
            Self::Disconnected => f.write_str("the connection was disconnected"),
            Self::Closed => f.write_str("this end is closed"),
            Self::Violation(what) => write!(f, "the peer broke the rules: {what}"),
            Self::System(_) => f.write_str("the system refused a step of the read"),
        }
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("there is no room to write"),
            Self::TimedOut { written } => write!(f, "the deadline passed after {written} bytes were written"),
            Self::Cancelled { written } => {
                write!(f, "the write was cancelled after {written} bytes were written")
            }
            Self::Ended { written } => write!(f, "the peer is gone; {written} bytes were written before"),
            Self::Broken { written } => {
                write!(f, "the peer is gone since; {written} bytes were written before")
            }
            Self::Torn => f.write_str("another writer died in the middle of a message"),
            Self::Disconnected => f.write_str("the connection was disconnected"),
            Self::Closed => f.write_str("this end is closed for writing"),
            Self::TooLong => f.write_str("a message has at most 4294967295 bytes"),
            Self::Violation(what) => write!(f, "the peer broke the rules: {what}"),
            Self::System(_) => f.write_str("the system refused a step of the write"),
        }
    }
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSealed => f.write_str("the memory is not a memory file whose size is sealed"),
            Self::NotAChannel => f.write_str("the memory does not begin with a channel's mark"),
            Self::Version { theirs, features } => write!(
                f,
                "the peer has channel layout {theirs} with features {features:#x}, this program has layout {} with none",
                crate::layout::VERSION
            ),
            Self::Header => f.write_str("the channel's header contradicts itself or the file's size"),
            Self::TooLarge { capacity } => write!(f, "a ring of {capacity} bytes is larger than the limit"),
            Self::Doorbell(_) => f.write_str("a doorbell is not the right end of an anonymous pipe"),
            Self::System(_) => f.write_str("the system refused a step of the accept"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            _ => None,
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Doorbell(error) | Self::System(error) => Some(error),
            _ => None,
        }
    }
}
