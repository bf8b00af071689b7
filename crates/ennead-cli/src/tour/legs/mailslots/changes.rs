//! Stock changes: the inventory program posts each to the slots of both others, who have done something else meanwhile.
//!
//! A change is 16 bytes: its number, and by how much a quantity has changed. The last one has the sum of all, and the number of all ones.

use std::sync::{Mutex, PoisonError};

use ennead_mailslot::{Client, ClientOptions, Mailslot, MailslotOptions};

use crate::tour::job::{Job, Role};
use crate::tour::line::LineError;

/// How many changes there are: less than a slot's budget, since nobody may be reading yet.
const CHANGES: u64 = 10_000;
const LAST: u64 = u64::MAX;

/// This program's slot for changes, from its first conversation on.
static SLOT: Mutex<Option<Mailslot>> = Mutex::new(None);

/// Makes this program's slot.
pub fn subscribe(role: Role, job: &Job) -> Result<(), LineError> {
    let slot = MailslotOptions::new().max_message(16).create(&name(role, job))?;
    *SLOT.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot);
    Ok(())
}

/// In the inventory program: both others have made their slots before they asked for anything.
pub fn post(job: &Job) -> Result<(), LineError> {
    let open = |role| ClientOptions::new().open(&name(role, job));
    let slots: [Client; 2] = [open(Role::Spreadsheet)?, open(Role::WordProcessor)?];
    let mut sum = 0i64;
    let tell = |number: u64, change: i64| -> Result<(), LineError> {
        let message = [number.to_le_bytes(), change.to_le_bytes()].concat();
        slots.iter().try_for_each(|slot| slot.write(&message).map(drop)).map_err(LineError::from)
    };
    for number in 0..CHANGES {
        let change = change(number);
        sum += change;
        tell(number, change)?;
    }
    tell(LAST, sum)
}

/// In both others: all changes, in order, and what they add up to.
pub fn hear() -> Result<(), LineError> {
    let slot = SLOT.lock().unwrap_or_else(PoisonError::into_inner).take();
    let slot = slot.ok_or_else(|| LineError::new("this program has no slot for stock changes"))?;
    let (mut expected, mut sum) = (0u64, 0i64);
    loop {
        let mut message = [0; 16];
        if slot.read(&mut message)? != message.len() {
            return Err(LineError::new("a stock change is cut"));
        }
        let (number, change) = message.split_at(8);
        let number = number.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        let change = change.first_chunk().map_or(0, |change| i64::from_le_bytes(*change));
        match number {
            LAST if expected == CHANGES && change == sum => return Ok(()),
            LAST => {
                return Err(LineError::new(format!(
                    "{expected} stock changes add up to {sum}, not {change}"
                )));
            }
            _ if number == expected => {
                expected += 1;
                sum = sum.wrapping_add(change);
            }
            _ => return Err(LineError::new(format!("stock change {number} came, {expected} was next"))),
        }
    }
}

/// Something that does not add up to the same sum in another order of numbers that were lost or doubled.
fn change(number: u64) -> i64 {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 44) as i64 - (1 << 19)
}

fn name(role: Role, job: &Job) -> String {
    let whose = if role == Role::Spreadsheet { "spreadsheet" } else { "word-processor" };
    format!(r"\\.\mailslot\{}\changes\{whose}", job.address)
}
