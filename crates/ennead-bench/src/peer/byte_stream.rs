//! Byte streams as connections: messages of a fixed size are read until they are whole.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use anyhow::{Result, bail};

use super::{Connection, Framing, Shape};

/// A connection over something that reads and something that writes.
pub struct ByteStream<R, W> {
    reader: R,
    writer: W,
    framing: Framing,
}

impl<R: Read, W: Write> ByteStream<R, W> {
    /// Puts the two directions together.
    pub fn new(reader: R, writer: W, shape: &Shape) -> Self {
        Self { reader, writer, framing: shape.framing }
    }
}

/// A descriptor that serves both directions, as its reader or its writer.
pub struct Shared<S>(Arc<S>);

impl<S> ByteStream<Shared<S>, Shared<S>>
where
    for<'a> &'a S: Read + Write,
{
    /// One descriptor that is read and written by reference.
    pub fn of_both_ways(stream: S, shape: &Shape) -> Self {
        let stream = Arc::new(stream);
        Self::new(Shared(stream.clone()), Shared(stream), shape)
    }
}

impl<S> Read for Shared<S>
where
    for<'a> &'a S: Read,
{
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl<S> Write for Shared<S>
where
    for<'a> &'a S: Write,
{
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        (&*self.0).flush()
    }
}

impl<R: Read, W: Write> Connection for ByteStream<R, W> {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.writer.write_all(message)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.framing {
            Framing::Bytes => Ok(read_some(&mut self.reader, buffer)?),
            Framing::Messages => read_message(&mut self.reader, buffer),
        }
    }
}

fn read_some(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    loop {
        match reader.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

fn read_message(reader: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let mut have = 0;
    while have < buffer.len() {
        match read_some(reader, &mut buffer[have..])? {
            0 if have == 0 => return Ok(0),
            0 => bail!("the stream ended {have} bytes into a message of {}", buffer.len()),
            more => have += more,
        }
    }
    Ok(have)
}
