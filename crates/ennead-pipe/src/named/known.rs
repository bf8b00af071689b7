//! Pipes that were opened before: what never changes of their entries, and the entries' files, without a hold on their names.
//!
//! A socket's name is never used again, and a name is held while any process serves it: so a connection that is made to a
//! socket that a known entry tells of is one to the pipe of that name. Whenever anything fails, the name is looked up anew.

use std::fs::File;
use std::sync::Arc;

use ennead_namespace::Scope;
use ennead_security::SecurityDescriptor;
use ennead_sys::file;

use super::error::Reason;
use super::layout::{RECORD_LEN, RECORDS, Record, Traits, record_at};
use super::lending::Lending;
use super::place::Place;
use super::snapshot::{self, Reached, Snapshot};

/// See the module.
#[derive(Debug)]
pub(super) struct Known {
    scope: Scope,
    pub entry: u64,
    pub traits: Traits,
    pub descriptor: SecurityDescriptor,
    file: File,
    records: u64,
    /// What is kept of connections with this pipe.
    pub lending: Arc<Lending>,
}

/// How many records the first read takes; whoever has more listening sockets is looked up anew.
const FIRST: u32 = 16;
const _: () = assert!(FIRST <= RECORDS);

impl Known {
    /// What a snapshot says that lasts. `before`: what was known of the name.
    pub fn from_snapshot(
        snapshot: &Snapshot,
        descriptor: SecurityDescriptor,
        before: Option<&Self>,
    ) -> std::io::Result<Self> {
        let before = before.filter(|before| before.entry == snapshot.entry.id());
        Ok(Self {
            scope: snapshot.scope,
            entry: snapshot.entry.id(),
            traits: snapshot.traits,
            descriptor,
            // The same description; the entry's drop releases its locks, whoever else has it open.
            file: snapshot.entry.file().try_clone()?,
            records: snapshot.entry.header().body.0 + record_at(0) as u64,
            lending: before.map(|before| Arc::clone(&before.lending)).unwrap_or_default(),
        })
    }

    /// Connects to the first listening socket that admits this client; says whose it is. An error only says that the name must be looked up.
    pub fn connect(&self, place: &Place) -> Result<Reached, Reason> {
        let mut bytes = [0; FIRST as usize * RECORD_LEN];
        file::read_at(&self.file, &mut bytes, self.records)
            .map_err(Reason::system("read the pipe's entry"))?;
        for (n, bytes) in bytes.chunks_exact(RECORD_LEN).enumerate() {
            let Some(record) = Record::from_bytes(bytes).filter(|record| record.listener != 0) else {
                continue;
            };
            let made = snapshot::at(
                place,
                self.scope,
                self.entry,
                n as u32,
                &record,
                record.listener,
                ennead_sys::socket::Connection::to,
            );
            if let Ok(connection) = made {
                return Reached::new(connection, &record);
            }
        }
        Err(Reason::NoneListening)
    }
}
