//! Standard input to a pipe, and the pipe to standard output, both at once.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Weak};

use ennead_pipe::named::{CancelToken, Error, Wait};

use super::end::{End, is_end};
use super::print::Style;
use crate::failure::Failure;

/// Bytes that are moved at a time.
const PIECE: usize = 64 * 1024;
/// Bytes in a message that is read or written here.
const LONGEST: usize = 16 << 20;

/// Runs until the other end is gone, or `cancel` is.
pub fn run(name: &str, end: &Arc<dyn End>, style: Style, cancel: &CancelToken) -> Result<(), Failure> {
    // The thread may sit in a read of the terminal for ever: it must not keep the pipe open.
    let (weak, token) = (Arc::downgrade(end), cancel.clone());
    std::thread::spawn(move || feed(&weak, style.messages, &token));
    receive_all(end.as_ref(), style.messages, cancel, &mut |bytes| Ok(style.print(bytes)?))
        .map_err(|stop| stop.into_failure(name))
}

/// Why reading stopped before the other end was gone.
pub enum Stop {
    /// The pipe failed.
    Pipe(Error),
    /// The one who was given the bytes did.
    Taker(Failure),
}

impl Stop {
    /// For the user.
    pub fn into_failure(self, name: &str) -> Failure {
        match self {
            Stop::Pipe(error) => super::failure(name, &error),
            Stop::Taker(failure) => failure,
        }
    }
}

/// Hands everything that arrives to `take`, whole messages where there are messages, until the other end is gone.
pub fn receive_all(
    end: &dyn End,
    messages: bool,
    cancel: &CancelToken,
    take: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<(), Stop> {
    let (mut piece, mut whole) = (vec![0; PIECE], Vec::new());
    loop {
        let received = match end.receive(&mut piece, Wait::Forever.or_cancelled(cancel)) {
            Ok(received) => received,
            Err(error) if is_end(error.win32()) => return Ok(()),
            Err(error) => return Err(Stop::Pipe(error)),
        };
        let bytes = &piece[..received.bytes];
        if !messages || (whole.is_empty() && received.left_in_message == 0) {
            take(bytes).map_err(Stop::Taker)?;
            continue;
        }
        if whole.len() + bytes.len() > LONGEST {
            return Err(Stop::Taker(Failure::new(format!("a message is longer than {LONGEST} bytes"))));
        }
        whole.extend(bytes);
        if received.left_in_message == 0 {
            take(&whole).map_err(Stop::Taker)?;
            whole.clear();
        }
    }
}

/// Sends standard input, line by line where there are messages.
fn feed(end: &Weak<dyn End>, messages: bool, cancel: &CancelToken) {
    let mut input = io::stdin().lock();
    let mut piece = Vec::new();
    loop {
        piece.clear();
        let limit = if messages { LONGEST } else { PIECE };
        let read = if messages {
            (&mut input).take(limit as u64).read_until(b'\n', &mut piece)
        } else {
            input.fill_buf().map(|ready| {
                let ready = &ready[..ready.len().min(limit)];
                piece.extend(ready);
                ready.len()
            })
        };
        let Some(end) = end.upgrade() else { return };
        match read {
            Ok(0) | Err(_) => return end.nothing_more(),
            Ok(bytes) if !messages => input.consume(bytes),
            Ok(_) => {
                piece.pop_if(|last| *last == b'\n');
            }
        }
        if send_all(end.as_ref(), &piece, cancel).is_err() {
            // Whoever reads sees the same end, and says so.
            return;
        }
    }
}

/// Sends all of it; nothing is a message too.
pub fn send_all(end: &dyn End, mut bytes: &[u8], cancel: &CancelToken) -> Result<(), Error> {
    loop {
        let written = end.send(bytes, Wait::Forever.or_cancelled(cancel))?;
        bytes = &bytes[written.min(bytes.len())..];
        if bytes.is_empty() {
            return Ok(());
        }
    }
}
