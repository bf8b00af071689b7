//! The frame of every exported function: no panic crosses into the caller, and a failure becomes the last error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::{FALSE, HANDLE, INVALID_HANDLE_VALUE, TRUE};
use windows_sys::core::BOOL;

use crate::last_error;

/// What the body of an exported function returns.
pub(crate) type Outcome<T> = Result<T, Win32Error>;

/// Runs a function that returns a `BOOL`.
pub(crate) fn truth(body: impl FnOnce() -> Outcome<()>) -> BOOL {
    run(FALSE, || body().map(|()| TRUE))
}

/// Runs a function that returns a handle, or `INVALID_HANDLE_VALUE`.
pub(crate) fn handle(body: impl FnOnce() -> Outcome<HANDLE>) -> HANDLE {
    run(INVALID_HANDLE_VALUE, body)
}

/// Runs a function that returns a handle, or null.
pub(crate) fn null_handle(body: impl FnOnce() -> Outcome<HANDLE>) -> HANDLE {
    run(std::ptr::null_mut(), body)
}

/// Runs a function that returns `failure` when it fails.
pub(crate) fn run<T>(failure: T, body: impl FnOnce() -> Outcome<T>) -> T {
    // Nothing of what a body borrows is looked at again after a panic: the call is over.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => value,
        Ok(Err(code)) => {
            last_error::set(code);
            failure
        }
        Err(_) => {
            last_error::set(Win32Error::INTERNAL_ERROR);
            failure
        }
    }
}
