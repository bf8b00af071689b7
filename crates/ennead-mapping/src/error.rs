//! What goes wrong with file mappings, and which Win32 code says so.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use ennead_namespace::EntryError;
use ennead_status::{Coded, Win32Error};
use ennead_sync::ObjectNameError;
use ennead_sys::view::AccessError;

use crate::layout::HeaderError;

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `CreateFileMapping`.
    Create,
    /// `OpenFileMapping`.
    Open,
    /// `MapViewOfFile`.
    Map,
    /// `VirtualAlloc` in a view.
    Commit,
    /// `FlushViewOfFile`, `FlushFileBuffers`.
    Flush,
    /// `DuplicateHandle`.
    Duplicate,
    /// Listing the named ones.
    List,
    /// Placing or using a part (a guarded value, a ring, a cell) in a view.
    Part,
}

impl Operation {
    const fn verb(self) -> &'static str {
        match self {
            Self::Create => "create the file mapping",
            Self::Open => "open the file mapping",
            Self::Map => "map a view",
            Self::Commit => "commit pages",
            Self::Flush => "flush",
            Self::Duplicate => "duplicate the file mapping",
            Self::List => "list the file mappings",
            Self::Part => "use a part of the shared memory",
        }
    }
}

/// Why it did not work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The name cannot be one: ERROR_INVALID_NAME, ERROR_FILENAME_EXCED_RANGE, or ERROR_PATH_NOT_FOUND for a backslash in it.
    Name(ObjectNameError),
    /// A parameter that the documentation does not allow: ERROR_INVALID_PARAMETER.
    Parameter(&'static str),
    /// Nobody holds a file mapping of that name: ERROR_FILE_NOT_FOUND.
    NotFound,
    /// The name is an event's, a mutex's, a semaphore's or a timer's: ERROR_INVALID_HANDLE.
    OtherKind,
    /// The security descriptor, the protection or the file's own access forbids it: ERROR_ACCESS_DENIED.
    Denied(&'static str),
    /// The file has no bytes, or is not what it was: ERROR_FILE_INVALID.
    FileInvalid(&'static str),
    /// What is open is no file that can be mapped: ERROR_BAD_EXE_FORMAT.
    NotAFile,
    /// The offset or the address is not a multiple of the granularity: ERROR_MAPPED_ALIGNMENT.
    Alignment,
    /// The view would reach past the end of the mapping: ERROR_ACCESS_DENIED, as Windows says it (STATUS_INVALID_VIEW_SIZE).
    ViewSize,
    /// The mapping is larger than the file, and may not grow it, or than any can be; the view is larger than the address space: ERROR_NOT_ENOUGH_MEMORY.
    TooBig(&'static str),
    /// Not so much memory can be promised: ERROR_COMMITMENT_LIMIT.
    Commitment,
    /// The file cannot be made as long as the mapping: ERROR_DISK_FULL.
    DiskFull(io::Error),
    /// The address asked for is in use: ERROR_INVALID_ADDRESS.
    AddressInUse,
    /// The kernel has no large pages to give: ERROR_NO_SYSTEM_RESOURCES.
    NoLargePages(&'static str),
    /// The user may not have large pages: ERROR_PRIVILEGE_NOT_HELD.
    Privilege,
    /// Another program made it in a layout that this one does not read: ERROR_REVISION_MISMATCH, or ERROR_FILE_CORRUPT for garbage.
    Header(HeaderError),
    /// A place in shared memory holds something else, or was spoiled: ERROR_INVALID_DATA.
    Damaged(&'static str),
    /// Somebody else has the place that only one can have: ERROR_BUSY.
    Taken(&'static str),
    /// Nobody is there any more: ERROR_BROKEN_PIPE.
    Gone,
    /// A holder of the mutex died, and nobody has recovered since: ERROR_ABANDONED_WAIT_0.
    Poisoned,
    /// This thread has the mutex already: ERROR_POSSIBLE_DEADLOCK.
    Recursion,
    /// The time is over: ERROR_SEM_TIMEOUT.
    TimedOut,
    /// An access to the view failed: the code of that.
    View(ViewError),
    /// The system refused a step: the code of its error number.
    System {
        /// Which step.
        step: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The namespace refused a step: its own code.
    Namespace(EntryError),
}

impl Reason {
    /// The code that `GetLastError` gives.
    #[must_use]
    pub fn win32(&self) -> Win32Error {
        match self {
            Self::Name(error) => error.win32(),
            Self::Parameter(_) => Win32Error::INVALID_PARAMETER,
            Self::NotFound => Win32Error::FILE_NOT_FOUND,
            Self::OtherKind => Win32Error::INVALID_HANDLE,
            Self::Denied(_) | Self::ViewSize => Win32Error::ACCESS_DENIED,
            Self::FileInvalid(_) => Win32Error::FILE_INVALID,
            Self::NotAFile => Win32Error::BAD_EXE_FORMAT,
            Self::Alignment => Win32Error::MAPPED_ALIGNMENT,
            Self::TooBig(_) => Win32Error::NOT_ENOUGH_MEMORY,
            Self::Commitment => Win32Error::COMMITMENT_LIMIT,
            Self::DiskFull(_) => Win32Error::DISK_FULL,
            Self::AddressInUse => Win32Error::INVALID_ADDRESS,
            Self::NoLargePages(_) => Win32Error::NO_SYSTEM_RESOURCES,
            Self::Privilege => Win32Error::PRIVILEGE_NOT_HELD,
            Self::Header(HeaderError::Layout { .. } | HeaderError::Features { .. }) => {
                Win32Error::REVISION_MISMATCH
            }
            Self::Header(_) => Win32Error::FILE_CORRUPT,
            Self::Damaged(_) => Win32Error::INVALID_DATA,
            Self::Taken(_) => Win32Error::BUSY,
            Self::Gone => Win32Error::BROKEN_PIPE,
            Self::Poisoned => Win32Error::ABANDONED_WAIT_0,
            Self::Recursion => Win32Error::POSSIBLE_DEADLOCK,
            Self::TimedOut => Win32Error::SEM_TIMEOUT,
            Self::View(error) => error.win32(),
            Self::System { source, .. } => Win32Error::from(source),
            Self::Namespace(source) => source.win32(),
        }
    }

    pub(crate) fn system(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { step, source }
    }
}

impl From<EntryError> for Reason {
    fn from(error: EntryError) -> Self {
        match error {
            EntryError::NotFound => Self::NotFound,
            EntryError::AccessDenied => Self::Denied("the rights of the file mapping"),
            other => Self::Namespace(other),
        }
    }
}

impl From<ObjectNameError> for Reason {
    fn from(error: ObjectNameError) -> Self {
        Self::Name(error)
    }
}

impl From<HeaderError> for Reason {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ViewError> for Reason {
    fn from(error: ViewError) -> Self {
        Self::View(error)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Parameter(what) | Self::TooBig(what) | Self::NoLargePages(what) => f.write_str(what),
            Self::NotFound => f.write_str("nobody holds a file mapping of that name"),
            Self::OtherKind => f.write_str("the name belongs to an object of another kind"),
            Self::Denied(what) => write!(f, "access denied: {what}"),
            Self::FileInvalid(what) | Self::Damaged(what) | Self::Taken(what) => f.write_str(what),
            Self::NotAFile => f.write_str("only regular files can be mapped"),
            Self::Alignment => f.write_str("the offset is not a multiple of the allocation granularity"),
            Self::ViewSize => f.write_str("the view would reach past the end of the file mapping"),
            Self::Commitment => f.write_str("the system cannot promise so much memory"),
            Self::DiskFull(_) => f.write_str("the file cannot be made as long as the file mapping"),
            Self::AddressInUse => f.write_str("the address is in use"),
            Self::Privilege => f.write_str("this user may not have large pages"),
            Self::Header(error) => error.fmt(f),
            Self::Gone => f.write_str("the other side is gone"),
            Self::Poisoned => f.write_str("a process died while it held the guarded value"),
            Self::Recursion => f.write_str("this thread has the mutex already"),
            Self::TimedOut => f.write_str("the time is over"),
            Self::View(error) => error.fmt(f),
            Self::System { step, .. } => write!(f, "could not {step}"),
            Self::Namespace(source) => source.fmt(f),
        }
    }
}

/// An operation on a file mapping that failed.
#[derive(Debug)]
pub struct Error {
    /// What was being done.
    pub operation: Operation,
    /// Why it did not work. Boxed: the good case should not pay for it.
    pub reason: Box<Reason>,
}

impl Error {
    pub(crate) fn new(operation: Operation, reason: impl Into<Reason>) -> Self {
        Self { operation, reason: Box::new(reason.into()) }
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

impl<T, R: Into<Reason>> During<T> for std::result::Result<T, R> {
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
            Reason::System { source, .. } | Reason::DiskFull(source) => Some(source),
            // It displays itself.
            Reason::Namespace(source) => source.source(),
            _ => None,
        }
    }
}

impl From<Error> for io::Error {
    /// Keeps the code (`Win32Error::from(&io_error)` gives it back) and the error, whose text shows.
    fn from(error: Error) -> Self {
        Self::new(error.win32().kind(), Coded::new(error.win32(), error))
    }
}

/// What operations on file mappings return.
pub type Result<T> = std::result::Result<T, Error>;

/// An access to a view that did not work. Where Windows would raise an exception, this comes back instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewError {
    /// The bytes are not all within the view: ERROR_INVALID_PARAMETER.
    OutOfBounds,
    /// A word's offset is not a multiple of its size: ERROR_INVALID_PARAMETER.
    Misaligned,
    /// A store into a view for reading: ERROR_NOACCESS, the code of an access violation.
    ReadOnly,
    /// The bytes were reserved, but nobody has committed them yet: ERROR_INVALID_ADDRESS.
    NotCommitted,
    /// A page was lost, because somebody truncated the file, its file system is full, or it could not be read. ERROR_SWAPERROR, the code of EXCEPTION_IN_PAGE_ERROR. The
    /// view stays broken; a new one may work.
    Broken,
}

impl ViewError {
    /// The code for it.
    #[must_use]
    pub fn win32(self) -> Win32Error {
        match self {
            Self::OutOfBounds | Self::Misaligned => Win32Error::INVALID_PARAMETER,
            Self::ReadOnly => Win32Error::NOACCESS,
            Self::NotCommitted => Win32Error::INVALID_ADDRESS,
            Self::Broken => Win32Error::SWAPERROR,
        }
    }
}

impl From<AccessError> for ViewError {
    #[inline]
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::OutOfBounds => Self::OutOfBounds,
            AccessError::Misaligned => Self::Misaligned,
            AccessError::ReadOnly => Self::ReadOnly,
            AccessError::Broken => Self::Broken,
        }
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds => AccessError::OutOfBounds.fmt(f),
            Self::Misaligned => AccessError::Misaligned.fmt(f),
            Self::ReadOnly => AccessError::ReadOnly.fmt(f),
            Self::NotCommitted => f.write_str("the bytes are reserved, and nobody has committed them"),
            Self::Broken => AccessError::Broken.fmt(f),
        }
    }
}

impl StdError for ViewError {}

impl From<ViewError> for io::Error {
    fn from(error: ViewError) -> Self {
        Self::new(error.win32().kind(), Coded::new(error.win32(), error))
    }
}
