//! Waits for all of several objects.

mod support;

use std::time::Instant;

use ennead_status::Win32Error;
use ennead_sync::{
    EventOptions, MutexOptions, Outcome, SemaphoreOptions, Wait, Waitable, signal_and_wait, wait_all,
};
use support::{Player, Playground};

const SIGNALED: Outcome = Outcome::Signaled(0);

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

#[test]
fn all_are_taken_or_none() {
    let play = Playground::new();
    let (auto, manual) = (play.event("auto"), play.manual_event("manual"));
    let (semaphore, mutex) = (play.semaphore("s", 2, 9), play.mutex("m"));
    let objects: [&dyn Waitable; 4] = [&auto, &manual, &semaphore, &mutex];
    assert_eq!(wait_all(&objects, Wait::Never).unwrap(), Outcome::TimedOut);
    auto.set().unwrap();
    assert_eq!(wait_all(&objects, Wait::Until(Instant::now())).unwrap(), Outcome::TimedOut);
    assert!(!mutex.is_mine(), "nothing was taken");
    manual.set().unwrap();
    assert_eq!(wait_all(&objects, Wait::Forever).unwrap(), SIGNALED);
    assert!(mutex.is_mine());
    assert_eq!(auto.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    assert_eq!(semaphore.release(1).unwrap(), 1);
    assert_eq!(manual.wait(Wait::Never).unwrap(), SIGNALED);
    auto.set().unwrap();
    assert_eq!(wait_all(&objects, Wait::Forever).unwrap(), SIGNALED, "the mutex is the caller's already");
    mutex.release().unwrap();
    assert!(mutex.is_mine(), "it was waited for twice");
    mutex.release().unwrap();
    assert!(!mutex.is_mine());
}

#[test]
fn what_cannot_be_waited_for_together() {
    let play = Playground::new();
    let (one, two) = (play.event("e"), play.event("e"));
    one.set().unwrap();
    let twice: [&dyn Waitable; 2] = [&one, &two];
    let places = wait_all(&twice, Wait::Never).unwrap_err();
    assert_eq!(places.win32(), Win32Error::INVALID_PARAMETER, "one object through two handles");
    assert_eq!(wait_all(&[], Wait::Never).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    let many: Vec<&dyn Waitable> = (0..65).map(|_| &one as &dyn Waitable).collect();
    assert_eq!(wait_all(&many, Wait::Never).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    let other_play = Playground::new();
    let elsewhere = other_play.event("e");
    let mixed: [&dyn Waitable; 2] = [&one, &elsewhere];
    assert_eq!(wait_all(&mixed, Wait::Never).unwrap_err().win32(), Win32Error::NOT_SUPPORTED);
    assert_eq!(one.wait(Wait::Never).unwrap(), SIGNALED, "nothing was taken");
}

#[test]
fn eight_that_others_set_one_by_one() {
    let play = Playground::new();
    let names: Vec<String> = (0..8).map(|n| format!("e{n}")).collect();
    let events: Vec<_> = names.iter().map(|name| play.event(name)).collect();
    let mut other = play.player();
    for name in &names {
        other.ask(&format!("event {name}"));
    }
    for _ in 0..20 {
        other.lay(&format!("all {}", names.join(" ")));
        for event in events.iter().rev() {
            assert!(other.has_answered().is_none());
            event.set().unwrap();
        }
        assert_eq!(other.hear(), "signaled 0");
        for event in &events {
            assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
        }
    }
}

#[test]
fn a_mutex_among_them_tells_that_it_was_abandoned() {
    let play = Playground::new();
    let event = play.event("e");
    for _ in 0..10 {
        let mut owner = play.player();
        owner.ask("mutex m");
        owner.ask("wait m");
        let mut other = play.player();
        other.ask("event e");
        other.ask("mutex m");
        event.set().unwrap();
        other.lay("all e m");
        owner.kill();
        assert_eq!(other.hear(), "abandoned 1");
        assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    }
}

/// Waiters in opposite orders take pairs of signals while others are killed in the middle: each pair is taken as a pair.
#[test]
fn killed_waiters_take_all_or_nothing() {
    let play = Playground::new();
    let (left, right) = (play.semaphore("l", 0, 1000), play.semaphore("r", 0, 1000));
    let mut others: Vec<Player> = Vec::new();
    for round in 0..60 {
        let mut other = play.player();
        other.ask("semaphore l 0 1000");
        other.ask("semaphore r 0 1000");
        for _ in 0..200 {
            other.tell(if round % 2 == 0 { "tryall l r" } else { "tryall r l" });
        }
        left.release(100).unwrap();
        right.release(100).unwrap();
        others.push(other);
        if let [first, _] = others.as_mut_slice() {
            first.kill();
            others.remove(0);
        }
        // Whatever was taken was taken in pairs.
        others[0].ask("event done");
        while others[0].hear() != "done" {}
        let remaining = |semaphore: &ennead_sync::Semaphore| {
            (0..).take_while(|_| semaphore.wait(Wait::Never).unwrap() == SIGNALED).count()
        };
        assert_eq!(remaining(&left), remaining(&right), "in round {round}");
    }
}

#[test]
fn one_is_signaled_and_another_waited_for() {
    let event = EventOptions::new().unnamed().unwrap();
    let semaphore = SemaphoreOptions::new(0, 1).unnamed().unwrap();
    let mutex = MutexOptions::new().unnamed().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(signal_and_wait(&event, &semaphore, Wait::Forever).unwrap(), SIGNALED);
        });
        assert_eq!(event.wait(Wait::Forever).unwrap(), SIGNALED);
        semaphore.release(1).unwrap();
    });
    let not_owner = signal_and_wait(&mutex, &event, Wait::Never).unwrap_err();
    assert_eq!(not_owner.win32(), Win32Error::NOT_OWNER);
    semaphore.release(1).unwrap();
    let full = signal_and_wait(&semaphore, &event, Wait::Never).unwrap_err();
    assert_eq!(full.win32(), Win32Error::TOO_MANY_POSTS);
    mutex.wait(Wait::Forever).unwrap();
    assert_eq!(signal_and_wait(&mutex, &semaphore, Wait::Forever).unwrap(), SIGNALED);
    assert!(!mutex.is_mine());
}

/// Sleepers for both of two, in opposite orders, and one for either; some are killed at random. Each pair that comes is taken by somebody who
/// lives, as a pair.
#[test]
fn no_wake_is_lost_with_a_killed_sleeper() {
    const PAIRS: usize = 300;
    let play = Playground::new();
    let (left, right) = (play.semaphore("l", 0, 10_000), play.semaphore("r", 0, 10_000));
    let waits = ["all l r", "all r l"];
    let start = |number: usize| {
        let mut other = play.player();
        other.ask("semaphore l 0 1");
        other.ask("semaphore r 0 1");
        other.tell(waits[number % 2]);
        other
    };
    let mut others: Vec<Player> = (0..3).map(start).collect();
    let mut dice = 0x2545_f491_4f6c_dd1du64;
    let mut killed = 0;
    for pair in 0..PAIRS {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        left.release(1).unwrap();
        if dice & 1 == 0 {
            right.release(1).unwrap();
        }
        let kill = dice >> 32 & 3 == 0;
        if kill {
            let victim = (dice >> 40) as usize % others.len();
            others[victim].kill();
            others[victim] = start(pair);
            killed += 1;
        }
        if dice & 1 == 1 {
            right.release(1).unwrap();
        }
        // Somebody has it; or had it when they were killed, and then there is none left. Only then this test touches the objects, for that wakes.
        support::until(|| {
            for (number, other) in others.iter_mut().enumerate() {
                if let Some(answer) = other.has_answered() {
                    assert_eq!(answer, "signaled 0");
                    other.tell(waits[number % 2]);
                    return true;
                }
            }
            kill && is_gone(&left, &right)
        });
    }
    println!("{killed} killed");
}

/// Whether neither has anything left: both are tried, and what is there is put back.
fn is_gone(left: &ennead_sync::Semaphore, right: &ennead_sync::Semaphore) -> bool {
    [left, right].into_iter().all(|semaphore| {
        let there = semaphore.wait(Wait::Never).unwrap() == SIGNALED;
        if there {
            semaphore.release(1).unwrap();
        }
        !there
    })
}
