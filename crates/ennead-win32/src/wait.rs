//! Waits.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::time::{Duration, Instant};

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::{Outcome as Woken, Wait, WaitError, Waitable};
use windows_sys::Win32::Foundation::{
    HANDLE, WAIT_ABANDONED_0, WAIT_EVENT, WAIT_FAILED, WAIT_IO_COMPLETION, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::Threading::INFINITE;
use windows_sys::core::BOOL;

use crate::call::{Outcome, run};
use crate::table::{HANDLES, Held};

/// Page: [WaitForSingleObject](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobject).
#[unsafe(no_mangle)]
pub extern "system" fn WaitForSingleObject(hhandle: HANDLE, dwmilliseconds: u32) -> WAIT_EVENT {
    WaitForSingleObjectEx(hhandle, dwmilliseconds, 0)
}

/// Page: [WaitForSingleObjectEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitforsingleobjectex).
#[unsafe(no_mangle)]
pub extern "system" fn WaitForSingleObjectEx(
    hhandle: HANDLE,
    dwmilliseconds: u32,
    balertable: BOOL,
) -> WAIT_EVENT {
    run(WAIT_FAILED, || {
        let held = HANDLES.get(hhandle)?;
        single(&held, patience(dwmilliseconds), balertable != 0)
    })
}

/// Waits for what a handle stands for.
pub(crate) fn single(held: &Held<'_>, wait: Wait<'_>, alertable: bool) -> Outcome<WAIT_EVENT> {
    let object = waitable(held)?;
    let woken =
        if alertable { ennead_sync::wait_alertable(object, wait) } else { ennead_sync::wait(object, wait) };
    woken.map(number).map_err(code)
}

/// Page: [WaitForMultipleObjects](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjects).
///
/// # Safety
/// `lphandles` must be null or point to so many handles.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WaitForMultipleObjects(
    ncount: u32,
    lphandles: *const HANDLE,
    bwaitall: BOOL,
    dwmilliseconds: u32,
) -> WAIT_EVENT {
    // SAFETY: the caller's promise.
    unsafe { WaitForMultipleObjectsEx(ncount, lphandles, bwaitall, dwmilliseconds, 0) }
}

/// Page: [WaitForMultipleObjectsEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjectsex).
///
/// # Safety
/// As for [`WaitForMultipleObjects`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WaitForMultipleObjectsEx(
    ncount: u32,
    lphandles: *const HANDLE,
    bwaitall: BOOL,
    dwmilliseconds: u32,
    balertable: BOOL,
) -> WAIT_EVENT {
    run(WAIT_FAILED, || {
        let count = ncount as usize;
        if count == 0 || count > ennead_sync::MAXIMUM_WAIT_OBJECTS || lphandles.is_null() {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        // SAFETY: the caller's promise.
        let handles = unsafe { std::slice::from_raw_parts(lphandles, count) };
        several(handles, bwaitall != 0, patience(dwmilliseconds), balertable != 0)
    })
}

fn several(handles: &[HANDLE], all: bool, wait: Wait<'_>, alertable: bool) -> Outcome<WAIT_EVENT> {
    let held = handles.iter().map(|&handle| HANDLES.get(handle)).collect::<Outcome<Vec<_>>>()?;
    let objects = held.iter().map(waitable).collect::<Outcome<Vec<_>>>()?;
    match (all, alertable) {
        (false, false) => ennead_sync::wait_any(&objects, wait),
        (false, true) => ennead_sync::wait_any_alertable(&objects, wait),
        (true, false) => ennead_sync::wait_all(&objects, wait),
        (true, true) => ennead_sync::wait_all_alertable(&objects, wait),
    }
    .map(number)
    .map_err(code)
}

fn waitable<'a>(held: &'a Held<'_>) -> Outcome<&'a dyn Waitable> {
    held.must_allow(AccessMask::SYNCHRONIZE.0)?;
    held.object.waitable()
}

/// Page: [SignalObjectAndWait](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-signalobjectandwait).
#[unsafe(no_mangle)]
pub extern "system" fn SignalObjectAndWait(
    hobjecttosignal: HANDLE,
    hobjecttowaiton: HANDLE,
    dwmilliseconds: u32,
    balertable: BOOL,
) -> WAIT_EVENT {
    run(WAIT_FAILED, || {
        let (signal, held) = (HANDLES.get(hobjecttosignal)?, HANDLES.get(hobjecttowaiton)?);
        let (signal, object) = (signal.object.signaling()?, waitable(&held)?);
        let wait = patience(dwmilliseconds);
        let woken = if balertable == 0 {
            ennead_sync::signal_and_wait(signal, object, wait)
        } else {
            ennead_sync::signal_and_wait_alertable(signal, object, wait)
        };
        woken.map(number).map_err(|error| error.win32())
    })
}

/// Page: [SleepEx](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-sleepex).
#[unsafe(no_mangle)]
pub extern "system" fn SleepEx(dwmilliseconds: u32, balertable: BOOL) -> u32 {
    run(0, || {
        if balertable == 0 {
            Sleep(dwmilliseconds);
            return Ok(0);
        }
        let woken = ennead_sync::sleep_alertable(patience(dwmilliseconds)).map_err(code)?;
        Ok(if woken == Woken::Alerted { WAIT_IO_COMPLETION } else { 0 })
    })
}

/// Page: [Sleep](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-sleep).
#[unsafe(no_mangle)]
pub extern "system" fn Sleep(dwmilliseconds: u32) {
    match dwmilliseconds {
        // "causes the thread to relinquish the remainder of its time slice"
        0 => std::thread::yield_now(),
        INFINITE => loop {
            std::thread::park();
        },
        millis => std::thread::sleep(Duration::from_millis(millis.into())),
    }
}

/// How long *dwMilliseconds* is.
pub(crate) fn patience(millis: u32) -> Wait<'static> {
    match millis {
        0 => Wait::Never,
        INFINITE => Wait::Forever,
        millis => Wait::Until(Instant::now() + Duration::from_millis(millis.into())),
    }
}

fn number(woken: Woken) -> WAIT_EVENT {
    match woken {
        Woken::Signaled(n) => WAIT_OBJECT_0 + n as u32,
        Woken::Abandoned(n) => WAIT_ABANDONED_0 + n as u32,
        Woken::TimedOut => WAIT_TIMEOUT,
        Woken::Alerted => WAIT_IO_COMPLETION,
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn code(error: WaitError) -> Win32Error {
    error.win32()
}
