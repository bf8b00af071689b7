//! What the conductor tells a program of the tour, and what that program tells back.
//!
//! The job is one line of JSON on the program's standard input, the inventory's bytes after it. Standard input then stays
//! open as a lifeline: its end means that the conductor is gone, killed perhaps, and the program ends too. Reports are
//! lines of JSON on standard output.

use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};

use super::summary::Summary;

/// One of the three programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Knows what is on stock.
    Inventory,
    /// Makes a table of it.
    Spreadsheet,
    /// Wants the table for its document.
    WordProcessor,
}

impl Role {
    /// All of them, servers first: in this order they are started.
    pub const ALL: [Role; 3] = [Role::Inventory, Role::Spreadsheet, Role::WordProcessor];

    /// As the command line has it.
    pub fn argument(self) -> &'static str {
        match self {
            Role::Inventory => "inventory",
            Role::Spreadsheet => "spreadsheet",
            Role::WordProcessor => "word-processor",
        }
    }

    /// As a sentence has it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Inventory => "the inventory program",
            Role::Spreadsheet => "the spreadsheet",
            Role::WordProcessor => "the word processor",
        }
    }
}

/// What a program has to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Which leg, by the name that `mechanisms.rs` gives it.
    pub leg: String,
    /// A fresh name for what the leg publishes.
    pub address: String,
    /// The file to move: its path's bytes.
    pub file: Vec<u8>,
    /// Its length.
    pub file_length: u64,
    /// What the inventory program opens before it answers: a FIFO holds all three there.
    pub hold: Option<Vec<u8>>,
    /// How many bytes of inventory follow this line; 0 for all but the inventory program.
    pub inventory_length: u64,
}

/// What a program has to say.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// Its clients may connect.
    Ready,
    /// This much of the file has arrived.
    Progress(u64),
    /// It is done.
    Done(Account),
    /// It failed.
    Failed { reason: String, peer_gone: bool },
}

/// What a program did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Messages and bytes that it sent, the file's stream included.
    pub sent: Traffic,
    /// And that it received.
    pub received: Traffic,
    /// Only the word processor: what it holds in the end.
    pub outcome: Option<Box<Outcome>>,
}

/// Messages and bytes, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Messages; the file's stream is none.
    pub messages: u64,
    /// Bytes, of messages and the file.
    pub bytes: u64,
}

/// What the word processor holds in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The table that arrived.
    pub summary: Summary,
    /// Bytes of the file that arrived.
    pub file_length: u64,
    /// BLAKE3 of them, in hexadecimal.
    pub file_digest: String,
    /// From the question to the last line of the table.
    pub table_nanoseconds: u64,
    /// From the question to the file's last byte, hashed.
    pub file_nanoseconds: u64,
}

impl Job {
    /// Tells it to a program.
    pub fn tell(&self, to: &mut impl Write, inventory: &[u8]) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)?;
        to.write_all(inventory)?;
        to.flush()
    }

    /// Hears it, and the inventory.
    pub fn hear(from: &mut impl BufRead) -> io::Result<(Job, Vec<u8>)> {
        let mut line = Vec::new();
        from.take(1 << 20).read_until(b'\n', &mut line)?;
        let job: Job = serde_json::from_slice(&line)?;
        let mut inventory = Vec::new();
        from.take(job.inventory_length).read_to_end(&mut inventory)?;
        if inventory.len() as u64 != job.inventory_length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok((job, inventory))
    }
}

impl Report {
    /// Says it.
    pub fn say(&self, to: &mut impl Write) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        to.write_all(&line)?;
        to.flush()
    }
}
