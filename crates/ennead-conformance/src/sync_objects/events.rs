//! `CreateEvent`, `SetEvent`, `ResetEvent`, `PulseEvent`:
//! [Event Objects](https://learn.microsoft.com/windows/win32/sync/event-objects).

use std::thread;

use super::{INFINITE, OBJECT_0, Object, SyncObjects, TIMEOUT, auto, manual, new, pass, semaphore, test};
use crate::Case;

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("an event is as it was created", as_created),
        ("a manual-reset event stays signaled until it is reset", stays_signaled),
        ("an auto-reset event satisfies one wait", satisfies_one),
        ("setting a set event changes nothing", set_twice),
        ("resetting a reset event changes nothing", reset_twice),
        ("a set manual-reset event releases every waiter", releases_all),
        ("a set auto-reset event releases one waiter", releases_one),
        ("an auto-reset event stays set while nobody waits", waits_for_waiter),
        ("a pulse without waiters leaves nothing signaled", pulse_for_nobody),
        ("a pulse resets what was set", pulse_resets),
        ("a pulse of a manual-reset event releases every waiter", pulse_releases_all),
        ("a pulse of an auto-reset event releases one waiter", pulse_releases_one),
        ("a pulse of one does not satisfy a wait for all", pulse_and_all),
        ("a pulse satisfies a wait for any", pulse_and_any),
    ]
}

fn as_created<S: SyncObjects>(objects: &S) {
    for (manual, signaled, expected) in [
        (true, true, [OBJECT_0, OBJECT_0]),
        (true, false, [TIMEOUT, TIMEOUT]),
        (false, true, [OBJECT_0, TIMEOUT]),
        (false, false, [TIMEOUT, TIMEOUT]),
    ] {
        let event = new(objects, Object::Event { manual, signaled });
        assert_eq!([test(objects, &event), test(objects, &event)], expected, "{manual} {signaled}");
    }
}

fn stays_signaled<S: SyncObjects>(objects: &S) {
    let event = manual(objects, false);
    objects.set(&event).unwrap();
    assert_eq!([test(objects, &event), test(objects, &event)], [OBJECT_0; 2]);
    pass(objects, &event);
    objects.reset(&event).unwrap();
    assert_eq!(test(objects, &event), TIMEOUT);
}

fn satisfies_one<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    objects.set(&event).unwrap();
    pass(objects, &event);
    assert_eq!(test(objects, &event), TIMEOUT);
    assert_eq!(objects.wait(&event, 5), Ok(TIMEOUT));
    objects.set(&event).unwrap();
    objects.reset(&event).unwrap();
    assert_eq!(test(objects, &event), TIMEOUT);
}

/// "Setting an event that is already set has no effect."
fn set_twice<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    for _ in 0..3 {
        objects.set(&event).unwrap();
    }
    assert_eq!([test(objects, &event), test(objects, &event)], [OBJECT_0, TIMEOUT]);
}

/// "Resetting an event that is already reset has no effect."
fn reset_twice<S: SyncObjects>(objects: &S) {
    let event = manual(objects, true);
    for _ in 0..3 {
        objects.reset(&event).unwrap();
        assert_eq!(test(objects, &event), TIMEOUT);
    }
    objects.set(&event).unwrap();
    assert_eq!(test(objects, &event), OBJECT_0);
}

/// "While it is signaled, any number of waiting threads, or threads that subsequently specify the same event object in one of the
/// wait functions, can be released."
fn releases_all<S: SyncObjects>(objects: &S) {
    let event = manual(objects, false);
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..5).map(|_| scope.spawn(|| objects.wait(&event, INFINITE))).collect();
        objects.set(&event).unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
        }
    });
    assert_eq!(test(objects, &event), OBJECT_0);
}

/// "An event object whose state remains signaled until a single waiting thread is released, at which time the system automatically
/// sets the state to nonsignaled."
fn releases_one<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                pass(objects, &event);
                objects.post(&released, 1).unwrap();
            });
        }
        for _ in 0..4 {
            assert_eq!(objects.wait(&released, 10), Ok(TIMEOUT));
            objects.set(&event).unwrap();
            pass(objects, &released);
        }
    });
    assert_eq!([test(objects, &event), test(objects, &released)], [TIMEOUT; 2]);
}

/// "If no threads are waiting, the event object's state remains signaled."
fn waits_for_waiter<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    thread::scope(|scope| scope.spawn(|| objects.set(&event)).join().unwrap()).unwrap();
    assert_eq!(test(objects, &event), OBJECT_0);
}

/// "If no threads are waiting, or if no thread can be released immediately, PulseEvent simply sets the event object's state to
/// nonsignaled and returns."
fn pulse_for_nobody<S: SyncObjects>(objects: &S) {
    for event in [auto(objects, false), manual(objects, false)] {
        objects.pulse(&event).unwrap();
        assert_eq!(test(objects, &event), TIMEOUT);
        assert_eq!(objects.wait(&event, 5), Ok(TIMEOUT));
    }
}

fn pulse_resets<S: SyncObjects>(objects: &S) {
    for event in [auto(objects, true), manual(objects, true)] {
        objects.pulse(&event).unwrap();
        assert_eq!(test(objects, &event), TIMEOUT);
    }
}

/// Pulses until `released` has this count more: no thread can know that another waits already.
fn pulse_until<S: SyncObjects>(objects: &S, event: &S::Handle, released: &S::Handle, count: usize) -> usize {
    let (mut pulses, mut back) = (0, 0);
    while back < count {
        objects.pulse(event).unwrap();
        pulses += 1;
        while objects.wait(released, 5) == Ok(OBJECT_0) {
            back += 1;
        }
    }
    pulses
}

/// "For a manual-reset event object, all waiting threads that can be released immediately are released."
fn pulse_releases_all<S: SyncObjects>(objects: &S) {
    let event = manual(objects, false);
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                pass(objects, &event);
                objects.post(&released, 1).unwrap();
            });
        }
        pulse_until(objects, &event, &released, 4);
    });
    assert_eq!(test(objects, &event), TIMEOUT);
}

/// "returns after releasing a single waiting thread, even if multiple threads are waiting"
fn pulse_releases_one<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                pass(objects, &event);
                objects.post(&released, 1).unwrap();
            });
        }
        assert!(pulse_until(objects, &event, &released, 4) >= 4, "more waiters than pulses were released");
    });
    assert_eq!(test(objects, &event), TIMEOUT);
}

/// "PulseEvent can set the event object's state to signaled and reset it to nonsignaled without causing the wait function to
/// return. This happens if not all of the specified objects are simultaneously signaled."
fn pulse_and_all<S: SyncObjects>(objects: &S) {
    let (pulsed, other) = (manual(objects, false), manual(objects, false));
    let ready = auto(objects, false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            objects.set(&ready).unwrap();
            objects.wait_many(&[&pulsed, &other], true, INFINITE)
        });
        pass(objects, &ready);
        for _ in 0..20 {
            objects.pulse(&pulsed).unwrap();
            assert_eq!(objects.wait(&pulsed, 1), Ok(TIMEOUT));
        }
        objects.set(&other).unwrap();
        assert_eq!(objects.wait(&pulsed, 1), Ok(TIMEOUT));
        assert!(!waiter.is_finished(), "the pulses were kept");
        objects.set(&pulsed).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
}

fn pulse_and_any<S: SyncObjects>(objects: &S) {
    let (other, pulsed) = (auto(objects, false), auto(objects, false));
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let which = objects.wait_many(&[&other, &pulsed], false, INFINITE);
            objects.post(&released, 1).unwrap();
            which
        });
        pulse_until(objects, &pulsed, &released, 1);
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0 + 1));
    });
}
