//! Anonymous pipes.

#![allow(unsafe_code, reason = "exporting a function under its own name, and the caller's pointers")]

use ennead_pipe::anonymous::Options;
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::core::BOOL;

use crate::buffer::give;
use crate::call::truth;
use crate::object::Object;
use crate::security::attributes;
use crate::table::HANDLES;

/// Page: [CreatePipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createpipe).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreatePipe(
    hreadpipe: *mut HANDLE,
    hwritepipe: *mut HANDLE,
    lppipeattributes: *const SECURITY_ATTRIBUTES,
    nsize: u32,
) -> BOOL {
    truth(|| {
        if hreadpipe.is_null() || hwritepipe.is_null() {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // SAFETY: the caller's promise.
        let attributes = unsafe { attributes(lppipeattributes)? };
        let options = if nsize == 0 { Options::new() } else { Options::new().size(nsize as usize) };
        let (reader, writer) = options.create().map_err(|error| Win32Error::from(&error))?;
        let reader = Object::Reader(reader).into_handle(AccessMask::FILE_GENERIC_READ.0, attributes.flags)?;
        let writer = Object::Writer(writer).into_handle(AccessMask::FILE_GENERIC_WRITE.0, attributes.flags);
        let writer = writer.inspect_err(|_| HANDLES.take_back(reader))?;
        // SAFETY: the caller's promise.
        unsafe {
            give(hreadpipe, reader);
            give(hwritepipe, writer);
        }
        Ok(())
    })
}
