//! What is explored.

use super::explorer::explore;
use super::{Broken, Part, Play};
use crate::state::{Change, Rules};

const SIGNALED: u32 = 1;

fn play(rules: &[Rules], initial: &[u32], parts: &[Part], kills: u32) -> Play {
    Play {
        rules: rules.to_vec(),
        initial: initial.to_vec(),
        parts: parts.to_vec(),
        kills,
        broken: Broken::Not,
        told: false,
    }
}

fn holds(what: &str, play: Play) {
    match explore(&play) {
        Ok(states) => println!("{what}: {states} states"),
        Err(_) => {
            // Once more, for the way.
            let finding = explore(&Play { told: true, ..play }).expect_err("it was found before");
            panic!("{what}: {finding}");
        }
    }
}

fn set(object: usize) -> (usize, Change) {
    (object, Change::Set)
}

const AUTO: Rules = Rules::AutoEvent;
const MANUAL: Rules = Rules::ManualEvent;

/// Two waits for all in opposite orders, and one that sets.
fn two_of_all() -> Play {
    let parts = [Part::All(vec![0, 1]), Part::All(vec![1, 0]), Part::Change(vec![set(0), set(1)])];
    play(&[AUTO, AUTO], &[0, 0], &parts, 1)
}

/// A wait for all, one for any, and one that sets.
fn all_and_any() -> Play {
    let parts = [Part::All(vec![0, 1]), Part::Any(vec![1, 0]), Part::Change(vec![set(1), set(0)])];
    play(&[AUTO, AUTO], &[0, 0], &parts, 1)
}

/// Three waiters for what is there already.
fn three_waiters() -> Play {
    let parts = [Part::All(vec![0, 1]), Part::All(vec![0, 1]), Part::Any(vec![0])];
    play(&[AUTO, AUTO], &[SIGNALED, SIGNALED], &parts, 1)
}

/// Two sleepers, and one that sets once.
fn one_is_killed() -> Play {
    let parts = [Part::Any(vec![0]), Part::Any(vec![0]), Part::Change(vec![set(0)])];
    play(&[AUTO], &[0], &parts, 1)
}

#[test]
fn two_waits_for_all() {
    holds("two waits for all, one sets", two_of_all());
}

#[test]
fn a_wait_for_all_and_one_for_any() {
    holds("a wait for all, one for any, one sets", all_and_any());
}

#[test]
fn three_waits() {
    holds("three waiters, both signaled", three_waiters());
}

#[test]
fn three_waits_for_any_and_two_sets() {
    let parts =
        [Part::Any(vec![0]), Part::Any(vec![0]), Part::Any(vec![0]), Part::Change(vec![set(0), set(0)])];
    holds("three sleepers, two sets", play(&[AUTO], &[0], &parts, 1));
}

#[test]
fn a_manual_event_is_reset_under_a_wait_for_all() {
    let reset = (0, Change::Reset);
    let parts = [Part::All(vec![0, 1]), Part::Change(vec![reset, set(0)]), Part::Change(vec![set(1)])];
    holds("a manual event reset under a wait for all", play(&[MANUAL, AUTO], &[SIGNALED, 0], &parts, 1));
}

#[test]
fn a_semaphore_among_them() {
    let parts =
        [Part::All(vec![0, 1]), Part::Any(vec![0]), Part::Change(vec![(0, Change::Release(2)), set(1)])];
    holds("a semaphore and an event", play(&[Rules::Semaphore(2), AUTO], &[0, 0], &parts, 1));
}

/// Two waits for all with a mutex among them, and one that sets the other object.
fn a_mutex_among_them() -> Play {
    let parts = [Part::All(vec![0, 1]), Part::All(vec![0, 1]), Part::Change(vec![set(1)])];
    play(&[Rules::Mutex, AUTO], &[crate::state::FREE, 0], &parts, 1)
}

#[test]
fn waits_for_all_with_a_mutex() {
    holds("two waits for all with a mutex, one sets", a_mutex_among_them());
    let parts = [Part::All(vec![0, 1]), Part::All(vec![1, 0])];
    let free = crate::state::FREE;
    holds("two waits for two mutexes", play(&[Rules::Mutex, Rules::Mutex], &[free, free], &parts, 2));
}

/// One that sleeps by a bell, one that does not, one that sets.
fn by_a_bell() -> Play {
    let parts = [Part::Bell(vec![0, 1]), Part::Any(vec![1]), Part::Change(vec![set(1), set(0)])];
    play(&[AUTO, AUTO], &[0, 0], &parts, 1)
}

#[test]
fn a_sleeper_by_a_bell() {
    holds("one by a bell, one on the word, one sets", by_a_bell());
    let parts = [Part::Bell(vec![0, 1]), Part::Any(vec![0]), Part::Change(vec![set(0), (0, Change::Reset)])];
    holds("a manual event and a bell", play(&[MANUAL, AUTO], &[0, 0], &parts, 1));
    let parts = [Part::Bell(vec![0, 1]), Part::All(vec![0, 1]), Part::Change(vec![set(0), set(1)])];
    holds("a bell and a wait for all", play(&[AUTO, AUTO], &[0, 0], &parts, 1));
}

#[test]
fn pulses() {
    let pulse = (0, Change::Pulse);
    for rules in [AUTO, MANUAL] {
        let parts = [Part::Any(vec![0]), Part::Any(vec![0]), Part::Change(vec![pulse, set(0)])];
        holds("two sleepers, a pulse and a set", play(&[rules], &[0], &parts, 1));
    }
}

/// A shortcut, a world in which it shows, and the promise that it breaks there.
type Shortcut = (Broken, fn() -> Play, &'static str);

#[test]
fn every_tempting_shortcut_is_found() {
    let tempting: [Shortcut; 12] = [
        (Broken::Faithful, a_mutex_among_them, "no dead end"),
        (Broken::Obliging, a_mutex_among_them, "nobody owns who is dead"),
        (Broken::ListensLate, by_a_bell, "nobody sleeps on"),
        (Broken::WakesOne, one_is_killed, "nobody sleeps on"),
        (Broken::NoAbort, two_of_all, "all or nothing"),
        (Broken::CommitAnyway, two_of_all, "all or nothing"),
        (Broken::SameVersion, two_of_all, "all or nothing"),
        (Broken::Credulous, two_of_all, "all or nothing"),
        (Broken::Forgetful, two_of_all, "all or nothing"),
        (Broken::BitBeforeWake, one_is_killed, "nobody sleeps on"),
        (Broken::BlindSleep, one_is_killed, "nobody sleeps on"),
        (Broken::BlindExchange, one_is_killed, "nobody sleeps on"),
    ];
    for (broken, world, promise) in tempting {
        match explore(&Play { broken, ..world() }) {
            Ok(states) => panic!("{broken:?} was not found in {states} states"),
            Err(finding) => assert_eq!(finding.promise, promise, "{broken:?}"),
        }
    }
}
