//! Every interleaving of a few waiters and changers, each of which may be killed between any two accesses to shared memory; the steps are those that
//! Linux takes ([`crate::protocol`]). Then the same with the world broken on purpose in each way that looks tempting: the checks must find
//! every one.
//!
//! What is checked:
//! - **all at once**: when a wait for all commits, each of its objects is ready and has its ticket;
//! - **all or nothing**: of a committed wait each object is taken exactly once, whoever does it, or still has the ticket; of one that is not,
//!   none is. Killed waits are no exception;
//! - **nothing is taken twice**: what a ticket takes is there when it is taken;
//! - **nobody sleeps on**: where nobody can go on, whoever sleeps has nothing to wake up for, unless one was killed who owed the wake; then the
//!   object still says so, to whoever can see that it was signaled;
//! - a mutex is owned by one at a time, is free when its owner dies, and nobody waits for a dead one (its word is a model of its own: see
//!   `ennead_sys::robust` for what it does by itself);
//! - **no dead end**: from every state, without another kill, all that live come to the end or to a sleep.

#[path = "../../ennead-namespace/tests/explorer/mod.rs"]
mod explorer;
mod scenarios;

use std::cell::RefCell;

use self::explorer::Model;
use crate::protocol::{
    All, Alteration, Altered, Attempt, Attempted, OnMutex, Progress, Transactor, Verdict, World,
};
use crate::state::{Change, FREE, MINE, Rules, SLEEPERS};
use crate::word::{Ticket, Word};

/// How the world is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broken {
    Not,
    /// A wake reaches one sleeper only.
    WakesOne,
    /// An undecided ticket is taken for a void one, without aborting it.
    NoAbort,
    /// A wait commits even if it was aborted.
    CommitAnyway,
    /// A slot is used again under the same version.
    SameVersion,
    /// An undecided ticket is honoured.
    Credulous,
    /// A committed ticket is taken for a void one.
    Forgetful,
    /// A mutex that is promised to a dead process's committed wait stays so.
    Faithful,
    /// Somebody else owns a mutex on behalf of a committed wait.
    Obliging,
    /// The sleepers' bit is taken back together with the change.
    BitBeforeWake,
    /// Sleeping does not look whether the word is still what it was.
    BlindSleep,
    /// Who sleeps by a bell listens to it after having said so at the objects.
    ListensLate,
    /// An exchange does not look whether the word is still what it was.
    BlindExchange,
}

/// What somebody does.
#[derive(Clone, Debug)]
enum Part {
    /// Waits for all of these.
    All(Vec<usize>),
    /// Waits for any of these.
    Any(Vec<usize>),
    /// The same, sleeping by a bell that they know.
    Bell(Vec<usize>),
    /// Changes these, one after the other.
    Change(Vec<(usize, Change)>),
}

/// A few objects, who is there, and how many may be killed.
struct Play {
    rules: Vec<Rules>,
    initial: Vec<u32>,
    parts: Vec<Part>,
    kills: u32,
    broken: Broken,
    /// Whether the way to a finding is told step by step, which takes time.
    told: bool,
}

/// Without allocations, for there are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct State {
    words: [Word; OBJECTS],
    outcomes: [(u32, Outcome); ACTORS],
    actors: [Actor; ACTORS],
    kills: u32,
    /// How often each object was taken for each actor's committed wait.
    given: [[u8; OBJECTS]; ACTORS],
    /// What each actor has made ready to sleep on a mutex.
    marked: [u32; ACTORS],
    /// Whether each actor's bell has rung since the actor listened to it.
    rung: [bool; ACTORS],
    wrong: Option<&'static str>,
}

const OBJECTS: usize = 2;
const ACTORS: usize = 4;

/// Something for each object of a wait, in its order.
type Each = [u32; OBJECTS];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Finished,
    Undecided,
    Aborted,
    Committed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Actor {
    All(All),
    /// About to sleep on an object's state.
    AllLies(usize, u32),
    Any {
        since: Each,
        at: AnyAt,
    },
    /// The number of the change.
    Change(usize, Alteration),
    /// On the objects of these bits.
    Asleep {
        on: u8,
        since: Each,
    },
    /// It has all, mutexes too, which it gives back.
    Releases,
    Done,
    Dead,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AnyAt {
    /// At an object.
    Enter(usize),
    Look(usize, Attempt),
    Listen,
    Mark(usize, Attempt, Each),
    Lie(Each),
}

/// A mutex's state where this actor owns it.
fn owner(actor: usize) -> u32 {
    (actor as u32 + 1) << 4
}

/// What one actor sees of the world.
struct View<'a> {
    play: &'a Play,
    state: RefCell<State>,
    actor: usize,
}

impl Play {
    fn step(&self, before: &State, actor: usize) -> State {
        let view = View { play: self, state: RefCell::new(*before), actor };
        let next = view.act(&before.actors[actor]);
        let mut state = view.state.into_inner();
        state.actors[actor] = next;
        state
    }

    /// Wakes all that sleep on the object.
    fn wake_sleepers(&self, state: &mut State, object: usize) {
        for (number, part) in self.parts.iter().enumerate() {
            state.rung[number] |= self.objects(number).contains(&object);
            let Actor::Asleep { on, since } = state.actors[number] else { continue };
            if on & 1 << object == 0 {
                continue;
            }
            state.actors[number] = match part {
                Part::All(objects) => Actor::All(All::new(objects.len())),
                _ => {
                    let single = on.count_ones() == 1 && matches!(part, Part::Any(_));
                    let attempt = Attempt::new(0, since[0], single);
                    // As Linux does it: who sleeps on one object knows that it was that one.
                    let at = if single {
                        AnyAt::Mark(0, attempt.woken(), [0; OBJECTS])
                    } else {
                        AnyAt::Look(0, attempt)
                    };
                    Actor::Any { since, at }
                }
            };
            if self.broken == Broken::WakesOne {
                break;
            }
        }
    }

    fn objects(&self, actor: usize) -> &[usize] {
        match &self.parts[actor] {
            Part::All(objects) | Part::Any(objects) | Part::Bell(objects) => objects,
            Part::Change(_) => &[],
        }
    }

    /// Whether a sleeper would go on if it looked.
    fn could_go(&self, state: &State, actor: usize) -> bool {
        let objects = self.objects(actor);
        let word = |object: usize| state.words[object];
        // What a committed ticket takes is gone already.
        let after = |object: usize| match word(object).ticket() {
            Some(ticket)
                if state.outcomes[ticket.slot() as usize] == (ticket.version(), Outcome::Committed) =>
            {
                word(object).redeemed(self.rules[object]).state()
            }
            _ => word(object).state(),
        };
        match (&self.parts[actor], &state.actors[actor]) {
            (Part::All(_), _) => objects.iter().all(|&object| self.rules[object].is_ready(after(object))),
            (_, Actor::Asleep { since, .. }) => objects.iter().zip(since).any(|(&object, &since)| {
                self.rules[object].look(after(object), since) != crate::state::Found::Wait
            }),
            _ => false,
        }
    }
}

impl Model for Play {
    type State = State;

    fn initial(&self) -> State {
        let mut state = State {
            words: [Word::of(0); OBJECTS],
            outcomes: [(0, Outcome::Finished); ACTORS],
            actors: [Actor::Done; ACTORS],
            kills: self.kills,
            given: [[0; OBJECTS]; ACTORS],
            marked: [0; ACTORS],
            rung: [true; ACTORS],
            wrong: None,
        };
        for (word, &initial) in state.words.iter_mut().zip(&self.initial) {
            *word = Word::of(initial);
        }
        for (actor, part) in state.actors.iter_mut().zip(&self.parts) {
            *actor = match part {
                Part::All(objects) => Actor::All(All::new(objects.len())),
                Part::Any(_) | Part::Bell(_) => Actor::Any { since: [0; OBJECTS], at: AnyAt::Enter(0) },
                Part::Change(changes) => Actor::Change(0, Alteration::new(changes[0].0, changes[0].1, false)),
            };
        }
        state
    }

    fn next(&self, state: &State) -> Vec<(String, State)> {
        let mut next = Vec::new();
        for (number, actor) in state.actors.iter().enumerate() {
            if matches!(actor, Actor::Done | Actor::Dead) {
                continue;
            }
            if state.kills > 0 {
                let mut after = *state;
                after.actors[number] = Actor::Dead;
                after.kills -= 1;
                // The kernel marks what it owned, and tells who sleeps.
                for object in (0..self.rules.len()).filter(|&object| self.rules[object] == Rules::Mutex) {
                    if after.words[object].state() & !SLEEPERS == owner(number) {
                        after.words[object] = Word::of(FREE);
                        self.wake_sleepers(&mut after, object);
                    }
                }
                next.push((if self.told { format!("kill {number}") } else { "kill".to_owned() }, after));
            }
            if !matches!(actor, Actor::Asleep { .. }) {
                let label = if self.told { format!("{number}: {actor:?}") } else { String::new() };
                next.push((label, self.step(state, number)));
            }
        }
        next
    }

    fn is_kill(&self, label: &str) -> bool {
        label.starts_with("kill")
    }

    fn is_end(&self, state: &State) -> bool {
        state.actors.iter().all(|actor| matches!(actor, Actor::Done | Actor::Dead | Actor::Asleep { .. }))
    }

    fn wrong(&self, state: &State) -> Option<&'static str> {
        if state.wrong.is_some() {
            return state.wrong;
        }
        for (number, actor) in state.actors.iter().enumerate() {
            let owns = |word: &Word| word.state() & !SLEEPERS == owner(number);
            let mutexes = state.words.iter().zip(&self.rules).filter(|(_, rules)| **rules == Rules::Mutex);
            if *actor == Actor::Dead && mutexes.into_iter().any(|(word, _)| owns(word)) {
                return Some("nobody owns who is dead");
            }
        }
        for (number, part) in self.parts.iter().enumerate() {
            let Part::All(objects) = part else { continue };
            let (version, outcome) = state.outcomes[number];
            let done = matches!(state.actors[number], Actor::Done | Actor::Releases);
            let ticket = Ticket::new(number as u32, version);
            for &object in objects {
                let there = state.words[object].ticket() == Some(ticket);
                let given = state.given[number][object];
                let right = match outcome {
                    Outcome::Committed => given + u8::from(there) == 1,
                    Outcome::Finished if done => given == 1 && !there,
                    // Killed after it had all, or before it had begun again.
                    Outcome::Finished if state.actors[number] == Actor::Dead => {
                        given == state.given[number][objects[0]] && !there
                    }
                    Outcome::Finished => given == 0 && !there,
                    Outcome::Undecided | Outcome::Aborted => given == 0,
                };
                if !right {
                    return Some("all or nothing");
                }
            }
        }
        if !self.is_end(state) {
            return None;
        }
        for (number, actor) in state.actors.iter().enumerate() {
            let Actor::Asleep { on, .. } = *actor else { continue };
            let on: Vec<usize> = (0..OBJECTS).filter(|object| on & 1 << object != 0).collect();
            let killed = self.kills > state.kills;
            // A pulse whose process was killed before the wake is as if it had not been: nobody else can see it.
            let unseen = |&object: &usize| {
                let (rules, state) = (self.rules[object], state.words[object].state());
                rules.owes_wake(state) || !rules.is_ready(state)
            };
            if self.could_go(state, number) && !(killed && on.iter().all(unseen)) {
                return Some("nobody sleeps on");
            }
            let unmarked = |&object: &usize| state.words[object].state() & SLEEPERS == 0;
            if on.iter().any(unmarked) && !killed {
                return Some("who sleeps is marked");
            }
        }
        None
    }
}

impl View<'_> {
    fn act(&self, actor: &Actor) -> Actor {
        match actor {
            Actor::All(all) => self.all(*all),
            Actor::AllLies(object, state) => {
                let objects = self.play.objects(self.actor);
                let mutex = self.play.rules[objects[*object]] == Rules::Mutex;
                let expected = if mutex { self.state.borrow().marked[self.actor] } else { *state };
                if self.lies(&[(objects[*object], expected)]) {
                    return Actor::Asleep { on: 1 << objects[*object], since: [0; OBJECTS] };
                }
                Actor::All(All::new(objects.len()))
            }
            Actor::Any { since, at } => self.any(*since, at),
            Actor::Change(number, alteration) => self.change(*number, *alteration),
            Actor::Releases => {
                let mut state = self.state.borrow_mut();
                let mine = |object: &&usize| {
                    self.play.rules[**object] == Rules::Mutex
                        && state.words[**object].state() & !SLEEPERS == owner(self.actor)
                };
                match self.play.objects(self.actor).iter().find(mine).copied() {
                    None => Actor::Done,
                    Some(object) => {
                        state.words[object] = Word::of(FREE);
                        self.play.wake_sleepers(&mut state, object);
                        Actor::Releases
                    }
                }
            }
            Actor::Asleep { .. } | Actor::Done | Actor::Dead => *actor,
        }
    }

    fn all(&self, mut all: All) -> Actor {
        let mut own = OwnView { view: self };
        match all.step(&mut own) {
            None => Actor::All(all),
            Some(Progress::Done) => Actor::Releases,
            Some(Progress::Sleep(object, state)) => Actor::AllLies(object, state),
            // Only time helps.
            Some(Progress::Blocked(..)) => Actor::All(All::new(self.play.objects(self.actor).len())),
        }
    }

    fn any(&self, mut since: Each, at: &AnyAt) -> Actor {
        let objects = self.play.objects(self.actor);
        let own = OwnView { view: self };
        let with = |at| Actor::Any { since, at };
        let look = |index: usize| AnyAt::Look(index, Attempt::new(index, since[index], false));
        let mark = |index: usize, states| AnyAt::Mark(index, Attempt::new(index, since[index], true), states);
        match at {
            AnyAt::Enter(object) => {
                since[*object] = own.rules(*object).generation(own.load(*object).state());
                let at = if object + 1 < objects.len() {
                    AnyAt::Enter(object + 1)
                } else {
                    AnyAt::Look(0, Attempt::new(0, since[0], false))
                };
                Actor::Any { since, at }
            }
            AnyAt::Look(index, attempt) => {
                let mut attempt = *attempt;
                match attempt.step(&own) {
                    None => with(AnyAt::Look(*index, attempt)),
                    Some(Attempted::Taken) => Actor::Done,
                    Some(_) if index + 1 < objects.len() => with(look(index + 1)),
                    Some(_) => with(AnyAt::Listen),
                }
            }
            AnyAt::Listen => {
                self.state.borrow_mut().rung[self.actor] = false;
                with(mark(0, [0; OBJECTS]))
            }
            AnyAt::Mark(index, attempt, states) => {
                let mut attempt = *attempt;
                let mut states = *states;
                match attempt.step(&own) {
                    None => with(AnyAt::Mark(*index, attempt, states)),
                    Some(Attempted::Taken) => Actor::Done,
                    Some(Attempted::Marked(state)) => {
                        states[*index] = state;
                        if index + 1 < objects.len() {
                            with(mark(index + 1, states))
                        } else {
                            with(AnyAt::Lie(states))
                        }
                    }
                    Some(_) => with(look(0)),
                }
            }
            AnyAt::Lie(_) if matches!(self.play.parts[self.actor], Part::Bell(_)) => {
                let late = self.play.broken == Broken::ListensLate;
                if late || !self.state.borrow().rung[self.actor] {
                    let on = objects.iter().fold(0, |on, &object| on | 1 << object);
                    return Actor::Asleep { on, since };
                }
                with(look(0))
            }
            AnyAt::Lie(states) => {
                let on: Vec<(usize, u32)> = objects.iter().copied().zip(states.iter().copied()).collect();
                if self.lies(&on) {
                    let on = objects.iter().fold(0, |on, &object| on | 1 << object);
                    return Actor::Asleep { on, since };
                }
                with(look(0))
            }
        }
    }

    fn change(&self, number: usize, mut alteration: Alteration) -> Actor {
        let Part::Change(changes) = &self.play.parts[self.actor] else { return Actor::Done };
        // Its machine knows objects by their own numbers.
        let anyway = |(object, change): (usize, Change)| Alteration::new(object, change, true);
        match alteration.step(&OwnView { view: self }) {
            None => Actor::Change(number, alteration),
            // Courtesy ends at some time.
            Some(Altered::Pending) => Actor::Change(number, anyway(changes[number])),
            Some(_) => match changes.get(number + 1) {
                Some(&(object, change)) => Actor::Change(number + 1, Alteration::new(object, change, false)),
                None => Actor::Done,
            },
        }
    }

    /// Whether the words are still what they were, so that the actor sleeps.
    fn lies(&self, on: &[(usize, u32)]) -> bool {
        let state = self.state.borrow();
        self.play.broken == Broken::BlindSleep
            || on.iter().all(|&(object, expected)| state.words[object].state() == expected)
    }
}

/// The world as the machines see it: objects have the numbers that the actor's part gives them.
struct OwnView<'a, 'b> {
    view: &'a View<'b>,
}

impl OwnView<'_, '_> {
    fn global(&self, object: usize) -> usize {
        match &self.view.play.parts[self.view.actor] {
            Part::All(objects) | Part::Any(objects) | Part::Bell(objects) => objects[object],
            Part::Change(_) => object,
        }
    }

    fn broken(&self) -> Broken {
        self.view.play.broken
    }

    fn verdict_on_mutex(&self, object: usize, ticket: Ticket) -> Verdict {
        let mut state = self.view.state.borrow_mut();
        let slot = ticket.slot() as usize;
        let (version, outcome) = state.outcomes[slot];
        match outcome {
            _ if version != ticket.version() => Verdict::Over,
            Outcome::Undecided => Verdict::Undecided,
            Outcome::Committed if self.broken() == Broken::Obliging => {
                // Whoever owns it so is not marked when that one is dead already.
                if state.words[object].ticket() == Some(ticket) {
                    state.words[object] = Word::of(owner(slot));
                    state.given[slot][object] += 1;
                }
                Verdict::Over
            }
            Outcome::Committed if state.actors[slot] == Actor::Dead && self.broken() != Broken::Faithful => {
                // Forfeited: it was taken, and abandoned.
                if state.words[object].ticket() == Some(ticket) {
                    state.words[object] = Word::of(FREE);
                    state.given[slot][object] += 1;
                    self.view.play.wake_sleepers(&mut state, object);
                }
                Verdict::Over
            }
            Outcome::Committed => Verdict::Foreign,
            Outcome::Finished | Outcome::Aborted => Verdict::Over,
        }
    }

    fn exchange_mutex(&self, object: usize, old: Word, new: Word) -> bool {
        let actor = self.view.actor;
        let mut state = self.view.state.borrow_mut();
        let word = state.words[object];
        let (done, next) = match OnMutex::of(old, new) {
            OnMutex::Nothing => (true, word),
            OnMutex::Promise(ticket) => {
                (word.ticket().is_none() && word.state() & FREE != 0, Word::of(FREE).pledged(ticket))
            }
            OnMutex::TakeBack(ticket) => (word.ticket() == Some(ticket), Word::of(FREE)),
            OnMutex::Own(ticket) => (word.ticket() == Some(ticket), Word::of(owner(actor))),
            OnMutex::Mark => (
                word.ticket().is_none() && word.state() & FREE == 0,
                word.with_state(word.state() | SLEEPERS),
            ),
            OnMutex::Impossible => (false, word),
        };
        if !done {
            return false;
        }
        state.words[object] = next;
        match OnMutex::of(old, new) {
            OnMutex::Own(_) => state.given[actor][object] += 1,
            OnMutex::TakeBack(_) => self.view.play.wake_sleepers(&mut state, object),
            OnMutex::Mark => state.marked[actor] = next.state(),
            _ => {}
        }
        true
    }

    /// The smallest version that no word has, in memory or remembered, for this slot.
    fn fresh_version(&self) -> u32 {
        let state = self.view.state.borrow();
        let slot = self.view.actor as u32;
        let remembered = state.actors.iter().filter_map(|actor| match actor {
            Actor::All(all) => all.remembered(),
            Actor::Any { at: AnyAt::Look(_, attempt) | AnyAt::Mark(_, attempt, _), .. } => {
                attempt.remembered()
            }
            Actor::Change(_, alteration) => alteration.remembered(),
            _ => None,
        });
        let words: Vec<Word> = state.words.into_iter().chain(remembered).collect();
        let mut version = 1;
        while words.iter().any(|word| word.ticket() == Some(Ticket::new(slot, version))) {
            version += 1;
        }
        version
    }
}

impl World for OwnView<'_, '_> {
    fn rules(&self, object: usize) -> Rules {
        self.view.play.rules[self.global(object)]
    }

    fn load(&self, object: usize) -> Word {
        let object = self.global(object);
        let word = self.view.state.borrow().words[object];
        if self.view.play.rules[object] != Rules::Mutex || word.ticket().is_some() {
            return word;
        }
        match word.state() & !SLEEPERS {
            FREE => Word::of(FREE),
            owned if owned == owner(self.view.actor) => Word::of(MINE),
            _ => Word::of(0),
        }
    }

    fn exchange(&self, object: usize, old: Word, new: Word) -> bool {
        let object = self.global(object);
        let rules = self.view.play.rules[object];
        if rules == Rules::Mutex {
            return self.exchange_mutex(object, old, new);
        }
        let mut state = self.view.state.borrow_mut();
        if state.words[object] != old && self.broken() != Broken::BlindExchange {
            return false;
        }
        if let (Some(ticket), None) = (old.ticket(), new.ticket()) {
            let slot = ticket.slot() as usize;
            let committed = state.outcomes[slot] == (ticket.version(), Outcome::Committed);
            if committed {
                if !rules.is_ready(old.state()) {
                    state.wrong = Some("nothing is taken twice");
                }
                // A manual-reset event looks the same before and after.
                let taken = new == old.redeemed(rules);
                state.given[slot][object] += u8::from(taken);
            } else if new != old.cleared() {
                state.given[slot][object] += 1;
            }
        }
        let mut new = new;
        let signals = !rules.is_ready(old.state()) && rules.is_ready(new.state());
        if self.broken() == Broken::BitBeforeWake && signals {
            new = new.with_state(new.state() & !SLEEPERS);
        }
        state.words[object] = new;
        true
    }

    fn wake(&self, object: usize) {
        let object = self.global(object);
        self.view.play.wake_sleepers(&mut self.view.state.borrow_mut(), object);
    }

    fn verdict(&self, object: usize, ticket: Ticket) -> Verdict {
        if self.rules(object) == Rules::Mutex {
            return self.verdict_on_mutex(self.global(object), ticket);
        }
        let (version, outcome) = self.view.state.borrow().outcomes[ticket.slot() as usize];
        match outcome {
            _ if version != ticket.version() => Verdict::Over,
            Outcome::Undecided if self.broken() == Broken::Credulous => Verdict::Committed,
            Outcome::Undecided if self.broken() == Broken::NoAbort => Verdict::Over,
            Outcome::Undecided => Verdict::Undecided,
            Outcome::Committed if self.broken() == Broken::Forgetful => Verdict::Over,
            Outcome::Committed => Verdict::Committed,
            Outcome::Finished | Outcome::Aborted => Verdict::Over,
        }
    }

    fn abort(&self, _object: usize, ticket: Ticket) {
        let outcome = &mut self.view.state.borrow_mut().outcomes[ticket.slot() as usize];
        if *outcome == (ticket.version(), Outcome::Undecided) {
            outcome.1 = Outcome::Aborted;
        }
    }
}

impl Transactor for OwnView<'_, '_> {
    fn ticket(&self, _object: usize) -> Ticket {
        let slot = self.view.actor;
        Ticket::new(slot as u32, self.view.state.borrow().outcomes[slot].0)
    }

    fn begin(&mut self) {
        let version = if self.broken() == Broken::SameVersion { 1 } else { self.fresh_version() };
        self.view.state.borrow_mut().outcomes[self.view.actor] = (version, Outcome::Undecided);
    }

    fn commit(&self) -> bool {
        let ticket = self.ticket(0);
        let mut state = self.view.state.borrow_mut();
        let outcome = &mut state.outcomes[self.view.actor];
        if outcome.1 != Outcome::Undecided && self.broken() != Broken::CommitAnyway {
            return false;
        }
        outcome.1 = Outcome::Committed;
        let all_there = self.view.play.objects(self.view.actor).iter().all(|&object| {
            let word = state.words[object];
            word.ticket() == Some(ticket) && self.view.play.rules[object].is_ready(word.state())
        });
        if !all_there {
            state.wrong = Some("all at once");
        }
        true
    }

    fn give_up(&self) {
        let outcome = &mut self.view.state.borrow_mut().outcomes[self.view.actor];
        if outcome.1 == Outcome::Undecided {
            outcome.1 = Outcome::Aborted;
        }
    }

    fn finish(&self) {
        self.view.state.borrow_mut().outcomes[self.view.actor].1 = Outcome::Finished;
    }
}
