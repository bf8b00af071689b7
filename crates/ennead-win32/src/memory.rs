//! Memory that functions give to programs, and that programs give back with `LocalFree`.

#![allow(unsafe_code, reason = "the caller frees by pointer")]

use std::alloc::{Layout, alloc, alloc_zeroed, dealloc};
use std::ffi::c_void;
use std::ptr::null_mut;

use ennead_status::Win32Error;
use windows_sys::Win32::System::Memory::{LMEM_ZEROINIT, LOCAL_ALLOC_FLAGS};

use crate::call::run;

/// Before each piece stands its size; pieces are aligned as Windows aligns them (`MEMORY_ALLOCATION_ALIGNMENT`).
const HEAD: usize = 16;

/// Page: [LocalAlloc](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-localalloc). Memory never moves, so
/// that a handle to it is its address.
#[unsafe(no_mangle)]
pub extern "system" fn LocalAlloc(uflags: LOCAL_ALLOC_FLAGS, ubytes: usize) -> *mut c_void {
    run(null_mut(), || allocate(ubytes, uflags & LMEM_ZEROINIT != 0).ok_or(Win32Error::NOT_ENOUGH_MEMORY))
}

/// Page: [LocalFree](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-localfree).
///
/// # Safety
/// `hmem` must be null or come from [`LocalAlloc`] or a function that says so, and not have been freed.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn LocalFree(hmem: *mut c_void) -> *mut c_void {
    run(hmem, || {
        if !hmem.is_null() {
            // SAFETY: the caller's promise.
            unsafe { free(hmem) };
        }
        Ok(null_mut())
    })
}

/// Page: [LocalSize](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-localsize).
///
/// # Safety
/// As for [`LocalFree`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn LocalSize(hmem: *mut c_void) -> usize {
    run(0, || {
        if hmem.is_null() {
            return Err(Win32Error::INVALID_HANDLE);
        }
        // SAFETY: the caller's promise.
        Ok(unsafe { size(hmem) })
    })
}

/// `bytes` bytes, to be freed with `LocalFree`; `None` when there are not so many.
pub(crate) fn allocate(bytes: usize, zeroed: bool) -> Option<*mut c_void> {
    let layout = layout(bytes)?;
    // SAFETY: the layout has a size, that of the head at least.
    let piece = unsafe { if zeroed { alloc_zeroed(layout) } else { alloc(layout) } };
    if piece.is_null() {
        return None;
    }
    // SAFETY: the piece begins with a head, aligned for a usize.
    unsafe { piece.cast::<usize>().write(bytes) };
    // SAFETY: the piece is longer than its head.
    Some(unsafe { piece.add(HEAD) }.cast())
}

/// How many bytes a piece has.
///
/// # Safety
/// `at` must come from [`allocate`].
unsafe fn size(at: *mut c_void) -> usize {
    // SAFETY: the head stands before it.
    unsafe { at.cast::<u8>().sub(HEAD).cast::<usize>().read() }
}

/// Gives a piece back.
///
/// # Safety
/// `at` must come from [`allocate`] and not have been freed.
unsafe fn free(at: *mut c_void) {
    // SAFETY: the caller's promise.
    if let Some(layout) = layout(unsafe { size(at) }) {
        // SAFETY: with this layout it was allocated, a head before what the caller knows.
        unsafe { dealloc(at.cast::<u8>().sub(HEAD), layout) };
    }
}

fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}
