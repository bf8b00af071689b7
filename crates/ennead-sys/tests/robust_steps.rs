//! An owner is killed after each machine instruction of taking and of giving back, with and without a sleeper.

#![allow(unsafe_code, reason = "traces a forked child step by step")]

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use ennead_sys::memfd;
use ennead_sys::robust::{Attempt, RobustWord, page_size};

/// Every so many instructions one is chosen. An unoptimised build has some thousands of them, each step costs microseconds, and the sum grows with the square:
/// there each run begins somewhere else.
const STRIDE: usize = if cfg!(debug_assertions) { 67 } else { 1 };

const WAITERS: u32 = 1 << 31;
const OWNER: u32 = (1 << 30) - 1;

/// A child that stands still where the test begins.
struct Traced(libc::pid_t);

impl Traced {
    /// Forks; the child does `first`, stops, and goes on with `then` as it is told.
    fn new(first: impl FnOnce(), then: impl FnOnce()) -> Self {
        // SAFETY: the child does what the test says and leaves by `_exit`.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                first();
                libc::raise(libc::SIGSTOP);
                then();
                libc::_exit(0);
            }
            assert!(pid > 0);
            let traced = Self(pid);
            assert!(traced.stands(), "the child must stop");
            traced
        }
    }

    /// Waits until it has stopped; false if it has ended.
    fn stands(&self) -> bool {
        let mut status = 0;
        // SAFETY: waits for the child.
        assert_eq!(unsafe { libc::waitpid(self.0, &raw mut status, 0) }, self.0);
        libc::WIFSTOPPED(status)
    }

    /// One instruction; false if it was the last.
    fn step(&self) -> bool {
        // SAFETY: the child stands still.
        let outcome = unsafe { libc::ptrace(libc::PTRACE_SINGLESTEP, self.0, 0, 0) };
        assert_eq!(outcome, 0, "this machine must allow to trace");
        self.stands()
    }

    fn kill(self) {
        // SAFETY: the child has not been waited for since it last stopped.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        while self.stands() {}
    }
}

fn memory() -> OwnedFd {
    memfd::create_sealed("robust-steps", page_size()).unwrap()
}

fn futex(word: &RobustWord) -> u32 {
    word.mapping().atomic_u32(page_size() - 8).load(SeqCst)
}

fn watchdog() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(60))
}

/// Kills a child after each number of steps, until one comes to its end; how many there were.
fn at_each_step(mut begin: impl FnMut() -> Traced, mut check: impl FnMut(usize, bool)) -> usize {
    let begin_at = 1 + ennead_sys::process::random_u64().unwrap() as usize % STRIDE;
    for steps in (begin_at..).step_by(STRIDE) {
        let child = begin();
        let mut ended = false;
        for _ in 0..steps {
            if !child.step() {
                ended = true;
                break;
            }
        }
        if !ended {
            child.kill();
        }
        check(steps, ended);
        if ended {
            return steps;
        }
    }
    unreachable!("it comes to an end")
}

#[test]
fn killed_at_any_instruction_alone() {
    let file = memory();
    let word = RobustWord::map(&file, 0, page_size()).unwrap();
    // Everything is made ready before: the first use of a thread is longer.
    let begin = || {
        Traced::new(
            || {
                word.try_lock().unwrap();
                word.unlock().unwrap();
            },
            || {
                word.lock(None, None).unwrap();
                word.unlock().unwrap();
            },
        )
    };
    let mut told = 0;
    let steps = at_each_step(begin, |steps, ended| {
        // What the kernel has made of it is all that there is to go by.
        let attempt = word.lock(watchdog(), None).unwrap();
        assert!(matches!(attempt, Attempt::Acquired | Attempt::Abandoned), "step {steps}: {attempt:?}");
        assert!(!ended || attempt == Attempt::Acquired);
        told += usize::from(attempt == Attempt::Abandoned);
        word.unlock().unwrap();
        assert_eq!(word.try_lock().unwrap(), Attempt::Acquired, "step {steps}: told twice");
        word.unlock().unwrap();
        assert_eq!(futex(&word), 0);
    });
    println!("killed at {} of {steps} instructions, {told} of them as the owner", steps / STRIDE);
    assert!(told > 0);
}

#[test]
fn killed_at_any_instruction_of_giving_back_to_a_sleeper() {
    let file = memory();
    let word = RobustWord::map(&file, 0, page_size()).unwrap();
    std::thread::scope(|scope| {
        let (done, attempts) = std::sync::mpsc::channel();
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let sleeper = &word;
        scope.spawn(move || {
            while may_go.recv().is_ok() {
                let attempt = sleeper.lock(watchdog(), None).unwrap();
                let _ = sleeper.unlock();
                done.send(attempt).unwrap();
            }
        });
        let begin = || {
            let child = Traced::new(
                || {
                    assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
                },
                || word.unlock().unwrap(),
            );
            go.send(()).unwrap();
            while futex(&word) & WAITERS == 0 {
                std::thread::yield_now();
            }
            child
        };
        let mut told = 0;
        let steps = at_each_step(begin, |steps, ended| {
            let attempt = attempts.recv().unwrap();
            assert!(matches!(attempt, Attempt::Acquired | Attempt::Abandoned), "step {steps}: {attempt:?}");
            assert!(!ended || attempt == Attempt::Acquired);
            told += usize::from(attempt == Attempt::Abandoned);
            assert_eq!(futex(&word) & OWNER, 0);
        });
        println!("killed at {} of {steps} instructions, {told} of them as the owner", steps / STRIDE);
        assert!(told > 0 && told < steps);
        drop(go);
    });
}
