//! The thread's last error.

#![allow(unsafe_code, reason = "exporting a function under its own name is unsafe to Rust")]

use std::cell::Cell;

use ennead_status::Win32Error;

thread_local! {
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// What `GetLastError` says from now on.
pub(crate) fn set(code: Win32Error) {
    // A thread that is ending has none any more, and nobody to read it.
    let _ = LAST.try_with(|last| last.set(code.0));
}

/// Page: [GetLastError](https://learn.microsoft.com/windows/win32/api/errhandlingapi/nf-errhandlingapi-getlasterror).
#[unsafe(no_mangle)]
pub extern "system" fn GetLastError() -> u32 {
    LAST.try_with(Cell::get).unwrap_or(0)
}

/// Page: [SetLastError](https://learn.microsoft.com/windows/win32/api/errhandlingapi/nf-errhandlingapi-setlasterror).
#[unsafe(no_mangle)]
pub extern "system" fn SetLastError(dwerrcode: u32) {
    set(Win32Error(dwerrcode));
}
