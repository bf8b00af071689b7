//! Processes that fight for one word while they are killed, or stopped and killed, at random instants. `ENNEAD_SEED` repeats a run.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use ennead_sys::futex::{self, Scope};
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::robust::{Attempt, RobustWord, page_size};
use ennead_sys::{eventfd, memfd};

const ROLE: &str = "ENNEAD_TEST_ROBUST_ROLE";
const FIGHTERS: usize = 3;

/// In the page: who holds the word says so here, for as long as it does.
const HELD: usize = 0;
/// Two counters that are equal unless somebody holds the word, or died holding it.
const FIRST: usize = 8;
const SECOND: usize = 16;
/// How often somebody was told that the owner had died.
const TOLD: usize = 24;
/// Not 0: somebody who was told of no death found that one had happened, or somebody else at work.
const BROKEN: usize = 32;

#[test]
fn a_thousand_kills_neither_hang_nor_go_untold() {
    match std::env::var(ROLE) {
        Ok(role) => fight(role == "several"),
        Err(_) => referee(false, 1_000),
    }
}

#[test]
fn kills_of_slow_owners_too() {
    referee(true, 300);
}

fn referee(slow: bool, rounds: u32) {
    let mut dice = Dice(seed());
    let memory = memfd::create_sealed("robust-kill", page_size()).unwrap();
    let word = RobustWord::map(&memory, 0, page_size()).unwrap();
    if slow {
        word.mapping().atomic_u64(page_size() - 16).store(u64::MAX, SeqCst);
    }
    let mut fighters: Vec<Child> = (0..FIGHTERS).map(|n| fighter(&memory, n)).collect();
    let mut chosen = 0;
    for round in 0..rounds {
        // Not the one that begins just now.
        chosen = (chosen + 1 + dice.roll(FIGHTERS as u64 - 1) as usize) % FIGHTERS;
        let victim = &mut fighters[chosen];
        let stopped = dice.roll(4) == 0;
        if stopped {
            stop(victim);
        }
        spin(Duration::from_nanos(dice.roll(300_000)));
        victim.kill().unwrap();
        if dice.roll(2) == 0 {
            victim.wait().unwrap();
        }
        take(&word, dice.roll(2) == 0, round);
        fighters[chosen].wait().unwrap();
        fighters[chosen] = fighter(&memory, chosen);
        assert_eq!(
            word.mapping().atomic_u32(BROKEN).load(SeqCst),
            0,
            "round {round}: a death untold, or two owners"
        );
        let told = word.mapping().atomic_u64(TOLD).load(SeqCst);
        assert!(told <= u64::from(round) + 1, "round {round}: {told} deaths told");
    }
    for mut fighter in fighters {
        fighter.kill().unwrap();
        fighter.wait().unwrap();
    }
    take(&word, false, rounds);
    let told = word.mapping().atomic_u64(TOLD).load(SeqCst);
    println!("{told} of {rounds} victims owned it");
    assert!(told > 0, "no kill ever hit an owner: this tests nothing");
}

/// One more owner, in this process, with a bound only for a hang.
fn take(word: &RobustWord, several: bool, round: u32) {
    let attempt = if several { lock_as_one_of_several(word) } else { word.lock(watchdog(), None).unwrap() };
    assert_ne!(attempt, Attempt::TimedOut, "round {round}: nobody was told, or woken");
    work(word, attempt);
    word.unlock().unwrap();
}

fn fighter(memory: &OwnedFd, number: usize) -> Child {
    let role = if number == 0 { "several" } else { "single" };
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_thousand_kills_neither_hang_nor_go_untold"])
        .env(ROLE, role)
        .stdin(Stdio::from(memory.try_clone().unwrap()))
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn fight(several: bool) {
    let word = RobustWord::map(io::stdin().as_fd(), 0, page_size()).unwrap();
    loop {
        let attempt = if several { lock_as_one_of_several(&word) } else { word.lock(None, None).unwrap() };
        work(&word, attempt);
        word.unlock().unwrap();
    }
}

fn work(word: &RobustWord, attempt: Attempt) {
    let shared = word.mapping();
    let (held, first, second) =
        (shared.atomic_u32(HELD), shared.atomic_u64(FIRST), shared.atomic_u64(SECOND));
    match attempt {
        Attempt::Acquired => {
            if held.load(SeqCst) != 0 || first.load(SeqCst) != second.load(SeqCst) {
                shared.atomic_u32(BROKEN).store(1, SeqCst);
            }
        }
        Attempt::Abandoned => {
            shared.atomic_u64(TOLD).fetch_add(1, SeqCst);
            second.store(first.load(SeqCst), SeqCst);
        }
        other => panic!("{other:?}"),
    }
    held.store(1, SeqCst);
    first.store(first.load(SeqCst) + 1, SeqCst);
    second.store(second.load(SeqCst) + 1, SeqCst);
    held.store(0, SeqCst);
}

/// As a wait for several objects does it: asleep on the generation, with an eye on the owner.
fn lock_as_one_of_several(word: &RobustWord) -> Attempt {
    let ended = eventfd::EventFd::new().unwrap();
    loop {
        match word.try_lock().unwrap() {
            Attempt::Busy => {}
            attempt => return attempt,
        }
        let watch = word.owner_watch().unwrap();
        let Ok((generation, value)) = word.prepare_sleep(&watch) else { continue };
        let died = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let (end, died) = (ended.as_fd(), &died);
            if let Some(owner) = watch.descriptor() {
                scope.spawn(move || {
                    let mut watches = [&owner, &end].map(|fd| Watch::new(fd, Interest::Readable));
                    assert!(poll::wait(&mut watches, watchdog()).unwrap());
                    died.store(1, SeqCst);
                    futex::wake(died, 1, Scope::Shared);
                });
            }
            let woken =
                futex::wait_any(&[(generation, value), (died, 0)], Scope::Shared, watchdog()).unwrap();
            assert_ne!(woken, futex::Woken::TimedOut, "nobody was told, or woken");
            ended.set();
        });
        let _ = ended.clear();
    }
}

fn watchdog() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(60))
}

fn stop(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
}

fn spin(span: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        std::hint::spin_loop();
    }
}

/// Small, fast, good enough to pick test steps: xorshift64*.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// The seed of a randomised test: `ENNEAD_SEED`, or a new one. Printed, so that a failure can be run again.
fn seed() -> u64 {
    let seed = match std::env::var("ENNEAD_SEED") {
        Ok(text) => text.parse().expect("ENNEAD_SEED is a decimal number"),
        Err(_) => ennead_sys::process::random_u64().unwrap(),
    };
    println!("ENNEAD_SEED={seed}");
    seed | 1
}
