//! The caller's memory.

#![allow(unsafe_code, reason = "the caller's pointers become slices and values here")]

use ennead_status::Win32Error;

use crate::call::Outcome;

/// The `len` bytes at `at`, to read. A null pointer with a length is ERROR_NOACCESS, as the kernel of Windows answers.
///
/// # Safety
/// Unless null, `at` must point to `len` bytes that nobody writes while the slice lives.
pub(crate) unsafe fn bytes<'a>(at: *const u8, len: u32) -> Outcome<&'a [u8]> {
    if len == 0 {
        return Ok(&[]);
    }
    if at.is_null() {
        return Err(Win32Error::NOACCESS);
    }
    // SAFETY: not null; the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts(at, len as usize) })
}

/// The `len` bytes at `at`, to fill.
///
/// # Safety
/// Unless null, `at` must point to `len` bytes that nobody else uses while the slice lives.
pub(crate) unsafe fn room<'a>(at: *mut u8, len: u32) -> Outcome<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if at.is_null() {
        return Err(Win32Error::NOACCESS);
    }
    // SAFETY: not null; the caller vouches for the rest.
    Ok(unsafe { std::slice::from_raw_parts_mut(at, len as usize) })
}

/// Stores a result that the caller may not want: nothing happens at a null pointer.
///
/// # Safety
/// Unless null, `at` must be valid for a write; it need not be aligned.
pub(crate) unsafe fn give<T>(at: *mut T, value: T) {
    if !at.is_null() {
        // SAFETY: not null; the caller vouches for the rest.
        unsafe { at.write_unaligned(value) };
    }
}

/// Stores a result that the caller must want.
///
/// # Safety
/// As for [`give`].
pub(crate) unsafe fn must_give<T>(at: *mut T, value: T) -> Outcome<()> {
    if at.is_null() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    // SAFETY: the caller's promise.
    unsafe { give(at, value) };
    Ok(())
}

/// The value at `at`, if it is not null.
///
/// # Safety
/// Unless null, `at` must be valid for a read; it need not be aligned.
pub(crate) unsafe fn optional<T: Copy>(at: *const T) -> Option<T> {
    // SAFETY: not null; the caller vouches for the rest.
    (!at.is_null()).then(|| unsafe { at.read_unaligned() })
}

/// Bytes as the 32-bit count that the functions report.
pub(crate) fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
