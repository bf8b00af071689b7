//! A wait for all of several objects: the driver of [`crate::protocol::All`].

use std::io;

use ennead_namespace::Scope;
use ennead_sys::futex::Woken;
use ennead_sys::wait::Wait;

use super::bed::{Bed, Deaths, Ends, OTHERS};
use super::{MAXIMUM_WAIT_OBJECTS, Outcome, Waitable};
use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::{Object, STEPS};
use crate::protocol::{All, Progress};
use crate::sight::{Sight, Sights};

pub(super) fn wait(
    objects: &[&dyn Waitable],
    wait: Wait<'_>,
    alerts: Option<&Alerts>,
) -> Result<Outcome, WaitError> {
    if let [one] = objects {
        return super::single::wait(one.source().checked()?, wait, alerts);
    }
    super::with_objects(objects, |objects| of_all(objects, &Ends::new(wait, alerts)))
}

fn of_all(objects: &[&Object], ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    // In the order of their ids, so that two waits for the same objects rarely meet with something in their hands.
    let mut places = [0u8; MAXIMUM_WAIT_OBJECTS];
    let places = &mut places[..objects.len()];
    places.iter_mut().enumerate().for_each(|(index, place)| *place = index as u8);
    places.sort_unstable_by_key(|&place| objects[usize::from(place)].id);
    let mut sorted = [objects[0]; MAXIMUM_WAIT_OBJECTS];
    let sorted = &mut sorted[..objects.len()];
    sorted.iter_mut().zip(places.iter()).for_each(|(object, &place)| *object = objects[usize::from(place)]);
    if sorted.windows(2).any(|pair| pair[0].id == pair[1].id) {
        return Err(WaitError::Duplicate);
    }
    let place = &sorted[0].place;
    if sorted.iter().any(|object| !object.place.is_same(place)) {
        return Err(WaitError::Places);
    }
    let global = sorted.iter().any(|object| object.scope() == Some(Scope::Global));
    let scope = if global { Scope::Global } else { Scope::Local };
    let page = place.root(scope).and_then(|root| place.outcomes().own(root));
    let page = page.map_err(|error| WaitError::System(io::Error::other(error)))?;
    let mut sights = Sights::new(sorted, page)?;
    run(sorted, &mut sights, ends)?.map_or_else(|| abandoned(objects.len(), places, &sights), Ok)
}

/// All are the caller's: which of them was abandoned, in the caller's order.
fn abandoned(count: usize, places: &[u8], sights: &Sights<'_>) -> Result<Outcome, WaitError> {
    let at = |index: usize| places.iter().position(|&place| usize::from(place) == index);
    let first = (0..count).find(|&index| at(index).is_some_and(|sorted| sights.is_abandoned(sorted)));
    Ok(first.map_or(Outcome::Signaled(0), Outcome::Abandoned))
}

/// `None`: all were taken.
fn run<'a>(
    objects: &'a [&'a Object],
    sights: &mut Sights<'a>,
    ends: &Ends<'_>,
) -> Result<Option<Outcome>, WaitError> {
    let deaths = Deaths::default();
    let ends = ends.with_deaths(&deaths);
    let mut all = All::new(objects.len());
    let mut late = false;
    let mut round = 0;
    let mut steps = 0;
    loop {
        steps += 1;
        if steps > STEPS {
            return Err(WaitError::Spoiled);
        }
        let progress = all.step(sights);
        let Some(progress) = progress else { continue };
        if let Some(error) = sights.error() {
            return Err(error.into());
        }
        steps = 0;
        // What is done to an object whose file was truncated reaches nobody.
        if objects.iter().any(|object| object.is_lost()) {
            return Err(WaitError::Spoiled);
        }
        match progress {
            Progress::Done => {
                recurse(objects, sights)?;
                return Ok(None);
            }
            Progress::Sleep(object, state) => {
                if let Some(outcome) = ends.reached()? {
                    return Ok(Some(outcome));
                }
                if late {
                    return Ok(Some(Outcome::TimedOut));
                }
                sights.rest();
                late = sleep(objects[object], state, sights, &ends)? == Woken::TimedOut;
                sights.rise()?;
            }
            Progress::Blocked(object, ticket) => {
                if let Some(outcome) = ends.reached_or_late()? {
                    return Ok(Some(outcome));
                }
                Sight::new(objects[object]).wait_for_outcome(round, ticket, ends.wait.deadline())?;
                round += 1;
            }
        }
    }
}

/// Sleeps on one object that is not ready: as long as it is not, all are not.
fn sleep(object: &Object, state: u32, sights: &Sights<'_>, ends: &Ends<'_>) -> Result<Woken, WaitError> {
    let mut bed = Bed::<{ 1 + OTHERS }>::new(ends);
    match (object.robust(), sights.watched()) {
        (None, _) => bed.add(object, state),
        (Some(word), Some((_, watch, value))) => bed.add_mutex(word.generation(), value, watch)?,
        (Some(_), None) => return Ok(Woken::LookAgain),
    }
    Ok(bed.sleep(ends)?)
}

/// Mutexes that the caller owned before it owns once more.
fn recurse(objects: &[&Object], sights: &Sights<'_>) -> Result<(), WaitError> {
    for (index, object) in objects.iter().enumerate() {
        if let (Some(word), true) = (object.robust(), sights.was_mine(index)) {
            word.try_lock()?;
        }
    }
    Ok(())
}
