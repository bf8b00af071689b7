//! A wait for one object.

use ennead_sys::cpu::{self, TICKS_PER_MICROSECOND};
use ennead_sys::futex::{self, Scope, Woken};
use ennead_sys::wait::Wait;

use super::Outcome;
use super::bed::{Bed, Ends, OTHERS};
use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::Object;

/// Looks between two pauses of the processor.
const LOOKS: u32 = 64;

#[inline]
pub(super) fn wait(object: &Object, wait: Wait<'_>, alerts: Option<&Alerts>) -> Result<Outcome, WaitError> {
    let since = object.entered();
    if object.take(since) {
        return Ok(Outcome::Signaled(0));
    }
    wait_long(object, since, &Ends::new(wait, alerts))
}

fn wait_long(object: &Object, since: u32, ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    if let Some(outcome) = ends.reached()? {
        return Ok(outcome);
    }
    let elsewhere = object.is_changed_elsewhere();
    if elsewhere && look(object, since) {
        return Ok(Outcome::Signaled(0));
    }
    let start = if elsewhere { cpu::ticks() } else { 0 };
    let outcome = sleep(object, since, ends)?;
    if elsewhere {
        object.spin.slept(cpu::ticks().wrapping_sub(start) / TICKS_PER_MICROSECOND);
    }
    Ok(outcome)
}

fn sleep(object: &Object, since: u32, ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    loop {
        let Some(state) = object.mark(since) else {
            if object.take(since) {
                return Ok(Outcome::Signaled(0));
            }
            continue;
        };
        let woken = if ends.are_plain() {
            futex::wait(object.state_half(), state, Scope::Shared, ends.wait.deadline())?
        } else {
            let mut bed = Bed::<{ 1 + OTHERS }>::new(ends);
            bed.add(object, state);
            bed.sleep(ends)?
        };
        if object.take(since) {
            object.settled();
            return Ok(Outcome::Signaled(0));
        }
        if let Some(outcome) = ends.reached()? {
            return Ok(outcome);
        }
        if woken == Woken::TimedOut {
            return Ok(Outcome::TimedOut);
        }
    }
}

/// Looks for a while before it sleeps, as long as that has paid.
fn look(object: &Object, since: u32) -> bool {
    let budget = object.spin.budget();
    if budget == 0 {
        return false;
    }
    let start = cpu::ticks();
    while cpu::ticks().wrapping_sub(start) < budget * TICKS_PER_MICROSECOND {
        for _ in 0..LOOKS {
            if object.take(since) {
                object.spin.paid();
                return true;
            }
        }
        std::hint::spin_loop();
    }
    object.spin.failed();
    false
}
