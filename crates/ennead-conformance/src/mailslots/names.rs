//! [Mailslot Names](https://learn.microsoft.com/windows/win32/ipc/mailslot-names).

use super::{FOREVER, Mailslots, SHARE_READ, code, full, pair};
use crate::{Case, GENERIC_WRITE};

pub(super) fn cases<M: Mailslots>() -> Vec<Case<M>> {
    vec![
        ("names of mailslots are not case sensitive", fold),
        ("a mailslot's name may be below a path", paths),
        ("a mailslot is created on this machine only", local_only),
        ("a mailslot's name has a form", forms),
        ("a mailslot's name has many characters", long),
        ("a mailslot that does not exist is not found", not_found),
        ("a mailslot below another is another", nested),
        ("mailslots of other machines are beyond reach", remote),
    ]
}

fn fold<M: Mailslots>(slots: &M) {
    let slot = slots.create(r"\\.\mailslot\Taxes\Bobs_Comments", 0, FOREVER).unwrap();
    for name in [r"\\.\MAILSLOT\TAXES\BOBS_COMMENTS", r"\\.\mailslot\taxes\bobs_comments"] {
        let writer = slots.open(name, GENERIC_WRITE, SHARE_READ).unwrap();
        slots.write(&writer, name.as_bytes()).unwrap();
        assert_eq!(slots.read(&slot, 99).unwrap(), name.as_bytes());
    }
    let _slot = slots.create(&full("ünïcode"), 0, FOREVER).unwrap();
    assert!(slots.open(&full("ÜNÏCODE"), GENERIC_WRITE, SHARE_READ).is_ok());
}

/// "The name may include multiple levels of pseudo directories separated by backslashes."
fn paths<M: Mailslots>(slots: &M) {
    let names = [r"abc\def\ghi", "example_mailslot_name", r"abc\def", r"a\b\c\d\e\f\g\h"];
    let held: Vec<_> = names.iter().map(|name| pair(slots, name)).collect();
    for ((_, writer), name) in held.iter().zip(names) {
        slots.write(writer, name.as_bytes()).unwrap();
    }
    for ((slot, _), name) in held.iter().zip(names) {
        assert_eq!(slots.read(slot, 99).unwrap(), name.as_bytes());
    }
}

/// "A process cannot create a remote mailslot."
fn local_only<M: Mailslots>(slots: &M) {
    for name in [r"\\*\mailslot\x", r"\\SOMEWHERE\mailslot\x", r"\\some.where\mailslot\x"] {
        assert!(slots.create(name, 0, 0).is_err(), "created {name}");
    }
}

/// "two backslashes to begin the name, a period, a backslash following the period, the word "mailslot", and a trailing backslash"
fn forms<M: Mailslots>(slots: &M) {
    for name in ["", "x", r"\\.\mailslot\", r"\\.\mailslot", r"\\.\mailslo\x", r"\\.\pipe\x", r"mailslot\x"] {
        assert!(slots.create(name, 0, 0).is_err(), "created {name:?}");
    }
}

fn long<M: Mailslots>(slots: &M) {
    let (slot, writer) = pair(slots, &"n".repeat(200));
    slots.write(&writer, b"long").unwrap();
    assert_eq!(slots.read(&slot, 9).unwrap(), b"long");
    let (slot, writer) = pair(slots, "a b+c,d;e=f(g)%41~'#\u{e9}\u{1F600}");
    slots.write(&writer, b"strange").unwrap();
    assert_eq!(slots.read(&slot, 9).unwrap(), b"strange");
}

/// "If CreateFile is called to access a non-existent mailslot, the ERROR_FILE_NOT_FOUND error code will be set."
fn not_found<M: Mailslots>(slots: &M) {
    for name in ["nowhere", r"no\where"] {
        assert_eq!(code(slots.open(&full(name), GENERIC_WRITE, SHARE_READ)), 2, "{name}");
    }
}

fn nested<M: Mailslots>(slots: &M) {
    let (outer, _writer) = pair(slots, "outer");
    assert_eq!(code(slots.open(&full(r"outer\inner"), GENERIC_WRITE, SHARE_READ)), 2);
    let (inner, writer) = pair(slots, r"outer\inner");
    slots.write(&writer, b"inner").unwrap();
    assert_eq!(slots.info(&outer).unwrap().count, 0);
    drop(outer);
    assert_eq!(slots.read(&inner, 9).unwrap(), b"inner");
}

/// [Remote Mailslots are deprecated](https://learn.microsoft.com/windows/whats-new/deprecated-features): where they are off, the
/// open or the first write says so, or that there is no such place; nothing is sent.
fn remote<M: Mailslots>(slots: &M) {
    for name in [r"\\NO-SUCH-HOST\mailslot\x", r"\\*\mailslot\x"] {
        let written =
            slots.open(name, GENERIC_WRITE, SHARE_READ).and_then(|writer| slots.write(&writer, &[0; 500]));
        assert!(written.is_err(), "wrote to {name}");
    }
}
