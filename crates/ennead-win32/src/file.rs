//! Files, and what is opened and used like one.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_pipe::impersonation::SecurityQuality;
use ennead_pipe::named::ClientOptions;
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_ALWAYS, FILE_CREATION_DISPOSITION, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH,
    FILE_FLAGS_AND_ATTRIBUTES, FILE_SHARE_MODE, FILE_TYPE, FILE_TYPE_UNKNOWN, OPEN_ALWAYS, OPEN_EXISTING,
    SET_FILE_POINTER_MOVE_METHOD,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::buffer::{bytes, count, give, must_give, room};
use crate::call::{Outcome, handle, run, truth};
use crate::disk_file::DiskFile;
use crate::last_error;
use crate::object::{Moved, Object};
use crate::security::{Attributes, attributes};
use crate::table::HANDLES;
use crate::text;

/// Opens a pipe (`\\.\pipe\…`) or a file.
///
/// Page: [CreateFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew). Share modes bind nobody
/// here; `FILE_FLAG_OVERLAPPED` is ERROR_NOT_SUPPORTED.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateFileW(
    lpfilename: PCWSTR,
    dwdesiredaccess: u32,
    _dwsharemode: FILE_SHARE_MODE,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
    dwcreationdisposition: FILE_CREATION_DISPOSITION,
    dwflagsandattributes: FILE_FLAGS_AND_ATTRIBUTES,
    _htemplatefile: HANDLE,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::wide(lpfilename)?, attributes(lpsecurityattributes)?) };
        open(&name, dwdesiredaccess, dwcreationdisposition, dwflagsandattributes, &attributes)
    })
}

/// [`CreateFileW`] with a name in UTF-8.
///
/// # Safety
/// As for [`CreateFileW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateFileA(
    lpfilename: PCSTR,
    dwdesiredaccess: u32,
    _dwsharemode: FILE_SHARE_MODE,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
    dwcreationdisposition: FILE_CREATION_DISPOSITION,
    dwflagsandattributes: FILE_FLAGS_AND_ATTRIBUTES,
    _htemplatefile: HANDLE,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::narrow(lpfilename)?, attributes(lpsecurityattributes)?) };
        open(&name, dwdesiredaccess, dwcreationdisposition, dwflagsandattributes, &attributes)
    })
}

fn open(name: &str, access: u32, disposition: u32, flags: u32, attributes: &Attributes) -> Outcome<HANDLE> {
    let granted = GenericMapping::FILE
        .map(AccessMask(access) | AccessMask::SYNCHRONIZE | AccessMask::FILE_READ_ATTRIBUTES);
    if flags & FILE_FLAG_OVERLAPPED != 0 {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    if is_pipe(name) {
        // CreateFile, "Pipes": dwCreationDisposition must be OPEN_EXISTING.
        if disposition != OPEN_EXISTING {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        let client = ClientOptions::new()
            .access(AccessMask(access))
            .quality(SecurityQuality::from_create_file_flags(flags))
            .write_through(flags & FILE_FLAG_WRITE_THROUGH != 0)
            .open(name)
            .map_err(|error| error.win32())?;
        let granted = client.granted().0;
        return Object::Client(Box::new(client)).into_handle(granted, attributes.flags);
    }
    let opened = DiskFile::open(name, access, disposition)?;
    let handle = Object::File(opened.file).into_handle(granted.0, attributes.flags)?;
    // CreateFile, table of dispositions: the last error of a success.
    let existed = opened.existed && matches!(disposition, OPEN_ALWAYS | CREATE_ALWAYS);
    last_error::set(if existed { Win32Error::ALREADY_EXISTS } else { Win32Error::SUCCESS });
    Ok(handle)
}

/// `\\HOST\pipe\NAME`, in whatever case, slashes either way in the prefix as Windows takes them.
fn is_pipe(name: &str) -> bool {
    let mut parts = name.splitn(5, '\\');
    parts.next() == Some("")
        && parts.next() == Some("")
        && parts.next().is_some_and(|host| !host.is_empty() && host != "?")
        && parts.next().is_some_and(|share| share.eq_ignore_ascii_case("pipe"))
}

/// Page: [ReadFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ReadFile(
    hfile: HANDLE,
    lpbuffer: *mut u8,
    nnumberofbytestoread: u32,
    lpnumberofbytesread: *mut u32,
    lpoverlapped: *mut OVERLAPPED,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let buffer = unsafe { room(lpbuffer, nnumberofbytestoread)? };
        let transfer = || HANDLES.get(hfile)?.read(buffer);
        // SAFETY: the caller's promise.
        unsafe { transferred(transfer, lpnumberofbytesread, lpoverlapped) }
    })
}

/// Page: [WriteFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WriteFile(
    hfile: HANDLE,
    lpbuffer: *const u8,
    nnumberofbytestowrite: u32,
    lpnumberofbyteswritten: *mut u32,
    lpoverlapped: *mut OVERLAPPED,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let data = unsafe { bytes(lpbuffer, nnumberofbytestowrite)? };
        let transfer = || HANDLES.get(hfile)?.write(data);
        // SAFETY: the caller's promise.
        unsafe { transferred(transfer, lpnumberofbyteswritten, lpoverlapped) }
    })
}

/// Runs a transfer on a synchronous handle and says how much it moved. The count is 0 before anything else happens, as
/// documented; one of the two places must be there.
///
/// # Safety
/// Both must be null or valid for a write.
pub(crate) unsafe fn transferred(
    transfer: impl FnOnce() -> Outcome<Moved>,
    moved: *mut u32,
    overlapped: *mut OVERLAPPED,
) -> Outcome<()> {
    if moved.is_null() && overlapped.is_null() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    // SAFETY: the caller's promise.
    unsafe { give(moved, 0) };
    let outcome = transfer()?;
    // SAFETY: the caller's promise.
    unsafe { give(moved, count(outcome.bytes)) };
    if !overlapped.is_null() {
        // SAFETY: the caller's promise; `InternalHigh` is the number of bytes transferred (OVERLAPPED).
        unsafe { (&raw mut (*overlapped).InternalHigh).write_unaligned(outcome.bytes) };
    }
    outcome.outcome()
}

/// Page: [FlushFileBuffers](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers).
#[unsafe(no_mangle)]
pub extern "system" fn FlushFileBuffers(hfile: HANDLE) -> BOOL {
    truth(|| HANDLES.get(hfile)?.object.flush())
}

/// Page: [GetFileType](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfiletype).
#[unsafe(no_mangle)]
pub extern "system" fn GetFileType(hfile: HANDLE) -> FILE_TYPE {
    run(FILE_TYPE_UNKNOWN, || Ok(HANDLES.get(hfile)?.object.file_type()))
}

/// Page: [GetFileSizeEx](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-getfilesizeex).
///
/// # Safety
/// `lpfilesize` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetFileSizeEx(hfile: HANDLE, lpfilesize: *mut i64) -> BOOL {
    truth(|| {
        let size = on_disk(hfile, DiskFile::size)?;
        // SAFETY: the caller's promise.
        unsafe { must_give(lpfilesize, size.cast_signed()) }
    })
}

/// Page: [SetFilePointerEx](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setfilepointerex).
///
/// # Safety
/// `lpnewfilepointer` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn SetFilePointerEx(
    hfile: HANDLE,
    lidistancetomove: i64,
    lpnewfilepointer: *mut i64,
    dwmovemethod: SET_FILE_POINTER_MOVE_METHOD,
) -> BOOL {
    truth(|| {
        let position = on_disk(hfile, |file| file.seek(lidistancetomove, dwmovemethod))?;
        // SAFETY: the caller's promise.
        unsafe { give(lpnewfilepointer, position.cast_signed()) };
        Ok(())
    })
}

/// Page: [SetEndOfFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-setendoffile).
#[unsafe(no_mangle)]
pub extern "system" fn SetEndOfFile(hfile: HANDLE) -> BOOL {
    truth(|| on_disk(hfile, DiskFile::end_here))
}

fn on_disk<T>(handle: HANDLE, operation: impl FnOnce(&DiskFile) -> Outcome<T>) -> Outcome<T> {
    match &*HANDLES.get(handle)?.object {
        Object::File(file) => operation(file),
        _ => Err(Win32Error::INVALID_PARAMETER),
    }
}

/// Page: [DeleteFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-deletefilew).
///
/// # Safety
/// `lpfilename` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DeleteFileW(lpfilename: PCWSTR) -> BOOL {
    // SAFETY: the caller's promise.
    truth(|| DiskFile::remove(&unsafe { text::wide(lpfilename)? }))
}

/// [`DeleteFileW`] with a name in UTF-8.
///
/// # Safety
/// `lpfilename` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DeleteFileA(lpfilename: PCSTR) -> BOOL {
    // SAFETY: the caller's promise.
    truth(|| DiskFile::remove(&unsafe { text::narrow(lpfilename)? }))
}
