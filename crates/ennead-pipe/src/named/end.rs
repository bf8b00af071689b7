//! What both ends of a connected instance do alike.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ennead_channel::{Endpoint, ReadError, Wait, WriteError};
use ennead_security::AccessMask;

use super::error::{Cut, Operation, Reason};
use super::modes::{Modes, PipeType, ReadMode, WaitMode};

/// What a read took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes copied into the buffer. 0 without more left is a message of no bytes.
    pub bytes: usize,
    /// Bytes of this message that are still to be read. If there are any, `ReadFile` gives ERROR_MORE_DATA.
    pub left_in_message: usize,
}

/// What a peek saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// Bytes copied into the buffer.
    pub bytes: usize,
    /// Bytes that can be read, of all messages.
    pub available: usize,
    /// Bytes of the first message beyond those copied; 0 for a byte-type pipe.
    pub left_in_message: usize,
}

/// The modes of a handle, shared by the threads that use it.
#[derive(Debug)]
pub(super) struct HandleModes(AtomicU32);

impl HandleModes {
    pub fn new(modes: Modes) -> Self {
        Self(AtomicU32::new(modes.bits()))
    }

    pub fn get(&self) -> Modes {
        Modes::from_bits(self.0.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// `SetNamedPipeHandleState`.
    pub fn set(&self, modes: Modes, pipe_type: PipeType, granted: AccessMask) -> Result<(), Reason> {
        if !granted.contains(AccessMask::FILE_WRITE_ATTRIBUTES) {
            return Err(Reason::Denied("the handle may not write attributes"));
        }
        check_modes(modes, pipe_type)?;
        self.0.store(modes.bits(), Ordering::Relaxed);
        Ok(())
    }
}

/// Message-read mode is for message-type pipes.
pub(super) fn check_modes(modes: Modes, pipe_type: PipeType) -> Result<(), Reason> {
    if modes.read == ReadMode::Message && pipe_type == PipeType::Byte {
        return Err(Reason::Parameter("a byte-type pipe cannot be read in message mode"));
    }
    Ok(())
}

/// An end of a connection, with what its handle may do.
#[derive(Debug)]
pub(super) struct End {
    pub endpoint: Endpoint,
    pub pipe_type: PipeType,
    pub granted: AccessMask,
    /// Whether the other end may write. The rings are memory that it maps: only this side can hold it to its rights.
    pub peer_may_write: bool,
    /// Whether anything was read from this connection, which impersonation asks for.
    pub has_read: AtomicBool,
}

impl End {
    pub fn read(&self, buffer: &mut [u8], mode: ReadMode, wait: Wait<'_>) -> Result<Received, Reason> {
        may_read(self.granted)?;
        match self.endpoint.read(buffer, channel_mode(mode), wait) {
            Ok(received) if self.is_trespass(received.bytes + received.left_in_message) => {
                buffer.fill(0);
                Err(self.expel())
            }
            Ok(received) => {
                if !self.has_read.load(Ordering::Relaxed) {
                    self.has_read.store(true, Ordering::Relaxed);
                }
                Ok(Received { bytes: received.bytes, left_in_message: received.left_in_message })
            }
            Err(error) => Err(read_reason(error)),
        }
    }

    pub fn write(&self, data: &[u8], wait: Wait<'_>) -> Result<usize, Cut> {
        may_write(self.granted)?;
        // A write of no bytes is a message of a message-type pipe and nothing of a byte-type one.
        match self.endpoint.write(data, wait) {
            Ok(written) => Ok(written),
            // A peer that was killed within a message of its own is a peer that has closed.
            Err(WriteError::Torn) if self.is_closed_by_peer() => Err(Reason::Closing.into()),
            Err(error) => Err(Cut { written: error.written(), reason: write_reason(error) }),
        }
    }

    /// Writes without waiting, in as many calls as it takes; says whether all of it has been written.
    pub fn write_part(&self, data: &[u8], written: &mut usize) -> Result<bool, Reason> {
        may_write(self.granted)?;
        match self.endpoint.write_part(data, written) {
            Ok(()) => Ok(true),
            Err(WriteError::WouldBlock) => Ok(false),
            Err(error) => Err(write_reason(error)),
        }
    }

    /// A write by a handle in no-wait mode: of a message all or nothing, of bytes as many as fit; never an error for want
    /// of room.
    pub fn write_no_wait(&self, data: &[u8]) -> Result<usize, Cut> {
        match self.write(data, Wait::Never) {
            Err(Cut { reason: Reason::Empty, .. }) => Ok(0),
            other => other,
        }
    }

    /// Reads in the type's own mode, whatever the handle's, as documented.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked, Reason> {
        may_read(self.granted)?;
        let peeked = self.endpoint.peek(buffer).map_err(read_reason)?;
        if !self.peer_may_write && peeked.total_available > 0 {
            buffer.fill(0);
            return Err(self.expel());
        }
        Ok(Peeked {
            bytes: peeked.copied,
            // Of a message larger than the pipe's memory the rest is still with the writer.
            available: peeked.total_available.max(peeked.copied + peeked.left_in_message),
            left_in_message: peeked.left_in_message,
        })
    }

    /// Whether a transaction may begin.
    pub fn check_transact(&self, mode: ReadMode) -> Result<(), Reason> {
        if self.pipe_type == PipeType::Byte || mode == ReadMode::Byte {
            return Err(Reason::BadState("a transaction takes a message-type pipe in message-read mode"));
        }
        may_read(self.granted)?;
        may_write(self.granted)?;
        match self.endpoint.peek(&mut []) {
            // [MS-FSCC] 2.3.48: STATUS_INVALID_PIPE_STATE unless the pipe is connected. Where the other end has been closed and there is
            // data left, it is in another state (2.3.46: FILE_PIPE_CLOSING_STATE), so that comes before STATUS_PIPE_BUSY.
            Ok(peeked) if peeked.total_available > 0 && !self.is_closed_by_peer() => Err(Reason::UnreadData),
            Ok(peeked) if peeked.total_available > 0 => {
                Err(Reason::BadState("the other end has been closed"))
            }
            Ok(_) => Ok(()),
            Err(ReadError::Ended | ReadError::Torn) => Err(Reason::BadState("the other end has been closed")),
            Err(error) => Err(read_reason(error)),
        }
    }

    pub fn transact(
        &self,
        request: &[u8],
        reply: &mut [u8],
        mode: ReadMode,
        wait: Wait<'_>,
    ) -> Result<Received, Cut> {
        self.check_transact(mode)?;
        let written = self.write(request, wait)?;
        self.read(reply, mode, wait).map_err(|reason| Cut { written, reason })
    }

    pub fn flush(&self, wait: Wait<'_>) -> Result<(), Reason> {
        may_write(self.granted)?;
        match self.endpoint.flush(wait) {
            // The reader has closed its end: there is nothing left to wait for.
            Ok(()) | Err(WriteError::Ended { .. }) => Ok(()),
            Err(WriteError::Torn) if self.is_closed_by_peer() => Ok(()),
            Err(error) => Err(write_reason(error)),
        }
    }

    /// Whether a read that took so many bytes took what the other end had no right to write. (A message of no bytes is one.)
    fn is_trespass(&self, bytes: usize) -> bool {
        !self.peer_may_write && (bytes > 0 || self.pipe_type == PipeType::Message)
    }

    fn expel(&self) -> Reason {
        tracing::warn!(target: "ennead::audit", "a client without the right to write has written: disconnected");
        self.endpoint.disconnect();
        Reason::Damaged("data from a client that may not write")
    }

    /// Nothing works any more on a client's handle that the server has disconnected.
    pub fn check_connected(&self) -> Result<(), Reason> {
        match self.endpoint.peek(&mut []) {
            Err(ReadError::Disconnected) => Err(Reason::NotConnected),
            _ => Ok(()),
        }
    }

    /// Whether the other end has been closed, or its process has died. What is unread can still be read.
    pub fn is_closed_by_peer(&self) -> bool {
        self.endpoint.peer_has_ended()
    }
}

fn channel_mode(mode: ReadMode) -> ennead_channel::ReadMode {
    match mode {
        ReadMode::Message => ennead_channel::ReadMode::Message,
        ReadMode::Byte => ennead_channel::ReadMode::Byte,
    }
}

/// How long an operation of a handle in this mode waits.
pub(super) fn wait_of(modes: Modes) -> Wait<'static> {
    match modes.wait {
        WaitMode::Wait => Wait::Forever,
        WaitMode::NoWait => Wait::Never,
    }
}

pub(super) fn may_read(granted: AccessMask) -> Result<(), Reason> {
    if granted.contains(AccessMask::FILE_READ_DATA) {
        return Ok(());
    }
    Err(Reason::Denied("the handle may not read"))
}

pub(super) fn may_write(granted: AccessMask) -> Result<(), Reason> {
    if granted.contains(AccessMask::FILE_WRITE_DATA) {
        return Ok(());
    }
    Err(Reason::Denied("the handle may not write"))
}

/// Whether the error of an operation only says that it would have to wait.
pub(super) fn would_block(operation: Operation, reason: &Reason) -> bool {
    matches!((operation, reason), (_, Reason::Empty) | (Operation::Connect, Reason::Listening))
}

fn read_reason(error: ReadError) -> Reason {
    match error {
        ReadError::WouldBlock => Reason::Empty,
        ReadError::TimedOut => Reason::TimedOut,
        ReadError::Cancelled => Reason::Cancelled,
        ReadError::Ended | ReadError::Torn => Reason::Ended,
        ReadError::Disconnected => Reason::NotConnected,
        ReadError::Violation(what) => Reason::Damaged(what),
        ReadError::System(source) => Reason::System { step: "read from the connection", source },
        other => Reason::System { step: "read from the connection", source: std::io::Error::other(other) },
    }
}

pub(super) fn write_reason(error: WriteError) -> Reason {
    match error {
        WriteError::WouldBlock => Reason::Empty,
        WriteError::TimedOut { .. } => Reason::TimedOut,
        WriteError::Cancelled { .. } => Reason::Cancelled,
        WriteError::Ended { .. } => Reason::Closing,
        WriteError::Broken { .. } => Reason::Broken,
        WriteError::Torn => Reason::Ended,
        WriteError::Disconnected => Reason::NotConnected,
        WriteError::TooLong => Reason::Parameter("a message has at most 4294967295 bytes"),
        WriteError::Violation(what) => Reason::Damaged(what),
        WriteError::System(source) => Reason::System { step: "write to the connection", source },
        other => Reason::System { step: "write to the connection", source: std::io::Error::other(other) },
    }
}
