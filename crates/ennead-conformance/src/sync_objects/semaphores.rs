//! `CreateSemaphore`, `ReleaseSemaphore`: [Semaphore Objects](https://learn.microsoft.com/windows/win32/sync/semaphore-objects).

use std::thread;

use super::{
    Act, INFINITE, Kind, OBJECT_0, Object, SYNCHRONIZE, SyncObjects, TIMEOUT, Verb, named, new, on_thread,
    pass, semaphore, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a semaphore satisfies as many waits as its count", counts_down),
        ("a semaphore's counts are in range", counts_in_range),
        ("a release tells the count before it", previous_count),
        ("a release past the maximum changes nothing", maximum),
        ("a release is by more than zero", releases_more_than_zero),
        ("a count goes up to the largest", largest),
        ("a release by some releases as many waiters", releases_some),
        ("any thread may release a semaphore", anybody_releases),
        ("a thread may take a semaphore several times", no_owner),
        ("closing a semaphore gives nothing back", closing_keeps),
        ("a process that is ended gives nothing back", ending_keeps),
        ("several handles of one semaphore are decremented once", several_handles),
    ]
}

fn counts_down<S: SyncObjects>(objects: &S) {
    for initial in [0, 1, 3] {
        let semaphore = new(objects, Object::Semaphore { initial, maximum: 3 });
        for _ in 0..initial {
            assert_eq!(test(objects, &semaphore), OBJECT_0);
        }
        assert_eq!(test(objects, &semaphore), TIMEOUT);
    }
}

/// "This value must be greater than or equal to zero and less than or equal to lMaximumCount." "This value must be greater than
/// zero."
fn counts_in_range<S: SyncObjects>(objects: &S) {
    for (initial, maximum) in [(0, 0), (-1, 1), (2, 1), (1, 0), (0, -1), (-1, -1), (i32::MIN, i32::MAX)] {
        let made = objects.create(None, Object::Semaphore { initial, maximum });
        assert!(made.is_err(), "{initial} of {maximum}");
    }
}

fn previous_count<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: 2, maximum: 10 });
    assert_eq!([1, 3, 4].map(|count| objects.post(&semaphore, count).unwrap()), [2, 3, 6]);
    assert_eq!(test(objects, &semaphore), OBJECT_0);
    assert_eq!(objects.post(&semaphore, 1), Ok(9));
}

/// "If the specified amount would cause the semaphore's count to exceed the maximum count [...], the count is not changed and the
/// function returns FALSE." ERROR_TOO_MANY_POSTS: "Too many posts were made to a semaphore."
fn maximum<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: 2, maximum: 3 });
    assert_eq!([2, 100, i32::MAX].map(|count| code(objects.post(&semaphore, count))), [298; 3]);
    assert_eq!(objects.post(&semaphore, 1), Ok(2));
    assert_eq!(code(objects.post(&semaphore, 1)), 298);
    for expected in [OBJECT_0, OBJECT_0, OBJECT_0, TIMEOUT] {
        assert_eq!(test(objects, &semaphore), expected);
    }
}

/// "The value must be greater than zero."
fn releases_more_than_zero<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: 1, maximum: 3 });
    for count in [0, -1, i32::MIN] {
        assert!(objects.post(&semaphore, count).is_err(), "released by {count}");
    }
    assert_eq!(objects.post(&semaphore, 1), Ok(1));
}

fn largest<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: i32::MAX - 1, maximum: i32::MAX });
    assert_eq!([2, i32::MAX].map(|count| code(objects.post(&semaphore, count))), [298; 2]);
    assert_eq!(objects.post(&semaphore, 1), Ok(i32::MAX - 1));
    assert_eq!(code(objects.post(&semaphore, 1)), 298);
    assert_eq!(test(objects, &semaphore), OBJECT_0);
    let empty = new(objects, Object::Semaphore { initial: 0, maximum: i32::MAX });
    assert_eq!(objects.post(&empty, i32::MAX), Ok(0));
}

fn releases_some<S: SyncObjects>(objects: &S) {
    let (gate, released) = (semaphore(objects, 0), semaphore(objects, 0));
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                pass(objects, &gate);
                objects.post(&released, 1).unwrap();
            });
        }
        for count in [3, 2] {
            assert_eq!(objects.wait(&released, 10), Ok(TIMEOUT));
            objects.post(&gate, count).unwrap();
            for _ in 0..count {
                pass(objects, &released);
            }
        }
    });
    assert_eq!([test(objects, &gate), test(objects, &released)], [TIMEOUT; 2]);
}

/// "any thread can use ReleaseSemaphore to increase the count of a semaphore object"
fn anybody_releases<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: 1, maximum: 1 });
    pass(objects, &semaphore);
    assert_eq!(on_thread(|| objects.post(&semaphore, 1)), Ok(0));
    assert_eq!(test(objects, &semaphore), OBJECT_0);
}

/// "A thread that waits repeatedly for the same semaphore object, however, decrements the semaphore's count each time".
fn no_owner<S: SyncObjects>(objects: &S) {
    let semaphore = new(objects, Object::Semaphore { initial: 2, maximum: 2 });
    pass(objects, &semaphore);
    pass(objects, &semaphore);
    assert_eq!(objects.wait(&semaphore, 5), Ok(TIMEOUT));
    on_thread(|| assert_eq!(objects.post(&semaphore, 2), Ok(0)));
    // Whoever took and ended gives nothing back.
    on_thread(|| pass(objects, &semaphore));
    assert_eq!([test(objects, &semaphore), test(objects, &semaphore)], [OBJECT_0, TIMEOUT]);
}

/// "Closing the handle does not affect the semaphore count".
fn closing_keeps<S: SyncObjects>(objects: &S) {
    let first = named(objects, "closing", Object::Semaphore { initial: 2, maximum: 2 });
    let second = objects.open(Kind::Semaphore, "closing", SYNCHRONIZE).unwrap();
    pass(objects, &second);
    drop(second);
    assert_eq!(objects.post(&first, 1), Ok(1));
}

fn ending_keeps<S: SyncObjects>(objects: &S) {
    let semaphore = named(objects, "ending", Object::Semaphore { initial: 2, maximum: 2 });
    let process = objects.another();
    let open = Act::new(Verb::Open, Kind::Semaphore, "ending", SYNCHRONIZE);
    objects.ask(&process, &open).unwrap();
    let wait = Act::new(Verb::Wait, Kind::Semaphore, "ending", INFINITE);
    assert_eq!(objects.ask(&process, &wait), Ok(OBJECT_0));
    objects.kill(process);
    assert_eq!(objects.post(&semaphore, 1), Ok(1));
}

/// "calling one of the multiple-object wait functions with an array that contains multiple handles of the same semaphore does not
/// result in multiple decrements"
fn several_handles<S: SyncObjects>(objects: &S) {
    let first = named(objects, "several", Object::Semaphore { initial: 5, maximum: 9 });
    let second = objects.open(Kind::Semaphore, "several", SYNCHRONIZE).unwrap();
    assert_eq!(objects.wait_many(&[&first, &second], false, 0), Ok(OBJECT_0));
    assert_eq!(objects.post(&first, 1), Ok(4), "after a wait for any");
    // "It may not contain multiple copies of the same handle": a refusal is no decrement either.
    let taken = i32::from(objects.wait_many(&[&first, &second], true, 0) == Ok(OBJECT_0));
    assert_eq!(objects.post(&first, 1), Ok(5 - taken), "after a wait for all");
}
