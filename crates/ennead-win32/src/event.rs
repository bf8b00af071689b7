//! Events.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::rights::{EVENT_ALL_ACCESS, EVENT_MODIFY_STATE};
use ennead_sync::{ChangeError, Event, EventOptions, ObjectError};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    CREATE_EVENT, CREATE_EVENT_INITIAL_SET, CREATE_EVENT_MANUAL_RESET, SYNCHRONIZATION_ACCESS_RIGHTS,
};
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::call::{Outcome, null_handle, truth};
use crate::object::Object;
use crate::security::{Attributes, attributes};
use crate::table::HANDLES;
use crate::text;

/// Page: [CreateEventEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventexw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateEventExW(
    lpeventattributes: *const SECURITY_ATTRIBUTES,
    lpname: PCWSTR,
    dwflags: CREATE_EVENT,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) = unsafe { (attributes(lpeventattributes)?, text::optional_wide(lpname)?) };
        create(attributes, name.as_deref(), dwflags, AccessMask(dwdesiredaccess))
    })
}

/// [`CreateEventExW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateEventExA(
    lpeventattributes: *const SECURITY_ATTRIBUTES,
    lpname: PCSTR,
    dwflags: CREATE_EVENT,
    dwdesiredaccess: u32,
) -> HANDLE {
    null_handle(|| {
        // SAFETY: the caller's promise.
        let (attributes, name) = unsafe { (attributes(lpeventattributes)?, text::optional_narrow(lpname)?) };
        create(attributes, name.as_deref(), dwflags, AccessMask(dwdesiredaccess))
    })
}

/// Page: [CreateEvent](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-createeventw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateEventW(
    lpeventattributes: *const SECURITY_ATTRIBUTES,
    bmanualreset: BOOL,
    binitialstate: BOOL,
    lpname: PCWSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    unsafe {
        CreateEventExW(lpeventattributes, lpname, flags(bmanualreset, binitialstate), EVENT_ALL_ACCESS.0)
    }
}

/// [`CreateEventW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateEventA(
    lpeventattributes: *const SECURITY_ATTRIBUTES,
    bmanualreset: BOOL,
    binitialstate: BOOL,
    lpname: PCSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    unsafe {
        CreateEventExA(lpeventattributes, lpname, flags(bmanualreset, binitialstate), EVENT_ALL_ACCESS.0)
    }
}

fn flags(manual: BOOL, signaled: BOOL) -> CREATE_EVENT {
    let manual = if manual == 0 { 0 } else { CREATE_EVENT_MANUAL_RESET };
    let signaled = if signaled == 0 { 0 } else { CREATE_EVENT_INITIAL_SET };
    manual | signaled
}

fn create(
    attributes: Attributes,
    name: Option<&str>,
    flags: CREATE_EVENT,
    access: AccessMask,
) -> Outcome<HANDLE> {
    if flags & !(CREATE_EVENT_MANUAL_RESET | CREATE_EVENT_INITIAL_SET) != 0 {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let mut options = EventOptions::new().access(access);
    if flags & CREATE_EVENT_MANUAL_RESET != 0 {
        options = options.manual();
    }
    if flags & CREATE_EVENT_INITIAL_SET != 0 {
        options = options.signaled();
    }
    if let Some(descriptor) = attributes.descriptor {
        options = options.security(descriptor);
    }
    // An empty name is none (CreateEvent under "lpName" speaks of a null one; so do programs that pass "").
    let event = match name.filter(|name| !name.is_empty()) {
        Some(name) => options.create(name),
        None => options.unnamed(),
    }
    .map_err(code)?;
    let (access, existed) = (event.granted(), event.existed());
    Object::Event(event).into_created(access, attributes.flags, existed)
}

/// Page: [OpenEvent](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-openeventw).
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenEventW(
    dwdesiredaccess: SYNCHRONIZATION_ACCESS_RIGHTS,
    binherithandle: BOOL,
    lpname: PCWSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::wide(lpname)? }))
}

/// [`OpenEventW`] with a name in UTF-8.
///
/// # Safety
/// `lpname` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn OpenEventA(
    dwdesiredaccess: SYNCHRONIZATION_ACCESS_RIGHTS,
    binherithandle: BOOL,
    lpname: PCSTR,
) -> HANDLE {
    // SAFETY: the caller's promise.
    null_handle(|| open(dwdesiredaccess, binherithandle, &unsafe { text::narrow(lpname)? }))
}

fn open(access: u32, inherit: BOOL, name: &str) -> Outcome<HANDLE> {
    let event = Event::open(name, AccessMask(access)).map_err(code)?;
    let access = event.granted();
    Object::Event(event).into_opened(access, inherit)
}

/// Page: [SetEvent](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-setevent).
#[unsafe(no_mangle)]
pub extern "system" fn SetEvent(hevent: HANDLE) -> BOOL {
    truth(|| change(hevent, Event::set))
}

/// Page: [ResetEvent](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-resetevent).
#[unsafe(no_mangle)]
pub extern "system" fn ResetEvent(hevent: HANDLE) -> BOOL {
    truth(|| change(hevent, Event::reset))
}

/// Page: [PulseEvent](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-pulseevent).
#[unsafe(no_mangle)]
pub extern "system" fn PulseEvent(hevent: HANDLE) -> BOOL {
    truth(|| change(hevent, Event::pulse))
}

fn change(handle: HANDLE, change: impl FnOnce(&Event) -> Result<(), ChangeError>) -> Outcome<()> {
    let held = HANDLES.get(handle)?;
    let Object::Event(event) = &*held.object else { return Err(Win32Error::INVALID_HANDLE) };
    held.must_allow(EVENT_MODIFY_STATE.0)?;
    change(event).map_err(|error| error.win32())
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn code(error: ObjectError) -> Win32Error {
    error.win32()
}
