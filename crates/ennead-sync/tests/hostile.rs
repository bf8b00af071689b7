//! Objects whose shared memory somebody scribbles over, and waits that only sleep.

mod support;

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ennead_sync::rights::{EVENT_ALL_ACCESS, MUTEX_ALL_ACCESS};
use ennead_sync::{
    EventOptions, MutexOptions, Outcome, SemaphoreOptions, SharedObject, Wait, Waitable, wait_all, wait_any,
};
use ennead_sys::mapping::Mapping;
use support::{Playground, WATCHDOG};

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

/// Writes random words over everything behind the header as long as `victim` runs.
fn scribble_under(shared: &SharedObject, len: usize, victim: impl FnOnce()) {
    let memory = Mapping::new(shared.as_fd(), len).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = 0x9e37_79b9_7f4a_7c15u64;
            while !done.load(Ordering::Relaxed) {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let at = 64 + (dice >> 40) as usize % (len - 64) / 8 * 8;
                // Often the word itself.
                let at = if dice & 1 == 0 { 64 } else { at };
                memory.atomic_u64(at).store(dice, Ordering::SeqCst);
            }
        });
        let _stop = Stop(&done);
        victim();
    });
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn soon() -> Wait<'static> {
    Wait::Until(Instant::now() + Duration::from_micros(50))
}

/// Whatever comes of an operation upon the spoilt object, it comes; and another object in the same wait goes on as if nothing were.
#[test]
fn a_spoilt_word_spoils_its_object_only() {
    let play = Playground::new();
    let good = play.event("good");
    for manual in [false, true] {
        let options = if manual { EventOptions::new().manual() } else { EventOptions::new() };
        let bad = options.place(&play.place()).unnamed().unwrap();
        scribble_under(&bad.share(EVENT_ALL_ACCESS).unwrap(), 256, || {
            for _ in 0..300 {
                let _ = (bad.set(), bad.reset(), bad.pulse());
                let _ = (bad.wait(Wait::Never), bad.wait(soon()));
                let both: [&dyn Waitable; 2] = [&bad, &good];
                good.set().unwrap();
                match wait_any(&both, Wait::Until(Instant::now() + WATCHDOG)).unwrap() {
                    Outcome::Signaled(1) => {}
                    _ => assert_eq!(good.wait(Wait::Forever).unwrap(), Outcome::Signaled(0)),
                }
                good.set().unwrap();
                let _ = (wait_all(&both, Wait::Never), wait_all(&both, soon()));
                good.reset().unwrap();
            }
        });
    }
    let bad = SemaphoreOptions::new(0, 7).place(&play.place()).unnamed().unwrap();
    let shared = bad.share(ennead_sync::rights::SEMAPHORE_ALL_ACCESS).unwrap();
    scribble_under(&shared, 256, || {
        for _ in 0..300 {
            let _ = (bad.release(3), bad.wait(Wait::Never), bad.wait(soon()));
        }
    });
}

#[test]
fn a_spoilt_mutex_spoils_itself_only() {
    let play = Playground::new();
    let good = play.event("good");
    let bad = MutexOptions::new().place(&play.place()).unnamed().unwrap();
    let shared = bad.share(MUTEX_ALL_ACCESS).unwrap();
    scribble_under(&shared, ennead_sys::robust::page_size(), || {
        for _ in 0..200 {
            let _ = (bad.wait(Wait::Never), bad.wait(soon()), bad.release());
            let both: [&dyn Waitable; 2] = [&bad, &good];
            good.set().unwrap();
            let _ = wait_any(&both, Wait::Until(Instant::now() + WATCHDOG));
            good.set().unwrap();
            let _ = (wait_all(&both, Wait::Never), wait_all(&both, soon()), bad.release());
            good.set().unwrap();
            assert_eq!(good.wait(Wait::Forever).unwrap(), Outcome::Signaled(0));
        }
    });
}

#[test]
fn who_waits_only_sleeps() {
    let play = Playground::new();
    let (one, two) = (play.event("one"), play.event("two"));
    for wait in ["wait one", "wait one two", "all one two"] {
        let mut other = play.player();
        other.ask("event one");
        other.ask("event two");
        other.lay(wait);
        let before = other.sleeps();
        // A second goes by, in which this thread only sleeps as well.
        let own = EventOptions::new().unnamed().unwrap();
        let end = Instant::now() + Duration::from_secs(1);
        assert_eq!(own.wait(Wait::Until(end)).unwrap(), Outcome::TimedOut);
        assert!(Instant::now() >= end);
        assert_eq!(other.sleeps(), before, "{wait}: it was awake in between");
        one.set().unwrap();
        two.set().unwrap();
        assert!(other.hear().starts_with("signaled"));
        let _ = (one.reset(), two.reset());
    }
}
