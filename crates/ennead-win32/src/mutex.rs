//! Mutexes.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::rights::MUTEX_ALL_ACCESS;
use ennead_sync::{Mutex, MutexOptions};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{CREATE_MUTEX_INITIAL_OWNER, SYNCHRONIZATION_ACCESS_RIGHTS};
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::call::{Outcome, null_handle, truth};
use crate::event::code;
use crate::object::Object;
use crate::security::{Attributes, attributes};
use crate::table::HANDLES;
use crate::text;

/// Page: [CreateMutexEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexexw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMutexExW(
    lpmutexattributes: *const SECURITY_ATTRIBUTES,
    lpname: PCWSTR,
    dwflags: u32,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) = unsafe { (attributes(lpmutexattributes)?, text::optional_wide(lpname)?) };
        create(attributes, name.as_deref(), dwflags, AccessMask(dwdesiredaccess))
    })
}

/// [`CreateMutexExW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMutexExA(
    lpmutexattributes: *const SECURITY_ATTRIBUTES,
    lpname: PCSTR,
    dwflags: u32,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) = unsafe { (attributes(lpmutexattributes)?, text::optional_narrow(lpname)?) };
        create(attributes, name.as_deref(), dwflags, AccessMask(dwdesiredaccess))
    })
}

/// Page: [CreateMutex](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createmutexw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMutexW(
    lpmutexattributes: *const SECURITY_ATTRIBUTES,
    binitialowner: BOOL,
    lpname: PCWSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    unsafe { CreateMutexExW(lpmutexattributes, lpname, flags(binitialowner), MUTEX_ALL_ACCESS.0) }
}

/// [`CreateMutexW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMutexA(
    lpmutexattributes: *const SECURITY_ATTRIBUTES,
    binitialowner: BOOL,
    lpname: PCSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    unsafe { CreateMutexExA(lpmutexattributes, lpname, flags(binitialowner), MUTEX_ALL_ACCESS.0) }
}

fn flags(owned: BOOL) -> u32 {
    if owned == 0 { 0 } else { CREATE_MUTEX_INITIAL_OWNER }
}

fn create(attributes: Attributes, name: Option<&str>, flags: u32, access: AccessMask) -> Outcome<HANDLE> {
    if flags & !CREATE_MUTEX_INITIAL_OWNER != 0 {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let mut options = MutexOptions::new().access(access);
    if flags & CREATE_MUTEX_INITIAL_OWNER != 0 {
        options = options.owned();
    }
    if let Some(descriptor) = attributes.descriptor {
        options = options.security(descriptor);
    }
    let mutex = match name.filter(|name| !name.is_empty()) {
        Some(name) => options.create(name),
        None => options.unnamed(),
    }
    .map_err(code)?;
    let (access, existed) = (mutex.granted(), mutex.existed());
    Object::Mutex(mutex).into_created(access, attributes.flags, existed)
}

/// Page: [OpenMutex](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openmutexw).
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenMutexW(
    dwdesiredaccess: SYNCHRONIZATION_ACCESS_RIGHTS,
    binherithandle: BOOL,
    lpname: PCWSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::wide(lpname)? }))
}

/// [`OpenMutexW`] with a name in UTF-8.
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenMutexA(
    dwdesiredaccess: u32,
    binherithandle: BOOL,
    lpname: PCSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::narrow(lpname)? }))
}

fn open(access: u32, inherit: BOOL, name: &str) -> Outcome<HANDLE> {
    let mutex = Mutex::open(name, AccessMask(access)).map_err(code)?;
    let access = mutex.granted();
    Object::Mutex(mutex).into_opened(access, inherit)
}

/// Page: [ReleaseMutex](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasemutex).
#[unsafe(no_mangle)]
pub extern "system" fn ReleaseMutex(hmutex: HANDLE) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hmutex)?;
        let Object::Mutex(mutex) = &*held.object else { return Err(Win32Error::INVALID_HANDLE) };
        mutex.release().map_err(|error| error.win32())
    })
}
