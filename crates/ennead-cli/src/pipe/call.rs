//! `ennead pipe call`: one question, one answer.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ennead_pipe::named::{ClientOptions, Modes, PipeType, ReadMode, Timeout, Wait, WaitMode};
use ennead_status::Win32Error;

use super::print::Style;
use crate::failure::Failure;

/// Bytes in an answer.
const LONGEST: usize = 64 << 20;

/// Sends one message, waits for one, and closes. `timeout` holds for all of it.
pub fn call(name: &str, message: Option<String>, timeout: Option<u64>, json: bool) -> Result<(), Failure> {
    let request = match message {
        Some(message) => message.into_bytes(),
        None => {
            let mut request = Vec::new();
            let read = io::stdin().lock().take(LONGEST as u64).read_to_end(&mut request);
            read.map_err(|error| Failure::system("cannot read the message from standard input", &error))?;
            request
        }
    };
    let deadline = timeout.and_then(|number| Instant::now().checked_add(Duration::from_millis(number)));
    let patience = timeout.map_or(Timeout::Default, |number| Timeout::For(Duration::from_millis(number)));
    let wait = || deadline.map_or(Wait::Forever, Wait::Until);
    let failed = |error| super::failure(name, &error);

    let client = ClientOptions::new().open_waiting(name, patience).map_err(failed)?;
    if client.traits().pipe_type == PipeType::Byte {
        // As CallNamedPipe has it.
        let what = format!("{name}: a call takes a message-type pipe");
        return Err(Failure::coded(what, Win32Error::BAD_PIPE)
            .next("its server made it a byte-type pipe: use `ennead pipe connect`"));
    }
    client.set_modes(Modes { read: ReadMode::Message, wait: WaitMode::Wait }).map_err(failed)?;
    let mut answer = vec![0; 64 * 1024];
    let mut received = client.transact_with(&request, &mut answer, wait()).map_err(failed)?;
    let mut length = received.bytes;
    while received.left_in_message > 0 {
        let needed = length.saturating_add(received.left_in_message);
        if needed > LONGEST {
            return Err(Failure::coded(
                format!("{name}: the answer is longer than {LONGEST} bytes"),
                Win32Error::MORE_DATA,
            ));
        }
        answer.resize(needed, 0);
        received = client.read_with(&mut answer[length..], wait()).map_err(failed)?;
        length += received.bytes;
    }
    Ok(Style { messages: true, json }.print(&answer[..length])?)
}
