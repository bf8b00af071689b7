//! `CreateWaitableTimer`, `SetWaitableTimer`, `CancelWaitableTimer`:
//! [Waitable Timer Objects](https://learn.microsoft.com/windows/win32/sync/waitable-timer-objects).

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::{
    INFINITE, Kind, MODIFY_STATE, OBJECT_0, Object, SYNCHRONIZE, SyncObjects, TIMEOUT, named, new, on_thread,
    pass, semaphore, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a timer is inactive at first", inactive),
        ("a relative due time comes after it has passed", relative),
        ("an absolute due time comes", absolute),
        ("a due time of the past is due at once", past),
        ("due times are in 100 ns", hundred_nanoseconds),
        ("a due time in thousands of years does not come", far),
        ("a manual-reset timer stays signaled until it is set", manual_stays),
        ("a synchronization timer satisfies one wait", satisfies_one),
        ("setting a timer makes it nonsignaled", setting_resets),
        ("setting a timer replaces its due time", replaces),
        ("who waits for a timer waits through its setting", waits_through),
        ("a cancelled timer does not become signaled", cancelled),
        ("cancelling leaves the state", cancel_keeps_state),
        ("an inactive timer can be cancelled", cancel_inactive),
        ("a periodic synchronization timer comes again and again", periodic),
        ("a periodic manual-reset timer stays signaled", periodic_manual),
        ("a periodic timer comes until it is cancelled", periodic_cancelled),
        ("a periodic timer set without a period comes once", periodic_once),
        ("a period is not negative", negative_period),
        ("a synchronization timer releases one waiter", releases_one),
        ("a manual-reset timer releases every waiter", releases_all),
        ("a timer stays set when the thread that set it ends", setter_ends),
        ("a timer's state is seen through every handle", every_handle),
        ("setting a timer takes the right to modify", timer_modify),
    ]
}

/// An hour, relative, in 100 ns.
const HOUR: i64 = -36_000_000_000;

/// Milliseconds, relative, in 100 ns.
fn millis(count: i64) -> i64 {
    -10_000 * count
}

fn timer<S: SyncObjects>(objects: &S, manual: bool) -> S::Handle {
    new(objects, Object::Timer { manual })
}

/// In 100 ns since 1601, UTC.
fn system_time() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("the clock is past 1970");
    i64::try_from(now.as_nanos() / 100).expect("the clock is before 30828") + 116_444_736_000_000_000
}

/// "the wait may time out in less than the specified length of time": a tick of Windows' clock is up to 16 ms.
fn not_before(began: Instant, millis: u64) {
    let least = Duration::from_millis(millis.saturating_sub(16));
    assert!(began.elapsed() >= least, "came after {:?} instead of {millis} ms", began.elapsed());
}

/// Does something within less than this time: on a busy machine, again.
fn before_due(millis: u64, mut act: impl FnMut()) {
    loop {
        let began = Instant::now();
        act();
        if began.elapsed() < Duration::from_millis(millis - 20) {
            return;
        }
    }
}

/// "Timers are initially inactive."
fn inactive<S: SyncObjects>(objects: &S) {
    for manual in [false, true] {
        let timer = timer(objects, manual);
        assert_eq!([test(objects, &timer), objects.wait(&timer, 5).unwrap()], [TIMEOUT; 2]);
    }
}

fn relative<S: SyncObjects>(objects: &S) {
    for manual in [false, true] {
        let timer = timer(objects, manual);
        let began = Instant::now();
        objects.set_timer(&timer, millis(60), 0).unwrap();
        pass(objects, &timer);
        not_before(began, 60);
    }
}

fn absolute<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    let due = system_time() + 600_000;
    objects.set_timer(&timer, due, 0).unwrap();
    pass(objects, &timer);
    assert!(system_time() >= due - 160_000, "came before its time");
}

fn past<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    for due in [0, 1, system_time() - 10_000_000, -1] {
        objects.set_timer(&timer, due, 0).unwrap();
        pass(objects, &timer);
        assert_eq!(test(objects, &timer), TIMEOUT, "{due}");
    }
}

fn hundred_nanoseconds<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    // As milliseconds, this were a quarter of an hour.
    objects.set_timer(&timer, -1_000_000, 0).unwrap();
    pass(objects, &timer);
    // As nanoseconds, a second.
    objects.set_timer(&timer, -1_000_000_000, 0).unwrap();
    assert_eq!(objects.wait(&timer, 20), Ok(TIMEOUT));
    objects.cancel(&timer).unwrap();
}

fn far<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    for due in [-i64::MAX, i64::MAX, -i64::MAX / 2, system_time() - HOUR] {
        objects.set_timer(&timer, due, 0).unwrap();
        assert_eq!(objects.wait(&timer, 2), Ok(TIMEOUT), "{due}");
    }
}

/// "A timer whose state remains signaled until SetWaitableTimer is called to establish a new due time."
fn manual_stays<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    objects.set_timer(&timer, millis(1), 0).unwrap();
    pass(objects, &timer);
    assert_eq!([(); 3].map(|()| test(objects, &timer)), [OBJECT_0; 3]);
    objects.set_timer(&timer, HOUR, 0).unwrap();
    assert_eq!(test(objects, &timer), TIMEOUT);
}

/// "A timer whose state remains signaled until a thread completes a wait operation on the timer object."
fn satisfies_one<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    objects.set_timer(&timer, millis(1), 0).unwrap();
    pass(objects, &timer);
    assert_eq!([test(objects, &timer), objects.wait(&timer, 5).unwrap()], [TIMEOUT; 2]);
    // Without anybody who waits, it stays.
    objects.set_timer(&timer, millis(1), 0).unwrap();
    let other = new(objects, Object::Timer { manual: false });
    objects.set_timer(&other, millis(40), 0).unwrap();
    pass(objects, &other);
    assert_eq!([test(objects, &timer), test(objects, &timer)], [OBJECT_0, TIMEOUT]);
}

/// "When a timer is set, it is canceled if it was already active, the state of the timer is nonsignaled".
fn setting_resets<S: SyncObjects>(objects: &S) {
    for manual in [false, true] {
        let timer = timer(objects, manual);
        let fence = new(objects, Object::Timer { manual: true });
        objects.set_timer(&timer, 0, 0).unwrap();
        objects.set_timer(&fence, millis(40), 0).unwrap();
        pass(objects, &fence);
        objects.set_timer(&timer, HOUR, 0).unwrap();
        assert_eq!(test(objects, &timer), TIMEOUT, "{manual}");
    }
}

fn replaces<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    objects.set_timer(&timer, HOUR, 0).unwrap();
    objects.set_timer(&timer, millis(1), 0).unwrap();
    pass(objects, &timer);
    before_due(100, || {
        objects.set_timer(&timer, millis(100), 0).unwrap();
        objects.set_timer(&timer, HOUR, 0).unwrap();
    });
    assert_eq!(objects.wait(&timer, 150), Ok(TIMEOUT));
}

/// "Stopping the timer in this manner does not set the timer state to signaled, so threads blocked in a wait operation on the timer
/// remain blocked."
fn waits_through<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    objects.set_timer(&timer, HOUR, 0).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| objects.wait(&timer, INFINITE));
        for _ in 0..5 {
            objects.set_timer(&timer, HOUR, 0).unwrap();
            assert_eq!(objects.wait(&timer, 5), Ok(TIMEOUT));
            objects.cancel(&timer).unwrap();
        }
        assert!(!waiter.is_finished());
        objects.set_timer(&timer, millis(1), 0).unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
    });
}

fn cancelled<S: SyncObjects>(objects: &S) {
    for manual in [false, true] {
        let timer = timer(objects, manual);
        before_due(100, || {
            objects.set_timer(&timer, millis(100), 0).unwrap();
            objects.cancel(&timer).unwrap();
        });
        assert_eq!(objects.wait(&timer, 150), Ok(TIMEOUT));
        objects.set_timer(&timer, millis(1), 0).unwrap();
        pass(objects, &timer);
    }
}

/// "When a timer is canceled, it is removed from the kernel timer queue if it was pending. [...] The signaled state of the timer is
/// not affected."
fn cancel_keeps_state<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    objects.set_timer(&timer, 0, 0).unwrap();
    pass(objects, &timer);
    objects.cancel(&timer).unwrap();
    assert_eq!(test(objects, &timer), OBJECT_0);
    let once = new(objects, Object::Timer { manual: false });
    objects.set_timer(&once, 0, 0).unwrap();
    let fence = new(objects, Object::Timer { manual: true });
    objects.set_timer(&fence, millis(40), 0).unwrap();
    pass(objects, &fence);
    objects.cancel(&once).unwrap();
    assert_eq!([test(objects, &once), test(objects, &once)], [OBJECT_0, TIMEOUT]);
}

fn cancel_inactive<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    objects.cancel(&timer).unwrap();
    objects.cancel(&timer).unwrap();
    assert_eq!(test(objects, &timer), TIMEOUT);
}

/// "A periodic timer automatically reactivates each time the period elapses".
fn periodic<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    let began = Instant::now();
    objects.set_timer(&timer, millis(20), 30).unwrap();
    for _ in 0..4 {
        pass(objects, &timer);
    }
    not_before(began, 110);
    objects.cancel(&timer).unwrap();
}

/// "a periodic manual-reset timer is set to the signaled state when the initial due time arrives and remains signaled until it is
/// reset"
fn periodic_manual<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    objects.set_timer(&timer, millis(1), 10).unwrap();
    pass(objects, &timer);
    for _ in 0..3 {
        assert_eq!(test(objects, &timer), OBJECT_0);
    }
    objects.set_timer(&timer, HOUR, 10).unwrap();
    assert_eq!(test(objects, &timer), TIMEOUT);
}

fn periodic_cancelled<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    objects.set_timer(&timer, 0, 10).unwrap();
    pass(objects, &timer);
    pass(objects, &timer);
    objects.cancel(&timer).unwrap();
    // It may have come between the last wait and the cancellation.
    test(objects, &timer);
    assert_eq!(objects.wait(&timer, 50), Ok(TIMEOUT));
}

/// "If the period is zero, the timer is not a periodic timer; it is signaled once and then deactivated."
fn periodic_once<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    objects.set_timer(&timer, 0, 10).unwrap();
    pass(objects, &timer);
    objects.cancel(&timer).unwrap();
    // It may have come between the last wait and the cancellation.
    test(objects, &timer);
    objects.set_timer(&timer, millis(1), 0).unwrap();
    pass(objects, &timer);
    assert_eq!(objects.wait(&timer, 50), Ok(TIMEOUT));
}

/// "If lPeriod is less than zero, the function fails."
fn negative_period<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    for period in [-1, i32::MIN] {
        assert!(objects.set_timer(&timer, millis(1), period).is_err(), "set with a period of {period}");
    }
    assert_eq!(code(objects.set_timer(&timer, HOUR, i32::MAX)), 0);
}

fn releases_one<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    let released = semaphore(objects, 0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                pass(objects, &timer);
                objects.post(&released, 1).unwrap();
            });
        }
        for _ in 0..3 {
            assert_eq!(objects.wait(&released, 20), Ok(TIMEOUT));
            objects.set_timer(&timer, millis(1), 0).unwrap();
            pass(objects, &released);
        }
    });
}

fn releases_all<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, true);
    thread::scope(|scope| {
        let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| objects.wait(&timer, INFINITE))).collect();
        objects.set_timer(&timer, millis(20), 0).unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Ok(OBJECT_0));
        }
    });
}

/// "If there is no completion routine, then terminating the thread has no effect on the timer."
fn setter_ends<S: SyncObjects>(objects: &S) {
    let timer = timer(objects, false);
    on_thread(|| objects.set_timer(&timer, millis(30), 20)).unwrap();
    pass(objects, &timer);
    pass(objects, &timer);
}

fn every_handle<S: SyncObjects>(objects: &S) {
    let first = named(objects, "handles", Object::Timer { manual: true });
    let second = objects.open(Kind::Timer, "handles", Kind::Timer.all_access()).unwrap();
    objects.set_timer(&first, millis(10), 0).unwrap();
    pass(objects, &second);
    objects.set_timer(&second, HOUR, 0).unwrap();
    assert_eq!(test(objects, &first), TIMEOUT);
    drop(second);
    objects.set_timer(&first, millis(1), 0).unwrap();
    pass(objects, &first);
}

fn timer_modify<S: SyncObjects>(objects: &S) {
    let timer = named(objects, "modify", Object::Timer { manual: true });
    let waits = objects.open(Kind::Timer, "modify", SYNCHRONIZE).unwrap();
    assert_eq!(code(objects.set_timer(&waits, 0, 0)), 5);
    assert_eq!(test(objects, &timer), TIMEOUT);
    assert_eq!(code(objects.cancel(&waits)), 5);
    let changes = objects.open(Kind::Timer, "modify", MODIFY_STATE).unwrap();
    objects.set_timer(&changes, -36_000_000_000, 0).unwrap();
    objects.cancel(&changes).unwrap();
}
