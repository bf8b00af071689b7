//! Semaphores.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::rights::{SEMAPHORE_ALL_ACCESS, SEMAPHORE_MODIFY_STATE};
use ennead_sync::{Semaphore, SemaphoreOptions};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::SYNCHRONIZATION_ACCESS_RIGHTS;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::buffer::give;
use crate::call::{Outcome, null_handle, truth};
use crate::event::code;
use crate::object::Object;
use crate::security::{Attributes, attributes};
use crate::table::HANDLES;
use crate::text;

/// Page: [CreateSemaphoreEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createsemaphoreexw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateSemaphoreExW(
    lpsemaphoreattributes: *const SECURITY_ATTRIBUTES,
    linitialcount: i32,
    lmaximumcount: i32,
    lpname: PCWSTR,
    dwflags: u32,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) =
            unsafe { (attributes(lpsemaphoreattributes)?, text::optional_wide(lpname)?) };
        let asked =
            Asked { initial: linitialcount, maximum: lmaximumcount, flags: dwflags, access: dwdesiredaccess };
        create(attributes, name.as_deref(), &asked)
    })
}

/// [`CreateSemaphoreExW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateSemaphoreExA(
    lpsemaphoreattributes: *const SECURITY_ATTRIBUTES,
    linitialcount: i32,
    lmaximumcount: i32,
    lpname: PCSTR,
    dwflags: u32,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) =
            unsafe { (attributes(lpsemaphoreattributes)?, text::optional_narrow(lpname)?) };
        let asked =
            Asked { initial: linitialcount, maximum: lmaximumcount, flags: dwflags, access: dwdesiredaccess };
        create(attributes, name.as_deref(), &asked)
    })
}

/// Page: [CreateSemaphore](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createsemaphorew).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateSemaphoreW(
    lpsemaphoreattributes: *const SECURITY_ATTRIBUTES,
    linitialcount: i32,
    lmaximumcount: i32,
    lpname: PCWSTR,
) -> HANDLE {
    let access = SEMAPHORE_ALL_ACCESS.0;
    // SAFETY: the caller's promise.
    unsafe { CreateSemaphoreExW(lpsemaphoreattributes, linitialcount, lmaximumcount, lpname, 0, access) }
}

/// [`CreateSemaphoreW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateSemaphoreA(
    lpsemaphoreattributes: *const SECURITY_ATTRIBUTES,
    linitialcount: i32,
    lmaximumcount: i32,
    lpname: PCSTR,
) -> HANDLE {
    let access = SEMAPHORE_ALL_ACCESS.0;
    // SAFETY: the caller's promise.
    unsafe { CreateSemaphoreExA(lpsemaphoreattributes, linitialcount, lmaximumcount, lpname, 0, access) }
}

/// The numbers of a new semaphore.
struct Asked {
    initial: i32,
    maximum: i32,
    flags: u32,
    access: u32,
}

fn create(attributes: Attributes, name: Option<&str>, asked: &Asked) -> Outcome<HANDLE> {
    // "dwFlags: This parameter is reserved and must be 0."
    if asked.flags != 0 {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let count = |count: i32| u32::try_from(count).map_err(|_| Win32Error::INVALID_PARAMETER);
    let mut options =
        SemaphoreOptions::new(count(asked.initial)?, count(asked.maximum)?).access(AccessMask(asked.access));
    if let Some(descriptor) = attributes.descriptor {
        options = options.security(descriptor);
    }
    let semaphore = match name.filter(|name| !name.is_empty()) {
        Some(name) => options.create(name),
        None => options.unnamed(),
    }
    .map_err(code)?;
    let (access, existed) = (semaphore.granted(), semaphore.existed());
    Object::Semaphore(semaphore).into_created(access, attributes.flags, existed)
}

/// Page: [OpenSemaphore](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-opensemaphorew).
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenSemaphoreW(
    dwdesiredaccess: SYNCHRONIZATION_ACCESS_RIGHTS,
    binherithandle: BOOL,
    lpname: PCWSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::wide(lpname)? }))
}

/// [`OpenSemaphoreW`] with a name in UTF-8.
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenSemaphoreA(
    dwdesiredaccess: u32,
    binherithandle: BOOL,
    lpname: PCSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::narrow(lpname)? }))
}

fn open(access: u32, inherit: BOOL, name: &str) -> Outcome<HANDLE> {
    let semaphore = Semaphore::open(name, AccessMask(access)).map_err(code)?;
    let access = semaphore.granted();
    Object::Semaphore(semaphore).into_opened(access, inherit)
}

/// Page: [ReleaseSemaphore](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-releasesemaphore).
///
/// # Safety
/// `lppreviouscount` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ReleaseSemaphore(
    hsemaphore: HANDLE,
    lreleasecount: i32,
    lppreviouscount: *mut i32,
) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hsemaphore)?;
        let Object::Semaphore(semaphore) = &*held.object else { return Err(Win32Error::INVALID_HANDLE) };
        held.must_allow(SEMAPHORE_MODIFY_STATE.0)?;
        let count = u32::try_from(lreleasecount).map_err(|_| Win32Error::INVALID_PARAMETER)?;
        let before = semaphore.release(count).map_err(|error| error.win32())?;
        // SAFETY: the caller's promise.
        unsafe { give(lppreviouscount, before.cast_signed()) };
        Ok(())
    })
}
