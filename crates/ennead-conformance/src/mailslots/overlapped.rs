//! `ReadFile` of a mailslot with an `OVERLAPPED`.

use super::{NO_MESSAGE, OverlappedMailslots, full, pair, waiting};
use crate::Case;

pub(super) fn cases<M: OverlappedMailslots>() -> Vec<Case<M>> {
    vec![
        ("an overlapped read of a mailslot is pending until there is a message", pends),
        ("an overlapped read of a mailslot that has one completes", completes),
        ("an overlapped read with a small buffer leaves the message", small_overlapped),
        ("an overlapped read of a mailslot times out", overlapped_times_out),
        ("an overlapped read of a mailslot is cancelled", cancelled),
        ("a cancelled read takes no message", cancelled_takes_none),
        ("several overlapped reads get a message each, in their order", overlapped_in_order),
    ]
}

/// "The handle returned by this function is asynchronous, or overlapped."
fn pends<M: OverlappedMailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "pends");
    let read = slots.start_read(&slot, 9);
    assert!(!slots.is_complete(&read));
    slots.write(&writer, b"message").unwrap();
    let done = slots.finish(read);
    assert_eq!((done.code, done.bytes, &done.data[..]), (0, 7, &b"message"[..]));
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

fn completes<M: OverlappedMailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "completes");
    slots.write(&writer, b"message").unwrap();
    let done = slots.finish(slots.start_read(&slot, 9));
    assert_eq!((done.code, &done.data[..]), (0, &b"message"[..]));
    slots.write(&writer, b"").unwrap();
    let done = slots.finish(slots.start_read(&slot, 9));
    assert_eq!((done.code, done.bytes), (0, 0));
}

fn small_overlapped<M: OverlappedMailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "small-overlapped");
    slots.write(&writer, b"message").unwrap();
    assert_eq!(slots.finish(slots.start_read(&slot, 3)).code, 122);
    assert_eq!(waiting(slots, &slot), (7, 1));
    let read = {
        assert_eq!(slots.read(&slot, 7).unwrap(), b"message");
        slots.start_read(&slot, 3)
    };
    slots.write(&writer, b"another").unwrap();
    assert_eq!(slots.finish(read).code, 122);
    assert_eq!(slots.read(&slot, 7).unwrap(), b"another");
}

fn overlapped_times_out<M: OverlappedMailslots>(slots: &M) {
    let slot = slots.create(&full("overlapped-time"), 0, 30).unwrap();
    let done = slots.finish(slots.start_read(&slot, 9));
    assert_eq!((done.code, done.bytes), (121, 0));
}

/// "I/O operations that are canceled complete with the error ERROR_OPERATION_ABORTED."
fn cancelled<M: OverlappedMailslots>(slots: &M) {
    let (slot, _writer) = pair(slots, "cancelled");
    let read = slots.start_read(&slot, 9);
    slots.cancel(&read).unwrap();
    assert_eq!(slots.finish(read).code, 995);
}

fn cancelled_takes_none<M: OverlappedMailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "takes-none");
    let (first, second) = (slots.start_read(&slot, 9), slots.start_read(&slot, 9));
    slots.cancel(&first).unwrap();
    assert_eq!(slots.finish(first).code, 995);
    slots.write(&writer, b"message").unwrap();
    assert_eq!(slots.finish(second).data, b"message");
}

fn overlapped_in_order<M: OverlappedMailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "reads-in-order");
    let reads: Vec<_> = (0..4).map(|_| slots.start_read(&slot, 9)).collect();
    for round in 0..4_u8 {
        slots.write(&writer, &[round]).unwrap();
    }
    for (round, read) in (0..4_u8).zip(reads) {
        assert_eq!(slots.finish(read).data, [round]);
    }
}
