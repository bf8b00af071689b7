//! Mutexes: ownership, recursion, abandonment.

mod support;

use std::time::Instant;

use ennead_status::Win32Error;
use ennead_sync::rights::MUTEX_ALL_ACCESS;
use ennead_sync::{CancelToken, Mutex, MutexOptions, Outcome, Wait, Waitable, wait_any};
use support::Playground;

const SIGNALED: Outcome = Outcome::Signaled(0);

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

#[test]
fn a_mutex_is_released_as_often_as_it_was_waited_for() {
    let mutex = MutexOptions::new().owned().unnamed().unwrap();
    assert!(mutex.is_mine());
    assert_eq!(mutex.wait(Wait::Never).unwrap(), SIGNALED);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(mutex.wait(Wait::Never).unwrap(), Outcome::TimedOut);
            assert_eq!(mutex.release().unwrap_err().win32(), Win32Error::NOT_OWNER);
        });
    });
    mutex.release().unwrap();
    assert!(mutex.is_mine());
    mutex.release().unwrap();
    assert_eq!(mutex.release().unwrap_err().win32(), Win32Error::NOT_OWNER);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(mutex.wait(Wait::Forever).unwrap(), SIGNALED);
            mutex.release().unwrap();
        });
    });
}

#[test]
fn a_thread_that_owns_through_one_handle_owns_through_all() {
    let play = Playground::new();
    let (one, two) = (play.mutex("m"), play.mutex("m"));
    assert!(!one.existed() && two.existed());
    one.wait(Wait::Forever).unwrap();
    assert!(two.is_mine());
    two.wait(Wait::Forever).unwrap();
    one.release().unwrap();
    two.release().unwrap();
    assert!(!one.is_mine());
    let clash = ennead_sync::EventOptions::new().place(&play.place()).create("m").unwrap_err();
    assert_eq!(clash.win32(), Win32Error::INVALID_HANDLE);
}

#[test]
fn an_owner_that_is_killed_abandons_it() {
    let play = Playground::new();
    let (mutex, event) = (play.mutex("m"), play.event("e"));
    for several in [false, true] {
        for _ in 0..10 {
            let mut other = play.player();
            other.ask("mutex m");
            assert_eq!(other.ask("wait m"), "signaled 0");
            assert_eq!(mutex.wait(Wait::Never).unwrap(), Outcome::TimedOut);
            let mut third = play.player();
            third.ask("mutex m");
            third.ask("event e");
            third.lay(if several { "wait e m" } else { "wait m" });
            other.kill();
            assert_eq!(third.hear(), if several { "abandoned 1" } else { "abandoned 0" });
            assert_eq!(third.ask("release m"), "done");
            assert_eq!(mutex.wait(Wait::Forever).unwrap(), SIGNALED, "it is told once");
            mutex.release().unwrap();
        }
    }
    drop(event);
}

#[test]
fn a_thread_that_ends_abandons_it() {
    let mutex = MutexOptions::new().unnamed().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| mutex.wait(Wait::Forever).map(drop).unwrap());
    });
    assert_eq!(mutex.wait(Wait::Forever).unwrap(), Outcome::Abandoned(0));
    mutex.release().unwrap();
}

#[test]
fn a_wait_for_a_mutex_ends_by_time_and_token() {
    let play = Playground::new();
    let mutex = play.mutex("m");
    let mut other = play.player();
    other.ask("mutex m");
    other.ask("wait m");
    assert_eq!(mutex.wait(Wait::Until(Instant::now())).unwrap(), Outcome::TimedOut);
    let token = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| mutex.wait(Wait::Forever.or_cancelled(&token)));
        token.cancel();
        assert_eq!(waiter.join().unwrap().unwrap_err().win32(), Win32Error::OPERATION_ABORTED);
    });
    let event = play.event("e");
    let objects: [&dyn Waitable; 2] = [&mutex, &event];
    assert_eq!(wait_any(&objects, Wait::Until(Instant::now())).unwrap(), Outcome::TimedOut);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_any(&objects, Wait::Forever));
        assert_eq!(other.ask("release m"), "done");
        assert_eq!(waiter.join().unwrap().unwrap(), SIGNALED);
    });
}

#[test]
fn a_mutex_is_passed_on() {
    let play = Playground::new();
    for mutex in [play.mutex("passed"), MutexOptions::new().unnamed().unwrap()] {
        let joined = Mutex::join_at(&play.place(), mutex.share(MUTEX_ALL_ACCESS).unwrap()).unwrap();
        mutex.wait(Wait::Forever).unwrap();
        assert!(joined.is_mine(), "it is the same mutex of the same process");
        joined.release().unwrap();
    }
    assert_eq!(play.files(), 0);
}
