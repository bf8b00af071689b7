//! Between Win32 codes and what Linux and `std::io` say.

use crate::{Coded, HResult, NtStatus, Win32Error};
use std::{error::Error, io, io::ErrorKind};

/// The last errno that Linux defines; higher raw numbers in an [`io::Error`] are taken for Win32 codes.
const LAST_ERRNO: i32 = libc::EHWPOISON;

/// The code for an errno.
pub(crate) fn to_win32(errno: i32) -> Win32Error {
    ERRNO.iter().find(|(number, _)| *number == errno).map_or(Win32Error::GEN_FAILURE, |(_, code)| *code)
}

/// The errno for a code: the first line of the table that names it.
pub(crate) fn from_win32(code: Win32Error) -> Option<i32> {
    let lines = ERRNO.iter().map(|(errno, code)| (*code, *errno)).chain(ALSO.iter().copied());
    lines.into_iter().find(|(win32, _)| *win32 == code).map(|(_, errno)| errno)
}

/// The kind for a code: as std on Windows decides, else the kind of the nearest errno.
pub(crate) fn kind(code: Win32Error) -> ErrorKind {
    if let Some((_, kind)) = KIND.iter().find(|(win32, _)| *win32 == code) {
        return *kind;
    }
    match from_win32(code) {
        Some(errno) => io::Error::from_raw_os_error(errno).kind(),
        None => ErrorKind::Other,
    }
}

/// The code that an [`io::Error`] stands for.
pub(crate) fn of_io_error(error: &io::Error) -> Win32Error {
    if let Some(code) = wrapped(error) {
        return code;
    }
    match error.raw_os_error() {
        Some(raw) if raw > LAST_ERRNO => Win32Error(raw.cast_unsigned()),
        Some(raw) => to_win32(raw),
        None => of_kind(error.kind()),
    }
}

/// The code inside a custom error, or inside one of its sources. A loop of sources ends the search.
fn wrapped(error: &io::Error) -> Option<Win32Error> {
    const DEPTH: usize = 16;
    let mut next: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    for _ in 0..DEPTH {
        let inner = next?;
        if let Some(code) = inner.downcast_ref::<Win32Error>() {
            return Some(*code);
        }
        if let Some(coded) = inner.downcast_ref::<Coded>() {
            return Some(coded.code());
        }
        if let Some(status) = inner.downcast_ref::<NtStatus>() {
            return Some(Win32Error::from(*status));
        }
        if let Some(code) = inner.downcast_ref::<HResult>().and_then(|result| result.win32()) {
            return Some(code);
        }
        next = match inner.downcast_ref::<io::Error>() {
            Some(io) if io.get_ref().is_none() => return Some(of_io_error(io)),
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => inner.source(),
        };
    }
    None
}

fn of_kind(kind: ErrorKind) -> Win32Error {
    match kind {
        // Not the first of their kind in the tables, but what Windows would have said.
        ErrorKind::WriteZero => return Win32Error::WRITE_FAULT,
        ErrorKind::UnexpectedEof => return Win32Error::HANDLE_EOF,
        ErrorKind::InvalidData => return Win32Error::INVALID_DATA,
        ErrorKind::WouldBlock => return Win32Error::NO_DATA,
        _ => {}
    }
    let by_kind = KIND.iter().find(|(_, of)| *of == kind).map(|(code, _)| *code);
    let by_errno = || ERRNO.iter().find(|(errno, _)| io::Error::from_raw_os_error(*errno).kind() == kind);
    by_kind.or_else(|| by_errno().map(|(_, code)| *code)).unwrap_or(Win32Error::GEN_FAILURE)
}

/// Codes whose kind std decides on Windows (`decode_error_kind`), and a few of the same sense that it leaves out.
const KIND: &[(Win32Error, ErrorKind)] = &[
    (Win32Error::FILE_NOT_FOUND, ErrorKind::NotFound),
    (Win32Error::PATH_NOT_FOUND, ErrorKind::NotFound),
    (Win32Error::BAD_NETPATH, ErrorKind::NotFound),
    (Win32Error::BAD_NET_NAME, ErrorKind::NotFound),
    (Win32Error::ACCESS_DENIED, ErrorKind::PermissionDenied),
    (Win32Error::PRIVILEGE_NOT_HELD, ErrorKind::PermissionDenied),
    (Win32Error::ALREADY_EXISTS, ErrorKind::AlreadyExists),
    (Win32Error::FILE_EXISTS, ErrorKind::AlreadyExists),
    (Win32Error::BROKEN_PIPE, ErrorKind::BrokenPipe),
    (Win32Error::NO_DATA, ErrorKind::BrokenPipe),
    (Win32Error::PIPE_NOT_CONNECTED, ErrorKind::NotConnected),
    (Win32Error::PIPE_BUSY, ErrorKind::ResourceBusy),
    (Win32Error::PIPE_LISTENING, ErrorKind::WouldBlock),
    (Win32Error::IO_PENDING, ErrorKind::WouldBlock),
    (Win32Error::IO_INCOMPLETE, ErrorKind::WouldBlock),
    (Win32Error::SEM_TIMEOUT, ErrorKind::TimedOut),
    (Win32Error::WAIT_TIMEOUT, ErrorKind::TimedOut),
    (Win32Error::TIMEOUT, ErrorKind::TimedOut),
    (Win32Error::OPERATION_ABORTED, ErrorKind::TimedOut),
    (Win32Error::NOT_ENOUGH_MEMORY, ErrorKind::OutOfMemory),
    (Win32Error::OUTOFMEMORY, ErrorKind::OutOfMemory),
    (Win32Error::INVALID_PARAMETER, ErrorKind::InvalidInput),
    (Win32Error::INVALID_NAME, ErrorKind::InvalidInput),
    (Win32Error::BAD_PATHNAME, ErrorKind::InvalidInput),
    (Win32Error::INVALID_DATA, ErrorKind::InvalidData),
    (Win32Error::HANDLE_EOF, ErrorKind::UnexpectedEof),
    (Win32Error::WRITE_FAULT, ErrorKind::WriteZero),
    (Win32Error::CALL_NOT_IMPLEMENTED, ErrorKind::Unsupported),
    (Win32Error::NOT_SUPPORTED, ErrorKind::Unsupported),
    (Win32Error::POSSIBLE_DEADLOCK, ErrorKind::Deadlock),
];

/// Errno and the code that Windows gives in the same situation. Read backwards, the first line of a code wins.
const ERRNO: &[(i32, Win32Error)] = &[
    (0, Win32Error::SUCCESS),
    (libc::ENOENT, Win32Error::FILE_NOT_FOUND),
    (libc::EACCES, Win32Error::ACCESS_DENIED),
    (libc::EPERM, Win32Error::ACCESS_DENIED),
    (libc::EINTR, Win32Error::OPERATION_ABORTED),
    (libc::ECANCELED, Win32Error::OPERATION_ABORTED),
    (libc::EIO, Win32Error::IO_DEVICE),
    (libc::ENXIO, Win32Error::DEV_NOT_EXIST),
    (libc::ENODEV, Win32Error::DEV_NOT_EXIST),
    (libc::E2BIG, Win32Error::BAD_ENVIRONMENT),
    (libc::ENOEXEC, Win32Error::BAD_EXE_FORMAT),
    (libc::EBADF, Win32Error::INVALID_HANDLE),
    (libc::ECHILD, Win32Error::WAIT_NO_CHILDREN),
    (libc::EAGAIN, Win32Error::NO_DATA),
    (libc::ENOMEM, Win32Error::NOT_ENOUGH_MEMORY),
    (libc::EFAULT, Win32Error::NOACCESS),
    (libc::EBUSY, Win32Error::BUSY),
    (libc::ETXTBSY, Win32Error::SHARING_VIOLATION),
    (libc::EEXIST, Win32Error::ALREADY_EXISTS),
    (libc::EXDEV, Win32Error::NOT_SAME_DEVICE),
    (libc::ENOTDIR, Win32Error::PATH_NOT_FOUND),
    (libc::EISDIR, Win32Error::ACCESS_DENIED),
    (libc::EINVAL, Win32Error::INVALID_PARAMETER),
    (libc::EMFILE, Win32Error::TOO_MANY_OPEN_FILES),
    (libc::ENFILE, Win32Error::NO_SYSTEM_RESOURCES),
    // More descriptors in flight than RLIMIT_NOFILE: the caller may try again.
    (libc::ETOOMANYREFS, Win32Error::NO_SYSTEM_RESOURCES),
    (libc::ENOBUFS, Win32Error::NO_SYSTEM_RESOURCES),
    (libc::EFBIG, Win32Error::FILE_TOO_LARGE),
    (libc::ENOSPC, Win32Error::DISK_FULL),
    (libc::EDQUOT, Win32Error::DISK_QUOTA_EXCEEDED),
    (libc::ESPIPE, Win32Error::SEEK_ON_DEVICE),
    (libc::EROFS, Win32Error::WRITE_PROTECT),
    (libc::EMLINK, Win32Error::TOO_MANY_LINKS),
    (libc::EPIPE, Win32Error::BROKEN_PIPE),
    (libc::EDOM, Win32Error::INVALID_PARAMETER),
    (libc::ERANGE, Win32Error::ARITHMETIC_OVERFLOW),
    (libc::EOVERFLOW, Win32Error::ARITHMETIC_OVERFLOW),
    (libc::EDEADLK, Win32Error::POSSIBLE_DEADLOCK),
    (libc::ENAMETOOLONG, Win32Error::FILENAME_EXCED_RANGE),
    (libc::ENOLCK, Win32Error::SHARING_BUFFER_EXCEEDED),
    (libc::ENOSYS, Win32Error::CALL_NOT_IMPLEMENTED),
    (libc::ENOTEMPTY, Win32Error::DIR_NOT_EMPTY),
    (libc::ELOOP, Win32Error::CANT_RESOLVE_FILENAME),
    (libc::EOPNOTSUPP, Win32Error::NOT_SUPPORTED),
    (libc::ENODATA, Win32Error::NOT_FOUND),
    (libc::ETIME, Win32Error::TIMEOUT),
    (libc::ETIMEDOUT, Win32Error::SEM_TIMEOUT),
    (libc::EILSEQ, Win32Error::NO_UNICODE_TRANSLATION),
    (libc::EBADMSG, Win32Error::INVALID_DATA),
    (libc::EPROTO, Win32Error::UNEXP_NET_ERR),
    (libc::EMSGSIZE, Win32Error::MORE_DATA),
    (libc::ENOTCONN, Win32Error::PIPE_NOT_CONNECTED),
    (libc::ESHUTDOWN, Win32Error::GRACEFUL_DISCONNECT),
    (libc::EOWNERDEAD, Win32Error::ABANDONED_WAIT_0),
    (libc::ESTALE, Win32Error::FILE_INVALID),
    (libc::ENOTSOCK, Win32Error::WSAENOTSOCK),
    (libc::EDESTADDRREQ, Win32Error::WSAEDESTADDRREQ),
    (libc::EPROTOTYPE, Win32Error::WSAEPROTOTYPE),
    (libc::ENOPROTOOPT, Win32Error::WSAENOPROTOOPT),
    (libc::EPROTONOSUPPORT, Win32Error::WSAEPROTONOSUPPORT),
    (libc::ESOCKTNOSUPPORT, Win32Error::WSAESOCKTNOSUPPORT),
    (libc::EPFNOSUPPORT, Win32Error::WSAEPFNOSUPPORT),
    (libc::EAFNOSUPPORT, Win32Error::WSAEAFNOSUPPORT),
    (libc::EADDRINUSE, Win32Error::WSAEADDRINUSE),
    (libc::EADDRNOTAVAIL, Win32Error::WSAEADDRNOTAVAIL),
    (libc::ENETDOWN, Win32Error::WSAENETDOWN),
    (libc::ENETUNREACH, Win32Error::WSAENETUNREACH),
    (libc::ENETRESET, Win32Error::WSAENETRESET),
    (libc::ECONNABORTED, Win32Error::WSAECONNABORTED),
    (libc::ECONNRESET, Win32Error::WSAECONNRESET),
    (libc::EISCONN, Win32Error::WSAEISCONN),
    (libc::ECONNREFUSED, Win32Error::WSAECONNREFUSED),
    (libc::EHOSTDOWN, Win32Error::WSAEHOSTDOWN),
    (libc::EHOSTUNREACH, Win32Error::WSAEHOSTUNREACH),
    (libc::EALREADY, Win32Error::WSAEALREADY),
    (libc::EINPROGRESS, Win32Error::WSAEINPROGRESS),
    (libc::EUSERS, Win32Error::WSAEUSERS),
    (libc::EREMOTE, Win32Error::WSAEREMOTE),
];

/// Codes that no errno becomes, and the errno that they become.
const ALSO: &[(Win32Error, i32)] = &[
    (Win32Error::FILE_EXISTS, libc::EEXIST),
    (Win32Error::PRIVILEGE_NOT_HELD, libc::EPERM),
    (Win32Error::OUTOFMEMORY, libc::ENOMEM),
    (Win32Error::HANDLE_DISK_FULL, libc::ENOSPC),
    (Win32Error::PIPE_BUSY, libc::EBUSY),
    (Win32Error::PIPE_CONNECTED, libc::EISCONN),
    (Win32Error::PIPE_LISTENING, libc::EAGAIN),
    (Win32Error::IO_PENDING, libc::EINPROGRESS),
    (Win32Error::IO_INCOMPLETE, libc::EAGAIN),
    (Win32Error::WAIT_TIMEOUT, libc::ETIMEDOUT),
    (Win32Error::INVALID_NAME, libc::EINVAL),
    (Win32Error::INSUFFICIENT_BUFFER, libc::ERANGE),
    (Win32Error::LOCK_VIOLATION, libc::EAGAIN),
    (Win32Error::NOT_OWNER, libc::EPERM),
    (Win32Error::TOO_MANY_POSTS, libc::EOVERFLOW),
    (Win32Error::WSAEWOULDBLOCK, libc::EAGAIN),
    (Win32Error::WSAEINTR, libc::EINTR),
    (Win32Error::WSAEBADF, libc::EBADF),
    (Win32Error::WSAEACCES, libc::EACCES),
    (Win32Error::WSAEFAULT, libc::EFAULT),
    (Win32Error::WSAEINVAL, libc::EINVAL),
    (Win32Error::WSAEMFILE, libc::EMFILE),
    (Win32Error::WSAEMSGSIZE, libc::EMSGSIZE),
    (Win32Error::WSAEOPNOTSUPP, libc::EOPNOTSUPP),
    (Win32Error::WSAENOBUFS, libc::ENOBUFS),
    (Win32Error::WSAENOTCONN, libc::ENOTCONN),
    (Win32Error::WSAESHUTDOWN, libc::ESHUTDOWN),
    (Win32Error::WSAETIMEDOUT, libc::ETIMEDOUT),
    (Win32Error::WSAELOOP, libc::ELOOP),
    (Win32Error::WSAENAMETOOLONG, libc::ENAMETOOLONG),
];
