//! [Writing to a Mailslot](https://learn.microsoft.com/windows/win32/ipc/writing-to-a-mailslot).

use std::thread;

use super::{FOREVER, Mailslots, NO_MESSAGE, SHARE_READ, SHARE_WRITE, code, full, pair, waiting, writer};
use crate::{Case, GENERIC_READ, GENERIC_WRITE};

pub(super) fn cases<M: Mailslots>() -> Vec<Case<M>> {
    vec![
        ("messages come in the order they were written", in_order),
        ("a mailslot's messages keep their boundaries", boundaries),
        ("a mailslot's message of no bytes is a message", empty),
        ("a mailslot of any size takes long messages", any_size),
        ("a message up to the maximum is taken", up_to_maximum),
        ("a message past the maximum is refused", past_maximum),
        ("a client opens for writing", client_writes),
        ("a client shares reading", client_shares),
        ("several writers have one mailslot", several_writers),
        ("each writer's messages stay in order", each_in_order),
        ("a message is written before anybody reads", before_any_read),
        ("what a client wrote outlives its handle", outlives_handle),
        ("what a client wrote outlives its process", outlives_process),
        ("writers of several processes", several_processes),
        ("a mailslot holds many messages", holds_many),
        ("a server may be its own client", own_client),
    ]
}

/// "New messages follow any existing messages in the mailslot."
fn in_order<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "order");
    for round in 0..100_u32 {
        slots.write(&writer, &round.to_le_bytes()).unwrap();
    }
    for round in 0..100_u32 {
        assert_eq!(slots.read(&slot, 4).unwrap(), round.to_le_bytes());
    }
}

fn boundaries<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "boundaries");
    let sizes = [1, 2, 3, 100, 7, 4096, 1, 64, 5000, 424, 425];
    for (at, size) in sizes.into_iter().enumerate() {
        assert_eq!(slots.write(&writer, &vec![u8::try_from(at).unwrap(); size]), Ok(size));
    }
    for (at, size) in sizes.into_iter().enumerate() {
        assert_eq!(slots.info(&slot).unwrap().next, u32::try_from(size).unwrap());
        assert_eq!(slots.read(&slot, 9999).unwrap(), vec![u8::try_from(at).unwrap(); size]);
    }
}

fn empty<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "empty");
    assert_eq!(slots.write(&writer, b""), Ok(0));
    assert_eq!(slots.write(&writer, b"x"), Ok(1));
    assert_eq!(waiting(slots, &slot), (0, 2));
    assert_eq!(slots.read(&slot, 9).unwrap(), b"");
    assert_eq!(waiting(slots, &slot), (1, 1));
    assert_eq!(slots.read(&slot, 9).unwrap(), b"x");
}

/// "To specify that the message can be of any size, set this value to zero."
fn any_size<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "any-size");
    for size in [65_536, 300_000, 1 << 20] {
        let message: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        thread::scope(|scope| {
            let wrote = scope.spawn(|| slots.write(&writer, &message));
            assert!(slots.read(&slot, size).unwrap() == message, "another message of {size}");
            assert_eq!(wrote.join().unwrap(), Ok(size));
        });
    }
}

fn up_to_maximum<M: Mailslots>(slots: &M) {
    for max in [1, 100, 424, 5000] {
        let slot = slots.create(&full("maximum"), max, FOREVER).unwrap();
        let writer = writer(slots, "maximum");
        for size in [max as usize, 1] {
            assert_eq!(slots.write(&writer, &vec![7; size]), Ok(size));
            assert_eq!(slots.read(&slot, size).unwrap(), vec![7; size]);
        }
    }
}

/// "The maximum size of a single message that can be written to the mailslot, in bytes."
fn past_maximum<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("past"), 100, FOREVER).unwrap();
    let most = slots.info(&slot).unwrap().max_message as usize;
    let writer = writer(slots, "past");
    for size in [most + 1, 2 * most, 100_000] {
        assert!(slots.write(&writer, &vec![7; size]).is_err(), "wrote {size} bytes, at most {most}");
    }
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
    // The handle is good for what fits.
    assert_eq!(slots.write(&writer, &vec![7; most]), Ok(most));
    assert_eq!(waiting(slots, &slot), (most as u32, 1));
}

/// "Only the process that creates a mailslot or has obtained the handle by some other mechanism (such as inheritance) can read from
/// the mailslot."
fn client_writes<M: Mailslots>(slots: &M) {
    let _slot = slots.create(&full("writes"), 0, 0).unwrap();
    // What is opened for reading, if it is, is good for nothing.
    let reads = slots.open(&full("writes"), GENERIC_READ, SHARE_READ | SHARE_WRITE);
    assert!(reads.and_then(|reads| slots.write(&reads, b"x")).is_err(), "wrote through a handle for reading");
    let writes = slots.open(&full("writes"), GENERIC_WRITE, SHARE_READ).unwrap();
    assert_eq!(slots.write(&writes, b"x"), Ok(1));
}

/// "An application must specify the FILE_SHARE_READ flag when using CreateFile to retrieve a client handle to a mailslot."
fn client_shares<M: Mailslots>(slots: &M) {
    let _slot = slots.create(&full("shares"), 0, 0).unwrap();
    for share in [0, SHARE_WRITE] {
        assert!(slots.open(&full("shares"), GENERIC_WRITE, share).is_err(), "opened sharing {share}");
    }
    for share in [SHARE_READ, SHARE_READ | SHARE_WRITE] {
        assert_eq!(code(slots.open(&full("shares"), GENERIC_WRITE, share)), 0, "sharing {share}");
    }
}

/// "Any process that has the name of a mailslot can put a message there."
fn several_writers<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("several"), 0, FOREVER).unwrap();
    let share = SHARE_READ | SHARE_WRITE;
    let writers: Vec<_> =
        (0..5).map(|_| slots.open(&full("several"), GENERIC_WRITE, share).unwrap()).collect();
    for at in [3_u8, 1, 4, 1, 0, 2, 2, 3] {
        slots.write(&writers[usize::from(at)], &[at]).unwrap();
    }
    // One after the other here: so they come.
    for at in [3_u8, 1, 4, 1, 0, 2, 2, 3] {
        assert_eq!(slots.read(&slot, 9).unwrap(), [at]);
    }
}

fn each_in_order<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("each"), 0, FOREVER).unwrap();
    thread::scope(|scope| {
        for who in 0..4_u8 {
            scope.spawn(move || {
                let share = SHARE_READ | SHARE_WRITE;
                let writer = slots.open(&full("each"), GENERIC_WRITE, share).unwrap();
                for round in 0..100 {
                    slots.write(&writer, &[who, round]).unwrap();
                }
            });
        }
        let mut next = [0_u8; 4];
        for _ in 0..400 {
            let message = slots.read(&slot, 9).unwrap();
            let [who, round] = message[..] else { panic!("another message: {message:?}") };
            assert_eq!(next[usize::from(who)], round, "writer {who}");
            next[usize::from(who)] += 1;
        }
    });
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

fn before_any_read<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "before");
    assert_eq!(slots.write(&writer, b"before"), Ok(6));
    assert_eq!(waiting(slots, &slot), (6, 1));
    assert_eq!(slots.read(&slot, 6).unwrap(), b"before");
}

fn outlives_handle<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("outlives"), 0, FOREVER).unwrap();
    for round in 0..3_u8 {
        let writer = writer(slots, "outlives");
        slots.write(&writer, &[round]).unwrap();
        slots.write(&writer, &[round, round]).unwrap();
    }
    for round in 0..3_u8 {
        assert_eq!(slots.read(&slot, 9).unwrap(), [round]);
        assert_eq!(slots.read(&slot, 9).unwrap(), [round, round]);
    }
}

fn outlives_process<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("process"), 0, FOREVER).unwrap();
    slots.write_elsewhere(&full("process"), &[b"one", b"two", b"three"]).unwrap();
    assert_eq!([(); 3].map(|()| slots.read(&slot, 9).unwrap()), [&b"one"[..], b"two", b"three"]);
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

fn several_processes<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "processes");
    slots.write(&writer, b"first").unwrap();
    drop(writer);
    slots.write_elsewhere(&full("processes"), &[b"second"]).unwrap();
    slots.write_elsewhere(&full("processes"), &[b"third", b"fourth"]).unwrap();
    let messages = [(); 4].map(|()| slots.read(&slot, 9).unwrap());
    assert_eq!(messages, [&b"first"[..], b"second", b"third", b"fourth"]);
}

fn holds_many<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "holds");
    for _ in 0..1000 {
        assert_eq!(slots.write(&writer, &[9; 40]), Ok(40));
    }
    assert_eq!(waiting(slots, &slot), (40, 1000));
    for left in (0..1000).rev() {
        assert_eq!(slots.read(&slot, 40).unwrap(), [9; 40]);
        assert_eq!(slots.info(&slot).unwrap().count, left);
    }
}

/// "one process can control both a server mailslot handle and the client handle retrieved when the mailslot is opened for a write
/// operation"
fn own_client<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "own");
    for _ in 0..10 {
        slots.write(&writer, b"to myself").unwrap();
        assert_eq!(slots.read(&slot, 9).unwrap(), b"to myself");
    }
}
