//! What a handle stands for, and the operations that every kind answers in its own way.

use std::sync::Arc;

use ennead_channel::Wait;
use ennead_mailslot::{Client as MailslotClient, Mailslot};
use ennead_pipe::anonymous::{ReadError, Reader, WriteError, Writer};
use ennead_pipe::named::{Client, Error, Instance, Received};
use ennead_pipe::overlapped::{End, NothingToCancel, Operation, Overlapped};
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use ennead_sync::rights::STATEFUL;
use ennead_sync::{Event, Mutex, Semaphore, Signaling, Waitable};
use windows_sys::Win32::Foundation::{HANDLE, HANDLE_FLAG_INHERIT};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_READ_DATA, FILE_TYPE, FILE_TYPE_DISK, FILE_TYPE_PIPE, FILE_TYPE_UNKNOWN, FILE_WRITE_DATA,
};
use windows_sys::core::BOOL;

use crate::call::Outcome;
use crate::completion_port::PortHandles;
use crate::disk_file::DiskFile;
use crate::last_error;
use crate::overlapped::Asynchronous;
use crate::table::{Grant, HANDLES};
use crate::thread::Thread;

/// What a handle stands for.
pub(crate) enum Object {
    /// The server's end of a named pipe.
    Server(PipeEnd<Instance>),
    /// The client's end of a named pipe.
    Client(Box<PipeEnd<Client>>),
    /// The end of an anonymous pipe that is read.
    Reader(Reader),
    /// The end of an anonymous pipe that is written.
    Writer(Writer),
    /// A file, or what else the system has under a path.
    File(DiskFile),
    /// An event.
    Event(Event),
    /// A semaphore.
    Semaphore(Semaphore),
    /// A mutex.
    Mutex(Mutex),
    /// The server's end of a mailslot.
    Mailslot(Mailslot),
    /// A client's end of one.
    MailslotClient(MailslotClient),
    /// A completion port.
    Port(PortHandles),
    /// A thread.
    Thread(Arc<Thread>),
}

/// An end of a named pipe, as it was opened.
pub(crate) struct PipeEnd<E: End> {
    way: Way<E>,
    asynchronous: Arc<Asynchronous>,
}

enum Way<E: End> {
    Synchronous(E),
    /// With `FILE_FLAG_OVERLAPPED`.
    Overlapped(Overlapped<E>),
}

impl<E: End> PipeEnd<E> {
    pub fn new(end: E, overlapped: bool) -> Self {
        let way = if overlapped { Way::Overlapped(Overlapped::new(end)) } else { Way::Synchronous(end) };
        Self { way, asynchronous: Arc::default() }
    }

    /// The end itself, for what does not wait.
    pub fn end(&self) -> &E {
        match &self.way {
            Way::Synchronous(end) => end,
            Way::Overlapped(overlapped) => overlapped.end(),
        }
    }

    /// The end and what its operations have in common, if it was opened for overlapped operations.
    pub fn overlapped(&self) -> Option<(&Overlapped<E>, &Arc<Asynchronous>)> {
        match &self.way {
            Way::Synchronous(_) => None,
            Way::Overlapped(overlapped) => Some((overlapped, &self.asynchronous)),
        }
    }
}

/// A pipe's end that was opened for overlapped operations.
pub(crate) enum OverlappedPipe<'a> {
    Server(&'a Overlapped<Instance>),
    Client(&'a Overlapped<Client>),
}

impl OverlappedPipe<'_> {
    pub fn start_read(&self, room: usize) -> Operation {
        match self {
            Self::Server(pipe) => pipe.start_read(vec![0; room]),
            Self::Client(pipe) => pipe.start_read(vec![0; room]),
        }
    }

    pub fn start_write(&self, data: &[u8]) -> Operation {
        match self {
            Self::Server(pipe) => pipe.start_write(data.to_vec()),
            Self::Client(pipe) => pipe.start_write(data.to_vec()),
        }
    }

    pub fn start_transact(&self, request: &[u8], room: usize) -> Operation {
        match self {
            Self::Server(pipe) => pipe.start_transact(request.to_vec(), vec![0; room]),
            Self::Client(pipe) => pipe.start_transact(request.to_vec(), vec![0; room]),
        }
    }

    /// Cancels all operations under way, or those of this thread. ERROR_NOT_FOUND if there was none.
    pub fn cancel(&self, all: bool) -> Outcome<()> {
        let cancelled = match (self, all) {
            (Self::Server(pipe), true) => pipe.cancel_all().map_err(NothingToCancel::win32)?,
            (Self::Client(pipe), true) => pipe.cancel_all().map_err(NothingToCancel::win32)?,
            (Self::Server(pipe), false) => pipe.cancel_own(),
            (Self::Client(pipe), false) => pipe.cancel_own(),
        };
        if cancelled == 0 { Err(Win32Error::NOT_FOUND) } else { Ok(()) }
    }
}

/// What a transfer moved, and what it has to say besides: ERROR_MORE_DATA, or why it ended early.
pub(crate) struct Moved {
    pub bytes: usize,
    pub code: Win32Error,
}

impl Moved {
    /// A good end.
    pub const fn all(bytes: usize) -> Self {
        Self { bytes, code: Win32Error::SUCCESS }
    }

    /// Good, or the code.
    pub fn outcome(&self) -> Outcome<()> {
        if self.code.is_success() { Ok(()) } else { Err(self.code) }
    }

    const fn none(code: Win32Error) -> Self {
        Self { bytes: 0, code }
    }
}

impl From<Result<Received, Error>> for Moved {
    fn from(result: Result<Received, Error>) -> Self {
        match result {
            Ok(Received { bytes, left_in_message: 0 }) => Self::all(bytes),
            Ok(Received { bytes, .. }) => Self { bytes, code: Win32Error::MORE_DATA },
            Err(error) => Self::none(error.win32()),
        }
    }
}

impl From<Result<usize, Error>> for Moved {
    fn from(result: Result<usize, Error>) -> Self {
        match result {
            Ok(bytes) => Self::all(bytes),
            Err(error) => Self { bytes: error.written, code: error.win32() },
        }
    }
}

impl From<Result<usize, ennead_mailslot::Error>> for Moved {
    fn from(result: Result<usize, ennead_mailslot::Error>) -> Self {
        result.map_or_else(|error| Self::none(error.win32()), Self::all)
    }
}

impl From<Result<usize, ReadError>> for Moved {
    fn from(result: Result<usize, ReadError>) -> Self {
        result.map_or_else(|error| Self::none(error.win32()), Self::all)
    }
}

impl From<Result<usize, WriteError>> for Moved {
    fn from(result: Result<usize, WriteError>) -> Self {
        result.map_or_else(|error| Self { bytes: error.written(), code: error.win32() }, Self::all)
    }
}

impl Object {
    /// A handle for it.
    pub fn into_handle(self, access: u32, flags: u32) -> Outcome<HANDLE> {
        HANDLES.open(Grant { object: Arc::new(self), access }, flags)
    }

    /// What `SignalObjectAndWait` can signal.
    pub fn signaling(&self) -> Outcome<&dyn Signaling> {
        match self {
            Self::Event(event) => Ok(event),
            Self::Semaphore(semaphore) => Ok(semaphore),
            Self::Mutex(mutex) => Ok(mutex),
            _ => Err(Win32Error::INVALID_HANDLE),
        }
    }

    /// What generic rights mean for its kind.
    pub fn specific(&self, access: u32) -> u32 {
        match self {
            Self::Event(_) | Self::Semaphore(_) | Self::Mutex(_) => STATEFUL.map(AccessMask(access)).0,
            _ => GenericMapping::FILE.map(AccessMask(access)).0,
        }
    }

    /// A handle for an object that a `Create…` function made, or found under its name: then the last error of the success is
    /// ERROR_ALREADY_EXISTS.
    pub fn into_created(self, access: AccessMask, flags: u32, existed: bool) -> Outcome<HANDLE> {
        let handle = self.into_handle(access.0, flags)?;
        last_error::set(if existed { Win32Error::ALREADY_EXISTS } else { Win32Error::SUCCESS });
        Ok(handle)
    }

    /// A handle for an object that an `Open…` function found.
    pub fn into_opened(self, access: AccessMask, inherit: BOOL) -> Outcome<HANDLE> {
        self.into_handle(access.0, if inherit == 0 { 0 } else { HANDLE_FLAG_INHERIT })
    }

    /// `GetFileType`.
    pub fn file_type(&self) -> FILE_TYPE {
        match self {
            Self::Server(_) | Self::Client(_) | Self::Reader(_) | Self::Writer(_) => FILE_TYPE_PIPE,
            Self::File(file) => file.file_type(),
            Self::Mailslot(_) | Self::MailslotClient(_) => FILE_TYPE_DISK,
            _ => FILE_TYPE_UNKNOWN,
        }
    }

    /// `FlushFileBuffers`.
    pub fn flush(&self) -> Outcome<()> {
        match self {
            Self::Server(pipe) => pipe.end().flush().map_err(|error| error.win32()),
            Self::Client(pipe) => pipe.end().flush().map_err(|error| error.win32()),
            // Nothing says when the reader of a kernel pipe has read; what is in it is as safe as it will be.
            Self::Reader(_) | Self::Writer(_) => Ok(()),
            Self::File(file) => file.flush(),
            // What was written is with the server already.
            Self::Mailslot(_) | Self::MailslotClient(_) => Ok(()),
            _ => Err(Win32Error::INVALID_HANDLE),
        }
    }

    /// What a wait for it waits for.
    pub fn waitable(&self) -> Outcome<&dyn Waitable> {
        match self {
            Self::Event(event) => Ok(event),
            Self::Semaphore(semaphore) => Ok(semaphore),
            Self::Thread(thread) => Ok(&thread.ended),
            Self::Mutex(mutex) => Ok(mutex),
            Self::Server(pipe) => Ok(pipe.asynchronous.signal()?),
            Self::Client(pipe) => Ok(pipe.asynchronous.signal()?),
            _ => Err(Win32Error::INVALID_HANDLE),
        }
    }

    /// The pipe and what its operations have in common, if it was opened for overlapped ones.
    pub fn overlapped(&self) -> Option<(OverlappedPipe<'_>, &Arc<Asynchronous>)> {
        match self {
            Self::Server(pipe) => pipe.overlapped().map(|(pipe, all)| (OverlappedPipe::Server(pipe), all)),
            Self::Client(pipe) => pipe.overlapped().map(|(pipe, all)| (OverlappedPipe::Client(pipe), all)),
            _ => None,
        }
    }
}

impl Grant {
    /// `ReadFile` without an `OVERLAPPED`.
    pub fn read(&self, buffer: &mut [u8]) -> Outcome<Moved> {
        self.must_allow(FILE_READ_DATA)?;
        Ok(match &*self.object {
            Object::Server(pipe) => pipe.end().read(buffer).into(),
            Object::Client(pipe) => pipe.end().read(buffer).into(),
            Object::Reader(reader) => reader.receive(buffer, Wait::Forever).into(),
            Object::Mailslot(slot) => slot.read(buffer).into(),
            Object::Writer(_) | Object::MailslotClient(_) => return Err(Win32Error::ACCESS_DENIED),
            Object::File(file) => file.read(buffer)?,
            _ => return Err(Win32Error::INVALID_HANDLE),
        })
    }

    /// `WriteFile` without an `OVERLAPPED`.
    pub fn write(&self, data: &[u8]) -> Outcome<Moved> {
        self.must_allow(FILE_WRITE_DATA)?;
        Ok(match &*self.object {
            Object::Server(pipe) => pipe.end().write(data).into(),
            Object::Client(pipe) => pipe.end().write(data).into(),
            Object::Writer(writer) => writer.send(data, Wait::Forever).into(),
            Object::MailslotClient(client) => client.write(data).into(),
            Object::Reader(_) | Object::Mailslot(_) => return Err(Win32Error::ACCESS_DENIED),
            Object::File(file) => file.write(data)?,
            _ => return Err(Win32Error::INVALID_HANDLE),
        })
    }

    /// Whether this handle was given the right, by its opening or its duplication.
    pub fn must_allow(&self, access: u32) -> Outcome<()> {
        if self.access & access == access { Ok(()) } else { Err(Win32Error::ACCESS_DENIED) }
    }
}
