//! Deaths at every step, one by one; `tests/robust.rs` kills at random.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::mpsc;
use std::time::Duration;

use super::word::{Owner, State};
use super::*;
use crate::{futex, memfd};

/// A page of memory that processes share.
fn memory() -> OwnedFd {
    memfd::create_sealed("robust-test", page_size()).unwrap()
}

fn word_of(file: &OwnedFd) -> RobustWord {
    RobustWord::map(file, 0, page_size()).unwrap()
}

/// A deadline that only a hang reaches.
fn watchdog() -> Option<Instant> {
    Some(Instant::now() + Duration::from_secs(60))
}

/// Runs `act` in a forked child, which then dies without another word; waits for that.
fn in_child(act: impl FnOnce()) {
    // SAFETY: the child does what the test says, allocating at most, which glibc's and musl's fork allow, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act));
        // SAFETY: leaves without running anything.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    assert!(pid > 0);
    let mut status = 0;
    // SAFETY: waits for the child made just now.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the child's checks");
}

/// Runs `act` on a thread of its own, to its end.
fn on_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(act).join().unwrap())
}

/// Waits until somebody sleeps on the word.
fn until_asleep(word: &RobustWord) {
    while !word.0.state().has_waiters() {
        std::thread::yield_now();
    }
}

#[test]
fn who_owns_it_owns_it_again_through_any_handle() {
    let file = memory();
    let (one, two) = (word_of(&file), word_of(&file));
    assert_eq!(one.try_lock().unwrap(), Attempt::Acquired);
    assert_eq!(two.lock(None, None).unwrap(), Attempt::Recursed);
    assert_eq!((one.recursion(), two.recursion()), (2, 2));
    assert_eq!(on_thread(|| one.try_lock().unwrap()), Attempt::Busy);
    assert_eq!(on_thread(|| one.unlock()), Err(UnlockError::NotOwner));
    one.unlock().unwrap();
    assert!(two.owned_by_me());
    two.unlock().unwrap();
    assert_eq!(one.unlock(), Err(UnlockError::NotOwner));
    assert_eq!(on_thread(|| (two.try_lock().unwrap(), two.unlock())), (Attempt::Acquired, Ok(())));
}

#[test]
fn it_is_owned_beyond_its_last_handle() {
    let file = memory();
    assert_eq!(word_of(&file).try_lock().unwrap(), Attempt::Acquired);
    let word = word_of(&file);
    assert!(word.owned_by_me());
    word.unlock().unwrap();
    on_thread(|| assert_eq!(word_of(&file).try_lock().unwrap(), Attempt::Acquired));
    assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned, "the thread has ended");
    word.unlock().unwrap();
}

#[test]
fn a_wait_ends_at_the_deadline_the_alert_or_the_release() {
    let file = memory();
    let word = word_of(&file);
    assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
    let soon = || Some(Instant::now() + Duration::from_millis(2));
    assert_eq!(on_thread(|| word.lock(soon(), None).unwrap()), Attempt::TimedOut);
    let alert = AtomicU32::new(0);
    assert_eq!(on_thread(|| word.lock(soon(), Some((&alert, 0))).unwrap()), Attempt::TimedOut);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| word.lock(watchdog(), Some((&alert, 0))).unwrap());
        until_asleep(&word);
        alert.store(1, SeqCst);
        futex::wake(&alert, 1, futex::Scope::Shared);
        assert_eq!(waiter.join().unwrap(), Attempt::Alerted);
        let waiters: Vec<_> =
            (0..8).map(|_| scope.spawn(|| (word.lock(watchdog(), None).unwrap(), word.unlock()))).collect();
        until_asleep(&word);
        word.unlock().unwrap();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), (Attempt::Acquired, Ok(())));
        }
    });
    assert_eq!(word.0.state().futex, 0, "the last release tidies up");
}

#[test]
fn a_death_at_any_step_is_told_exactly_once() {
    type Step = (&'static str, fn(&Page));
    let steps: [Step; 5] = [
        ("owned, not linked", |page| {
            me::with(|me| {
                me.list().begin(page.node(me).unwrap());
                page.take(Owner::Thread(me.tid())).map(drop)
            })
            .unwrap();
        }),
        ("linked, still pending", |page| {
            page.acquire(None).unwrap();
            me::with(|me| {
                me.list().begin(page.node(me).unwrap());
                Ok(())
            })
            .unwrap();
        }),
        ("held", |page| assert_eq!(page.acquire(None).unwrap(), Attempt::Acquired)),
        ("held twice", |page| {
            page.acquire(None).unwrap();
            page.acquire(None).unwrap();
            page.unlock().unwrap();
        }),
        ("unlinked, not yet released", |page| {
            page.acquire(None).unwrap();
            me::with(|me| {
                let node = page.node(me).unwrap();
                me.list().begin(node);
                // SAFETY: linked by `acquire`.
                unsafe { me.list().remove(node) };
                Ok(())
            })
            .unwrap();
        }),
    ];
    for (step, act) in steps {
        let file = memory();
        let word = word_of(&file);
        in_child(|| act(&word.0));
        assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned, "{step}");
        word.unlock().unwrap();
        assert_eq!(word.try_lock().unwrap(), Attempt::Acquired, "{step}: once");
        word.unlock().unwrap();
    }
}

/// Takes the word in a child, which does `last` once somebody sleeps, and dies; a thread of the parent waits for the word meanwhile.
fn wait_for_a_dying_child(last: impl FnOnce(&Page)) -> Attempt {
    let file = memory();
    let word = word_of(&file);
    let owned = || word.mapping().atomic_u32(0);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            while owned().load(SeqCst) == 0 {
                std::thread::yield_now();
            }
            let attempt = word.lock(watchdog(), None).unwrap();
            word.unlock().unwrap();
            attempt
        });
        in_child(|| {
            assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
            owned().store(1, SeqCst);
            until_asleep(&word);
            last(&word.0);
        });
        waiter.join().unwrap()
    })
}

#[test]
fn a_death_between_release_and_wake_wakes_a_sleeper() {
    let released = |page: &Page| {
        me::with(|me| {
            let node = page.node(me).unwrap();
            me.list().begin(node);
            // SAFETY: linked by `try_lock`.
            unsafe { me.list().remove(node) };
            let seen = page.state();
            assert!(page.change(seen, seen.freed(false)));
            Ok(())
        })
        .unwrap();
    };
    assert_eq!(wait_for_a_dying_child(released), Attempt::Acquired);
}

#[test]
fn a_sleeper_hears_of_the_owners_death() {
    assert_eq!(wait_for_a_dying_child(|_| ()), Attempt::Abandoned);
}

#[test]
fn a_threads_end_is_told_to_all_who_sleep() {
    let file = memory();
    let word = word_of(&file);
    let (locked, is_locked) = mpsc::channel();
    let (end, until) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let word = &word;
        scope.spawn(move || {
            assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
            locked.send(()).unwrap();
            let _ = until.recv();
        });
        is_locked.recv().unwrap();
        let watch = word.owner_watch().unwrap();
        let (generation, value) = word.prepare_sleep(&watch).unwrap();
        drop(end);
        while generation.load(SeqCst) == value {
            assert_ne!(
                futex::wait(generation, value, futex::Scope::Shared, watchdog()).unwrap(),
                futex::Woken::TimedOut
            );
        }
    });
    assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned);
    word.unlock().unwrap();
}

#[test]
fn executing_another_program_abandons() {
    let file = memory();
    let word = word_of(&file);
    in_child(|| {
        assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
        let arguments = [c"true".as_ptr(), std::ptr::null()];
        // SAFETY: a program and its null-terminated arguments.
        unsafe { libc::execv(c"/bin/true".as_ptr(), arguments.as_ptr()) };
        panic!("/bin/true");
    });
    assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned);
    word.unlock().unwrap();
}

#[test]
fn a_forked_child_owns_nothing() {
    let file = memory();
    let word = word_of(&file);
    assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
    in_child(|| {
        assert!(!word.owned_by_me());
        assert_eq!(word.unlock(), Err(UnlockError::NotOwner));
        assert_eq!(word.try_lock().unwrap(), Attempt::Busy);
        let own = memory();
        assert_eq!(word_of(&own).try_lock().unwrap(), Attempt::Acquired);
    });
    assert_eq!(on_thread(|| word.try_lock().unwrap()), Attempt::Busy, "the child's end changes nothing");
    word.unlock().unwrap();
    in_child(|| {
        assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
        word.unlock().unwrap();
        assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
    });
    assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned);
    word.unlock().unwrap();
}

#[test]
fn more_than_the_kernel_goes_through_are_all_abandoned() {
    const MANY: u64 = 2_100;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    rustix::process::setrlimit(
        rustix::process::Resource::Nofile,
        rustix::process::Rlimit { current: limit.maximum, ..limit },
    )
    .unwrap();
    let page = page_size();
    let file = memfd::create_sealed("robust-test", page * MANY as usize).unwrap();
    let words: Vec<_> = (0..MANY).map(|n| RobustWord::map(&file, n * page as u64, page).unwrap()).collect();
    in_child(|| {
        for word in &words {
            assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
        }
        // In an order that is neither the list's nor its reverse.
        for word in words.iter().step_by(7) {
            word.unlock().unwrap();
        }
    });
    for (n, word) in words.iter().enumerate() {
        let expected = if n.is_multiple_of(7) { Attempt::Acquired } else { Attempt::Abandoned };
        assert_eq!(word.try_lock().unwrap(), expected, "the word number {n}");
        word.unlock().unwrap();
    }
}

#[test]
fn pledges_keep_what_was_and_wake_who_slept() {
    let file = memory();
    let word = word_of(&file);
    word.pledge(5).unwrap();
    assert_eq!(word.try_lock().unwrap(), Attempt::Pledged(5));
    assert_eq!(word.lock(None, None).unwrap(), Attempt::Pledged(5));
    assert_eq!(word.seen(), Seen::Pledged(5));
    assert_eq!(word.pledge(6), Err(Seen::Pledged(5)));
    assert!(!word.unpledge(6) && word.redeem(6).unwrap().is_none());
    assert_eq!(word.redeem(5).unwrap(), Some(Attempt::Acquired));
    assert!(word.owned_by_me());
    word.unlock().unwrap();
    word.pledge(MOST_TAG).unwrap();
    assert!(word.forfeit(MOST_TAG));
    word.pledge(7).unwrap();
    assert!(word.unpledge(7));
    assert_eq!(word.seen(), Seen::Free { abandoned: true });
    word.pledge(8).unwrap();
    assert_eq!(word.redeem(8).unwrap(), Some(Attempt::Abandoned));
    word.unlock().unwrap();
    in_child(|| {
        word.pledge(9).unwrap();
        word.redeem(9).unwrap();
    });
    assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned);
    word.unlock().unwrap();
}

/// Makes this process believe that the word is used from several pid namespaces.
fn with_slow_owners(word: &RobustWord) {
    word.mapping().atomic_u64(page_size() - 16).store(page::SEVERAL, SeqCst);
}

#[test]
fn slow_owners_keep_the_same_promises() {
    let file = memory();
    let word = word_of(&file);
    with_slow_owners(&word);
    assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
    assert_eq!(word.try_lock().unwrap(), Attempt::Recursed);
    assert!(matches!(word.0.state().owner(), Owner::Slow(_)));
    assert_eq!(on_thread(|| word.try_lock().unwrap()), Attempt::Busy);
    let soon = Some(Instant::now() + Duration::from_millis(2));
    assert_eq!(on_thread(|| word.lock(soon, None).unwrap()), Attempt::TimedOut);
    in_child(|| assert_eq!(word.try_lock().unwrap(), Attempt::Busy));
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| (word.lock(watchdog(), None).unwrap(), word.unlock()));
        until_asleep(&word);
        word.unlock().unwrap();
        word.unlock().unwrap();
        assert_eq!(waiter.join().unwrap(), (Attempt::Acquired, Ok(())));
    });
    for round in 0..20 {
        in_child(|| assert_eq!(word.try_lock().unwrap(), Attempt::Acquired));
        assert_eq!(word.seen(), Seen::Free { abandoned: true });
        assert_eq!(word.lock(watchdog(), None).unwrap(), Attempt::Abandoned, "round {round}");
        word.unlock().unwrap();
        on_thread(|| assert_eq!(word.try_lock().unwrap(), Attempt::Acquired));
        assert_eq!(word.try_lock().unwrap(), Attempt::Abandoned, "round {round}");
        word.unlock().unwrap();
    }
    word.pledge(1).unwrap();
    assert_eq!(word.redeem(1).unwrap(), Some(Attempt::Acquired));
    word.unlock().unwrap();
}

#[test]
fn a_word_of_nobody_living_is_healed() {
    let file = memory();
    let word = word_of(&file);
    let mut gone = 0;
    // SAFETY: the child leaves at once.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::_exit(0);
        }
        libc::waitpid(pid, &raw mut gone, 0);
        gone = pid;
    }
    let scribbled = State::from_bits(0).owned(Owner::Thread(gone.unsigned_abs()));
    word.mapping().atomic_u64(page_size() - 8).store(scribbled.bits(), SeqCst);
    assert_eq!(word.lock(watchdog(), None).unwrap(), Attempt::Abandoned);
    word.unlock().unwrap();
    word.mapping().atomic_u64(page_size() - 8).store(scribbled.bits(), SeqCst);
    assert!(word.owner_watch().unwrap().descriptor().is_none());
    assert_eq!(word.seen(), Seen::Free { abandoned: true });
}

#[test]
fn scribbling_spoils_the_object_and_nobody() {
    let file = memory();
    let word = word_of(&file);
    let others = memory();
    let other = word_of(&others);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seed = 0x9e37_79b9_7f4a_7c15u64;
            let tid = || rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
            while !done.load(Relaxed) {
                seed ^= seed << 13;
                seed ^= seed >> 7;
                seed ^= seed << 17;
                let value = match seed % 4 {
                    0 => 0,
                    1 => u64::from(tid().wrapping_sub(seed as u32 >> 24 & 7)),
                    2 => seed & 0xC000_0003_F000_000F,
                    _ => seed,
                };
                let at = if seed.is_multiple_of(64) { 16 } else { 8 };
                word.mapping().atomic_u64(page_size() - at).store(value, SeqCst);
                std::thread::yield_now();
            }
        });
        let victims: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut owned = 0;
                    for _ in 0..3_000 {
                        assert!(matches!(
                            other.lock(watchdog(), None).unwrap(),
                            Attempt::Acquired | Attempt::Abandoned
                        ));
                        let soon = Some(Instant::now() + Duration::from_micros(50));
                        if matches!(
                            word.lock(soon, None),
                            Ok(Attempt::Acquired | Attempt::Abandoned | Attempt::Recursed)
                        ) {
                            owned += 1;
                            let _ = word.unlock();
                        }
                        other.unlock().unwrap();
                    }
                    owned
                })
            })
            .collect();
        let owned: Vec<i32> = victims.into_iter().map(|victim| victim.join().unwrap()).collect();
        done.store(true, SeqCst);
        assert!(owned.iter().any(|owned| *owned > 0), "it never came to anything: {owned:?}");
    });
    assert!(!word.owned_by_me() && !other.owned_by_me());
}

#[test]
fn it_goes_with_the_c_librarys_own_robust_mutexes() {
    let (files, shared) = ([memory(), memory(), memory()], memory());
    let words = files.each_ref().map(word_of);
    let shared = Mapping::new(&shared, page_size()).unwrap();
    let theirs: Vec<*mut libc::pthread_mutex_t> =
        (0..3).map(|n| shared.atomic_u64(n * 128).as_ptr().cast()).collect();
    // SAFETY: zeroed, aligned, shared memory that outlives the mutexes, which are made robust and shared before they are used.
    unsafe {
        let mut attributes = std::mem::zeroed();
        libc::pthread_mutexattr_init(&raw mut attributes);
        libc::pthread_mutexattr_setrobust(&raw mut attributes, libc::PTHREAD_MUTEX_ROBUST);
        libc::pthread_mutexattr_setpshared(&raw mut attributes, libc::PTHREAD_PROCESS_SHARED);
        for mutex in &theirs {
            assert_eq!(libc::pthread_mutex_init(*mutex, &raw const attributes), 0);
        }
    }
    // SAFETY: initialised above.
    let lock = |n: usize| unsafe { libc::pthread_mutex_lock(theirs[n]) };
    // SAFETY: as above; only what was locked is unlocked.
    let unlock = |n: usize| unsafe { libc::pthread_mutex_unlock(theirs[n]) };
    // Every order of releasing six that were taken in turn.
    for order in 0..720u32 {
        let mut left: Vec<usize> = (0..6).collect();
        for (n, word) in words.iter().enumerate() {
            assert_eq!(lock(n), 0);
            assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
        }
        let mut code = order;
        for size in (1..=6).rev() {
            let which = left.remove((code % size) as usize);
            code /= size;
            if which < 3 {
                assert_eq!(unlock(which), 0);
            } else {
                words[which - 3].unlock().unwrap();
            }
        }
    }
    in_child(|| {
        for (n, word) in words.iter().enumerate() {
            assert_eq!(lock(n), 0);
            assert_eq!(word.try_lock().unwrap(), Attempt::Acquired);
        }
        words[1].unlock().unwrap();
        assert_eq!(unlock(2), 0);
    });
    assert_eq!([lock(0), lock(1), lock(2)], [libc::EOWNERDEAD, libc::EOWNERDEAD, 0]);
    for n in [0, 1, 2] {
        let expected = if n == 1 { Attempt::Acquired } else { Attempt::Abandoned };
        assert_eq!(words[n].try_lock().unwrap(), expected, "word {n}");
        words[n].unlock().unwrap();
        // SAFETY: locked above, with an owner that died for two of them.
        unsafe { libc::pthread_mutex_consistent(theirs[n]) };
        assert_eq!(unlock(n), 0);
    }
}
