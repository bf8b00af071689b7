//! `WaitForMultipleObjects` for all: [its page](https://learn.microsoft.com/windows/win32/api/synchapi/nf-synchapi-waitformultipleobjects).

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use super::{
    ABANDONED_0, INFINITE, OBJECT_0, Object, SyncObjects, TIMEOUT, abandon, auto, manual, mutex, new,
    on_thread, pass, semaphore, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a wait for all takes all at once", takes_all),
        ("a wait for all takes nothing when its time is up", takes_nothing),
        ("a wait for all holds nothing while it waits", holds_nothing),
        ("a wait for all is released by the last", released_by_last),
        ("a wait for all is for any mix of kinds", mixed),
        ("a wait for all leaves what is reset by hand", leaves_manual),
        ("a wait for all of what is signaled in turn does not end", never_together),
        ("a wait for all says that a mutex was abandoned", abandoned),
        ("a wait for all does not take an abandoned mutex alone", abandoned_not_alone),
        ("a wait for all is not for a handle twice", twice),
        ("waits for all in opposite orders do not lock each other out", opposite_orders),
        ("of two waits for all of the same, one is satisfied", one_of_two),
    ]
}

fn takes_all<S: SyncObjects>(objects: &S) {
    let (event, semaphore, mutex) = (auto(objects, true), semaphore(objects, 3), mutex(objects));
    assert_eq!(objects.wait_many(&[&event, &semaphore, &mutex], true, 0), Ok(OBJECT_0));
    assert_eq!(test(objects, &event), TIMEOUT);
    assert_eq!(objects.post(&semaphore, 1), Ok(2));
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&mutex).unwrap();
    assert_eq!(code(objects.release(&mutex)), 288);
}

/// "The function does not modify the states of the specified objects until the states of all objects have been set to signaled."
fn takes_nothing<S: SyncObjects>(objects: &S) {
    let (event, semaphore, mutex) = (auto(objects, true), semaphore(objects, 1), mutex(objects));
    let never = auto(objects, false);
    for millis in [0, 10] {
        assert_eq!(objects.wait_many(&[&event, &semaphore, &mutex, &never], true, millis), Ok(TIMEOUT));
    }
    assert_eq!(code(objects.release(&mutex)), 288);
    assert_eq!(on_thread(|| test(objects, &mutex)), OBJECT_0);
    assert_eq!(objects.post(&semaphore, 1), Ok(1));
    assert_eq!(test(objects, &event), OBJECT_0);
}

/// "In the meantime, some other thread may get ownership of the mutex, thereby setting its state to nonsignaled."
fn holds_nothing<S: SyncObjects>(objects: &S) {
    let (event, mutex, last) = (auto(objects, false), mutex(objects), auto(objects, false));
    let ready = auto(objects, false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            objects.set(&ready).unwrap();
            let all = objects.wait_many(&[&event, &mutex, &last], true, INFINITE);
            objects.release(&mutex).unwrap();
            all
        });
        pass(objects, &ready);
        for _ in 0..10 {
            objects.set(&event).unwrap();
            assert_eq!(objects.wait(&mutex, 2), Ok(OBJECT_0));
            assert_eq!(objects.wait(&event, 2), Ok(OBJECT_0));
            objects.release(&mutex).unwrap();
        }
        assert!(!waiter.is_finished());
        pass(objects, &mutex);
        objects.set(&event).unwrap();
        objects.set(&last).unwrap();
        assert_eq!(objects.wait(&last, 0), Ok(OBJECT_0));
        objects.set(&last).unwrap();
        objects.release(&mutex).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
    assert_eq!([test(objects, &event), test(objects, &last)], [TIMEOUT; 2]);
}

fn released_by_last<S: SyncObjects>(objects: &S) {
    let events: Vec<_> = (0..4).map(|_| auto(objects, false)).collect();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        thread::scope(|scope| {
            let all: Vec<_> = events.iter().collect();
            let waiter = scope.spawn(move || objects.wait_many(&all, true, INFINITE));
            for at in &order[..3] {
                objects.set(&events[*at]).unwrap();
            }
            assert_eq!(objects.wait(&events[order[3]], 5), Ok(TIMEOUT));
            assert!(!waiter.is_finished());
            objects.set(&events[order[3]]).unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
        });
        assert_eq!(events.iter().map(|event| test(objects, event)).collect::<Vec<_>>(), [TIMEOUT; 4]);
    }
}

fn mixed<S: SyncObjects>(objects: &S) {
    let (event, timer) = (auto(objects, false), new(objects, Object::Timer { manual: false }));
    let (semaphore, mutex) = (semaphore(objects, 0), mutex(objects));
    let thread = on_thread(|| objects.this_thread().unwrap());
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let all = objects.wait_many(&[&event, &timer, &semaphore, &mutex, &thread], true, INFINITE);
            objects.release(&mutex).unwrap();
            all
        });
        objects.post(&semaphore, 1).unwrap();
        objects.set(&event).unwrap();
        objects.set_timer(&timer, -100_000, 0).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
    assert_eq!([test(objects, &event), test(objects, &timer), test(objects, &semaphore)], [TIMEOUT; 3]);
    assert_eq!([test(objects, &thread), test(objects, &mutex)], [OBJECT_0; 2]);
}

/// "The states of manual-reset event, manual-reset timer, process, thread, and console input objects are not affected by a wait
/// function."
fn leaves_manual<S: SyncObjects>(objects: &S) {
    let (event, once) = (manual(objects, true), auto(objects, true));
    let timer = new(objects, Object::Timer { manual: true });
    objects.set_timer(&timer, 0, 0).unwrap();
    assert_eq!(objects.wait_many(&[&event, &once, &timer], true, INFINITE), Ok(OBJECT_0));
    assert_eq!([test(objects, &event), test(objects, &timer), test(objects, &once)], [0, 0, TIMEOUT]);
}

fn never_together<S: SyncObjects>(objects: &S) {
    let (first, second) = (manual(objects, false), manual(objects, false));
    let ready = auto(objects, false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            objects.set(&ready).unwrap();
            objects.wait_many(&[&first, &second], true, INFINITE)
        });
        pass(objects, &ready);
        for _ in 0..50 {
            for event in [&first, &second] {
                objects.set(event).unwrap();
                objects.reset(event).unwrap();
            }
        }
        assert_eq!(objects.wait(&first, 10), Ok(TIMEOUT));
        assert!(!waiter.is_finished(), "ended though never were both signaled");
        objects.set(&first).unwrap();
        objects.set(&second).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
}

/// "the return value indicates that the state of all specified objects is signaled and at least one of the objects is an abandoned
/// mutex object"
fn abandoned<S: SyncObjects>(objects: &S) {
    let (event, first, second) = (auto(objects, true), mutex(objects), mutex(objects));
    abandon(objects, &second);
    let got = objects.wait_many(&[&event, &first, &second], true, INFINITE).unwrap();
    assert!((ABANDONED_0..ABANDONED_0 + 3).contains(&got), "{got:#x}");
    assert_eq!(test(objects, &event), TIMEOUT);
    assert_eq!(on_thread(|| [test(objects, &first), test(objects, &second)]), [TIMEOUT; 2]);
    objects.release(&first).unwrap();
    objects.release(&second).unwrap();
    assert_eq!(objects.wait_many(&[&first, &second], true, 0), Ok(OBJECT_0));
}

fn abandoned_not_alone<S: SyncObjects>(objects: &S) {
    let (event, mutex) = (auto(objects, false), mutex(objects));
    abandon(objects, &mutex);
    assert_eq!(objects.wait_many(&[&mutex, &event], true, 5), Ok(TIMEOUT));
    assert_eq!(code(objects.release(&mutex)), 288);
    assert_eq!(test(objects, &mutex), ABANDONED_0);
    objects.release(&mutex).unwrap();
}

/// "It may not contain multiple copies of the same handle."
fn twice<S: SyncObjects>(objects: &S) {
    let event = auto(objects, true);
    assert!(objects.wait_many(&[&event, &event], true, 0).is_err(), "waited for a handle twice");
    assert_eq!(test(objects, &event), OBJECT_0);
}

fn opposite_orders<S: SyncObjects>(objects: &S) {
    let (first, second) = (mutex(objects), mutex(objects));
    let inside = AtomicU32::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = [[&first, &second], [&second, &first], [&first, &second]]
            .into_iter()
            .map(|both| {
                let inside = &inside;
                scope.spawn(move || {
                    for _ in 0..50 {
                        assert_eq!(objects.wait_many(&both, true, INFINITE), Ok(OBJECT_0));
                        assert_eq!(inside.fetch_add(1, Relaxed), 0, "two owners");
                        inside.fetch_sub(1, Relaxed);
                        both.iter().for_each(|mutex| objects.release(mutex).unwrap());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn one_of_two<S: SyncObjects>(objects: &S) {
    let (first, second) = (auto(objects, false), auto(objects, false));
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        for both in [[&first, &second], [&second, &first]] {
            let released = &released;
            scope.spawn(move || {
                assert_eq!(objects.wait_many(&both, true, INFINITE), Ok(OBJECT_0));
                objects.post(released, 1).unwrap();
            });
        }
        for _ in 0..2 {
            assert_eq!(objects.wait(&released, 10), Ok(TIMEOUT));
            objects.set(&first).unwrap();
            objects.set(&second).unwrap();
            pass(objects, &released);
        }
    });
    assert_eq!([test(objects, &first), test(objects, &second)], [TIMEOUT; 2]);
}
