//! `CreateMutex`, `ReleaseMutex`: [Mutex Objects](https://learn.microsoft.com/windows/win32/sync/mutex-objects).

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use super::{
    ABANDONED_0, Act, INFINITE, Kind, OBJECT_0, Object, SyncObjects, TIMEOUT, Verb, abandon, auto, mutex,
    named, new, on_thread, pass, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a mutex is owned from the start if asked for", initial_owner),
        ("an owned mutex keeps others out", keeps_out),
        ("an owner waits without blocking, and releases as often", recursive),
        ("who does not own a mutex cannot release it", not_owner),
        ("a mutex is not released too often", released_too_often),
        ("a released mutex goes to one who waits", handed_on),
        ("a mutex excludes", excludes),
        ("a mutex is owned by a thread, not by a handle", owned_by_thread),
        ("closing a handle releases nothing", closing_keeps),
        ("a mutex of a thread that ended is abandoned", abandoned),
        ("an abandoned mutex is normal again once released", normal_again),
        ("an abandoned mutex is owned once", abandoned_deeply),
        ("who waits for a mutex learns that it was abandoned", abandoned_under_waiter),
        ("a mutex abandoned twice says so twice", abandoned_twice),
        ("a mutex of a process that was ended is abandoned", abandoned_by_process),
        ("who waits learns that the owner's process was ended", process_under_waiter),
        ("every mutex of a thread is abandoned", abandons_all),
        ("an unowned mutex is not abandoned by its users' end", unowned_not_abandoned),
    ]
}

fn initial_owner<S: SyncObjects>(objects: &S) {
    let owned = new(objects, Object::Mutex { owned: true });
    assert_eq!(on_thread(|| test(objects, &owned)), TIMEOUT);
    objects.release(&owned).unwrap();
    assert_eq!(code(objects.release(&owned)), 288);
    let free = new(objects, Object::Mutex { owned: false });
    assert_eq!(test(objects, &free), OBJECT_0);
}

fn keeps_out<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    pass(objects, &mutex);
    assert_eq!(on_thread(|| [test(objects, &mutex), objects.wait(&mutex, 5).unwrap()]), [TIMEOUT; 2]);
    objects.release(&mutex).unwrap();
    assert_eq!(
        on_thread(|| {
            let got = test(objects, &mutex);
            objects.release(&mutex).unwrap();
            got
        }),
        OBJECT_0
    );
}

/// "the thread must call ReleaseMutex once for each time that the mutex satisfied the conditions of a wait function"
fn recursive<S: SyncObjects>(objects: &S) {
    let mutex = new(objects, Object::Mutex { owned: true });
    for _ in 0..9 {
        assert_eq!(test(objects, &mutex), OBJECT_0);
    }
    for _ in 0..10 {
        assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
        objects.release(&mutex).unwrap();
    }
    assert_eq!(code(objects.release(&mutex)), 288);
}

/// ERROR_NOT_OWNER: "Attempt to release mutex not owned by caller."
fn not_owner<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    assert_eq!(code(objects.release(&mutex)), 288);
    pass(objects, &mutex);
    assert_eq!(on_thread(|| code(objects.release(&mutex))), 288);
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&mutex).unwrap();
}

fn released_too_often<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    pass(objects, &mutex);
    pass(objects, &mutex);
    assert_eq!([(); 4].map(|()| code(objects.release(&mutex))), [0, 0, 288, 288]);
    assert_eq!(on_thread(|| test(objects, &mutex)), OBJECT_0);
}

fn handed_on<S: SyncObjects>(objects: &S) {
    let mutex = new(objects, Object::Mutex { owned: true });
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let got = objects.wait(&mutex, INFINITE);
            objects.release(&mutex).unwrap();
            got
        });
        assert_eq!(objects.wait(&mutex, 0), Ok(OBJECT_0));
        objects.release(&mutex).unwrap();
        assert!(!waiter.is_finished());
        objects.release(&mutex).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
}

/// "Only one thread at a time can own a mutex object"
fn excludes<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    let inside = AtomicU32::new(0);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..50 {
                        pass(objects, &mutex);
                        assert_eq!(inside.fetch_add(1, Relaxed), 0, "two owners");
                        inside.fetch_sub(1, Relaxed);
                        objects.release(&mutex).unwrap();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

fn owned_by_thread<S: SyncObjects>(objects: &S) {
    let first = named(objects, "thread", Kind::Mutex.plain());
    let second = objects.open(Kind::Mutex, "thread", Kind::Mutex.all_access()).unwrap();
    pass(objects, &first);
    assert_eq!(test(objects, &second), OBJECT_0);
    objects.release(&second).unwrap();
    objects.release(&second).unwrap();
    assert_eq!(code(objects.release(&first)), 288);
}

fn closing_keeps<S: SyncObjects>(objects: &S) {
    let first = named(objects, "closing", Kind::Mutex.plain());
    let second = objects.open(Kind::Mutex, "closing", Kind::Mutex.all_access()).unwrap();
    pass(objects, &first);
    drop(first);
    assert_eq!(on_thread(|| test(objects, &second)), TIMEOUT);
    objects.release(&second).unwrap();
    assert_eq!(on_thread(|| test(objects, &second)), OBJECT_0);
}

/// "A waiting thread can acquire ownership of an abandoned mutex object, but the wait function will return WAIT_ABANDONED".
fn abandoned<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    abandon(objects, &mutex);
    assert_eq!(test(objects, &mutex), ABANDONED_0);
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&mutex).unwrap();
}

/// "it is no longer considered abandoned after the thread releases its ownership"
fn normal_again<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    abandon(objects, &mutex);
    assert_eq!(objects.wait(&mutex, INFINITE), Ok(ABANDONED_0));
    objects.release(&mutex).unwrap();
    assert_eq!(test(objects, &mutex), OBJECT_0);
    objects.release(&mutex).unwrap();
    assert_eq!(on_thread(|| test(objects, &mutex)), OBJECT_0);
}

fn abandoned_deeply<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    on_thread(|| (0..3).for_each(|_| pass(objects, &mutex)));
    assert_eq!(test(objects, &mutex), ABANDONED_0);
    objects.release(&mutex).unwrap();
    assert_eq!(code(objects.release(&mutex)), 288);
}

fn abandoned_under_waiter<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    let (owned, end) = (auto(objects, false), auto(objects, false));
    thread::scope(|scope| {
        let owner = scope.spawn(|| {
            pass(objects, &mutex);
            objects.set(&owned).unwrap();
            pass(objects, &end);
        });
        pass(objects, &owned);
        let waiter = scope.spawn(|| objects.wait(&mutex, INFINITE));
        assert_eq!(objects.wait(&mutex, 20), Ok(TIMEOUT));
        objects.set(&end).unwrap();
        owner.join().unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(ABANDONED_0));
    });
}

fn abandoned_twice<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    abandon(objects, &mutex);
    assert_eq!(on_thread(|| test(objects, &mutex)), ABANDONED_0);
    assert_eq!(test(objects, &mutex), ABANDONED_0);
    objects.release(&mutex).unwrap();
    assert_eq!(test(objects, &mutex), OBJECT_0);
}

fn abandoned_by_process<S: SyncObjects>(objects: &S) {
    let mutex = named(objects, "process", Kind::Mutex.plain());
    let process = objects.another();
    let open = Act::new(Verb::Open, Kind::Mutex, "process", Kind::Mutex.all_access());
    let wait = Act::new(Verb::Wait, Kind::Mutex, "process", 0);
    objects.ask(&process, &open).unwrap();
    assert_eq!(objects.ask(&process, &wait), Ok(OBJECT_0));
    assert_eq!(test(objects, &mutex), TIMEOUT);
    assert_eq!(code(objects.release(&mutex)), 288);
    objects.kill(process);
    assert_eq!(objects.wait(&mutex, INFINITE), Ok(ABANDONED_0));
    objects.release(&mutex).unwrap();
    assert_eq!(test(objects, &mutex), OBJECT_0);
}

fn process_under_waiter<S: SyncObjects>(objects: &S) {
    let mutex = named(objects, "waiter", Kind::Mutex.plain());
    let process = objects.another();
    let open = Act::new(Verb::Open, Kind::Mutex, "waiter", Kind::Mutex.all_access());
    objects.ask(&process, &open).unwrap();
    assert_eq!(objects.ask(&process, &Act::new(Verb::Wait, Kind::Mutex, "waiter", 0)), Ok(OBJECT_0));
    let ready = auto(objects, false);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| objects.signal_and_wait(&ready, &mutex, INFINITE));
        pass(objects, &ready);
        assert_eq!(objects.wait(&mutex, 20), Ok(TIMEOUT));
        objects.kill(process);
        assert_eq!(waiter.join().unwrap(), Ok(ABANDONED_0));
    });
}

fn abandons_all<S: SyncObjects>(objects: &S) {
    let many: Vec<_> = (0..20).map(|_| mutex(objects)).collect();
    on_thread(|| {
        for mutex in &many {
            pass(objects, mutex);
        }
        objects.release(&many[7]).unwrap();
    });
    for (at, mutex) in many.iter().enumerate() {
        assert_eq!(test(objects, mutex), if at == 7 { OBJECT_0 } else { ABANDONED_0 }, "{at}");
    }
}

fn unowned_not_abandoned<S: SyncObjects>(objects: &S) {
    let mutex = mutex(objects);
    on_thread(|| {
        pass(objects, &mutex);
        objects.release(&mutex).unwrap();
    });
    pass(objects, &mutex);
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&mutex).unwrap();
    assert_eq!(test(objects, &mutex), OBJECT_0);
}
