//! A bell: the one word on which a thread sleeps that waits for any of many objects.
//!
//! The kernel takes 11 to 19 µs to lay a thread down on 64 words and up again, at each wait. A bell is one word, in the outcome page of
//! its user, of a thread that waits. Objects know the numbers of the bells of those who waited for them, from one wait to the next, so that mostly there is nothing to tell
//! them; whoever wakes an object's sleepers rings these bells as well. A bell rings late or for nothing at worst.
//!
//! The thread reads its bell, *then* says at each object that somebody sleeps, which looks once more, and sleeps only while the bell
//! is what it was. Bells are not for objects that other users may signal: those cannot ring.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ennead_namespace::Scope;
use ennead_sys::futex;

use crate::object::{BELLS, Object};
use crate::outcome::OutcomePage;
use crate::state::Rules;
use crate::word::{SLOTS, Ticket};

/// Up to so many objects are slept on by their own words.
pub(super) const FEW: usize = 6;

/// In a bell: its thread sleeps. The thread sets it, and takes it back. Above it: how often it rang.
const ASLEEP: u32 = 1;
const ONE_RING: u32 = 2;

/// In an object: a bell's number stands here.
const KNOWN: u32 = 1 << 31;

/// The calling thread's, for one wait.
pub(super) struct Bell {
    page: Arc<OutcomePage>,
    slot: u32,
}

impl Bell {
    /// One for a wait for these, if bells are any good for it.
    pub(super) fn for_all_of(objects: &[&Object]) -> Option<Self> {
        if objects.len() <= FEW {
            return None;
        }
        let place = &objects.iter().find(|object| object.is_ringable())?.place;
        let page = place.outcomes().own(place.root(Scope::Local).ok()?).ok()?;
        let slot = page.take_slot().ok()?;
        Some(Self { page, slot })
    }

    /// What it shows now, before the thread lies down.
    pub(super) fn listen(&self) -> u32 {
        self.word().map_or(0, |word| word.load(Ordering::SeqCst) & !ASLEEP)
    }

    /// Makes the object know the bell; false where it cannot.
    pub(super) fn hang_at(&self, object: &Object) -> bool {
        if !object.is_ringable() {
            return false;
        }
        let Ok(party) = object.introduce(&self.page) else { return false };
        let own = KNOWN | (party as u32) << 9 | self.slot;
        let known = |number: usize| object.bell(number).load(Ordering::SeqCst);
        let replace = |number: usize, there: u32| {
            object.bell(number).compare_exchange(there, own, Ordering::SeqCst, Ordering::SeqCst).is_ok()
        };
        let hangs = (0..BELLS).any(|number| known(number) == own)
            || (0..BELLS).any(|number| replace(number, 0))
            || (0..BELLS).any(|number| {
                let there = known(number);
                is_forgotten(object, there) && replace(number, there)
            });
        // Asked behind it: who passes a handle on says so first, then rings.
        hangs && object.passed().load(Ordering::SeqCst) == 0
    }

    /// The word to sleep on and its value, unless it has rung since it was listened to.
    pub(super) fn lie_down(&self, heard: u32) -> Option<(&AtomicU32, u32)> {
        let word = self.word()?;
        let asleep = heard | ASLEEP;
        let seen = word.load(Ordering::SeqCst);
        if seen == asleep {
            // Left behind by a thread that was killed in its sleep.
            return Some((word, asleep));
        }
        word.compare_exchange(heard, asleep, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        Some((word, asleep))
    }

    pub(super) fn get_up(&self) {
        if let Some(word) = self.word() {
            word.fetch_and(!ASLEEP, Ordering::SeqCst);
        }
    }

    fn word(&self) -> Option<&AtomicU32> {
        self.page.bell(self.slot)
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        self.page.give_slot(self.slot);
    }
}

/// Whether a bell's number belongs to nobody who lives. Asked only where an object knows many.
fn is_forgotten(object: &Object, number: u32) -> bool {
    match page_of(object, number) {
        Ok(Some(page)) => !page.is_alive(number & (SLOTS - 1)),
        Ok(None) => true,
        Err(_) => false,
    }
}

fn page_of(object: &Object, number: u32) -> Result<Option<Arc<OutcomePage>>, ennead_namespace::EntryError> {
    let party = number >> 9 & 3;
    object.page_of(Ticket::new(0, 0).of_party(party as usize))
}

impl Object {
    /// Whether those who may signal it can ring this user's bells.
    fn is_ringable(&self) -> bool {
        let kind = matches!(self.rules, Rules::AutoEvent | Rules::ManualEvent | Rules::Semaphore(_));
        kind && self.scope() != Some(Scope::Global) && self.passed().load(Ordering::SeqCst) == 0
    }

    /// Wakes those who sleep by a bell.
    pub(crate) fn ring_bells(&self) {
        for number in 0..BELLS {
            let known = self.bell(number).load(Ordering::SeqCst);
            if known & KNOWN == 0 {
                continue;
            }
            let Ok(Some(page)) = page_of(self, known) else { continue };
            let Some(bell) = page.bell(known & (SLOTS - 1)).filter(|_| page.ours) else { continue };
            if bell.fetch_add(ONE_RING, Ordering::SeqCst) & ASLEEP != 0 {
                futex::wake(bell, u32::MAX, futex::Scope::Shared);
            }
        }
    }
}
