//! File mapping. The questions and answers go through rings in named shared memory; the file is mapped by its owner under a name, and the other maps the same bytes.
//! Then the three programs change one cost table together, which is guarded by the mutex that lies beside it.

mod costs;

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use ennead_mapping::{
    Error, FileMapping, GRANULARITY, MappingOptions, PageProtection, Presence, Present, Ring, View,
    ViewAccess, ViewError, ViewOptions, rights,
};
use ennead_status::Win32Error;

use crate::tour::job::{Job, Role};
use crate::tour::line::{BULK, Leg, Line, LineError, Link, Listener, Prepared};
use crate::tour::protocol::LONGEST_MESSAGE;
use crate::tour::summary::Summary;

/// The leg.
pub struct Mapping;

/// Messages that a ring holds.
const SLOTS: u32 = 16;
/// What is mapped of a file at a time.
const PIECE: u64 = 64 << 20;

impl Leg for Mapping {
    fn prepare(&self, _address: &str) -> Result<Box<dyn Prepared>, LineError> {
        Ok(Box::new(Names))
    }

    fn listen(&self, job: &Job, link: Link) -> Result<Box<dyn Listener>, LineError> {
        let memory = MappingOptions::memory(Places::size()).create(&name(job, link))?;
        let places = Places::new(memory.view(ViewAccess::Write)?)?;
        let here = places.server.enter()?;
        let costs = (link == Link::Table).then(|| costs::Costs::create(job)).transpose()?;
        Ok(Box::new(Server { places, here, file: file_name(job), source: job.file.clone(), costs }))
    }

    fn connect(&self, job: &Job, link: Link) -> Result<Box<dyn Line>, LineError> {
        let memory = FileMapping::open(&name(job, link), rights::ALL_ACCESS)?;
        let Places { server, client, to_server, to_client } = Places::new(memory.view(ViewAccess::Write)?)?;
        let here = client.enter()?;
        Ok(Box::new(Rings {
            receive: to_client,
            send: to_server,
            other: server,
            met: true,
            file: file_name(job),
            source: job.file.clone(),
            digest: None,
            _here: here,
            _costs: None,
        }))
    }

    fn beside(&self, role: Role, job: &Job, summary: Option<&Summary>) -> Result<(), LineError> {
        costs::change_together(role, job, summary)
    }
}

fn name(job: &Job, link: Link) -> String {
    format!("Local\\{}-{}", job.address, link.word())
}

fn file_name(job: &Job) -> String {
    format!("Local\\{}-file", job.address)
}

/// What the conductor holds: nothing. Names are free as soon as nobody has them.
struct Names;

impl Prepared for Names {
    fn clean_up(&mut self) {
        // Whoever lists removes what killed programs left.
        let _ = ennead_mapping::list();
    }
}

/// What lies in a link's memory.
struct Places {
    server: Presence,
    client: Presence,
    to_server: Ring,
    to_client: Ring,
}

impl Places {
    fn size() -> u64 {
        (2 * Presence::size() + 2 * Ring::size(SLOTS, LONGEST_MESSAGE)) as u64
    }

    fn new(view: View) -> Result<Places, LineError> {
        let (view, page) = (Arc::new(view), Presence::size());
        let ring = |number: usize| {
            let at = 2 * page + number * Ring::size(SLOTS, LONGEST_MESSAGE);
            Ring::new(&view, at, SLOTS, LONGEST_MESSAGE)
        };
        Ok(Places {
            server: Presence::new(&view, 0)?,
            client: Presence::new(&view, page)?,
            to_server: ring(0)?,
            to_client: ring(1)?,
        })
    }
}

/// The memory, published.
struct Server {
    places: Places,
    here: Present,
    file: String,
    source: Vec<u8>,
    costs: Option<costs::Costs>,
}

impl Listener for Server {
    fn accept(self: Box<Self>) -> Result<Box<dyn Line>, LineError> {
        let Places { client, to_server, to_client, .. } = self.places;
        Ok(Box::new(Rings {
            receive: to_server,
            send: to_client,
            other: client,
            met: false,
            file: self.file,
            source: self.source,
            digest: None,
            _here: self.here,
            _costs: self.costs,
        }))
    }
}

/// A conversation, from either end.
struct Rings {
    receive: Ring,
    send: Ring,
    other: Presence,
    /// Whether the other has been there: before it has come, its absence means nothing.
    met: bool,
    /// The name that the file is mapped under.
    file: String,
    /// The path of the file.
    source: Vec<u8>,
    digest: Option<String>,
    _here: Present,
    _costs: Option<costs::Costs>,
}

impl Line for Rings {
    fn send(&mut self, message: &[u8]) -> Result<(), LineError> {
        Ok(self.send.push_while(message, &self.other)?)
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Result<(), LineError> {
        if self.met {
            self.receive.pop_while(message, &self.other)?;
        } else {
            self.receive.pop(message, None)?;
            self.met = true;
        }
        Ok(())
    }

    /// Both ends have the file at the same time: this one maps it under a name, says so, and hashes what it sees; then it waits until the other has seen it too.
    fn send_bulk(&mut self, _source: &mut dyn Read, length: u64) -> Result<(), LineError> {
        let file = File::open(Path::new(OsStr::from_bytes(&self.source)))?;
        let how = MappingOptions::file(&file).protection(PageProtection::ReadOnly);
        // There is no mapping of nothing.
        let mapping = (length > 0).then(|| how.size(length).create(&self.file)).transpose()?;
        self.send(b"mapped")?;
        let mut hasher = blake3::Hasher::new();
        if let Some(mapping) = &mapping {
            read_all(mapping, length, &mut |piece| {
                hasher.update(piece);
            })?;
        }
        self.send(hasher.finalize().to_hex().as_bytes())?;
        self.receive(&mut Vec::new())
    }

    fn receive_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
        let mut message = Vec::new();
        self.receive(&mut message)?;
        if length > 0 {
            read_all(&FileMapping::open(&self.file, rights::READ)?, length, sink)?;
        }
        self.receive(&mut message)?;
        self.digest = Some(String::from_utf8_lossy(&message).into_owned());
        self.send(b"seen")
    }

    fn digest_of_sender(&self) -> Option<&str> {
        self.digest.as_deref()
    }
}

/// Copies all of the file out of views, one behind the other.
fn read_all(mapping: &FileMapping, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
    let mut buffer = vec![0; BULK];
    let mut at = 0;
    while at < length {
        // A multiple of the granularity, so that the next view may begin behind it.
        let len = (length - at).min(PIECE.next_multiple_of(GRANULARITY)) as usize;
        let view = mapping.view_with(&ViewOptions::new(ViewAccess::Read).offset(at).len(len))?;
        let mut done = 0;
        while done < len {
            let room = BULK.min(len - done);
            view.read(done, &mut buffer[..room])?;
            sink(&buffer[..room]);
            done += room;
        }
        at += len as u64;
    }
    Ok(())
}

impl From<Error> for LineError {
    fn from(error: Error) -> LineError {
        let gone = [Win32Error::BROKEN_PIPE, Win32Error::ABANDONED_WAIT_0];
        LineError {
            reason: crate::failure::in_words(&error, error.win32()),
            peer_gone: gone.contains(&error.win32()),
        }
    }
}

impl From<ViewError> for LineError {
    fn from(error: ViewError) -> LineError {
        LineError::new(crate::failure::in_words(&error, error.win32()))
    }
}
