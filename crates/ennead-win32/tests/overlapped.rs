//! Overlapped operations in the four styles: event, polling, completion routine, completion port.

#![allow(unsafe_code, reason = "every Windows function is unsafe to Rust")]

use std::cell::RefCell;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};

use ennead_win32 as _;
use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::IO::*;
use windows_sys::Win32::System::Pipes::*;
use windows_sys::Win32::System::Threading::*;

const MESSAGES: u32 = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE;

/// A server's end for overlapped operations, and a client's end connected to it.
struct Pair {
    server: HANDLE,
    client: HANDLE,
}

impl Pair {
    fn new(client_flags: u32) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let text = format!(r"\\.\pipe\ennead-win32-ov-{}-{number}", std::process::id());
        let name: Vec<u16> = text.encode_utf16().chain([0]).collect();
        // SAFETY: the name ends with a zero.
        unsafe {
            let mode = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
            let server = CreateNamedPipeW(name.as_ptr(), mode, MESSAGES, 1, 0, 0, 0, null());
            assert_ne!(server, INVALID_HANDLE_VALUE, "error {}", GetLastError());
            let access = GENERIC_READ | GENERIC_WRITE;
            let client =
                CreateFileW(name.as_ptr(), access, 0, null(), OPEN_EXISTING, client_flags, null_mut());
            assert_ne!(client, INVALID_HANDLE_VALUE, "error {}", GetLastError());
            let mut connect = OVERLAPPED::default();
            assert_eq!(ConnectNamedPipe(server, &mut connect), 0);
            assert_eq!(GetLastError(), ERROR_PIPE_CONNECTED);
            Self { server, client }
        }
    }

    fn write(&self, data: &[u8]) {
        let mut count = 0;
        // SAFETY: the slice is that long.
        let written =
            unsafe { WriteFile(self.client, data.as_ptr(), data.len() as u32, &mut count, null_mut()) };
        assert_ne!(written, 0);
        assert_eq!(count as usize, data.len());
    }

    /// Begins to read at the server, which must be pending then.
    fn pend(&self, buffer: &mut [u8], overlapped: &mut OVERLAPPED) {
        // SAFETY: both live until the test has seen the end of the operation.
        unsafe {
            assert_eq!(
                ReadFile(self.server, buffer.as_mut_ptr(), buffer.len() as u32, null_mut(), overlapped),
                0
            );
            assert_eq!(GetLastError(), ERROR_IO_PENDING);
        }
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // SAFETY: nobody uses them any more.
        unsafe {
            CloseHandle(self.client);
            CloseHandle(self.server);
        }
    }
}

fn event(manual: bool) -> HANDLE {
    // SAFETY: no names, no attributes.
    let event = unsafe { CreateEventW(null(), manual.into(), 0, null()) };
    assert!(!event.is_null());
    event
}

#[test]
fn by_event() {
    let pair = Pair::new(0);
    let mut overlapped = OVERLAPPED { hEvent: event(true), ..OVERLAPPED::default() };
    let (mut buffer, mut count) = ([0; 16], 0);
    pair.pend(&mut buffer, &mut overlapped);
    // SAFETY: the handles are good, the places live.
    unsafe {
        assert_eq!(WaitForSingleObject(overlapped.hEvent, 0), WAIT_TIMEOUT);
        assert_eq!(GetOverlappedResult(pair.server, &overlapped, &mut count, 0), 0);
        assert_eq!(GetLastError(), ERROR_IO_INCOMPLETE);
        pair.write(b"hello");
        assert_eq!(WaitForSingleObject(overlapped.hEvent, INFINITE), WAIT_OBJECT_0);
        assert_ne!(GetOverlappedResult(pair.server, &overlapped, &mut count, 0), 0);
        assert_eq!(&buffer[..count as usize], b"hello");
        CloseHandle(overlapped.hEvent);
    }
}

#[test]
fn by_polling_and_by_the_file_itself() {
    let pair = Pair::new(0);
    let (mut overlapped, mut buffer, mut count) = (OVERLAPPED::default(), [0; 3], 0);
    pair.pend(&mut buffer, &mut overlapped);
    assert_eq!(overlapped.Internal, STATUS_PENDING as usize);
    pair.write(b"hello");
    // SAFETY: the handles are good, the places live.
    unsafe {
        // Without an event it waits for the file; a message that is too long is told so.
        assert_eq!(GetOverlappedResult(pair.server, &overlapped, &mut count, 1), 0);
        assert_eq!((GetLastError(), count), (ERROR_MORE_DATA, 3));
        assert_eq!(WaitForSingleObject(pair.server, INFINITE), WAIT_OBJECT_0);
        // The rest is there, so it is done at once.
        assert_ne!(ReadFile(pair.server, buffer.as_mut_ptr(), 3, &mut count, &mut overlapped), 0);
        assert_eq!(&buffer[..count as usize], b"lo");
    }
}

thread_local! {
    static TOLD: RefCell<Vec<(u32, u32, usize)>> = const { RefCell::new(Vec::new()) };
}

/// Notes what it is told.
///
/// # Safety
/// None to keep: it looks at no pointer.
unsafe extern "system" fn tell(code: u32, bytes: u32, overlapped: *mut OVERLAPPED) {
    TOLD.with_borrow_mut(|told| told.push((code, bytes, overlapped.addr())));
}

#[test]
fn by_completion_routine() {
    let pair = Pair::new(0);
    let (mut overlapped, mut buffer) = (OVERLAPPED::default(), [0; 16]);
    // SAFETY: both live until the routine has been called.
    unsafe {
        assert_ne!(ReadFileEx(pair.server, buffer.as_mut_ptr(), 16, &mut overlapped, Some(tell)), 0);
        assert_eq!(SleepEx(0, 1), 0, "nothing to tell yet");
        pair.write(b"hello");
        assert_eq!(SleepEx(INFINITE, 1), WAIT_IO_COMPLETION);
    }
    let told = TOLD.take();
    assert_eq!(told, [(0, 5, (&raw const overlapped).addr())]);
    assert_eq!(&buffer[..5], b"hello");
}

#[test]
fn by_completion_port() {
    let pair = Pair::new(0);
    let (mut overlapped, mut buffer) = (OVERLAPPED::default(), [0; 16]);
    let (mut bytes, mut key, mut of) = (0, 0, null_mut());
    // SAFETY: the handles are good, the places live.
    unsafe {
        let port = CreateIoCompletionPort(pair.server, null_mut(), 7, 0);
        assert!(!port.is_null(), "error {}", GetLastError());
        assert!(CreateIoCompletionPort(pair.server, port, 8, 0).is_null(), "it has one already");
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
        pair.pend(&mut buffer, &mut overlapped);
        assert_eq!(GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, 0), 0);
        assert_eq!((GetLastError(), of), (WAIT_TIMEOUT, null_mut()));
        pair.write(b"hello");
        assert_ne!(GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, INFINITE), 0);
        assert_eq!((bytes, key, of), (5, 7, &raw mut overlapped));
        assert_eq!(&buffer[..5], b"hello");
        // What is done at once is told as well.
        pair.write(b"again");
        assert_ne!(ReadFile(pair.server, buffer.as_mut_ptr(), 16, &mut bytes, &mut overlapped), 0);
        assert_ne!(GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, INFINITE), 0);
        assert_eq!((bytes, key, of), (5, 7, &raw mut overlapped));
        // An event whose handle has its low bit set keeps the packet away.
        overlapped.hEvent = event(true).map_addr(|handle| handle | 1);
        pair.write(b"quiet");
        assert_ne!(ReadFile(pair.server, buffer.as_mut_ptr(), 16, &mut bytes, &mut overlapped), 0);
        assert_eq!(GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, 0), 0);
        assert_eq!(GetLastError(), WAIT_TIMEOUT);
        assert_ne!(PostQueuedCompletionStatus(port, 1, 2, null()), 0);
        assert_ne!(GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, INFINITE), 0);
        assert_eq!((bytes, key, of), (1, 2, null_mut()));
        CloseHandle(port);
    }
}

#[test]
fn a_port_closed_under_who_waits() {
    // SAFETY: no pointers but to places that live.
    unsafe {
        let port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 0);
        let value = port.expose_provenance();
        let waiter = std::thread::spawn(move || {
            let port = std::ptr::with_exposed_provenance_mut(value);
            let (mut bytes, mut key, mut of) = (0, 0, null_mut());
            let taken = GetQueuedCompletionStatus(port, &mut bytes, &mut key, &mut of, INFINITE);
            (taken, GetLastError())
        });
        CloseHandle(port);
        let (taken, code) = waiter.join().unwrap();
        assert_eq!(taken, 0);
        // Who had not begun to wait finds the handle closed.
        assert!([ERROR_ABANDONED_WAIT_0, ERROR_INVALID_HANDLE].contains(&code), "error {code}");
    }
}

#[test]
fn a_cancelled_read_says_so_and_takes_nothing() {
    let pair = Pair::new(0);
    let mut overlapped = OVERLAPPED { hEvent: event(false), ..OVERLAPPED::default() };
    let (mut buffer, mut count) = ([0; 16], 99);
    pair.pend(&mut buffer, &mut overlapped);
    // SAFETY: the handles are good, the places live.
    unsafe {
        let mut other = OVERLAPPED::default();
        assert_eq!(CancelIoEx(pair.server, &other), 0);
        assert_eq!(GetLastError(), ERROR_NOT_FOUND);
        assert_ne!(CancelIoEx(pair.server, &overlapped), 0);
        assert_eq!(GetOverlappedResult(pair.server, &overlapped, &mut count, 1), 0);
        assert_eq!((GetLastError(), count), (ERROR_OPERATION_ABORTED, 0));
        pair.write(b"kept");
        assert_ne!(ReadFile(pair.server, buffer.as_mut_ptr(), 16, &mut count, &mut other), 0);
        assert_eq!(&buffer[..count as usize], b"kept");
        CloseHandle(overlapped.hEvent);
    }
}

#[test]
fn closing_the_last_handle_aborts_what_is_pending() {
    let mut pair = Pair::new(0);
    let mut overlapped = OVERLAPPED { hEvent: event(true), ..OVERLAPPED::default() };
    let mut buffer = [0; 16];
    pair.pend(&mut buffer, &mut overlapped);
    // SAFETY: the handles are good, the places live.
    unsafe {
        assert_ne!(CloseHandle(pair.server), 0);
        pair.server = null_mut();
        assert_eq!(WaitForSingleObject(overlapped.hEvent, INFINITE), WAIT_OBJECT_0);
        assert_eq!(overlapped.Internal as u32 as i32, STATUS_CANCELLED);
        CloseHandle(overlapped.hEvent);
    }
}

#[test]
fn both_ends_overlapped_and_a_transaction() {
    let pair = Pair::new(FILE_FLAG_OVERLAPPED);
    let mode = PIPE_READMODE_MESSAGE;
    let mut transaction = OVERLAPPED { hEvent: event(true), ..OVERLAPPED::default() };
    let (mut reply, mut request, mut count) = ([0_u8; 16], [0_u8; 16], 0);
    // SAFETY: the handles are good, the places live.
    unsafe {
        assert_ne!(SetNamedPipeHandleState(pair.client, &mode, null(), null()), 0);
        assert_eq!(WriteFile(pair.client, b"x".as_ptr(), 1, &mut count, null_mut()), 0, "it must say which");
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
        let done = TransactNamedPipe(
            pair.client,
            b"ask".as_ptr().cast(),
            3,
            reply.as_mut_ptr().cast(),
            16,
            null_mut(),
            &mut transaction,
        );
        assert_eq!((done, GetLastError()), (0, ERROR_IO_PENDING));
        let mut overlapped = OVERLAPPED::default();
        assert_ne!(ReadFile(pair.server, request.as_mut_ptr(), 16, &mut count, &mut overlapped), 0);
        assert_eq!(&request[..count as usize], b"ask");
        assert_ne!(WriteFile(pair.server, b"answer".as_ptr(), 6, &mut count, &mut overlapped), 0);
        assert_ne!(GetOverlappedResult(pair.client, &transaction, &mut count, 1), 0);
        assert_eq!(&reply[..count as usize], b"answer");
        CloseHandle(transaction.hEvent);
    }
}

#[test]
fn a_wait_for_any_of_several() {
    // SAFETY: the handles are good.
    unsafe {
        let handles = [event(true), event(false), CreateSemaphoreW(null(), 0, 2, null())];
        assert_eq!(WaitForMultipleObjects(3, handles.as_ptr(), 0, 0), WAIT_TIMEOUT);
        assert_ne!(ReleaseSemaphore(handles[2], 1, null_mut()), 0);
        assert_ne!(SetEvent(handles[1]), 0);
        assert_eq!(WaitForMultipleObjects(3, handles.as_ptr(), 0, INFINITE), WAIT_OBJECT_0 + 1);
        assert_eq!(WaitForMultipleObjects(3, handles.as_ptr(), 0, INFINITE), WAIT_OBJECT_0 + 2);
        assert_eq!(WaitForMultipleObjects(3, handles.as_ptr(), 0, 0), WAIT_TIMEOUT);
        let mut before = 99;
        assert_eq!(ReleaseSemaphore(handles[2], 3, &mut before), 0);
        assert_eq!(GetLastError(), ERROR_TOO_MANY_POSTS);
        assert_eq!(WaitForMultipleObjects(0, handles.as_ptr(), 0, 0), WAIT_FAILED);
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
        for handle in handles {
            CloseHandle(handle);
        }
    }
}
