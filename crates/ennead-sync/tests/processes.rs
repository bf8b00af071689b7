//! Several processes.

mod support;

use ennead_sync::rights::EVENT_ALL_ACCESS;
use ennead_sync::{EventOptions, Outcome, Wait};
use support::{Player, Playground};

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

#[test]
fn a_set_wakes_a_sleeper_in_another_process() {
    let play = Playground::new();
    let (go, done) = (play.event("go"), play.event("done"));
    let mut other = play.player();
    assert_eq!(other.ask("event go"), "done");
    assert_eq!(other.ask("event done"), "done");
    for _ in 0..20 {
        other.lay("wait go");
        go.set().unwrap();
        assert_eq!(other.hear(), "signaled 0");
        other.tell("set done");
        assert_eq!(done.wait(Wait::Forever).unwrap(), Outcome::Signaled(0));
        assert_eq!(other.hear(), "done");
    }
}

#[test]
fn two_sets_release_two_sleepers() {
    let play = Playground::new();
    let event = play.event("e");
    let mut others: Vec<Player> = (0..2).map(|_| play.player()).collect();
    for other in &mut others {
        other.ask("event e");
    }
    for _ in 0..50 {
        for other in &mut others {
            other.lay("wait e");
        }
        event.set().unwrap();
        event.set().unwrap();
        for other in &others {
            assert_eq!(other.hear(), "signaled 0");
        }
        assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    }
}

#[test]
fn a_set_that_is_taken_back_has_released_who_waited() {
    let play = Playground::new();
    let (auto, manual) = (play.event("auto"), play.manual_event("manual"));
    let mut other = play.player();
    other.ask("event auto");
    other.ask("manual manual");
    for _ in 0..20 {
        for (name, event) in [("auto", &auto), ("manual", &manual)] {
            other.lay(&format!("wait {name}"));
            event.set().unwrap();
            event.reset().unwrap();
            assert_eq!(other.hear(), "signaled 0");
            assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
            other.lay(&format!("wait {name}"));
            event.pulse().unwrap();
            assert_eq!(other.hear(), "signaled 0");
            assert_eq!(event.wait(Wait::Never).unwrap(), Outcome::TimedOut);
        }
    }
}

#[test]
fn a_killed_sleeper_takes_nothing_along() {
    let play = Playground::new();
    let event = play.event("e");
    for _ in 0..20 {
        let mut others: Vec<Player> = (0..2).map(|_| play.player()).collect();
        for other in &mut others {
            other.ask("event e");
            other.lay("wait e");
        }
        others[0].kill();
        event.set().unwrap();
        assert_eq!(others[1].hear(), "signaled 0");
    }
}

#[test]
fn a_semaphore_admits_as_many_as_it_counts() {
    let play = Playground::new();
    let semaphore = play.semaphore("s", 0, 2);
    let mut others: Vec<Player> = (0..2).map(|_| play.player()).collect();
    for other in &mut others {
        other.ask("semaphore s 9 9");
    }
    for _ in 0..20 {
        for other in &mut others {
            other.lay("wait s");
        }
        semaphore.release(1).unwrap();
        semaphore.release(1).unwrap();
        for other in &others {
            assert_eq!(other.hear(), "signaled 0");
        }
    }
}

#[test]
fn a_chosen_child_inherits_a_handle() {
    let play = Playground::new();
    for event in [play.event("e"), EventOptions::new().unnamed().unwrap()] {
        let mut told = String::new();
        let shared = event.share(EVENT_ALL_ACCESS).unwrap();
        let mut other = Player::start(play.path(), |command| told = shared.inherit(command).unwrap());
        assert_eq!(other.ask(&format!("inherit event e {told}")), "done");
        other.lay("wait e");
        event.set().unwrap();
        assert_eq!(other.hear(), "signaled 0");
    }
}

#[test]
fn the_name_of_a_killed_process_is_free_at_once() {
    let play = Playground::new();
    for _ in 0..20 {
        let mut other = play.player();
        assert_eq!(other.ask("semaphore x 0 1"), "done");
        let clash = EventOptions::new().place(&play.place()).create("x").unwrap_err();
        assert_eq!(clash.win32(), ennead_status::Win32Error::INVALID_HANDLE);
        other.kill();
        assert!(!play.event("x").existed());
    }
    assert_eq!(play.files(), 0);
}

/// Sleepers on many objects, which sleep by a bell, beside sleepers on few, which sleep on the words; some are killed.
#[test]
fn waits_for_any_of_many() {
    let play = Playground::new();
    let names: Vec<String> = (0..64).map(|n| format!("e{n}")).collect();
    let events: Vec<_> = names.iter().map(|name| play.event(name)).collect();
    for round in 0..10 {
        let mut others: Vec<Player> = (0..2).map(|_| play.player()).collect();
        for other in &mut others {
            for name in &names {
                other.ask(&format!("event {name}"));
            }
            other.lay(&format!("wait {}", names.join(" ")));
        }
        let mut few = play.player();
        few.ask("event e63");
        few.lay("wait e63");
        let mut killed = others.pop().unwrap();
        killed.kill();
        let at = (round * 7) % 63;
        events[at].set().unwrap();
        assert_eq!(others[0].hear(), format!("signaled {at}"));
        assert_eq!(events[at].wait(Wait::Never).unwrap(), Outcome::TimedOut);
        events[63].set().unwrap();
        assert_eq!(few.hear(), "signaled 0");
        // The bell is known by now.
        for at in [5, 62, 5, 0] {
            others[0].lay(&format!("wait {}", names.join(" ")));
            events[at].set().unwrap();
            assert_eq!(others[0].hear(), format!("signaled {at}"));
        }
    }
}
