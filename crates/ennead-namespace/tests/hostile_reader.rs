//! A reader of an entry who locks every byte that they can lock, as another user: what they can hold up, and what they cannot.

mod playground;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use ennead_namespace::{CreateOptions, Created, Entry, EntryError, Kind, Protection, Root, Wanted, setup};
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping};
use playground::{Playground, become_user, files_in, lock_all, may_be_others, name};

const ALICE: u32 = 61_021;
const BOB: u32 = 61_022;
const MALLORY: u32 = 61_023;

fn protection(sddl: &str) -> Protection {
    let meaning = Meaning { read: AccessMask::FILE_READ_DATA, write: AccessMask::FILE_WRITE_DATA };
    Protection::new(&sddl.parse().unwrap(), meaning, &GenericMapping::FILE)
}

/// Everybody reads, Alice and Bob write.
fn readable() -> Protection {
    protection(&format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;GA;;;S-1-22-1-{BOB})(A;;GR;;;WD)"))
}

fn global(place: &Playground) -> Root {
    Root::global_at(place.path().join("global")).unwrap()
}

fn set_up() -> Playground {
    let place = Playground::new();
    setup::set_up_global(&place.path().join("global"), setup::Room::Shared(setup::Limits::default()))
        .unwrap();
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

fn folder(place: &Playground, kind: Kind) -> PathBuf {
    place.path().join(format!("global/{ALICE}/{}", kind.folder()))
}

fn create(place: &Playground, uid: u32, kind: Kind) -> Result<Created, EntryError> {
    as_user(uid, || {
        let protection = readable();
        let options = CreateOptions::new(&protection).body(1, 1, 64).slot(0);
        global(place).create(kind, &name("thing"), &options)
    })
}

fn made(place: &Playground, uid: u32, kind: Kind) -> Entry {
    match create(place, uid, kind).unwrap() {
        Created::New(entry) => entry,
        Created::Existing(_) => panic!("the name was free"),
    }
}

fn joined(place: &Playground, uid: u32, kind: Kind) -> Entry {
    match create(place, uid, kind).unwrap() {
        Created::Existing(entry) if entry.is_writable() => entry,
        other => panic!("{other:?}"),
    }
}

fn mallory_locks(place: &Playground, kind: Kind) -> Vec<File> {
    let locked = as_user(MALLORY, || lock_all(&folder(place, kind)));
    assert!(!locked.is_empty(), "the reader may open the entry");
    locked
}

#[test]
fn a_readers_locks_keep_no_server_out_and_no_dead_name() {
    if !may_be_others() {
        return;
    }
    for kind in [Kind::PIPE, Kind::MAILSLOT] {
        let place = set_up();
        let first = made(&place, ALICE, kind);
        let locks = mallory_locks(&place, kind);
        // Clients see it, further servers of two users join and take slots, and each sees the others.
        let client = as_user(BOB, || global(&place).open(kind, &name("THING"), Wanted::Read).unwrap());
        assert!(client.is_held().unwrap() && !client.is_writable());
        let (second, third) = (joined(&place, BOB, kind), joined(&place, ALICE, kind));
        assert_eq!([second.id(), third.id()], [first.id(); 2]);
        assert_eq!(as_user(BOB, || second.lock_any_slot(4).unwrap()), Some(1));
        assert_eq!(as_user(ALICE, || third.lock_any_slot(4).unwrap()), Some(2));
        let slots = |entry: &Entry| [0, 1, 2, 3].map(|slot| entry.slot_is_held(slot).unwrap());
        let listing = as_user(MALLORY, || global(&place).list(kind).unwrap());
        let observed = listing.entries[0].observed.as_ref().unwrap();
        assert_eq!([0, 1, 2, 3].map(|slot| observed.slot_is_held(slot).unwrap()), [true, true, true, false]);
        for (uid, entry) in [(ALICE, &first), (BOB, &second), (BOB, &client)] {
            assert_eq!(as_user(uid, || slots(entry)), [true, true, true, false], "uid {uid}");
        }
        // Its maker goes; who looks finds the others, mark or no mark.
        as_user(ALICE, || drop(first));
        let looks = |uid| as_user(uid, || global(&place).open(kind, &name("thing"), Wanted::Read).map(drop));
        for uid in [ALICE, BOB, MALLORY] {
            looks(uid).unwrap();
        }
        assert_eq!(as_user(MALLORY, || global(&place).list(kind).unwrap().entries.len()), 1);
        assert!(as_user(BOB, || client.is_held().unwrap()));
        // The last one goes: the name is free, and the files are gone.
        as_user(BOB, || drop(second));
        as_user(ALICE, || drop(third));
        assert!(!as_user(BOB, || client.is_held().unwrap()));
        assert_eq!(files_in(&folder(&place, kind)), 0);
        for uid in [ALICE, BOB, MALLORY] {
            assert!(matches!(looks(uid), Err(EntryError::NotFound)));
        }
        // And made anew at once, in either user's folder.
        as_user(BOB, || drop(made(&place, BOB, kind)));
        let again = made(&place, ALICE, kind);
        drop((locks, again));
    }
}

/// As above, after a kill: the dead file is there, and locked by the reader before and after.
#[test]
fn a_readers_locks_do_not_keep_a_killed_servers_name() {
    if !may_be_others() {
        return;
    }
    for uid in [ALICE, BOB] {
        let place = set_up();
        let mut server = Server::start(&place);
        let before = mallory_locks(&place, Kind::PIPE);
        server.kill();
        let after = mallory_locks(&place, Kind::PIPE);
        assert_eq!(files_in(&folder(&place, Kind::PIPE)), 2, "the dead entry and its key");
        let found = as_user(BOB, || global(&place).open(Kind::PIPE, &name("thing"), Wanted::Read).map(drop));
        assert!(matches!(found, Err(EntryError::NotFound)), "{found:?}");
        assert!(as_user(MALLORY, || global(&place).list(Kind::PIPE).unwrap().entries.is_empty()));
        let again = made(&place, uid, Kind::PIPE);
        assert_eq!(again.owner_uid(), uid);
        // One list of the owner's, and no dead file is left.
        as_user(ALICE, || global(&place).list(Kind::PIPE).unwrap());
        assert_eq!(files_in(&folder(&place, Kind::PIPE)), if uid == ALICE { 2 } else { 0 });
        drop((before, after));
    }
}

/// The reader never stops taking locks, while servers come and go a hundred times.
#[test]
fn a_reader_who_never_stops_locking_holds_nobody_up() {
    if !may_be_others() {
        return;
    }
    let place = set_up();
    // The folders are there before the reader looks.
    for uid in [ALICE, BOB] {
        as_user(uid, || drop(made(&place, uid, Kind::PIPE)));
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _user = become_user(MALLORY);
            let mut kept = Vec::new();
            while !stop.load(SeqCst) {
                for uid in [ALICE, BOB] {
                    kept.extend(lock_all(&place.path().join(format!("global/{uid}/pipe"))));
                }
                // The newest only: descriptors are few.
                let old = kept.len().saturating_sub(64);
                kept.drain(..old);
            }
        });
        // So that a failure here ends the other thread, too.
        let _stop = Stop(&stop);
        for round in 0..100 {
            let (one, other) = if round % 2 == 0 { (ALICE, BOB) } else { (BOB, ALICE) };
            let first = made(&place, one, Kind::PIPE);
            let second = joined(&place, other, Kind::PIPE);
            assert_eq!(as_user(other, || second.lock_any_slot(2).unwrap()), Some(1));
            as_user(one, || drop(first));
            let client = as_user(other, || global(&place).open(Kind::PIPE, &name("thing"), Wanted::Read));
            assert_eq!(client.unwrap().id(), second.id());
            as_user(other, || drop(second));
            // Not its own folder's: the owner's next list removes it.
            let _ = as_user(one, || global(&place).list(Kind::PIPE).unwrap());
        }
    });
    for uid in [ALICE, BOB] {
        assert_eq!(files_in(&place.path().join(format!("global/{uid}/pipe"))), 0);
    }
}

struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// A handle of an event keeps the event, and so may whoever can open it: but no more than that.
#[test]
fn a_reader_of_an_object_keeps_it_alive_and_nothing_else() {
    if !may_be_others() {
        return;
    }
    let place = set_up();
    let kind = Kind::OBJECT;
    let first = made(&place, ALICE, kind);
    let locks = mallory_locks(&place, kind);
    let second = joined(&place, BOB, kind);
    assert_eq!(second.id(), first.id());
    assert!(!second.slot_is_held(3).unwrap(), "a reader's lock is no slot's");
    as_user(ALICE, || drop(first));
    as_user(BOB, || drop(second));
    // It lives, so whoever creates it gets it as it is.
    let kept = joined(&place, ALICE, kind);
    as_user(ALICE, || drop(kept));
    drop(locks);
    as_user(ALICE, || drop(made(&place, ALICE, kind)));
    assert_eq!(files_in(&folder(&place, kind)), 0);
}

/// A server that holds the name until it is killed. Not a test of its own.
#[test]
fn server() {
    let Ok(root) = std::env::var("ENNEAD_TEST_HOSTILE_SERVER") else { return };
    let _user = become_user(ALICE);
    let protection = readable();
    let options = CreateOptions::new(&protection).body(1, 1, 64).slot(0);
    let entry = Root::global_at(root).unwrap().create(Kind::PIPE, &name("thing"), &options).unwrap();
    println!("serving");
    let _ = std::io::Read::read(&mut std::io::stdin(), &mut [0]);
    drop(entry);
}

struct Server(Child);

impl Server {
    fn start(place: &Playground) -> Server {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "server", "--nocapture", "--test-threads=1"])
            .env("ENNEAD_TEST_HOSTILE_SERVER", place.path().join("global"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = std::io::BufReader::new(child.stdout.take().unwrap());
        let serves = std::io::BufRead::lines(said).any(|line| line.unwrap().contains("serving"));
        assert!(serves);
        Server(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
