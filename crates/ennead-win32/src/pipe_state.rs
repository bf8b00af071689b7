//! What can be asked of a pipe's end, and set.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use ennead_pipe::named::{Modes, PipeType, Traits};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Pipes::{NAMED_PIPE_MODE, PIPE_SERVER_END, PIPE_TYPE_MESSAGE};
use windows_sys::core::{BOOL, PSTR, PWSTR};

use crate::buffer::{give, must_give, optional};
use crate::call::{Outcome, truth};
use crate::named_pipe::{End, code, end, server};
use crate::table::HANDLES;
use crate::text::{self, Unit};

/// Page: [SetNamedPipeHandleState](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate).
///
/// # Safety
/// The pointers must be null or valid for reading.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn SetNamedPipeHandleState(
    hnamedpipe: HANDLE,
    lpmode: *const NAMED_PIPE_MODE,
    lpmaxcollectioncount: *const u32,
    lpcollectdatatimeout: *const u32,
) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        let end = end(&held)?;
        // "must be NULL if the specified pipe handle is to the server end of a named pipe or if client and server
        // processes are on the same machine".
        if !lpmaxcollectioncount.is_null() || !lpcollectdatatimeout.is_null() {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // SAFETY: the caller's promise.
        let Some(bits) = (unsafe { optional(lpmode) }) else { return Ok(()) };
        let modes = Modes::from_bits(bits).ok_or(Win32Error::INVALID_PARAMETER)?;
        match end {
            End::Server(instance) => instance.set_modes(modes),
            End::Client(client) => client.set_modes(modes),
        }
        .map_err(code)
    })
}

/// Page: [GetNamedPipeHandleState](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipehandlestatew). The
/// client's user name is ERROR_NOT_SUPPORTED.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeHandleStateW(
    hnamedpipe: HANDLE,
    lpstate: *mut NAMED_PIPE_MODE,
    lpcurinstances: *mut u32,
    lpmaxcollectioncount: *mut u32,
    lpcollectdatatimeout: *mut u32,
    lpusername: PWSTR,
    _nmaxusernamesize: u32,
) -> BOOL {
    truth(|| {
        let refused = [lpmaxcollectioncount, lpcollectdatatimeout];
        // SAFETY: the caller's promise.
        unsafe { handle_state(hnamedpipe, lpstate, lpcurinstances, refused, !lpusername.is_null()) }
    })
}

/// [`GetNamedPipeHandleStateW`] with a name in UTF-8.
///
/// # Safety
/// As for [`GetNamedPipeHandleStateW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeHandleStateA(
    hnamedpipe: HANDLE,
    lpstate: *mut NAMED_PIPE_MODE,
    lpcurinstances: *mut u32,
    lpmaxcollectioncount: *mut u32,
    lpcollectdatatimeout: *mut u32,
    lpusername: PSTR,
    _nmaxusernamesize: u32,
) -> BOOL {
    truth(|| {
        let refused = [lpmaxcollectioncount, lpcollectdatatimeout];
        // SAFETY: the caller's promise.
        unsafe { handle_state(hnamedpipe, lpstate, lpcurinstances, refused, !lpusername.is_null()) }
    })
}

/// `collection`: the two places that must be null for a pipe of this computer.
///
/// # Safety
/// The pointers must be null or valid for a write.
unsafe fn handle_state(
    pipe: HANDLE,
    state: *mut u32,
    instances: *mut u32,
    collection: [*mut u32; 2],
    wants_user: bool,
) -> Outcome<()> {
    let held = HANDLES.get(pipe)?;
    let end = end(&held)?;
    if collection.iter().any(|place| !place.is_null()) {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    if wants_user {
        return Err(Win32Error::NOT_SUPPORTED);
    }
    let (modes, current) = match end {
        End::Server(instance) => (instance.modes(), instance.current_instances()),
        End::Client(client) => (client.modes(), client.current_instances()),
    };
    // SAFETY: the caller's promise.
    unsafe {
        give(state, modes.bits());
        if !instances.is_null() {
            give(instances, current.map_err(code)?);
        }
    }
    Ok(())
}

/// Page: [GetNamedPipeInfo](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-getnamedpipeinfo).
///
/// # Safety
/// The pointers must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeInfo(
    hnamedpipe: HANDLE,
    lpflags: *mut NAMED_PIPE_MODE,
    lpoutbuffersize: *mut u32,
    lpinbuffersize: *mut u32,
    lpmaxinstances: *mut u32,
) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        let (traits, side): (Traits, u32) = match end(&held)? {
            End::Server(instance) => (instance.traits(), PIPE_SERVER_END),
            End::Client(client) => (client.traits(), 0),
        };
        let kind = if traits.pipe_type == PipeType::Message { PIPE_TYPE_MESSAGE } else { 0 };
        // SAFETY: the caller's promise.
        unsafe {
            give(lpflags, side | kind);
            give(lpoutbuffersize, traits.out_quota);
            give(lpinbuffersize, traits.in_quota);
            give(lpmaxinstances, traits.max_instances);
        }
        Ok(())
    })
}

/// Page: [GetNamedPipeClientProcessId](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeclientprocessid).
///
/// # Safety
/// `clientprocessid` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeClientProcessId(pipe: HANDLE, clientprocessid: *mut u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(pipe)?;
        let id = match end(&held)? {
            End::Server(instance) => instance.client_process_id().map_err(code)?,
            End::Client(client) => client.client_process_id(),
        };
        // SAFETY: the caller's promise.
        unsafe { must_give(clientprocessid, id) }
    })
}

/// Page: [GetNamedPipeClientSessionId](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeclientsessionid).
///
/// # Safety
/// `clientsessionid` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeClientSessionId(pipe: HANDLE, clientsessionid: *mut u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(pipe)?;
        let session = server(&held)?.client_info().map_err(code)?.session;
        // SAFETY: the caller's promise.
        unsafe { must_give(clientsessionid, session) }
    })
}

/// Page: [GetNamedPipeServerProcessId](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeserverprocessid).
///
/// # Safety
/// `serverprocessid` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeServerProcessId(pipe: HANDLE, serverprocessid: *mut u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(pipe)?;
        let id = match end(&held)? {
            End::Server(instance) => instance.server_process_id(),
            End::Client(client) => client.server_process_id(),
        };
        // SAFETY: the caller's promise.
        unsafe { must_give(serverprocessid, id) }
    })
}

/// Page: [GetNamedPipeServerSessionId](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getnamedpipeserversessionid).
///
/// # Safety
/// `serversessionid` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeServerSessionId(pipe: HANDLE, serversessionid: *mut u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(pipe)?;
        let session = match end(&held)? {
            End::Server(instance) => instance.server_session_id(),
            End::Client(client) => client.server_session_id(),
        };
        // SAFETY: the caller's promise.
        unsafe { must_give(serversessionid, session) }
    })
}

/// Page: [GetNamedPipeClientComputerName](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-getnamedpipeclientcomputernamew).
/// The length is in bytes, as the page says.
///
/// # Safety
/// `clientcomputername` must be null or valid for writing that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeClientComputerNameW(
    pipe: HANDLE,
    clientcomputername: PWSTR,
    clientcomputernamelength: u32,
) -> BOOL {
    // SAFETY: the caller's promise.
    truth(|| unsafe { computer_name(pipe, clientcomputername, clientcomputernamelength / 2) })
}

/// [`GetNamedPipeClientComputerNameW`] in UTF-8.
///
/// # Safety
/// As for [`GetNamedPipeClientComputerNameW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetNamedPipeClientComputerNameA(
    pipe: HANDLE,
    clientcomputername: PSTR,
    clientcomputernamelength: u32,
) -> BOOL {
    // SAFETY: the caller's promise.
    truth(|| unsafe { computer_name(pipe, clientcomputername, clientcomputernamelength) })
}

/// # Safety
/// `to` must be null or valid for writing `room` characters.
unsafe fn computer_name<U: Unit>(pipe: HANDLE, to: *mut U, room: u32) -> Outcome<()> {
    let held = HANDLES.get(pipe)?;
    let name = server(&held)?.client_info().map_err(code)?.computer;
    // SAFETY: the caller's promise.
    unsafe { text::put(&name, to, room, Win32Error::MORE_DATA) }.map(drop)
}
