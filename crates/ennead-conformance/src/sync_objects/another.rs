//! What another process does in a case. An act has a text, for one that reads what to do.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::{Kind, SyncObjects};
use crate::Outcome;

/// What is done; the object is the one of the act's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Creates one or opens it, and keeps the handle; 1 if it existed.
    Create,
    /// Opens it with the access that the number is, and keeps the handle.
    Open,
    /// Waits for as many milliseconds as the number says.
    Wait,
    /// Sets the event, releases the mutex, releases the semaphore by the number.
    Signal,
    /// Closes the handle.
    Close,
}

/// An act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// What is done.
    pub verb: Verb,
    /// The object's kind.
    pub kind: Kind,
    /// What the verb makes of it.
    pub number: u32,
    /// The object's name.
    pub name: String,
}

impl Act {
    /// An act.
    #[must_use]
    pub fn new(verb: Verb, kind: Kind, name: &str, number: u32) -> Self {
        Self { verb, kind, number, name: name.to_owned() }
    }
}

const VERBS: [Verb; 5] = [Verb::Create, Verb::Open, Verb::Wait, Verb::Signal, Verb::Close];

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?} {} {}", self.verb, self.kind, self.number, self.name)
    }
}

impl FromStr for Act {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<_> = text.splitn(4, ' ').collect();
        let [verb, kind, number, name] = parts[..] else { return Err(format!("no act: {text:?}")) };
        let verb = VERBS.into_iter().find(|known| format!("{known:?}") == verb);
        let kind = Kind::ALL.into_iter().find(|known| format!("{known:?}") == kind);
        let number = number.parse().ok();
        let act =
            verb.zip(kind).zip(number).map(|((verb, kind), number)| Self::new(verb, kind, name, number));
        act.ok_or_else(|| format!("no act: {text:?}"))
    }
}

/// The handles that a process keeps, by their names.
pub type Kept<S> = HashMap<String, <S as SyncObjects>::Handle>;

/// Carries out an act, in the process that it is for.
///
/// # Panics
/// No handle of that name is kept.
pub fn perform<S: SyncObjects>(objects: &S, kept: &mut Kept<S>, act: &Act) -> Outcome<u32> {
    match act.verb {
        Verb::Create => {
            let (handle, existed) = objects.create(Some(&act.name), act.kind.plain())?;
            kept.insert(act.name.clone(), handle);
            return Ok(u32::from(existed));
        }
        Verb::Open => {
            let handle = objects.open(act.kind, &act.name, act.number)?;
            kept.insert(act.name.clone(), handle);
            return Ok(0);
        }
        Verb::Close => {
            kept.remove(&act.name);
            return Ok(0);
        }
        Verb::Wait | Verb::Signal => {}
    }
    let handle = kept.get(&act.name).expect("the handle is kept");
    match (act.verb, act.kind) {
        (Verb::Wait, _) => objects.wait(handle, act.number),
        (_, Kind::Event) => objects.set(handle).map(|()| 0),
        (_, Kind::Mutex) => objects.release(handle).map(|()| 0),
        (_, Kind::Semaphore) => {
            let count = i32::try_from(act.number).expect("a count");
            objects.post(handle, count).map(i32::cast_unsigned)
        }
        (_, Kind::Timer) => objects.set_timer(handle, -i64::from(act.number), 0).map(|()| 0),
    }
}

#[test]
fn an_act_survives_its_text() {
    let act = Act::new(Verb::Wait, Kind::Semaphore, "Local\\a name", 7);
    assert_eq!(act.to_string().parse(), Ok(act));
}
