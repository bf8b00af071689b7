//! Events and semaphores in one process: names, rights, states.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sync::rights::{
    EVENT_ALL_ACCESS, EVENT_MODIFY_STATE, SEMAPHORE_ALL_ACCESS, SEMAPHORE_MODIFY_STATE,
};
use ennead_sync::{
    Alerts, CancelToken, Event, EventOptions, MAXIMUM_WAIT_OBJECTS, Outcome, Semaphore, SemaphoreOptions,
    Wait, Waitable, wait_alertable, wait_any,
};
use support::Playground;

const SIGNALED: Outcome = Outcome::Signaled(0);

#[test]
fn an_auto_event_releases_one_wait_a_set() {
    let event = EventOptions::new().unnamed().unwrap();
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    event.set().unwrap();
    event.set().unwrap();
    assert_eq!(event.wait(Wait::Forever).unwrap(), SIGNALED);
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    event.set().unwrap();
    event.reset().unwrap();
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    event.pulse().unwrap();
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut, "nobody waited for the pulse");
}

#[test]
fn a_manual_event_stays_signaled() {
    let event = EventOptions::new().manual().signaled().unnamed().unwrap();
    assert!(event.is_manual());
    for _ in 0..3 {
        assert_eq!(event.wait(Wait::Forever).unwrap(), SIGNALED);
    }
    event.reset().unwrap();
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    event.set().unwrap();
    event.pulse().unwrap();
    assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut, "a pulse leaves it not signaled");
}

#[test]
fn a_semaphore_counts() {
    let semaphore = SemaphoreOptions::new(1, 3).unnamed().unwrap();
    assert_eq!(semaphore.wait(Wait::Forever).unwrap(), SIGNALED);
    assert_eq!(semaphore.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    assert_eq!(semaphore.release(2).unwrap(), 0);
    assert_eq!(semaphore.release(2).unwrap_err().win32(), Win32Error::TOO_MANY_POSTS);
    assert_eq!(semaphore.release(1).unwrap(), 2, "a refused release changed nothing");
    assert_eq!(semaphore.release(0).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    assert_eq!(semaphore.release(u32::MAX).unwrap_err().win32(), Win32Error::TOO_MANY_POSTS);
    for (initial, maximum) in [(0, 0), (2, 1), (0, 0x8000_0000), (u32::MAX, u32::MAX)] {
        let error = SemaphoreOptions::new(initial, maximum).unnamed().unwrap_err();
        assert_eq!(error.win32(), Win32Error::INVALID_PARAMETER, "{initial} of {maximum}");
    }
}

#[test]
fn names_find_the_same_object_and_clash_in_kind() {
    let play = Playground::new();
    let place = play.place();
    let first = play.event(r"Local\Ready");
    assert!(!first.existed());
    let second = EventOptions::new().manual().place(&place).create("Ready").unwrap();
    assert!(second.existed() && !second.is_manual(), "what is there stays as it is");
    second.set().unwrap();
    assert_eq!(first.wait(Wait::Never).unwrap(), SIGNALED);
    let clash = SemaphoreOptions::new(0, 1).place(&place).create("Ready").unwrap_err();
    assert_eq!(clash.win32(), Win32Error::INVALID_HANDLE);
    let clash = Semaphore::open_at(&place, "Ready", SEMAPHORE_ALL_ACCESS).unwrap_err();
    assert_eq!(clash.win32(), Win32Error::INVALID_HANDLE);
    let other = EventOptions::new().place(&place).open("ready").unwrap_err();
    assert_eq!(other.win32(), Win32Error::FILE_NOT_FOUND, "case matters");
    drop((first, second));
    assert_eq!(play.files(), 0);
    let semaphore = play.semaphore("Ready", 0, 1);
    assert!(!semaphore.existed());
}

#[test]
fn each_handle_has_its_rights() {
    let play = Playground::new();
    let place = play.place();
    let all = play.event("e");
    assert_eq!(all.granted(), EVENT_ALL_ACCESS);
    let open = |access| EventOptions::new().access(access).place(&place).open("e").unwrap();
    let waits = open(AccessMask::SYNCHRONIZE);
    let changes = open(EVENT_MODIFY_STATE);
    assert_eq!(waits.set().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    assert_eq!(waits.reset().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    assert_eq!(waits.pulse().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    assert_eq!(changes.wait(Wait::Never).unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    changes.set().unwrap();
    let any: [&dyn Waitable; 2] = [&waits, &changes];
    assert_eq!(wait_any(&any, Wait::Never).unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    assert_eq!(waits.wait(Wait::Never).unwrap(), SIGNALED, "a refused wait took nothing");
    assert_eq!(open(AccessMask::GENERIC_EXECUTE).granted().0, 0x0012_0000);

    let few = all.duplicate(AccessMask::SYNCHRONIZE);
    assert_eq!(few.set().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    let more = few.duplicate(EVENT_ALL_ACCESS);
    assert_eq!(more.granted(), AccessMask::SYNCHRONIZE, "a duplicate has no more than its source");

    let semaphore = play.semaphore("s", 1, 1);
    let few = semaphore.duplicate(AccessMask::SYNCHRONIZE);
    assert_eq!(few.release(1).unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    let few = semaphore.duplicate(SEMAPHORE_MODIFY_STATE);
    assert_eq!(few.wait(Wait::Never).unwrap_err().win32(), Win32Error::ACCESS_DENIED);
}

#[test]
fn a_descriptor_is_kept_and_checked() {
    let play = Playground::new();
    let place = play.place();
    let uid = ennead_sys::process::effective_uid();
    // SYNCHRONIZE and READ_CONTROL for oneself, nothing else.
    let text = format!("O:S-1-22-1-{uid}G:S-1-22-2-0D:(A;;0x120000;;;S-1-22-1-{uid})");
    let options = EventOptions::new().place(&place);
    let made = options.clone().security(text.parse().unwrap()).create("e").unwrap();
    assert_eq!(made.granted(), EVENT_ALL_ACCESS, "its creator gets what it asks for");
    let denied = options.create("e").unwrap_err();
    assert_eq!(denied.win32(), Win32Error::ACCESS_DENIED);
    let waits = options.clone().access(AccessMask::SYNCHRONIZE).open("e").unwrap();
    assert_eq!(waits.granted(), AccessMask::SYNCHRONIZE);
}

#[test]
fn waits_end_by_time_token_and_alert() {
    let event = Arc::new(EventOptions::new().unnamed().unwrap());
    let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
    assert_eq!(event.wait(soon).unwrap(), Outcome::TimedOut);
    let past = Wait::Until(Instant::now());
    assert_eq!(event.wait(past).unwrap(), Outcome::TimedOut);

    let token = CancelToken::new().unwrap();
    let canceller = std::thread::spawn({
        let token = token.clone();
        move || token.cancel()
    });
    let wait = Wait::Forever.or_cancelled(&token);
    assert_eq!(event.wait(wait).unwrap_err().win32(), Win32Error::OPERATION_ABORTED);
    canceller.join().unwrap();
    event.set().unwrap();
    assert_eq!(event.wait(wait).unwrap(), SIGNALED, "what is there is taken first");

    let alerts = Alerts::of_this_thread();
    let (sender, ran) = std::sync::mpsc::channel();
    let alerter = std::thread::spawn(move || assert!(alerts.queue(move || sender.send(1).unwrap())));
    assert_eq!(wait_alertable(&*event, Wait::Forever).unwrap(), Outcome::Alerted);
    assert_eq!(ran.recv(), Ok(1));
    alerter.join().unwrap();
    let gone = std::thread::spawn(Alerts::of_this_thread).join().unwrap();
    assert!(!gone.queue(|| ()), "the thread has ended");
}

#[test]
fn a_wait_for_any_takes_the_first_that_is_there() {
    let events: Vec<Event> =
        (0..MAXIMUM_WAIT_OBJECTS).map(|_| EventOptions::new().unnamed().unwrap()).collect();
    let objects: Vec<&dyn Waitable> = events.iter().map(|event| event as &dyn Waitable).collect();
    assert_eq!(wait_any(&objects, Wait::Never).unwrap(), Outcome::TimedOut);
    events[63].set().unwrap();
    events[7].set().unwrap();
    assert_eq!(wait_any(&objects, Wait::Forever).unwrap(), Outcome::Signaled(7));
    assert_eq!(wait_any(&objects, Wait::Forever).unwrap(), Outcome::Signaled(63));
    assert_eq!(wait_any(&objects, Wait::Never).unwrap(), Outcome::TimedOut);
    assert_eq!(wait_any(&[], Wait::Never).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    let many: Vec<&dyn Waitable> = objects.iter().copied().chain([objects[0]]).collect();
    assert_eq!(wait_any(&many, Wait::Never).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    let twice = [objects[1], objects[1]];
    events[1].set().unwrap();
    assert_eq!(wait_any(&twice, Wait::Never).unwrap(), Outcome::Signaled(0));
}

#[test]
fn what_is_passed_on_is_the_same_object() {
    let play = Playground::new();
    let place = play.place();
    for event in [play.event("passed"), EventOptions::new().unnamed().unwrap()] {
        let joined = Event::join_at(&place, event.share(AccessMask::SYNCHRONIZE).unwrap()).unwrap();
        event.set().unwrap();
        assert_eq!(joined.wait(Wait::Never).unwrap(), SIGNALED);
        assert_eq!(joined.set().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
        let clash = Semaphore::join_at(&place, event.share(EVENT_ALL_ACCESS).unwrap()).unwrap_err();
        assert_eq!(clash.win32(), Win32Error::INVALID_HANDLE);
        let passed = event.share(EVENT_ALL_ACCESS).unwrap();
        drop(event);
        let last = Event::join_at(&place, passed).unwrap();
        last.set().unwrap();
        assert_eq!(joined.wait(Wait::Never).unwrap(), SIGNALED);
    }
    assert_eq!(play.files(), 0);
}
