//! Files, and what is opened and used like one.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::ptr::null_mut;

use ennead_pipe::impersonation::SecurityQuality;
use ennead_pipe::named::ClientOptions;
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_ALWAYS, FILE_CREATION_DISPOSITION, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH,
    FILE_FLAGS_AND_ATTRIBUTES, FILE_READ_DATA, FILE_SHARE_MODE, FILE_TYPE, FILE_TYPE_UNKNOWN,
    FILE_WRITE_DATA, OPEN_ALWAYS, OPEN_EXISTING, SET_FILE_POINTER_MOVE_METHOD,
};
use windows_sys::Win32::System::IO::{LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED};
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::buffer::{bytes, count, give, must_give, room};
use crate::call::{Outcome, handle, run, truth};
use crate::disk_file::DiskFile;
use crate::last_error;
use crate::mailslot::{self, is_mailslot};
use crate::object::{Moved, Object, PipeEnd};
use crate::overlapped::{Target, Tell, routine};
use crate::security::{Attributes, attributes};
use crate::table::{Grant, HANDLES};
use crate::text;

/// Opens a pipe (`\\.\pipe\…`), a mailslot (`\\.\mailslot\…`) or a file.
///
/// Page: [CreateFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew). Share modes bind
/// at mailslots only; ordinary files take no `FILE_FLAG_OVERLAPPED` (ERROR_NOT_SUPPORTED).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateFileW(
    lpfilename: PCWSTR,
    dwdesiredaccess: u32,
    dwsharemode: FILE_SHARE_MODE,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
    dwcreationdisposition: FILE_CREATION_DISPOSITION,
    dwflagsandattributes: FILE_FLAGS_AND_ATTRIBUTES,
    _htemplatefile: HANDLE,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::wide(lpfilename)?, attributes(lpsecurityattributes)?) };
        let asked = Asked {
            access: dwdesiredaccess,
            share: dwsharemode,
            disposition: dwcreationdisposition,
            flags: dwflagsandattributes,
        };
        open(&name, &asked, &attributes)
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
    dwsharemode: FILE_SHARE_MODE,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
    dwcreationdisposition: FILE_CREATION_DISPOSITION,
    dwflagsandattributes: FILE_FLAGS_AND_ATTRIBUTES,
    _htemplatefile: HANDLE,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::narrow(lpfilename)?, attributes(lpsecurityattributes)?) };
        let asked = Asked {
            access: dwdesiredaccess,
            share: dwsharemode,
            disposition: dwcreationdisposition,
            flags: dwflagsandattributes,
        };
        open(&name, &asked, &attributes)
    })
}

/// The numbers that `CreateFile` takes.
struct Asked {
    access: u32,
    share: FILE_SHARE_MODE,
    disposition: FILE_CREATION_DISPOSITION,
    flags: FILE_FLAGS_AND_ATTRIBUTES,
}

fn open(name: &str, asked: &Asked, attributes: &Attributes) -> Outcome<HANDLE> {
    let Asked { access, share, disposition, flags } = *asked;
    let granted = GenericMapping::FILE
        .map(AccessMask(access) | AccessMask::SYNCHRONIZE | AccessMask::FILE_READ_ATTRIBUTES);
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
        let pipe = PipeEnd::new(client, flags & FILE_FLAG_OVERLAPPED != 0);
        return Object::Client(Box::new(pipe)).into_handle(granted, attributes.flags);
    }
    if is_mailslot(name) {
        if disposition != OPEN_EXISTING {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        let client = mailslot::open(name, access, share)?;
        let granted = client.granted().0;
        return Object::MailslotClient(client).into_handle(granted, attributes.flags);
    }
    if flags & FILE_FLAG_OVERLAPPED != 0 {
        return Err(Win32Error::NOT_SUPPORTED);
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
        let held = HANDLES.get(hfile)?;
        let target = Target { overlapped: lpoverlapped, buffer: lpbuffer };
        if held.object.overlapped().is_some() {
            // SAFETY: the caller's promise.
            return unsafe {
                begin_read(&held, target, nnumberofbytestoread, lpnumberofbytesread, Tell::Event)
            };
        }
        // SAFETY: the caller's promise.
        unsafe { transferred(|| held.read(buffer), lpnumberofbytesread, lpoverlapped) }
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
        let held = HANDLES.get(hfile)?;
        let target = Target { overlapped: lpoverlapped, buffer: null_mut() };
        if held.object.overlapped().is_some() {
            // SAFETY: the caller's promise.
            return unsafe { begin_write(&held, target, data, lpnumberofbyteswritten, Tell::Event) };
        }
        // SAFETY: the caller's promise.
        unsafe { transferred(|| held.write(data), lpnumberofbyteswritten, lpoverlapped) }
    })
}

/// Page: [ReadFileEx](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfileex).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ReadFileEx(
    hfile: HANDLE,
    lpbuffer: *mut u8,
    nnumberofbytestoread: u32,
    lpoverlapped: *mut OVERLAPPED,
    lpcompletionroutine: LPOVERLAPPED_COMPLETION_ROUTINE,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        unsafe { room(lpbuffer, nnumberofbytestoread)? };
        let held = HANDLES.get(hfile)?;
        let (target, tell) =
            (Target { overlapped: lpoverlapped, buffer: lpbuffer }, routine(lpcompletionroutine)?);
        // SAFETY: the caller's promise.
        unsafe { begin_read(&held, target, nnumberofbytestoread, null_mut(), tell) }.or_else(told_later)
    })
}

/// Page: [WriteFileEx](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefileex).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WriteFileEx(
    hfile: HANDLE,
    lpbuffer: *const u8,
    nnumberofbytestowrite: u32,
    lpoverlapped: *mut OVERLAPPED,
    lpcompletionroutine: LPOVERLAPPED_COMPLETION_ROUTINE,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let data = unsafe { bytes(lpbuffer, nnumberofbytestowrite)? };
        let held = HANDLES.get(hfile)?;
        let (target, tell) =
            (Target { overlapped: lpoverlapped, buffer: null_mut() }, routine(lpcompletionroutine)?);
        // SAFETY: the caller's promise.
        unsafe { begin_write(&held, target, data, null_mut(), tell) }.or_else(told_later)
    })
}

/// Begins to read a pipe that was opened for overlapped operations.
///
/// # Safety
/// `target` must be an `OVERLAPPED` and room for so many bytes until the operation completes; `moved` null or valid for a write.
unsafe fn begin_read(grant: &Grant, target: Target, len: u32, moved: *mut u32, tell: Tell) -> Outcome<()> {
    let (pipe, all) = grant.object.overlapped().ok_or(Win32Error::INVALID_PARAMETER)?;
    grant.must_allow(FILE_READ_DATA)?;
    // SAFETY: the caller's promise.
    unsafe { all.begin(target, moved, tell, || pipe.start_read(len as usize)) }
}

/// Begins to write to one. The data is copied.
///
/// # Safety
/// `target` must be an `OVERLAPPED` until the operation completes; `moved` null or valid for a write.
unsafe fn begin_write(
    grant: &Grant,
    target: Target,
    data: &[u8],
    moved: *mut u32,
    tell: Tell,
) -> Outcome<()> {
    let (pipe, all) = grant.object.overlapped().ok_or(Win32Error::INVALID_PARAMETER)?;
    grant.must_allow(FILE_WRITE_DATA)?;
    // SAFETY: the caller's promise.
    unsafe { all.begin(target, moved, tell, || pipe.start_write(data)) }
}

/// The routine will be told of what the call need not say: these two functions succeed when the operation has begun.
fn told_later(code: Win32Error) -> Outcome<()> {
    match code {
        Win32Error::IO_PENDING | Win32Error::MORE_DATA => Ok(()),
        code => Err(code),
    }
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
