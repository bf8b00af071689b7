//! Ends as `std::io` has them: streams of bytes.
//!
//! For programs that take any `Read` or `Write`. A message of no bytes reads as the end there, and where one message ends and
//! the next begins does not show: protocols of messages use the ends' own methods.

use std::io::{self, Read, Write};

use super::client::Client;
use super::end::Received;
use super::error::{Error, Reason, Result};
use super::server::Instance;

macro_rules! stream {
    ($end:ty) => {
        /// Bytes, following the handle's wait mode. `Ok(0)` is the end: the other end has been closed, or its process has died,
        /// and everything was read (ERROR_BROKEN_PIPE). In no-wait mode, nothing there is `WouldBlock`.
        impl Read for &$end {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if buffer.is_empty() {
                    return Ok(0);
                }
                received(<$end>::read(self, buffer))
            }
        }

        /// Bytes, following the handle's wait mode; in no-wait mode, no room is `WouldBlock`.
        impl Write for &$end {
            /// Writes all of `data`; nothing for no bytes, which would be a message of a message-type pipe.
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                if data.is_empty() {
                    return Ok(0);
                }
                written(<$end>::write(self, data))
            }

            /// Does nothing: what was written is with the other end already. To wait until it has been read
            /// (`FlushFileBuffers`), which std's writers do not expect of a flush and which a peer that reads nothing would never
            /// let end, call the end's own `flush` or `flush_with`.
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        /// As for a reference.
        impl Read for $end {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                Read::read(&mut &*self, buffer)
            }
        }

        /// As for a reference.
        impl Write for $end {
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                Write::write(&mut &*self, data)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

stream!(Client);
stream!(Instance);

fn received(outcome: Result<Received>) -> io::Result<usize> {
    match outcome {
        Ok(received) => Ok(received.bytes),
        Err(Error { reason, .. }) if matches!(*reason, Reason::Ended) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

fn written(outcome: Result<usize>) -> io::Result<usize> {
    match outcome {
        // A handle in no-wait mode had no room.
        Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(written) => Ok(written),
        // std asks for what was written before the error first.
        Err(error) if error.written > 0 => Ok(error.written),
        Err(error) => Err(error.into()),
    }
}
