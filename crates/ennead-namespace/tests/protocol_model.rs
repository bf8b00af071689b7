//! A model of the protocol of one folder: every interleaving, at the granularity of system calls, of two closers, a creator
//! and an opener, and of two creators and an opener over a dead file; any may be killed between any two calls. Then the same model with the protocol broken on
//! purpose in each way that looks tempting: the checks must find every one.
//!
//! What is checked in every state:
//! - **held is named**: whoever holds an entry, the name stands for it (so two live holders hold the same entry, and
//!   nobody can make the name anew under a holder);
//! - **not found is true**: an open that finds nothing had an instant at which nobody held the name;
//! - **found is true**: an open that succeeds had an instant at which somebody else held it;
//! - **free at once**: kill everybody here, and a creator that runs alone makes the name anew, an opener that runs alone finds
//!   nothing, and one list leaves no file;
//! - **no leak**: if nobody was killed, the last close removes the file;
//! - **no dead end**: from here everybody can come to the end.

mod explorer;

use explorer::{Finding, Model, explore};

const PROCESSES: usize = 4;
const CREATOR: usize = 2;
const OPENER: usize = 3;

/// How the protocol is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Not,
    /// Close turns its read lock into a write lock instead of releasing it first.
    UpgradeOnClose,
    /// Open does not look again whether the name still stands for what it locked.
    NoCheckAfterLock,
    /// Open does not ask whether somebody holds the entry.
    NoQueryBeforeLock,
    /// Unlink without looking whether the name stands for the dead entry.
    NoCheckBeforeUnlink,
    /// Unlink on the word of the query, without the write lock.
    NoWriteLock,
    /// The entry gets its name before it is locked.
    LockAfterLink,
    /// A dead entry in the way is left there.
    NoReplace,
}

/// The next system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Open,
    OpenQuery,
    OpenReadLock,
    OpenCheck,
    Link,
    /// Only where broken.
    LateLock,
    RemoveOpen,
    RemoveQuery,
    RemoveWriteLock,
    RemoveCheck,
    Unlink,
    RemoveUnlock,
    /// It holds the name; its next call is the first of its close.
    Holding,
    Done,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Process {
    at: At,
    /// Wants the name, made or opened; else only opened.
    creates: bool,
    /// Is on its way out: what follows a removal is the end, not another attempt.
    closes: bool,
    file: usize,
    /// During this operation nobody, or somebody else, held the name at some instant.
    saw_free: bool,
    saw_held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    name: Option<usize>,
    /// For each file who has a read lock (a bit each), and who has the write lock.
    locks: Vec<(u8, Option<usize>)>,
    processes: [Process; PROCESSES],
    killed: bool,
    wrong: Option<&'static str>,
}

impl State {
    fn others_lock(&self, file: usize, me: usize) -> (bool, bool) {
        let (readers, writer) = self.locks[file];
        (readers & !(1 << me) != 0, writer.is_some_and(|writer| writer != me))
    }

    fn drop_locks(&mut self, me: usize) {
        for (readers, writer) in &mut self.locks {
            *readers &= !(1 << me);
            if *writer == Some(me) {
                *writer = None;
            }
        }
    }

    fn holders(&self) -> impl Iterator<Item = usize> {
        (0..PROCESSES).filter(|&p| self.processes[p].at == At::Holding)
    }

    /// Brings what each pending operation has witnessed up to date.
    fn witness(&mut self) {
        let free = self.holders().next().is_none();
        for me in 0..PROCESSES {
            // Another opener that has its lock, on a file that is still named, holds it, though it does not know yet.
            let held = (0..PROCESSES).any(|p| {
                let process = &self.processes[p];
                let holds = process.at == At::Holding
                    || (process.at == At::OpenCheck && self.name == Some(process.file));
                p != me && holds
            });
            self.processes[me].saw_free |= free;
            self.processes[me].saw_held |= held;
        }
    }

    /// The state after the next call of `me`.
    fn after(&self, me: usize, broken: Broken) -> State {
        let mut next = self.clone();
        let process = self.processes[me];
        let file = process.file;
        let set = |next: &mut State, at| next.processes[me].at = at;
        let found_nothing = if process.creates { At::Link } else { At::Done };
        match process.at {
            At::Open => match self.name {
                Some(file) => {
                    next.processes[me].file = file;
                    set(
                        &mut next,
                        if broken == Broken::NoQueryBeforeLock { At::OpenReadLock } else { At::OpenQuery },
                    );
                }
                None => set(&mut next, found_nothing),
            },
            At::OpenQuery => {
                let (readers, writer) = self.others_lock(file, me);
                set(&mut next, if readers && !writer { At::OpenReadLock } else { found_nothing });
            }
            At::OpenReadLock => {
                if self.others_lock(file, me).1 {
                    set(&mut next, At::Open);
                } else {
                    next.locks[file].0 |= 1 << me;
                    let skip = broken == Broken::NoCheckAfterLock;
                    set(&mut next, if skip { At::Holding } else { At::OpenCheck });
                }
            }
            At::OpenCheck if self.name == Some(file) => set(&mut next, At::Holding),
            At::OpenCheck => {
                next.drop_locks(me);
                set(&mut next, At::Open);
            }
            At::Link => match self.name {
                None => {
                    let file = self.locks.len();
                    let late = broken == Broken::LockAfterLink;
                    next.locks.push((if late { 0 } else { 1 << me }, None));
                    next.name = Some(file);
                    next.processes[me].file = file;
                    set(&mut next, if late { At::LateLock } else { At::Holding });
                }
                Some(_) => {
                    set(&mut next, if broken == Broken::NoReplace { At::Open } else { At::RemoveOpen });
                }
            },
            At::LateLock => {
                if !self.others_lock(file, me).1 {
                    next.locks[file].0 |= 1 << me;
                }
                set(&mut next, At::Holding);
            }
            At::Holding if broken == Broken::UpgradeOnClose => {
                next.processes[me].closes = true;
                set(&mut next, At::RemoveWriteLock);
            }
            At::Holding => {
                next.drop_locks(me);
                next.processes[me].closes = true;
                set(&mut next, At::RemoveQuery);
            }
            At::RemoveOpen => match self.name {
                Some(file) => {
                    next.processes[me].file = file;
                    set(&mut next, At::RemoveQuery);
                }
                None => set(&mut next, At::Open),
            },
            At::RemoveQuery => {
                let free = self.others_lock(file, me) == (false, false);
                let go_on = if broken == Broken::NoWriteLock { At::RemoveCheck } else { At::RemoveWriteLock };
                set(&mut next, if free { go_on } else { At::RemoveUnlock });
            }
            At::RemoveWriteLock => {
                if self.others_lock(file, me) == (false, false) {
                    next.locks[file] = (0, Some(me));
                    let skip = broken == Broken::NoCheckBeforeUnlink;
                    set(&mut next, if skip { At::Unlink } else { At::RemoveCheck });
                } else {
                    set(&mut next, At::RemoveUnlock);
                }
            }
            At::RemoveCheck if self.name == Some(file) => set(&mut next, At::Unlink),
            At::RemoveCheck => set(&mut next, At::RemoveUnlock),
            At::Unlink => {
                next.name = None;
                set(&mut next, At::RemoveUnlock);
            }
            At::RemoveUnlock => {
                next.drop_locks(me);
                set(&mut next, if process.closes { At::Done } else { At::Open });
            }
            At::Done | At::Dead => {}
        }
        next.witness();
        next.judge(me, process);
        next
    }

    fn judge(&mut self, me: usize, before: Process) {
        if self.holders().any(|p| self.name != Some(self.processes[p].file)) {
            self.wrong = Some("held is named");
        }
        let now = self.processes[me];
        let opening = matches!(before.at, At::Open | At::OpenQuery | At::OpenReadLock | At::OpenCheck);
        if opening && now.at == At::Done && !now.saw_free {
            self.wrong = Some("not found is true");
        }
        if opening && now.at == At::Holding && !now.saw_held {
            self.wrong = Some("found is true");
        }
    }

    /// Everybody is killed here.
    fn after_all_died(&self) -> State {
        let mut state = self.clone();
        for me in 0..PROCESSES {
            state.drop_locks(me);
            state.processes[me].at = At::Dead;
        }
        state
    }

    /// Lets a fresh process run alone until it stands at one of `ends`.
    fn alone(mut self, creates: bool, from: At, ends: &[At], broken: Broken) -> Option<State> {
        let fresh = Process { at: from, creates, closes: false, file: 0, saw_free: true, saw_held: true };
        self.processes[CREATOR] = fresh;
        for _ in 0..30 {
            if ends.contains(&self.processes[CREATOR].at) {
                return Some(self);
            }
            self = self.after(CREATOR, broken);
        }
        None
    }
}

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Two who hold the entry and close it, one who creates, one who opens.
    Closers,
    /// One who opens and two who create, over a dead file that a killed process left.
    Rivals,
}

struct Folder {
    broken: Broken,
    cast: Cast,
}

impl Model for Folder {
    type State = State;

    fn initial(&self) -> State {
        let idle = Process {
            at: At::Holding,
            creates: false,
            closes: false,
            file: 0,
            saw_free: false,
            saw_held: false,
        };
        let mut processes = [idle; PROCESSES];
        processes[CREATOR] = Process { at: At::Open, creates: true, ..idle };
        processes[OPENER] = Process { at: At::Open, ..idle };
        let mut readers = 0b0011;
        if self.cast == Cast::Rivals {
            processes[0] = Process { at: At::Done, ..idle };
            processes[1] = processes[CREATOR];
            readers = 0;
        }
        let mut state =
            State { name: Some(0), locks: vec![(readers, None)], processes, killed: false, wrong: None };
        state.witness();
        state
    }

    fn next(&self, state: &State) -> Vec<(String, State)> {
        let mut all = Vec::new();
        for me in 0..PROCESSES {
            let at = state.processes[me].at;
            if matches!(at, At::Done | At::Dead) {
                continue;
            }
            all.push((format!("process {me}: {at:?}"), state.after(me, self.broken)));
            let mut killed = state.clone();
            killed.drop_locks(me);
            killed.processes[me].at = At::Dead;
            killed.killed = true;
            killed.witness();
            all.push((format!("process {me}: killed before {at:?}"), killed));
        }
        all
    }

    fn is_kill(&self, label: &str) -> bool {
        label.contains("killed")
    }

    fn is_end(&self, state: &State) -> bool {
        state.processes.iter().all(|process| matches!(process.at, At::Done | At::Dead))
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() {
            return state.wrong;
        }
        if self.is_end(state) && !state.killed && state.name.is_some() {
            return Some("no leak");
        }
        let dead = state.after_all_died();
        let files = dead.locks.len();
        let made = dead.clone().alone(true, At::Open, &[At::Holding, At::Done], self.broken);
        let found = dead.clone().alone(false, At::Open, &[At::Holding, At::Done], self.broken);
        let listed = dead.alone(false, At::RemoveOpen, &[At::Open], self.broken);
        let made_anew = made.is_some_and(|state| state.locks.len() > files && state.holders().count() == 1);
        let found_nothing = found.is_some_and(|state| state.holders().count() == 0);
        let swept = listed.is_some_and(|state| state.name.is_none());
        (!(made_anew && found_nothing && swept)).then_some("free at once")
    }
}

fn find(broken: Broken) -> Result<usize, Finding> {
    let closers = explore(&Folder { broken, cast: Cast::Closers })?;
    let rivals = explore(&Folder { broken, cast: Cast::Rivals })?;
    Ok(closers + rivals)
}

#[test]
fn the_protocol_keeps_its_promises_in_every_interleaving() {
    match find(Broken::Not) {
        Ok(states) => {
            println!("{states} states");
            assert!(states > 1_000, "only {states} states: the model does not move");
        }
        Err(finding) => panic!("{finding}"),
    }
}

#[test]
fn the_model_finds_each_broken_protocol() {
    for (broken, promise) in [
        (Broken::UpgradeOnClose, "no leak"),
        (Broken::NoCheckAfterLock, "held is named"),
        (Broken::NoQueryBeforeLock, "free at once"),
        (Broken::NoCheckBeforeUnlink, "held is named"),
        (Broken::NoWriteLock, "held is named"),
        (Broken::LockAfterLink, "held is named"),
        (Broken::NoReplace, "free at once"),
    ] {
        let finding = find(broken).expect_err(&format!("{broken:?} went unnoticed"));
        println!("{broken:?}: {finding}");
        assert_eq!(finding.promise, promise, "{broken:?}: {finding}");
    }
}
