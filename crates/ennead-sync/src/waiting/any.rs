//! A wait for any of several objects.
//!
//! It looks at them in their order and takes the first that is there. Where none is, it says at each that somebody sleeps, which
//! looks at each once more, and sleeps on all of their words at once: whoever changes one of them wakes all that sleep on it.

use ennead_sys::futex::Woken;
use ennead_sys::wait::Wait;

use super::bed::{Bed, Ends, OTHERS};
use super::{MAXIMUM_WAIT_OBJECTS, Outcome, Waitable};
use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::Object;

pub(super) fn wait(
    objects: &[&dyn Waitable],
    wait: Wait<'_>,
    alerts: Option<&Alerts>,
) -> Result<Outcome, WaitError> {
    match objects {
        [] => return Err(WaitError::Count(0)),
        [one] => return super::single::wait(one.source().checked()?, wait, alerts),
        many if many.len() > MAXIMUM_WAIT_OBJECTS => return Err(WaitError::Count(many.len())),
        _ => {}
    }
    for object in objects {
        object.source().checked()?;
    }
    let several = Several { objects };
    let mut since = [0; MAXIMUM_WAIT_OBJECTS];
    // The first look is also when the wait enters.
    for (index, object) in several.each() {
        since[index] = object.entered();
        if object.take(since[index]) {
            return Ok(Outcome::Signaled(index));
        }
    }
    let ends = Ends::new(wait, alerts);
    if let Some(outcome) = ends.reached()? {
        return Ok(outcome);
    }
    several.sleep(&since, &ends)
}

/// The objects of one wait, checked.
struct Several<'a> {
    objects: &'a [&'a dyn Waitable],
}

impl<'a> Several<'a> {
    fn each(&self) -> impl Iterator<Item = (usize, &'a Object)> {
        self.objects.iter().map(|object| object.source().object).enumerate()
    }

    fn sleep(&self, since: &[u32; MAXIMUM_WAIT_OBJECTS], ends: &Ends<'a>) -> Result<Outcome, WaitError> {
        loop {
            let woken = match self.lie_down(since, ends) {
                Some(bed) => bed.sleep(ends)?,
                None => Woken::LookAgain,
            };
            for (index, object) in self.each() {
                if object.take(since[index]) {
                    object.settled();
                    return Ok(Outcome::Signaled(index));
                }
            }
            if let Some(outcome) = ends.reached()? {
                return Ok(outcome);
            }
            if woken == Woken::TimedOut {
                return Ok(Outcome::TimedOut);
            }
        }
    }

    /// `None` where one of them is there.
    fn lie_down(
        &self,
        since: &[u32; MAXIMUM_WAIT_OBJECTS],
        ends: &Ends<'a>,
    ) -> Option<Bed<'a, { MAXIMUM_WAIT_OBJECTS + OTHERS }>> {
        let mut bed = Bed::new(ends);
        for (index, object) in self.each() {
            bed.add(object, object.mark(since[index])?);
        }
        Some(bed)
    }
}
