//! The door of a pipe in one process: listening sockets that admit exactly as many clients as instances listen.
//!
//! Each listening socket (a *desk*) admits a number of connections, counted by the kernel; the next one is refused at
//! once, which is ERROR_PIPE_BUSY. The count is lowered *before* a connection is accepted, for a freed place would admit
//! one too many. A socket admits one at least, so the last place is closed by refusing new connections for good
//! (`shutdown`), and the next instance that listens gets a fresh socket under a fresh name.
//!
//! A client sends its handshake right after it has connected. One that was accepted before its handshake came is a
//! *guest*: it keeps its place, but for a tenth of a second only, so that one who says nothing cannot keep others out. An
//! honest client that was stopped for so long notices, and connects anew.
//!
//! Who waits for an instance (`WaitNamedPipe`) sits in the *waiting room*, a socket that nobody talks over: it is closed
//! by the server when an instance listens, and by the kernel when the server dies.

mod desks;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering as Order;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ennead_namespace::{Entry, Protection, SocketFolder, SocketName};
use ennead_sys::futex::{self, Scope};
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::process;
use ennead_sys::readiness::{Alarm, WatchSet};
use ennead_sys::socket::{self, Connection, Listener, Message};

use super::error::Reason;
use super::handshake;
use super::layout::{Record, Records};

/// How long a client may take between its connection and its handshake.
const GRACE: Duration = Duration::from_millis(100);

/// How many clients one look at the door turns away.
const MOST_REFUSED: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Door {
    inner: Mutex<Inner>,
    set: Arc<WatchSet>,
    alarm: Alarm,
    room: Listener,
    room_name: SocketName,
    sockets: SocketFolder,
    protection: Protection,
    most_waiting: u32,
    /// The record that counts this process's instances and names its waiting room.
    home: u32,
    entry: Arc<Entry>,
}

#[derive(Debug)]
struct Inner {
    /// Instances that listen and have no client yet.
    listening: u32,
    /// INVARIANT, outside `settle` and `take`: the desks' places and the guests together are `listening`.
    desks: Vec<Desk>,
    guests: Vec<Guest>,
    /// Records that this process holds and no desk uses.
    spare: Vec<u32>,
}

#[derive(Debug)]
struct Desk {
    record: u32,
    name: SocketName,
    listener: Listener,
    places: u32,
}

#[derive(Debug)]
struct Guest {
    connection: Connection,
    until: Instant,
}

impl Door {
    /// A door with a waiting room and no desk. `home` is a record of `entry` that this process holds.
    pub fn open(
        entry: Arc<Entry>,
        sockets: SocketFolder,
        protection: Protection,
        home: u32,
    ) -> Result<Self, Reason> {
        // Also removes what a killed holder of the record left.
        let room_name = sockets.new_name(&entry, home).map_err(Reason::Namespace)?;
        let most_waiting = socket::most_waiting();
        let room = bind(&sockets, &protection, &room_name)?;
        room.admit(most_waiting).map_err(Reason::system("listen in the waiting room"))?;
        let (set, alarm) = watch().map_err(Reason::system("watch the pipe's sockets"))?;
        let records = Records(entry.body().map_err(Reason::Namespace)?);
        let record = Record {
            listener: 0,
            room: room_name.token,
            uid: room_name.uid,
            instances: 0,
            pid: process::id(),
        };
        records.write(home, &record);
        announce(&records);
        let inner = Inner { listening: 0, desks: Vec::new(), guests: Vec::new(), spare: vec![home] };
        Ok(Self {
            inner: Mutex::new(inner),
            set,
            alarm,
            room,
            room_name,
            sockets,
            protection,
            most_waiting,
            home,
            entry,
        })
    }

    /// An instance listens: one client more may come.
    pub fn offer(&self) -> Result<(), Reason> {
        let mut inner = self.lock();
        inner.listening += 1;
        let settled = self.settle(&mut inner);
        inner.listening -= u32::from(settled.is_err());
        settled
    }

    /// A listening instance goes without having taken a client.
    pub fn withdraw(&self) {
        let mut inner = self.lock();
        inner.listening = inner.listening.saturating_sub(1);
        if let Err(error) = self.settle(&mut inner) {
            tracing::warn!(target: "ennead::pipe", %error, "a listening socket could not be lowered");
        }
    }

    /// Takes a client whose handshake has come and whom `greet` accepts, for an instance that listens; `None` if there is
    /// none now.
    pub fn take<T>(
        &self,
        mut greet: impl FnMut(&Connection, &[u8], Message) -> Result<T, Reason>,
    ) -> Result<Option<T>, Reason> {
        let mut inner = self.lock();
        if inner.listening == 0 {
            return Ok(None);
        }
        // An earlier attempt may have failed half-way, for want of descriptors: its place is offered again.
        self.settle(&mut inner)?;
        // Who sends many liars keeps nobody in here: the door stays readable, and the caller looks at its deadline.
        for _ in 0..MOST_REFUSED {
            if let Some(client) = self.take_guest(&mut inner, &mut greet)? {
                return Ok(Some(client));
            }
            let Some(connection) = self.accept(&mut inner)? else { return Ok(None) };
            match hear(&connection, &mut greet) {
                Heard::Client(client) => {
                    inner.listening -= 1;
                    turn_away_surplus(&mut inner);
                    return Ok(Some(client));
                }
                Heard::Nothing => {
                    self.set.add(&connection).map_err(Reason::system("watch a client"))?;
                    inner.guests.push(Guest { connection, until: Instant::now() + GRACE });
                    self.set_alarm(&inner)?;
                }
                Heard::Refused => self.settle(&mut inner)?,
                Heard::NoRoom => {
                    // With what it has sent, for when there is room again.
                    inner.guests.push(Guest { connection, until: Instant::now() + GRACE });
                    return Err(no_room());
                }
            }
        }
        Ok(None)
    }

    fn take_guest<T>(
        &self,
        inner: &mut Inner,
        greet: &mut impl FnMut(&Connection, &[u8], Message) -> Result<T, Reason>,
    ) -> Result<Option<T>, Reason> {
        if inner.guests.is_empty() {
            return Ok(None);
        }
        let now = Instant::now();
        let before = inner.guests.len();
        let mut client = None;
        let mut at = 0;
        while at < inner.guests.len() && client.is_none() {
            let guest = &inner.guests[at];
            match hear(&guest.connection, greet) {
                Heard::Nothing if now < guest.until => {
                    at += 1;
                    continue;
                }
                Heard::Nothing => {
                    tracing::debug!(target: "ennead::pipe", "a client connected and said nothing");
                }
                Heard::NoRoom => return Err(no_room()),
                Heard::Refused => {}
                Heard::Client(taken) => client = Some(taken),
            }
            inner.guests.remove(at);
        }
        let mut settled = Ok(());
        if inner.guests.len() < before {
            inner.listening -= u32::from(client.is_some());
            settled = self.settle(inner);
        }
        match (settled.and_then(|()| self.set_alarm(inner)), client) {
            (Err(reason), None) => Err(reason),
            // One who was taken is not lost; the next take settles what is left to settle.
            (_, client) => Ok(client),
        }
    }

    /// Accepts a connection that waits at a desk, with its place closed.
    fn accept(&self, inner: &mut Inner) -> Result<Option<Connection>, Reason> {
        const ACCEPT: &str = "accept a client";
        let mut at = 0;
        while at < inner.desks.len() {
            let desk = &mut inner.desks[at];
            if !is_readable(&desk.listener)? {
                at += 1;
                continue;
            }
            if desk.places > 1 {
                desk.listener.admit(desk.places - 1).map_err(Reason::system("lower the listening socket"))?;
                match desk.listener.accept() {
                    Ok(Some(connection)) => {
                        desk.places -= 1;
                        return Ok(Some(connection));
                    }
                    outcome => {
                        desk.listener
                            .admit(desk.places)
                            .map_err(Reason::system("raise the listening socket"))?;
                        outcome.map_err(Reason::system(ACCEPT))?;
                        at += 1;
                        continue;
                    }
                }
            }
            desk.listener.refuse().map_err(Reason::system("close the listening socket"))?;
            // At a descriptor limit the desk stays, refusing, with the client in its queue; the next take tries again.
            let accepted = desk.listener.accept().map_err(Reason::system(ACCEPT))?;
            let desk = inner.desks.swap_remove(at);
            self.close(inner, &desk);
            match accepted {
                Some(connection) => return Ok(Some(connection)),
                // Readable, and nobody there: not seen on a Unix socket, but its place must be offered again.
                None => self.settle(inner)?,
            }
        }
        Ok(None)
    }

    /// Tells those in the waiting room to look again, and where it was full, or this process has no descriptor left to call
    /// them with, those who found no seat in it too.
    fn call_in(&self) {
        let mut called = 0;
        let called_all = loop {
            match is_readable(&self.room).map(|readable| readable.then(|| self.room.accept())) {
                Ok(Some(Ok(Some(_)))) => called += 1,
                Ok(None | Some(Ok(None))) => break true,
                Ok(Some(Err(_))) | Err(_) => break false,
            }
        };
        if called >= self.most_waiting || !called_all {
            // On failure there is no entry, and so nobody who waits for it.
            let _ = self.entry.body().map(|body| announce(&Records(body)));
        }
    }

    fn set_alarm(&self, inner: &Inner) -> Result<(), Reason> {
        let next = inner.guests.iter().map(|guest| guest.until).min();
        let delay = next.map(|until| until.saturating_duration_since(Instant::now()));
        self.alarm.set(delay).map_err(Reason::system("set an alarm"))
    }

    /// What is readable when `take` may find somebody, for who watches it without keeping the door.
    pub fn watched(&self) -> Arc<WatchSet> {
        Arc::clone(&self.set)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Readable when `take` may find somebody.
impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let mut inner = self.lock();
        while let Some(desk) = inner.desks.pop() {
            self.close(&mut inner, &desk);
        }
        let _ = self.sockets.remove(&self.room_name);
        if let Ok(body) = self.entry.body() {
            let nothing = Record { listener: 0, room: 0, uid: 0, instances: 0, pid: 0 };
            for record in &inner.spare {
                Records(body).write(*record, &nothing);
                let _ = self.entry.unlock_slot(*record);
            }
        }
    }
}

/// Tells all who wait for an instance, in a waiting room or not, to look again.
fn announce(records: &Records<'_>) {
    records.arrivals().fetch_add(1, Order::AcqRel);
    futex::wake(records.arrivals(), i32::MAX as u32, Scope::Shared);
}

/// Guests for whom no instance is left; those who have kept it waiting longest go first.
fn turn_away_surplus(inner: &mut Inner) {
    let surplus = inner.guests.len().saturating_sub(inner.listening as usize);
    inner.guests.drain(..surplus);
}

enum Heard<T> {
    Client(T),
    Nothing,
    Refused,
    /// There are not enough descriptors left to take what it sends; the kernel would throw them away.
    NoRoom,
}

fn no_room() -> Reason {
    let source = std::io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES);
    Reason::System { step: "take a client's descriptors", source }
}

/// EMFILE.
const TOO_MANY_OPEN_FILES: i32 = 24;

/// Three come with the handshake, the doorbells are opened afresh, and some to spare.
const DESCRIPTORS: usize = 8;

fn hear<T>(
    connection: &Connection,
    greet: &mut impl FnMut(&Connection, &[u8], Message) -> Result<T, Reason>,
) -> Heard<T> {
    if !process::can_open(DESCRIPTORS, connection) {
        return Heard::NoRoom;
    }
    let mut buffer = [0; handshake::MAX_LEN + 1];
    let greeted = match connection.receive(&mut buffer) {
        Ok(None) => return Heard::Nothing,
        Ok(Some(message)) if message.len == 0 => return Heard::Refused,
        Ok(Some(message)) if message.truncated => Err(Reason::Damaged("the length of a client's handshake")),
        Ok(Some(message)) => greet(connection, &buffer[..message.len], message),
        Err(error) => Err(Reason::System { step: "receive a client's handshake", source: error }),
    };
    greeted.map_or_else(
        |reason| {
            tracing::warn!(target: "ennead::audit", %reason, "refused a pipe client");
            Heard::Refused
        },
        Heard::Client,
    )
}

fn bind(sockets: &SocketFolder, protection: &Protection, name: &SocketName) -> Result<Listener, Reason> {
    let listener = Listener::bind(&sockets.path(name)).map_err(Reason::system("bind a socket"))?;
    if let Err(error) = sockets.protect(name, protection) {
        let _ = sockets.remove(name);
        return Err(Reason::Namespace(error));
    }
    Ok(listener)
}

fn watch() -> std::io::Result<(Arc<WatchSet>, Alarm)> {
    let (set, alarm) = (Arc::new(WatchSet::new()?), Alarm::new()?);
    set.add(&alarm)?;
    Ok((set, alarm))
}

fn is_readable(fd: &impl AsFd) -> Result<bool, Reason> {
    let mut watches = [Watch::new(fd, Interest::Readable)];
    poll::wait(&mut watches, Some(Instant::now())).map_err(Reason::system("poll a socket"))
}
