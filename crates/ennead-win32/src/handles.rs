//! What can be done with any handle.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::sync::Arc;

use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::{
    DUPLICATE_CLOSE_SOURCE, DUPLICATE_HANDLE_OPTIONS, DUPLICATE_SAME_ACCESS, ERROR_NOT_SAME_OBJECT, HANDLE,
    HANDLE_FLAG_INHERIT, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAGS,
};
use windows_sys::core::BOOL;

use crate::buffer::must_give;
use crate::call::{Outcome, truth};
use crate::table::{Grant, HANDLES};
use crate::thread::THIS_PROCESS;

/// Page: [CloseHandle](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-closehandle).
#[unsafe(no_mangle)]
pub extern "system" fn CloseHandle(hobject: HANDLE) -> BOOL {
    truth(|| HANDLES.close(hobject))
}

/// Page: [DuplicateHandle](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-duplicatehandle). Within this
/// process; another one is ERROR_CALL_NOT_IMPLEMENTED.
///
/// # Safety
/// `lptargethandle` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn DuplicateHandle(
    hsourceprocesshandle: HANDLE,
    hsourcehandle: HANDLE,
    htargetprocesshandle: HANDLE,
    lptargethandle: *mut HANDLE,
    dwdesiredaccess: u32,
    binherithandle: BOOL,
    dwoptions: DUPLICATE_HANDLE_OPTIONS,
) -> BOOL {
    truth(|| {
        if hsourceprocesshandle.addr() != THIS_PROCESS || htargetprocesshandle.addr() != THIS_PROCESS {
            return Err(Win32Error::CALL_NOT_IMPLEMENTED);
        }
        let copy = duplicate(hsourcehandle, dwdesiredaccess, binherithandle != 0, dwoptions);
        // As documented: regardless of any error.
        if dwoptions & DUPLICATE_CLOSE_SOURCE != 0 {
            HANDLES.close(hsourcehandle)?;
        }
        let copy = copy?;
        // SAFETY: the caller's promise.
        unsafe { must_give(lptargethandle, copy) }.inspect_err(|_| HANDLES.take_back(copy))
    })
}

fn duplicate(
    source: HANDLE,
    access: u32,
    inherit: bool,
    options: DUPLICATE_HANDLE_OPTIONS,
) -> Outcome<HANDLE> {
    let held = HANDLES.get(source)?;
    let access =
        if options & DUPLICATE_SAME_ACCESS != 0 { held.access } else { held.object.specific(access) };
    // A pipe's or file's rights were settled when it was opened: a copy cannot have more.
    held.must_allow(access)?;
    let grant = Grant { object: Arc::clone(&held.object), access };
    HANDLES.open(grant, if inherit { HANDLE_FLAG_INHERIT } else { 0 })
}

/// Page: [GetHandleInformation](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-gethandleinformation).
///
/// # Safety
/// `lpdwflags` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetHandleInformation(hobject: HANDLE, lpdwflags: *mut u32) -> BOOL {
    truth(|| {
        let flags = HANDLES.get(hobject)?.flags();
        // SAFETY: the caller's promise.
        unsafe { must_give(lpdwflags, flags) }
    })
}

/// Page: [SetHandleInformation](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-sethandleinformation).
#[unsafe(no_mangle)]
pub extern "system" fn SetHandleInformation(hobject: HANDLE, dwmask: u32, dwflags: HANDLE_FLAGS) -> BOOL {
    truth(|| {
        if dwmask & !(HANDLE_FLAG_INHERIT | HANDLE_FLAG_PROTECT_FROM_CLOSE) != 0 {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        HANDLES.get(hobject)?.set_flags(dwmask, dwflags);
        Ok(())
    })
}

/// Page: [CompareObjectHandles](https://learn.microsoft.com/windows/win32/api/handleapi/nf-handleapi-compareobjecthandles).
#[unsafe(no_mangle)]
pub extern "system" fn CompareObjectHandles(hfirstobjecthandle: HANDLE, hsecondobjecthandle: HANDLE) -> BOOL {
    truth(|| {
        let first = HANDLES.get(hfirstobjecthandle)?;
        let second = HANDLES.get(hsecondobjecthandle)?;
        if Arc::ptr_eq(&first.object, &second.object) {
            Ok(())
        } else {
            Err(Win32Error(ERROR_NOT_SAME_OBJECT))
        }
    })
}
