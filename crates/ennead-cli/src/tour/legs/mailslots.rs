//! Mailslots: one each way for a conversation, for a mailslot goes one way only; the file goes through in messages of at most the
//! slot's size. A writer never waits, so the reader says now and then how far it has come, in the other slot. Beside them the
//! inventory program posts stock changes to both other programs' slots.

mod changes;

use std::collections::VecDeque;
use std::io::Read;

use ennead_mailslot::{Client, ClientOptions, Error, Mailslot, MailslotOptions};
use ennead_status::Win32Error;

use super::frames::{receive_pieces, send_pieces};
use crate::tour::job::{Job, Role};
use crate::tour::line::{Leg, Line, LineError, Link, Listener, Prepared};
use crate::tour::protocol::LONGEST_MESSAGE;
use crate::tour::summary::Summary;

/// The leg.
pub struct Mailslots;

/// The most bytes of a message in either slot.
const SLOT: usize = 64 * 1024;
/// How many bytes may be on their way before the sender waits for word; well within a slot's budget, acknowledgements included.
const WINDOW: u64 = 512 * 1024;

/// The first byte of each message.
mod tag {
    /// A client's first word.
    pub const HELLO: u8 = b'H';
    /// A message of the conversation.
    pub const MESSAGE: u8 = b'M';
    /// A piece of the file.
    pub const PIECE: u8 = b'F';
    /// How many bytes of messages and pieces were read since the last word: 8 bytes, little-endian.
    pub const READ: u8 = b'R';
}

impl Leg for Mailslots {
    fn prepare(&self, _address: &str) -> Result<Box<dyn Prepared>, LineError> {
        Ok(Box::new(Names))
    }

    fn listen(&self, job: &Job, link: Link) -> Result<Box<dyn Listener>, LineError> {
        if link == Link::Table {
            changes::subscribe(Role::Spreadsheet, job)?;
        }
        Ok(Box::new(Questions { slot: slot(&name(job, link))?, answers: answers_name(job, link) }))
    }

    fn connect(&self, job: &Job, link: Link) -> Result<Box<dyn Line>, LineError> {
        if link == Link::Table {
            changes::subscribe(Role::WordProcessor, job)?;
        }
        let inbox = slot(&answers_name(job, link))?;
        let outbox = ClientOptions::new().open(&name(job, link))?;
        outbox.write(&[tag::HELLO])?;
        Ok(Box::new(Slots::new(inbox, outbox)))
    }

    fn beside(&self, role: Role, job: &Job, _summary: Option<&Summary>) -> Result<(), LineError> {
        match role {
            Role::Inventory => changes::post(job),
            Role::Spreadsheet | Role::WordProcessor => changes::hear(),
        }
    }
}

fn slot(name: &str) -> Result<Mailslot, LineError> {
    Ok(MailslotOptions::new().max_message(SLOT as u32).create(name)?)
}

fn name(job: &Job, link: Link) -> String {
    format!(r"\\.\mailslot\{}\{}", job.address, link.word())
}

fn answers_name(job: &Job, link: Link) -> String {
    format!(r"{}\answers", name(job, link))
}

/// What the conductor holds: nothing. Names are free as soon as their server is gone.
struct Names;

impl Prepared for Names {
    fn clean_up(&mut self) {
        // Whoever lists removes the dead entries of killed servers.
        let _ = ennead_mailslot::list();
    }
}

/// A slot for questions whose client has not come yet.
struct Questions {
    slot: Mailslot,
    answers: String,
}

impl Listener for Questions {
    fn accept(self: Box<Self>) -> Result<Box<dyn Line>, LineError> {
        if self.slot.read_message()? != [tag::HELLO] {
            return Err(LineError::new("the client's first word is not the agreed one"));
        }
        let outbox = ClientOptions::new().open(&self.answers)?;
        Ok(Box::new(Slots::new(self.slot, outbox)))
    }
}

/// A conversation, from either end.
struct Slots {
    inbox: Mailslot,
    outbox: Client,
    buffer: Vec<u8>,
    /// Bytes sent of which the peer has not said that it read them.
    on_their_way: u64,
    /// Bytes read of which the peer has not been told.
    untold: u64,
    /// What came while something else was waited for.
    waiting: VecDeque<Vec<u8>>,
}

impl Slots {
    fn new(inbox: Mailslot, outbox: Client) -> Slots {
        let buffer = vec![0; SLOT];
        Slots { inbox, outbox, buffer, on_their_way: 0, untold: 0, waiting: VecDeque::new() }
    }

    fn post(&mut self, tag: u8, payload: &[u8]) -> Result<(), LineError> {
        while self.on_their_way > 0 && self.on_their_way + payload.len() as u64 > WINDOW {
            let bytes = self.next()?;
            if bytes > 0 {
                self.waiting.push_back(self.buffer[..bytes].to_vec());
            }
        }
        let mut message = Vec::with_capacity(payload.len() + 1);
        message.push(tag);
        message.extend(payload);
        self.outbox.write(&message)?;
        self.on_their_way += payload.len() as u64;
        Ok(())
    }

    /// Waits for a message with this tag, and gives its payload.
    fn take(&mut self, tag: u8) -> Result<&[u8], LineError> {
        let bytes = match self.waiting.pop_front() {
            Some(message) => {
                self.buffer[..message.len()].copy_from_slice(&message);
                message.len()
            }
            None => loop {
                match self.next()? {
                    0 => {}
                    bytes => break bytes,
                }
            },
        };
        self.untold += bytes as u64 - 1;
        if self.untold >= WINDOW / 4 {
            let untold = std::mem::take(&mut self.untold);
            match self.outbox.write(&[&[tag::READ], &untold.to_le_bytes()[..]].concat()) {
                // What was read may have been the peer's last word.
                Err(error) if error.win32() != Win32Error::HANDLE_EOF => return Err(error.into()),
                _ => {}
            }
        }
        match self.buffer[..bytes].split_first() {
            Some((found, payload)) if *found == tag => Ok(payload),
            _ => Err(LineError::new("the peer's message is of another kind than agreed")),
        }
    }

    /// Reads a message into the buffer; 0 if it only said how far the peer has read.
    fn next(&mut self) -> Result<usize, LineError> {
        let bytes = self.inbox.read(&mut self.buffer)?;
        match self.buffer[..bytes].split_first() {
            Some((&tag::READ, read)) => {
                let read = read.first_chunk().map(|read| u64::from_le_bytes(*read));
                let read = read.ok_or_else(|| LineError::new("the peer's word on what it read is cut"))?;
                self.on_their_way = self.on_their_way.saturating_sub(read);
                Ok(0)
            }
            Some(_) => Ok(bytes),
            None => Err(LineError::new("the peer's message is empty")),
        }
    }
}

impl Line for Slots {
    fn send(&mut self, message: &[u8]) -> Result<(), LineError> {
        self.post(tag::MESSAGE, message)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Result<(), LineError> {
        let payload = self.take(tag::MESSAGE)?;
        if payload.len() > LONGEST_MESSAGE {
            return Err(LineError::new(format!("the peer's message has {} bytes", payload.len())));
        }
        message.clear();
        message.extend(payload);
        Ok(())
    }

    fn send_bulk(&mut self, source: &mut dyn Read, length: u64) -> Result<(), LineError> {
        send_pieces(source, length, &mut |bytes| {
            bytes.chunks(SLOT - 1).try_for_each(|piece| self.post(tag::PIECE, piece))
        })
    }

    fn receive_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
        receive_pieces(length, sink, &mut |room| {
            let payload = self.take(tag::PIECE)?;
            let Some(room) = room.get_mut(..payload.len()) else {
                return Err(LineError::new("the peer sends more than the file"));
            };
            room.copy_from_slice(payload);
            Ok(payload.len())
        })
    }
}

impl From<Error> for LineError {
    fn from(error: Error) -> LineError {
        LineError {
            reason: crate::failure::in_words(&error, error.win32()),
            peer_gone: error.win32() == Win32Error::HANDLE_EOF,
        }
    }
}
