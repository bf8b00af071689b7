//! What a handle stands for, and the operations that every kind answers in its own way.

use std::sync::Arc;

use ennead_channel::Wait;
use ennead_pipe::anonymous::{ReadError, Reader, WriteError, Writer};
use ennead_pipe::named::{Client, Error, Instance, Received};
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Storage::FileSystem::{FILE_READ_DATA, FILE_TYPE, FILE_TYPE_PIPE, FILE_WRITE_DATA};

use crate::call::Outcome;
use crate::disk_file::DiskFile;
use crate::table::{Grant, HANDLES};

/// What a handle stands for.
pub(crate) enum Object {
    /// The server's end of a named pipe.
    Server(Instance),
    /// The client's end of a named pipe.
    Client(Box<Client>),
    /// The end of an anonymous pipe that is read.
    Reader(Reader),
    /// The end of an anonymous pipe that is written.
    Writer(Writer),
    /// A file, or what else the system has under a path.
    File(DiskFile),
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

    /// What generic rights mean for its kind.
    pub fn specific(&self, access: u32) -> u32 {
        GenericMapping::FILE.map(AccessMask(access)).0
    }

    /// `GetFileType`.
    pub fn file_type(&self) -> FILE_TYPE {
        match self {
            Self::Server(_) | Self::Client(_) | Self::Reader(_) | Self::Writer(_) => FILE_TYPE_PIPE,
            Self::File(file) => file.file_type(),
        }
    }

    /// `FlushFileBuffers`.
    pub fn flush(&self) -> Outcome<()> {
        match self {
            Self::Server(instance) => instance.flush().map_err(|error| error.win32()),
            Self::Client(client) => client.flush().map_err(|error| error.win32()),
            // Nothing says when the reader of a kernel pipe has read; what is in it is as safe as it will be.
            Self::Reader(_) | Self::Writer(_) => Ok(()),
            Self::File(file) => file.flush(),
        }
    }
}

impl Grant {
    /// `ReadFile` without an `OVERLAPPED`.
    pub fn read(&self, buffer: &mut [u8]) -> Outcome<Moved> {
        self.must_allow(FILE_READ_DATA)?;
        Ok(match &*self.object {
            Object::Server(instance) => instance.read(buffer).into(),
            Object::Client(client) => client.read(buffer).into(),
            Object::Reader(reader) => reader.receive(buffer, Wait::Forever).into(),
            Object::Writer(_) => return Err(Win32Error::ACCESS_DENIED),
            Object::File(file) => file.read(buffer)?,
        })
    }

    /// `WriteFile` without an `OVERLAPPED`.
    pub fn write(&self, data: &[u8]) -> Outcome<Moved> {
        self.must_allow(FILE_WRITE_DATA)?;
        Ok(match &*self.object {
            Object::Server(instance) => instance.write(data).into(),
            Object::Client(client) => client.write(data).into(),
            Object::Writer(writer) => writer.send(data, Wait::Forever).into(),
            Object::Reader(_) => return Err(Win32Error::ACCESS_DENIED),
            Object::File(file) => file.write(data)?,
        })
    }

    /// Whether this handle was given the right, by its opening or its duplication.
    pub fn must_allow(&self, access: u32) -> Outcome<()> {
        if self.access & access == access { Ok(()) } else { Err(Win32Error::ACCESS_DENIED) }
    }
}
