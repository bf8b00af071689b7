//! A wait for any of several objects.
//!
//! It looks at them in their order and takes the first that is there. Where none is, it says at each that somebody sleeps, which
//! looks at each once more, and sleeps on all of their words at once: whoever changes one of them wakes all that sleep on it.

use ennead_sys::futex::Woken;
use ennead_sys::robust::Attempt as Owning;
use ennead_sys::wait::Wait;

use super::bed::{Bed, Deaths, Ends, OTHERS};
use super::bell::Bell;
use super::single::{attempt, owned, settle};
use super::{MAXIMUM_WAIT_OBJECTS, Outcome, Waitable};
use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::{Object, STEPS};
use crate::protocol::{Attempt, Attempted};
use crate::sight::Sight;
use crate::word::Ticket;

/// The generations at which a wait entered.
type Since = [u32; MAXIMUM_WAIT_OBJECTS];

type Full<'a> = Bed<'a, { MAXIMUM_WAIT_OBJECTS + OTHERS }>;

pub(super) fn wait(
    objects: &[&dyn Waitable],
    wait: Wait<'_>,
    alerts: Option<&Alerts>,
) -> Result<Outcome, WaitError> {
    if let [one] = objects {
        return super::single::wait(one.source().checked()?, wait, alerts);
    }
    super::with_objects(objects, |objects| sleep_for(objects, &Ends::new(wait, alerts)))
}

/// Waits for any of these.
pub(super) fn sleep_for(objects: &[&Object], ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    let mut since: Since = [0; MAXIMUM_WAIT_OBJECTS];
    // The first look is also when the wait enters.
    for (index, object) in objects.iter().enumerate() {
        if object.robust().is_none() {
            match object.is_absent() {
                Some(generation) => {
                    since[index] = generation;
                    continue;
                }
                None => since[index] = object.entered(),
            }
        }
        if let Some(outcome) = take(object, since[index])?.at(index) {
            return Ok(outcome);
        }
    }
    if let Some(outcome) = ends.reached()? {
        return Ok(outcome);
    }
    let deaths = Deaths::default();
    let ends = ends.with_deaths(&deaths);
    let bell = Bell::for_all_of(objects);
    for round in 0.. {
        if objects.iter().any(|object| object.is_lost()) {
            return Err(WaitError::Spoiled);
        }
        let mut bed = Full::new(&ends);
        let heard = bell.as_ref().map(|bell| (bell, bell.listen()));
        let (woken, blocked) = match lie_down(objects, &since, &mut bed, bell.as_ref())? {
            Lain::Taken(outcome) => return Ok(outcome),
            Lain::Down => (sleep_by(heard, bed, &ends)?, None),
            Lain::Again => (Woken::LookAgain, None),
            Lain::Blocked(index, ticket) => (Woken::LookAgain, Some((index, ticket))),
        };
        for (index, object) in objects.iter().enumerate() {
            if object.robust().is_none() && object.has_nothing(since[index]) {
                continue;
            }
            if let Some(outcome) = take(object, since[index])?.at(index) {
                object.settled();
                return Ok(outcome);
            }
        }
        if let Some(outcome) = ends.reached_or_late()? {
            return Ok(outcome);
        }
        if woken == Woken::TimedOut {
            return Ok(Outcome::TimedOut);
        }
        if let Some((index, ticket)) = blocked {
            // Rare, and short: the other objects are looked at again soon.
            Sight::new(objects[index]).wait_for_outcome(round.min(1), ticket, ends.wait.deadline())?;
        }
    }
    Ok(Outcome::TimedOut)
}

/// What lying down came to.
enum Lain {
    Down,
    Taken(Outcome),
    /// Something has changed meanwhile.
    Again,
    Blocked(usize, Ticket),
}

/// What an attempt to take one came to.
enum Took {
    Yes(Outcome),
    No,
    Blocked(Ticket),
}

impl Took {
    fn at(self, index: usize) -> Option<Outcome> {
        match self {
            Self::Yes(Outcome::Abandoned(_)) => Some(Outcome::Abandoned(index)),
            Self::Yes(_) => Some(Outcome::Signaled(index)),
            Self::No | Self::Blocked(_) => None,
        }
    }
}

fn lie_down<'a>(
    objects: &[&'a Object],
    since: &Since,
    bed: &mut Full<'a>,
    bell: Option<&Bell>,
) -> Result<Lain, WaitError> {
    for (index, object) in objects.iter().enumerate() {
        if object.robust().is_none() {
            // A timer's due time goes with its word.
            let rings = !object.rules.is_timer() && bell.is_some_and(|bell| bell.hang_at(object));
            if rings && object.is_marked(since[index]) {
                continue;
            }
            match attempt(object, Attempt::new(0, since[index], true))? {
                Attempted::Taken => return Ok(Lain::Taken(Outcome::Signaled(index))),
                Attempted::Marked(_) if rings => {}
                Attempted::Marked(state) => bed.add(object, state),
                Attempted::Blocked(ticket) => return Ok(Lain::Blocked(index, ticket)),
                Attempted::Absent => {}
            }
        } else if !mark_mutex(object, bed)? {
            return Ok(match take(object, 0)? {
                Took::Blocked(ticket) => Lain::Blocked(index, ticket),
                took => took.at(index).map_or(Lain::Again, Lain::Taken),
            });
        }
    }
    Ok(Lain::Down)
}

/// Sleeps on what the bed has, and on the bell.
fn sleep_by<'b>(
    heard: Option<(&'b Bell, u32)>,
    mut bed: Full<'b>,
    ends: &Ends<'_>,
) -> Result<Woken, WaitError> {
    let Some((bell, heard)) = heard else { return Ok(bed.sleep(ends)?) };
    let Some((word, value)) = bell.lie_down(heard) else { return Ok(Woken::LookAgain) };
    let woken = bed.sleep_with(word, value, ends);
    bell.get_up();
    Ok(woken?)
}

/// Makes a mutex's word ready to be slept on. False: it is free, or its owner has changed.
fn mark_mutex<'a, const N: usize>(object: &'a Object, bed: &mut Bed<'a, N>) -> Result<bool, WaitError> {
    let Some(word) = object.robust() else { return Ok(false) };
    let watch = word.owner_watch()?;
    match word.prepare_sleep(&watch) {
        Ok((generation, value)) => {
            bed.add_mutex(generation, value, watch)?;
            Ok(true)
        }
        Err(_) => Ok(false),
    }
}

/// Takes the object if it is there.
fn take(object: &Object, since: u32) -> Result<Took, WaitError> {
    let Some(word) = object.robust() else {
        return Ok(match attempt(object, Attempt::new(0, since, false))? {
            Attempted::Taken => Took::Yes(Outcome::Signaled(0)),
            Attempted::Blocked(ticket) => Took::Blocked(ticket),
            Attempted::Absent | Attempted::Marked(_) => Took::No,
        });
    };
    for _ in 0..STEPS {
        let owning = word.try_lock()?;
        if let Some(outcome) = owned(owning)? {
            return Ok(Took::Yes(outcome));
        }
        let Owning::Pledged(tag) = owning else { return Ok(Took::No) };
        if let Some(ticket) = settle(object, word, tag) {
            return Ok(Took::Blocked(ticket));
        }
    }
    Err(WaitError::Spoiled)
}
