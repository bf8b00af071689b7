//! [Reading from a Mailslot](https://learn.microsoft.com/windows/win32/ipc/reading-from-a-mailslot).

use std::thread;
use std::time::{Duration, Instant};

use super::{FOREVER, Mailslots, NO_MESSAGE, code, full, pair, waiting, writer};
use crate::Case;

pub(super) fn cases<M: Mailslots>() -> Vec<Case<M>> {
    vec![
        ("information is of the next message and of all", information),
        ("a read takes one message", takes_one),
        ("a buffer that is too small takes nothing", too_small),
        ("a read of no bytes takes a message of no bytes only", no_bytes),
        ("a read waits for a message", waits),
        ("a read that may not wait returns at once", returns_at_once),
        ("a read waits as long as its time-out", times_out),
        ("a read within its time-out gets the message", in_time),
        ("a changed time-out is that of the next read", changed),
        ("several reads get a message each", several),
    ]
}

fn information<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "information");
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
    for (size, expected) in [(5, (5, 1)), (9, (5, 2)), (0, (5, 3)), (1, (5, 4))] {
        slots.write(&writer, &vec![0; size]).unwrap();
        assert_eq!(waiting(slots, &slot), expected);
    }
    for expected in [(9, 3), (0, 2), (1, 1), (NO_MESSAGE, 0)] {
        slots.read(&slot, 99).unwrap();
        assert_eq!(waiting(slots, &slot), expected);
    }
}

fn takes_one<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "one");
    slots.write(&writer, b"one").unwrap();
    slots.write(&writer, b"two").unwrap();
    assert_eq!(slots.read(&slot, 4096).unwrap(), b"one");
    assert_eq!(slots.read(&slot, 3).unwrap(), b"two");
}

/// `ReadFile`: "If ReadFile attempts to read from a mailslot that has a buffer that is too small, the function returns FALSE and
/// GetLastError returns ERROR_INSUFFICIENT_BUFFER."
fn too_small<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "small");
    slots.write(&writer, b"0123456789").unwrap();
    slots.write(&writer, b"next").unwrap();
    for len in [1, 9, 5] {
        assert_eq!(code(slots.read(&slot, len)), 122, "{len}");
        assert_eq!(slots.info(&slot).unwrap().next, 10);
    }
    assert_eq!(slots.read(&slot, 10).unwrap(), b"0123456789");
    assert_eq!(slots.read(&slot, 10).unwrap(), b"next");
}

fn no_bytes<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "no-bytes");
    slots.write(&writer, b"x").unwrap();
    assert_eq!(code(slots.read(&slot, 0)), 122);
    assert_eq!(slots.read(&slot, 1).unwrap(), b"x");
    slots.write(&writer, b"").unwrap();
    assert_eq!(slots.read(&slot, 0).unwrap(), b"");
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

fn waits<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "waits");
    thread::scope(|scope| {
        for round in 0..20_u8 {
            let read = scope.spawn(|| slots.read(&slot, 9));
            slots.write(&writer, &[round]).unwrap();
            assert_eq!(read.join().unwrap().unwrap(), [round]);
        }
    });
}

/// "Returns immediately if no message is present. (The system does not treat an immediate return as an error.)" Programs are written
/// for ERROR_SEM_TIMEOUT all the same: a message of no bytes would look like none.
fn returns_at_once<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("at-once"), 0, 0).unwrap();
    let read = slots.read(&slot, 9);
    let writer = writer(slots, "at-once");
    slots.write(&writer, b"x").unwrap();
    assert_eq!(slots.read(&slot, 9).unwrap(), b"x");
    assert!(read == Ok(Vec::new()) || code(read) == 121, "an empty mailslot, a time-out of 0");
}

/// "The time a read operation can wait for a message to be written to the mailslot before a time-out occurs, in milliseconds."
fn times_out<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("times-out"), 0, 60).unwrap();
    for _ in 0..2 {
        let began = Instant::now();
        assert_eq!(code(slots.read(&slot, 9)), 121);
        // A tick of Windows' clock less.
        assert!(began.elapsed() >= Duration::from_millis(44), "after {:?} instead of 60 ms", began.elapsed());
    }
}

fn in_time<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("in-time"), 0, 600_000).unwrap();
    let writer = writer(slots, "in-time");
    thread::scope(|scope| {
        let read = scope.spawn(|| slots.read(&slot, 9));
        slots.write(&writer, b"in time").unwrap();
        assert_eq!(read.join().unwrap().unwrap(), b"in time");
    });
}

/// "This time-out value applies to all subsequent read operations".
fn changed<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "changed");
    slots.set_timeout(&slot, 30).unwrap();
    assert_eq!(code(slots.read(&slot, 9)), 121);
    slots.set_timeout(&slot, FOREVER).unwrap();
    thread::scope(|scope| {
        let read = scope.spawn(|| slots.read(&slot, 9));
        slots.write(&writer, b"x").unwrap();
        assert_eq!(read.join().unwrap().unwrap(), b"x");
    });
}

fn several<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "several-reads");
    thread::scope(|scope| {
        let reads: Vec<_> = (0..4).map(|_| scope.spawn(|| slots.read(&slot, 9).unwrap())).collect();
        for round in 0..4_u8 {
            slots.write(&writer, &[round]).unwrap();
        }
        let mut got: Vec<_> = reads.into_iter().map(|read| read.join().unwrap()).collect();
        got.sort();
        assert_eq!(got, [[0], [1], [2], [3]]);
    });
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}
