//! A program for each client: what the client sends is its standard input, and its standard output is the answer.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::Arc;
use std::thread::JoinHandle;

use ennead_pipe::anonymous::Redirect;
use ennead_pipe::named::CancelToken;

use super::bridge::{self, Stop};
use super::end::{End, is_end};
use crate::failure::Failure;
use crate::visible::visible;

/// Runs it for one client, until it has closed its output and all of that was sent. The `reader` of the client's words ends
/// when the instance is disconnected.
pub fn program(
    words: &[OsString],
    end: &Arc<dyn End>,
    messages: bool,
    cancel: &CancelToken,
    reader: &mut Option<JoinHandle<()>>,
) -> Result<(), Stop> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments);
    let shown = visible(&program.to_string_lossy());
    let started = Redirect::new(command).stdin().stdout().spawn();
    let mut child =
        started.map_err(|error| Stop::Taker(Failure::system(format!("cannot start {shown}"), &error)))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (client, token) = (Arc::clone(end), cancel.clone());
    *reader = Some(std::thread::spawn(move || {
        let Some(mut stdin) = stdin else { return };
        let _ = bridge::receive_all(client.as_ref(), messages, &token, &mut |bytes| {
            stdin.write_all(bytes)?;
            if messages {
                stdin.write_all(b"\n")?;
            }
            Ok(())
        });
        if token.is_cancelled() {
            let _ = child.kill();
        }
        // The program sees the end of its input; its own end is its own affair.
    }));
    stdout.map_or(Ok(()), |mut stdout| send_output(&mut stdout, end.as_ref(), messages, cancel))
}

fn send_output(from: &mut dyn Read, end: &dyn End, messages: bool, cancel: &CancelToken) -> Result<(), Stop> {
    let (mut piece, mut line) = (vec![0; 64 * 1024], Vec::new());
    let send = |bytes: &[u8]| match bridge::send_all(end, bytes, cancel) {
        Err(error) if is_end(error.win32()) => Ok(false),
        Err(error) => Err(Stop::Pipe(error)),
        Ok(()) => Ok(true),
    };
    loop {
        let bytes = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(bytes) => &piece[..bytes],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(Stop::Taker(Failure::system("cannot read the program's output", &error)));
            }
        };
        if !messages {
            if !send(bytes)? {
                return Ok(());
            }
            continue;
        }
        for &byte in bytes {
            if byte != b'\n' {
                line.push(byte);
            } else if !send(&std::mem::take(&mut line))? {
                return Ok(());
            }
        }
    }
    if !line.is_empty() {
        send(&line)?;
    }
    Ok(())
}
