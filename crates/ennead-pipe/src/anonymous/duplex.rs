//! Two pipes, one each way.

use std::io::{self, Read, Write};

use super::{Reader, Writer, pipe};

/// One side of a two-way connection made of two anonymous pipes.
#[derive(Debug)]
pub struct Duplex {
    /// What the other side writes.
    pub reader: Reader,
    /// What the other side reads.
    pub writer: Writer,
}

/// Two-way communication needs two anonymous pipes; these are they, as two sides.
///
/// # Errors
///
/// `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit.
pub fn duplex() -> io::Result<(Duplex, Duplex)> {
    let (there, from_here) = pipe()?;
    let (here, from_there) = pipe()?;
    Ok((Duplex { reader: here, writer: from_here }, Duplex { reader: there, writer: from_there }))
}

impl Duplex {
    /// Its two ends. Dropping the writer tells the other side that no more comes.
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        (self.reader, self.writer)
    }
}

impl Read for Duplex {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl Write for Duplex {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
