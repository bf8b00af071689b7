//! A model of claim and scan: two users with a folder each. In user 0's folder an entry is held by somebody who closes it; an opener looks
//! through both folders, and a creator of each user wants the name, in every interleaving, with kills anywhere. One promise: all
//! who hold the name hold the same entry, and no opener is refused because it found two. (What happens inside one folder is
//! `protocol_model.rs`; replacing a dead file is one step here.)
//!
//! The opener may be one who only looks, as the clients of a pipe do: it takes no lock, and where it finds two it asks again whether the first
//! still lives.
//!
//! In a second machine user 0 is an intruder who skips the claim, and publishes a name that user 1 holds. There nobody may
//! get the intruder's entry while the name is still its holder's.

mod explorer;

use explorer::{Finding, Model, explore};

const CLOSER: usize = 0;
const OPENER: usize = 1;
/// The creator of user `u` is process `CREATORS + u`.
const CREATORS: usize = 2;
const PROCESSES: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Not,
    /// The opener does not say that it is opening.
    SilentOpener,
    /// It says so, but does not ask again after.
    OpenerAsksOnce,
    /// The creator asks for life only, not for an opening.
    CreatorAsksForLifeOnly,
    /// The creator looks for the name first, then for the claim.
    NameBeforeClaim,
    /// Nobody minds the others' claims.
    ClaimsIgnored,
    /// The lower user does not wait for the higher one's claim.
    LowerDoesNotWait,
    /// The opener looks on without keeping what it found.
    OpenerLetsGo,
    /// The opener takes the first that it finds.
    OpenerStopsAtFirst,
    /// Who only looks and finds two does not ask again.
    LookerAsksOnce,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum At {
    Ask(usize),
    SayOpening(usize),
    AskAgain(usize),
    TakeLife(usize),
    CheckName(usize),
    /// Who only looks has found two.
    AskFirstAgain,
    Publish,
    /// The first and the second look into the other's folder, then the one into the own.
    LookFirst,
    LookSecond,
    LookOwn,
    Decide,
    Establish,
    /// The intruder's only step.
    Intrude,
    Holding,
    /// Has found one, and looks at it.
    Looking,
    /// Found two holders.
    Refused,
    Done,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Process {
    at: At,
    file: usize,
    /// What an opener has found in the first folder.
    found: Option<usize>,
    waits: bool,
    /// It takes no locks.
    looks: bool,
}

/// Which processes have a lock on each byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
struct File {
    life: u8,
    opening: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct State {
    files: Vec<File>,
    claim: [Option<usize>; 2],
    name: [Option<usize>; 2],
    processes: [Process; PROCESSES],
}

impl State {
    fn drop_locks(&mut self, me: usize) {
        for file in &mut self.files {
            file.life &= !(1 << me);
            file.opening &= !(1 << me);
        }
    }

    fn alive(&self, file: Option<usize>) -> bool {
        file.is_some_and(|file| self.files[file].life != 0)
    }

    fn opener_goes_on(&mut self, me: usize, folder: usize) {
        let found = self.processes[me].found;
        for (number, file) in self.files.iter_mut().enumerate() {
            if found != Some(number) {
                file.life &= !(1 << me);
            }
            file.opening &= !(1 << me);
        }
        let process = &mut self.processes[me];
        (process.at, process.file) = match found {
            _ if folder == 0 => (At::Ask(1), 0),
            Some(file) if process.looks => (At::Looking, file),
            Some(file) => (At::Holding, file),
            None => (At::Done, 0),
        };
    }

    /// An opener shares the entry in `folder`.
    fn opener_has_found(&mut self, me: usize, folder: usize, file: usize, broken: Broken) {
        self.files[file].opening &= !(1 << me);
        if folder == 1 && self.processes[me].found.is_some() {
            self.drop_locks(me);
            self.processes[me].at = At::Refused;
        } else if folder == 1 || broken == Broken::OpenerStopsAtFirst {
            self.processes[me].at = At::Holding;
        } else {
            if broken == Broken::OpenerLetsGo {
                self.drop_locks(me);
            }
            self.processes[me].found = Some(file);
            self.processes[me].at = At::Ask(1);
        }
    }

    /// Who only looks sees a live entry in `folder`.
    fn looker_has_seen(&mut self, me: usize, folder: usize, file: usize, broken: Broken) {
        let process = &mut self.processes[me];
        match process.found {
            None if folder == 0 => {
                process.found = Some(file);
                process.at = if broken == Broken::OpenerStopsAtFirst { At::Looking } else { At::Ask(1) };
            }
            None => process.at = At::Looking,
            Some(_) if broken == Broken::LookerAsksOnce => process.at = At::Refused,
            Some(_) => process.at = At::AskFirstAgain,
        }
        process.file = file;
    }

    /// A creator withdraws: files that nobody holds or names are forgotten, which keeps the states few.
    fn withdraw(&mut self, me: usize, to: At) {
        self.drop_locks(me);
        self.claim[me - CREATORS] = None;
        self.processes[me] = Process { at: to, file: 0, found: None, waits: false, looks: false };
    }

    fn look_at_claim(&mut self, me: usize, broken: Broken) {
        let user = me - CREATORS;
        if broken == Broken::ClaimsIgnored || !self.alive(self.claim[1 - user]) {
            return;
        }
        if user == 1 {
            self.withdraw(me, At::Publish);
        } else if broken != Broken::LowerDoesNotWait {
            self.processes[me].waits = true;
        }
    }

    fn look_at_name(&mut self, me: usize, folder: usize, broken: Broken) {
        let Some(file) = self.name[folder] else { return };
        let File { life, opening } = self.files[file];
        if life != 0 {
            self.withdraw(me, At::Done);
        } else if opening != 0 && broken != Broken::CreatorAsksForLifeOnly {
            self.processes[me].waits = true;
        }
    }

    fn after(&self, me: usize, broken: Broken) -> State {
        let mut next = self.clone();
        let process = self.processes[me];
        let file = process.file;
        let bit = 1 << me;
        match process.at {
            At::Ask(folder) => match self.name[folder].filter(|&file| self.files[file].life != 0) {
                Some(file) if process.looks => next.looker_has_seen(me, folder, file, broken),
                Some(file) => {
                    next.processes[me].file = file;
                    let silent = broken == Broken::SilentOpener;
                    next.processes[me].at =
                        if silent { At::TakeLife(folder) } else { At::SayOpening(folder) };
                }
                None => next.opener_goes_on(me, folder),
            },
            At::SayOpening(folder) => {
                next.files[file].opening |= bit;
                let once = broken == Broken::OpenerAsksOnce;
                next.processes[me].at = if once { At::TakeLife(folder) } else { At::AskAgain(folder) };
            }
            At::AskAgain(folder) if self.files[file].life != 0 => {
                next.processes[me].at = At::TakeLife(folder);
            }
            At::TakeLife(folder) => {
                next.files[file].life |= bit;
                next.processes[me].at = At::CheckName(folder);
            }
            At::CheckName(folder) if self.name[folder] == Some(file) => {
                next.opener_has_found(me, folder, file, broken);
            }
            At::AskAgain(folder) | At::CheckName(folder) => next.opener_goes_on(me, folder),
            At::AskFirstAgain => {
                let lives = process.found.is_some_and(|first| self.files[first].life != 0);
                next.processes[me].at = if lives { At::Refused } else { At::Looking };
            }
            At::Publish => {
                // A file that nobody can reach any more serves again.
                let reached = |file: &usize| {
                    self.claim.contains(&Some(*file))
                        || self.name.contains(&Some(*file))
                        || self.processes.iter().any(|p| p.file == *file || p.found == Some(*file))
                };
                let free = (1..self.files.len()).find(|file| !reached(file));
                let file = free.unwrap_or(self.files.len());
                if free.is_none() {
                    next.files.push(File::default());
                }
                next.files[file] = File { life: bit, opening: 0 };
                next.claim[me - CREATORS] = Some(file);
                next.processes[me] =
                    Process { at: At::LookFirst, file, found: None, waits: false, looks: false };
            }
            At::Intrude => {
                next.name[me - CREATORS] = Some(self.files.len());
                next.processes[me] = Process { at: At::Holding, file: self.files.len(), ..process };
                next.files.push(File { life: bit, opening: 0 });
            }
            At::LookFirst => {
                next.processes[me].at = At::LookSecond;
                match broken {
                    Broken::NameBeforeClaim => next.look_at_name(me, CREATORS + 1 - me, broken),
                    _ => next.look_at_claim(me, broken),
                }
            }
            At::LookSecond => {
                next.processes[me].at = At::LookOwn;
                match broken {
                    Broken::NameBeforeClaim => next.look_at_claim(me, broken),
                    _ => next.look_at_name(me, CREATORS + 1 - me, broken),
                }
            }
            At::LookOwn => {
                next.processes[me].at = At::Decide;
                next.look_at_name(me, me - CREATORS, broken);
            }
            At::Decide if process.waits => {
                next.processes[me] = Process { at: At::LookFirst, waits: false, ..process };
            }
            At::Decide => next.processes[me].at = At::Establish,
            At::Establish => {
                let user = me - CREATORS;
                if self.alive(self.name[user]) {
                    next.withdraw(me, At::Publish);
                } else {
                    next.claim[user] = None;
                    next.name[user] = Some(file);
                    next.processes[me].at = At::Holding;
                }
            }
            At::Holding => {
                next.drop_locks(me);
                next.processes[me].at = At::Done;
            }
            At::Looking | At::Refused | At::Done | At::Dead => {}
        }
        next
    }
}

struct Machine {
    broken: Broken,
    intruder: bool,
    /// The opener only looks.
    looks: bool,
}

impl Model for Machine {
    type State = State;

    fn initial(&self) -> State {
        let at = |at| Process { at, file: 0, found: None, waits: false, looks: false };
        let mut processes = [at(At::Publish); PROCESSES];
        processes[CLOSER] = at(At::Holding);
        processes[OPENER] = Process { looks: self.looks, ..at(At::Ask(0)) };
        let held = File { life: 1 << CLOSER, opening: 0 };
        let mut name = [Some(0), None];
        if self.intruder {
            name.swap(0, 1);
            processes[CREATORS] = at(At::Intrude);
        }
        State { files: vec![held], claim: [None; 2], name, processes }
    }

    fn next(&self, state: &State) -> Vec<(String, State)> {
        let mut all = Vec::new();
        for me in 0..PROCESSES {
            let at = state.processes[me].at;
            if matches!(at, At::Looking | At::Refused | At::Done | At::Dead) {
                continue;
            }
            all.push((format!("process {me}: {at:?}"), state.after(me, self.broken)));
            let mut killed = state.clone();
            killed.drop_locks(me);
            killed.processes[me].at = At::Dead;
            all.push((format!("process {me}: killed before {at:?}"), killed));
        }
        all
    }

    fn is_kill(&self, label: &str) -> bool {
        label.contains("killed")
    }

    fn is_end(&self, state: &State) -> bool {
        state
            .processes
            .iter()
            .all(|process| matches!(process.at, At::Looking | At::Refused | At::Done | At::Dead))
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        let opener = state.processes[OPENER];
        if self.intruder {
            let taken = matches!(opener.at, At::Holding | At::Looking) && state.name[0] == Some(opener.file);
            let is_anothers = state.processes[CLOSER].at == At::Holding;
            return (taken && is_anothers).then_some("no client is intercepted");
        }
        if opener.at == At::Refused {
            return Some("two holders are found with an intruder only");
        }
        let mut held = state.processes.iter().filter(|p| p.at == At::Holding).map(|p| p.file);
        let first = held.next()?;
        held.any(|file| file != first).then_some("one name, one entry")
    }
}

fn find(broken: Broken, looks: bool) -> Result<usize, Finding> {
    explore(&Machine { broken, intruder: false, looks })
}

fn find_with_intruder(broken: Broken, looks: bool) -> Result<usize, Finding> {
    explore(&Machine { broken, intruder: true, looks })
}

#[test]
fn one_name_is_one_entry_in_every_interleaving() {
    for looks in [false, true] {
        match find(Broken::Not, looks) {
            Ok(states) => println!("looks: {looks}, {states} states"),
            Err(finding) => panic!("looks: {looks}: {finding}"),
        }
    }
}

#[test]
fn no_intruder_gets_anothers_clients_in_any_interleaving() {
    for looks in [false, true] {
        match find_with_intruder(Broken::Not, looks) {
            Ok(states) => println!("looks: {looks}, {states} states"),
            Err(finding) => panic!("looks: {looks}: {finding}"),
        }
        let finding = find_with_intruder(Broken::OpenerStopsAtFirst, looks).expect_err("went unnoticed");
        println!("{finding}");
        assert_eq!(finding.promise, "no client is intercepted", "{finding}");
    }
}

#[test]
fn the_model_finds_each_broken_claim() {
    for broken in [
        Broken::SilentOpener,
        Broken::OpenerAsksOnce,
        Broken::CreatorAsksForLifeOnly,
        Broken::NameBeforeClaim,
        Broken::ClaimsIgnored,
        Broken::LowerDoesNotWait,
        Broken::OpenerLetsGo,
    ] {
        let finding = find(broken, false).expect_err(&format!("{broken:?} went unnoticed"));
        println!("{broken:?}: {finding}");
        assert_eq!(finding.promise, "one name, one entry", "{broken:?}: {finding}");
    }
    let finding = find(Broken::LookerAsksOnce, true).expect_err("went unnoticed");
    println!("{finding}");
    assert_eq!(finding.promise, "two holders are found with an intruder only", "{finding}");
}
