//! Rights: [Synchronization Object Security and Access Rights](https://learn.microsoft.com/windows/win32/sync/synchronization-object-security-and-access-rights).

use super::{
    Kind, MODIFY_STATE, MUTEX_MODIFY_STATE, OBJECT_0, Object, SYNCHRONIZE, SyncObjects, TIMEOUT, auto, named,
    on_thread, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a created handle has every right", created_has_all),
        ("changing an event takes the right to modify", event_modify),
        ("releasing a semaphore takes the right to modify", semaphore_modify),
        ("releasing a mutex takes no right to modify", mutex_modify),
        ("waiting takes the right to synchronize", synchronize),
        ("a wait for several takes the right for each", synchronize_each),
        ("an open asks for no more than the descriptor grants", descriptor_on_open),
        ("a second create asks for every right", descriptor_on_create),
        ("a descriptor that grants nobody anything refuses all", empty_descriptor),
    ]
}

fn created_has_all<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        let _held = named(objects, "all", kind.plain());
        assert!(objects.open(kind, "all", kind.all_access()).is_ok(), "{kind:?}");
    }
}

/// "Modify state access, which is required for the SetEvent, ResetEvent and PulseEvent functions."
fn event_modify<S: SyncObjects>(objects: &S) {
    let event = named(objects, "modify", Kind::Event.plain());
    let waits = objects.open(Kind::Event, "modify", SYNCHRONIZE).unwrap();
    assert_eq!(code(objects.set(&waits)), 5);
    assert_eq!(test(objects, &event), TIMEOUT);
    objects.set(&event).unwrap();
    assert_eq!(code(objects.reset(&waits)), 5);
    assert_eq!(code(objects.pulse(&waits)), 5);
    assert_eq!(test(objects, &waits), OBJECT_0);
    let changes = objects.open(Kind::Event, "modify", MODIFY_STATE).unwrap();
    objects.set(&changes).unwrap();
    assert_eq!(test(objects, &waits), OBJECT_0);
}

fn semaphore_modify<S: SyncObjects>(objects: &S) {
    let semaphore = named(objects, "modify", Object::Semaphore { initial: 1, maximum: 2 });
    let waits = objects.open(Kind::Semaphore, "modify", SYNCHRONIZE).unwrap();
    assert_eq!(code(objects.post(&waits, 1)), 5);
    let changes = objects.open(Kind::Semaphore, "modify", MODIFY_STATE).unwrap();
    assert_eq!(objects.post(&changes, 1), Ok(1));
    assert_eq!([test(objects, &waits), test(objects, &semaphore), test(objects, &waits)], [0, 0, TIMEOUT]);
}

/// MUTEX_MODIFY_STATE is "Reserved for future use."
fn mutex_modify<S: SyncObjects>(objects: &S) {
    let mutex = named(objects, "modify", Kind::Mutex.plain());
    let waits = objects.open(Kind::Mutex, "modify", SYNCHRONIZE).unwrap();
    assert_eq!(test(objects, &waits), OBJECT_0);
    assert_eq!(on_thread(|| test(objects, &mutex)), TIMEOUT);
    objects.release(&waits).unwrap();
    assert_eq!(on_thread(|| test(objects, &mutex)), OBJECT_0);
}

/// "The handle must have the SYNCHRONIZE access right."
fn synchronize<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        let object = match kind {
            Kind::Event => Object::Event { manual: false, signaled: true },
            Kind::Semaphore => Object::Semaphore { initial: 1, maximum: 1 },
            other => other.plain(),
        };
        let whole = named(objects, "synchronize", object);
        let access = if kind == Kind::Mutex { MUTEX_MODIFY_STATE } else { MODIFY_STATE };
        let changes = objects.open(kind, "synchronize", access).unwrap();
        assert_eq!(code(objects.wait(&changes, 0)), 5, "{kind:?}");
        if kind != Kind::Timer {
            assert_eq!(test(objects, &whole), OBJECT_0, "{kind:?}");
        }
    }
}

fn synchronize_each<S: SyncObjects>(objects: &S) {
    let signaled = auto(objects, true);
    let _event = named(objects, "each", Object::Event { manual: true, signaled: true });
    let changes = objects.open(Kind::Event, "each", MODIFY_STATE).unwrap();
    for all in [false, true] {
        assert_eq!(code(objects.wait_many(&[&signaled, &changes], all, 0)), 5, "{all}");
    }
    assert_eq!(test(objects, &signaled), OBJECT_0);
}

/// "the system checks the requested access rights against the object's security descriptor"
fn descriptor_on_open<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        // Everybody may wait.
        let _held = objects.create_secured("descriptor", kind.plain(), "D:(A;;0x100000;;;WD)").unwrap();
        assert!(objects.open(kind, "descriptor", SYNCHRONIZE).is_ok(), "{kind:?}");
        assert_eq!(code(objects.open(kind, "descriptor", SYNCHRONIZE | 2)), 5, "{kind:?}");
        assert_eq!(code(objects.open(kind, "descriptor", kind.all_access())), 5, "{kind:?}");
    }
}

/// "If lpName matches the name of an existing named event object, this function requests the EVENT_ALL_ACCESS access right."
fn descriptor_on_create<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        let _held = objects.create_secured("descriptor", kind.plain(), "D:(A;;0x100000;;;WD)").unwrap();
        assert_eq!(code(objects.create(Some("descriptor"), kind.plain())), 5, "{kind:?}");
    }
}

fn empty_descriptor<S: SyncObjects>(objects: &S) {
    let event = objects.create_secured("nobody", Kind::Event.plain(), "D:").unwrap();
    assert_eq!(code(objects.open(Kind::Event, "nobody", SYNCHRONIZE)), 5);
    // "The handles returned by CreateEvent [...] have full access to the new object."
    objects.set(&event).unwrap();
    assert_eq!(test(objects, &event), OBJECT_0);
}
