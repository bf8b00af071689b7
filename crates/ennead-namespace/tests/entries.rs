//! Entries in one process: create, open, close, list, bodies, slots, sockets.

mod playground;

use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::Ordering::SeqCst;

use ennead_namespace::{CreateOptions, Created, EntryError, Intruder, Kind, Name, Protection, Root, Wanted};
use playground::{Playground, files_in, name};

const OBJECT: Kind = Kind::OBJECT;

fn make(root: &Root, text: &str) -> ennead_namespace::Entry {
    match root
        .create(OBJECT, &name(text), &CreateOptions::new(&Protection::private()).body(1, 1, 64))
        .unwrap()
    {
        Created::New(entry) => entry,
        Created::Existing(_) => panic!("{text} exists"),
    }
}

#[test]
fn a_name_lives_as_long_as_its_last_holder() {
    let place = Playground::new();
    let root = place.local();
    assert!(matches!(root.open(OBJECT, &name("a"), Wanted::Most), Err(EntryError::NotFound)));
    let first = make(&root, "a");
    let second = root.open(OBJECT, &name("a"), Wanted::Most).unwrap();
    assert_eq!(first.id(), second.id());
    assert!(first.is_shared().unwrap());
    drop(first);
    assert!(!second.is_shared().unwrap());
    let third =
        root.create(OBJECT, &name("a"), &CreateOptions::new(&Protection::private()).body(1, 1, 64)).unwrap();
    assert!(matches!(&third, Created::Existing(entry) if entry.id() == second.id()));
    drop(second);
    drop(third);
    assert!(matches!(root.open(OBJECT, &name("a"), Wanted::Most), Err(EntryError::NotFound)));
    assert_eq!(files_in(&place.path().join("object")), 0);
    make(&root, "a");
}

#[test]
fn case_folds_where_the_kind_says_so() {
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let options = CreateOptions::new(&private);
    let _pipe = root.create(Kind::PIPE, &name("Größe/x"), &options).unwrap();
    assert_eq!(root.open(Kind::PIPE, &name("gRÖßE/X"), Wanted::Most).unwrap().name().to_string(), "Größe/x");
    let _object = root.create(OBJECT, &name("Aa"), &options).unwrap();
    assert!(matches!(root.open(OBJECT, &name("aa"), Wanted::Most), Err(EntryError::NotFound)));
}

#[test]
fn an_exclusive_create_refuses_a_held_name() {
    let place = Playground::new();
    let root = place.local();
    let _held = make(&root, "a");
    let private = Protection::private();
    let again = root.create(OBJECT, &name("a"), &CreateOptions::new(&private).exclusive());
    assert!(matches!(again, Err(EntryError::AlreadyExists)));
}

#[test]
fn the_body_is_shared_and_starts_as_asked() {
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let options = CreateOptions::new(&private).body(7, 3, 10_000).initial(b"12345678").align(4096);
    let one = root.create(OBJECT, &name("a"), &options).unwrap().into_entry();
    let two = root.open(OBJECT, &name("a"), Wanted::Read).unwrap();
    assert_eq!((two.body_tag(), two.body_version()), (7, 3));
    assert_eq!(two.header().body.0 % 4096, 0);
    let (ours, theirs) = (one.body().unwrap(), two.body().unwrap());
    assert_eq!((ours.len(), ours.is_writable(), theirs.is_writable()), (10_000, true, false));
    let mut begin = [0; 10];
    theirs.copy_out(0, &mut begin);
    assert_eq!(&begin, b"12345678\0\0");
    ours.atomic_u32(9996).store(5, SeqCst);
    assert_eq!(theirs.atomic_u32(9996).load(SeqCst), 5);
    assert!(theirs.copy_in(0, b"x").is_err());
}

#[test]
fn only_what_is_asked_for_takes_room() {
    use std::os::unix::fs::MetadataExt;
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let options = CreateOptions::new(&private).body(7, 1, 1 << 40).align(1 << 16).allocate(0..5000);
    let entry = root.create(OBJECT, &name("a"), &options).unwrap().into_entry();
    assert_eq!(entry.header().body, (1 << 16, 1 << 40));
    let file = entry.file().metadata().unwrap();
    assert_eq!(file.len(), (1 << 16) + (1 << 40));
    // The front's page, and two of the body.
    assert_eq!(file.blocks() * 512, 3 * 4096);
}

#[test]
fn a_mapped_body_does_not_keep_a_closed_name() {
    let place = Playground::new();
    let root = place.local();
    let entry = make(&root, "a");
    entry.body().unwrap().atomic_u32(0).store(1, SeqCst);
    drop(entry);
    assert_eq!(files_in(&place.path().join("object")), 0);
}

#[test]
fn slots_are_held_by_one_entry_value() {
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let one = root.create(OBJECT, &name("a"), &CreateOptions::new(&private).slot(0)).unwrap().into_entry();
    let two = root.open(OBJECT, &name("a"), Wanted::Most).unwrap();
    assert!(one.slot_is_held(0).unwrap() && two.slot_is_held(0).unwrap());
    assert!(!one.lock_slot(0).unwrap() && !two.lock_slot(0).unwrap());
    assert_eq!(two.lock_any_slot(4).unwrap(), Some(1));
    assert!(one.slot_is_held(1).unwrap() && !one.slot_is_held(2).unwrap());
    two.unlock_slot(0).unwrap();
    assert!(one.slot_is_held(0).unwrap(), "only its holder lets a slot go");
    one.unlock_slot(0).unwrap();
    assert!(two.lock_slot(0).unwrap());
    drop(two);
    assert!(!one.slot_is_held(0).unwrap() && !one.slot_is_held(1).unwrap());
}

#[test]
fn sockets_are_swept_with_their_slot() {
    let place = Playground::new();
    let root = place.local();
    let entry = make(&root, "a");
    assert!(entry.lock_slot(3).unwrap());
    let folder = root.own_sockets(OBJECT).unwrap();
    let socket = folder.new_name(&entry, 3).unwrap();
    let listener = UnixListener::bind(folder.path(&socket)).unwrap();
    folder.protect(&socket, &Protection::private()).unwrap();
    let found = root.sockets_of(OBJECT, &socket).unwrap();
    UnixStream::connect(found.path(&socket)).unwrap();
    assert!(entry.socket_is_alive(&socket).unwrap());
    assert_eq!(root.list(OBJECT).unwrap().removed, 0);
    drop(listener);
    entry.unlock_slot(3).unwrap();
    assert!(!entry.socket_is_alive(&socket).unwrap());
    assert_eq!(root.list(OBJECT).unwrap().removed, 1);
    let orphan = folder.new_name(&entry, 4).unwrap();
    let _listener = UnixListener::bind(folder.path(&orphan)).unwrap();
    drop(entry);
    assert_eq!(root.sweep().unwrap().removed, 1);
    assert_eq!(files_in(&place.path().join("object/.sockets")), 0);
}

#[test]
fn a_list_shows_the_living_and_removes_the_dead() {
    let place = Playground::new();
    let root = place.local();
    let held = make(&root, "alive");
    std::fs::write(place.path().join("object/dead"), b"\x89ENNEAD\nleft by a killed process").unwrap();
    std::fs::write(place.path().join("object/.t.0123456789abcdef"), b"").unwrap();
    std::fs::write(place.path().join("object/.c.dead"), b"").unwrap();
    let listing = root.list(OBJECT).unwrap();
    assert_eq!(listing.removed, 3);
    assert_eq!(listing.entries.len(), 1);
    let entry = &listing.entries[0];
    assert_eq!(entry.name.as_ref().unwrap().to_string(), "alive");
    let observed = entry.observed.as_ref().unwrap();
    assert_eq!(observed.header.entry, held.id());
    assert_eq!(observed.header.pid, std::process::id());
    assert!(!observed.header.command_text().is_empty());
    assert!(!held.is_shared().unwrap(), "an observer is no holder");
    assert_eq!(files_in(&place.path().join("object")), 1);
}

#[test]
fn intruders_are_refused_and_never_followed() {
    let place = Playground::new();
    let root = place.local();
    drop(make(&root, "a"));
    let folder = place.path().join("object");
    let outside = place.path().join("outside");
    std::fs::write(&outside, b"precious").unwrap();
    symlink(&outside, folder.join("link")).unwrap();
    std::fs::create_dir(folder.join("folder")).unwrap();
    playground::fifo(&folder.join("fifo"));
    let _socket = UnixListener::bind(folder.join("socket")).unwrap();
    let private = Protection::private();
    let options = CreateOptions::new(&private);
    for (text, what) in [
        ("link", Intruder::Link),
        ("folder", Intruder::Folder),
        ("fifo", Intruder::Special),
        ("socket", Intruder::Special),
    ] {
        for outcome in [
            root.open(OBJECT, &name(text), Wanted::ReadWrite).map(drop),
            root.create(OBJECT, &name(text), &options).map(drop),
        ] {
            assert!(matches!(&outcome, Err(EntryError::Intruder { what: w }) if *w == what), "{outcome:?}");
        }
        let read = root.open(OBJECT, &name(text), Wanted::Read).map(drop);
        assert!(read.is_err(), "{text}: {read:?}");
    }
    let listing = root.list(OBJECT).unwrap();
    assert_eq!((listing.entries.len(), listing.skipped.len(), listing.removed), (0, 4, 0));
    assert_eq!(std::fs::read(outside).unwrap(), b"precious");
}

#[test]
fn a_held_name_with_garbage_inside_is_an_error_and_a_dead_one_is_replaced() {
    let place = Playground::new();
    let root = place.local();
    drop(make(&root, "a"));
    let path = place.path().join("object/a");
    std::fs::write(&path, b"garbage").unwrap();
    let holder = playground::hold(&path);
    let private = Protection::private();
    let options = CreateOptions::new(&private);
    assert!(matches!(root.open(OBJECT, &name("a"), Wanted::Most), Err(EntryError::Header(_))));
    assert!(matches!(root.create(OBJECT, &name("a"), &options), Err(EntryError::Header(_))));
    let listing = root.list(OBJECT).unwrap();
    assert_eq!((listing.entries.len(), listing.skipped.len(), listing.removed), (0, 1, 0));
    drop(holder);
    assert!(matches!(root.create(OBJECT, &name("a"), &options), Ok(Created::New(_))));
}

#[test]
fn long_and_odd_names_are_kept_whole() {
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let options = CreateOptions::new(&private);
    let mut kept = Vec::new();
    for text in ["x".repeat(32_767), "ö".repeat(300), "...".into(), "a/b\\c%d\u{1}".into(), ".c.x".into()] {
        let entry = root.create(OBJECT, &name(&text), &options).unwrap().into_entry();
        assert_eq!(root.open(OBJECT, &name(&text), Wanted::Most).unwrap().name().to_string(), text);
        kept.push(entry);
    }
    let lone = Name::from_wide(&[0xd800, 0x61]).unwrap();
    kept.push(root.create(OBJECT, &lone, &options).unwrap().into_entry());
    let listing = root.list(OBJECT).unwrap();
    assert_eq!(listing.entries.len(), kept.len());
    assert!(listing.entries.iter().any(|entry| entry.name.as_ref() == Some(&lone)));
}

#[test]
fn a_root_that_was_removed_is_an_error_that_says_so_or_made_again() {
    let place = Playground::new();
    let root = place.local();
    drop(make(&root, "a"));
    std::fs::remove_dir(place.path().join("object")).unwrap();
    drop(make(&root, "a"));
    std::fs::remove_dir_all(place.path()).unwrap();
    let private = Protection::private();
    let error = root.create(OBJECT, &name("a"), &CreateOptions::new(&private)).unwrap_err();
    assert_eq!(error.win32(), ennead_status::Win32Error::PATH_NOT_FOUND, "{error}");
}

#[test]
fn looking_makes_nothing_and_removes_nothing_of_strangers() {
    let place = Playground::new();
    let root = place.local();
    assert!(root.list(Kind::PIPE).unwrap().entries.is_empty());
    assert!(matches!(root.open(OBJECT, &name("a"), Wanted::Most), Err(EntryError::NotFound)));
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);

    // A folder with other things in it was named as the root.
    let letters = root.path().join("object");
    std::fs::create_dir(&letters).unwrap();
    std::fs::write(letters.join("letter"), b"precious").unwrap();
    std::fs::write(letters.join("empty"), b"").unwrap();
    for listing in [root.list(OBJECT).unwrap(), root.sweep().unwrap()] {
        assert_eq!((listing.entries.len(), listing.removed, listing.skipped.len()), (0, 0, 2));
        for skipped in listing.skipped {
            assert!(matches!(skipped.reason, EntryError::Intruder { what: Intruder::Stranger }));
        }
    }
    assert_eq!(files_in(&letters), 2);
}

#[test]
fn a_shared_description_holds_the_name_by_itself() {
    let place = Playground::new();
    let root = place.local();
    let first = make(&root, "passed");
    let passed = first.share().unwrap();
    let id = first.id();
    drop(first);
    assert_eq!(
        root.open(OBJECT, &name("passed"), Wanted::Most).unwrap().id(),
        id,
        "the description holds it"
    );
    let joined = root.join(OBJECT, passed).unwrap();
    assert_eq!((joined.id(), joined.name().to_string().as_str()), (id, "passed"));
    joined.body().unwrap().atomic_u32(0).store(7, SeqCst);
    drop(joined);
    assert!(matches!(root.open(OBJECT, &name("passed"), Wanted::Most), Err(EntryError::NotFound)));
    assert_eq!(files_in(&place.path().join("object")), 0);
}

#[test]
fn what_is_no_entry_cannot_be_joined() {
    let place = Playground::new();
    let root = place.local();
    let file = std::fs::File::create_new(place.path().join("x")).unwrap();
    assert!(root.join(OBJECT, file.into()).is_err());
    let file = std::fs::File::options().read(true).write(true).open(place.path().join("x")).unwrap();
    assert!(matches!(root.join(OBJECT, file.into()), Err(EntryError::Header(_))));
    assert!(root.join(OBJECT, std::fs::File::open("/dev/null").unwrap().into()).is_err());
}

#[test]
fn a_user_has_an_entry_of_their_own() {
    let place = Playground::new();
    let root = place.local();
    let private = Protection::private();
    let options = CreateOptions::new(&private).body(3, 1, 64);
    let Created::New(first) = root.create_own(OBJECT, &name("own"), &options).unwrap() else { panic!() };
    let Created::Existing(second) = root.create_own(OBJECT, &name("own"), &options).unwrap() else {
        panic!()
    };
    let uid = ennead_sys::process::effective_uid();
    let found = root.open_of(uid, OBJECT, &name("own"), Wanted::Read).unwrap();
    assert_eq!((first.id(), first.id()), (second.id(), found.id()));
    let nobody = root.open_of(uid + 1, OBJECT, &name("own"), Wanted::Read);
    assert!(matches!(nobody, Err(EntryError::NotFound)));
}
