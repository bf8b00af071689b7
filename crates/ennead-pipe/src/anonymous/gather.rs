//! Feeding a child and gathering its outputs at the same time, on one thread, without a deadlock.

use std::io;
use std::time::Instant;

use ennead_sys::poll::{self, Interest, Watch};

use super::{ReadError, Reader, Wait, WriteError, Writer};

/// What a child said.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// Writes `input` and reads both outputs to their ends. A child that stops reading is no error: it may have read what
/// it wanted. What was gathered before an error stays in `gathered`.
pub(super) fn gather(
    mut stdin: Option<Writer>,
    mut input: &[u8],
    mut stdout: Option<Reader>,
    mut stderr: Option<Reader>,
    deadline: Option<Instant>,
    gathered: &mut Gathered,
) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        if let Some(writer) = &stdin {
            match writer.send(input, Wait::Never) {
                Ok(count) => input = &input[count..],
                Err(WriteError::Ended { .. }) => input = &[],
                Err(error) => return Err(error.into()),
            }
            if input.is_empty() {
                stdin = None;
            }
        }
        drain(&mut stdout, &mut buffer, &mut gathered.stdout)?;
        drain(&mut stderr, &mut buffer, &mut gathered.stderr)?;
        let mut watches: Vec<Watch<'_>> =
            stdin.iter().map(|end| Watch::new(end, Interest::Writable)).collect();
        watches.extend(stdout.iter().chain(&stderr).map(|end| Watch::new(end, Interest::Readable)));
        if watches.is_empty() {
            return Ok(());
        }
        if !poll::wait(&mut watches, deadline)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// Reads one buffer's worth, so that a child which never stops writing cannot starve the other streams.
fn drain(end: &mut Option<Reader>, buffer: &mut [u8], into: &mut Vec<u8>) -> io::Result<()> {
    let Some(reader) = end else { return Ok(()) };
    match reader.receive(buffer, Wait::Never) {
        Ok(count) => into.extend_from_slice(&buffer[..count]),
        Err(ReadError::Empty) => {}
        Err(ReadError::Ended) => *end = None,
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
