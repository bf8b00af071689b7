//! Outcome pages: where it is decided whether a wait for all has taken its objects.
//!
//! A user has one in each root, readable by all in `Global\`: an entry of 512 words, one a thread that is just taking. A process holds
//! the entry's lock of each word that it uses, so that a word whose lock is free belongs to nobody who lives.
//!
//! Beside each word stands a *bell*, for a thread that waits for any of many objects: it sleeps on its bell alone, whose number the objects know.
//!
//! A word is the version of its use and what became of it. A process that is killed between commit and finish may leave its ticket in
//! objects; such a word is used again only when there is no other, lest the ticket be taken for one that came to nothing.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ennead_namespace::{CreateOptions, Entry, EntryError, Kind, Name, Root, RootError, Scope, Wanted};
use ennead_security::SecurityDescriptor;
use ennead_sys::futex;
use ennead_sys::process;

use crate::layout;
use crate::place::Place;
use crate::rights;
use crate::word::{LAST_VERSION, SLOTS, Ticket};

/// "WAIT", the entry's body tag.
const TAG: u32 = u32::from_le_bytes(*b"WAIT");
const NAME: &str = "outcomes";
const LEN: u64 = SLOTS as u64 * 8;
/// Where the bells begin.
const BELLS: usize = SLOTS as usize * 4;

const STATUS_SHIFT: u32 = 18;

/// What became of a use of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// No object has its ticket.
    Finished,
    Undecided,
    Aborted,
    Committed,
}

/// A user's page, as one process sees it.
#[derive(Debug)]
pub(crate) struct OutcomePage {
    entry: Entry,
    /// What objects know it by.
    party: u64,
    /// Whether it may be seen by others than its user, who then may sleep on its words.
    public: bool,
    /// Whether this process's user may write it.
    pub(crate) ours: bool,
    /// Words that this process holds and no thread uses.
    free: Mutex<Vec<u32>>,
}

/// The pages that a place knows.
#[derive(Debug, Default)]
pub(crate) struct OutcomePages {
    /// By what objects know them by.
    known: Mutex<HashMap<u64, Arc<OutcomePage>>>,
    /// The own ones in `Local\` and `Global\`.
    own: Mutex<[Option<Own>; 2]>,
}

/// A page, and the process that opened it.
type Own = (u32, Arc<OutcomePage>);

impl OutcomePages {
    /// The own page in a root. A forked child gets one of its own: words that its parent holds are not its.
    pub(crate) fn own(&self, root: &Root) -> Result<Arc<OutcomePage>, EntryError> {
        let index = usize::from(root.scope() == Scope::Global);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        match &own[index] {
            Some((process, page)) if *process == process::id() => Ok(Arc::clone(page)),
            _ => {
                let page = Arc::new(OutcomePage::create(root)?);
                own[index] = Some((process::id(), Arc::clone(&page)));
                drop(own);
                self.lock_known().insert(page.party, Arc::clone(&page));
                Ok(page)
            }
        }
    }

    /// The page that an object knows by `party`; `None` where nobody holds it any more, or nobody ever did. An error, such as a want of
    /// descriptors, tells neither.
    pub(crate) fn find(&self, place: &Place, party: u64) -> Result<Option<Arc<OutcomePage>>, EntryError> {
        if let Some(page) = self.lock_known().get(&party) {
            return Ok(Some(Arc::clone(page)));
        }
        let mut found = None;
        for scope in [Scope::Local, Scope::Global] {
            let root = match place.root(scope) {
                Ok(root) => root,
                Err(EntryError::Root(RootError::GlobalMissing { .. })) => continue,
                Err(error) => return Err(error),
            };
            found = OutcomePage::open(root, party)?;
            if found.is_some() {
                break;
            }
        }
        let Some(page) = found else { return Ok(None) };
        let page = Arc::new(page);
        let mut known = self.lock_known();
        // Of pages that are gone; whoever needs one of the others finds it again.
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(party, Arc::clone(&page));
        Ok(Some(page))
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<OutcomePage>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many pages a place remembers.
const MOST_KNOWN: usize = 64;

impl OutcomePage {
    fn create(root: &Root) -> Result<Self, EntryError> {
        let global = root.scope() == Scope::Global;
        let descriptor = if global { public_descriptor() } else { rights::default_descriptor() };
        let protection = rights::readable_protection(&descriptor);
        let options =
            CreateOptions::new(&protection).body(TAG, layout::VERSION, LEN).wanted(Wanted::ReadWrite);
        let entry = root.create_own(Kind::WAIT, &Self::name()?, &options)?.into_entry();
        Self::of(entry, global, true)
    }

    fn open(root: &Root, party: u64) -> Result<Option<Self>, EntryError> {
        let uid = (party >> 32) as u32;
        let ours = uid == process::effective_uid();
        let wanted = if ours { Wanted::ReadWrite } else { Wanted::Read };
        let entry = match root.open_of(uid, Kind::WAIT, &Self::name()?, wanted) {
            Ok(entry) => entry,
            // Made so that nobody may read it, or that it is none: its waits are not to be honoured.
            Err(
                EntryError::NotFound
                | EntryError::AccessDenied
                | EntryError::Intruder { .. }
                | EntryError::Header(_),
            ) => return Ok(None),
            Err(error) => return Err(error),
        };
        match Self::of(entry, root.scope() == Scope::Global, ours) {
            Ok(page) => Ok((page.party == party).then_some(page)),
            Err(EntryError::OutOfBody) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn of(entry: Entry, public: bool, ours: bool) -> Result<Self, EntryError> {
        let sound = entry.body_tag() == TAG
            && entry.body_version() == layout::VERSION
            && entry.header().body.1 == LEN
            && (entry.is_writable() || !ours);
        if !sound {
            return Err(EntryError::OutOfBody);
        }
        entry.body()?;
        let party = u64::from(entry.owner_uid()) << 32 | entry.id() & 0xffff_ffff | 1;
        Ok(Self { entry, party, public, ours, free: Mutex::default() })
    }

    fn name() -> Result<Name, EntryError> {
        Name::new(NAME).map_err(|_| EntryError::OutOfBody)
    }

    /// What objects know it by; never 0.
    pub(crate) fn party(&self) -> u64 {
        self.party
    }

    /// The word of a ticket, to sleep on where it is another user's.
    pub(crate) fn word(&self, slot: u32) -> Option<&AtomicU32> {
        let at = (slot & (SLOTS - 1)) as usize * 4;
        self.entry.body().ok().map(|body| body.atomic_u32(at))
    }

    /// The bell of the thread that has this word; see [`crate::waiting`].
    pub(crate) fn bell(&self, slot: u32) -> Option<&AtomicU32> {
        let at = BELLS + (slot & (SLOTS - 1)) as usize * 4;
        self.entry.body().ok().map(|body| body.atomic_u32(at))
    }

    /// What became of a ticket; `None` where its use is over.
    pub(crate) fn status(&self, ticket: Ticket) -> Option<Status> {
        let word = self.word(ticket.slot())?.load(Ordering::SeqCst);
        (version(word) == ticket.version()).then(|| status(word))
    }

    /// Makes an undecided ticket's outcome aborted.
    pub(crate) fn abort(&self, ticket: Ticket) {
        if self.ours {
            self.decide(ticket, Status::Aborted);
        }
    }

    /// Whether the process that uses the word lives, or might.
    pub(crate) fn is_alive(&self, slot: u32) -> bool {
        self.entry.slot_is_held(slot & (SLOTS - 1)).unwrap_or(true)
    }

    /// Decides an undecided outcome; whether this call did.
    pub(crate) fn decide(&self, ticket: Ticket, outcome: Status) -> bool {
        let undecided = encode(ticket.version(), Status::Undecided);
        let decided = encode(ticket.version(), outcome);
        let Some(word) = self.word(ticket.slot()) else { return false };
        let done = word.compare_exchange(undecided, decided, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if done {
            self.tell(word);
        }
        done
    }

    /// Begins a use of a word: undecided, under a new version.
    pub(crate) fn begin(&self, slot: u32) -> Ticket {
        let Some(word) = self.word(slot) else { return Ticket::new(slot, 1) };
        let next = version(word.load(Ordering::SeqCst)) % LAST_VERSION + 1;
        word.store(encode(next, Status::Undecided), Ordering::SeqCst);
        Ticket::new(slot, next)
    }

    /// Ends a use: no object has the ticket.
    pub(crate) fn finish(&self, ticket: Ticket) {
        if let Some(word) = self.word(ticket.slot()) {
            word.store(encode(ticket.version(), Status::Finished), Ordering::SeqCst);
            self.tell(word);
        }
    }

    fn tell(&self, word: &AtomicU32) {
        if self.public {
            futex::wake(word, u32::MAX, futex::Scope::Shared);
        }
    }

    /// A word for the calling thread, until it is given back.
    pub(crate) fn take_slot(&self) -> Result<u32, io::Error> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match free {
            Some(slot) => Ok(slot),
            None => self.claim_slot(),
        }
    }

    pub(crate) fn give_slot(&self, slot: u32) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push(slot);
    }

    fn claim_slot(&self) -> io::Result<u32> {
        let mut tainted = None;
        for slot in 0..SLOTS {
            let locked = self.entry.lock_slot(slot).map_err(|error| io::Error::other(error.to_string()))?;
            let (true, Some(word)) = (locked, self.word(slot)) else { continue };
            let seen = word.load(Ordering::SeqCst);
            match status(seen) {
                // Its user was killed. Nobody commits it any more.
                Status::Undecided => self.abort(Ticket::new(slot, version(seen))),
                Status::Committed => {
                    match tainted {
                        None => tainted = Some(slot),
                        Some(_) => drop(self.entry.unlock_slot(slot)),
                    }
                    continue;
                }
                Status::Finished | Status::Aborted => {}
            }
            if let Some(tainted) = tainted {
                let _ = self.entry.unlock_slot(tainted);
            }
            return Ok(slot);
        }
        tainted.ok_or_else(|| io::ErrorKind::QuotaExceeded.into())
    }
}

fn version(word: u32) -> u32 {
    word & LAST_VERSION
}

fn status(word: u32) -> Status {
    match word >> STATUS_SHIFT {
        1 => Status::Undecided,
        2 => Status::Committed,
        3 => Status::Aborted,
        _ => Status::Finished,
    }
}

fn encode(version: u32, status: Status) -> u32 {
    let status = match status {
        Status::Finished => 0,
        Status::Undecided => 1,
        Status::Committed => 2,
        Status::Aborted => 3,
    };
    version & LAST_VERSION | status << STATUS_SHIFT
}

/// Its user may do everything, everybody may read.
fn public_descriptor() -> SecurityDescriptor {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let text = format!("O:S-1-22-1-{uid}G:S-1-22-2-{gid}D:(A;;GA;;;SY)(A;;GA;;;S-1-22-1-{uid})(A;;GR;;;WD)");
    // INVARIANT: the text is well formed whatever the numbers are.
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_pinned() {
        assert_eq!((LEN, BELLS, TAG), (4096, 2048, 0x5449_4157));
        let words = [Status::Finished, Status::Undecided, Status::Committed, Status::Aborted]
            .map(|status| encode(0x2_0001, status));
        assert_eq!(words, [0x0002_0001, 0x0006_0001, 0x000a_0001, 0x000e_0001]);
        for word in words {
            assert_eq!(encode(version(word), status(word)), word);
        }
        assert!(public_descriptor().owner.is_some());
    }
}
