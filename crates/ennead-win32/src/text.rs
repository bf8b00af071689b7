//! Strings of the caller: 16-bit characters for `W` functions, UTF-8 for `A` functions.

#![allow(unsafe_code, reason = "a string ends where its zero is")]

use ennead_status::Win32Error;
use windows_sys::core::{PCSTR, PCWSTR};

use crate::call::Outcome;

/// The longest string that is read, in characters: no name is longer (`UNICODE_STRING_MAX_CHARS`).
const LONGEST: usize = 32_767;

/// The string at `at`.
///
/// # Errors
/// ERROR_INVALID_PARAMETER for a null pointer; ERROR_INVALID_NAME for half of a surrogate pair;
/// ERROR_FILENAME_EXCED_RANGE for one that does not end.
///
/// # Safety
/// Unless null, `at` must point to a string that ends with a zero, or to at least 32,768 characters.
pub(crate) unsafe fn wide(at: PCWSTR) -> Outcome<String> {
    // SAFETY: the caller's promise.
    unsafe { optional_wide(at) }?.ok_or(Win32Error::INVALID_PARAMETER)
}

/// The string at `at`, in UTF-8; as [`wide`].
///
/// # Safety
/// As for [`wide`].
pub(crate) unsafe fn narrow(at: PCSTR) -> Outcome<String> {
    // SAFETY: the caller's promise.
    unsafe { optional_narrow(at) }?.ok_or(Win32Error::INVALID_PARAMETER)
}

/// The string at `at` in UTF-8, or `None` for a null pointer.
///
/// # Safety
/// As for [`wide`].
pub(crate) unsafe fn optional_narrow(at: PCSTR) -> Outcome<Option<String>> {
    if at.is_null() {
        return Ok(None);
    }
    let mut units = Vec::new();
    loop {
        // SAFETY: no zero has been passed, and no more than the promised number of characters.
        match unsafe { at.add(units.len()).read() } {
            0 => break,
            _ if units.len() == LONGEST => return Err(Win32Error::FILENAME_EXCED_RANGE),
            unit => units.push(unit),
        }
    }
    String::from_utf8(units).map(Some).map_err(|_| Win32Error::NO_UNICODE_TRANSLATION)
}

/// The string at `at`, or `None` for a null pointer.
///
/// # Safety
/// As for [`wide`].
pub(crate) unsafe fn optional_wide(at: PCWSTR) -> Outcome<Option<String>> {
    if at.is_null() {
        return Ok(None);
    }
    let mut units = Vec::new();
    loop {
        // SAFETY: no zero has been passed, and no more than the promised number of characters.
        match unsafe { at.add(units.len()).read_unaligned() } {
            0 => break,
            _ if units.len() == LONGEST => return Err(Win32Error::FILENAME_EXCED_RANGE),
            unit => units.push(unit),
        }
    }
    String::from_utf16(&units).map(Some).map_err(|_| Win32Error::INVALID_NAME)
}

/// A kind of character that strings are given in.
pub(crate) trait Unit: Copy {
    /// The zero at the end.
    const END: Self;
    /// The characters of `text`.
    fn encode(text: &str) -> Vec<Self>;
}

impl Unit for u16 {
    const END: Self = 0;
    fn encode(text: &str) -> Vec<Self> {
        text.encode_utf16().collect()
    }
}

impl Unit for u8 {
    const END: Self = 0;
    fn encode(text: &str) -> Vec<Self> {
        text.bytes().collect()
    }
}

/// Writes `text` and its zero to a place for `room` characters; returns how many there were without the zero.
///
/// # Errors
/// `too_small` if it does not fit.
///
/// # Safety
/// `at` must be valid for writing `room` characters.
pub(crate) unsafe fn put<U: Unit>(
    text: &str,
    at: *mut U,
    room: u32,
    too_small: Win32Error,
) -> Outcome<usize> {
    let units = U::encode(text);
    if at.is_null() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    if units.len() >= room as usize {
        return Err(too_small);
    }
    // SAFETY: units and the zero fit into the room that the caller vouches for, and a fresh vector overlaps nothing.
    unsafe {
        std::ptr::copy_nonoverlapping(units.as_ptr(), at, units.len());
        at.add(units.len()).write(U::END);
    }
    Ok(units.len())
}
