//! Completion ports.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::collections::VecDeque;
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ennead_status::{NtStatus, Win32Error};
use ennead_sync::Wait;
use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE, WAIT_TIMEOUT};
use windows_sys::Win32::System::IO::{OVERLAPPED, OVERLAPPED_ENTRY};
use windows_sys::core::BOOL;

use crate::buffer::{give, must_give};
use crate::call::{Outcome, null_handle, truth};
use crate::object::Object;
use crate::table::HANDLES;
use crate::wait::patience;

/// A queue of the ends of operations.
#[derive(Default)]
pub(crate) struct Port {
    queue: Mutex<Queue>,
    posted: Condvar,
}

#[derive(Default)]
struct Queue {
    packets: VecDeque<Packet>,
    /// The last handle was closed: nobody will post any more.
    closed: bool,
}

/// The end of an operation, or what a program posted.
#[derive(Clone, Copy)]
pub(crate) struct Packet {
    pub bytes: u32,
    pub key: usize,
    /// The address of the operation's `OVERLAPPED`, exposed.
    pub overlapped: usize,
    pub code: Win32Error,
}

/// What the handles of a port have in common; when the last is gone, who waits is told.
pub(crate) struct PortHandles(Arc<Port>);

impl Drop for PortHandles {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.posted.notify_all();
    }
}

impl Port {
    /// Queues a packet.
    pub fn post(&self, packet: Packet) {
        self.lock().packets.push_back(packet);
        self.posted.notify_one();
    }

    /// Takes up to `most` packets, at least one, as soon as there is one.
    ///
    /// # Errors
    /// WAIT_TIMEOUT; ERROR_ABANDONED_WAIT_0 if the port is closed meanwhile.
    fn take(&self, most: usize, wait: Wait<'_>) -> Outcome<Vec<Packet>> {
        let mut queue = self.lock();
        loop {
            if !queue.packets.is_empty() {
                let most = most.min(queue.packets.len());
                return Ok(queue.packets.drain(..most).collect());
            }
            if queue.closed {
                return Err(Win32Error::ABANDONED_WAIT_0);
            }
            queue = match wait {
                Wait::Never => return Err(Win32Error(WAIT_TIMEOUT)),
                Wait::Until(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(Win32Error(WAIT_TIMEOUT));
                    }
                    self.posted.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
                _ => self.posted.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Page: [CreateIoCompletionPort](https://learn.microsoft.com/windows/win32/fileio/createiocompletionport). How many threads run at
/// once is the system's to decide: *NumberOfConcurrentThreads* is not heeded.
#[unsafe(no_mangle)]
pub extern "system" fn CreateIoCompletionPort(
    filehandle: HANDLE,
    existingcompletionport: HANDLE,
    completionkey: usize,
    _numberofconcurrentthreads: u32,
) -> HANDLE {
    null_handle(|| {
        if filehandle == INVALID_HANDLE_VALUE {
            // "If this parameter specifies INVALID_HANDLE_VALUE … the ExistingCompletionPort parameter must be NULL".
            return if existingcompletionport.is_null() {
                create()
            } else {
                Err(Win32Error::INVALID_PARAMETER)
            };
        }
        let held = HANDLES.get(filehandle)?;
        let (_, file) = held.object.overlapped().ok_or(Win32Error::INVALID_PARAMETER)?;
        if !existingcompletionport.is_null() {
            file.tell_through(port(existingcompletionport)?, completionkey)?;
            return Ok(existingcompletionport);
        }
        let fresh = create()?;
        file.tell_through(port(fresh)?, completionkey).inspect_err(|_| HANDLES.take_back(fresh))?;
        Ok(fresh)
    })
}

fn create() -> Outcome<HANDLE> {
    Object::Port(PortHandles(Arc::default())).into_handle(u32::MAX, 0)
}

fn port(handle: HANDLE) -> Outcome<Arc<Port>> {
    match &*HANDLES.get(handle)?.object {
        // Whoever waits holds the port, not its handle.
        Object::Port(handles) => Ok(Arc::clone(&handles.0)),
        _ => Err(Win32Error::INVALID_HANDLE),
    }
}

/// Page: [GetQueuedCompletionStatus](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatus).
///
/// # Safety
/// The pointers must be null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetQueuedCompletionStatus(
    completionport: HANDLE,
    lpnumberofbytestransferred: *mut u32,
    lpcompletionkey: *mut usize,
    lpoverlapped: *mut *mut OVERLAPPED,
    dwmilliseconds: u32,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise. Null says that no packet was taken.
        unsafe { must_give(lpoverlapped, null_mut()) }?;
        let packets = port(completionport)?.take(1, patience(dwmilliseconds))?;
        let Some(packet) = packets.first() else { return Err(Win32Error::INTERNAL_ERROR) };
        // SAFETY: the caller's promise.
        unsafe {
            give(lpnumberofbytestransferred, packet.bytes);
            give(lpcompletionkey, packet.key);
            give(lpoverlapped, with_exposed_provenance_mut(packet.overlapped));
        }
        if packet.code.is_success() { Ok(()) } else { Err(packet.code) }
    })
}

/// Page: [GetQueuedCompletionStatusEx](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatusex).
/// The wait is not alertable.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn GetQueuedCompletionStatusEx(
    completionport: HANDLE,
    lpcompletionportentries: *mut OVERLAPPED_ENTRY,
    ulcount: u32,
    ulnumentriesremoved: *mut u32,
    dwmilliseconds: u32,
    falertable: BOOL,
) -> BOOL {
    truth(|| {
        if lpcompletionportentries.is_null() || ulcount == 0 {
            return Err(Win32Error::INVALID_PARAMETER);
        }
        if falertable != 0 {
            return Err(Win32Error::NOT_SUPPORTED);
        }
        // SAFETY: the caller's promise.
        unsafe { must_give(ulnumentriesremoved, 0) }?;
        let packets = port(completionport)?.take(ulcount as usize, patience(dwmilliseconds))?;
        for (n, packet) in packets.iter().enumerate() {
            let entry = OVERLAPPED_ENTRY {
                lpCompletionKey: packet.key,
                lpOverlapped: with_exposed_provenance_mut(packet.overlapped),
                Internal: NtStatus::from(packet.code).0 as usize,
                dwNumberOfBytesTransferred: packet.bytes,
            };
            // SAFETY: no more packets were taken than the caller has room for.
            unsafe { lpcompletionportentries.add(n).write_unaligned(entry) };
        }
        // SAFETY: the caller's promise.
        unsafe { give(ulnumentriesremoved, packets.len() as u32) };
        Ok(())
    })
}

/// Page: [PostQueuedCompletionStatus](https://learn.microsoft.com/windows/win32/fileio/postqueuedcompletionstatus).
#[unsafe(no_mangle)]
pub extern "system" fn PostQueuedCompletionStatus(
    completionport: HANDLE,
    dwnumberofbytestransferred: u32,
    dwcompletionkey: usize,
    lpoverlapped: *const OVERLAPPED,
) -> BOOL {
    truth(|| {
        port(completionport)?.post(Packet {
            bytes: dwnumberofbytestransferred,
            key: dwcompletionkey,
            overlapped: lpoverlapped.expose_provenance(),
            code: Win32Error::SUCCESS,
        });
        Ok(())
    })
}
