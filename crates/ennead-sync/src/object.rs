//! An object of which the state is a word: events, semaphores, timers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ennead_namespace::{Entry, Kind, Scope as NameScope};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor};
use ennead_sys::futex::{self, Scope};
use ennead_sys::mapping::Mapping;
use ennead_sys::robust::{self, RobustWord};
use ennead_sys::spin::Spin;
use ennead_sys::{cpu, file, memfd, process};

use crate::error::{ChangeError, ObjectError};
use crate::layout::{self, Header, Tag};
use crate::name::ObjectName;
use crate::named::{self, Blueprint, Opened};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::protocol::{Alteration, Altered};
use crate::rights;
use crate::sight::Sight;
use crate::state::{Change, Changed, Found, Rules, SLEEPERS};
use crate::word::{PARTIES, Word};

/// How many steps are taken for one purpose before it is given up: each one in vain is somebody else's success, so that only one who
/// scribbles can make it so many.
pub(crate) const STEPS: u32 = 1 << 22;

/// How many bells an object knows.
pub(crate) const BELLS: usize = 8;

/// How many words a kind has for itself.
const OWN_WORDS: usize = 8;

/// How often somebody who was woken is let run first, so that it takes what it is owed.
const COURTESIES: u32 = 16;

/// One process's view of an object. Handles share it.
#[derive(Debug)]
pub(crate) struct Object {
    // Before the entry: a mapping keeps its description's locks.
    core: Core,
    pub(crate) rules: Rules,
    /// 64 random bits.
    pub(crate) id: u64,
    pub(crate) spin: Spin,
    /// Where the outcomes of waits for all are looked for.
    pub(crate) place: Place,
    hold: Hold,
}

/// The memory.
#[derive(Debug)]
pub(crate) enum Core {
    /// A mapping, and where the body begins in it.
    Word(Mapping, usize),
    /// A mutex's page.
    Mutex(RobustWord),
}

/// What keeps the object alive.
#[derive(Debug)]
pub(crate) enum Hold {
    Named(NameScope, Box<Entry>),
    Unnamed(OwnedFd),
}

/// A new object's properties.
pub(crate) struct New<'a> {
    pub(crate) tag: Tag,
    pub(crate) flags: u32,
    pub(crate) limit: u64,
    pub(crate) state: u32,
    pub(crate) descriptor: Option<&'a SecurityDescriptor>,
    pub(crate) mapping: &'static GenericMapping,
    pub(crate) desired: AccessMask,
}

/// An object, what its holder may do, and whether it was there before.
pub(crate) struct Handle {
    pub(crate) object: Object,
    pub(crate) granted: AccessMask,
    pub(crate) existed: bool,
}

impl Object {
    pub(crate) fn create(place: &Place, name: &ObjectName, new: &New<'_>) -> Result<Handle, ObjectError> {
        let initial = new.body()?;
        let default;
        let descriptor = match new.descriptor {
            Some(descriptor) => descriptor,
            None => {
                default = rights::default_descriptor();
                &default
            }
        };
        let (len, align) = size_of(new.tag);
        let blueprint = Blueprint {
            tag: new.tag,
            mapping: new.mapping,
            descriptor,
            initial: &initial,
            len: len as u64,
            align: align as u64,
        };
        Self::of_entry(place, named::create(place, name, &blueprint, new.desired)?, new.tag)
    }

    pub(crate) fn open(
        place: &Place,
        name: &ObjectName,
        tag: Tag,
        mapping: &GenericMapping,
        desired: AccessMask,
    ) -> Result<Handle, ObjectError> {
        Self::of_entry(place, named::open(place, name, tag, mapping, desired)?, tag)
    }

    pub(crate) fn create_unnamed(place: &Place, new: &New<'_>) -> Result<Handle, ObjectError> {
        let (len, _) = size_of(new.tag);
        let memory = memfd::create_sealed("ennead-object", len)
            .map_err(ObjectError::system("make memory for an object"))?;
        let core = Core::map(&memory, 0, len, new.tag)?;
        core.mapping().copy_in(0, &new.body()?);
        let object = Self::read(place, core, Hold::Unnamed(memory), new.tag)?;
        Ok(Handle { object, granted: new.mapping.map(new.desired), existed: false })
    }

    fn of_entry(place: &Place, opened: Opened, tag: Tag) -> Result<Handle, ObjectError> {
        let Opened { scope, entry, granted, existed } = opened;
        let (start, len) = entry.header().body;
        let (wanted, align) = size_of(tag);
        let start = usize::try_from(start).ok().filter(|start| start.is_multiple_of(align));
        let (Some(start), true) = (start, len == wanted as u64) else { return Err(ObjectError::Damaged) };
        // A holder may have truncated it since it was opened: then a load would be a SIGBUS.
        let size = file::status(entry.file()).map_err(ObjectError::system("look at an object"))?.size;
        if size < (start + wanted) as u64 {
            return Err(ObjectError::Damaged);
        }
        let core = Core::map(entry.file(), start, wanted, tag)?;
        let object = Self::read(place, core, Hold::Named(scope, Box::new(entry)), tag)?;
        Ok(Handle { object, granted, existed })
    }

    fn read(place: &Place, core: Core, hold: Hold, tag: Tag) -> Result<Self, ObjectError> {
        let mut bytes = [0; layout::WORD];
        core.mapping().copy_out(core.base(), &mut bytes);
        let header = Header::decode(&bytes)?;
        if header.tag != tag.as_u32() {
            return Err(ObjectError::OtherKind);
        }
        let rules = match tag {
            Tag::EVENT if header.flags & layout::MANUAL != 0 => Rules::ManualEvent,
            Tag::EVENT => Rules::AutoEvent,
            Tag::MUTEX => Rules::Mutex,
            Tag::TIMER if header.flags & layout::MANUAL != 0 => Rules::ManualTimer,
            Tag::TIMER => Rules::AutoTimer,
            // A maximum that no semaphore has is somebody's scribbling, and harms that semaphore only.
            _ => Rules::Semaphore(u32::try_from(header.limit).unwrap_or(0).min(!SLEEPERS)),
        };
        Ok(Self { core, rules, id: header.id, spin: Spin::new(), place: place.clone(), hold })
    }

    /// A fresh description of what keeps the object alive, for another process.
    pub(crate) fn share(&self, granted: AccessMask) -> Result<SharedObject, ObjectError> {
        if self.robust().is_none() {
            // Another user cannot ring this one's bells: who sleeps by them lies down anew.
            self.passed().store(1, Ordering::SeqCst);
            self.wake();
        }
        let (file, scope) = match &self.hold {
            Hold::Named(scope, entry) => (entry.share()?, Some(*scope)),
            Hold::Unnamed(memory) => {
                let again = memfd::reopen(memory);
                (again.map_err(ObjectError::system("open an object's memory again"))?, None)
            }
        };
        Ok(SharedObject::new(file, granted, scope))
    }

    /// Takes up what [`Object::share`] made.
    pub(crate) fn join(place: &Place, parts: SharedObject, tag: Tag) -> Result<Handle, ObjectError> {
        let (file, granted, scope) = parts.into_parts();
        match scope {
            Some(scope) => {
                let entry = place.root(scope)?.join(Kind::OBJECT, file)?;
                if entry.body_tag() != tag.as_u32() {
                    return Err(ObjectError::OtherKind);
                }
                if entry.body_version() != layout::VERSION {
                    return Err(ObjectError::Version { version: entry.body_version(), features: 0 });
                }
                if !entry.is_writable() {
                    return Err(ObjectError::Damaged);
                }
                Self::of_entry(place, Opened { scope, entry, granted, existed: true }, tag)
            }
            None => {
                let (len, _) = size_of(tag);
                // Objects of other kinds may have other sizes; what it is, its header says.
                match memfd::sealed_size(&file) {
                    Some(size) if size == len as u64 => {}
                    Some(_) => return Err(ObjectError::OtherKind),
                    None => return Err(ObjectError::Damaged),
                }
                let core = Core::map(&file, 0, len, tag)?;
                let object = Self::read(place, core, Hold::Unnamed(file), tag)?;
                Ok(Handle { object, granted, existed: true })
            }
        }
    }

    /// Which namespace it is in, if it has a name.
    pub(crate) fn scope(&self) -> Option<NameScope> {
        match &self.hold {
            Hold::Named(scope, _) => Some(*scope),
            Hold::Unnamed(_) => None,
        }
    }

    /// The mutex's word, if it is one.
    #[inline]
    pub(crate) fn robust(&self) -> Option<&RobustWord> {
        match &self.core {
            Core::Mutex(word) => Some(word),
            Core::Word(..) => None,
        }
    }

    #[inline]
    fn at(&self, offset: usize) -> usize {
        self.core.base() + offset
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        self.core.mapping().atomic_u64(self.at(layout::WORD))
    }

    /// The half of the word that sleepers sleep on. A mutex has another.
    #[inline]
    pub(crate) fn state_half(&self) -> &AtomicU32 {
        let half = if cfg!(target_endian = "big") { 4 } else { 0 };
        self.core.mapping().atomic_u32(self.at(layout::WORD + half))
    }

    #[inline]
    fn cpu(&self) -> &AtomicU32 {
        self.core.mapping().atomic_u32(self.at(layout::CPU))
    }

    #[inline]
    fn owed(&self) -> &AtomicU32 {
        self.core.mapping().atomic_u32(self.at(layout::OWED))
    }

    #[inline]
    pub(crate) fn passed(&self) -> &AtomicU32 {
        self.core.mapping().atomic_u32(self.at(layout::PASSED))
    }

    /// One of the numbers of bells that are rung where sleepers are woken.
    #[inline]
    pub(crate) fn bell(&self, number: usize) -> &AtomicU32 {
        self.core.mapping().atomic_u32(self.at(layout::BELLS + 4 * (number % BELLS)))
    }

    /// One of the kind's own words.
    pub(crate) fn own(&self, number: usize) -> &AtomicU64 {
        self.core.mapping().atomic_u64(self.at(layout::OWN + 8 * (number % OWN_WORDS)))
    }

    /// The file that the object lies in.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        match &self.hold {
            Hold::Named(_, entry) => entry.file().as_fd(),
            Hold::Unnamed(memory) => memory.as_fd(),
        }
    }

    /// One of the words that say which outcome pages its tickets mean.
    pub(crate) fn party(&self, number: usize) -> &AtomicU64 {
        self.core.mapping().atomic_u64(self.at(layout::PARTIES + 8 * (number % PARTIES)))
    }

    /// The object word; a mutex's is another, see [`crate::sight`].
    #[inline]
    pub(crate) fn load(&self) -> Word {
        Word(self.word().load(Ordering::SeqCst))
    }

    #[inline]
    pub(crate) fn exchange(&self, old: Word, new: Word) -> bool {
        self.word().compare_exchange(old.0, new.0, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Wakes all that sleep on it.
    pub(crate) fn wake(&self) {
        self.owed().store(1, Ordering::Relaxed);
        // First these: one whom the other wake reaches may believe that it was the last of this.
        self.ring_bells();
        futex::wake(self.state_half(), u32::MAX, Scope::Shared);
    }

    /// Changes the state and wakes who sleeps. The state before.
    #[inline]
    pub(crate) fn change(&self, change: Change) -> Result<u32, ChangeError> {
        let word = self.load();
        if word.ticket().is_none() && word.state() & SLEEPERS == 0 {
            match self.rules.change(word.state(), change) {
                Changed::To(new) if self.exchange(word, Word::of(new)) => {
                    self.note_cpu();
                    return self.unless_lost(word.state());
                }
                Changed::Nothing => return self.unless_lost(word.state()),
                _ => {}
            }
        }
        self.change_slowly(change).and_then(|state| self.unless_lost(state))
    }

    /// Whether somebody has truncated the object's file: what is done to it reaches nobody.
    #[inline]
    pub(crate) fn is_lost(&self) -> bool {
        self.core.mapping().is_broken()
    }

    #[inline]
    fn unless_lost(&self, state: u32) -> Result<u32, ChangeError> {
        if self.is_lost() { Err(ChangeError::Spoiled) } else { Ok(state) }
    }

    fn change_slowly(&self, change: Change) -> Result<u32, ChangeError> {
        self.note_cpu();
        let sight = Sight::new(self);
        let mut courtesies = 0;
        let mut alteration = Alteration::new(0, change, false);
        for _ in 0..STEPS {
            match alteration.step(&sight) {
                None => continue,
                Some(Altered::Done(state)) => return Ok(state),
                Some(Altered::TooMany)
                    if courtesies == COURTESIES || self.owed().load(Ordering::Relaxed) == 0 =>
                {
                    return Err(ChangeError::TooManyPosts);
                }
                Some(Altered::Pending | Altered::TooMany) => {
                    courtesies += 1;
                    process::let_others_run();
                }
                Some(Altered::Blocked(ticket)) => {
                    sight.wait_for_outcome(0, ticket, None).map_err(ChangeError::System)?;
                }
            }
            alteration = Alteration::new(0, change, courtesies >= COURTESIES);
        }
        Err(ChangeError::Spoiled)
    }

    #[inline]
    fn note_cpu(&self) {
        let here = cpu::current().wrapping_add(1);
        if self.cpu().load(Ordering::Relaxed) != here {
            self.cpu().store(here, Ordering::Relaxed);
        }
    }

    /// The generation that a waiter who comes now remembers.
    #[inline]
    pub(crate) fn entered(&self) -> u32 {
        self.rules.generation(self.load().state())
    }

    /// Takes what is there for one who comes now, in the common case: nobody sleeps, and no wait for all is in the middle.
    #[inline]
    pub(crate) fn take_at_once(&self) -> bool {
        self.catch_up();
        let word = self.load();
        if word.ticket().is_some() || word.state() & SLEEPERS != 0 {
            return false;
        }
        match self.rules.look(word.state(), self.rules.generation(word.state())) {
            Found::Go(after) => after == word.state() || self.exchange(word, Word::of(after)),
            Found::Wait => false,
        }
    }

    /// The generation for one who comes now, if there is nothing to take and no wait for all in the middle.
    #[inline]
    pub(crate) fn is_absent(&self) -> Option<u32> {
        self.catch_up();
        let word = self.load();
        let since = self.rules.generation(word.state());
        let absent = word.ticket().is_none() && self.rules.look(word.state(), since) == Found::Wait;
        absent.then_some(since)
    }

    /// Whether there is nothing to take for one who entered at `since`, and no wait for all in the middle.
    #[inline]
    pub(crate) fn has_nothing(&self, since: u32) -> bool {
        self.catch_up();
        let word = self.load();
        word.ticket().is_none() && self.rules.look(word.state(), since) == Found::Wait
    }

    /// The same where it is said already that somebody sleeps.
    #[inline]
    pub(crate) fn is_marked(&self, since: u32) -> bool {
        let word = self.load();
        word.ticket().is_none()
            && word.state() & SLEEPERS != 0
            && self.rules.look(word.state(), since) == Found::Wait
    }

    /// Whether there may be something to take.
    #[inline]
    pub(crate) fn may_go(&self, since: u32) -> bool {
        self.rules.look(self.load().state(), since) != Found::Wait
    }

    /// Who slept has got it: nothing is owed.
    pub(crate) fn settled(&self) {
        if self.owed().load(Ordering::Relaxed) != 0 {
            self.owed().store(0, Ordering::Relaxed);
        }
    }

    /// Whether whoever changed the object last ran on another CPU, so that looking may pay.
    pub(crate) fn is_changed_elsewhere(&self) -> bool {
        let last = self.cpu().load(Ordering::Relaxed);
        last != 0 && last != cpu::current().wrapping_add(1)
    }
}

impl Core {
    fn map(file: impl AsFd, start: usize, len: usize, tag: Tag) -> Result<Self, ObjectError> {
        let core = if tag == Tag::MUTEX {
            RobustWord::map(file, start as u64, len).map(Self::Mutex)
        } else {
            Mapping::surviving(file, start + len).map(|mapping| Self::Word(mapping, start))
        };
        core.map_err(ObjectError::system("map an object"))
    }

    #[inline]
    fn mapping(&self) -> &Mapping {
        match self {
            Self::Word(mapping, _) => mapping,
            Self::Mutex(word) => word.mapping(),
        }
    }

    #[inline]
    fn base(&self) -> usize {
        match self {
            Self::Word(_, base) => *base,
            Self::Mutex(_) => 0,
        }
    }
}

/// The length of a body, and what its offset is a multiple of. A mutex's word ends a page, since what the kernel's list
/// holds of it lies on a private page right behind.
fn size_of(tag: Tag) -> (usize, usize) {
    if tag == Tag::MUTEX { (robust::page_size(), robust::page_size()) } else { (layout::LEN, 64) }
}

impl New<'_> {
    fn body(&self) -> Result<[u8; layout::WORD + 8], ObjectError> {
        let id = process::random_u64().map_err(ObjectError::system("get random bits"))?;
        let header = Header { tag: self.tag.as_u32(), flags: self.flags, limit: self.limit, id };
        Ok(header.encode(u64::from(self.state)))
    }
}
