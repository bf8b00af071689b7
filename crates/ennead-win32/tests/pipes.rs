//! A program against `windows-sys`, as it would be written for Windows.

#![allow(unsafe_code, reason = "every Windows function is unsafe to Rust")]

use std::ptr::{null, null_mut};

use ennead_win32 as _;
use windows_sys::Win32::Foundation::*;
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::Pipes::*;

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn unique(name: &str) -> Vec<u16> {
    wide(&format!(r"\\.\pipe\ennead-win32-{}-{name}", std::process::id()))
}

fn last_error() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { GetLastError() }
}

fn server(name: &[u16], mode: u32) -> HANDLE {
    // SAFETY: the name ends with a zero.
    let pipe = unsafe { CreateNamedPipeW(name.as_ptr(), PIPE_ACCESS_DUPLEX, mode, 2, 0, 0, 0, null()) };
    assert_ne!(pipe, INVALID_HANDLE_VALUE, "error {}", last_error());
    pipe
}

fn client(name: &[u16]) -> HANDLE {
    // SAFETY: the name ends with a zero.
    unsafe {
        CreateFileW(name.as_ptr(), GENERIC_READ | GENERIC_WRITE, 0, null(), OPEN_EXISTING, 0, null_mut())
    }
}

fn write(to: HANDLE, data: &[u8]) -> Result<u32, u32> {
    let mut count = 99;
    // SAFETY: the slice is that long.
    let done = unsafe { WriteFile(to, data.as_ptr(), data.len() as u32, &mut count, null_mut()) };
    if done != 0 { Ok(count) } else { Err(last_error()) }
}

fn read(from: HANDLE, room: usize) -> (Vec<u8>, u32) {
    let (mut buffer, mut count) = (vec![0; room], 99);
    // SAFETY: the buffer is that long.
    let done = unsafe { ReadFile(from, buffer.as_mut_ptr(), room as u32, &mut count, null_mut()) };
    let code = if done != 0 { 0 } else { last_error() };
    buffer.truncate(count as usize);
    (buffer, code)
}

fn close(handle: HANDLE) {
    // SAFETY: it is not used afterwards.
    assert_ne!(unsafe { CloseHandle(handle) }, 0);
}

#[test]
fn a_message_goes_and_comes_in_pieces() {
    let name = unique("messages");
    let pipe = server(&name, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    let client = client(&name);
    assert_ne!(client, INVALID_HANDLE_VALUE, "error {}", last_error());
    // SAFETY: a handle and no structure.
    assert_eq!(unsafe { ConnectNamedPipe(pipe, null_mut()) }, 0);
    assert_eq!(last_error(), ERROR_PIPE_CONNECTED);
    assert_eq!(write(client, b"hello world"), Ok(11));
    assert_eq!(read(pipe, 5), (b"hello".to_vec(), ERROR_MORE_DATA));
    assert_eq!(read(pipe, 64), (b" world".to_vec(), 0));
    close(client);
    assert_eq!(read(pipe, 64), (vec![], ERROR_BROKEN_PIPE));
    assert_eq!(write(pipe, b"x"), Err(ERROR_NO_DATA));
    close(pipe);
}

#[test]
fn an_absent_pipe_and_a_busy_one() {
    let name = unique("absent");
    assert_eq!(client(&name), INVALID_HANDLE_VALUE);
    assert_eq!(last_error(), ERROR_FILE_NOT_FOUND);
    let pipe = server(&name, PIPE_TYPE_BYTE);
    let first = client(&name);
    assert_ne!(first, INVALID_HANDLE_VALUE);
    assert_eq!(client(&name), INVALID_HANDLE_VALUE);
    assert_eq!(last_error(), ERROR_PIPE_BUSY);
    close(first);
    close(pipe);
}

#[test]
fn closed_handles_and_strange_ones_are_invalid() {
    let (mut reader, mut writer) = (null_mut(), null_mut());
    // SAFETY: two places for handles.
    assert_ne!(unsafe { CreatePipe(&mut reader, &mut writer, null(), 0) }, 0);
    close(reader);
    // SAFETY: a number is all that it takes.
    assert_eq!(unsafe { CloseHandle(reader) }, 0);
    assert_eq!(last_error(), ERROR_INVALID_HANDLE);
    assert_eq!(write(reader, b"x"), Err(ERROR_INVALID_HANDLE));
    for strange in [0_usize, 4, 12, 0x7FFF_FFFC, usize::MAX, usize::MAX - 1, 0xDEAD_BEEF_0000] {
        assert_eq!(
            write(std::ptr::without_provenance_mut(strange), b"x"),
            Err(ERROR_INVALID_HANDLE),
            "{strange:#x}"
        );
    }
    assert_eq!(write(writer, b"x"), Err(ERROR_BROKEN_PIPE));
    close(writer);
}

#[test]
fn a_handle_protected_from_close_stays() {
    let pipe = server(&unique("protected"), PIPE_TYPE_BYTE);
    let mut flags = 99;
    // SAFETY: a handle, flags, and a place for them.
    unsafe {
        assert_ne!(
            SetHandleInformation(pipe, HANDLE_FLAG_PROTECT_FROM_CLOSE, HANDLE_FLAG_PROTECT_FROM_CLOSE),
            0
        );
        assert_ne!(GetHandleInformation(pipe, &mut flags), 0);
        assert_eq!(flags, HANDLE_FLAG_PROTECT_FROM_CLOSE);
        assert_eq!(CloseHandle(pipe), 0);
        assert_eq!(GetLastError(), ERROR_INVALID_HANDLE);
        assert_ne!(SetHandleInformation(pipe, HANDLE_FLAG_PROTECT_FROM_CLOSE, 0), 0);
    }
    close(pipe);
}

#[test]
fn a_copy_keeps_the_object_and_no_more_rights() {
    let this = std::ptr::without_provenance_mut(usize::MAX);
    let (mut reader, mut writer, mut copy) = (null_mut(), null_mut(), null_mut());
    // SAFETY: handles and places for them.
    unsafe {
        assert_ne!(CreatePipe(&mut reader, &mut writer, null(), 0), 0);
        assert_ne!(DuplicateHandle(this, writer, this, &mut copy, 0, 0, DUPLICATE_SAME_ACCESS), 0);
        assert_ne!(CompareObjectHandles(writer, copy), 0);
        assert_eq!(CompareObjectHandles(writer, reader), 0);
        let mut more = null_mut();
        assert_eq!(DuplicateHandle(this, writer, this, &mut more, GENERIC_READ, 0, 0), 0);
        assert_eq!(GetLastError(), ERROR_ACCESS_DENIED);
    }
    close(writer);
    assert_eq!(write(copy, b"still here"), Ok(10));
    assert_eq!(read(reader, 64), (b"still here".to_vec(), 0));
    close(copy);
    assert_eq!(read(reader, 64), (vec![], ERROR_BROKEN_PIPE));
    close(reader);
}

#[test]
fn null_pointers_are_errors_where_documented() {
    let pipe = server(&unique("null"), PIPE_TYPE_BYTE);
    // SAFETY: nulls are what this is about.
    unsafe {
        assert_eq!(WriteFile(pipe, b"x".as_ptr(), 1, null_mut(), null_mut()), 0);
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
        let mut count = 0;
        assert_eq!(ReadFile(pipe, null_mut(), 1, &mut count, null_mut()), 0);
        assert_eq!(GetLastError(), ERROR_NOACCESS);
        assert_eq!(CreateNamedPipeW(null(), PIPE_ACCESS_DUPLEX, 0, 1, 0, 0, 0, null()), INVALID_HANDLE_VALUE);
        assert_eq!(GetLastError(), ERROR_INVALID_PARAMETER);
    }
    close(pipe);
}

#[test]
fn sixteen_threads_open_use_and_close() {
    std::thread::scope(|scope| {
        for thread in 0..16_u8 {
            scope.spawn(move || {
                for _ in 0..200 {
                    let (mut reader, mut writer) = (null_mut(), null_mut());
                    // SAFETY: two places for handles.
                    assert_ne!(unsafe { CreatePipe(&mut reader, &mut writer, null(), 0) }, 0);
                    assert_eq!(write(writer, &[thread]), Ok(1));
                    close(writer);
                    assert_eq!(read(reader, 8), (vec![thread], 0));
                    close(reader);
                    assert_eq!(read(reader, 8).1, ERROR_INVALID_HANDLE);
                }
            });
        }
    });
}

#[test]
fn call_and_info() {
    let name = unique("call");
    let pipe = server(&name, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE);
    let served = pipe.expose_provenance();
    let server = std::thread::spawn(move || {
        let pipe = std::ptr::with_exposed_provenance_mut(served);
        // SAFETY: a handle and no structure. Whether the client is there already or comes now is all the same.
        unsafe { ConnectNamedPipe(pipe, null_mut()) };
        let (request, _) = read(pipe, 64);
        assert_eq!(write(pipe, &[request, b"!".to_vec()].concat()), Ok(6));
    });
    let (mut reply, mut count) = ([0_u8; 16], 0);
    // SAFETY: the buffers are that long.
    unsafe {
        assert_ne!(
            CallNamedPipeW(
                name.as_ptr(),
                b"hello".as_ptr().cast(),
                5,
                reply.as_mut_ptr().cast(),
                16,
                &mut count,
                NMPWAIT_WAIT_FOREVER
            ),
            0,
            "error {}",
            last_error()
        );
    }
    assert_eq!(&reply[..count as usize], b"hello!");
    server.join().unwrap();
    let (mut flags, mut most) = (0, 0);
    // SAFETY: places for two numbers.
    assert_ne!(unsafe { GetNamedPipeInfo(pipe, &mut flags, null_mut(), null_mut(), &mut most) }, 0);
    assert_eq!((flags, most), (PIPE_SERVER_END | PIPE_TYPE_MESSAGE, 2));
    close(pipe);
}
