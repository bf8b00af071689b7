//! Named pipes.

#![allow(unsafe_code, reason = "exporting functions under their own names, and the caller's pointers")]

use std::ffi::c_void;
use std::ptr::null_mut;

use ennead_pipe::named::{
    self, Client, Connected, Direction, Error, Instance, Modes, PipeType, ServerOptions, Timeout,
};
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::SECURITY_ATTRIBUTES;
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, FILE_FLAG_WRITE_THROUGH, FILE_FLAGS_AND_ATTRIBUTES,
    READ_CONTROL, WRITE_DAC, WRITE_OWNER,
};
use windows_sys::Win32::System::IO::OVERLAPPED;
use windows_sys::Win32::System::Pipes::{
    NAMED_PIPE_MODE, PIPE_NOWAIT, PIPE_READMODE_MESSAGE, PIPE_REJECT_REMOTE_CLIENTS, PIPE_TYPE_MESSAGE,
};
use windows_sys::Win32::System::SystemServices::ACCESS_SYSTEM_SECURITY;
use windows_sys::core::{BOOL, PCSTR, PCWSTR};

use crate::buffer::{bytes, count, give, must_give, room};
use crate::call::{Outcome, handle, truth};
use crate::file::transferred;
use crate::object::{Moved, Object, PipeEnd};
use crate::overlapped::{Target, Tell};
use crate::security::{Attributes, attributes};
use crate::table::{HANDLES, Held};
use crate::text;

/// Page: [CreateNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateNamedPipeW(
    lpname: PCWSTR,
    dwopenmode: FILE_FLAGS_AND_ATTRIBUTES,
    dwpipemode: NAMED_PIPE_MODE,
    nmaxinstances: u32,
    noutbuffersize: u32,
    ninbuffersize: u32,
    ndefaulttimeout: u32,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::wide(lpname)?, attributes(lpsecurityattributes)?) };
        let asked = Asked {
            max: nmaxinstances,
            out: noutbuffersize,
            inward: ninbuffersize,
            timeout: ndefaulttimeout,
        };
        create(&name, dwopenmode, dwpipemode, &asked, attributes)
    })
}

/// [`CreateNamedPipeW`] with a name in UTF-8.
///
/// # Safety
/// As for [`CreateNamedPipeW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CreateNamedPipeA(
    lpname: PCSTR,
    dwopenmode: FILE_FLAGS_AND_ATTRIBUTES,
    dwpipemode: NAMED_PIPE_MODE,
    nmaxinstances: u32,
    noutbuffersize: u32,
    ninbuffersize: u32,
    ndefaulttimeout: u32,
    lpsecurityattributes: *const SECURITY_ATTRIBUTES,
) -> HANDLE {
    handle(|| {
        // SAFETY: the caller's promise.
        let (name, attributes) = unsafe { (text::narrow(lpname)?, attributes(lpsecurityattributes)?) };
        let asked = Asked {
            max: nmaxinstances,
            out: noutbuffersize,
            inward: ninbuffersize,
            timeout: ndefaulttimeout,
        };
        create(&name, dwopenmode, dwpipemode, &asked, attributes)
    })
}

/// The numbers of a new pipe.
struct Asked {
    max: u32,
    out: u32,
    inward: u32,
    timeout: u32,
}

/// What *dwOpenMode* may be made of besides the direction.
const OPEN_FLAGS: u32 = FILE_FLAG_FIRST_PIPE_INSTANCE
    | FILE_FLAG_WRITE_THROUGH
    | FILE_FLAG_OVERLAPPED
    | WRITE_DAC
    | WRITE_OWNER
    | ACCESS_SYSTEM_SECURITY;

fn create(name: &str, open: u32, mode: u32, asked: &Asked, attributes: Attributes) -> Outcome<HANDLE> {
    let direction = Direction::from_number(open & 3).ok_or(Win32Error::INVALID_PARAMETER)?;
    let known = PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_NOWAIT | PIPE_REJECT_REMOTE_CLIENTS;
    if open & !(OPEN_FLAGS | 3) != 0 || mode & !known != 0 {
        return Err(Win32Error::INVALID_PARAMETER);
    }
    let modes = Modes::from_bits(mode & (PIPE_READMODE_MESSAGE | PIPE_NOWAIT)).unwrap_or_default();
    let mut options = ServerOptions::new()
        .direction(direction)
        .pipe_type(if mode & PIPE_TYPE_MESSAGE != 0 { PipeType::Message } else { PipeType::Byte })
        .read_mode(modes.read)
        .wait_mode(modes.wait)
        .max_instances(asked.max)
        .first_instance(open & FILE_FLAG_FIRST_PIPE_INSTANCE != 0)
        .quotas(asked.out, asked.inward)
        .default_timeout(asked.timeout)
        .reject_remote_clients(mode & PIPE_REJECT_REMOTE_CLIENTS != 0)
        .write_through(open & FILE_FLAG_WRITE_THROUGH != 0);
    if let Some(descriptor) = attributes.descriptor {
        options = options.security(descriptor);
    }
    let instance = options.create(name).map_err(code)?;
    // The rights of a server's handle follow from the direction (Named Pipe Security and Access Rights).
    let mut access = AccessMask(READ_CONTROL | open & (WRITE_DAC | WRITE_OWNER)) | AccessMask::SYNCHRONIZE;
    if direction.to_server() {
        access |= GenericMapping::FILE.read;
    }
    if direction.to_client() {
        access |= GenericMapping::FILE.write;
    }
    let pipe = PipeEnd::new(instance, open & FILE_FLAG_OVERLAPPED != 0);
    Object::Server(pipe).into_handle(access.0, attributes.flags)
}

/// Page: [ConnectNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe).
///
/// # Safety
/// `lpoverlapped` must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn ConnectNamedPipe(hnamedpipe: HANDLE, lpoverlapped: *mut OVERLAPPED) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        if let Object::Server(pipe) = &*held.object
            && let Some((pipe, all)) = pipe.overlapped()
        {
            let target = Target { overlapped: lpoverlapped, buffer: null_mut() };
            // SAFETY: the caller's promise.
            return unsafe { all.begin(target, null_mut(), Tell::Event, || pipe.start_connect()) };
        }
        match server(&held)?.connect().map_err(code)? {
            Connected::Now | Connected::Listening => Ok(()),
            other => Err(other.win32()),
        }
    })
}

/// Page: [DisconnectNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-disconnectnamedpipe).
#[unsafe(no_mangle)]
pub extern "system" fn DisconnectNamedPipe(hnamedpipe: HANDLE) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        let Object::Server(pipe) = &*held.object else { return Err(Win32Error::INVALID_FUNCTION) };
        match pipe.overlapped() {
            Some((pipe, _)) => pipe.disconnect(),
            None => pipe.end().disconnect(),
        }
        .map_err(code)
    })
}

/// Page: [PeekNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe). Also for the
/// read end of an anonymous pipe.
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn PeekNamedPipe(
    hnamedpipe: HANDLE,
    lpbuffer: *mut c_void,
    nbuffersize: u32,
    lpbytesread: *mut u32,
    lptotalbytesavail: *mut u32,
    lpbytesleftthismessage: *mut u32,
) -> BOOL {
    truth(|| {
        let held = HANDLES.get(hnamedpipe)?;
        // As documented, a null buffer is allowed whatever its size.
        let size = if lpbuffer.is_null() { 0 } else { nbuffersize };
        // SAFETY: the caller's promise.
        let buffer = unsafe { room(lpbuffer.cast(), size)? };
        let (copied, available, left) = peek(&held, buffer)?;
        // SAFETY: the caller's promise.
        unsafe {
            give(lpbytesread, count(copied));
            give(lptotalbytesavail, count(available));
            give(lpbytesleftthismessage, count(left));
        }
        Ok(())
    })
}

/// Bytes copied, bytes there, bytes of the message left.
fn peek(held: &Held<'_>, buffer: &mut [u8]) -> Outcome<(usize, usize, usize)> {
    let peeked = match &*held.object {
        Object::Server(pipe) => pipe.end().peek(buffer),
        Object::Client(pipe) => pipe.end().peek(buffer),
        Object::Reader(reader) => {
            let peeked = reader.peek(buffer).map_err(|error| error.win32())?;
            return Ok((peeked.copied, peeked.available, 0));
        }
        Object::Writer(_) => return Err(Win32Error::ACCESS_DENIED),
        _ => return Err(Win32Error::INVALID_FUNCTION),
    };
    let peeked = peeked.map_err(code)?;
    Ok((peeked.bytes, peeked.available, peeked.left_in_message))
}

/// Page: [TransactNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-transactnamedpipe).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn TransactNamedPipe(
    hnamedpipe: HANDLE,
    lpinbuffer: *const c_void,
    ninbuffersize: u32,
    lpoutbuffer: *mut c_void,
    noutbuffersize: u32,
    lpbytesread: *mut u32,
    lpoverlapped: *mut OVERLAPPED,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let request = unsafe { bytes(lpinbuffer.cast(), ninbuffersize)? };
        // SAFETY: as above.
        let reply = unsafe { room(lpoutbuffer.cast(), noutbuffersize)? };
        let held = HANDLES.get(hnamedpipe)?;
        let target = Target { overlapped: lpoverlapped, buffer: reply.as_mut_ptr() };
        if let Some((pipe, all)) = held.object.overlapped() {
            let start = || pipe.start_transact(request, reply.len());
            // SAFETY: the caller's promise.
            return unsafe { all.begin(target, lpbytesread, Tell::Event, start) };
        }
        let transact = || {
            Ok(match end(&held)? {
                End::Server(instance) => Moved::from(instance.transact(request, reply)),
                End::Client(client) => client.transact(request, reply).into(),
            })
        };
        // SAFETY: the caller's promise.
        unsafe { transferred(transact, lpbytesread, lpoverlapped) }
    })
}

/// Page: [CallNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-callnamedpipew).
///
/// # Safety
/// The pointers must be null or as the page says.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CallNamedPipeW(
    lpnamedpipename: PCWSTR,
    lpinbuffer: *const c_void,
    ninbuffersize: u32,
    lpoutbuffer: *mut c_void,
    noutbuffersize: u32,
    lpbytesread: *mut u32,
    ntimeout: u32,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { text::wide(lpnamedpipename)? };
        // SAFETY: the caller's promise.
        let (request, reply) =
            unsafe { (bytes(lpinbuffer.cast(), ninbuffersize)?, room(lpoutbuffer.cast(), noutbuffersize)?) };
        // SAFETY: the caller's promise.
        unsafe { call(&name, request, reply, lpbytesread, ntimeout) }
    })
}

/// [`CallNamedPipeW`] with a name in UTF-8.
///
/// # Safety
/// As for [`CallNamedPipeW`].
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CallNamedPipeA(
    lpnamedpipename: PCSTR,
    lpinbuffer: *const c_void,
    ninbuffersize: u32,
    lpoutbuffer: *mut c_void,
    noutbuffersize: u32,
    lpbytesread: *mut u32,
    ntimeout: u32,
) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { text::narrow(lpnamedpipename)? };
        // SAFETY: the caller's promise.
        let (request, reply) =
            unsafe { (bytes(lpinbuffer.cast(), ninbuffersize)?, room(lpoutbuffer.cast(), noutbuffersize)?) };
        // SAFETY: the caller's promise.
        unsafe { call(&name, request, reply, lpbytesread, ntimeout) }
    })
}

/// # Safety
/// `read` must be null or valid for a write.
unsafe fn call(name: &str, request: &[u8], reply: &mut [u8], read: *mut u32, timeout: u32) -> Outcome<()> {
    let moved = Moved::from(named::call(name, request, reply, Timeout::from_millis(timeout)));
    // SAFETY: the caller's promise.
    unsafe { must_give(read, count(moved.bytes)) }?;
    moved.outcome()
}

/// Page: [WaitNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-waitnamedpipew).
///
/// # Safety
/// `lpnamedpipename` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WaitNamedPipeW(lpnamedpipename: PCWSTR, ntimeout: u32) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { text::wide(lpnamedpipename)? };
        named::wait(&name, Timeout::from_millis(ntimeout)).map_err(code)
    })
}

/// [`WaitNamedPipeW`] with a name in UTF-8.
///
/// # Safety
/// `lpnamedpipename` must be null or a string.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn WaitNamedPipeA(lpnamedpipename: PCSTR, ntimeout: u32) -> BOOL {
    truth(|| {
        // SAFETY: the caller's promise.
        let name = unsafe { text::narrow(lpnamedpipename)? };
        named::wait(&name, Timeout::from_millis(ntimeout)).map_err(code)
    })
}

/// The ends that a function takes.
pub(crate) enum End<'a> {
    Server(&'a Instance),
    Client(&'a Client),
}

pub(crate) fn end<'a>(held: &'a Held<'_>) -> Outcome<End<'a>> {
    match &*held.object {
        Object::Server(pipe) => Ok(End::Server(pipe.end())),
        Object::Client(pipe) => Ok(End::Client(pipe.end())),
        // Which code a handle of another kind gives is not documented; this is what the file system answers for a
        // control code that it does not know (STATUS_INVALID_DEVICE_REQUEST).
        _ => Err(Win32Error::INVALID_FUNCTION),
    }
}

pub(crate) fn server<'a>(held: &'a Held<'_>) -> Outcome<&'a Instance> {
    match end(held)? {
        End::Server(instance) => Ok(instance),
        End::Client(_) => Err(Win32Error::INVALID_FUNCTION),
    }
}

#[allow(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn code(error: Error) -> Win32Error {
    error.win32()
}
