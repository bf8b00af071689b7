//! Guarded values, rings and presences, in one process and several, some of them killed.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ennead_mapping::{
    FileMapping, Guarded, MappingOptions, Place, Presence, Ring, View, ViewAccess, plain_struct, rights,
};
use ennead_status::Win32Error;
use support::{Role, Root, listen, role, say};

plain_struct! {
    /// A part's row: what is there and what was taken out add up.
    #[derive(Debug, PartialEq, Eq)]
    struct Stock {
        there: i64,
        taken: i64,
        changes: u64,
        filler: [u8; 1000],
    }
}

const EMPTY: Stock = Stock { there: 0, taken: 0, changes: 0, filler: [0; 1000] };
const RING: usize = 0x1_0000;
const PRESENCE: usize = 0x2_0000;

fn view(root: &Root) -> Arc<View> {
    Arc::new(root.memory(0x3_0000).create("parts").unwrap().view(ViewAccess::Write).unwrap())
}

fn code<T: std::fmt::Debug>(result: ennead_mapping::Result<T>) -> Win32Error {
    result.unwrap_err().win32()
}

#[test]
fn child() {
    let Some((role, path)) = role() else { return };
    let place = Place::at(path).unwrap();
    let mapping = FileMapping::open_in(Some(&place), "parts", rights::ALL_ACCESS).unwrap();
    let view = Arc::new(mapping.view(ViewAccess::Write).unwrap());
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let ring = Ring::new(&view, RING, 8, 100).unwrap();
    match role.as_str() {
        "hold" => {
            let mut guard = stock.lock(None).unwrap();
            guard.there = -1;
            say("held");
            listen();
        }
        "change" => {
            say("ready");
            let count: u64 = listen().parse().unwrap();
            for _ in 0..count {
                change(&stock);
            }
            say("done");
        }
        "change for ever" => {
            say("ready");
            loop {
                change(&stock);
            }
        }
        "push for ever" => {
            say("ready");
            for number in 0u64.. {
                let id = u64::from(std::process::id());
                ring.push_value(&[id, number, id ^ number], None).unwrap();
            }
        }
        "pop for ever" => {
            say("ready");
            loop {
                ring.pop_value::<[u64; 3]>(None).unwrap();
            }
        }
        "be there" => {
            let presence = Presence::new(&view, PRESENCE).unwrap();
            let _present = presence.enter().unwrap();
            ring.push(b"hello", None).unwrap();
            say("there");
            listen();
        }
        _ => panic!("no such role"),
    }
}

/// One change in three steps, of which nobody ever sees one alone.
fn change(stock: &Guarded<Stock>) {
    let mut guard = stock.lock(None).or_else(|_| stock.recover(None)).unwrap();
    guard.there -= 3;
    guard.changes += 1;
    guard.taken += 3;
    let filler = guard.changes as u8;
    guard.filler = [filler; 1000];
}

fn check(stock: &Stock) {
    assert_eq!((stock.there + stock.taken, stock.taken), (0, 3 * stock.changes as i64));
    assert!(stock.filler.iter().all(|&byte| byte == stock.changes as u8));
}

#[test]
fn a_guard_is_a_copy_until_it_is_dropped() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let version = stock.version().unwrap();
    {
        let mut guard = stock.lock(None).unwrap();
        guard.there = 5;
        assert_eq!(stock.snapshot().unwrap(), EMPTY, "not yet");
        guard.commit().unwrap();
        assert_eq!(stock.snapshot().unwrap().there, 5);
        guard.there = 6;
    }
    assert_eq!(stock.snapshot().unwrap().there, 6);
    stock.lock(None).unwrap().discard();
    let mut guard = stock.lock(None).unwrap();
    guard.there = 7;
    guard.discard();
    assert_eq!(stock.snapshot().unwrap().there, 6);
    drop(stock.lock(None).unwrap());
    assert_eq!(stock.version().unwrap(), version + 2, "only changes count");
    // A thread that panics leaves everything as it was, and the mutex free.
    let panicked = std::thread::scope(|scope| {
        let run = || {
            let mut guard = stock.lock(None).unwrap();
            guard.there = 8;
            panic!("in the middle");
        };
        scope.spawn(run).join().is_err()
    });
    assert!(panicked);
    assert_eq!(stock.lock(None).unwrap().there, 6);
}

#[test]
fn a_second_lock_waits_and_one_of_the_same_thread_is_refused() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let guard = stock.lock(None).unwrap();
    assert_eq!(code(stock.lock(None)), Win32Error::POSSIBLE_DEADLOCK);
    assert_eq!(code(stock.try_lock()), Win32Error::POSSIBLE_DEADLOCK);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert!(stock.try_lock().unwrap().is_none());
            let soon = Instant::now() + Duration::from_millis(2);
            assert_eq!(code(stock.lock(Some(soon))), Win32Error::SEM_TIMEOUT);
        });
    });
    let finish = |guard: ennead_mapping::Guard<'_, Stock>| guard.finish().unwrap();
    finish(guard);
    // Through another handle of the same thread it is the same mutex.
    let again = Guarded::<Stock>::new(&view, 0).unwrap();
    let _guard = stock.lock(None).unwrap();
    assert_eq!(code(again.lock(None)), Win32Error::POSSIBLE_DEADLOCK);
}

#[test]
fn places_that_are_no_parts() {
    let root = Root::new();
    let view = view(&root);
    let guarded = |offset| code(Guarded::<Stock>::new(&view, offset));
    assert_eq!(Guarded::<Stock>::size(), 4096);
    for offset in [1, 64, 0x3_0000, 0x3_0000 - 2048, usize::MAX & !4095] {
        assert_eq!(guarded(offset), Win32Error::INVALID_PARAMETER, "{offset}");
    }
    Ring::new(&view, RING, 8, 100).unwrap();
    assert_eq!(guarded(RING), Win32Error::INVALID_DATA);
    assert_eq!(code(Ring::new(&view, RING, 8, 101)), Win32Error::INVALID_DATA);
    assert_eq!(code(Ring::new(&view, RING, 16, 100)), Win32Error::INVALID_DATA);
    for (slots, longest) in [(0, 1), (1, 0), (u32::MAX, 1), (1, usize::MAX), (1 << 30, 1 << 40)] {
        assert_eq!(code(Ring::new(&view, 0, slots, longest)), Win32Error::INVALID_PARAMETER);
    }
    let reader = root.open("parts", rights::READ).unwrap();
    let reading = Arc::new(reader.view(ViewAccess::Read).unwrap());
    assert_eq!(code(Guarded::<Stock>::new(&reading, 0)), Win32Error::NOACCESS);
    let copy = Arc::new(reader.view(ViewAccess::Copy).unwrap());
    assert_eq!(code(Guarded::<Stock>::new(&copy, 0)), Win32Error::INVALID_PARAMETER);
    let reserved = MappingOptions::memory(1 << 20).reserve().create_unnamed().unwrap();
    let reserved = Arc::new(reserved.view(ViewAccess::Write).unwrap());
    assert_eq!(code(Guarded::<Stock>::new(&reserved, 0)), Win32Error::INVALID_ADDRESS);
    reserved.commit(0..4096).unwrap();
    drop(Guarded::<Stock>::new(&reserved, 0).unwrap().lock(None).unwrap());
}

/// Poisoned until somebody says that it was seen to; the value is as before.
#[test]
fn a_killed_holder_poisons() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    change(&stock);
    let mut holder = Role::start("child", "hold", &root.path);
    holder.hear();
    assert!(stock.try_lock().unwrap().is_none());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| assert_eq!(code(stock.lock(None)), Win32Error::ABANDONED_WAIT_0));
        holder.kill();
        waiting.join().unwrap();
    });
    assert!(stock.is_poisoned().unwrap());
    assert_eq!(code(stock.try_lock()), Win32Error::ABANDONED_WAIT_0);
    assert!(stock.is_poisoned().unwrap(), "not seen to yet");
    check(&stock.snapshot().unwrap());
    check(&stock.recover(None).unwrap());
    assert!(!stock.is_poisoned().unwrap());
    check(&stock.lock(None).unwrap());
}

#[test]
fn changes_by_many_processes_add_up() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let mut others: Vec<Role> = (0..3).map(|_| Role::start("child", "change", &root.path)).collect();
    for other in &mut others {
        other.hear();
    }
    for other in &mut others {
        other.tell("3000");
    }
    let mut version = stock.version().unwrap();
    for _ in 0..1000 {
        change(&stock);
        check(&stock.snapshot().unwrap());
    }
    for other in &mut others {
        assert_eq!(other.hear(), "done");
    }
    let end = stock.snapshot().unwrap();
    check(&end);
    assert_eq!(end.changes, 10_000);
    assert!(stock.wait_for_change(version, None).unwrap());
    version = stock.version().unwrap();
    assert!(!stock.wait_for_change(version, Some(Instant::now())).unwrap());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stock.wait_for_change(version, None).unwrap());
        change(&stock);
        assert!(waiting.join().unwrap());
    });
}

#[test]
fn killed_changers_leave_it_whole() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let mut seen = 0;
    for _ in 0..30 {
        let mut pair: Vec<Role> =
            (0..2).map(|_| Role::start("child", "change for ever", &root.path)).collect();
        for other in &mut pair {
            other.hear();
        }
        let from = seen;
        while seen < from + 200 {
            let stock = stock.snapshot().unwrap();
            check(&stock);
            seen = stock.changes;
        }
        for other in &mut pair {
            other.kill();
        }
        change(&stock);
        check(&stock.snapshot().unwrap());
        seen = stock.snapshot().unwrap().changes;
    }
}

#[test]
fn records_arrive_whole_and_in_order() {
    let root = Root::new();
    let view = view(&root);
    let ring = Ring::new(&view, RING, 5, 100).unwrap();
    assert_eq!((ring.capacity(), ring.longest(), ring.is_empty().unwrap()), (8, 100, true));
    let mut record = vec![1, 2, 3];
    assert!(!ring.try_pop(&mut record).unwrap());
    assert_eq!(code(ring.pop(&mut record, Some(Instant::now()))), Win32Error::SEM_TIMEOUT);
    for len in 0..8 {
        assert!(ring.try_push(&vec![len; usize::from(len)]).unwrap());
    }
    assert_eq!(ring.len().unwrap(), 8);
    assert!(!ring.try_push(b"full").unwrap());
    assert_eq!(code(ring.push(b"full", Some(Instant::now()))), Win32Error::SEM_TIMEOUT);
    assert_eq!(code(ring.push(&[0; 101], None)), Win32Error::INVALID_PARAMETER);
    for len in 0..8 {
        ring.pop(&mut record, None).unwrap();
        assert_eq!(record, vec![len; usize::from(len)]);
    }
    // Sleeping on either side.
    std::thread::scope(|scope| {
        let consumer = scope.spawn(|| {
            let mut record = Vec::new();
            (0..1000u32).for_each(|number| {
                ring.pop(&mut record, None).unwrap();
                assert_eq!(record, number.to_ne_bytes());
            });
        });
        (0..1000u32).for_each(|number| ring.push_value(&number, None).unwrap());
        consumer.join().unwrap();
    });
    ring.push(b"three", None).unwrap();
    assert_eq!(code(ring.pop_value::<u32>(None)), Win32Error::INVALID_DATA);
    // What a co-writer spoils is an error.
    view.write(RING + 128, &u32::MAX.to_ne_bytes()).unwrap();
    assert_eq!(code(ring.try_pop(&mut record)), Win32Error::INVALID_DATA);
    assert_eq!(code(ring.try_push(&record)), Win32Error::INVALID_DATA);
}

#[test]
fn killed_producers_and_consumers_stop_nobody() {
    let root = Root::new();
    let view = view(&root);
    let ring = Ring::new(&view, RING, 8, 100).unwrap();
    for round in 0..30 {
        let mut producers: Vec<Role> =
            (0..2).map(|_| Role::start("child", "push for ever", &root.path)).collect();
        let mut consumer = (round % 2 == 0).then(|| Role::start("child", "pop for ever", &root.path));
        for other in producers.iter_mut().chain(&mut consumer) {
            other.hear();
        }
        let mut last = std::collections::HashMap::new();
        for step in 0..150 {
            // Left over from the round before, perhaps; whole all the same, and each producer's in order.
            let [id, number, both] = ring.pop_value::<[u64; 3]>(None).unwrap();
            assert_eq!(id ^ number, both);
            let before = last.insert(id, number);
            assert!(before.is_none_or(|before| before < number));
            if step == 100 {
                producers[0].kill();
                if let Some(consumer) = &mut consumer {
                    consumer.kill();
                }
            }
        }
        producers[1].kill();
    }
    let mut record = Vec::new();
    while ring.try_pop(&mut record).unwrap() {}
    ring.push(b"still works", None).unwrap();
    ring.pop(&mut record, None).unwrap();
    assert_eq!(record, b"still works");
}

/// Somebody who may write it truncates the memory: errors, and the process goes on.
#[test]
fn a_co_writer_truncates_the_memory() {
    let root = Root::new();
    let view = view(&root);
    let stock = Guarded::<Stock>::new(&view, 0).unwrap();
    let ring = Ring::new(&view, RING, 8, 100).unwrap();
    let presence = Presence::new(&view, PRESENCE).unwrap();
    change(&stock);
    let guard = stock.lock(None).unwrap();
    let path = root.path.join("object/parts");
    std::fs::File::options().write(true).open(path).unwrap().set_len(4096).unwrap();
    drop(guard);
    assert_eq!(code(stock.lock(None)), Win32Error::SWAPERROR);
    assert_eq!(stock.snapshot().unwrap_err().win32(), Win32Error::SWAPERROR);
    assert_eq!(code(ring.push(b"x", None)), Win32Error::SWAPERROR);
    assert_eq!(code(ring.try_pop(&mut Vec::new())), Win32Error::SWAPERROR);
    assert_eq!(code(presence.enter()), Win32Error::SWAPERROR);
}

#[test]
fn the_end_of_the_other_side_is_seen() {
    let root = Root::new();
    let view = view(&root);
    let ring = Ring::new(&view, RING, 8, 100).unwrap();
    let presence = Presence::new(&view, PRESENCE).unwrap();
    assert!(!presence.is_anybody_there());
    for killed in [false, true] {
        let mut other = Role::start("child", "be there", &root.path);
        other.hear();
        assert!(presence.is_anybody_there());
        assert_eq!(code(presence.enter()), Win32Error::BUSY);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut record = Vec::new();
                ring.pop_while(&mut record, &presence).unwrap();
                assert_eq!(record, b"hello");
                code(ring.pop_while(&mut record, &presence))
            });
            if killed {
                other.kill();
            } else {
                other.tell("go");
            }
            assert_eq!(waiting.join().unwrap(), Win32Error::BROKEN_PIPE);
        });
    }
    // What was said before the end is heard after it.
    let mut other = Role::start("child", "be there", &root.path);
    other.hear();
    other.kill();
    let mut record = Vec::new();
    ring.pop_while(&mut record, &presence).unwrap();
    assert_eq!(record, b"hello");
}
