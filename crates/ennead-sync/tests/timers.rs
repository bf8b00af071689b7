//! Waitable timers.

mod support;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant, SystemTime};

use ennead_status::Win32Error;
use ennead_sync::rights::TIMER_MODIFY_STATE;
use ennead_sync::{
    Due, EventOptions, Outcome, Timer, TimerOptions, Wait, Waitable, sleep_alertable, wait_all, wait_any,
};
use support::{Playground, WATCHDOG};

const SOON: Duration = Duration::from_millis(5);
const NEVER: Duration = Duration::from_secs(1_000_000);
const ONCE: Duration = Duration::ZERO;

/// A watchdog's end, for waits that must end before.
fn watchdog() -> Wait<'static> {
    Wait::Until(Instant::now() + WATCHDOG)
}

fn soon() -> Wait<'static> {
    Wait::Until(Instant::now() + SOON)
}

fn timer() -> Timer {
    TimerOptions::new().unnamed().unwrap()
}

#[test]
fn a_timer_is_signaled_when_it_is_due_and_not_before() {
    for due in [Due::After(SOON), Due::At(SystemTime::now() + SOON)] {
        let timer = timer();
        assert_eq!(timer.wait(Wait::Never).unwrap(), Outcome::TimedOut, "it was never set");
        let start = Instant::now();
        timer.set(due, ONCE).unwrap();
        assert_eq!(timer.wait(watchdog()).unwrap(), Outcome::Signaled(0));
        if due == Due::After(SOON) {
            assert!(start.elapsed() >= SOON);
        }
        assert_eq!(timer.wait(soon()).unwrap(), Outcome::TimedOut, "the wait took it");
    }
}

#[test]
fn a_manual_timer_stays_signaled_until_it_is_set() {
    let timer = TimerOptions::new().manual().unnamed().unwrap();
    timer.set(Due::After(Duration::ZERO), ONCE).unwrap();
    for _ in 0..3 {
        assert_eq!(timer.wait(watchdog()).unwrap(), Outcome::Signaled(0));
    }
    timer.set(Due::After(NEVER), ONCE).unwrap();
    assert_eq!(timer.wait(Wait::Never).unwrap(), Outcome::TimedOut);
}

#[test]
fn a_period_goes_on_and_what_was_missed_is_not_made_up_for() {
    let timer = timer();
    timer.set(Due::After(Duration::from_millis(1)), Duration::from_millis(1)).unwrap();
    for _ in 0..20 {
        assert_eq!(timer.wait(watchdog()).unwrap(), Outcome::Signaled(0));
    }
    // Let some pass unseen: they are one.
    let other = self::timer();
    other.set(Due::After(Duration::from_millis(20)), ONCE).unwrap();
    other.wait(watchdog()).unwrap();
    timer.set(Due::At(SystemTime::now() - Duration::from_secs(1)), Duration::from_secs(60)).unwrap();
    assert_eq!(timer.wait(watchdog()).unwrap(), Outcome::Signaled(0));
    assert_eq!(timer.wait(soon()).unwrap(), Outcome::TimedOut);
}

#[test]
fn a_cancelled_timer_stays_as_it_is() {
    let timer = timer();
    timer.set(Due::After(SOON), SOON).unwrap();
    timer.cancel().unwrap();
    assert_eq!(timer.wait(soon()).unwrap(), Outcome::TimedOut);
    let manual = TimerOptions::new().manual().unnamed().unwrap();
    manual.set(Due::At(SystemTime::UNIX_EPOCH), ONCE).unwrap();
    manual.cancel().unwrap();
    assert_eq!(manual.wait(Wait::Never).unwrap(), Outcome::Signaled(0), "it was due before");
}

#[test]
fn setting_it_anew_moves_those_who_sleep() {
    let timer = Arc::new(timer());
    timer.set(Due::After(NEVER), ONCE).unwrap();
    let (told, hear) = channel();
    let waiting = Arc::clone(&timer);
    let waiter = std::thread::spawn(move || {
        told.send(()).unwrap();
        waiting.wait(watchdog()).unwrap()
    });
    hear.recv().unwrap();
    for due in [Due::At(SystemTime::now() + NEVER), Due::After(NEVER), Due::After(SOON)] {
        timer.set(due, ONCE).unwrap();
    }
    assert_eq!(waiter.join().unwrap(), Outcome::Signaled(0));
}

#[test]
fn timers_of_both_clocks_go_with_events_and_deadlines() {
    let (steady, wall) = (timer(), timer());
    let event = EventOptions::new().unnamed().unwrap();
    steady.set(Due::After(NEVER), ONCE).unwrap();
    wall.set(Due::At(SystemTime::now() + SOON), ONCE).unwrap();
    assert_eq!(wait_any(&[&event, &steady, &wall], watchdog()).unwrap(), Outcome::Signaled(2));
    wall.set(Due::At(SystemTime::now() + NEVER), ONCE).unwrap();
    assert_eq!(wait_any(&[&event, &steady, &wall], soon()).unwrap(), Outcome::TimedOut);
    steady.set(Due::After(SOON), ONCE).unwrap();
    assert_eq!(wait_any(&[&event, &steady, &wall], Wait::Forever).unwrap(), Outcome::Signaled(1));
    event.set().unwrap();
    assert_eq!(wait_any(&[&event, &steady, &wall], Wait::Forever).unwrap(), Outcome::Signaled(0));
}

#[test]
fn a_timer_among_many_objects_is_heard() {
    let play = Playground::new();
    let events: Vec<_> = (0..20).map(|n| play.event(&format!("e{n}"))).collect();
    let timer = TimerOptions::new().place(&play.place()).create("t").unwrap();
    let mut objects: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
    objects.push(&timer);
    for due in [Due::After(SOON), Due::At(SystemTime::now() + SOON)] {
        timer.set(due, ONCE).unwrap();
        assert_eq!(wait_any(&objects, watchdog()).unwrap(), Outcome::Signaled(20));
    }
}

#[test]
fn a_wait_for_all_takes_timers_together() {
    let play = Playground::new();
    let named = |name: &str| TimerOptions::new().place(&play.place()).create(name).unwrap();
    let (one, two) = (named("one"), named("two"));
    let event = play.event("e");
    one.set(Due::After(Duration::ZERO), ONCE).unwrap();
    event.set().unwrap();
    assert_eq!(wait_all(&[&one, &event, &two], soon()).unwrap(), Outcome::TimedOut);
    two.set(Due::After(SOON), ONCE).unwrap();
    assert_eq!(wait_all(&[&one, &event, &two], watchdog()).unwrap(), Outcome::Signaled(0));
    assert_eq!(wait_any(&[&one, &event, &two], Wait::Never).unwrap(), Outcome::TimedOut, "all were taken");
}

#[test]
fn one_firing_releases_one_of_many() {
    let timer = Arc::new(timer());
    let (told, released) = channel();
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let (timer, told) = (Arc::clone(&timer), told.clone());
            std::thread::spawn(move || told.send(timer.wait(watchdog()).unwrap()).unwrap())
        })
        .collect();
    for left in (0..4).rev() {
        timer.set(Due::After(Duration::from_millis(1)), ONCE).unwrap();
        assert_eq!(released.recv_timeout(WATCHDOG).unwrap(), Outcome::Signaled(0));
        assert!(released.try_recv().is_err(), "{left} wait on");
    }
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert_eq!(timer.wait(Wait::Never).unwrap(), Outcome::TimedOut);
}

#[test]
fn a_routine_runs_in_the_alertable_waits_of_the_thread_that_set_it() {
    let timer = timer();
    let (told, hear) = channel();
    timer
        .set_with_routine(Due::After(Duration::from_millis(1)), Duration::from_millis(1), move |due| {
            told.send((std::thread::current().id(), due)).unwrap();
        })
        .unwrap();
    let mut last = 0;
    for _ in 0..5 {
        assert_eq!(sleep_alertable(watchdog()).unwrap(), Outcome::Alerted);
        let (thread, due) = hear.recv().unwrap();
        assert_eq!(thread, std::thread::current().id());
        assert!(due > last && due > 116_444_736_000_000_000);
        last = due;
    }
    timer.cancel().unwrap();
    while sleep_alertable(soon()).unwrap() == Outcome::Alerted {}
    drop(timer);
    assert_eq!(sleep_alertable(soon()).unwrap(), Outcome::TimedOut);
    assert!(hear.try_iter().all(|(_, due)| due > last), "what was queued before the cancel");
}

#[test]
fn a_routine_ends_when_somebody_else_sets_the_timer() {
    let play = Playground::new();
    let options = TimerOptions::new().place(&play.place());
    let (mine, theirs) = (options.create("t").unwrap(), options.create("t").unwrap());
    assert!(theirs.existed());
    let (told, hear) = channel::<u64>();
    mine.set_with_routine(Due::After(SOON), ONCE, move |due| told.send(due).unwrap()).unwrap();
    theirs.set(Due::After(Duration::from_millis(1)), ONCE).unwrap();
    assert_eq!(mine.wait(watchdog()).unwrap(), Outcome::Signaled(0), "one timer");
    // The routine, and with it the sender, goes when the porter has looked.
    while let Err(std::sync::mpsc::TryRecvError::Empty) = hear.try_recv() {
        assert_eq!(sleep_alertable(soon()).unwrap(), Outcome::TimedOut);
    }
}

#[test]
fn refusals() {
    let play = Playground::new();
    let options = TimerOptions::new().place(&play.place());
    let timer = options.create("t").unwrap();
    let weak = timer.duplicate(ennead_security::AccessMask::SYNCHRONIZE);
    let denied = Win32Error::ACCESS_DENIED;
    assert_eq!(weak.set(Due::After(SOON), ONCE).unwrap_err().win32(), denied);
    assert_eq!(weak.cancel().unwrap_err().win32(), denied);
    let blind = timer.duplicate(TIMER_MODIFY_STATE);
    blind.set(Due::After(SOON), ONCE).unwrap();
    assert_eq!(blind.wait(Wait::Never).unwrap_err().win32(), denied);
    let long = timer.set(Due::After(SOON), Duration::from_millis(1 << 31)).unwrap_err();
    assert_eq!(long.win32(), Win32Error::INVALID_PARAMETER);
    timer.set(Due::After(Duration::MAX), Duration::from_millis((1 << 31) - 1)).unwrap();
    assert_eq!(timer.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    let clash = EventOptions::new().place(&play.place()).create("t").unwrap_err();
    assert_eq!(clash.win32(), Win32Error::INVALID_HANDLE);
    assert_eq!(options.open("u").unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    drop((timer, weak, blind));
    assert_eq!(play.files(), 0);
}

#[test]
fn due_times_are_as_documented() {
    assert_eq!(Due::from_filetime(-10_000_000), Due::After(Duration::from_secs(1)));
    assert_eq!(Due::from_filetime(0), Due::At(SystemTime::UNIX_EPOCH));
    let year = 116_444_736_000_000_000;
    assert_eq!(Due::from_filetime(year + 15), Due::At(SystemTime::UNIX_EPOCH + Duration::from_nanos(1_500)));
    assert_eq!(Due::from_filetime(i64::MIN), Due::After(Duration::new(922_337_203_685, 477_580_800)));
}
