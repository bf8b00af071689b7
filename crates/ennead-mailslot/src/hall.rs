//! The writers of a mailslot, as the server has them: who comes, who rings, who is gone, and whose message is next.
//!
//! # Turns
//! A turn begins with a look at the clock, then at what the kernel says (who has come, rung or gone), then at each watched ring. Until the
//! next turn only messages stamped before this one began are delivered, the earliest first. Suppose that message *a* was
//! committed before the write of *b* began, and *b* is stamped before the turn: then *a* was committed before the turn's
//! looks, so it was found, and its stamp is earlier. So *b* does not overtake it.
//!
//! A ring that nobody reads for several turns is put to sleep: its writer rings at the next message.
//!
//! # Sleep
//! Nobody may sleep while a ring is watched or a message stands in line: whoever leaves the hall in that state with others asleep sets
//! the bell.

mod admission;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use ennead_channel::Spin;
use ennead_security::SecurityDescriptor;
use ennead_sys::eventfd::EventFd;
use ennead_sys::readiness::WatchSet;
use ennead_sys::socket::{Connection, Listener};
use ennead_sys::{clock, cpu};

use crate::error::Reason;
use crate::ring::Violation;
use crate::ring::layout::CLOSED;
use crate::seat::{Seat, State};
use admission::no_room;

/// Marks of the watch set's members; seats follow.
const LISTENER: u64 = 0;
const BELL: u64 = 1;
const FIRST: u64 = 2;

/// How many looks at an empty ring before its writer has to ring.
const PATIENT_LOOKS: u32 = 32;

/// How many events one look at the kernel brings.
const EVENTS: usize = 64;

/// The server's side of all writers.
#[derive(Debug)]
pub(crate) struct Hall {
    listener: Listener,
    /// Whether the listener is in the set: it is not while nobody can be admitted.
    listening: bool,
    set: Arc<WatchSet>,
    bell: EventFd,
    bell_is_set: bool,
    descriptor: SecurityDescriptor,
    largest_ring: u64,
    longest_message: u64,
    most_writers: usize,
    seats: Vec<Place>,
    free: Vec<u32>,
    /// The seats whose rings each turn looks at.
    watched: Vec<u32>,
    /// The next messages of those that have one, by stamp.
    heads: BinaryHeap<Reverse<(u64, u32)>>,
    guests: usize,
    /// Somebody could not be let in for want of descriptors.
    short: bool,
    /// When the turn began.
    turn: u64,
    /// How many threads, and watches of the porter's, sleep at the set.
    pub sleepers: usize,
    /// Somebody outside may sleep at the set (epoll, tokio). For good: whoever takes an event away may take it from a sleeper that has
    /// not been woken yet, and then has to ring for it again.
    pub armed: bool,
    marks: Vec<u64>,
    spin: Spin,
}

/// A place in the hall. Its generation is part of the mark, so that an old event does not reach a new tenant.
#[derive(Debug, Default)]
struct Place {
    generation: u32,
    tenant: Option<Tenant>,
}

#[derive(Debug)]
enum Tenant {
    /// Connected, and has not said anything.
    Guest(Connection),
    Seat(Box<Seat>),
}

/// What the hall knows of what is unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// The length of the next message.
    pub next: Option<u64>,
    /// How many there are.
    pub count: u64,
}

impl Hall {
    pub fn new(
        listener: Listener,
        descriptor: SecurityDescriptor,
        largest_ring: u64,
        longest_message: u64,
        most_writers: usize,
    ) -> Result<Self, Reason> {
        let made = || -> io::Result<_> {
            let (set, bell) = (WatchSet::new()?, EventFd::new()?);
            set.add_marked(&listener, LISTENER)?;
            set.add_marked(&bell, BELL)?;
            Ok((set, bell))
        };
        let (set, bell) = made().map_err(Reason::system("watch the mailslot's socket"))?;
        Ok(Self {
            listener,
            listening: true,
            set: Arc::new(set),
            bell,
            bell_is_set: false,
            descriptor,
            largest_ring,
            longest_message,
            most_writers,
            seats: Vec::new(),
            free: Vec::new(),
            watched: Vec::new(),
            heads: BinaryHeap::new(),
            guests: 0,
            short: false,
            turn: 0,
            sleepers: 0,
            armed: false,
            marks: Vec::with_capacity(EVENTS),
            spin: Spin::new(),
        })
    }

    /// What is readable while somebody may have news.
    pub fn set(&self) -> Arc<WatchSet> {
        Arc::clone(&self.set)
    }

    /// Takes the next message into `buffer`; `None` if there is none.
    #[inline]
    pub fn take(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Reason> {
        self.take_with(|len| usize::try_from(len).ok().and_then(|len| buffer.get_mut(..len)))
    }

    /// Takes the next message into the memory that `room` gives for its length; it stays if that gives none.
    #[inline]
    pub fn take_with<'b>(
        &mut self,
        room: impl FnOnce(u64) -> Option<&'b mut [u8]>,
    ) -> Result<Option<usize>, Reason> {
        let Some(index) = self.settle()? else { return Ok(None) };
        let Some(Tenant::Seat(seat)) = &mut self.seats[index as usize].tenant else { return Ok(None) };
        let State::Head(head) = seat.state else { return Ok(None) };
        let Some(buffer) = room(head.len) else {
            return Err(Reason::BufferTooSmall { bytes: usize::try_from(head.len).unwrap_or(usize::MAX) });
        };
        seat.ring.copy(buffer);
        seat.ring.advance(&head);
        match seat.next() {
            Ok(Some(stamp)) => {
                if let Some(mut first) = self.heads.peek_mut() {
                    *first = Reverse((stamp, index));
                }
            }
            Ok(None) => {
                self.heads.pop();
                seat.state = State::Watched;
                self.watched.push(index);
            }
            Err(violation) => {
                self.heads.pop();
                self.expel(index, violation);
            }
        }
        Ok(Some(buffer.len()))
    }

    /// What is unread, in a new turn.
    pub fn unread(&mut self) -> Result<Unread, Reason> {
        self.begin_turn()?;
        let next = match self.settle()? {
            Some(index) => match self.seat(index).map(|seat| seat.state) {
                Some(State::Head(head)) => Some(head.len),
                _ => None,
            },
            None => None,
        };
        let mut count = 0;
        for index in 0..self.seats.len() as u32 {
            let Some(seat) = self.seat(index) else { continue };
            let (counted, in_line) = (seat.ring.count(), matches!(seat.state, State::Head(_)));
            match counted {
                Ok(messages) => count += messages,
                Err(violation) => {
                    if in_line {
                        self.heads.retain(|Reverse((_, other))| *other != index);
                    }
                    self.watched.retain(|other| *other != index);
                    self.expel(index, violation);
                }
            }
        }
        Ok(Unread { next, count })
    }

    /// Whether there is a message.
    pub fn has_message(&mut self) -> Result<bool, Reason> {
        Ok(self.settle()?.is_some())
    }

    /// The seat whose message is next, beginning a turn if this one has nothing left.
    #[inline]
    fn settle(&mut self) -> Result<Option<u32>, Reason> {
        for round in 0..4 {
            match self.heads.peek() {
                Some(&Reverse((stamp, index))) if stamp <= self.turn => return Ok(Some(index)),
                // After the second turn nothing that is in line is later than it.
                _ => self.begin_turn()?,
            }
            if self.heads.is_empty() {
                if !self.short {
                    return Ok(None);
                }
                // With everything read somebody can be sent away: those outside come in at the next try, or never.
                self.short = false;
                if round > 1 {
                    // Whoever reads has to know: nobody else can help, and a sleep would not last.
                    return Err(no_room());
                }
            }
        }
        Ok(self.heads.peek().map(|&Reverse((_, index))| index))
    }

    fn begin_turn(&mut self) -> Result<(), Reason> {
        self.turn = clock::monotonic();
        // What was found before was written before: a later stamp is a lie.
        if self.heads.iter().any(|Reverse((stamp, _))| *stamp > self.turn) {
            self.lower_heads();
        }
        self.hear()?;
        self.look_at_all();
        if !self.listening {
            // Those who wait outside are older than what comes next; they come in as soon as somebody has been read to the end.
            self.listen_again();
            self.look_at_all();
        }
        Ok(())
    }

    /// At every ring that is awake: also at those whose next message stands in line, or what was written after it, and before a message
    /// in another ring, would be overlooked.
    fn look_at_all(&mut self) {
        let turn = self.turn;
        let mut liars = Vec::new();
        for &Reverse((_, index)) in &self.heads {
            if let Some(Tenant::Seat(seat)) = &mut self.seats[index as usize].tenant
                && let Err(violation) = seat.look(turn)
            {
                liars.push((index, violation));
            }
        }
        for (index, violation) in liars {
            self.heads.retain(|Reverse((_, other))| *other != index);
            self.expel(index, violation);
        }
        let mut at = 0;
        while at < self.watched.len() {
            let index = self.watched[at];
            if self.look(index) {
                at += 1;
            } else {
                self.watched.swap_remove(at);
            }
        }
    }

    #[cold]
    fn lower_heads(&mut self) {
        let turn = self.turn;
        let heads = std::mem::take(&mut self.heads).into_vec();
        for Reverse((stamp, index)) in heads {
            if let Some(seat) = self.seat(index) {
                seat.lower(turn);
            }
            self.heads.push(Reverse((stamp.min(turn), index)));
        }
    }

    /// Looks at a watched ring; says whether it is to be watched on.
    #[inline]
    fn look(&mut self, index: u32) -> bool {
        let turn = self.turn;
        let Some(Tenant::Seat(seat)) = &mut self.seats[index as usize].tenant else { return false };
        match seat.look(turn) {
            Ok(Some(stamp)) => {
                self.heads.push(Reverse((stamp, index)));
                false
            }
            Ok(None) if seat.connection.is_none() => {
                self.vacate(index);
                false
            }
            Ok(None) if seat.idle > PATIENT_LOOKS => {
                seat.ring.announce();
                seat.ring.fence();
                if seat.ring.has_news() {
                    seat.ring.wake();
                    return true;
                }
                seat.state = State::Asleep;
                false
            }
            Ok(None) => true,
            Err(violation) => {
                self.expel(index, violation);
                false
            }
        }
    }

    /// Makes every writer ring for its next message. `false` if a message is there now: then nobody may sleep.
    pub fn fall_asleep(&mut self) -> bool {
        if !self.heads.is_empty() {
            return false;
        }
        for &index in &self.watched {
            if let Some(Tenant::Seat(seat)) = &self.seats[index as usize].tenant {
                seat.ring.announce();
            }
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let watched = std::mem::take(&mut self.watched);
        for index in watched {
            let Some(Tenant::Seat(seat)) = &mut self.seats[index as usize].tenant else { continue };
            if seat.ring.has_news() || seat.connection.is_none() {
                seat.ring.wake();
                self.watched.push(index);
            } else {
                seat.state = State::Asleep;
            }
        }
        self.watched.is_empty()
    }

    /// Looks at the watched rings for a while, if that may be shorter than a sleep: a writer runs on another CPU.
    pub fn look_around(&mut self) -> bool {
        let budget = self.spin.budget();
        if budget == 0 || self.watched.is_empty() || self.watched.len() > 16 || !self.writer_is_elsewhere() {
            return false;
        }
        let start = cpu::ticks();
        let most = budget * cpu::TICKS_PER_MICROSECOND;
        loop {
            for &index in &self.watched {
                if let Some(Tenant::Seat(seat)) = &self.seats[index as usize].tenant
                    && seat.ring.has_news()
                {
                    self.spin.paid();
                    return true;
                }
            }
            if cpu::ticks().wrapping_sub(start) > most {
                self.spin.failed();
                return false;
            }
            std::hint::spin_loop();
        }
    }

    /// A sleep ended after so many nanoseconds.
    pub fn slept(&self, nanoseconds: u64) {
        self.spin.slept(nanoseconds / 1000);
    }

    fn writer_is_elsewhere(&self) -> bool {
        let here = u64::from(cpu::current());
        self.watched.iter().any(|index| match &self.seats[*index as usize].tenant {
            Some(Tenant::Seat(seat)) => seat.ring.cpu().is_some_and(|cpu| cpu != here),
            _ => false,
        })
    }

    /// To be called by whoever leaves the hall.
    #[inline]
    pub fn leave(&mut self) {
        if (self.sleepers > 0 || self.armed)
            && !self.bell_is_set
            && !(self.heads.is_empty() && self.watched.is_empty())
        {
            self.ring_bell();
        }
    }

    /// Wakes all that sleep at the set.
    pub fn ring_bell(&mut self) {
        self.bell_is_set = true;
        self.bell.set();
    }

    /// Takes what the kernel has to say.
    fn hear(&mut self) -> Result<(), Reason> {
        let mut marks = std::mem::take(&mut self.marks);
        let mut looked = Ok(());
        // All who have rung before the turn are heard in it; bounded, for some may ring on and on.
        for _ in 0..2 + self.seats.len() / EVENTS {
            looked = self.set.look(&mut marks).map_err(Reason::system("look at the mailslot's socket"));
            if looked.is_err() {
                break;
            }
            for &mark in &marks {
                match mark {
                    LISTENER => {}
                    BELL => {
                        let _ = self.bell.clear();
                        self.bell_is_set = false;
                    }
                    mark => self.hear_seat(mark),
                }
            }
            if marks.contains(&LISTENER) {
                self.accept();
            }
            if marks.len() < EVENTS {
                break;
            }
        }
        self.marks = marks;
        looked
    }

    fn hear_seat(&mut self, mark: u64) {
        let (index, generation) = ((mark - FIRST) as u32, ((mark - FIRST) >> 32) as u32);
        let Some(place) = self.seats.get_mut(index as usize).filter(|place| place.generation == generation)
        else {
            return;
        };
        match &mut place.tenant {
            None => {}
            Some(Tenant::Guest(_)) => self.hear_guest(index),
            Some(Tenant::Seat(seat)) => {
                let Some(connection) = &seat.connection else { return };
                // A ring, or the end. Descriptors that a hostile writer sends along are closed here.
                let ended = match connection.receive(&mut [0; 8]) {
                    Ok(None) => return,
                    Ok(Some(message)) => message.len == 0 && message.descriptors.is_empty(),
                    Err(_) => true,
                };
                if ended {
                    let _ = self.set.remove(connection);
                    seat.connection = None;
                }
                if seat.state == State::Asleep {
                    seat.ring.wake();
                    seat.state = State::Watched;
                    seat.idle = 0;
                    self.watched.push(index);
                }
            }
        }
    }

    /// The writer broke the rules: what it has written, and not been read, is lost; nothing else.
    #[cold]
    fn expel(&mut self, index: u32, Violation(what): Violation) {
        tracing::warn!(target: "ennead::audit", what, "a writer of a mailslot broke the rules and was sent away");
        if let Some(seat) = self.seat(index) {
            seat.ring.close(CLOSED);
        }
        self.vacate(index);
    }

    /// Gives a place free. Whoever calls this has taken it out of `heads` and `watched`.
    fn vacate(&mut self, index: u32) {
        let place = &mut self.seats[index as usize];
        place.generation = place.generation.wrapping_add(1);
        match place.tenant.take() {
            Some(Tenant::Seat(seat)) => {
                if let Some(connection) = &seat.connection {
                    let _ = self.set.remove(connection);
                }
            }
            Some(Tenant::Guest(connection)) => drop(self.set.remove(&connection)),
            None => return,
        }
        self.free.push(index);
    }

    fn seat(&mut self, index: u32) -> Option<&mut Seat> {
        match &mut self.seats[index as usize].tenant {
            Some(Tenant::Seat(seat)) => Some(seat),
            _ => None,
        }
    }

    /// How many writers are here.
    pub fn writers(&self) -> usize {
        self.seats.len() - self.free.len() - self.guests
    }
}

impl AsFd for Hall {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}

impl Drop for Hall {
    /// Tells every writer that the slot is closed, also those whom nobody has read yet: else they would notice a little later.
    fn drop(&mut self) {
        if self.listener.refuse().is_ok() {
            self.accept();
        }
        for place in &self.seats {
            if let Some(Tenant::Seat(seat)) = &place.tenant {
                seat.ring.close(CLOSED);
            }
        }
    }
}
