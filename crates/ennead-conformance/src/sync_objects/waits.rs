//! `WaitForSingleObject`, `WaitForMultipleObjects` for any one, `SignalObjectAndWait`:
//! [Wait Functions](https://learn.microsoft.com/windows/win32/sync/wait-functions).

use std::thread;
use std::time::{Duration, Instant};

use super::{
    ABANDONED_0, INFINITE, Kind, MODIFY_STATE, OBJECT_0, Object, SYNCHRONIZE, SyncObjects, TIMEOUT, abandon,
    auto, manual, mutex, named, new, on_thread, pass, semaphore, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a wait ends not before its time", times_out),
        ("a wait for a time ends early when it is satisfied", ends_early),
        ("a wait for any gives the smallest index", smallest_index),
        ("a wait for any takes one only", takes_one),
        ("a wait for any takes nothing when its time is up", any_times_out),
        ("a wait for any is released by any", any_is_released),
        ("a wait for any is for any mix of kinds", any_mixed),
        ("a wait is for up to 64 objects", sixty_four),
        ("a wait for any learns which mutex was abandoned", any_abandoned),
        ("a wait for any takes a mutex again that the thread owns", any_recursive),
        ("a thread is signaled when it ends", thread_ends),
        ("a process is signaled when it ends", process_ends),
        ("waits of several threads for any each take one", any_of_several),
        ("signal and wait does both", signals_and_waits),
        ("signal and wait signals also when the wait times out", signals_then_times_out),
        ("signal and wait releases a mutex of the caller's", signals_mutex),
        ("signal and wait does not wait if it cannot signal", cannot_signal),
        ("signal and wait takes the right for each", signal_rights),
        ("signal and wait learns of an abandoned mutex", signals_and_waits_abandoned),
        ("two threads hand over to each other", hand_over),
    ]
}

/// A tick of Windows' clock less.
fn not_before(began: Instant, millis: u64) {
    let least = Duration::from_millis(millis.saturating_sub(16));
    assert!(began.elapsed() >= least, "ended after {:?} instead of {millis} ms", began.elapsed());
}

fn times_out<S: SyncObjects>(objects: &S) {
    let (first, second) = (auto(objects, false), semaphore(objects, 0));
    let began = Instant::now();
    assert_eq!(objects.wait(&first, 50), Ok(TIMEOUT));
    not_before(began, 50);
    for all in [false, true] {
        let began = Instant::now();
        assert_eq!(objects.wait_many(&[&first, &second], all, 50), Ok(TIMEOUT));
        not_before(began, 50);
    }
}

fn ends_early<S: SyncObjects>(objects: &S) {
    let event = auto(objects, false);
    thread::scope(|scope| {
        // 49 days.
        let waiter = scope.spawn(|| objects.wait(&event, INFINITE - 1));
        objects.set(&event).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
}

/// "this is the array index of the signaled object with the smallest index value of all the signaled objects"
fn smallest_index<S: SyncObjects>(objects: &S) {
    let events: Vec<_> = (0..4).map(|at| manual(objects, at == 2 || at == 3)).collect();
    let all: Vec<_> = events.iter().collect();
    assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(2));
    objects.set(&events[1]).unwrap();
    assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(1));
    objects.set(&events[0]).unwrap();
    assert_eq!(objects.wait_many(&all, false, 0), Ok(0));
}

/// "Modification occurs only for the object or objects whose signaled state caused the function to return."
fn takes_one<S: SyncObjects>(objects: &S) {
    let (event, semaphore, mutex) = (auto(objects, true), semaphore(objects, 1), mutex(objects));
    let all = [&event, &semaphore, &mutex];
    assert_eq!([(); 3].map(|()| objects.wait_many(&all, false, 0).unwrap()), [0, 1, 2]);
    // The mutex is this thread's now.
    assert_eq!(objects.wait_many(&all, false, 0), Ok(2));
    objects.release(&mutex).unwrap();
    objects.release(&mutex).unwrap();
    assert_eq!(code(objects.release(&mutex)), 288);
}

fn any_times_out<S: SyncObjects>(objects: &S) {
    let (first, second) = (auto(objects, false), auto(objects, false));
    assert_eq!(objects.wait_many(&[&first, &second], false, 0), Ok(TIMEOUT));
    assert_eq!(objects.wait_many(&[&first, &second], false, 5), Ok(TIMEOUT));
    objects.set(&second).unwrap();
    assert_eq!(objects.wait_many(&[&first, &second], false, 5), Ok(1));
    assert_eq!(test(objects, &second), TIMEOUT);
}

fn any_is_released<S: SyncObjects>(objects: &S) {
    let events: Vec<_> = (0..3).map(|_| auto(objects, false)).collect();
    for at in [2, 0, 1] {
        thread::scope(|scope| {
            let all: Vec<_> = events.iter().collect();
            let waiter = scope.spawn(move || objects.wait_many(&all, false, INFINITE));
            objects.set(&events[at]).unwrap();
            assert_eq!(waiter.join().unwrap(), Ok(u32::try_from(at).unwrap()));
        });
        assert_eq!(test(objects, &events[at]), TIMEOUT);
    }
}

fn any_mixed<S: SyncObjects>(objects: &S) {
    let (event, timer) = (auto(objects, false), new(objects, Object::Timer { manual: false }));
    let (semaphore, mutex) = (semaphore(objects, 0), mutex(objects));
    let (end, handle) = (auto(objects, false), auto(objects, false));
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let this = objects.this_thread().unwrap();
            pass(objects, &mutex);
            objects.set(&handle).unwrap();
            pass(objects, &end);
            this
        });
        pass(objects, &handle);
        let all = [&event, &timer, &semaphore, &mutex];
        assert_eq!(objects.wait_many(&all, false, 5), Ok(TIMEOUT));
        objects.post(&semaphore, 1).unwrap();
        assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(2));
        objects.set_timer(&timer, -10_000, 0).unwrap();
        assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(1));
        objects.set(&event).unwrap();
        assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(0));
        objects.set(&end).unwrap();
        let thread = thread.join().unwrap();
        assert_eq!(objects.wait_many(&[&event, &timer, &thread], false, INFINITE), Ok(2));
        assert_eq!(objects.wait_many(&all, false, INFINITE), Ok(ABANDONED_0 + 3));
    });
}

/// "The maximum number of object handles is MAXIMUM_WAIT_OBJECTS. This parameter cannot be zero."
fn sixty_four<S: SyncObjects>(objects: &S) {
    let events: Vec<_> = (0..65).map(|_| auto(objects, false)).collect();
    let all: Vec<_> = events.iter().collect();
    for at in [63, 31, 0] {
        objects.set(&events[at]).unwrap();
        assert_eq!(objects.wait_many(&all[..64], false, INFINITE), Ok(u32::try_from(at).unwrap()));
    }
    events.iter().for_each(|event| objects.set(event).unwrap());
    assert_eq!(objects.wait_many(&all[..64], true, INFINITE), Ok(OBJECT_0));
    assert_eq!(test(objects, &events[63]), TIMEOUT);
    for all in [&all[..], &[]] {
        assert!(objects.wait_many(all, false, 0).is_err(), "waited for any of {}", all.len());
        assert!(objects.wait_many(all, true, 0).is_err(), "waited for all of {}", all.len());
    }
    assert_eq!(test(objects, &events[64]), OBJECT_0);
}

/// "the return value minus WAIT_ABANDONED_0 indicates the lpHandles array index of an abandoned mutex object that satisfied the wait"
fn any_abandoned<S: SyncObjects>(objects: &S) {
    let (event, mutex, other) = (auto(objects, false), mutex(objects), auto(objects, true));
    abandon(objects, &mutex);
    assert_eq!(objects.wait_many(&[&event, &mutex, &other], false, 0), Ok(ABANDONED_0 + 1));
    assert_eq!(test(objects, &other), OBJECT_0);
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&mutex).unwrap();
    assert_eq!(objects.wait_many(&[&event, &mutex], false, 0), Ok(1));
}

fn any_recursive<S: SyncObjects>(objects: &S) {
    let (event, mutex) = (auto(objects, false), new(objects, Object::Mutex { owned: true }));
    assert_eq!(objects.wait_many(&[&event, &mutex], false, 0), Ok(1));
    objects.set(&event).unwrap();
    assert_eq!(objects.wait_many(&[&event, &mutex], true, 0), Ok(OBJECT_0));
    assert_eq!([(); 4].map(|()| code(objects.release(&mutex))), [0, 0, 0, 288]);
}

fn thread_ends<S: SyncObjects>(objects: &S) {
    let end = auto(objects, false);
    let (tell, told) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            tell.send(objects.this_thread().unwrap()).unwrap();
            pass(objects, &end);
        });
        let handle = told.recv().unwrap();
        assert_eq!([test(objects, &handle), objects.wait(&handle, 5).unwrap()], [TIMEOUT; 2]);
        objects.set(&end).unwrap();
        thread.join().unwrap();
        pass(objects, &handle);
        assert_eq!(test(objects, &handle), OBJECT_0);
    });
}

fn process_ends<S: SyncObjects>(objects: &S) {
    let process = objects.another();
    let handle = objects.process(&process).unwrap();
    let event = auto(objects, false);
    assert_eq!([test(objects, &handle), objects.wait(&handle, 5).unwrap()], [TIMEOUT; 2]);
    assert_eq!(objects.wait_many(&[&event, &handle], false, 5), Ok(TIMEOUT));
    objects.kill(process);
    assert_eq!(objects.wait_many(&[&event, &handle], false, INFINITE), Ok(1));
    assert_eq!([test(objects, &handle), test(objects, &handle)], [OBJECT_0; 2]);
}

fn any_of_several<S: SyncObjects>(objects: &S) {
    let (first, second) = (semaphore(objects, 0), semaphore(objects, 0));
    let both = [&first, &second];
    thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..6).map(|_| scope.spawn(|| objects.wait_many(&both, false, INFINITE).unwrap())).collect();
        objects.post(&second, 4).unwrap();
        objects.post(&first, 2).unwrap();
        let seconds: u32 = waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum();
        assert_eq!(seconds, 4);
    });
    assert_eq!([test(objects, &first), test(objects, &second)], [TIMEOUT; 2]);
}

fn signals_and_waits<S: SyncObjects>(objects: &S) {
    let (signaled, awaited) = (manual(objects, false), auto(objects, true));
    assert_eq!(objects.signal_and_wait(&signaled, &awaited, 0), Ok(OBJECT_0));
    assert_eq!([test(objects, &signaled), test(objects, &awaited)], [OBJECT_0, TIMEOUT]);
    let semaphore = semaphore(objects, 3);
    objects.set(&awaited).unwrap();
    assert_eq!(objects.signal_and_wait(&semaphore, &awaited, INFINITE), Ok(OBJECT_0));
    assert_eq!(objects.post(&semaphore, 1), Ok(4));
}

fn signals_then_times_out<S: SyncObjects>(objects: &S) {
    let (signaled, awaited) = (auto(objects, false), auto(objects, false));
    assert_eq!(objects.signal_and_wait(&signaled, &awaited, 0), Ok(TIMEOUT));
    assert_eq!(test(objects, &signaled), OBJECT_0);
    assert_eq!(objects.signal_and_wait(&signaled, &awaited, 5), Ok(TIMEOUT));
    assert_eq!(test(objects, &signaled), OBJECT_0);
}

fn signals_mutex<S: SyncObjects>(objects: &S) {
    let (mutex, awaited) = (new(objects, Object::Mutex { owned: true }), auto(objects, false));
    pass(objects, &mutex);
    assert_eq!(objects.signal_and_wait(&mutex, &awaited, 0), Ok(TIMEOUT));
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.set(&awaited).unwrap();
    assert_eq!(objects.signal_and_wait(&mutex, &awaited, 0), Ok(OBJECT_0));
    assert_eq!(on_thread(|| test(objects, &mutex)), OBJECT_0);
}

/// "If the handle is a mutex and the caller does not own the mutex, the function fails with ERROR_NOT_OWNER."
fn cannot_signal<S: SyncObjects>(objects: &S) {
    let awaited = auto(objects, true);
    let mutex = mutex(objects);
    assert_eq!(code(objects.signal_and_wait(&mutex, &awaited, 0)), 288);
    let full = new(objects, Object::Semaphore { initial: 1, maximum: 1 });
    assert_eq!(code(objects.signal_and_wait(&full, &awaited, 0)), 298);
    assert_eq!(test(objects, &awaited), OBJECT_0);
}

/// "If the handle is a semaphore, the SEMAPHORE_MODIFY_STATE access right is required. If the handle is an event, the
/// EVENT_MODIFY_STATE access right is required."
fn signal_rights<S: SyncObjects>(objects: &S) {
    let event = named(objects, "signals", Object::Event { manual: false, signaled: false });
    let _semaphore = named(objects, "counts", Object::Semaphore { initial: 0, maximum: 9 });
    let awaited = auto(objects, true);
    for (kind, name) in [(Kind::Event, "signals"), (Kind::Semaphore, "counts")] {
        let waits = objects.open(kind, name, SYNCHRONIZE).unwrap();
        assert_eq!(code(objects.signal_and_wait(&waits, &awaited, 0)), 5, "{kind:?}");
        let changes = objects.open(kind, name, MODIFY_STATE).unwrap();
        assert_eq!(code(objects.signal_and_wait(&awaited, &changes, 0)), 5, "{kind:?}");
        assert_eq!(test(objects, &awaited), OBJECT_0, "{kind:?}");
        objects.set(&awaited).unwrap();
    }
    assert_eq!(test(objects, &event), TIMEOUT);
}

fn signals_and_waits_abandoned<S: SyncObjects>(objects: &S) {
    let (signaled, mutex) = (auto(objects, false), mutex(objects));
    abandon(objects, &mutex);
    assert_eq!(objects.signal_and_wait(&signaled, &mutex, INFINITE), Ok(ABANDONED_0));
    objects.release(&mutex).unwrap();
}

/// The page's example: "A thread can use the SignalObjectAndWait function to ensure that a worker thread is in a wait state before
/// signaling an object."
fn hand_over<S: SyncObjects>(objects: &S) {
    let (done, more) = (auto(objects, false), auto(objects, false));
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            for _ in 0..100 {
                assert_eq!(objects.signal_and_wait(&done, &more, INFINITE), Ok(OBJECT_0));
            }
        });
        for _ in 0..100 {
            pass(objects, &done);
            objects.set(&more).unwrap();
        }
        worker.join().unwrap();
    });
}
