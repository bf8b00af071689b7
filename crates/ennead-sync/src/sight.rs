//! The world of [`crate::protocol`] on Linux: objects, and the outcome pages that their tickets mean.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ennead_namespace::EntryError;
use ennead_sys::futex::{self, Scope};
use ennead_sys::process;
use ennead_sys::robust::{Attempt as Owning, OwnerWatch, Seen};

use crate::object::Object;
use crate::outcome::{OutcomePage, Status};
use crate::protocol::{OnMutex, Transactor, Verdict, World};
use crate::state::{FREE, MINE, Rules};
use crate::waiting::MAXIMUM_WAIT_OBJECTS;
use crate::word::{PARTIES, Ticket, Word};

/// How often an undecided wait for all is looked at before it is aborted: it takes a microsecond if it runs, and it may wait for this processor.
const LOOKS: u32 = 200;
const COURTESIES: u32 = 4;

/// How long to sleep on another user's outcome before asking whether that process lives, which nobody else tells. Twice as long each time.
const FIRST_SLICE: Duration = Duration::from_millis(1);
const LAST_SLICE: Duration = Duration::from_millis(64);

/// One object.
#[derive(Clone, Copy)]
pub(crate) struct Sight<'a> {
    object: &'a Object,
}

impl<'a> Sight<'a> {
    pub(crate) fn new(object: &'a Object) -> Self {
        Self { object }
    }

    /// Waits, for a while, until the outcome of a ticket that lies in the object may have been decided.
    pub(crate) fn wait_for_outcome(
        &self,
        round: u32,
        ticket: Ticket,
        deadline: Option<Instant>,
    ) -> io::Result<()> {
        let slice = LAST_SLICE.min(FIRST_SLICE * (1 << round.min(6)));
        let end = Instant::now() + slice;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        match self.object.page_of(ticket) {
            Ok(Some(page)) => {
                let Some(word) = page.word(ticket.slot()) else { return Ok(()) };
                let seen = word.load(Ordering::SeqCst);
                if matches!(page.status(ticket), Some(Status::Undecided | Status::Committed)) {
                    futex::wait(word, seen, Scope::Shared, Some(end))?;
                }
                Ok(())
            }
            Ok(None) => Ok(()),
            // No descriptor to look with.
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl World for Sight<'_> {
    fn rules(&self, _object: usize) -> Rules {
        self.object.rules
    }

    fn load(&self, _object: usize) -> Word {
        let Some(robust) = self.object.robust() else {
            self.object.catch_up();
            return self.object.load();
        };
        match robust.seen() {
            Seen::Free { .. } => Word::of(FREE),
            Seen::Mine => Word::of(MINE),
            Seen::Owned => Word::of(0),
            Seen::Pledged(tag) => Word::of(FREE).pledged(Ticket(tag)),
        }
    }

    fn exchange(&self, _object: usize, old: Word, new: Word) -> bool {
        let Some(robust) = self.object.robust() else { return self.object.exchange(old, new) };
        // Of a mutex a meeting only ever clears the ticket.
        match old.ticket() {
            Some(ticket) if new == old.cleared() => robust.unpledge(ticket.0),
            _ => false,
        }
    }

    fn wake(&self, _object: usize) {
        self.object.wake();
    }

    fn verdict(&self, _object: usize, ticket: Ticket) -> Verdict {
        self.object.verdict(ticket)
    }

    fn abort(&self, _object: usize, ticket: Ticket) {
        if let Ok(Some(page)) = self.object.page_of(ticket) {
            page.abort(ticket);
        }
    }
}

impl Object {
    /// The page that decides about a ticket in this object.
    pub(crate) fn page_of(&self, ticket: Ticket) -> Result<Option<Arc<OutcomePage>>, EntryError> {
        match self.party(ticket.party()).load(Ordering::Acquire) {
            0 => Ok(None),
            party => self.place.outcomes().find(&self.place, party),
        }
    }

    /// What is to be done about a ticket in this object.
    pub(crate) fn verdict(&self, ticket: Ticket) -> Verdict {
        let page = match self.page_of(ticket) {
            Ok(Some(page)) => page,
            Ok(None) => return Verdict::Over,
            // It cannot be said now.
            Err(_) => return Verdict::Foreign,
        };
        for look in 0..LOOKS + COURTESIES {
            match self.judge(&page, ticket) {
                Verdict::Undecided | Verdict::Foreign if look < LOOKS => std::hint::spin_loop(),
                Verdict::Undecided | Verdict::Foreign => process::let_others_run(),
                verdict => return verdict,
            }
        }
        match self.judge(&page, ticket) {
            Verdict::Foreign if !page.is_alive(ticket.slot()) => self.of_the_dead(&page, ticket),
            verdict => verdict,
        }
    }

    fn judge(&self, page: &OutcomePage, ticket: Ticket) -> Verdict {
        match page.status(ticket) {
            None | Some(Status::Finished | Status::Aborted) => Verdict::Over,
            Some(Status::Undecided) if page.ours => Verdict::Undecided,
            Some(Status::Undecided) => Verdict::Foreign,
            // A mutex is owned by whoever takes it themselves, or by nobody.
            Some(Status::Committed) if self.robust().is_some() => Verdict::Foreign,
            Some(Status::Committed) => Verdict::Committed,
        }
    }

    /// Its process is gone, so that what is undecided stays so.
    fn of_the_dead(&self, page: &OutcomePage, ticket: Ticket) -> Verdict {
        match (page.status(ticket), self.robust()) {
            (Some(Status::Committed), Some(robust)) => {
                robust.forfeit(ticket.0);
                Verdict::Over
            }
            (Some(Status::Committed), None) => Verdict::Committed,
            _ => Verdict::Over,
        }
    }

    /// The number by which this object knows a page, which it learns if it does not.
    pub(crate) fn introduce(&self, page: &OutcomePage) -> io::Result<usize> {
        let own = page.party();
        for number in 0..PARTIES {
            let known = self.party(number);
            let mut seen = known.load(Ordering::Acquire);
            if seen == 0 {
                match known.compare_exchange(0, own, Ordering::SeqCst, Ordering::SeqCst) {
                    Ok(_) => return Ok(number),
                    Err(other) => seen = other,
                }
            }
            if seen == own {
                return Ok(number);
            }
        }
        // One whose users are all gone makes room.
        for number in 0..PARTIES {
            let known = self.party(number);
            let seen = known.load(Ordering::Acquire);
            // A ticket that the gone ones left must not be taken for one of ours.
            let left = Sight::new(self).load(0).ticket().is_some_and(|ticket| ticket.party() == number);
            let gone = !left && matches!(self.place.outcomes().find(&self.place, seen), Ok(None));
            if gone && known.compare_exchange(seen, own, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
                return Ok(number);
            }
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

/// The objects of a wait for all, in the order of their ids, and the own transaction.
pub(crate) struct Sights<'a> {
    objects: &'a [&'a Object],
    page: Arc<OutcomePage>,
    /// Only while it does not sleep, for there are not many.
    slot: Option<u32>,
    /// The number by which each object knows the page.
    parties: [u8; MAXIMUM_WAIT_OBJECTS],
    ticket: Ticket,
    /// The mutexes that were found abandoned, as bits.
    abandoned: Cell<u64>,
    /// The mutexes that the calling thread owned already, as bits.
    mine: Cell<u64>,
    /// The mutex that was made ready to be slept on, its owner's watch and the value of its word.
    watched: RefCell<Option<(usize, OwnerWatch, u32)>>,
    error: Cell<Option<io::Error>>,
}

impl<'a> Sights<'a> {
    pub(crate) fn new(objects: &'a [&'a Object], page: Arc<OutcomePage>) -> io::Result<Self> {
        let mut parties = [0; MAXIMUM_WAIT_OBJECTS];
        for (party, object) in parties.iter_mut().zip(objects) {
            *party = object.introduce(&page)? as u8;
        }
        let slot = page.take_slot()?;
        Ok(Self {
            objects,
            page,
            slot: Some(slot),
            parties,
            ticket: Ticket::new(slot, 1),
            abandoned: Cell::new(0),
            mine: Cell::new(0),
            watched: RefCell::new(None),
            error: Cell::new(None),
        })
    }

    /// Before it sleeps, and no object has its ticket.
    pub(crate) fn rest(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.page.give_slot(slot);
        }
    }

    /// After it slept.
    pub(crate) fn rise(&mut self) -> io::Result<()> {
        if self.slot.is_none() {
            self.slot = Some(self.page.take_slot()?);
        }
        Ok(())
    }

    /// Whether the calling thread owned the mutex before the wait.
    pub(crate) fn was_mine(&self, object: usize) -> bool {
        self.mine.get() & 1 << object != 0
    }

    /// Whether the mutex was found abandoned.
    pub(crate) fn is_abandoned(&self, object: usize) -> bool {
        self.abandoned.get() & 1 << object != 0
    }

    /// What a mutex said that could not be asked or taken, since the last question.
    pub(crate) fn error(&self) -> Option<io::Error> {
        self.error.take()
    }

    /// What [`crate::protocol::Progress::Sleep`] at a mutex made ready.
    pub(crate) fn watched(&self) -> Option<(usize, OwnerWatch, u32)> {
        self.watched.take()
    }

    fn sight(&self, object: usize) -> Sight<'a> {
        Sight::new(self.objects[object])
    }
}

impl Drop for Sights<'_> {
    fn drop(&mut self) {
        self.rest();
    }
}

impl World for Sights<'_> {
    fn rules(&self, object: usize) -> Rules {
        self.objects[object].rules
    }

    fn load(&self, object: usize) -> Word {
        self.sight(object).load(0)
    }

    fn exchange(&self, object: usize, old: Word, new: Word) -> bool {
        let Some(robust) = self.objects[object].robust() else {
            return self.objects[object].exchange(old, new);
        };
        match OnMutex::of(old, new) {
            OnMutex::Nothing => {
                self.mine.set(self.mine.get() | 1 << object);
                true
            }
            OnMutex::Promise(ticket) => robust.pledge(ticket.0).is_ok(),
            OnMutex::TakeBack(ticket) => robust.unpledge(ticket.0),
            OnMutex::Own(ticket) => match robust.redeem(ticket.0) {
                Ok(Some(owning)) => {
                    if owning == Owning::Abandoned {
                        self.abandoned.set(self.abandoned.get() | 1 << object);
                    }
                    true
                }
                Ok(None) => false,
                Err(error) => {
                    self.error.set(Some(error));
                    true
                }
            },
            OnMutex::Mark => {
                let watch = match robust.owner_watch() {
                    Ok(watch) => watch,
                    Err(error) => {
                        self.error.set(Some(error));
                        return true;
                    }
                };
                match robust.prepare_sleep(&watch).map(|(_, value)| value) {
                    Ok(value) => {
                        self.watched.replace(Some((object, watch, value)));
                        true
                    }
                    Err(_) => false,
                }
            }
            OnMutex::Impossible => false,
        }
    }

    fn wake(&self, object: usize) {
        self.objects[object].wake();
    }

    fn verdict(&self, object: usize, ticket: Ticket) -> Verdict {
        self.objects[object].verdict(ticket)
    }

    fn abort(&self, object: usize, ticket: Ticket) {
        self.sight(object).abort(0, ticket);
    }
}

impl Transactor for Sights<'_> {
    fn ticket(&self, object: usize) -> Ticket {
        self.ticket.of_party(usize::from(self.parties[object]))
    }

    fn begin(&mut self) {
        // It has one whenever it does not sleep.
        if let Some(slot) = self.slot {
            self.ticket = self.page.begin(slot);
        }
    }

    fn commit(&self) -> bool {
        self.page.decide(self.ticket, Status::Committed)
    }

    fn give_up(&self) {
        self.page.decide(self.ticket, Status::Aborted);
    }

    fn finish(&self) {
        self.page.finish(self.ticket);
    }
}
