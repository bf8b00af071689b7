//! For every sequence of create, open, close and kill by four processes of two users: a name is free exactly when no live
//! process holds it, and after one `list` no dead file is left.
//!
//! Participants (this test binary again) do random steps. A board that all of them map tells what each holds: a line is
//! written after a name was acquired and cleared before it is let go, so what stands there is really held, unless its process
//! is doomed, which is written before it is killed. Each participant checks what it met against the board:
//!
//! - two live holders of a name hold the same entry;
//! - a name that somebody held during a whole step was not found free in it;
//! - nobody is told that a name is contested.
//!
//! In `Global\` a third user, who may only read, never stops taking every lock that there is to take on their files.
//!
//! Now and then all are killed, and then one list leaves no file, and every name is free.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping};
use ennead_sys::mapping::Mapping;

use super::playground::{Dice, Playground, become_user, files_in, lock_all, may_be_others, name, seed};
use crate::{CreateOptions, Created, Entry, EntryError, Kind, Name, Protection, Root, Wanted, setup, step};

const KIND: Kind = Kind::PIPE;
const SEATS: usize = 4;
const NAMES: usize = 3;
const USERS: [u32; 2] = [61_001, 61_002];
const HOSTILE: u32 = 61_003;
/// Bytes a seat: doomed, steps, then for each name the entry's id and a count of acquisitions.
const SEAT: usize = 16 + NAMES * 16;
const BOARD: usize = 4096;

fn kills() -> u64 {
    std::env::var("ENNEAD_KILLS").ok().map_or(1000, |text| text.parse().expect("ENNEAD_KILLS is a number"))
}

struct Board(Mapping);

impl Board {
    fn open(path: &Path) -> Board {
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        file.set_len(BOARD as u64).unwrap();
        Board(Mapping::new(&file, BOARD).unwrap())
    }

    fn doomed(&self, seat: usize) -> &std::sync::atomic::AtomicU64 {
        self.0.atomic_u64(seat * SEAT)
    }

    fn steps(&self, seat: usize) -> &std::sync::atomic::AtomicU64 {
        self.0.atomic_u64(seat * SEAT + 8)
    }

    fn entry(&self, seat: usize, name: usize) -> &std::sync::atomic::AtomicU64 {
        self.0.atomic_u64(seat * SEAT + 16 + name * 16)
    }

    fn count(&self, seat: usize, name: usize) -> &std::sync::atomic::AtomicU64 {
        self.0.atomic_u64(seat * SEAT + 16 + name * 16 + 8)
    }

    /// Before a new participant takes the seat. What its dead predecessor held goes first: it is doomed until nothing of it stands.
    fn clear(&self, seat: usize) {
        // The counts go on, so that no acquisition of the new one is taken for one of the old.
        for word in (0..SEAT / 8).rev().filter(|word| *word == 1 || word % 2 == 0) {
            self.0.atomic_u64(seat * SEAT + word * 8).store(0, SeqCst);
        }
    }

    /// Who held `name` at this instant: seat and acquisition.
    fn holders(&self, me: usize, name: usize) -> Vec<(usize, u64)> {
        (0..SEATS)
            .filter(|&seat| seat != me)
            .filter_map(|seat| {
                let count = self.count(seat, name).load(SeqCst);
                let held = self.entry(seat, name).load(SeqCst) != 0;
                (held && self.count(seat, name).load(SeqCst) == count).then_some((seat, count))
            })
            .collect()
    }

    /// Which of `before` hold it still, without a break, and are not doomed.
    fn held_throughout(&self, before: &[(usize, u64)], name: usize) -> Vec<usize> {
        let still = |&&(seat, count): &&(usize, u64)| {
            self.entry(seat, name).load(SeqCst) != 0
                && self.count(seat, name).load(SeqCst) == count
                && self.doomed(seat).load(SeqCst) == 0
        };
        before.iter().filter(still).map(|&(seat, _)| seat).collect()
    }
}

/// The two users write, and so does who runs this; everybody else reads.
fn everybody() -> Protection {
    let [one, other] = USERS;
    let own = ennead_sys::process::effective_uid();
    let sddl =
        format!("D:(A;;GA;;;S-1-22-1-{one})(A;;GA;;;S-1-22-1-{other})(A;;GA;;;S-1-22-1-{own})(A;;GR;;;WD)");
    let descriptor = sddl.parse().unwrap();
    let meaning = Meaning { read: AccessMask::FILE_READ_DATA, write: AccessMask::FILE_WRITE_DATA };
    Protection::new(&descriptor, meaning, &GenericMapping::FILE)
}

/// What a participant does until it is killed. Not a test of its own.
#[test]
fn participant() {
    let Ok(orders) = std::env::var("ENNEAD_TEST_PARTICIPANT") else { return };
    let orders: Vec<&str> = orders.split(' ').collect();
    let [path, scope, seat, seed] = orders[..] else { panic!("orders: {orders:?}") };
    let seat: usize = seat.parse().unwrap();
    let path = Path::new(path);
    let board = Board::open(&path.join("board"));
    let global = scope == "global";
    let _user = global.then(|| become_user(USERS[seat % 2]));
    let root = if global { Root::global_at(path.join("root")) } else { Root::at(path.join("root")) }.unwrap();
    let mut dice = Dice::new(seed.parse().unwrap());
    let mut held: HashMap<usize, Vec<Entry>> = HashMap::new();
    step::loiter(dice.roll(u64::from(u32::MAX)));
    loop {
        board.steps(seat).fetch_add(1, SeqCst);
        let at = dice.roll(NAMES as u64) as usize;
        match dice.roll(11) {
            10 => look(&root, &board, seat, at, &held),
            0..4 => acquire(&root, &board, seat, at, true, &mut held),
            4..6 => acquire(&root, &board, seat, at, false, &mut held),
            6 => drop(root.list(KIND).unwrap()),
            _ => release(&board, seat, at, &mut held),
        }
    }
}

/// Looks at a name, as a pipe's client does.
fn look(root: &Root, board: &Board, seat: usize, at: usize, held: &HashMap<usize, Vec<Entry>>) {
    let before = board.holders(seat, at);
    match root.open(KIND, &name(&format!("Name{at}")), Wanted::Read) {
        Ok(entry) => {
            assert!(!entry.is_writable());
            if let Some(mine) = held.get(&at) {
                assert_eq!(mine[0].id(), entry.id(), "name {at} is two entries");
                assert!(entry.is_held().unwrap(), "name {at} is held here, and does not look so");
            }
        }
        Err(EntryError::NotFound) => {
            let others = board.held_throughout(&before, at);
            assert!(others.is_empty(), "name {at} was not found, but {others:?} held it");
            assert!(!held.contains_key(&at), "name {at} was not found by its holder");
        }
        Err(EntryError::AccessDenied) if at == NAMES - 1 && !held.contains_key(&at) => {}
        Err(error) => panic!("name {at}, looked at: {error}: {:?}", std::error::Error::source(&error)),
    }
}

/// Takes every lock that a reader can, until it is killed. Not a test of its own.
#[test]
fn hostile_reader() {
    let Ok(root) = std::env::var("ENNEAD_TEST_HOSTILE") else { return };
    let _user = become_user(HOSTILE);
    let mut kept = Vec::new();
    loop {
        for uid in USERS {
            kept.extend(lock_all(&Path::new(&root).join(format!("{uid}/pipe"))));
        }
        // The newest only: descriptors are few.
        let old = kept.len().saturating_sub(64);
        kept.drain(..old);
        std::thread::yield_now();
    }
}

fn acquire(
    root: &Root,
    board: &Board,
    seat: usize,
    at: usize,
    create: bool,
    held: &mut HashMap<usize, Vec<Entry>>,
) {
    let before = board.holders(seat, at);
    let before_mine = held.get(&at).map(|entries| entries[0].id());
    // The last name admits its maker's user only.
    let protection = if at == NAMES - 1 { Protection::private() } else { everybody() };
    let text = name(&format!("Name{at}"));
    let outcome = if create {
        root.create(KIND, &text, &CreateOptions::new(&protection).body(1, 1, 8)).map(
            |created| match created {
                Created::New(entry) => (entry, true),
                Created::Existing(entry) => (entry, false),
            },
        )
    } else {
        root.open(KIND, &text, Wanted::Most).map(|entry| (entry, false))
    };
    match outcome {
        Ok((entry, new)) => {
            if new {
                let others = board.held_throughout(&before, at);
                assert!(others.is_empty(), "name {at} was made anew under its holders {others:?}");
                assert_eq!(before_mine, None, "name {at} was made anew under this holder");
            }
            assert!(before_mine.is_none_or(|id| id == entry.id()), "name {at} is two entries");
            board.count(seat, at).fetch_add(1, SeqCst);
            board.entry(seat, at).store(entry.id(), SeqCst);
            for other in (0..SEATS).filter(|&other| other != seat) {
                let id = board.entry(other, at).load(SeqCst);
                if id != 0 && id != entry.id() && board.doomed(other).load(SeqCst) == 0 {
                    // It may have let go, and got another, since: only what stands twice was held in between.
                    let again = board.entry(other, at).load(SeqCst);
                    assert!(
                        again != id || board.doomed(other).load(SeqCst) != 0,
                        "name {at} has two entries"
                    );
                }
            }
            held.entry(at).or_default().push(entry);
        }
        Err(EntryError::NotFound) if !create => {
            let others = board.held_throughout(&before, at);
            assert!(others.is_empty(), "name {at} was not found, but {others:?} held it");
            assert_eq!(before_mine, None, "name {at} was not found by its holder");
        }
        // `Contested` least of all: these all follow the protocol, so none may ever find two holders.
        Err(EntryError::AccessDenied) if at == NAMES - 1 && before_mine.is_none() => {}
        Err(error) => panic!("name {at}, create {create}: {error}: {:?}", std::error::Error::source(&error)),
    }
}

fn release(board: &Board, seat: usize, at: usize, held: &mut HashMap<usize, Vec<Entry>>) {
    let Some(entries) = held.get_mut(&at) else { return };
    if entries.len() == 1 {
        board.entry(seat, at).store(0, SeqCst);
        held.remove(&at);
    } else {
        entries.pop();
    }
}

struct Stage<'a> {
    place: &'a Path,
    scope: &'static str,
    board: Board,
    children: Vec<Option<Child>>,
}

impl Stage<'_> {
    fn start(&mut self, seat: usize, seed: u64) {
        self.board.clear(seat);
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::lifetimes::participant", "--nocapture", "--test-threads=1"])
            .env("ENNEAD_TEST_PARTICIPANT", format!("{} {} {seat} {seed}", self.place.display(), self.scope))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.children[seat] = Some(child);
    }

    /// Waits until the participant has done a few steps, under a watchdog.
    fn see_it_run(&self, seat: usize, steps: u64) {
        let patience = Instant::now() + Duration::from_secs(60);
        while self.board.steps(seat).load(SeqCst) < steps {
            assert!(
                Instant::now() < patience,
                "participant {seat} hangs or has failed (its message is above)"
            );
            std::thread::yield_now();
        }
    }

    fn kill(&mut self, seat: usize) {
        let Some(mut child) = self.children[seat].take() else { return };
        self.board.doomed(seat).store(1, SeqCst);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "participant {seat} ended by itself: {status}");
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

struct Hostile(Child);

impl Hostile {
    fn start(root: &Path) -> Hostile {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::lifetimes::hostile_reader", "--nocapture", "--test-threads=1"])
            .env("ENNEAD_TEST_HOSTILE", root)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Hostile(child)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let status = self.0.wait();
        // One that failed has locked nothing.
        if !std::thread::panicking() {
            assert_eq!(status.unwrap().signal(), Some(9), "the hostile reader ended by itself");
        }
    }
}

/// Nobody lives: one list by a fresh root leaves no file, and every name is free for everybody.
fn check_quiet(place: &Path, scope: &str) {
    let open = || match scope {
        "global" => Root::global_at(place.join("root")).unwrap(),
        _ => Root::at(place.join("root")).unwrap(),
    };
    let listing = open().list(KIND).unwrap();
    assert!(listing.entries.is_empty() && listing.skipped.is_empty(), "{listing:?}");
    let folders: Vec<String> = match scope {
        "global" => USERS.iter().map(|uid| format!("root/{uid}/pipe")).collect(),
        _ => vec!["root/pipe".to_owned()],
    };
    for folder in folders.iter().map(|folder| place.join(folder)).filter(|folder| folder.exists()) {
        assert_eq!(files_in(&folder), 0, "dead files in {}", folder.display());
    }
    let names: Vec<Name> = (0..NAMES).map(|at| name(&format!("NAME{at}"))).collect();
    for name in &names {
        assert!(matches!(open().open(KIND, name, Wanted::Most), Err(EntryError::NotFound)));
        let made = open().create(KIND, name, &CreateOptions::new(&everybody()).exclusive()).unwrap();
        assert!(matches!(made, Created::New(_)));
    }
}

fn play(scope: &'static str, kills: u64) {
    let place = Playground::new();
    let seed = seed();
    let mut dice = Dice::new(seed);
    if scope == "global" {
        setup::set_up_global(&place.path().join("root"), setup::Room::Shared(setup::Limits::default()))
            .unwrap();
    }
    let board = Board::open(&place.path().join("board"));
    let mut stage = Stage { place: place.path(), scope, board, children: (0..SEATS).map(|_| None).collect() };
    let _hostile = (scope == "global").then(|| Hostile::start(&place.path().join("root")));
    let mut killed = 0;
    let mut steps = 0;
    while killed < kills {
        for seat in 0..SEATS {
            stage.start(seat, dice.roll(u64::from(u32::MAX)));
        }
        for _ in 0..40 {
            let seat = dice.roll(SEATS as u64) as usize;
            stage.see_it_run(seat, 1 + dice.roll(60));
            steps += stage.board.steps(seat).load(SeqCst);
            stage.kill(seat);
            killed += 1;
            stage.start(seat, dice.roll(u64::from(u32::MAX)));
        }
        for seat in 0..SEATS {
            stage.see_it_run(seat, 1 + dice.roll(20));
            stage.kill(seat);
            killed += 1;
        }
        check_quiet(place.path(), scope);
    }
    println!("{scope}: {killed} kills after {steps} steps");
}

#[test]
fn kills_of_two_users_in_global() {
    if may_be_others() {
        play("global", kills() * 7 / 10);
    }
}

#[test]
fn kills_of_one_user_in_local() {
    play("local", kills() * 3 / 10);
}
