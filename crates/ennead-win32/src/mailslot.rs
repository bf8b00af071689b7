//! Mailslots.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_mailslot::{Client, ClientOptions, Error, Mailslot, MailslotOptions, ReadTimeout, ShareMode};
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE};
use windows_sys::Win32::System::SystemServices::MAILSLOT_NO_MESSAGE;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::buffer::give;
use crate::call::{Outcome, handle, truth};
use crate::object::Object;
use crate::security::{Attributes, attributes};
use crate::table::{HANDLES, Held};
use crate::text;

/// Page: [CreateMailslot](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-createmailslotw).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMailslotW(
    lpname: PCWSTR,
    nmaxmessagesize: u32,
    lreadtimeout: u32,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::wide(lpname)?, attributes(lpsecurityattributes)?) };
        create(&name, nmaxmessagesize, lreadtimeout, &attributes)
    })
}

/// [`CreateMailslotW`] with a name in UTF-8.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateMailslotA(
    lpname: PCSTR,
    nmaxmessagesize: u32,
    lreadtimeout: u32,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::narrow(lpname)?, attributes(lpsecurityattributes)?) };
        create(&name, nmaxmessagesize, lreadtimeout, &attributes)
    })
}

fn create(name: &str, max_message: u32, timeout: u32, attributes: &Attributes) -> Outcome<HANDLE> {
    let mut options =
        MailslotOptions::new().max_message(max_message).read_timeout(ReadTimeout::from_bits(timeout));
    if let Some(descriptor) = &attributes.descriptor {
        options = options.security(descriptor);
    }
    let slot = options.create(name).map_err(code)?;
    // Mailslot Security and Access Rights: the server reads, and may change it.
    let access = AccessMask::FILE_GENERIC_READ | AccessMask::FILE_WRITE_ATTRIBUTES;
    Object::Mailslot(slot).into_handle(access.0, attributes.flags)
}

/// Whether a name is a mailslot's.
pub(crate) fn is_mailslot(name: &str) -> bool {
    name.strip_prefix(r"\\")
        .and_then(|rest| rest.split_once('\\'))
        .and_then(|(_, rest)| rest.split_once('\\'))
        .is_some_and(|(share, _)| share.eq_ignore_ascii_case("mailslot"))
}

/// `CreateFile` on a mailslot.
pub(crate) fn open(name: &str, access: u32, share: u32) -> Outcome<Client> {
    let share = ShareMode { read: share & FILE_SHARE_READ != 0, write: share & FILE_SHARE_WRITE != 0 };
    ClientOptions::new().access(AccessMask(access)).share(share).open(name).map_err(code)
}

/// Page: [GetMailslotInfo](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getmailslotinfo).
///
/// # Safety
/// The pointers must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetMailslotInfo(
    hmailslot: HANDLE,
    lpmaxmessagesize: *mut u32,
    lpnextsize: *mut u32,
    lpmessagecount: *mut u32,
    lpreadtimeout: *mut u32,
) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hmailslot)?;
        let info = slot(&held)?.info().map_err(code)?;
        // SAFETY: the caller's promise.
        unsafe {
            give(lpmaxmessagesize, info.max_message);
            give(lpnextsize, info.next.unwrap_or(MAILSLOT_NO_MESSAGE));
            give(lpmessagecount, u32::try_from(info.count).unwrap_or(u32::MAX));
            give(lpreadtimeout, info.read_timeout.to_bits());
        }
        Ok(())
    })
}

/// Page: [SetMailslotInfo](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-setmailslotinfo).
#[unsafe(no_mangle)]
pub extern "system" fn SetMailslotInfo(hmailslot: HANDLE, lreadtimeout: u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hmailslot)?;
        slot(&held)?.set_read_timeout(ReadTimeout::from_bits(lreadtimeout)).map_err(code)
    })
}

fn slot<'a>(held: &'a Held<'_>) -> Outcome<&'a Mailslot> {
    match &*held.object {
        Object::Mailslot(slot) => Ok(slot),
        // "The CreateMailslot function must create this handle."
        _ => Err(Win32Error::INVALID_HANDLE),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
fn code(error: Error) -> Win32Error {
    error.win32()
}
