//! `ennead pipe connect`: standard input to a pipe's server, its answers to standard output.

use std::sync::Arc;

use ennead_pipe::named::{CancelToken, ClientOptions, Modes, ReadMode, Timeout, WaitMode};

use super::bridge;
use super::end::End;
use super::print::Style;
use crate::failure::Failure;

/// Until the server ends the conversation.
pub fn connect(name: &str, messages: bool, patience: Timeout, json: bool) -> Result<(), Failure> {
    let read = if messages { ReadMode::Message } else { ReadMode::Byte };
    let options = ClientOptions::new().modes(Modes { read, wait: WaitMode::Wait });
    let client = options.open_waiting(name, patience).map_err(|error| super::failure(name, &error))?;
    let cancel = CancelToken::new().map_err(|error| Failure::system("cannot wait for the pipe", &error))?;
    let end: Arc<dyn End> = Arc::new(client);
    bridge::run(name, &end, Style { messages, json }, &cancel)
}
