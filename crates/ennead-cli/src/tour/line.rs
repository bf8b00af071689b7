//! What the tour asks of a mechanism: a line between two programs that carries messages and a file's stream.
//!
//! Adding a mechanism to the tour is one short file in `legs/` that implements [`Leg`], and its place in `mechanisms.rs`.

use std::fmt;
use std::io::{self, Read};

use ennead_pipe::anonymous::Redirect;
use ennead_status::Win32Error;

use super::job::{Job, Role};
use super::summary::Summary;

/// Bytes that the tour reads of a file at a time.
pub const BULK: usize = 256 * 1024;

/// Which two programs talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The word processor (client) and the spreadsheet (server).
    Table,
    /// The spreadsheet (client) and the inventory program (server).
    Stock,
}

impl Link {
    /// A word for names of pipes and the like.
    pub fn word(self) -> &'static str {
        match self {
            Link::Table => "table",
            Link::Stock => "stock",
        }
    }
}

/// A mechanism's part in the tour.
pub trait Leg {
    /// What must exist before any of the programs starts. `address` is a fresh name that nobody else uses.
    fn prepare(&self, address: &str) -> Result<Box<dyn Prepared>, LineError>;

    /// In the server of `link`: publishes itself. Once this has returned a client may [connect](Leg::connect).
    fn listen(&self, job: &Job, link: Link) -> Result<Box<dyn Listener>, LineError>;

    /// In the client of `link`.
    fn connect(&self, job: &Job, link: Link) -> Result<Box<dyn Line>, LineError>;

    /// What the mechanism can do that no line shows: in each of the programs, when its conversations are over. `summary` is the table, in the two that have it.
    fn beside(&self, _role: Role, _job: &Job, _summary: Option<&Summary>) -> Result<(), LineError> {
        Ok(())
    }
}

/// What the conductor holds for a leg while its programs start and run.
pub trait Prepared {
    /// Gives a program what it needs before it is started.
    fn equip(&mut self, _role: Role, program: Redirect) -> Result<Redirect, LineError> {
        Ok(program)
    }

    /// Not all programs will be started: lets go of what the missing ones were to get, so that the others see its end.
    fn give_up(&mut self) {}

    /// All programs have ended, perhaps killed: removes what they may have left behind.
    fn clean_up(&mut self) {}
}

/// A server that is published and not yet connected.
pub trait Listener {
    /// Waits for the client.
    fn accept(self: Box<Self>) -> Result<Box<dyn Line>, LineError>;
}

/// One connection, from one of its ends.
pub trait Line {
    /// Sends one message, whole.
    fn send(&mut self, message: &[u8]) -> Result<(), LineError>;

    /// Waits for the peer's next message and puts it, whole, in place of what was in `message`. One that is longer than
    /// [`LONGEST_MESSAGE`](super::protocol::LONGEST_MESSAGE) is an error.
    fn receive(&mut self, message: &mut Vec<u8>) -> Result<(), LineError>;

    /// Sends all of `source`, which has `length` bytes.
    fn send_bulk(&mut self, source: &mut dyn Read, length: u64) -> Result<(), LineError>;

    /// Receives `length` bytes, piece by piece.
    fn receive_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError>;

    /// BLAKE3 of the file that was received, in hexadecimal, as its sender says; only of mechanisms where both ends have the file at once.
    fn digest_of_sender(&self) -> Option<&str> {
        None
    }
}

/// Why a line failed.
#[derive(Debug)]
pub struct LineError {
    /// What happened, with the Win32 code where there is one.
    pub reason: String,
    /// Whether only the peer's end was seen: then the peer knows more.
    pub peer_gone: bool,
}

impl LineError {
    /// An error of our own.
    pub fn new(reason: impl Into<String>) -> LineError {
        LineError { reason: reason.into(), peer_gone: false }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl From<io::Error> for LineError {
    fn from(error: io::Error) -> LineError {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let peer_gone = matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof);
        // A foreign code tells users of the documentation less than the system's own words where there is no Win32 code.
        let reason = match Win32Error::from(&error) {
            code if code.name().is_some() && error.raw_os_error().is_some() => code.to_string(),
            _ => error.to_string(),
        };
        LineError { reason, peer_gone }
    }
}

impl From<super::protocol::Malformed> for LineError {
    fn from(malformed: super::protocol::Malformed) -> LineError {
        LineError::new(malformed.to_string())
    }
}
