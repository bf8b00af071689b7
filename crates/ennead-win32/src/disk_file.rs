//! Files of the system, as far as programs that talk to each other need them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileTypeExt;

use ennead_status::Win32Error;
use windows_sys::Win32::Foundation::{GENERIC_ALL, GENERIC_READ, GENERIC_WRITE};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_ALWAYS, CREATE_NEW, FILE_APPEND_DATA, FILE_BEGIN, FILE_CURRENT, FILE_END, FILE_READ_DATA,
    FILE_TYPE, FILE_TYPE_CHAR, FILE_TYPE_DISK, FILE_TYPE_PIPE, FILE_WRITE_DATA, OPEN_ALWAYS, OPEN_EXISTING,
    SET_FILE_POINTER_MOVE_METHOD, TRUNCATE_EXISTING,
};

use crate::call::Outcome;
use crate::object::Moved;

/// A file under a path of the system.
pub(crate) struct DiskFile {
    file: File,
}

/// A file that was opened, and whether it had been there (ERROR_ALREADY_EXISTS of a success).
pub(crate) struct Opened {
    pub file: DiskFile,
    pub existed: bool,
}

impl DiskFile {
    /// What a descriptor stands for.
    pub fn new(file: File) -> Self {
        Self { file }
    }

    /// `CreateFile`. The path is the system's; backslashes separate folders, too.
    pub fn open(path: &str, access: u32, disposition: u32) -> Outcome<Opened> {
        let path = native(path);
        let read = access & (GENERIC_READ | GENERIC_ALL | FILE_READ_DATA) != 0;
        let write = access & (GENERIC_WRITE | GENERIC_ALL | FILE_WRITE_DATA | FILE_APPEND_DATA) != 0;
        let mut options = OpenOptions::new();
        // The system has no opening without any access; to read is the least.
        options.read(read || !write).write(write);
        let existed = match disposition {
            CREATE_NEW => {
                create(&mut options, read).create_new(true);
                false
            }
            CREATE_ALWAYS => {
                create(&mut options, read).truncate(true);
                std::fs::exists(&path).unwrap_or(false)
            }
            OPEN_ALWAYS => {
                create(&mut options, read);
                std::fs::exists(&path).unwrap_or(false)
            }
            OPEN_EXISTING => true,
            // The documentation asks for GENERIC_WRITE.
            TRUNCATE_EXISTING if write => {
                options.truncate(true);
                true
            }
            _ => return Err(Win32Error::INVALID_PARAMETER),
        };
        let file = options.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Win32Error::FILE_EXISTS,
            _ => Win32Error::from(&error),
        })?;
        Ok(Opened { file: Self { file }, existed })
    }

    /// `DeleteFile`.
    pub fn remove(path: &str) -> Outcome<()> {
        std::fs::remove_file(native(path)).map_err(|error| Win32Error::from(&error))
    }

    pub fn file_type(&self) -> FILE_TYPE {
        match self.file.metadata() {
            Ok(data) if data.file_type().is_char_device() => FILE_TYPE_CHAR,
            Ok(data) if data.file_type().is_fifo() || data.file_type().is_socket() => FILE_TYPE_PIPE,
            _ => FILE_TYPE_DISK,
        }
    }

    /// Reads at the file pointer; nothing at the end of a file, which is no error.
    pub fn read(&self, buffer: &mut [u8]) -> Outcome<Moved> {
        uninterrupted(|| (&self.file).read(buffer)).map(Moved::all)
    }

    pub fn write(&self, data: &[u8]) -> Outcome<Moved> {
        (&self.file).write_all(data).map_err(|error| Win32Error::from(&error))?;
        Ok(Moved::all(data.len()))
    }

    pub fn flush(&self) -> Outcome<()> {
        match self.file.sync_all() {
            // A terminal, a pipe: there is nothing to flush.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            result => result.map_err(|error| Win32Error::from(&error)),
        }
    }

    pub fn size(&self) -> Outcome<u64> {
        self.file.metadata().map(|data| data.len()).map_err(|error| Win32Error::from(&error))
    }

    /// `SetFilePointerEx`: the new position.
    pub fn seek(&self, distance: i64, from: SET_FILE_POINTER_MOVE_METHOD) -> Outcome<u64> {
        let to = match from {
            // As documented, the distance from the beginning is unsigned.
            FILE_BEGIN => SeekFrom::Start(distance.cast_unsigned()),
            FILE_CURRENT => SeekFrom::Current(distance),
            FILE_END => SeekFrom::End(distance),
            _ => return Err(Win32Error::INVALID_PARAMETER),
        };
        (&self.file).seek(to).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidInput => Win32Error::NEGATIVE_SEEK,
            _ => Win32Error::from(&error),
        })
    }

    /// `SetEndOfFile`: the file ends at its pointer.
    pub fn end_here(&self) -> Outcome<()> {
        let end = self.seek(0, FILE_CURRENT)?;
        self.file.set_len(end).map_err(|error| Win32Error::from(&error))
    }
}

/// To create a file std wants it writable; the handle's own mask keeps the program to what it asked for.
fn create(options: &mut OpenOptions, read: bool) -> &mut OpenOptions {
    options.create(true).write(true).read(read)
}

/// The system's path for one that the caller wrote with backslashes.
fn native(path: &str) -> String {
    path.strip_prefix(r"\\?\").unwrap_or(path).replace('\\', "/")
}

fn uninterrupted(mut call: impl FnMut() -> io::Result<usize>) -> Outcome<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result.map_err(|error| Win32Error::from(&error)),
        }
    }
}
