//! The application protocol over a line, counted.

use std::io::Read;

use super::job::{Account, Traffic};
use super::line::{Line, LineError};
use super::protocol::Message;

/// One end of a conversation.
pub struct Talk {
    line: Box<dyn Line>,
    account: Account,
    buffer: Vec<u8>,
}

impl Talk {
    /// Begins one.
    pub fn new(line: Box<dyn Line>) -> Talk {
        Talk { line, account: Account::default(), buffer: Vec::new() }
    }

    /// Sends a message.
    pub fn say(&mut self, message: &Message) -> Result<(), LineError> {
        let bytes = message.encode();
        self.line.send(&bytes)?;
        self.account.sent.add(1, bytes.len() as u64);
        Ok(())
    }

    /// Waits for the peer's next message.
    pub fn hear(&mut self) -> Result<Message, LineError> {
        self.line.receive(&mut self.buffer)?;
        self.account.received.add(1, self.buffer.len() as u64);
        Ok(Message::decode(&self.buffer)?)
    }

    /// Sends a file's stream.
    pub fn say_bulk(&mut self, source: &mut dyn Read, length: u64) -> Result<(), LineError> {
        self.line.send_bulk(source, length)?;
        self.account.sent.add(0, length);
        Ok(())
    }

    /// Receives a file's stream.
    pub fn hear_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
        self.line.receive_bulk(length, sink)?;
        self.account.received.add(0, length);
        Ok(())
    }

    /// See [`Line::digest_of_sender`].
    pub fn digest_of_sender(&self) -> Option<&str> {
        self.line.digest_of_sender()
    }

    /// What went over it so far.
    pub fn account(&self) -> Account {
        self.account.clone()
    }
}

impl Account {
    /// Both conversations of a program that had two.
    pub fn and(mut self, other: &Account) -> Account {
        self.sent.add(other.sent.messages, other.sent.bytes);
        self.received.add(other.received.messages, other.received.bytes);
        self
    }
}

impl Traffic {
    /// Counts more.
    pub fn add(&mut self, messages: u64, bytes: u64) {
        self.messages = self.messages.saturating_add(messages);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
