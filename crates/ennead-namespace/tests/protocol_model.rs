//! A model of the protocol of one folder: every interleaving, at the granularity of system calls, of those who create, open, join,
//! look, close and sweep; any may be killed between any two calls. Then the same model with the protocol broken on
//! purpose in each way that looks tempting: the checks must find every one.
//!
//! It is run in both regimes. *Readers hold*: the locks that decide are on the entry itself. *Writers hold*: they are on its
//! key, a file of its own that only writers may open; readers only look, at the marks on the entry first (a mark is a write
//! lock; whoever made the entry has one from before it has a name, one who joins may fail to get one, since a hostile reader can
//! lock every byte of the entry against them), then at the key.
//!
//! What is checked in every state:
//! - **held is named**: whoever holds an entry, the name stands for it (so two live holders hold the same entry, and
//!   nobody can make the name anew under a holder);
//! - **not found is true**: an open or a look that finds nothing had an instant at which nobody held the name;
//! - **found is true**: one that succeeds had an instant at which somebody else held it;
//! - **free at once**: kill everybody here but a hostile reader, and a creator that runs alone makes the name anew, an opener and a visitor
//!   that run alone find nothing, and one list leaves no file;
//! - **no leak**: if nobody was killed, the last close removes the file, and its key;
//! - **no dead end**: from here everybody can come to the end.

mod explorer;

use std::cell::RefCell;
use std::collections::HashSet;

use explorer::{Finding, Model, explore};

const PROCESSES: usize = 4;
const NOTHING: usize = usize::MAX;

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
    /// Readers may open the key.
    KeyForReaders,
    /// A visitor takes an entry without a mark for dead.
    MarkDecides,
    /// The entry gets its name before it has a key.
    KeyAfterName,
    /// The key goes before the name.
    KeyGoesFirst,
    /// Whoever has the write lock on a key does not look whether it is the entry's still.
    NoCheckOfKey,
}

/// The next system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Open,
    OpenKey,
    OpenQuery,
    OpenReadLock,
    OpenCheckKey,
    OpenCheck,
    /// It holds the entry, and tries to mark it.
    Mark,
    Look,
    LookForMark,
    LookForKey,
    LookQuery,
    MakeKey,
    Link,
    Discard,
    /// Only where broken.
    LateLock,
    RemoveOpen,
    RemoveKey,
    RemoveQuery,
    RemoveWriteLock,
    RemoveCheckKey,
    RemoveCheck,
    Unlink,
    UnlinkKey,
    RemoveUnlock,
    Sweep,
    SweepWriteLock,
    SweepCheckKey,
    SweepUnlink,
    /// It holds the name; its next call is the first of its close.
    Holding,
    /// Its mark is gone, its hold is not.
    Closing,
    Done,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    /// Wants the name, made or opened.
    Creates,
    Opens,
    Looks,
    /// Removes what is dead, entries and keys.
    Sweeps,
    /// Is on its way out: what follows a removal is the end, not another attempt.
    Closes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Process {
    at: At,
    role: Role,
    file: usize,
    key: usize,
    /// During this operation nobody, or somebody else, held the name at some instant.
    saw_free: bool,
    saw_held: bool,
    found: bool,
}

/// A file with locks that decide: the entry itself, or its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct Key {
    /// Whose key it is by its name.
    of: Option<usize>,
    /// A bit each; the last is the hostile reader's.
    readers: u8,
    writer: Option<usize>,
}

const HOSTILE: u8 = 1 << PROCESSES;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    name: Option<usize>,
    /// For each entry, who has a mark on it.
    marks: Vec<u8>,
    keys: Vec<Key>,
    processes: [Process; PROCESSES],
    killed: bool,
    wrong: Option<&'static str>,
}

impl State {
    fn others_lock(&self, key: usize, me: usize) -> (bool, bool) {
        let Key { readers, writer, .. } = self.keys[key];
        (readers & !(1 << me) != 0, writer.is_some_and(|writer| writer != me))
    }

    fn key_of(&self, file: usize) -> Option<usize> {
        self.keys.iter().position(|key| key.of == Some(file))
    }

    fn drop_locks(&mut self, me: usize) {
        self.marks.iter_mut().for_each(|marks| *marks &= !(1 << me));
        for key in &mut self.keys {
            key.readers &= !(1 << me);
            key.writer = key.writer.filter(|&writer| writer != me);
        }
    }

    fn holds(&self, p: usize) -> bool {
        matches!(self.processes[p].at, At::Holding | At::Mark)
    }

    fn holders(&self) -> impl Iterator<Item = usize> {
        (0..PROCESSES).filter(|&p| self.holds(p))
    }

    /// Brings what each pending operation has witnessed up to date.
    fn witness(&mut self) {
        let free = self.holders().next().is_none();
        for me in 0..PROCESSES {
            // Another opener that has its lock, on a file that is still named, holds it, though it does not know yet.
            let held = (0..PROCESSES).any(|p| {
                let process = &self.processes[p];
                let holds = self.holds(p)
                    || process.at == At::Closing
                    || (matches!(process.at, At::OpenCheckKey | At::OpenCheck)
                        && self.name == Some(process.file));
                p != me && holds
            });
            if matches!(self.processes[me].role, Role::Opens | Role::Looks) {
                self.processes[me].saw_free |= free;
                self.processes[me].saw_held |= held;
            }
        }
    }

    fn fresh_file(&mut self) -> usize {
        self.marks.push(0);
        self.marks.len() - 1
    }

    fn fresh_key(&mut self) -> usize {
        self.keys.push(Key::default());
        self.keys.len() - 1
    }

    /// Forgets what nobody can reach any more, and numbers the rest in the order in which it is reached: the same situation is one
    /// state only, whatever happened before.
    fn settle(&mut self) {
        for process in &mut self.processes {
            let idle = matches!(
                process.at,
                At::Open | At::Look | At::MakeKey | At::RemoveOpen | At::Sweep | At::Done | At::Dead
            );
            if idle {
                (process.file, process.key) = (NOTHING, NOTHING);
            }
            if matches!(process.at, At::Done | At::Dead) {
                process.role = Role::Closes;
                (process.saw_free, process.saw_held, process.found) = (false, false, false);
            }
        }
        let mut files: Vec<usize> = Vec::new();
        let mut keys: Vec<usize> = Vec::new();
        let note = |all: &mut Vec<usize>, one: usize| {
            if one != NOTHING && !all.contains(&one) {
                all.push(one);
            }
        };
        note(&mut files, self.name.unwrap_or(NOTHING));
        for process in &self.processes {
            note(&mut files, process.file);
            note(&mut keys, process.key);
        }
        let mut lost: Vec<usize> = (0..self.keys.len()).filter(|&key| self.keys[key].of.is_some()).collect();
        // Keys of entries that are known, in their order; then orphans, which are all alike but for their locks.
        lost.sort_by_key(|&key| {
            let Key { of, readers, writer } = self.keys[key];
            let known = files.iter().position(|&file| Some(file) == of).unwrap_or(NOTHING);
            (known, readers, writer)
        });
        lost.iter().for_each(|&key| note(&mut keys, key));
        for &key in &keys {
            note(&mut files, self.keys[key].of.unwrap_or(NOTHING));
        }
        let new = |all: &[usize], old: usize| all.iter().position(|&one| one == old).unwrap_or(NOTHING);
        self.name = self.name.map(|file| new(&files, file));
        self.marks = files.iter().map(|&file| self.marks[file]).collect();
        self.keys = keys
            .iter()
            .map(|&key| Key { of: self.keys[key].of.map(|file| new(&files, file)), ..self.keys[key] })
            .collect();
        for process in &mut self.processes {
            process.file = new(&files, process.file);
            process.key = new(&keys, process.key);
        }
    }

    /// The states after the next call of `me`: several where luck decides.
    fn after(&self, me: usize, rules: Rules) -> Vec<State> {
        if self.processes[me].at == At::Mark {
            let mut unmarked = self.clone();
            unmarked.processes[me].at = At::Holding;
            let mut marked = unmarked.clone();
            marked.marks[self.processes[me].file] |= 1 << me;
            return vec![unmarked, marked];
        }
        if self.processes[me].at == At::Sweep {
            let mut done = self.clone();
            done.processes[me].at = At::Done;
            // Without keys there is nothing to sweep but entries. Of an entry that has its name, the key is left alone, but for one
            // that was killed while it gave a claim its name, in the middle of the list.
            let dead = (0..self.keys.len()).filter(|&key| {
                let may = self.keys[key].of.is_some() && (self.keys[key].of != self.name || self.killed);
                rules.keyed && may && self.others_lock(key, me) == (false, false)
            });
            let sweep = dead.map(|key| {
                let mut next = self.clone();
                next.processes[me] = Process { at: At::SweepWriteLock, key, ..next.processes[me] };
                next
            });
            return std::iter::once(done).chain(sweep).collect();
        }
        vec![self.after_surely(me, rules)]
    }

    fn after_surely(&self, me: usize, rules: Rules) -> State {
        let broken = rules.broken;
        let mut next = self.clone();
        let process = self.processes[me];
        let Process { file, key, role, .. } = process;
        let bit = 1 << me;
        let set = |next: &mut State, at| next.processes[me].at = at;
        let after_open = if rules.keyed { At::MakeKey } else { At::Link };
        let found_nothing = if role == Role::Creates { after_open } else { At::Done };
        match process.at {
            At::Open => match self.name {
                Some(file) => {
                    next.processes[me].file = file;
                    set(&mut next, At::OpenKey);
                    if !rules.keyed {
                        return next.after_surely(me, rules);
                    }
                }
                None => set(&mut next, found_nothing),
            },
            At::OpenKey => match self.key_of(file) {
                Some(key) => {
                    next.processes[me].key = key;
                    let ask = broken != Broken::NoQueryBeforeLock;
                    set(&mut next, if ask { At::OpenQuery } else { At::OpenReadLock });
                }
                None => set(&mut next, found_nothing),
            },
            At::OpenQuery => {
                let (readers, writer) = self.others_lock(key, me);
                set(&mut next, if readers && !writer { At::OpenReadLock } else { found_nothing });
            }
            At::OpenReadLock => {
                if self.others_lock(key, me).1 {
                    set(&mut next, At::Open);
                } else {
                    next.keys[key].readers |= bit;
                    next.processes[me].found = true;
                    set(
                        &mut next,
                        match broken {
                            Broken::NoCheckAfterLock => At::Holding,
                            Broken::NoCheckOfKey => At::OpenCheck,
                            _ if rules.keyed => At::OpenCheckKey,
                            _ => At::OpenCheck,
                        },
                    );
                }
            }
            At::OpenCheckKey if self.keys[key].of.is_some() => set(&mut next, At::OpenCheck),
            At::OpenCheck if self.name == Some(file) => {
                set(&mut next, if rules.keyed { At::Mark } else { At::Holding });
            }
            At::OpenCheckKey | At::OpenCheck => {
                next.processes[me].found = false;
                next.drop_locks(me);
                set(&mut next, At::Open);
            }
            At::Look => match self.name {
                Some(file) => {
                    next.processes[me].file = file;
                    let at = if rules.keyed { At::LookForMark } else { At::LookForKey };
                    set(&mut next, at);
                    if !rules.keyed {
                        return next.after_surely(me, rules);
                    }
                }
                None => set(&mut next, At::Done),
            },
            At::LookForMark => {
                next.processes[me].found = self.marks[file] != 0;
                let decided = next.processes[me].found || broken == Broken::MarkDecides;
                set(&mut next, if decided { At::Done } else { At::LookForKey });
            }
            At::LookForKey => {
                next.processes[me].key = self.key_of(file).unwrap_or(NOTHING);
                set(&mut next, if self.key_of(file).is_some() { At::LookQuery } else { At::Done });
            }
            At::LookQuery => {
                next.processes[me].found = self.keys[key].readers != 0;
                set(&mut next, At::Done);
            }
            // With a key of its own, or locked itself.
            At::MakeKey => {
                let (file, key) = (next.fresh_file(), next.fresh_key());
                next.marks[file] = bit;
                if broken != Broken::KeyAfterName {
                    next.keys[key] = Key { of: Some(file), readers: bit, writer: None };
                }
                next.processes[me] = Process { at: At::Link, file, key, ..process };
            }
            At::Link if self.name.is_some() => {
                let retry = if broken == Broken::NoReplace { At::Open } else { At::RemoveOpen };
                set(&mut next, if rules.keyed { At::Discard } else { retry });
            }
            At::Link => {
                let late = broken == Broken::LockAfterLink;
                if !rules.keyed {
                    let (file, key) = (next.fresh_file(), next.fresh_key());
                    let readers = if late { 0 } else { bit };
                    next.keys[key] = Key { of: Some(file), readers, writer: None };
                    next.processes[me] = Process { file, key, ..process };
                } else if late {
                    next.drop_locks(me);
                }
                next.name = Some(next.processes[me].file);
                let late = late || broken == Broken::KeyAfterName;
                set(&mut next, if late { At::LateLock } else { At::Holding });
            }
            At::Discard => {
                next.drop_locks(me);
                if key != NOTHING {
                    next.keys[key].of = None;
                }
                set(&mut next, if broken == Broken::NoReplace { At::Open } else { At::RemoveOpen });
            }
            At::LateLock => {
                if broken == Broken::KeyAfterName && self.key_of(file).is_none() {
                    next.keys[key] = Key { of: Some(file), readers: bit, writer: None };
                } else if !self.others_lock(key, me).1 {
                    next.keys[key].readers |= bit;
                }
                set(&mut next, At::Holding);
            }
            At::Holding => {
                next.processes[me].role = Role::Closes;
                if rules.keyed {
                    next.marks[file] &= !bit;
                    set(&mut next, At::Closing);
                } else {
                    next.close(me, broken);
                }
            }
            At::Closing => next.close(me, broken),
            At::RemoveOpen => match self.name {
                Some(file) => {
                    next.processes[me].file = file;
                    set(&mut next, At::RemoveKey);
                    if !rules.keyed {
                        return next.after_surely(me, rules);
                    }
                }
                None => set(&mut next, again(role)),
            },
            At::RemoveKey => {
                // One without a key gets one.
                let key = self.key_of(file).unwrap_or_else(|| {
                    let key = next.fresh_key();
                    next.keys[key].of = Some(file);
                    key
                });
                next.processes[me].key = key;
                set(&mut next, At::RemoveQuery);
            }
            At::RemoveQuery => {
                let free = self.others_lock(key, me) == (false, false);
                let go_on = if broken == Broken::NoWriteLock { At::RemoveCheck } else { At::RemoveWriteLock };
                set(&mut next, if free { go_on } else { At::RemoveUnlock });
            }
            At::RemoveWriteLock => {
                if self.others_lock(key, me) == (false, false) {
                    next.keys[key].readers = 0;
                    next.keys[key].writer = Some(me);
                    let unlink = broken == Broken::NoCheckBeforeUnlink;
                    let check = if rules.keyed && broken != Broken::NoCheckOfKey {
                        At::RemoveCheckKey
                    } else {
                        At::RemoveCheck
                    };
                    set(&mut next, if unlink { At::Unlink } else { check });
                } else {
                    set(&mut next, At::RemoveUnlock);
                }
            }
            At::RemoveCheckKey => {
                let is_still = self.keys[key].of.is_some();
                set(&mut next, if is_still { At::RemoveCheck } else { At::RemoveUnlock });
            }
            At::RemoveCheck if self.name == Some(file) => {
                let first = if broken == Broken::KeyGoesFirst { At::UnlinkKey } else { At::Unlink };
                set(&mut next, first);
            }
            // The key has lost its entry, or was just made for one that is gone.
            At::RemoveCheck => {
                let orphan = rules.keyed && broken != Broken::KeyGoesFirst;
                set(&mut next, if orphan { At::UnlinkKey } else { At::RemoveUnlock });
            }
            At::Unlink => {
                next.name = None;
                let last = !rules.keyed || broken == Broken::KeyGoesFirst;
                if !rules.keyed {
                    next.keys[key].of = None;
                }
                set(&mut next, if last { At::RemoveUnlock } else { At::UnlinkKey });
            }
            At::UnlinkKey => {
                next.keys[key].of = None;
                set(&mut next, if broken == Broken::KeyGoesFirst { At::Unlink } else { At::RemoveUnlock });
            }
            At::RemoveUnlock => {
                next.drop_locks(me);
                set(&mut next, again(role));
            }
            At::SweepWriteLock if self.others_lock(key, me) == (false, false) => {
                next.keys[key].writer = Some(me);
                set(&mut next, At::SweepCheckKey);
            }
            At::SweepCheckKey if self.keys[key].of.is_some() => set(&mut next, At::SweepUnlink),
            At::SweepUnlink => {
                next.keys[key].of = None;
                next.drop_locks(me);
                set(&mut next, At::Done);
            }
            At::SweepWriteLock | At::SweepCheckKey => {
                next.drop_locks(me);
                set(&mut next, At::Done);
            }
            At::Mark | At::Sweep | At::Done | At::Dead => {}
        }
        next.witness();
        next.judge(me, process);
        next
    }

    fn close(&mut self, me: usize, broken: Broken) {
        if broken == Broken::UpgradeOnClose {
            self.processes[me].at = At::RemoveWriteLock;
        } else {
            self.drop_locks(me);
            self.processes[me].at = At::RemoveQuery;
        }
        self.processes[me].role = Role::Closes;
    }

    fn judge(&mut self, me: usize, before: Process) {
        if self.holders().any(|p| self.name != Some(self.processes[p].file)) {
            self.wrong = Some("held is named");
        }
        if !matches!(before.role, Role::Opens | Role::Looks) {
            return;
        }
        let now = self.processes[me];
        let opening = matches!(
            before.at,
            At::Open | At::OpenKey | At::OpenQuery | At::OpenReadLock | At::OpenCheckKey | At::OpenCheck
        );
        let looking = matches!(before.at, At::Look | At::LookForMark | At::LookForKey | At::LookQuery);
        let done = now.at == At::Done;
        let found = (opening && self.holds(me)) || (looking && done && now.found);
        let found_nothing = done && (opening || looking && !now.found);
        if found_nothing && !now.saw_free {
            self.wrong = Some("not found is true");
        }
        if found && !now.saw_held {
            self.wrong = Some("found is true");
        }
    }

    /// Everybody is killed here, but the hostile reader.
    fn after_all_died(&self) -> State {
        let mut state = self.clone();
        for me in 0..PROCESSES {
            state.drop_locks(me);
            state.processes[me].at = At::Dead;
        }
        state.settle();
        state
    }

    /// Lets a fresh process run alone until it stands at one of `ends`; whatever luck decides.
    fn alone(&self, role: Role, from: At, ends: &[At], rules: Rules) -> Option<State> {
        let mut state = self.clone();
        state.processes[0] = Process {
            at: from,
            role,
            file: NOTHING,
            key: NOTHING,
            saw_free: true,
            saw_held: true,
            found: false,
        };
        for _ in 0..40 {
            if ends.contains(&state.processes[0].at) {
                return Some(state);
            }
            state = state.after(0, rules).pop()?;
            state.settle();
        }
        None
    }
}

/// What follows a removal.
fn again(role: Role) -> At {
    match role {
        Role::Sweeps => At::Sweep,
        Role::Creates | Role::Opens | Role::Looks => At::Open,
        Role::Closes => At::Done,
    }
}

/// Who plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    /// Two who hold the entry and close it, one who creates, one who opens.
    Closers,
    /// One who opens and two who create, over a dead file that a killed process left.
    Rivals,
    /// One who made the entry, one who sweeps the keys, one who creates, and one who opens.
    Sweepers,
    /// One who made the entry, one who joins, one who looks, and one who creates.
    Visitors,
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    broken: Broken,
    /// The locks that decide are on a key.
    keyed: bool,
}

struct Folder {
    rules: Rules,
    cast: Cast,
    /// What is left when all have died comes to few states: those that were found to be free.
    free: RefCell<HashSet<State>>,
}

impl Folder {
    /// Whether everything is free in this state, in which nobody lives.
    fn is_free(&self, dead: &State) -> bool {
        let until_done = [At::Holding, At::Done];
        let made = dead.alone(Role::Creates, At::Open, &until_done, self.rules);
        let found = dead.alone(Role::Opens, At::Open, &until_done, self.rules);
        let seen = dead.alone(Role::Looks, At::Look, &until_done, self.rules);
        let listed = dead.alone(Role::Sweeps, At::RemoveOpen, &[At::Done], self.rules);
        let made_anew = made.is_some_and(|state| state.holders().count() == 1 && !state.processes[0].found);
        let found_nothing = found.is_some_and(|state| state.holders().count() == 0)
            && seen.is_some_and(|state| !state.processes[0].found);
        let swept = listed.is_some_and(|mut state| {
            // A list goes through all keys.
            for _ in 0..state.keys.len() {
                match state.alone(Role::Sweeps, At::Sweep, &[At::Done], self.rules) {
                    Some(next) => state = next,
                    None => return false,
                }
            }
            state.name.is_none() && state.keys.iter().all(|key| key.of.is_none())
        });
        made_anew && found_nothing && swept
    }
}

impl Model for Folder {
    type State = State;

    fn initial(&self) -> State {
        let process = |at, role| {
            let (file, key) = if at == At::Holding { (0, 0) } else { (NOTHING, NOTHING) };
            Process { at, role, file, key, saw_free: false, saw_held: false, found: false }
        };
        let holder = process(At::Holding, Role::Opens);
        let (creator, opener) = (process(At::Open, Role::Creates), process(At::Open, Role::Opens));
        let processes = match self.cast {
            Cast::Closers => [holder, holder, creator, opener],
            Cast::Rivals => [process(At::Done, Role::Opens), creator, creator, opener],
            Cast::Sweepers => [holder, process(At::Sweep, Role::Sweeps), creator, opener],
            Cast::Visitors => [holder, opener, creator, process(At::Look, Role::Looks)],
        };
        let readers =
            (0..PROCESSES).filter(|&p| processes[p].at == At::Holding).fold(0, |all, p| all | 1 << p);
        let key = Key { of: Some(0), readers, writer: None };
        // The first of two holders made it; the other had bad luck.
        let marks = vec![readers & 1];
        let mut state =
            State { name: Some(0), marks, keys: vec![key], processes, killed: false, wrong: None };
        state.witness();
        state.settle();
        state
    }

    fn next(&self, state: &State) -> Vec<(String, State)> {
        let mut all = Vec::new();
        for me in 0..PROCESSES {
            let at = state.processes[me].at;
            if matches!(at, At::Done | At::Dead) {
                continue;
            }
            for next in state.after(me, self.rules) {
                all.push((format!("process {me}: {at:?}"), next));
            }
            let mut killed = state.clone();
            killed.drop_locks(me);
            killed.processes[me].at = At::Dead;
            killed.killed = true;
            killed.witness();
            all.push((format!("process {me}: killed before {at:?}"), killed));
        }
        all.iter_mut().for_each(|(_, state)| state.settle());
        // A reader takes every lock that they can. On a key they can take none.
        if !self.rules.keyed || self.rules.broken == Broken::KeyForReaders {
            for key in 0..state.keys.len() {
                let Key { of, readers, writer } = state.keys[key];
                if self.rules.broken == Broken::KeyForReaders
                    && of.is_some()
                    && writer.is_none()
                    && readers & HOSTILE == 0
                {
                    let mut next = state.clone();
                    next.keys[key].readers |= HOSTILE;
                    all.push((format!("the hostile reader locks key {key}"), next));
                }
            }
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
        let named = state.name.is_some() || state.keys.iter().any(|key| key.of.is_some());
        if self.is_end(state) && !state.killed && named {
            return Some("no leak");
        }
        let dead = state.after_all_died();
        if self.free.borrow().contains(&dead) {
            return None;
        }
        if !self.is_free(&dead) {
            return Some("free at once");
        }
        self.free.borrow_mut().insert(dead);
        None
    }
}

const ALL: [Cast; 4] = [Cast::Closers, Cast::Rivals, Cast::Sweepers, Cast::Visitors];

fn find(keyed: bool, broken: Broken, casts: &[Cast]) -> Result<usize, Finding> {
    let rules = Rules { broken, keyed };
    casts
        .iter()
        .try_fold(0, |states, &cast| Ok(states + explore(&Folder { rules, cast, free: RefCell::default() })?))
}

#[test]
fn the_protocol_keeps_its_promises_in_every_interleaving() {
    for keyed in [false, true] {
        match find(keyed, Broken::Not, &ALL) {
            Ok(states) => {
                println!("keyed: {keyed}, {states} states");
                assert!(states > 1_000, "only {states} states: the model does not move");
            }
            Err(finding) => panic!("keyed: {keyed}: {finding}"),
        }
    }
}

#[test]
fn the_model_finds_each_broken_protocol() {
    let both = [false, true].as_slice();
    let keyed = [true].as_slice();
    for (broken, promise, regimes, cast) in [
        (Broken::UpgradeOnClose, "no leak", both, Cast::Closers),
        (Broken::NoCheckAfterLock, "held is named", both, Cast::Closers),
        (Broken::NoQueryBeforeLock, "free at once", both, Cast::Closers),
        (Broken::NoCheckBeforeUnlink, "held is named", both, Cast::Closers),
        (Broken::NoWriteLock, "held is named", both, Cast::Closers),
        (Broken::LockAfterLink, "held is named", both, Cast::Rivals),
        (Broken::NoReplace, "free at once", both, Cast::Closers),
        (Broken::KeyForReaders, "free at once", both, Cast::Closers),
        (Broken::MarkDecides, "not found is true", keyed, Cast::Visitors),
        (Broken::KeyAfterName, "held is named", keyed, Cast::Rivals),
        (Broken::KeyGoesFirst, "held is named", keyed, Cast::Closers),
        (Broken::NoCheckOfKey, "held is named", keyed, Cast::Sweepers),
    ] {
        for &regime in regimes {
            let finding = find(regime, broken, &[cast]).expect_err(&format!("{broken:?} went unnoticed"));
            println!("keyed: {regime}, {broken:?}: {finding}");
            assert_eq!(finding.promise, promise, "{broken:?}: {finding}");
        }
    }
}
