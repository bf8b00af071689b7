//! `SECURITY_ATTRIBUTES` and the descriptors in them, as callers lay them out in memory.

#![allow(unsafe_code, reason = "a descriptor in memory is a chain of the caller's pointers")]

use std::ffi::c_void;

use ennead_security::{Acl, SecurityDescriptor, Sid};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE_FLAG_INHERIT;
use windows_sys::Win32::Security::{
    ACL, SE_DACL_PRESENT, SE_SACL_PRESENT, SE_SELF_RELATIVE, SECURITY_ATTRIBUTES, SECURITY_DESCRIPTOR,
};

use crate::buffer::optional;
use crate::call::Outcome;

/// What a caller said about a new object.
#[derive(Default)]
pub(crate) struct Attributes {
    /// `HANDLE_FLAG_INHERIT` if children get the handle.
    pub flags: u32,
    /// None: the default descriptor.
    pub descriptor: Option<SecurityDescriptor>,
}

/// Reads the caller's attributes; a null pointer stands for none.
///
/// # Errors
/// ERROR_INVALID_PARAMETER for a wrong length; ERROR_INVALID_SECURITY_DESCR.
///
/// # Safety
/// Unless null, `at` and what it points to must be valid for reading.
pub(crate) unsafe fn attributes(at: *const SECURITY_ATTRIBUTES) -> Outcome<Attributes> {
    // SAFETY: the caller's promise.
    let Some(attributes) = (unsafe { optional(at) }) else { return Ok(Attributes::default()) };
    if (attributes.nLength as usize) < size_of::<SECURITY_ATTRIBUTES>() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let flags = if attributes.bInheritHandle == 0 { 0 } else { HANDLE_FLAG_INHERIT };
    let at = attributes.lpSecurityDescriptor;
    if at.is_null() {
        return Ok(Attributes { flags, descriptor: None });
    }
    // SAFETY: the caller's promise.
    let descriptor = unsafe { descriptor(at) }?;
    Ok(Attributes { flags, descriptor: Some(descriptor) })
}

/// Reads a descriptor, self-relative or absolute.
///
/// # Errors
/// ERROR_INVALID_SECURITY_DESCR.
///
/// # Safety
/// `at` and what it points to must be valid for reading.
pub(crate) unsafe fn descriptor(at: *const c_void) -> Outcome<SecurityDescriptor> {
    // SAFETY: both forms begin with revision, a filler and the control word.
    let head: [u8; 4] = unsafe { at.cast::<[u8; 4]>().read_unaligned() };
    let control = u16::from_le_bytes([head[2], head[3]]);
    let bytes = if control & SE_SELF_RELATIVE != 0 {
        // SAFETY: the caller's promise.
        unsafe { self_relative(at.cast()) }
    } else {
        // SAFETY: the caller's promise.
        unsafe { absolute(&at.cast::<SECURITY_DESCRIPTOR>().read_unaligned()) }?
    };
    SecurityDescriptor::from_bytes(&bytes).map_err(|_| Win32Error::INVALID_SECURITY_DESCR)
}

/// The bytes of a self-relative descriptor: as far as its farthest part reaches.
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn self_relative(at: *const u8) -> Vec<u8> {
    const HEADER: usize = 20;
    // SAFETY: a self-relative descriptor begins with a header of this size (SECURITY_DESCRIPTOR_RELATIVE).
    let header: [u8; HEADER] = unsafe { at.cast::<[u8; HEADER]>().read_unaligned() };
    let offset =
        |n: usize| u32::from_le_bytes([header[n], header[n + 1], header[n + 2], header[n + 3]]) as usize;
    let mut end = HEADER;
    for (at_offset, is_acl) in [(4, false), (8, false), (12, true), (16, true)] {
        let offset = offset(at_offset);
        if offset != 0 {
            // SAFETY: the descriptor says that a part lies there, and the caller vouches for it.
            let part = unsafe { at.add(offset) };
            // SAFETY: as above.
            let len = unsafe { if is_acl { acl_len(part) } else { sid_len(part) } };
            end = end.max(offset + len);
        }
    }
    // SAFETY: every part up to there belongs to the descriptor.
    unsafe { std::slice::from_raw_parts(at, end) }.to_vec()
}

/// The self-relative form of an absolute descriptor.
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn absolute(from: &SECURITY_DESCRIPTOR) -> Outcome<Vec<u8>> {
    let mut bytes = vec![from.Revision, from.Sbz1];
    bytes.extend((from.Control | SE_SELF_RELATIVE).to_le_bytes());
    bytes.resize(20, 0);
    let mut append = |slot: usize, part: &[u8]| {
        let offset = bytes.len() as u32;
        bytes[slot..slot + 4].copy_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(part);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    };
    for (slot, sid) in [(4, from.Owner), (8, from.Group)] {
        if !sid.is_null() {
            // SAFETY: the caller's promise.
            let sid = unsafe { sid_bytes(sid.cast()) }?;
            append(slot, &sid);
        }
    }
    for (slot, present, acl) in [(12, SE_SACL_PRESENT, from.Sacl), (16, SE_DACL_PRESENT, from.Dacl)] {
        if from.Control & present != 0 && !acl.is_null() {
            // SAFETY: the caller's promise.
            let acl = unsafe { acl_bytes(acl) }?;
            append(slot, &acl);
        }
    }
    Ok(bytes)
}

/// A SID's bytes, checked.
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn sid_bytes(at: *const u8) -> Outcome<Vec<u8>> {
    // SAFETY: the caller's promise: a SID says how long it is.
    let bytes = unsafe { std::slice::from_raw_parts(at, sid_len(at)) };
    Sid::from_prefix(bytes).map(|sid| sid.to_bytes()).map_err(|_| Win32Error::INVALID_SID)
}

/// An ACL's bytes, checked.
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn acl_bytes(at: *const ACL) -> Outcome<Vec<u8>> {
    // SAFETY: the caller's promise: an ACL says how long it is.
    let bytes = unsafe { std::slice::from_raw_parts(at.cast::<u8>(), acl_len(at.cast())) };
    let mut out = Vec::new();
    Acl::from_prefix(bytes).map_err(|_| Win32Error::INVALID_ACL)?.write_to(&mut out);
    Ok(out)
}

/// The length of a SID: eight bytes and four for each subauthority ([MS-DTYP] 2.4.2).
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn sid_len(at: *const u8) -> usize {
    // SAFETY: the second byte of a SID is its number of subauthorities.
    8 + 4 * unsafe { at.add(1).read() } as usize
}

/// The length of an ACL, which its third and fourth byte are ([MS-DTYP] 2.4.5).
///
/// # Safety
/// What it points to must be valid for reading.
unsafe fn acl_len(at: *const u8) -> usize {
    // SAFETY: an ACL has a header of eight bytes.
    let head: [u8; 4] = unsafe { at.cast::<[u8; 4]>().read_unaligned() };
    usize::from(u16::from_le_bytes([head[2], head[3]])).max(8)
}
