//! An object of which the state is a word: events, semaphores, timers.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ennead_namespace::{Entry, Kind, Scope as NameScope};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor};
use ennead_sys::futex::{self, Scope};
use ennead_sys::mapping::Mapping;
use ennead_sys::spin::Spin;
use ennead_sys::{cpu, file, memfd, process};

use crate::error::{ChangeError, ObjectError};
use crate::layout::{self, Header, Tag};
use crate::name::ObjectName;
use crate::named::{self, Blueprint, Opened};
use crate::passing::SharedObject;
use crate::place::Place;
use crate::rights;
use crate::state::{Change, Changed, Found, Rules, SLEEPERS};

/// How often a change of a word is tried before it is given up: each failure is somebody else's success, so that only one
/// who scribbles can make it so many.
pub(crate) const TRIES: u32 = 1 << 20;

/// How often somebody who was woken is let run first, so that it takes what it is owed.
const COURTESIES: u32 = 16;

/// One process's view of an object. Handles share it.
#[derive(Debug)]
pub(crate) struct Object {
    // Before the entry: a mapping keeps its description's locks.
    pages: Mapping,
    /// Where the body begins in the mapping.
    base: usize,
    pub(crate) rules: Rules,
    pub(crate) spin: Spin,
    hold: Hold,
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
        let blueprint = Blueprint {
            tag: new.tag,
            mapping: new.mapping,
            descriptor,
            initial: &initial,
            len: layout::LEN as u64,
            align: 64,
        };
        Self::of_entry(named::create(place, name, &blueprint, new.desired)?, new.tag)
    }

    pub(crate) fn open(
        place: &Place,
        name: &ObjectName,
        tag: Tag,
        mapping: &GenericMapping,
        desired: AccessMask,
    ) -> Result<Handle, ObjectError> {
        Self::of_entry(named::open(place, name, tag, mapping, desired)?, tag)
    }

    pub(crate) fn create_unnamed(new: &New<'_>) -> Result<Handle, ObjectError> {
        let memory = memfd::create_sealed("ennead-object", layout::LEN)
            .map_err(ObjectError::system("make memory for an object"))?;
        let pages = Mapping::new(&memory, layout::LEN).map_err(ObjectError::system("map an object"))?;
        pages.copy_in(0, &new.body()?);
        let object = Self::read(pages, 0, Hold::Unnamed(memory), new.tag)?;
        Ok(Handle { object, granted: new.mapping.map(new.desired), existed: false })
    }

    fn of_entry(opened: Opened, tag: Tag) -> Result<Handle, ObjectError> {
        let Opened { scope, entry, granted, existed } = opened;
        let (start, len) = entry.header().body;
        let (base, end) = match (usize::try_from(start), usize::try_from(start + len)) {
            (Ok(base), Ok(end)) if len == layout::LEN as u64 => (base, end),
            _ => return Err(ObjectError::Damaged),
        };
        // A holder may have truncated it since it was opened: then a load would be a SIGBUS.
        let size = file::status(entry.file()).map_err(ObjectError::system("look at an object"))?.size;
        if size < end as u64 {
            return Err(ObjectError::Damaged);
        }
        let pages = Mapping::new(entry.file(), end).map_err(ObjectError::system("map an object"))?;
        let object = Self::read(pages, base, Hold::Named(scope, Box::new(entry)), tag)?;
        Ok(Handle { object, granted, existed })
    }

    fn read(pages: Mapping, base: usize, hold: Hold, tag: Tag) -> Result<Self, ObjectError> {
        let mut bytes = [0; layout::WORD];
        pages.copy_out(base, &mut bytes);
        let header = Header::decode(&bytes)?;
        if header.tag != tag.as_u32() {
            return Err(ObjectError::OtherKind);
        }
        let rules = match tag {
            Tag::EVENT if header.flags & layout::MANUAL != 0 => Rules::ManualEvent,
            Tag::EVENT => Rules::AutoEvent,
            // A maximum that no semaphore has is somebody's scribbling, and harms that semaphore only.
            _ => Rules::Semaphore(u32::try_from(header.limit).unwrap_or(0).min(!SLEEPERS)),
        };
        Ok(Self { pages, base, rules, spin: Spin::new(), hold })
    }

    /// A fresh description of what keeps the object alive, for another process.
    pub(crate) fn share(&self, granted: AccessMask) -> Result<SharedObject, ObjectError> {
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
                Self::of_entry(Opened { scope, entry, granted, existed: true }, tag)
            }
            None => {
                if memfd::sealed_size(&file) != Some(layout::LEN as u64) {
                    return Err(ObjectError::Damaged);
                }
                let pages = Mapping::new(&file, layout::LEN).map_err(ObjectError::system("map an object"))?;
                let object = Self::read(pages, 0, Hold::Unnamed(file), tag)?;
                Ok(Handle { object, granted, existed: true })
            }
        }
    }

    #[inline]
    pub(crate) fn word(&self) -> &AtomicU64 {
        self.pages.atomic_u64(self.base + layout::WORD)
    }

    /// The half of the word that sleepers sleep on.
    #[inline]
    pub(crate) fn state_half(&self) -> &AtomicU32 {
        let half = if cfg!(target_endian = "big") { 4 } else { 0 };
        self.pages.atomic_u32(self.base + layout::WORD + half)
    }

    #[inline]
    fn cpu(&self) -> &AtomicU32 {
        self.pages.atomic_u32(self.base + layout::CPU)
    }

    #[inline]
    fn owed(&self) -> &AtomicU32 {
        self.pages.atomic_u32(self.base + layout::OWED)
    }

    /// The state as it is now.
    #[inline]
    pub(crate) fn state(&self) -> u32 {
        self.load() as u32
    }

    #[inline]
    fn load(&self) -> u64 {
        self.word().load(Ordering::Acquire)
    }

    #[inline]
    fn exchange(&self, old: u64, new: u32) -> bool {
        // The high half says nothing in this layout.
        let new = u64::from(new);
        self.word().compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }

    /// Changes the state and wakes who sleeps. The state before.
    pub(crate) fn change(&self, change: Change) -> Result<u32, ChangeError> {
        let mut courtesies = 0;
        for _ in 0..TRIES {
            let word = self.load();
            let state = word as u32;
            let patient = courtesies < COURTESIES;
            let changed = match self.rules.change(state, change) {
                Changed::Pending if !patient => self.rules.change_anyway(state, change),
                Changed::TooMany if patient && self.owed().load(Ordering::Relaxed) != 0 => Changed::Pending,
                changed => changed,
            };
            match changed {
                Changed::To(new) => {
                    if !self.exchange(word, new) {
                        continue;
                    }
                    self.changed(state & SLEEPERS != 0);
                    return Ok(state);
                }
                Changed::Nothing => return Ok(state),
                Changed::Pending => {
                    courtesies += 1;
                    process::let_others_run();
                }
                Changed::TooMany => return Err(ChangeError::TooManyPosts),
            }
        }
        Err(ChangeError::Spoiled)
    }

    fn changed(&self, sleepers: bool) {
        let here = cpu::current().wrapping_add(1);
        if self.cpu().load(Ordering::Relaxed) != here {
            self.cpu().store(here, Ordering::Relaxed);
        }
        if sleepers {
            self.owed().store(1, Ordering::Relaxed);
            futex::wake(self.state_half(), u32::MAX, Scope::Shared);
        }
    }

    /// The generation that a waiter who comes now remembers.
    #[inline]
    pub(crate) fn entered(&self) -> u32 {
        self.rules.generation(self.state())
    }

    /// Takes what is there for one who entered at `since`; false where there is nothing.
    #[inline]
    pub(crate) fn take(&self, since: u32) -> bool {
        for _ in 0..TRIES {
            let word = self.load();
            match self.rules.look(word as u32, since) {
                Found::Go(after) if after == word as u32 => return true,
                Found::Go(after) => {
                    if self.exchange(word, after) {
                        return true;
                    }
                }
                Found::Wait => return false,
            }
        }
        false
    }

    /// Who slept has got it: nothing is owed.
    pub(crate) fn settled(&self) {
        if self.owed().load(Ordering::Relaxed) != 0 {
            self.owed().store(0, Ordering::Relaxed);
        }
    }

    /// Says that somebody sleeps; gives the state to sleep on. `None`: look again.
    pub(crate) fn mark(&self, since: u32) -> Option<u32> {
        for _ in 0..TRIES {
            let word = self.load();
            let state = word as u32;
            if self.rules.look(state, since) != Found::Wait {
                return None;
            }
            if state & SLEEPERS != 0 || self.exchange(word, state | SLEEPERS) {
                return Some(state | SLEEPERS);
            }
        }
        None
    }

    /// Whether whoever changed the object last ran on another CPU, so that looking may pay.
    pub(crate) fn is_changed_elsewhere(&self) -> bool {
        let last = self.cpu().load(Ordering::Relaxed);
        last != 0 && last != cpu::current().wrapping_add(1)
    }
}

impl New<'_> {
    fn body(&self) -> Result<[u8; layout::WORD + 8], ObjectError> {
        let id = process::random_u64().map_err(ObjectError::system("get random bits"))?;
        let header = Header { tag: self.tag.as_u32(), flags: self.flags, limit: self.limit, id };
        Ok(header.encode(u64::from(self.state)))
    }
}
