//! A wait for one object.

use ennead_sys::cpu::{self, TICKS_PER_MICROSECOND};
use ennead_sys::futex::{self, Scope, Woken};
use ennead_sys::robust::{Attempt as Owning, RobustWord};
use ennead_sys::wait::Wait;

use super::Outcome;
use super::bed::{Bed, Ends, OTHERS};
use crate::alert::Alerts;
use crate::error::WaitError;
use crate::object::{Object, STEPS};
use crate::protocol::{Attempt, Attempted, Verdict, World};
use crate::sight::Sight;
use crate::word::Ticket;

/// Looks between two pauses of the processor.
const LOOKS: u32 = 64;

/// How many void tickets are got out of a mutex before the wait looks at its end: more than waits for all leave.
const MOST_TICKETS: u32 = 64;

#[inline]
pub(super) fn wait(object: &Object, wait: Wait<'_>, alerts: Option<&Alerts>) -> Result<Outcome, WaitError> {
    match object.robust() {
        None if object.take_at_once() => Ok(Outcome::Signaled(0)),
        None => wait_long(object, &Ends::new(wait, alerts)),
        Some(word) => own(object, word, &Ends::new(wait, alerts)),
    }
}

fn wait_long(object: &Object, ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    let since = object.entered();
    if attempt(object, Attempt::new(0, since, false))? == Attempted::Taken {
        return Ok(Outcome::Signaled(0));
    }
    if object.is_lost() {
        return Err(WaitError::Spoiled);
    }
    if let Some(outcome) = ends.reached()? {
        return Ok(outcome);
    }
    let elsewhere = object.is_changed_elsewhere() && !object.rules.is_timer();
    if elsewhere && look(object, since)? {
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
    let mut woken = Woken::LookAgain;
    for round in 0.. {
        let next = Attempt::new(0, since, true);
        let next = if woken == Woken::ByWake { next.woken() } else { next };
        match attempt(object, next)? {
            Attempted::Taken => {
                object.settled();
                break;
            }
            _ if woken == Woken::TimedOut => return Ok(Outcome::TimedOut),
            Attempted::Marked(_) if object.is_lost() => return Err(WaitError::Spoiled),
            Attempted::Marked(state) => {
                if let Some(outcome) = ends.reached()? {
                    return Ok(outcome);
                }
                woken = if ends.are_plain() && !object.rules.is_timer() {
                    futex::wait(object.state_half(), state, Scope::Shared, ends.wait.deadline())?
                } else {
                    let mut bed = Bed::<{ 1 + OTHERS }>::new(ends);
                    bed.add(object, state);
                    bed.sleep(ends)?;
                    // It may have been another word.
                    if ends.wait.is_over() { Woken::TimedOut } else { Woken::LookAgain }
                };
            }
            Attempted::Blocked(ticket) => {
                if let Some(outcome) = ends.reached_or_late()? {
                    return Ok(outcome);
                }
                Sight::new(object).wait_for_outcome(round, ticket, ends.wait.deadline())?;
            }
            Attempted::Absent => {}
        }
    }
    Ok(Outcome::Signaled(0))
}

/// Looks for a while before it sleeps, as long as that has paid.
fn look(object: &Object, since: u32) -> Result<bool, WaitError> {
    let budget = object.spin.budget();
    if budget == 0 {
        return Ok(false);
    }
    let start = cpu::ticks();
    while cpu::ticks().wrapping_sub(start) < budget * TICKS_PER_MICROSECOND {
        for _ in 0..LOOKS {
            if object.may_go(since) && attempt(object, Attempt::new(0, since, false))? == Attempted::Taken {
                object.spin.paid();
                return Ok(true);
            }
        }
        std::hint::spin_loop();
    }
    object.spin.failed();
    Ok(false)
}

/// Takes the steps of an attempt.
pub(super) fn attempt(object: &Object, mut attempt: Attempt) -> Result<Attempted, WaitError> {
    let sight = Sight::new(object);
    for _ in 0..STEPS {
        if let Some(outcome) = attempt.step(&sight) {
            return Ok(outcome);
        }
    }
    Err(WaitError::Spoiled)
}

/// Waits for a mutex.
fn own(object: &Object, word: &RobustWord, ends: &Ends<'_>) -> Result<Outcome, WaitError> {
    for round in 0.. {
        let patient = !matches!(ends.wait, Wait::Never) && ends.are_plain();
        let owning = if patient { word.lock(ends.wait.deadline(), None)? } else { word.try_lock()? };
        if let Some(outcome) = owned(owning)? {
            return if object.is_lost() { Err(WaitError::Spoiled) } else { Ok(outcome) };
        }
        match owning {
            Owning::Pledged(tag) => {
                let blocked = settle(object, word, tag);
                // Not in the first rounds: what is free by then is taken, whatever the time.
                if (blocked.is_some() || round > MOST_TICKETS)
                    && let Some(outcome) = ends.reached_or_late()?
                {
                    return Ok(outcome);
                }
                if let Some(ticket) = blocked {
                    Sight::new(object).wait_for_outcome(round, ticket, ends.wait.deadline())?;
                }
            }
            _ if patient || matches!(ends.wait, Wait::Never) => return Ok(Outcome::TimedOut),
            // The token and the alerts have words of their own, so that it sleeps as for several.
            _ => return super::any::sleep_for(&[object], ends),
        }
    }
    Ok(Outcome::TimedOut)
}

/// What owning a mutex comes to, if it is owned.
pub(super) fn owned(owning: Owning) -> Result<Option<Outcome>, WaitError> {
    Ok(match owning {
        Owning::Acquired | Owning::Recursed => Some(Outcome::Signaled(0)),
        Owning::Abandoned => Some(Outcome::Abandoned(0)),
        Owning::Overflow => return Err(WaitError::System(std::io::ErrorKind::QuotaExceeded.into())),
        Owning::Busy | Owning::TimedOut | Owning::Alerted | Owning::Pledged(_) => None,
    })
}

/// Gets a ticket out of a mutex, if that can be done now; else the ticket.
pub(super) fn settle(object: &Object, word: &RobustWord, tag: u32) -> Option<Ticket> {
    let ticket = Ticket(tag);
    match object.verdict(ticket) {
        Verdict::Over => {
            word.unpledge(tag);
            None
        }
        Verdict::Undecided => {
            Sight::new(object).abort(0, ticket);
            None
        }
        Verdict::Foreign | Verdict::Committed => Some(ticket),
    }
}
