//! Threads and processes, as far as programs that wait for each other need them.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::ffi::c_void;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, OnceLock};
use std::thread::Builder;

use ennead_status::Win32Error;
use ennead_sync::{Alerts, Event, EventOptions};
use ennead_sys::clock;
use ennead_sys::process::thread_id;
use windows_sys::Win32::Foundation::{HANDLE, PAPCFUNC, STILL_ACTIVE};
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::System::Threading::{
    LPTHREAD_START_ROUTINE, STACK_SIZE_PARAM_IS_A_RESERVATION, THREAD_ALL_ACCESS, THREAD_CREATION_FLAGS,
    THREAD_SET_CONTEXT,
};
use windows_sys::core::BOOL;

use crate::buffer::{give, must_give};
use crate::call::{Outcome, null_handle, run, truth};
use crate::object::Object;
use crate::security::attributes;
use crate::table::HANDLES;

/// The handles that stand for the calling process and the calling thread wherever one is asked for.
pub(crate) const THIS_PROCESS: usize = usize::MAX;
const THIS_THREAD: usize = usize::MAX - 1;

/// A thread that a program created.
pub(crate) struct Thread {
    /// Set when it has ended.
    pub ended: Event,
    code: AtomicU32,
    alerts: OnceLock<Alerts>,
}

/// What a new thread runs, and with what.
struct Start {
    routine: unsafe extern "system" fn(*mut c_void) -> u32,
    parameter: *mut c_void,
}

// SAFETY: the program passes its parameter from thread to thread, as it says by creating one.
unsafe impl Send for Start {}

impl Start {
    fn run(self) -> u32 {
        // SAFETY: who created the thread vouches for the routine and its parameter.
        unsafe { (self.routine)(self.parameter) }
    }
}

/// Page: [CreateThread](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createthread).
/// `CREATE_SUSPENDED` is ERROR_NOT_SUPPORTED.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateThread(
    lpthreadattributes: *const SECURITY_ATTRIBUTES,
    dwstacksize: usize,
    lpstartaddress: LPTHREAD_START_ROUTINE,
    lpparameter: *const c_void,
    dwcreationflags: THREAD_CREATION_FLAGS,
    lpthreadid: *mut u32,
) -> HANDLE {
    null_handle(|| {
        if dwcreationflags & !STACK_SIZE_PARAM_IS_A_RESERVATION != 0 {
            return Err(Win32Error::NOT_SUPPORTED);
        }
        // SAFETY: the caller's promise.
        let attributes = unsafe { attributes(lpthreadattributes)? };
        let routine = lpstartaddress.ok_or(Win32Error::INVALID_PARAMETER)?;
        let (thread, id) = start(Start { routine, parameter: lpparameter.cast_mut() }, dwstacksize)?;
        let handle = Object::Thread(thread).into_handle(THREAD_ALL_ACCESS, attributes.flags)?;
        // SAFETY: the caller's promise.
        unsafe { give(lpthreadid, id) };
        Ok(handle)
    })
}

/// Starts a thread; it and its id.
fn start(start: Start, stack: usize) -> Outcome<(Arc<Thread>, u32)> {
    let ended = EventOptions::new().manual().unnamed().map_err(|error| error.win32())?;
    let code = AtomicU32::new(STILL_ACTIVE.cast_unsigned());
    let thread = Arc::new(Thread { ended, code, alerts: OnceLock::new() });
    let its = Arc::clone(&thread);
    let (tell, told) = sync_channel(1);
    let builder = if stack == 0 { Builder::new() } else { Builder::new().stack_size(stack) };
    let body = move || {
        let _ = its.alerts.set(Alerts::of_this_thread());
        let _ = tell.send(thread_id());
        its.code.store(start.run(), Ordering::Release);
        let _ = its.ended.set();
    };
    builder.spawn(body).map_err(|error| Win32Error::from(&error))?;
    let id = told.recv().map_err(|_| Win32Error::INTERNAL_ERROR)?;
    Ok((thread, id))
}

/// Page: [GetExitCodeThread](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getexitcodethread).
///
/// # Safety
/// `lpexitcode` must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetExitCodeThread(hthread: HANDLE, lpexitcode: *mut u32) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hthread)?;
        let Object::Thread(thread) = &*held.object else { return Err(Win32Error::INVALID_HANDLE) };
        // SAFETY: the caller's promise.
        unsafe { must_give(lpexitcode, thread.code.load(Ordering::Acquire)) }
    })
}

/// Page: [QueueUserAPC](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-queueuserapc).
#[unsafe(no_mangle)]
pub extern "system" fn QueueUserAPC(pfnapc: PAPCFUNC, hthread: HANDLE, dwdata: usize) -> u32 {
    run(0, || {
        let function = pfnapc.ok_or(Win32Error::INVALID_PARAMETER)?;
        let alerts = alerts(hthread)?;
        // SAFETY: who queued it vouches for the function and its parameter.
        let queued = alerts.queue(move || unsafe { function(dwdata) });
        // A thread that has ended runs nothing any more.
        if queued { Ok(1) } else { Err(Win32Error::GEN_FAILURE) }
    })
}

fn alerts(thread: HANDLE) -> Outcome<Alerts> {
    if thread.addr() == THIS_THREAD {
        return Ok(Alerts::of_this_thread());
    }
    let held = HANDLES.get(thread)?;
    let Object::Thread(thread) = &*held.object else { return Err(Win32Error::INVALID_HANDLE) };
    held.must_allow(THREAD_SET_CONTEXT)?;
    thread.alerts.get().cloned().ok_or(Win32Error::GEN_FAILURE)
}

/// Page: [GetCurrentThread](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentthread).
#[unsafe(no_mangle)]
pub extern "system" fn GetCurrentThread() -> HANDLE {
    std::ptr::without_provenance_mut(THIS_THREAD)
}

/// Page: [GetCurrentProcess](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocess).
#[unsafe(no_mangle)]
pub extern "system" fn GetCurrentProcess() -> HANDLE {
    std::ptr::without_provenance_mut(THIS_PROCESS)
}

/// Page: [GetCurrentThreadId](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentthreadid).
#[unsafe(no_mangle)]
pub extern "system" fn GetCurrentThreadId() -> u32 {
    thread_id()
}

/// Page: [GetCurrentProcessId](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocessid).
#[unsafe(no_mangle)]
pub extern "system" fn GetCurrentProcessId() -> u32 {
    std::process::id()
}

/// Page: [ExitProcess](https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-exitprocess). The system
/// keeps the low eight bits of the code.
#[unsafe(no_mangle)]
pub extern "system" fn ExitProcess(uexitcode: u32) -> ! {
    std::process::exit(uexitcode.cast_signed())
}

/// Page: [GetTickCount64](https://learn.microsoft.com/windows/win32/api/sysinfoapi/nf-sysinfoapi-gettickcount64). Since the
/// machine was started, without the time that it slept.
#[unsafe(no_mangle)]
pub extern "system" fn GetTickCount64() -> u64 {
    clock::monotonic() / 1_000_000
}
