//! `CallNamedPipe`: open, transact, close.

use super::client_options::ClientOptions;
use super::end::Received;
use super::error::{During, Operation, Reason, Result};
use super::modes::{Modes, PipeType, ReadMode, WaitMode};
use super::place::Place;
use super::waiting::Timeout;

/// Opens a message-type pipe, waiting for an instance as `timeout` says, writes `request`, reads the answer into `reply`, and
/// closes. What of the answer does not fit is lost ([`Received::left_in_message`], ERROR_MORE_DATA).
///
/// # Errors
/// ERROR_BAD_PIPE for a byte-type pipe, and those of opening, waiting and [`super::Client::transact`].
///
/// Page: [CallNamedPipe](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-callnamedpipea).
pub fn call(name: &str, request: &[u8], reply: &mut [u8], timeout: Timeout) -> Result<Received> {
    let place = Place::of_process().during(Operation::Transact)?;
    call_in(&place, name, request, reply, timeout)
}

/// [`call`] in other namespaces.
///
/// # Errors
/// As [`call`].
pub fn call_in(
    place: &Place,
    name: &str,
    request: &[u8],
    reply: &mut [u8],
    timeout: Timeout,
) -> Result<Received> {
    let options = ClientOptions::new().place(place);
    let client = options.connect_waiting(name, timeout).during(Operation::Open)?;
    if client.traits().pipe_type == PipeType::Byte {
        return Err(Reason::BadState("a call takes a message-type pipe")).during(Operation::Transact);
    }
    client.set_modes(Modes { read: ReadMode::Message, wait: WaitMode::Wait })?;
    client.transact(request, reply)
}
