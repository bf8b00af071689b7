//! Operations that go on after the call, told of by event, by polling, by completion routine and through a port.

#![allow(
    unsafe_code,
    reason = "the caller's OVERLAPPED and buffer belong to the operation until it completes"
)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ennead_pipe::named::Connected;
use ennead_pipe::overlapped::{Canceller, Completion, NothingToCancel, Operation};
use ennead_status::{NtStatus, Win32Error};
use ennead_sync::rights::EVENT_MODIFY_STATE;
use ennead_sync::{Alerts, Event, EventOptions, Wait};
use windows_sys::Win32::Foundation::{HANDLE, WAIT_IO_COMPLETION, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{LPOVERLAPPED_COMPLETION_ROUTINE, OVERLAPPED};
use windows_sys::core::BOOL;

use crate::buffer::{count, give};
use crate::call::{Outcome, truth};
use crate::completion_port::{Packet, Port};
use crate::object::Object;
use crate::table::HANDLES;
use crate::wait::{self, patience};

/// What all operations of one overlapped file have in common.
#[derive(Default)]
pub(crate) struct Asynchronous {
    /// By the address of their `OVERLAPPED`.
    pending: Mutex<HashMap<usize, Canceller>>,
    port: OnceLock<(Arc<Port>, usize)>,
    /// What a wait for the file itself waits for; made when first waited for.
    signal: OnceLock<Event>,
}

/// How the end of an operation is told besides in its `OVERLAPPED`.
pub(crate) enum Tell {
    /// By the event, if the `OVERLAPPED` has one, and through the port, if the file has one.
    Event,
    /// By a routine in an alertable wait of the thread that began it (`ReadFileEx`).
    Routine(unsafe extern "system" fn(u32, u32, *mut OVERLAPPED)),
}

/// The `OVERLAPPED` of an operation and the buffer that it fills: both the operation's until it completes.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub overlapped: *mut OVERLAPPED,
    pub buffer: *mut u8,
}

// SAFETY: the caller has given both to the operation; whichever thread completes it is the only one that uses them.
unsafe impl Send for Target {}

impl Asynchronous {
    /// Begins an operation. Success: it is done. ERROR_IO_PENDING: it goes on, and the end will be told.
    ///
    /// # Safety
    /// `target` must stay valid until the operation has completed; `moved` must be null or valid for a write.
    pub unsafe fn begin(
        self: &Arc<Self>,
        target: Target,
        moved: *mut u32,
        tell: Tell,
        start: impl FnOnce() -> Operation,
    ) -> Outcome<()> {
        let event = match tell {
            // SAFETY: the caller's promise.
            Tell::Event => unsafe { target.event()? },
            // "The ReadFileEx function ignores the OVERLAPPED structure's hEvent member."
            Tell::Routine(_) => target.checked().map(|()| None)?,
        };
        if let Some(event) = &event {
            event.reset();
        }
        if let Some(signal) = self.signal.get() {
            let _ = signal.reset();
        }
        // SAFETY: the caller's promise.
        unsafe { target.mark(NtStatus::PENDING, 0) };
        let operation = start();
        let ending = Ending { all: Arc::clone(self), target, event, tell, alerts: Alerts::of_this_thread() };
        let operation = match operation.finish() {
            // SAFETY: the caller's promise.
            Ok(completion) => return unsafe { ending.at_once(&completion, moved) },
            Err(pending) => pending,
        };
        self.lock().insert(target.key(), operation.canceller());
        operation.on_completion(move |completion| {
            ending.all.lock().remove(&ending.target.key());
            // SAFETY: the target is valid until here.
            unsafe { ending.tell(&completion) };
        });
        Err(Win32Error::IO_PENDING)
    }

    /// Cancels the operation of this `OVERLAPPED`.
    fn cancel(&self, key: usize) -> Outcome<()> {
        let canceller = self.lock().get(&key).cloned().ok_or(Win32Error::NOT_FOUND)?;
        canceller.cancel().map_err(NothingToCancel::win32)
    }

    /// Sends the ends of the file's operations to a port, for good.
    pub fn tell_through(&self, port: Arc<Port>, key: usize) -> Outcome<()> {
        self.port.set((port, key)).map_err(|_| Win32Error::INVALID_PARAMETER)
    }

    /// What a wait for the file waits for: signaled while nothing is under way since the last operation ended.
    pub fn signal(&self) -> Outcome<&Event> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal);
        }
        let options = EventOptions::new().manual();
        let options = if self.lock().is_empty() { options.signaled() } else { options };
        let fresh = options.unnamed().map_err(|error| error.win32())?;
        Ok(self.signal.get_or_init(|| fresh))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Canceller>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is left to do when an operation ends.
struct Ending {
    all: Arc<Asynchronous>,
    target: Target,
    event: Option<Told>,
    tell: Tell,
    alerts: Alerts,
}

impl Ending {
    /// The operation ended before the call returned.
    ///
    /// # Safety
    /// The target must be valid; `moved` null or valid for a write.
    unsafe fn at_once(self, completion: &Completion, moved: *mut u32) -> Outcome<()> {
        let code = completion.win32();
        // SAFETY: the caller's promise.
        unsafe { give(moved, count(completion.bytes)) };
        // A refusal ends with the call: no event, no packet (ConnectNamedPipe's ERROR_PIPE_CONNECTED among them).
        if completion.error.is_some()
            || matches!(completion.connected, Some(Connected::Before | Connected::Gone))
        {
            // SAFETY: the caller's promise.
            unsafe { self.target.mark(NtStatus::from(code), completion.bytes) };
            return Err(code);
        }
        // SAFETY: the caller's promise.
        unsafe { self.tell(completion) };
        if code.is_success() { Ok(()) } else { Err(code) }
    }

    /// Fills the caller's memory, then tells.
    ///
    /// # Safety
    /// The target must be valid.
    unsafe fn tell(self, completion: &Completion) {
        let (target, code) = (self.target, completion.win32());
        if !target.buffer.is_null() {
            let data = completion.data();
            // SAFETY: the buffer has room for what the operation was started with, and data is no longer.
            unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), target.buffer, data.len()) };
        }
        // SAFETY: the caller's promise. From here on the program may do with both as it likes.
        unsafe { target.mark(NtStatus::from(code), completion.bytes) };
        let wants_packet = self.event.as_ref().is_none_or(|event| !event.keeps_from_port);
        if let Some(event) = &self.event {
            event.set();
        }
        if let Some(signal) = self.all.signal.get() {
            let _ = signal.set();
        }
        match self.tell {
            Tell::Routine(routine) => {
                let (code, bytes) = (code.0, count(completion.bytes));
                self.alerts.queue(move || {
                    let target = target;
                    // SAFETY: who began the operation vouches for the routine.
                    unsafe { routine(code, bytes, target.overlapped) };
                });
            }
            Tell::Event => {
                if let Some((port, key)) = self.all.port.get().filter(|_| wants_packet) {
                    let overlapped = target.overlapped.expose_provenance();
                    port.post(Packet { bytes: count(completion.bytes), key: *key, overlapped, code });
                }
            }
        }
    }
}

/// The event of an `OVERLAPPED`.
struct Told {
    object: Arc<Object>,
    /// Its handle's low bit is set (GetQueuedCompletionStatus): nothing goes to the port.
    keeps_from_port: bool,
}

impl Told {
    fn set(&self) {
        if let Object::Event(event) = &*self.object {
            let _ = event.set();
        }
    }

    fn reset(&self) {
        if let Object::Event(event) = &*self.object {
            let _ = event.reset();
        }
    }
}

impl Target {
    fn key(self) -> usize {
        self.overlapped.addr()
    }

    /// Writes status and count; the status last, since programs poll it (HasOverlappedIoCompleted).
    ///
    /// # Safety
    /// The `OVERLAPPED` must be valid.
    unsafe fn mark(self, status: NtStatus, bytes: usize) {
        // SAFETY: the caller's promise; an OVERLAPPED is aligned for its words.
        unsafe {
            (&raw mut (*self.overlapped).InternalHigh).write(bytes);
            AtomicUsize::from_ptr(&raw mut (*self.overlapped).Internal)
                .store(status.0 as usize, Ordering::Release);
        }
    }

    /// Whether there is an `OVERLAPPED`.
    fn checked(self) -> Outcome<()> {
        let good = !self.overlapped.is_null() && self.overlapped.is_aligned();
        if good { Ok(()) } else { Err(Win32Error::INVALID_PARAMETER) }
    }

    /// Its event, if it has one.
    ///
    /// # Safety
    /// The `OVERLAPPED` must be null or valid.
    unsafe fn event(self) -> Outcome<Option<Told>> {
        self.checked()?;
        // SAFETY: the caller's promise.
        let handle = unsafe { (*self.overlapped).hEvent };
        if handle.is_null() {
            return Ok(None);
        }
        let held = HANDLES.get(handle)?;
        if !matches!(&*held.object, Object::Event(_)) {
            return Err(Win32Error::INVALID_HANDLE);
        }
        held.must_allow(EVENT_MODIFY_STATE.0)?;
        Ok(Some(Told { object: Arc::clone(&held.object), keeps_from_port: handle.addr() & 1 != 0 }))
    }
}

/// Page: [GetOverlappedResult](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getoverlappedresult).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetOverlappedResult(
    hfile: HANDLE,
    lpoverlapped: *const OVERLAPPED,
    lpnumberofbytestransferred: *mut u32,
    bwait: BOOL,
) -> BOOL {
    let wait = if bwait == 0 { Wait::Never } else { Wait::Forever };
    // SAFETY: the caller's promise.
    truth(|| unsafe { result(hfile, lpoverlapped, lpnumberofbytestransferred, wait, false) })
}

/// Page: [GetOverlappedResultEx](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getoverlappedresultex).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetOverlappedResultEx(
    hfile: HANDLE,
    lpoverlapped: *const OVERLAPPED,
    lpnumberofbytestransferred: *mut u32,
    dwmilliseconds: u32,
    balertable: BOOL,
) -> BOOL {
    let wait = patience(dwmilliseconds);
    // SAFETY: the caller's promise.
    truth(|| unsafe { result(hfile, lpoverlapped, lpnumberofbytestransferred, wait, balertable != 0) })
}

/// Waits for an operation and says how it came out.
///
/// # Safety
/// The pointers must be null or as the pages say.
unsafe fn result(
    file: HANDLE,
    overlapped: *const OVERLAPPED,
    moved: *mut u32,
    wait: Wait<'_>,
    alertable: bool,
) -> Outcome<()> {
    if overlapped.is_null() || !overlapped.is_aligned() || moved.is_null() {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    loop {
        // SAFETY: the caller's promise.
        let status = unsafe { AtomicUsize::from_ptr((&raw const (*overlapped).Internal).cast_mut()) };
        let status = NtStatus(status.load(Ordering::Acquire) as u32);
        if status != NtStatus::PENDING {
            // SAFETY: the caller's promise.
            unsafe { give(moved, count((*overlapped).InternalHigh)) };
            let code = Win32Error::from(status);
            return if code.is_success() { Ok(()) } else { Err(code) };
        }
        if matches!(wait, Wait::Never) {
            return Err(Win32Error::IO_INCOMPLETE);
        }
        // SAFETY: the caller's promise.
        let event = unsafe { (*overlapped).hEvent };
        let held = HANDLES.get(if event.is_null() { file } else { event })?;
        // Made by the wait for it, the file's signal may have missed the end that the status now tells.
        let _ = held.object.waitable()?;
        // SAFETY: as above.
        let status = unsafe { AtomicUsize::from_ptr((&raw const (*overlapped).Internal).cast_mut()) };
        if status.load(Ordering::Acquire) as u32 != NtStatus::PENDING.0 {
            continue;
        }
        match wait::single(&held, wait, alertable)? {
            WAIT_TIMEOUT => return Err(Win32Error(WAIT_TIMEOUT)),
            WAIT_IO_COMPLETION => return Err(Win32Error(WAIT_IO_COMPLETION)),
            _ => {}
        }
    }
}

/// Page: [CancelIoEx](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-cancelioex).
#[unsafe(no_mangle)]
pub extern "system" fn CancelIoEx(hfile: HANDLE, lpoverlapped: *const OVERLAPPED) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hfile)?;
        let (pipe, all) = held.object.overlapped().ok_or(Win32Error::NOT_FOUND)?;
        if lpoverlapped.is_null() { pipe.cancel(true) } else { all.cancel(lpoverlapped.addr()) }
    })
}

/// Page: [CancelIo](https://learn.microsoft.com/windows/win32/fileio/cancelio): what this thread began.
#[unsafe(no_mangle)]
pub extern "system" fn CancelIo(hfile: HANDLE) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hfile)?;
        if let Some((pipe, _)) = held.object.overlapped() {
            // Nothing to cancel is no failure here.
            let _ = pipe.cancel(false);
        }
        Ok(())
    })
}

/// The routine of a `…Ex` function, which must be there.
pub(crate) fn routine(routine: LPOVERLAPPED_COMPLETION_ROUTINE) -> Outcome<Tell> {
    routine.map(Tell::Routine).ok_or(Win32Error::INVALID_PARAMETER)
}
