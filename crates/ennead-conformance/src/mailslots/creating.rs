//! `CreateMailslot`: <https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-createmailslota>

use std::time::{Duration, Instant};

use super::{FOREVER, Info, Mailslots, NO_MESSAGE, SHARE_READ, code, full, pair, waiting, writer};
use crate::{Case, GENERIC_WRITE};

pub(super) fn cases<M: Mailslots>() -> Vec<Case<M>> {
    vec![
        ("a mailslot tells what it was created with", as_created),
        ("a mailslot exists once", once),
        ("a mailslot's name is free when it is closed", free_again),
        ("a mailslot goes with its unread messages", unread_are_gone),
        ("who writes to a mailslot that is closed is told", closed_under_writer),
        ("a mailslot of another process goes with it", process_ends),
        ("mailslots are apart from pipes and objects", apart),
        ("a read time-out can be changed", timeout_changed),
        ("any number of mailslots", many),
    ]
}

fn as_created<M: Mailslots>(slots: &M) {
    for (max, timeout) in [(0, 0), (1, 1), (100, 5000), (424, FOREVER), (65536, 7), (1 << 20, 0)] {
        let slot = slots.create(&full("as-created"), max, timeout).unwrap();
        let info = slots.info(&slot).unwrap();
        // "This value can be greater than or equal to the value specified".
        assert!(info.max_message >= max, "{max}: {info:?}");
        assert_eq!(info, Info { next: NO_MESSAGE, count: 0, timeout, ..info });
    }
}

/// "An error occurs if a mailslot with the specified name already exists."
fn once<M: Mailslots>(slots: &M) {
    let _slot = slots.create(&full("once"), 0, 0).unwrap();
    assert!(slots.create(&full("once"), 0, 0).is_err(), "created twice");
    assert!(slots.create(&full("ONCE"), 100, FOREVER).is_err(), "created twice, in capitals");
    // A failed creation harms nothing.
    let writer = writer(slots, "once");
    assert_eq!(slots.write(&writer, b"x"), Ok(1));
}

/// "The mailslot exists until [...] The last (possibly inherited or duplicated) handle to it is closed".
fn free_again<M: Mailslots>(slots: &M) {
    for _ in 0..3 {
        let slot = slots.create(&full("free"), 0, 0).unwrap();
        drop(slot);
        assert_eq!(code(slots.open(&full("free"), GENERIC_WRITE, SHARE_READ)), 2);
    }
}

/// "any unread messages are deleted from the mailslot"
fn unread_are_gone<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "unread");
    slots.write(&writer, b"unread").unwrap();
    drop(slot);
    drop(writer);
    let slot = slots.create(&full("unread"), 0, 0).unwrap();
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

/// "all client handles to the mailslot are closed, and the mailslot itself is deleted"
fn closed_under_writer<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, "closed");
    slots.write(&writer, b"first").unwrap();
    drop(slot);
    assert!(slots.write(&writer, b"second").is_err(), "wrote to a mailslot that is closed");
    // The same name, but another mailslot.
    let another = slots.create(&full("closed"), 0, 0).expect("the name is free");
    assert!(slots.write(&writer, b"third").is_err(), "wrote to another mailslot of the name");
    assert_eq!(waiting(slots, &another), (NO_MESSAGE, 0));
}

/// "The process owning the last (possibly inherited or duplicated) handle exits."
fn process_ends<M: Mailslots>(slots: &M) {
    let name = full("elsewhere");
    let mut theirs = None;
    slots
        .create_elsewhere(&name, &mut || {
            assert!(slots.create(&name, 0, 0).is_err(), "created while another process has it");
            let writer = slots.open(&name, GENERIC_WRITE, SHARE_READ).unwrap();
            assert_eq!(slots.write(&writer, b"to another process"), Ok(18));
            theirs = Some(writer);
        })
        .unwrap();
    assert_eq!(code(slots.open(&name, GENERIC_WRITE, SHARE_READ)), 2);
    // No page says how soon.
    let (theirs, began) = (theirs.unwrap(), Instant::now());
    while slots.write(&theirs, b"to nobody").is_ok() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "went on writing to a mailslot of a process that has ended"
        );
    }
    let slot = slots.create(&name, 0, 0).unwrap();
    assert_eq!(waiting(slots, &slot), (NO_MESSAGE, 0));
}

fn apart<M: Mailslots>(slots: &M) {
    let _slot = slots.create(&full("apart"), 0, 0).unwrap();
    assert!(slots.open(r"\\.\pipe\apart", GENERIC_WRITE, SHARE_READ).is_err(), "opened as a pipe");
}

/// `SetMailslotInfo`: "Sets the time-out value used by the specified mailslot for a read operation."
fn timeout_changed<M: Mailslots>(slots: &M) {
    let slot = slots.create(&full("change"), 77, FOREVER).unwrap();
    for timeout in [0, 1, 60_000, FOREVER, 5] {
        slots.set_timeout(&slot, timeout).unwrap();
        let info = slots.info(&slot).unwrap();
        assert_eq!((info.timeout, info.next, info.count), (timeout, NO_MESSAGE, 0));
        assert!(info.max_message >= 77);
    }
    assert!(slots.read(&slot, 99).is_err(), "read in 5 ms what nobody wrote");
}

fn many<M: Mailslots>(slots: &M) {
    let held: Vec<_> = (0..50).map(|at| pair(slots, &format!("many-{at}"))).collect();
    for (at, (_, writer)) in held.iter().enumerate() {
        slots.write(writer, at.to_string().as_bytes()).unwrap();
    }
    for (at, (slot, _)) in held.iter().enumerate() {
        assert_eq!(slots.read(slot, 9).unwrap(), at.to_string().into_bytes());
    }
}
