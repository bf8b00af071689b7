//! Private namespaces: boundaries, aliases, lifetimes, and who is kept out.

mod playground;

use std::process::{Command, Stdio};

use ennead_namespace::private::{Boundary, PrivateError, PrivateNamespace, root_of_alias};
use ennead_namespace::{
    CreateOptions, Created, Entry, EntryError, Kind, Protection, Root, Roots, Scope, Wanted, setup,
};
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Sid};
use ennead_status::Win32Error;
use playground::{Playground, become_user, files_in, may_be_others, name};

const OBJECT: Kind = Kind::OBJECT;
const ALICE: u32 = 61_031;
const BOB: u32 = 61_032;
const MALLORY: u32 = 61_033;

/// Reckoned for the thread's user, who makes the file.
fn everybody() -> Protection {
    let meaning = Meaning { read: AccessMask::FILE_READ_DATA, write: AccessMask::FILE_WRITE_DATA };
    Protection::new(&"D:(A;;GA;;;WD)".parse().unwrap(), meaning, &GenericMapping::FILE)
}

fn boundary(text: &str, sids: &[Sid]) -> Boundary {
    let mut boundary = Boundary::new(text).unwrap();
    sids.iter().for_each(|sid| boundary.add(*sid));
    boundary
}

fn local(place: &Playground) -> Roots {
    Roots::new(place.local(), None)
}

/// Both roots, the local one of the thread's user.
fn both(place: &Playground) -> Roots {
    let own = place.path().join(format!("local-{}", ennead_sys::process::effective_uid()));
    Roots::new(Root::at(own).unwrap(), Some(Root::global_at(place.path().join("global")).unwrap()))
}

fn set_up() -> Playground {
    let place = Playground::new();
    setup::set_up_global(&place.path().join("global"), setup::Room::Shared(setup::Limits::default()))
        .unwrap();
    for uid in [ALICE, BOB, MALLORY] {
        let own = place.path().join(format!("local-{uid}"));
        std::fs::create_dir(&own).unwrap();
        std::os::unix::fs::chown(&own, Some(uid), Some(uid)).unwrap();
    }
    place
}

fn as_user<T: Send>(uid: u32, act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let _user = become_user(uid);
                act()
            })
            .join()
            .unwrap()
    })
}

/// An object in the namespace that goes by `alias`, as a mechanism makes it.
fn object(alias: &str, text: &str, protection: &Protection) -> Result<Created, EntryError> {
    let alias: Vec<u16> = alias.encode_utf16().collect();
    let root = root_of_alias(&alias).ok_or(EntryError::NotFound)?;
    root.create(OBJECT, &name(text), &CreateOptions::new(protection).body(1, 1, 8))
}

fn new(created: Result<Created, EntryError>) -> Entry {
    match created.unwrap() {
        Created::New(entry) => entry,
        Created::Existing(_) => panic!("the name was free"),
    }
}

fn open(alias: &str, text: &str) -> Result<Entry, EntryError> {
    let alias: Vec<u16> = alias.encode_utf16().collect();
    root_of_alias(&alias).ok_or(EntryError::NotFound)?.open(OBJECT, &name(text), Wanted::Most)
}

fn code<T>(outcome: Result<T, PrivateError>) -> Option<Win32Error> {
    outcome.err().map(|error| error.win32())
}

/// CreatePrivateNamespace, OpenPrivateNamespace, ClosePrivateNamespace.
#[test]
fn a_namespace_is_a_name_and_sids_and_lives_while_its_creator_has_it_open() {
    let place = Playground::new();
    let roots = local(&place);
    let everyone = boundary("b", &[Sid::WORLD]);
    let both_sids = boundary("b", &[Sid::WORLD, Sid::AUTHENTICATED_USERS]);
    let turned = boundary("b", &[Sid::AUTHENTICATED_USERS, Sid::WORLD, Sid::WORLD]);
    assert_eq!(code(PrivateNamespace::open(&roots, &everyone, "life")), Some(Win32Error::PATH_NOT_FOUND));
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0, "who only looks makes nothing");
    let first = PrivateNamespace::create(&roots, &everyone, "life-1", None).unwrap();
    // The boundary says which it is: another one is another namespace, in whatever order its SIDs come.
    let second = PrivateNamespace::create(&roots, &both_sids, "life-2", None).unwrap();
    assert_eq!(
        code(PrivateNamespace::create(&roots, &turned, "life-3", None)),
        Some(Win32Error::ALREADY_EXISTS)
    );
    let opened = PrivateNamespace::open(&roots, &turned, "life-3").unwrap();
    assert!(second.is_creator() && !opened.is_creator());
    // The alias is the process's own business, but there it is one.
    for taken in ["life-1", "Global", "Local"] {
        assert_eq!(code(PrivateNamespace::open(&roots, &everyone, taken)), Some(Win32Error::DUP_NAME));
    }
    let private = Protection::private();
    let event = new(object("life-1", "event", &private));
    let other = new(object("life-2", "event", &private));
    assert_ne!(event.id(), other.id());
    assert_eq!(open("life-3", "event").unwrap().id(), other.id(), "two aliases, one namespace");
    assert!(matches!(roots.local.open(OBJECT, &name("event"), Wanted::Most), Err(EntryError::NotFound)));
    let all = roots.local.list(OBJECT).unwrap();
    assert_eq!((all.entries.len(), all.skipped.len(), all.removed), (2, 0, 0));
    assert!(all.entries.iter().all(|entry| entry.name.as_ref().unwrap().to_string() == "event"));
    let inside = first.root().list(OBJECT).unwrap();
    assert_eq!(inside.entries.len(), 1);
    assert_eq!(inside.entries[0].observed.as_ref().unwrap().header.entry, event.id());
    // "After the namespace handle is closed, subsequent calls to OpenPrivateNamespace fail, but all operations on objects in the
    // namespace succeed."
    drop(second);
    assert_eq!(code(PrivateNamespace::open(&roots, &both_sids, "life-2")), Some(Win32Error::PATH_NOT_FOUND));
    assert_eq!(open("life-3", "event").unwrap().id(), other.id());
    // A namespace that is made anew is another one.
    let again = PrivateNamespace::create(&roots, &both_sids, "life-2", None).unwrap();
    assert!(matches!(open("life-2", "event"), Err(EntryError::NotFound)));
    drop((opened, again, first));
    assert!(root_of_alias(&"life-1".encode_utf16().collect::<Vec<_>>()).is_none());
    drop((event, other));
    assert_eq!(files_in(&place.path().join("object")), 0);
    assert_eq!(files_in(&place.path().join("private")), 0);
}

#[test]
fn what_is_no_boundary_and_no_alias_is_refused() {
    let place = Playground::new();
    let roots = local(&place);
    let none = boundary("none", &[]);
    assert_eq!(code(PrivateNamespace::create(&roots, &none, "x", None)), Some(Win32Error::INVALID_PARAMETER));
    assert!(Boundary::new("").is_err());
    let good = boundary("good", &[Sid::WORLD]);
    for (alias, expected) in [
        ("", Win32Error::INVALID_NAME),
        ("a\\b", Win32Error::INVALID_PARAMETER),
        ("a\0", Win32Error::INVALID_NAME),
    ] {
        assert_eq!(code(PrivateNamespace::create(&roots, &good, alias, None)), Some(expected), "{alias:?}");
    }
    // The caller must be within: nobody is in a group that does not exist, and Creator Owner is nobody.
    let strange = Sid::unix_group(4_000_000_001);
    for sids in [[strange, Sid::WORLD], [Sid::CREATOR_OWNER, Sid::WORLD]] {
        let outside = boundary("outside", &sids);
        assert_eq!(
            code(PrivateNamespace::create(&roots, &outside, "outside", None)),
            Some(Win32Error::ACCESS_DENIED)
        );
    }
    // Names that would run together do not.
    let one = PrivateNamespace::create(&roots, &boundary("a|S-1-1-0", &[Sid::LOCAL]), "run-1", None).unwrap();
    let two =
        PrivateNamespace::create(&roots, &boundary("a", &[Sid::WORLD, Sid::LOCAL]), "run-2", None).unwrap();
    // A long one is kept whole.
    let long = boundary(&"x".repeat(5000), &[Sid::WORLD]);
    let three = PrivateNamespace::create(&roots, &long, "run-3", None).unwrap();
    assert!(PrivateNamespace::open(&roots, &long, "run-4").is_ok());
    drop((one, two, three));
}

fn everybody_may(rights: &str) -> SecurityDescriptor {
    format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;{rights};;;WD)").parse().unwrap()
}

#[test]
fn another_user_opens_it_and_only_whom_the_descriptor_lets_creates_in_it() {
    if !may_be_others() {
        return;
    }
    let place = set_up();
    let alices = boundary("shared", &[Sid::unix_user(ALICE)]);
    // To open (0x2), and for Bob to create (0x4).
    let descriptor: SecurityDescriptor =
        format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;0x6;;;S-1-22-1-{BOB})(A;;0x2;;;WD)").parse().unwrap();
    let namespace = as_user(ALICE, || {
        PrivateNamespace::create(&both(&place), &alices, "o-alice", Some(&descriptor)).unwrap()
    });
    assert_eq!(namespace.root().scope(), Scope::Global);
    let bobs = as_user(BOB, || PrivateNamespace::open(&both(&place), &alices, "o-bob").unwrap());
    let event = as_user(BOB, || new(object("o-bob", "event", &everybody())));
    assert_eq!(as_user(ALICE, || open("o-alice", "event").unwrap().id()), event.id());
    // Mallory may look in, and open what lets Mallory, but not make anything.
    let mallorys = as_user(MALLORY, || {
        let namespace = PrivateNamespace::open(&both(&place), &alices, "o-mallory").unwrap();
        assert_eq!(open("o-mallory", "event").unwrap().id(), event.id());
        assert!(matches!(object("o-mallory", "mine", &everybody()), Err(EntryError::AccessDenied)));
        namespace
    });
    drop((event, bobs, mallorys));
    as_user(ALICE, || drop(namespace));
    let gone = as_user(BOB, || code(PrivateNamespace::open(&both(&place), &alices, "o-bob")));
    assert_eq!(gone, Some(Win32Error::PATH_NOT_FOUND));
    // A descriptor that admits nobody else: it is her own, and nobody else's eyes see it.
    let hers = as_user(ALICE, || PrivateNamespace::create(&both(&place), &alices, "o-alice", None).unwrap());
    assert_eq!(hers.root().scope(), Scope::Local);
    let refused = as_user(BOB, || code(PrivateNamespace::open(&both(&place), &alices, "o-bob")));
    assert_eq!(refused, Some(Win32Error::PATH_NOT_FOUND));
    as_user(ALICE, || drop(hers));
    // One that admits Bob only.
    let descriptor: SecurityDescriptor =
        format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;0x2;;;S-1-22-1-{BOB})").parse().unwrap();
    let hers = as_user(ALICE, || {
        PrivateNamespace::create(&both(&place), &alices, "o-alice", Some(&descriptor)).unwrap()
    });
    let refused = as_user(MALLORY, || code(PrivateNamespace::open(&both(&place), &alices, "o-mallory")));
    assert_eq!(refused, Some(Win32Error::ACCESS_DENIED));
    as_user(ALICE, || drop(hers));
}

#[test]
fn who_is_outside_the_boundary_cannot_take_its_place() {
    if !may_be_others() {
        return;
    }
    let place = set_up();
    let alices = boundary("guarded", &[Sid::unix_user(ALICE)]);
    let by_mallory = as_user(MALLORY, || {
        code(PrivateNamespace::create(&both(&place), &alices, "g-mallory", Some(&everybody_may("GA"))))
    });
    assert_eq!(by_mallory, Some(Win32Error::ACCESS_DENIED));
    // Mallory puts a namespace of that name there all the same, past this crate, and first: one made for Mallory's boundary is renamed.
    let mallorys = boundary("guarded", &[Sid::unix_user(MALLORY)]);
    let squatter = as_user(MALLORY, || {
        let made =
            PrivateNamespace::create(&both(&place), &mallorys, "g-mallory", Some(&everybody_may("GA")))
                .unwrap();
        let folder = place.path().join(format!("global/{MALLORY}/private"));
        let from = format!("7:guarded|S-1-22-1-{MALLORY}");
        let to = format!("7:guarded|S-1-22-1-{ALICE}");
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
        made
    });
    let missing = as_user(BOB, || code(PrivateNamespace::open(&both(&place), &alices, "g-bob")));
    assert_eq!(missing, Some(Win32Error::PATH_NOT_FOUND));
    // In her way it is not, either; nor does it make the name contested.
    let namespace = as_user(ALICE, || {
        PrivateNamespace::create(&both(&place), &alices, "g-alice", Some(&everybody_may("0x2"))).unwrap()
    });
    let bobs = as_user(BOB, || PrivateNamespace::open(&both(&place), &alices, "g-bob").unwrap());
    // Now the same inside: Mallory, who may not create there, puts an event into the own folder under the namespace's file name.
    let object_of_mallory = as_user(MALLORY, || {
        let made = new(both(&place).global.unwrap().create(
            OBJECT,
            &name("fake"),
            &CreateOptions::new(&everybody()).body(1, 1, 8),
        ));
        let folder = place.path().join(format!("global/{MALLORY}/object"));
        std::fs::rename(folder.join("fake"), folder.join(inner_file_name(&place, "event"))).unwrap();
        made
    });
    assert!(matches!(as_user(BOB, || open("g-bob", "event")), Err(EntryError::NotFound)));
    let event = as_user(ALICE, || new(object("g-alice", "event", &everybody())));
    assert_eq!(as_user(BOB, || open("g-bob", "event").unwrap().id()), event.id());
    drop((squatter, object_of_mallory, bobs, event, namespace));
}

/// The name that the file of an object in Alice's namespace has: read off one of hers.
fn inner_file_name(place: &Playground, text: &str) -> String {
    let path = place.path().join(format!("global/{ALICE}/private"));
    let file = std::fs::read_dir(&path)
        .unwrap()
        .map(|file| file.unwrap())
        .find(|file| !file.file_name().to_str().unwrap().starts_with('.'))
        .unwrap();
    let header = std::fs::read(file.path()).unwrap();
    let id = u64::from_le_bytes(header[24..32].try_into().unwrap());
    format!("%n{id:016x}-{text}")
}

/// After a kill the boundary's name is free at once, and one list leaves no file.
#[test]
fn a_killed_creator_leaves_the_name_free() {
    if let Ok(path) = std::env::var("ENNEAD_TEST_PRIVATE") {
        let roots = Roots::new(Root::at(path).unwrap(), None);
        let namespace =
            PrivateNamespace::create(&roots, &boundary("kill", &[Sid::WORLD]), "k", None).unwrap();
        let event = new(object("k", "event", &Protection::private()));
        println!("created");
        let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
        drop((namespace, event));
        return;
    }
    let place = Playground::new();
    let roots = local(&place);
    let boundary = boundary("kill", &[Sid::WORLD]);
    for _ in 0..20 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_killed_creator_leaves_the_name_free", "--nocapture", "--test-threads=1"])
            .env("ENNEAD_TEST_PRIVATE", place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(child.stdout.take().unwrap());
        assert!(std::io::BufRead::lines(said).any(|line| line.unwrap().contains("created")));
        let opened = PrivateNamespace::open(&roots, &boundary, "killed").unwrap();
        let event = open("killed", "event").unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // The event has a holder still, the namespace has none.
        assert_eq!(
            code(PrivateNamespace::open(&roots, &boundary, "again")),
            Some(Win32Error::PATH_NOT_FOUND)
        );
        assert_eq!(open("killed", "event").unwrap().id(), event.id());
        drop((opened, event));
        assert_eq!(files_in(&place.path().join("object")), 0);
    }
    roots.local.list(Kind::NAMESPACE).unwrap();
    assert_eq!(files_in(&place.path().join("private")), 0);
}
