//! Who is let into the hall, who is turned away, and who is sent away to make room.

use std::io;

use ennead_security::{AccessMask, SecurityDescriptor, Token};
use ennead_sys::mapping::Mapping;
use ennead_sys::socket::{Connection, Message};
use ennead_sys::{file, process};

use super::{FIRST, Hall, LISTENER, Place, Tenant};
use crate::error::Reason;
use crate::handshake::{self, Handshake};
use crate::ring::RingReader;
use crate::ring::layout::{self, RETIRED};
use crate::seat::{Seat, State};
use crate::security;

/// How many clients may be on their way in: connected, and nothing said yet.
const MOST_GUESTS: usize = 64;

/// Three to accept a writer with, and some to spare.
const DESCRIPTORS: usize = 4;

impl Hall {
    /// Admits everybody who waits.
    pub(super) fn accept(&mut self) {
        // Bounded: who goes on connecting keeps the listener readable, and the next turn goes on.
        for _ in 0..2 * self.most_writers.max(MOST_GUESTS) {
            if !self.make_room() {
                self.stop_listening();
                return;
            }
            match self.listener.accept() {
                Ok(Some(connection)) => self.admit(connection),
                Ok(None) => return,
                Err(error) if file::is_shortage(&error) => {
                    if !self.retire_one() {
                        self.short = true;
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(target: "ennead::mailslot", %error, "a writer could not be accepted");
                    return;
                }
            }
        }
    }

    fn admit(&mut self, connection: Connection) {
        let index = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Place::default());
            (self.seats.len() - 1) as u32
        });
        let place = &mut self.seats[index as usize];
        let mark = FIRST + (u64::from(place.generation) << 32 | u64::from(index));
        if let Err(error) = self.set.add_marked(&connection, mark) {
            tracing::warn!(target: "ennead::mailslot", %error, "a writer could not be watched");
            self.free.push(index);
            return;
        }
        place.tenant = Some(Tenant::Guest(connection));
        self.guests += 1;
        self.hear_guest(index);
        if self.guests > MOST_GUESTS {
            self.turn_away_a_guest(index);
        }
    }

    pub(super) fn hear_guest(&mut self, index: u32) {
        let Some(Tenant::Guest(connection)) = &self.seats[index as usize].tenant else { return };
        if !process::can_open(DESCRIPTORS, connection) && !self.retire_one() {
            // It stays, with what it has sent: the kernel would throw away what it cannot hand over.
            self.short = true;
            return;
        }
        let place = &mut self.seats[index as usize];
        let Some(Tenant::Guest(connection)) = &place.tenant else { return };
        let mut buffer = [0; handshake::LEN + 1];
        let greeted = match connection.receive(&mut buffer) {
            Ok(None) => return,
            Ok(Some(message)) if message.len == 0 => Ok(None),
            Ok(Some(message)) => {
                greet(&self.descriptor, self.largest_ring, connection, &buffer[..message.len], message)
                    .map(Some)
            }
            Err(source) => Err(Reason::System { step: "receive a writer's handshake", source }),
        };
        self.guests -= 1;
        match greeted {
            Ok(Some((memory, capacity))) => {
                if let Some(Tenant::Guest(connection)) = place.tenant.take() {
                    let seat = Seat::new(RingReader::new(memory, capacity), connection, self.longest_message);
                    place.tenant = Some(Tenant::Seat(Box::new(seat)));
                    self.watched.push(index);
                }
            }
            Ok(None) => self.vacate(index),
            Err(reason) => {
                tracing::warn!(target: "ennead::audit", %reason, "refused a writer of a mailslot");
                self.vacate(index);
            }
        }
    }

    /// A client that connects and says nothing takes another one's place only for as long as there are places.
    fn turn_away_a_guest(&mut self, but: u32) {
        let guest = |place: &Place| matches!(place.tenant, Some(Tenant::Guest(_)));
        let index =
            (0..self.seats.len() as u32).find(|index| *index != but && guest(&self.seats[*index as usize]));
        if let Some(index) = index {
            tracing::debug!(target: "ennead::mailslot", "a client connected and said nothing");
            self.guests -= 1;
            self.vacate(index);
        }
    }

    /// Makes sure that there is a place for one writer more.
    fn make_room(&mut self) -> bool {
        self.seats.len() - self.free.len() < self.most_writers || self.retire_one()
    }

    /// Sends a writer away that has nothing unread: it comes back with its next message.
    fn retire_one(&mut self) -> bool {
        for index in 0..self.seats.len() as u32 {
            let Some(seat) = self.seat(index) else { continue };
            if matches!(seat.state, State::Head(_)) || seat.connection.is_none() {
                continue;
            }
            seat.ring.close(RETIRED);
            seat.ring.wake();
            if seat.ring.has_news() {
                // It has just written: that is read first, and gives the place free.
                if let Some(connection) = seat.connection.take() {
                    let _ = self.set.remove(&connection);
                }
                if let Some(seat) = self.seat(index)
                    && seat.state == State::Asleep
                {
                    seat.state = State::Watched;
                    self.watched.push(index);
                }
                continue;
            }
            self.watched.retain(|other| *other != index);
            self.vacate(index);
            return true;
        }
        false
    }

    pub(super) fn listen_again(&mut self) {
        if self.make_room() && self.set.add_marked(&self.listener, LISTENER).is_ok() {
            self.listening = true;
            self.accept();
        }
    }

    fn stop_listening(&mut self) {
        if self.listening && self.set.remove(&self.listener).is_ok() {
            self.listening = false;
            tracing::debug!(target: "ennead::mailslot", "no room for more writers until what is there is read");
        }
    }
}

pub(super) fn no_room() -> Reason {
    /// EMFILE.
    const TOO_MANY_OPEN_FILES: i32 = 24;
    let source = io::Error::from_raw_os_error(TOO_MANY_OPEN_FILES);
    Reason::System { step: "take a writer's descriptors", source }
}

/// Checks a writer and takes its memory.
fn greet(
    descriptor: &SecurityDescriptor,
    largest_ring: u64,
    connection: &Connection,
    bytes: &[u8],
    message: Message,
) -> Result<(Mapping, u64), Reason> {
    if message.truncated {
        return Err(Reason::Damaged("the length of the writer's handshake"));
    }
    let hello = Handshake::decode(bytes)?;
    let peer = connection.peer().map_err(Reason::system("ask who the writer is"))?;
    let mut groups = vec![peer.gid];
    groups.extend(&peer.groups);
    let token = Token::unix(peer.uid, &groups);
    // Whatever it says: what it does is to write.
    security::check(descriptor, &token, AccessMask(hello.access) | security::WRITE)?;
    let [memory]: [_; 1] = message
        .descriptors
        .try_into()
        .map_err(|_| Reason::Damaged("the number of descriptors in the writer's handshake"))?;
    layout::open(memory, largest_ring)
}
