//! `FormatMessage`: the texts of the system's errors.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::ffi::c_void;

use ennead_status::{HResult, NtStatus, Win32Error};
use windows_sys::Win32::System::Diagnostics::Debug::{
    FORMAT_MESSAGE_ALLOCATE_BUFFER, FORMAT_MESSAGE_FROM_STRING, FORMAT_MESSAGE_FROM_SYSTEM,
    FORMAT_MESSAGE_IGNORE_INSERTS, FORMAT_MESSAGE_OPTIONS,
};
use windows_sys::core::{PSTR, PWSTR};

use crate::buffer::count;
use crate::call::{Outcome, run};
use crate::memory::allocate;
use crate::text::{Unit, put};

/// Page: [FormatMessage](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-formatmessagew). The system's
/// messages, in English, inserts left as they stand; a message of one's own (`FORMAT_MESSAGE_FROM_STRING`,
/// `FORMAT_MESSAGE_FROM_HMODULE`) is ERROR_NOT_SUPPORTED.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn FormatMessageW(
    dwflags: FORMAT_MESSAGE_OPTIONS,
    _lpsource: *const c_void,
    dwmessageid: u32,
    _dwlanguageid: u32,
    lpbuffer: PWSTR,
    nsize: u32,
    _arguments: *const *const i8,
) -> u32 {
    // SAFETY: the caller's promise.
    run(0, || unsafe { format(dwflags, dwmessageid, lpbuffer, nsize) })
}

/// [`FormatMessageW`] in UTF-8.
///
/// # Safety
/// As for [`FormatMessageW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn FormatMessageA(
    dwflags: FORMAT_MESSAGE_OPTIONS,
    _lpsource: *const c_void,
    dwmessageid: u32,
    _dwlanguageid: u32,
    lpbuffer: PSTR,
    nsize: u32,
    _arguments: *const *const i8,
) -> u32 {
    // SAFETY: the caller's promise.
    run(0, || unsafe { format(dwflags, dwmessageid, lpbuffer, nsize) })
}

/// # Safety
/// `buffer` must be null, or valid for `size` characters, or where memory is to be allocated for a pointer.
unsafe fn format<U: Unit>(flags: FORMAT_MESSAGE_OPTIONS, id: u32, buffer: *mut U, size: u32) -> Outcome<u32> {
    if flags & FORMAT_MESSAGE_FROM_STRING != 0 {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    if flags & FORMAT_MESSAGE_FROM_SYSTEM == 0 || buffer.is_null() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let message = message(id).ok_or(Win32Error::MR_MID_NOT_FOUND)?;
    if message.contains("%1") && flags & FORMAT_MESSAGE_IGNORE_INSERTS == 0 {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    let text = format!("{message}\r\n");
    if flags & FORMAT_MESSAGE_ALLOCATE_BUFFER == 0 {
        // SAFETY: the caller's promise: nSize characters.
        return unsafe { put(&text, buffer, size, Win32Error::INSUFFICIENT_BUFFER) }.map(count);
    }
    // At least nSize characters, as documented.
    let room = (U::encode(&text).len() + 1).max(size as usize);
    let piece = allocate(room * size_of::<U>(), true).ok_or(Win32Error::NOT_ENOUGH_MEMORY)?;
    // SAFETY: lpBuffer points to a pointer then; the piece has that room.
    unsafe {
        buffer.cast::<*mut c_void>().write_unaligned(piece);
        put(&text, piece.cast::<U>(), count(room), Win32Error::INSUFFICIENT_BUFFER).map(count)
    }
}

/// The text for a Win32 code, an `HRESULT` or an `NTSTATUS`: programs ask for all of them.
fn message(id: u32) -> Option<&'static str> {
    Win32Error(id)
        .message()
        .or_else(|| HResult(id.cast_signed()).message())
        .or_else(|| NtStatus(id).message())
}
