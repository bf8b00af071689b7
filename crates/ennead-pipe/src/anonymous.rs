//! Anonymous pipes (`CreatePipe`): a one-way stream of bytes between a parent and its child.
//!
//! They are kernel pipes, so that any program can be at the other end, and both ends are close-on-exec: a child has
//! an end only when it was given to it, as a standard stream or by name ([`Redirect`]).
//!
//! Pages: *Anonymous Pipe Operations*, *Pipe Handle Inheritance*, `CreatePipe`, `ReadFile`, `WriteFile`,
//! `PeekNamedPipe`. Where Linux differs: writing nothing does nothing (on Windows it ends a read with zero bytes),
//! and a write that nobody reads any more fails with the documented `ERROR_BROKEN_PIPE`.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! let (mut reader, mut writer) = ennead_pipe::anonymous::pipe()?;
//! writer.write_all(b"stock levels")?;
//! drop(writer);
//! let mut text = String::new();
//! reader.read_to_string(&mut text)?;
//! assert_eq!(text, "stock levels");
//! # Ok::<(), std::io::Error>(())
//! ```

mod child;
mod duplex;
mod ends;
mod error;
mod gather;
mod reaper;

use std::io;

pub use child::{Child, Redirect, inherited_reader, inherited_writer};
pub use duplex::{Duplex, duplex};
pub use ends::{Peeked, Reader, Writer};
pub use ennead_channel::{CancelToken, Wait};
pub use error::{NotAnEnd, ReadError, WriteError};

/// A new pipe of the default size (`CreatePipe` with *nSize* 0): 64 KiB, less for a user who has very many.
///
/// # Errors
///
/// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit.
pub fn pipe() -> io::Result<(Reader, Writer)> {
    Options::new().create()
}

/// How a pipe is to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    size: usize,
}

impl Options {
    /// The defaults of [`pipe`].
    #[must_use]
    pub const fn new() -> Self {
        Self { size: 0 }
    }

    /// How many bytes the pipe should hold unread (*nSize*). "The size is only a suggestion": the kernel rounds it up
    /// to pages, a small one does not make the pipe smaller than its default, and one above the system's limit
    /// (`/proc/sys/fs/pipe-max-size`) or the user's gives as much as may be had. Zero means the default.
    #[must_use]
    pub const fn size(mut self, bytes: usize) -> Self {
        self.size = bytes;
        self
    }

    /// Makes the pipe. [`Writer::capacity`] tells the size that it has.
    ///
    /// # Errors
    ///
    /// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit; never because of the size.
    pub fn create(&self) -> io::Result<(Reader, Writer)> {
        let (reader, writer) = ennead_sys::pipe::pair()?;
        let (reader, writer) = (Reader::new(reader), Writer::new(writer));
        if self.size > writer.capacity()? {
            writer.enlarge(self.size);
        }
        Ok((reader, writer))
    }
}
