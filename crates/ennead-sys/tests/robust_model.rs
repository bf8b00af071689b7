//! A model of a robust word: every interleaving of an owner and three who wait, alone or for several objects at once, any of whom may be killed between any
//! two steps, with the kernel's part at a death as steps of its own. Then the same with the protocol broken on purpose in each way that looks
//! tempting: the checks must find every one.
//!
//! What is checked in every state:
//! - **one owner**: never two living ones;
//! - **told once**: who owns it next after an owner died is told, and nobody else is;
//! - **no dead end**: from here, without further kills, everybody comes to the end: so no wake-up is ever lost;
//! - **tidy**: if nobody was killed, the word is all free in the end.

#[path = "../../ennead-namespace/tests/explorer/mod.rs"]
mod explorer;

use explorer::{Finding, Model, explore};

const ACTORS: usize = 4;

/// How the protocol is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Not,
    /// Nothing is announced to the kernel before the word is taken.
    NoPendingWhileTaking,
    /// The announcement is taken back before the word is in the list.
    LinkedTooLate,
    /// Nothing is announced while the word is given back.
    NoPendingWhileReleasing,
    /// A sleeper takes its announcement back before it sleeps.
    NoPendingWhileAsleep,
    /// The release clears the note of sleepers at once, as glibc does.
    ReleaseForgetsWaiters,
    /// Who takes the word does not pass the note on.
    TakingForgetsWaiters,
    /// A release wakes one.
    WakeOne,
    /// The note is cleared without regard to the generation.
    TidyWithoutGeneration,
    /// Who waits for several objects sleeps on the futex too.
    SeveralOnTheFutex,
    /// Who waits for several objects does not watch the owner.
    NoWatch,
    /// It does not check that the owner is the one whom it watches.
    WatchUnchecked,
    /// It sleeps without a note.
    SeveralUnnoted,
    /// Whose time is over does not look once more.
    NoLastLook,
    /// Who is told leaves the mark.
    MarkStays,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Word {
    owner: Option<u8>,
    died: bool,
    waiters: bool,
    generation: u8,
    sleepers: bool,
}

impl Word {
    /// What a sleep on the futex half compares.
    fn futex(self) -> (Option<u8>, bool, bool) {
        (self.owner, self.died, self.waiters)
    }

    fn noted(self) -> bool {
        self.waiters || self.sleepers
    }
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Announce,
    Look,
    Take,
    NoteWaiter,
    Sleep,
    AsleepOnFutex,
    Link,
    TakeBack,
    Owning,
    Unlink,
    Release,
    WakeFutex,
    WakeGeneration,
    Tidy,
    End,
    // Who waits for several objects.
    Withdraw,
    Watch,
    CheckWatch,
    NoteSleeper,
    SleepOnSeveral,
    AsleepOnGeneration,
    Done,
    // The kernel.
    DyingMark,
    DyingWake,
    DyingTell,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// Waits for this object.
    Single,
    /// The same, with a deadline or another thing to listen to.
    Impatient,
    /// Waits for this and other objects.
    Several,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Actor {
    kind: Kind,
    at: At,
    rounds: u8,
    pending: bool,
    linked: bool,
    over: bool,
    seen: Word,
    watched: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    word: Word,
    actors: [Actor; ACTORS],
    kills: u8,
    /// An owner died, and nobody was told.
    owed: bool,
    wrong: Option<&'static str>,
}

struct Recovery {
    cast: &'static [(Kind, u8, At)],
    kills: u8,
    mortals: usize,
    broken: Broken,
}

impl Recovery {
    /// The state after the next step of `me`; none if it sleeps, or is at the end.
    fn after(&self, state: &State, me: usize) -> Vec<State> {
        let broken = self.broken;
        let mut next = *state;
        let word = state.word;
        let actor = &mut next.actors[me];
        let mine = Some(me as u8);
        let several = actor.kind == Several;
        match actor.at {
            At::Announce => {
                actor.pending = broken != Broken::NoPendingWhileTaking;
                actor.at = At::Look;
            }
            At::Look => {
                actor.seen = word;
                actor.at = match word.owner {
                    _ if actor.over && broken == Broken::NoLastLook => At::End,
                    None => At::Take,
                    Some(_) if several => At::Withdraw,
                    Some(_) if actor.over => At::End,
                    Some(_) if word.waiters => At::Sleep,
                    Some(_) => At::NoteWaiter,
                };
            }
            At::Take if word == actor.seen => {
                next.word = Word { owner: mine, died: false, ..word };
                if broken == Broken::TakingForgetsWaiters {
                    next.word.waiters = false;
                }
                if broken == Broken::MarkStays {
                    next.word.died = word.died;
                }
                actor.at = if broken == Broken::LinkedTooLate { At::TakeBack } else { At::Link };
                if word.died != state.owed {
                    next.wrong = Some("told once");
                }
                next.owed = false;
            }
            At::NoteWaiter if word == actor.seen => {
                next.word.waiters = true;
                actor.seen.waiters = true;
                actor.at = At::Sleep;
            }
            At::Take | At::NoteWaiter => actor.at = At::Look,
            At::Sleep => {
                if broken == Broken::NoPendingWhileAsleep {
                    actor.pending = false;
                }
                actor.at = if word.futex() == actor.seen.futex() { At::AsleepOnFutex } else { At::Announce };
            }
            At::AsleepOnFutex if actor.kind == Impatient => {
                actor.over = true;
                actor.at = At::Look;
            }
            At::AsleepOnFutex | At::AsleepOnGeneration | At::Done | At::Dead => return Vec::new(),
            At::Link => {
                actor.linked = true;
                actor.at = if broken == Broken::LinkedTooLate { At::Owning } else { At::TakeBack };
            }
            At::TakeBack => {
                actor.pending = false;
                actor.at = if broken == Broken::LinkedTooLate { At::Link } else { At::Owning };
            }
            At::Owning => {
                actor.pending = broken != Broken::NoPendingWhileReleasing;
                actor.at = At::Unlink;
            }
            At::Unlink => {
                actor.linked = false;
                actor.at = At::Release;
            }
            At::Release => {
                // A load and a compare-and-swap that is repeated until it succeeds: one step.
                actor.seen = word;
                next.word = Word {
                    owner: None,
                    died: word.died,
                    waiters: word.waiters && broken != Broken::ReleaseForgetsWaiters,
                    generation: word.generation + u8::from(word.noted()),
                    sleepers: false,
                };
                actor.at = if word.noted() { At::WakeFutex } else { At::End };
            }
            At::WakeFutex
                if broken == Broken::WakeOne && state.asleep(At::AsleepOnFutex).next().is_some() =>
            {
                actor.at = At::WakeGeneration;
                return state.asleep(At::AsleepOnFutex).map(|sleeper| next.woken(sleeper)).collect();
            }
            At::WakeFutex => {
                actor.at = At::WakeGeneration;
                if actor.seen.waiters {
                    return next.wake_all(At::AsleepOnFutex);
                }
            }
            At::WakeGeneration => {
                actor.at = if actor.seen.waiters { At::Tidy } else { At::End };
                if actor.seen.sleepers {
                    next = next.wake_all(At::AsleepOnGeneration)[0];
                }
            }
            At::Tidy => {
                let expected = Word {
                    owner: None,
                    died: false,
                    waiters: true,
                    generation: actor.seen.generation + 1,
                    sleepers: false,
                };
                let unchanged = word == expected
                    || broken == Broken::TidyWithoutGeneration && word.futex() == expected.futex();
                if unchanged {
                    next.word.waiters = false;
                }
                actor.at = At::End;
            }
            At::End => {
                actor.pending = false;
                actor.over = false;
                actor.rounds -= 1;
                actor.seen = Word::default();
                actor.watched = None;
                actor.at = if actor.rounds == 0 { At::Done } else { At::Announce };
            }
            At::Withdraw => {
                actor.pending = false;
                actor.at = match broken {
                    Broken::SeveralOnTheFutex if word.waiters => At::Sleep,
                    Broken::SeveralOnTheFutex => At::NoteWaiter,
                    Broken::NoWatch => At::NoteSleeper,
                    _ => At::Watch,
                };
                actor.seen = word;
                if broken == Broken::SeveralOnTheFutex && word.owner.is_none() {
                    actor.at = At::Announce;
                }
            }
            At::Watch => {
                actor.watched = word.owner;
                actor.at = if word.owner.is_some() { At::CheckWatch } else { At::Announce };
            }
            At::CheckWatch => {
                let same = word.owner == actor.watched;
                actor.at = if same { At::NoteSleeper } else { At::Watch };
            }
            At::NoteSleeper => {
                let unwatched = word.owner.is_none()
                    || word.owner != actor.watched
                        && !matches!(broken, Broken::WatchUnchecked | Broken::NoWatch);
                if unwatched {
                    actor.at = At::Announce;
                } else {
                    next.word.sleepers = broken != Broken::SeveralUnnoted;
                    actor.seen = next.word;
                    actor.at = At::SleepOnSeveral;
                }
            }
            At::SleepOnSeveral => {
                let unchanged =
                    (word.generation, word.sleepers) == (actor.seen.generation, actor.seen.sleepers);
                let alive = actor.watched.is_none_or(|owner| state.actors[owner as usize].at != At::Dead);
                actor.at = if unchanged && alive { At::AsleepOnGeneration } else { At::Announce };
            }
            At::DyingMark => {
                let known = actor.linked || actor.pending;
                let free = actor.pending && word.owner.is_none();
                if known && word.owner == mine {
                    next.word.owner = None;
                    next.word.died = true;
                    actor.seen = word;
                    actor.at = if word.waiters { At::DyingWake } else { At::DyingTell };
                } else {
                    actor.at = if free { At::DyingWake } else { At::DyingTell };
                }
            }
            At::DyingWake => {
                actor.at = At::DyingTell;
                // The kernel chooses; so do we.
                let choices: Vec<State> =
                    state.asleep(At::AsleepOnFutex).map(|sleeper| next.woken(sleeper)).collect();
                if !choices.is_empty() {
                    return choices;
                }
            }
            At::DyingTell => {
                actor.at = At::Dead;
                for sleeper in 0..ACTORS {
                    let watches = next.actors[sleeper].watched == mine;
                    if watches && next.actors[sleeper].at == At::AsleepOnGeneration {
                        next = next.woken(sleeper);
                    }
                }
            }
        }
        // What nobody will look at again only makes states look different.
        let actor = &mut next.actors[me];
        if matches!(
            actor.at,
            At::Announce | At::Look | At::Link | At::TakeBack | At::Owning | At::Unlink | At::End
        ) {
            actor.seen = Word::default();
        }
        if !matches!(actor.at, At::CheckWatch | At::NoteSleeper | At::SleepOnSeveral | At::AsleepOnGeneration)
        {
            actor.watched = None;
        }
        vec![next]
    }
}

impl State {
    fn asleep(&self, at: At) -> impl Iterator<Item = usize> {
        (0..ACTORS).filter(move |&n| self.actors[n].at == at)
    }

    fn woken(mut self, sleeper: usize) -> State {
        let actor = &mut self.actors[sleeper];
        // Its time may be over at this very moment too.
        actor.over |= actor.kind == Impatient;
        actor.at = if actor.pending { At::Look } else { At::Announce };
        self
    }

    fn wake_all(self, at: At) -> Vec<State> {
        let sleepers: Vec<usize> = self.asleep(at).collect();
        vec![sleepers.into_iter().fold(self, State::woken)]
    }

    fn owns(&self, n: usize) -> bool {
        matches!(self.actors[n].at, At::Link | At::TakeBack | At::Owning | At::Unlink | At::Release)
    }
}

impl Model for Recovery {
    type State = State;

    fn initial(&self) -> State {
        let mut word = Word::default();
        let mut actors = [(Single, 0, At::Done); ACTORS].map(|(kind, rounds, at)| Actor {
            kind,
            at,
            rounds,
            pending: false,
            linked: false,
            over: false,
            seen: Word::default(),
            watched: None,
        });
        for (n, (actor, &(kind, rounds, at))) in actors.iter_mut().zip(self.cast).enumerate() {
            *actor = Actor { kind, at, rounds, ..*actor };
            if at == At::Owning {
                actor.linked = true;
                word.owner = Some(n as u8);
            }
            if at == At::AsleepOnFutex {
                actor.pending =
                    !matches!(self.broken, Broken::NoPendingWhileAsleep | Broken::NoPendingWhileTaking);
                word.waiters = true;
            }
        }
        State { word, actors, kills: 0, owed: false, wrong: None }
    }

    fn next(&self, state: &State) -> Vec<(String, State)> {
        let mut steps = Vec::new();
        for me in 0..ACTORS {
            let at = state.actors[me].at;
            for next in self.after(state, me) {
                steps.push((format!("{me}: {at:?}"), next));
            }
            let alive = !matches!(at, At::Done | At::DyingMark | At::DyingWake | At::DyingTell | At::Dead);
            if alive && me < self.mortals && state.kills < self.kills {
                let mut next = *state;
                next.kills += 1;
                next.actors[me].at = At::DyingMark;
                next.owed |= state.word.owner == Some(me as u8);
                steps.push((format!("kill {me}"), next));
            }
        }
        steps
    }

    fn is_kill(&self, label: &str) -> bool {
        label.starts_with("kill")
    }

    fn is_end(&self, state: &State) -> bool {
        state.actors.iter().all(|actor| matches!(actor.at, At::Done | At::Dead))
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if (0..ACTORS).filter(|&n| state.owns(n)).count() > 1 {
            return Some("one owner");
        }
        let untidy =
            state.word.owner.is_some() || state.word.died || state.word.waiters || state.word.sleepers;
        if self.is_end(state) && state.kills == 0 && untidy {
            return Some("tidy");
        }
        state.wrong
    }
}

use Kind::{Impatient, Several, Single};

/// An unoptimised build takes ten times as long.
const KILLS: u8 = if cfg!(debug_assertions) { 1 } else { 2 };

type Cast = (&'static [(Kind, u8, At)], u8, usize);

/// Who takes part, how often each takes the word, how many may be killed, and among how many of the first. In the last ones the first owns the word already, and some sleep.
const CASTS: [Cast; 6] = [
    (&[(Single, 1, At::Announce), (Single, 1, At::Announce), (Single, 1, At::Announce)], KILLS, ACTORS),
    (&[(Single, 1, At::Announce), (Several, 1, At::Announce), (Several, 1, At::Announce)], KILLS, ACTORS),
    (&[(Single, 1, At::Announce), (Single, 1, At::Announce), (Several, 1, At::Announce)], KILLS, ACTORS),
    (&[(Single, 1, At::Announce), (Several, 1, At::Announce), (Impatient, 1, At::Announce)], KILLS, ACTORS),
    (
        &[
            (Single, 1, At::Owning),
            (Single, 1, At::AsleepOnFutex),
            (Single, 1, At::AsleepOnFutex),
            (Single, 1, At::Announce),
        ],
        2,
        2,
    ),
    (
        &[
            (Single, 1, At::Owning),
            (Several, 1, At::Announce),
            (Single, 1, At::AsleepOnFutex),
            (Impatient, 1, At::AsleepOnFutex),
        ],
        1,
        1,
    ),
];

fn check(number: usize, broken: Broken) -> Result<usize, Finding> {
    let (cast, kills, mortals) = CASTS[number];
    explore(&Recovery { cast, kills, mortals, broken })
}

#[test]
fn no_death_is_untold_and_no_wake_is_lost() {
    for number in 0..CASTS.len() {
        match check(number, Broken::Not) {
            Ok(states) => println!("cast {number}: {states} states"),
            Err(finding) => panic!("{finding}"),
        }
    }
}

/// Each by the first cast that shows it.
#[test]
fn every_breakage_is_found() {
    for (broken, cast) in [
        (Broken::NoPendingWhileTaking, 0),
        (Broken::LinkedTooLate, 0),
        (Broken::NoPendingWhileReleasing, 0),
        (Broken::NoPendingWhileAsleep, 3),
        (Broken::ReleaseForgetsWaiters, 0),
        (Broken::TakingForgetsWaiters, 0),
        (Broken::WakeOne, 0),
        (Broken::TidyWithoutGeneration, 4),
        (Broken::SeveralOnTheFutex, 1),
        (Broken::NoWatch, 1),
        (Broken::WatchUnchecked, 1),
        (Broken::SeveralUnnoted, 1),
        (Broken::NoLastLook, 3),
        (Broken::MarkStays, 0),
    ] {
        match check(cast, broken) {
            Ok(states) => panic!("{broken:?} went through {states} states unnoticed"),
            Err(finding) => println!("{broken:?}: {finding}"),
        }
    }
}
