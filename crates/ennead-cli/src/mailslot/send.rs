//! `ennead mailslot send`: one message, or each line as one.

use std::io::{self, BufRead as _, Read as _};

use ennead_mailslot::ClientOptions;

use super::failure;
use crate::failure::Failure;

/// Opens the slot and writes.
pub fn send(name: &str, message: Option<String>, lines: bool) -> Result<(), Failure> {
    let failed = |error| failure(name, &error);
    let unreadable = |error: io::Error| Failure::system("cannot read standard input", &error);
    if !lines {
        let message = match message {
            Some(message) => message.into_bytes(),
            None => {
                let mut all = Vec::new();
                io::stdin().lock().read_to_end(&mut all).map_err(unreadable)?;
                all
            }
        };
        // Also for names beyond this computer, whose limits depend on the message.
        return ennead_mailslot::send(name, &message).map_err(failed);
    }
    let client = ClientOptions::new().open(name).map_err(failed)?;
    for line in io::stdin().lock().split(b'\n') {
        client.write(&line.map_err(unreadable)?).map_err(failed)?;
    }
    Ok(())
}
