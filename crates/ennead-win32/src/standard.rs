//! The standard handles.

#![allow(unsafe_code, reason = "exporting functions under their own names")]

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Console::{
    STD_ERROR_HANDLE, STD_HANDLE, STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
};
use windows_sys::core::BOOL;

use crate::call::{Outcome, handle, truth};
use crate::disk_file::DiskFile;
use crate::object::Object;

/// The values of the three handles, made when first asked for; `SetStdHandle` changes them.
static STANDARD: Mutex<[Option<usize>; 3]> = Mutex::new([None; 3]);

/// Page: [GetStdHandle](https://learn.microsoft.com/windows/console/getstdhandle).
#[unsafe(no_mangle)]
pub extern "system" fn GetStdHandle(nstdhandle: STD_HANDLE) -> HANDLE {
    handle(|| {
        let index = index(nstdhandle)?;
        let mut standard = STANDARD.lock().unwrap_or_else(PoisonError::into_inner);
        let value = match standard[index] {
            Some(value) => value,
            None => open(index)?.expose_provenance(),
        };
        standard[index] = Some(value);
        Ok(std::ptr::with_exposed_provenance_mut(value))
    })
}

/// Page: [SetStdHandle](https://learn.microsoft.com/windows/console/setstdhandle).
#[unsafe(no_mangle)]
pub extern "system" fn SetStdHandle(nstdhandle: STD_HANDLE, hhandle: HANDLE) -> BOOL {
    truth(|| {
        let index = index(nstdhandle)?;
        STANDARD.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(hhandle.expose_provenance());
        Ok(())
    })
}

fn index(which: STD_HANDLE) -> Outcome<usize> {
    match which {
        STD_INPUT_HANDLE => Ok(0),
        STD_OUTPUT_HANDLE => Ok(1),
        STD_ERROR_HANDLE => Ok(2),
        _ => Err(Win32Error::INVALID_PARAMETER),
    }
}

fn open(index: usize) -> Outcome<HANDLE> {
    let (input, output, error) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let fd: BorrowedFd<'_> = match index {
        0 => input.as_fd(),
        1 => output.as_fd(),
        _ => error.as_fd(),
    };
    let copy = fd.try_clone_to_owned().map_err(|error| Win32Error::from(&error))?;
    let access = AccessMask::FILE_GENERIC_READ | AccessMask::FILE_GENERIC_WRITE;
    Object::File(DiskFile::new(File::from(copy))).into_handle(access.0, 0)
}
