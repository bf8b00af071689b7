//! Names: [Object Names](https://learn.microsoft.com/windows/win32/sync/object-names).

use super::{
    ABANDONED_0, Act, INFINITE, Kind, MODIFY_STATE, OBJECT_0, Object, SYNCHRONIZE, SyncObjects, TIMEOUT,
    Verb, named, new, on_thread, pass, test,
};
use crate::{Case, code};

pub(super) fn cases<S: SyncObjects>() -> Vec<Case<S>> {
    vec![
        ("a second create opens what exists", second_create),
        ("what exists keeps its parameters", parameters_ignored),
        ("who creates what exists does not own it", initial_owner_ignored),
        ("a name in use by another kind is an invalid handle", kinds_clash),
        ("no kind is opened as another", opened_as_another),
        ("what does not exist is not found", not_found),
        ("names of objects are case sensitive", case_sensitive),
        ("a name of an object has up to MAX_PATH characters", longest_name),
        ("a name of an object has any character but a backslash", strange_names),
        ("a backslash is only in a prefix", no_backslash),
        ("Local is the prefix of names without one", local),
        ("Global is another namespace than Local", global),
        ("unnamed objects are not shared", unnamed),
        ("an object goes with its last handle", last_handle),
        ("an object stays while any handle is open", stays_open),
        ("a free name is free for any kind", free_for_any_kind),
        ("an object is shared between processes", shared),
        ("an object goes with the last process that has it", last_process),
        ("an object survives the process that created it", survives_creator),
    ]
}

/// "the function succeeds, returning a handle to the existing object, and GetLastError returns ERROR_ALREADY_EXISTS"
fn second_create<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        let _first = named(objects, "second", kind.plain());
        let (_second, existed) = objects.create(Some("second"), kind.plain()).unwrap();
        assert!(existed, "{kind:?}");
    }
    let first = named(objects, "same", Object::Event { manual: true, signaled: false });
    let (second, _) = objects.create(Some("same"), Kind::Event.plain()).unwrap();
    objects.set(&second).unwrap();
    assert_eq!(test(objects, &first), OBJECT_0);
}

/// "In this case, the bManualReset and bInitialState parameters are ignored because they have already been set by the creating
/// process."
fn parameters_ignored<S: SyncObjects>(objects: &S) {
    let event = named(objects, "event", Object::Event { manual: true, signaled: true });
    let other = Object::Event { manual: false, signaled: false };
    let (second, existed) = objects.create(Some("event"), other).unwrap();
    assert!(existed);
    assert_eq!([test(objects, &second), test(objects, &second), test(objects, &event)], [OBJECT_0; 3]);

    let semaphore = named(objects, "semaphore", Object::Semaphore { initial: 1, maximum: 2 });
    let other = Object::Semaphore { initial: 5, maximum: 9 };
    let (second, existed) = objects.create(Some("semaphore"), other).unwrap();
    assert!(existed);
    assert_eq!(objects.post(&second, 1), Ok(1));
    assert_eq!(code(objects.post(&semaphore, 1)), 298);

    if !objects.kinds().contains(&Kind::Timer) {
        return;
    }
    let timer = named(objects, "timer", Object::Timer { manual: true });
    let (second, existed) = objects.create(Some("timer"), Object::Timer { manual: false }).unwrap();
    assert!(existed);
    objects.set_timer(&second, 0, 0).unwrap();
    pass(objects, &second);
    assert_eq!([test(objects, &second), test(objects, &timer)], [OBJECT_0; 2]);
}

/// "In this case, the bInitialOwner parameter is ignored".
fn initial_owner_ignored<S: SyncObjects>(objects: &S) {
    let first = named(objects, "owner", Object::Mutex { owned: false });
    let (second, existed) = objects.create(Some("owner"), Object::Mutex { owned: true }).unwrap();
    assert!(existed);
    assert_eq!(code(objects.release(&second)), 288);
    assert_eq!(on_thread(|| test(objects, &first)), OBJECT_0);
}

/// "the function fails and the GetLastError function returns ERROR_INVALID_HANDLE. This occurs because these objects share the
/// same namespace."
fn kinds_clash<S: SyncObjects>(objects: &S) {
    for first in objects.kinds().iter().copied() {
        let _held = named(objects, "clash", first.plain());
        for second in objects.kinds().iter().copied().filter(|second| *second != first) {
            assert_eq!(code(objects.create(Some("clash"), second.plain())), 6, "{first:?}, {second:?}");
        }
    }
}

fn opened_as_another<S: SyncObjects>(objects: &S) {
    for first in objects.kinds().iter().copied() {
        let _held = named(objects, "other-kind", first.plain());
        for second in objects.kinds().iter().copied().filter(|second| *second != first) {
            assert!(objects.open(second, "other-kind", SYNCHRONIZE).is_err(), "{first:?}, {second:?}");
        }
    }
}

/// `OpenMutex`: "If a named mutex does not exist, the function fails and GetLastError returns ERROR_FILE_NOT_FOUND."
fn not_found<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        assert_eq!(code(objects.open(kind, "nowhere", SYNCHRONIZE)), 2, "{kind:?}");
        assert_eq!(code(objects.open(kind, r"Local\nowhere", SYNCHRONIZE)), 2, "{kind:?}");
    }
}

/// "Name comparison is case sensitive."
fn case_sensitive<S: SyncObjects>(objects: &S) {
    let _lower = named(objects, "case", Kind::Event.plain());
    assert_eq!(code(objects.open(Kind::Event, "CASE", SYNCHRONIZE)), 2);
    let _upper = named(objects, "CASE", Kind::Mutex.plain());
}

/// "The name is limited to MAX_PATH characters." No page says whether a zero at the end is one of them.
fn longest_name<S: SyncObjects>(objects: &S) {
    let longest = "n".repeat(259);
    let _held = named(objects, &longest, Kind::Event.plain());
    assert!(objects.open(Kind::Event, &longest, SYNCHRONIZE).is_ok());
    let long = "n".repeat(261);
    assert!(objects.create(Some(&long), Kind::Event.plain()).is_err(), "created with 261 characters");
}

/// "The remainder of the name can contain any character except the backslash character (\)."
fn strange_names<S: SyncObjects>(objects: &S) {
    let strange =
        ["a/b", "..", ".", " ", "ünïcode", "\u{1F600}", "a:b*c?\"<>|", "\u{1}\t\n", "%41", "-", "pipe"];
    let held: Vec<_> = strange.iter().map(|name| named(objects, name, Kind::Event.plain())).collect();
    for (name, event) in strange.iter().zip(&held) {
        let opened =
            objects.open(Kind::Event, name, MODIFY_STATE).unwrap_or_else(|e| panic!("{name:?}: {e}"));
        objects.set(&opened).unwrap();
        assert_eq!(test(objects, event), OBJECT_0, "{name:?}");
    }
    assert_eq!(held.iter().map(|event| test(objects, event)).collect::<Vec<_>>(), vec![TIMEOUT; held.len()]);
}

fn no_backslash<S: SyncObjects>(objects: &S) {
    for name in [r"a\b", r"Local\a\b", r"no such prefix\a"] {
        assert!(objects.create(Some(name), Kind::Event.plain()).is_err(), "{name}");
        assert!(objects.open(Kind::Event, name, SYNCHRONIZE).is_err(), "{name}");
    }
}

/// "The name can have a "Global\" or "Local\" prefix to explicitly create the object in the global or session namespace."
fn local<S: SyncObjects>(objects: &S) {
    let _bare = named(objects, "prefix", Kind::Event.plain());
    assert!(objects.create(Some(r"Local\prefix"), Kind::Event.plain()).unwrap().1);
    let _local = named(objects, r"Local\prefixed", Kind::Event.plain());
    assert!(objects.create(Some("prefixed"), Kind::Event.plain()).unwrap().1);
    assert_eq!(code(objects.create(Some(r"Local\prefix"), Kind::Mutex.plain())), 6);
}

fn global<S: SyncObjects>(objects: &S) {
    if !objects.has_global() {
        println!("there is no Global here");
        return;
    }
    let name = format!("conformance-{}", std::process::id());
    let _local = named(objects, &name, Kind::Event.plain());
    let global = format!(r"Global\{name}");
    assert_eq!(code(objects.open(Kind::Event, &global, SYNCHRONIZE)), 2);
    let _global = named(objects, &global, Kind::Mutex.plain());
    assert!(objects.create(Some(&global), Kind::Mutex.plain()).unwrap().1);
    assert_eq!(code(objects.create(Some(&name), Kind::Mutex.plain())), 6);
}

fn unnamed<S: SyncObjects>(objects: &S) {
    let first = new(objects, Object::Event { manual: true, signaled: false });
    let second = new(objects, Object::Event { manual: true, signaled: false });
    objects.set(&first).unwrap();
    assert_eq!([test(objects, &first), test(objects, &second)], [OBJECT_0, TIMEOUT]);
}

/// "The event object is destroyed when its last handle has been closed."
fn last_handle<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        let first = named(objects, "last", kind.plain());
        let second = objects.open(kind, "last", SYNCHRONIZE).unwrap();
        drop(first);
        drop(second);
        assert_eq!(code(objects.open(kind, "last", SYNCHRONIZE)), 2, "{kind:?}");
    }
    let signaled = Object::Event { manual: true, signaled: true };
    drop(named(objects, "state", signaled));
    let anew = named(objects, "state", Object::Event { manual: true, signaled: false });
    assert_eq!(test(objects, &anew), TIMEOUT);
}

fn stays_open<S: SyncObjects>(objects: &S) {
    let first = named(objects, "stays", Object::Semaphore { initial: 2, maximum: 5 });
    let second = objects.open(Kind::Semaphore, "stays", SYNCHRONIZE | MODIFY_STATE).unwrap();
    assert_eq!(test(objects, &first), OBJECT_0);
    drop(first);
    assert_eq!(objects.post(&second, 1), Ok(1));
    let (third, existed) = objects.create(Some("stays"), Kind::Semaphore.plain()).unwrap();
    assert!(existed);
    drop(second);
    assert_eq!(objects.post(&third, 1), Ok(2));
}

fn free_for_any_kind<S: SyncObjects>(objects: &S) {
    for kind in objects.kinds().iter().copied() {
        drop(named(objects, "free", kind.plain()));
    }
}

fn shared<S: SyncObjects>(objects: &S) {
    let process = objects.another();
    for kind in objects.kinds().iter().copied() {
        let here = named(objects, "shared", kind.plain());
        assert_eq!(objects.ask(&process, &Act::new(Verb::Create, kind, "shared", 0)), Ok(1), "{kind:?}");
        if kind != Kind::Mutex {
            // For a timer, in 1 ms.
            let number = if kind == Kind::Timer { 10_000 } else { 1 };
            objects.ask(&process, &Act::new(Verb::Signal, kind, "shared", number)).unwrap();
            assert_eq!(objects.wait(&here, INFINITE), Ok(OBJECT_0), "{kind:?}");
        }
        let again = Act::new(Verb::Wait, kind, "shared", 0);
        let expected = if kind == Kind::Mutex { OBJECT_0 } else { TIMEOUT };
        assert_eq!(objects.ask(&process, &again), Ok(expected), "{kind:?}");
        let close = Act::new(Verb::Close, kind, "shared", 0);
        objects.ask(&process, &close).unwrap();
        if kind == Kind::Mutex {
            // Still owned: the thread lives, and closing is no release.
            assert_eq!(test(objects, &here), TIMEOUT);
        }
    }
}

/// "The system closes the handle automatically when the process terminates."
fn last_process<S: SyncObjects>(objects: &S) {
    let process = objects.another();
    for kind in objects.kinds().iter().copied() {
        let name = format!("process-{kind:?}");
        assert_eq!(objects.ask(&process, &Act::new(Verb::Create, kind, &name, 0)), Ok(0));
        assert!(objects.open(kind, &name, SYNCHRONIZE).is_ok(), "{kind:?}");
    }
    objects.kill(process);
    for kind in objects.kinds().iter().copied() {
        let name = format!("process-{kind:?}");
        assert_eq!(code(objects.open(kind, &name, SYNCHRONIZE)), 2, "{kind:?}");
        drop(named(objects, &name, kind.plain()));
    }
}

fn survives_creator<S: SyncObjects>(objects: &S) {
    let process = objects.another();
    assert_eq!(objects.ask(&process, &Act::new(Verb::Create, Kind::Mutex, "heir", 0)), Ok(0));
    let here = objects.open(Kind::Mutex, "heir", SYNCHRONIZE).unwrap();
    assert_eq!(objects.ask(&process, &Act::new(Verb::Wait, Kind::Mutex, "heir", 0)), Ok(OBJECT_0));
    objects.kill(process);
    assert!(objects.create(Some("heir"), Kind::Mutex.plain()).unwrap().1);
    assert_eq!(objects.wait(&here, INFINITE), Ok(ABANDONED_0));
    objects.release(&here).unwrap();
}
