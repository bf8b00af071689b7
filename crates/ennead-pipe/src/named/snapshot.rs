//! A pipe as a client sees it: what its entry says at one moment.

use std::path::Path;

use ennead_namespace::{Entry, Kind, Name, Scope, SocketName, Wanted};
use ennead_sys::file;
use ennead_sys::socket::{ConnectError, Connection, Peer, Probe, Seat};

use super::error::Reason;
use super::layout::{self, RECORD_LEN, RECORDS, Record, Traits, record_at};
use super::lending::ServerProcess;
use super::name::PipeName;
use super::place::Place;

/// How often sockets are tried while they change. Only a server that writes nonsense into its entry changes them for so long
/// and admits nobody, and an open does not wait.
pub(super) const MOST_ROUNDS: u32 = 200;

/// A server that has been connected to.
#[derive(Debug)]
pub(super) struct Reached {
    pub connection: Connection,
    pub peer: Peer,
    pub process: ServerProcess,
}

impl Reached {
    /// By the socket that a record tells of.
    pub fn new(connection: Connection, record: &Record) -> Result<Self, Reason> {
        let peer = connection.peer().map_err(Reason::system("ask who the server is"))?;
        let process = ServerProcess { room: record.room, pid: peer.pid };
        Ok(Self { connection, peer, process })
    }
}

/// An entry held open, with a copy of its body.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub place: Place,
    pub scope: Scope,
    pub entry: Entry,
    pub traits: Traits,
    records: Vec<(u32, Record)>,
}

impl Snapshot {
    /// Looks the name up. [`Reason::NotFound`] if nobody holds it.
    pub fn take(place: &Place, name: &PipeName) -> Result<Self, Reason> {
        if name.host().is_some() {
            return Err(Reason::Remote);
        }
        let wide = Name::new(name.as_str()).map_err(|_| Reason::Name(super::name::NameError::Empty))?;
        let roots = place.roots();
        let found = if name.is_local() {
            roots.local.open(Kind::PIPE, &wide, Wanted::Read).map(|entry| (Scope::Local, entry))
        } else {
            roots.open_entry(Kind::PIPE, &wide, Wanted::Read)
        };
        let (scope, entry) = found.map_err(Reason::from_open)?;
        let (traits, records) = read(&entry)?;
        Ok(Self { place: place.clone(), scope, entry, traits, records })
    }

    /// Reads the records again; says whether any of them changed.
    pub fn refresh(&mut self) -> Result<bool, Reason> {
        let (_, records) = read(&self.entry)?;
        let changed = records != self.records;
        self.records = records;
        Ok(changed)
    }

    /// The records in use whose processes live.
    pub fn live(&self) -> impl Iterator<Item = Result<(u32, Record), Reason>> + '_ {
        self.records.iter().filter_map(|&(n, record)| match self.entry.slot_is_held(n) {
            Ok(true) => Some(Ok((n, record))),
            Ok(false) => None,
            Err(error) => Some(Err(Reason::Namespace(error))),
        })
    }

    /// Whether any process serves the pipe.
    pub fn is_served(&self) -> Result<bool, Reason> {
        self.live().next().transpose().map(|first| first.is_some())
    }

    /// How many instances live processes have.
    pub fn instances(&self) -> Result<u32, Reason> {
        self.live().try_fold(0u32, |sum, live| Ok(sum.saturating_add(live?.1.instances)))
    }

    /// Connects to the first listening socket that admits this client; [`Reason::NoneListening`] if none does.
    pub fn connect(&mut self) -> Result<Reached, Reason> {
        let mut round = 0;
        loop {
            round += 1;
            for &(n, record) in &self.records {
                if record.listener == 0 {
                    continue;
                }
                match self.at(n, &record, record.listener, Connection::to) {
                    Err(ConnectError::Full | ConnectError::Refused | ConnectError::Missing) => {}
                    other => return Reached::new(other.map_err(refused)?, &record),
                }
            }
            // A socket may have been replaced while it was tried.
            if !self.refresh()? || round == MOST_ROUNDS {
                return Err(if self.is_served()? { Reason::NoneListening } else { Reason::NotFound });
            }
        }
    }

    /// Whether a client would be admitted now. Takes nobody's place.
    pub fn has_place(&mut self, probe: &Probe) -> Result<bool, Reason> {
        let mut round = 0;
        loop {
            round += 1;
            for &(n, record) in &self.records {
                if record.listener == 0 {
                    continue;
                }
                match self.at(n, &record, record.listener, |path| probe.ask(path)) {
                    Ok(Seat::Free) => return Ok(true),
                    Ok(Seat::Taken)
                    | Err(ConnectError::Full | ConnectError::Refused | ConnectError::Missing) => {}
                    Err(other) => return Err(refused(other)),
                }
            }
            if !self.refresh()? || round == MOST_ROUNDS {
                return if self.is_served()? { Ok(false) } else { Err(Reason::NotFound) };
            }
        }
    }

    /// Enters every waiting room there is. The second value: a room of a live process is closed, so that process is about to end or has only begun; nobody
    /// will call who sleeps now.
    pub fn enter_rooms(&self) -> Result<(Vec<Connection>, bool), Reason> {
        let mut seats = Vec::new();
        let mut closed = false;
        for live in self.live() {
            let (n, record) = live?;
            if record.room == 0 {
                continue;
            }
            match self.at(n, &record, record.room, Connection::to) {
                Ok(seat) => seats.push(seat),
                // Crowded out; the other rooms and the arrivals are still listened to.
                Err(ConnectError::Full) => {}
                // A process that is killed loses its sockets and its locks one after the other.
                Err(ConnectError::Refused | ConnectError::Missing) => closed = true,
                Err(other) => return Err(refused(other)),
            }
        }
        Ok((seats, closed))
    }

    fn at<T>(
        &self,
        n: u32,
        record: &Record,
        token: u64,
        act: impl FnMut(&Path) -> Result<T, ConnectError>,
    ) -> Result<T, ConnectError> {
        at(&self.place, self.scope, self.entry.id(), n, record, token, act)
    }
}

/// Does something with the socket that a record of an entry tells of.
pub(super) fn at<T>(
    place: &Place,
    scope: Scope,
    entry: u64,
    slot: u32,
    record: &Record,
    token: u64,
    mut act: impl FnMut(&Path) -> Result<T, ConnectError>,
) -> Result<T, ConnectError> {
    let name = SocketName { uid: record.uid, slot, entry, token };
    let folder = place.folder(scope, &name).map_err(|error| match error {
        ennead_namespace::EntryError::NotFound => ConnectError::Missing,
        other => ConnectError::Other(std::io::Error::other(other)),
    })?;
    let outcome = act(&folder.path(&name));
    if matches!(outcome, Err(ConnectError::Missing)) {
        place.forget_folders();
    }
    outcome
}

fn refused(error: ConnectError) -> Reason {
    match error {
        ConnectError::Denied => Reason::Denied("the rights of the pipe's socket"),
        ConnectError::Other(source) => Reason::System { step: "connect to the pipe's server", source },
        ConnectError::Full | ConnectError::Refused | ConnectError::Missing => Reason::NoneListening,
    }
}

/// A copy of the body, cheaper than a mapping. A record that changes meanwhile is noticed when it is used.
fn read(entry: &Entry) -> Result<(Traits, Vec<(u32, Record)>), Reason> {
    if entry.body_tag() != layout::TAG {
        return Err(Reason::Damaged("the kind of the pipe's entry"));
    }
    if entry.body_version() != layout::VERSION {
        return Err(Reason::Version { theirs: entry.body_version(), ours: layout::VERSION });
    }
    let mut bytes = [0; layout::LEN as usize];
    let read = file::read_at(entry.file(), &mut bytes, entry.header().body.0)
        .map_err(Reason::system("read the pipe's entry"))?;
    if read < bytes.len() {
        return Err(Reason::Damaged("the length of the pipe's entry"));
    }
    let traits = bytes.first_chunk().ok_or(Reason::Damaged("the pipe's entry"))?;
    let traits = Traits::decode(traits)?;
    let records = (0..RECORDS)
        .filter_map(|n| Some((n, Record::from_bytes(bytes.get(record_at(n)..record_at(n) + RECORD_LEN)?)?)))
        .filter(|(_, record)| record.is_used())
        .collect();
    Ok((traits, records))
}
