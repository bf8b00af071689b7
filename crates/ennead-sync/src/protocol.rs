//! What is done to objects, as machines that make one access to shared memory a step.
//!
//! Linux drives them ([`crate::object`], `waiting`), and so does the model ([`crate::model`]), which takes every interleaving of their
//! steps, with a kill between any two.
//!
//! **A wait for all** lays its ticket into the word of each object, in the order of their ids, wherever the object is ready; then it commits
//! its outcome with one exchange. From there on each object owes it what a wait takes, and whoever meets the ticket may give it: it is
//! gone from the object, once, whoever does it. Until there, anybody of the same user who meets the ticket aborts the outcome and goes on.
//! So nobody holds one object while they wait for another, and a killed process has taken all or nothing.

use crate::state::{Change, Changed, Found, MINE, Rules, SLEEPERS};
use crate::word::{Ticket, Word};

/// Shared memory as one process sees it. Each call is one access.
pub(crate) trait World {
    /// What kind of object it is.
    fn rules(&self, object: usize) -> Rules;
    fn load(&self, object: usize) -> Word;
    fn exchange(&self, object: usize, old: Word, new: Word) -> bool;
    /// Wakes all that sleep on the object.
    fn wake(&self, object: usize);

    /// What the outcome of a ticket says that lies in this object.
    fn verdict(&self, object: usize, ticket: Ticket) -> Verdict;
    /// Makes it aborted, if it is undecided and of the same user.
    fn abort(&self, object: usize, ticket: Ticket);
}

/// A world in which one waits for all.
pub(crate) trait Transactor: World {
    /// The own ticket as it is laid into this object.
    fn ticket(&self, object: usize) -> Ticket;
    /// Makes the own outcome undecided, under a new version.
    fn begin(&mut self);
    /// Makes it committed, if it is undecided.
    fn commit(&self) -> bool;
    /// Makes it aborted, if it is undecided.
    fn give_up(&self);
    /// Says that no object has the ticket any more.
    fn finish(&self);
}

/// What an outcome says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Verdict {
    /// The object owes what a wait takes.
    Committed,
    /// It was aborted, or is over: the ticket says nothing.
    Over,
    /// Not decided, and the same user's.
    Undecided,
    /// Not decided, and another user's, who lives.
    Foreign,
}

/// What an exchange means for a mutex, whose real word is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnMutex {
    /// The thread owns it, so that it needs not be promised.
    Nothing,
    Promise(Ticket),
    TakeBack(Ticket),
    /// By the one whose ticket it is: others wait until that one has done it, or is dead.
    Own(Ticket),
    /// Make ready to sleep on it.
    Mark,
    Impossible,
}

impl OnMutex {
    pub(crate) fn of(old: Word, new: Word) -> Self {
        match (old.ticket(), new.ticket()) {
            (None, Some(_)) if old.state() & MINE != 0 => Self::Nothing,
            (None, Some(ticket)) => Self::Promise(ticket),
            (Some(ticket), _) if new == old.cleared() => Self::TakeBack(ticket),
            (Some(ticket), None) => Self::Own(ticket),
            (None, None) if new.state() & SLEEPERS != 0 => Self::Mark,
            _ => Self::Impossible,
        }
    }
}

/// A ticket in an object's word, and what is done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Meeting {
    object: usize,
    word: Word,
    ticket: Ticket,
    verdict: Option<Verdict>,
}

/// How far a meeting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    Again,
    /// The object may be looked at anew.
    Over,
    /// Only time helps: another user's process is in the middle.
    Blocked,
}

impl Meeting {
    fn new(object: usize, word: Word, ticket: Ticket) -> Self {
        Self { object, word, ticket, verdict: None }
    }

    fn step(&mut self, world: &impl World) -> Met {
        let Some(verdict) = self.verdict.take() else {
            let verdict = world.verdict(self.object, self.ticket);
            self.verdict = Some(verdict);
            return if verdict == Verdict::Foreign { Met::Blocked } else { Met::Again };
        };
        let settled = match verdict {
            Verdict::Committed => self.word.redeemed(world.rules(self.object)),
            Verdict::Over => self.word.cleared(),
            Verdict::Undecided => {
                world.abort(self.object, self.ticket);
                // What came of it the outcome says.
                return Met::Again;
            }
            Verdict::Foreign => return Met::Blocked,
        };
        // Where it fails, somebody else has done it.
        let _ = world.exchange(self.object, self.word, settled);
        Met::Over
    }
}

/// One look at one object on behalf of a wait for any, which takes it if it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Attempt {
    object: usize,
    since: u32,
    /// Whether to say that somebody sleeps where there is nothing to take.
    mark: bool,
    /// Whether all that slept on the object have just been woken, and so owe each other nothing.
    woken: bool,
    at: AttemptAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AttemptAt {
    Load,
    Meet(Meeting),
    Take(Word, Word),
    Mark(Word),
    /// It was taken, and the wake that is owed is given.
    Wake(Word),
    Settle(Word),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Attempted {
    Taken,
    /// There is nothing.
    Absent,
    /// There is nothing, and this is what to sleep on.
    Marked(u32),
    /// Another user's process is in the middle.
    Blocked(Ticket),
}

impl Attempt {
    pub(crate) fn new(object: usize, since: u32, mark: bool) -> Self {
        Self { object, since, mark, woken: false, at: AttemptAt::Load }
    }

    /// The same by one whom a wake of the object has just reached: it has reached all others as well.
    pub(crate) fn woken(mut self) -> Self {
        self.woken = true;
        self
    }

    pub(crate) fn step(&mut self, world: &impl World) -> Option<Attempted> {
        let rules = world.rules(self.object);
        match &mut self.at {
            AttemptAt::Load => {
                let word = world.load(self.object);
                let found = rules.look(word.state(), self.since);
                self.at = match (found, word.ticket()) {
                    // Nothing is taken of it, so that nobody's claim is touched.
                    (Found::Go(after), _) if after == word.state() => AttemptAt::Wake(word),
                    (_, Some(ticket)) => AttemptAt::Meet(Meeting::new(self.object, word, ticket)),
                    (Found::Go(after), None) => AttemptAt::Take(word, Word::of(after)),
                    (Found::Wait, None) if !self.mark => return Some(Attempted::Absent),
                    (Found::Wait, None) if word.state() & SLEEPERS != 0 => {
                        return Some(Attempted::Marked(word.state()));
                    }
                    (Found::Wait, None) => AttemptAt::Mark(word),
                };
                if let AttemptAt::Wake(word) = self.at {
                    let owed = !self.woken && rules.owes_wake(word.state());
                    return (!owed).then_some(Attempted::Taken);
                }
                None
            }
            AttemptAt::Meet(meeting) => {
                let ticket = meeting.ticket;
                match meeting.step(world) {
                    Met::Again => None,
                    Met::Over => {
                        self.at = AttemptAt::Load;
                        None
                    }
                    Met::Blocked => Some(Attempted::Blocked(ticket)),
                }
            }
            AttemptAt::Take(old, new) => {
                if !world.exchange(self.object, *old, *new) {
                    self.at = AttemptAt::Load;
                    return None;
                }
                if self.woken || !rules.owes_wake(old.state()) {
                    return Some(Attempted::Taken);
                }
                self.at = AttemptAt::Wake(*new);
                None
            }
            AttemptAt::Mark(old) => {
                let new = old.with_state(old.state() | SLEEPERS);
                if world.exchange(self.object, *old, new) {
                    return Some(Attempted::Marked(new.state()));
                }
                self.at = AttemptAt::Load;
                None
            }
            AttemptAt::Wake(word) => {
                world.wake(self.object);
                if !rules.is_ready(word.state()) {
                    return Some(Attempted::Taken);
                }
                self.at = AttemptAt::Settle(*word);
                None
            }
            AttemptAt::Settle(word) => {
                let _ = world.exchange(self.object, *word, word.with_state(word.state() & !SLEEPERS));
                Some(Attempted::Taken)
            }
        }
    }
}

/// A change of an object's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Alteration {
    object: usize,
    change: Change,
    /// Whether what is pending is passed over.
    anyway: bool,
    at: AlterationAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AlterationAt {
    Load,
    Meet(Meeting),
    Exchange(Word, Word),
    /// The first word is what stood before, the second what stands there now.
    Wake(Word, Word),
    Settle(Word, Word),
}

/// What came of it; the state before is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Altered {
    Done(u32),
    Pending,
    TooMany,
    /// Another user's process is in the middle.
    Blocked(Ticket),
}

impl Alteration {
    pub(crate) fn new(object: usize, change: Change, anyway: bool) -> Self {
        Self { object, change, anyway, at: AlterationAt::Load }
    }

    pub(crate) fn step(&mut self, world: &impl World) -> Option<Altered> {
        match &mut self.at {
            AlterationAt::Load => {
                let word = world.load(self.object);
                match word.ticket() {
                    None => self.plan(world, word),
                    Some(ticket) => {
                        self.at = AlterationAt::Meet(Meeting::new(self.object, word, ticket));
                        None
                    }
                }
            }
            AlterationAt::Meet(meeting) => {
                let Meeting { word, ticket, .. } = *meeting;
                match meeting.step(world) {
                    Met::Again => None,
                    Met::Over => {
                        self.at = AlterationAt::Load;
                        None
                    }
                    // It takes nothing away from the other, who goes on to have its hand on it.
                    Met::Blocked if matches!(self.change, Change::Set | Change::Release(_)) => {
                        self.plan(world, word)
                    }
                    Met::Blocked => Some(Altered::Blocked(ticket)),
                }
            }
            AlterationAt::Exchange(old, new) => {
                if !world.exchange(self.object, *old, *new) {
                    self.at = AlterationAt::Load;
                    return None;
                }
                if new.state() & SLEEPERS == 0 {
                    return Some(Altered::Done(old.state()));
                }
                self.at = AlterationAt::Wake(*old, *new);
                None
            }
            AlterationAt::Wake(old, new) => {
                world.wake(self.object);
                if !world.rules(self.object).is_ready(new.state()) {
                    return Some(Altered::Done(old.state()));
                }
                self.at = AlterationAt::Settle(*old, *new);
                None
            }
            AlterationAt::Settle(old, new) => {
                // Whoever comes while it is ready does not sleep, so that all who are marked were woken.
                let _ = world.exchange(self.object, *new, new.with_state(new.state() & !SLEEPERS));
                Some(Altered::Done(old.state()))
            }
        }
    }

    fn plan(&mut self, world: &impl World, word: Word) -> Option<Altered> {
        let (rules, state) = (world.rules(self.object), word.state());
        let changed = if self.anyway {
            rules.change_anyway(state, self.change)
        } else {
            rules.change(state, self.change)
        };
        self.at = match changed {
            Changed::To(new) => AlterationAt::Exchange(word, word.with_state(new)),
            Changed::Nothing if rules.owes_wake(state) => AlterationAt::Wake(word, word),
            Changed::Nothing => return Some(Altered::Done(state)),
            Changed::Pending => return Some(Altered::Pending),
            Changed::TooMany => return Some(Altered::TooMany),
        };
        None
    }
}

/// A wait for all of `count` objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct All {
    count: usize,
    at: AllAt,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum AllAt {
    /// At an object: is it ready? After the last: begin.
    Look(usize),
    LookMeet(usize, Meeting),
    /// At an object that was not ready: it is slept on.
    Lie(usize),
    LieMeet(usize, Meeting),
    LieMark(usize, Word),
    Begin,
    /// At an object: the ticket is laid into it. After the last: commit.
    Install(usize),
    InstallMeet(usize, Meeting),
    /// What is counted on is seen, so the wake that goes with it is given first, if it is owed.
    InstallWake(usize, Word),
    InstallExchange(usize, Word),
    Commit,
    /// At an object: what is owed is taken. After the last: finish.
    Redeem(usize),
    RedeemExchange(usize, Word),
    /// So many objects have the ticket; it came to nothing, and they get rid of it.
    GiveUp(usize, Option<Ticket>),
    Clear(usize, usize, Option<Ticket>),
    ClearExchange(usize, usize, Word, Option<Ticket>),
    Finish,
    FinishInVain(Option<Ticket>),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    /// All were taken.
    Done,
    /// This object is not ready, and this is what to sleep on. No object has the ticket.
    Sleep(usize, u32),
    /// At this object, another user's process is in the middle. No object has the ticket.
    Blocked(usize, Ticket),
}

impl All {
    pub(crate) fn new(count: usize) -> Self {
        Self { count, at: AllAt::Look(0) }
    }

    /// After [`Progress::Sleep`] or [`Progress::Blocked`] it goes on from the beginning.
    pub(crate) fn step(&mut self, world: &mut impl Transactor) -> Option<Progress> {
        let (next, progress) = self.next(world);
        self.at = next;
        progress
    }

    fn next(&self, world: &mut impl Transactor) -> (AllAt, Option<Progress>) {
        let again = AllAt::Look(0);
        let next = match self.at {
            AllAt::Look(object) if object == self.count => AllAt::Begin,
            AllAt::Look(object) => {
                let word = world.load(object);
                match word.ticket() {
                    Some(ticket) => AllAt::LookMeet(object, Meeting::new(object, word, ticket)),
                    None if world.rules(object).is_ready(word.state()) => AllAt::Look(object + 1),
                    None => AllAt::Lie(object),
                }
            }
            AllAt::LookMeet(object, mut meeting) => match meeting.step(world) {
                Met::Again => AllAt::LookMeet(object, meeting),
                Met::Over => AllAt::Look(object),
                Met::Blocked => return (again, Some(Progress::Blocked(object, meeting.ticket))),
            },
            AllAt::Lie(object) => {
                let word = world.load(object);
                match word.ticket() {
                    Some(ticket) => AllAt::LieMeet(object, Meeting::new(object, word, ticket)),
                    None if world.rules(object).is_ready(word.state()) => again,
                    None if word.state() & SLEEPERS != 0 => {
                        return (again, Some(Progress::Sleep(object, word.state())));
                    }
                    None => AllAt::LieMark(object, word),
                }
            }
            AllAt::LieMeet(object, mut meeting) => match meeting.step(world) {
                Met::Again => AllAt::LieMeet(object, meeting),
                Met::Over => AllAt::Lie(object),
                Met::Blocked => return (again, Some(Progress::Blocked(object, meeting.ticket))),
            },
            AllAt::LieMark(object, word) => {
                let marked = word.with_state(word.state() | SLEEPERS);
                if world.exchange(object, word, marked) {
                    return (again, Some(Progress::Sleep(object, marked.state())));
                }
                AllAt::Lie(object)
            }
            AllAt::Begin => {
                world.begin();
                AllAt::Install(0)
            }
            AllAt::Install(object) if object == self.count => AllAt::Commit,
            AllAt::Install(object) => {
                let word = world.load(object);
                match word.ticket() {
                    Some(ticket) => AllAt::InstallMeet(object, Meeting::new(object, word, ticket)),
                    None if world.rules(object).owes_wake(word.state()) => AllAt::InstallWake(object, word),
                    None if world.rules(object).is_ready(word.state()) => {
                        AllAt::InstallExchange(object, word)
                    }
                    None => AllAt::GiveUp(object, None),
                }
            }
            AllAt::InstallMeet(object, mut meeting) => match meeting.step(world) {
                Met::Again => AllAt::InstallMeet(object, meeting),
                Met::Over => AllAt::Install(object),
                // With what it has it must not wait for what it has not.
                Met::Blocked => AllAt::GiveUp(object, Some(meeting.ticket)),
            },
            AllAt::InstallWake(object, word) => {
                world.wake(object);
                AllAt::InstallExchange(object, word)
            }
            AllAt::InstallExchange(object, word) => {
                let laid = world.exchange(object, word, word.pledged(world.ticket(object)));
                AllAt::Install(if laid { object + 1 } else { object })
            }
            AllAt::Commit if world.commit() => AllAt::Redeem(0),
            AllAt::Commit => AllAt::Clear(0, self.count, None),
            AllAt::Redeem(object) if object == self.count => AllAt::Finish,
            AllAt::Redeem(object) => {
                let word = world.load(object);
                match word.ticket() == Some(world.ticket(object)) {
                    true => AllAt::RedeemExchange(object, word),
                    // Somebody else has given it.
                    false => AllAt::Redeem(object + 1),
                }
            }
            AllAt::RedeemExchange(object, word) => {
                let taken = world.exchange(object, word, word.redeemed(world.rules(object)));
                AllAt::Redeem(if taken { object + 1 } else { object })
            }
            AllAt::GiveUp(laid, blocked) => {
                world.give_up();
                AllAt::Clear(0, laid, blocked)
            }
            AllAt::Clear(object, laid, blocked) if object == laid => AllAt::FinishInVain(blocked),
            AllAt::Clear(object, laid, blocked) => {
                let word = world.load(object);
                match word.ticket() == Some(world.ticket(object)) {
                    true => AllAt::ClearExchange(object, laid, word, blocked),
                    false => AllAt::Clear(object + 1, laid, blocked),
                }
            }
            AllAt::ClearExchange(object, laid, word, blocked) => {
                let cleared = world.exchange(object, word, word.cleared());
                AllAt::Clear(if cleared { object + 1 } else { object }, laid, blocked)
            }
            AllAt::Finish => {
                world.finish();
                return (again, Some(Progress::Done));
            }
            AllAt::FinishInVain(blocked) => {
                world.finish();
                match blocked {
                    None => again,
                    // Which object it was does not matter: the ticket says where to look.
                    Some(ticket) => return (again, Some(Progress::Blocked(0, ticket))),
                }
            }
        };
        (next, None)
    }
}

#[cfg(test)]
mod remembered {
    //! The words that a machine remembers: a version that one of them has must not be used again.

    use super::{All, AllAt, Alteration, AlterationAt, Attempt, AttemptAt, Word};

    impl Attempt {
        pub(crate) fn remembered(&self) -> Option<Word> {
            match self.at {
                AttemptAt::Load => None,
                AttemptAt::Meet(meeting) => Some(meeting.word),
                AttemptAt::Take(word, _)
                | AttemptAt::Mark(word)
                | AttemptAt::Wake(word)
                | AttemptAt::Settle(word) => Some(word),
            }
        }
    }

    impl Alteration {
        pub(crate) fn remembered(&self) -> Option<Word> {
            match self.at {
                AlterationAt::Load => None,
                AlterationAt::Meet(meeting) => Some(meeting.word),
                AlterationAt::Exchange(word, _)
                | AlterationAt::Wake(_, word)
                | AlterationAt::Settle(_, word) => Some(word),
            }
        }
    }

    impl All {
        pub(crate) fn remembered(&self) -> Option<Word> {
            match self.at {
                AllAt::LookMeet(_, meeting) | AllAt::LieMeet(_, meeting) | AllAt::InstallMeet(_, meeting) => {
                    Some(meeting.word)
                }
                AllAt::LieMark(_, word)
                | AllAt::InstallWake(_, word)
                | AllAt::InstallExchange(_, word)
                | AllAt::RedeemExchange(_, word)
                | AllAt::ClearExchange(_, _, word, _) => Some(word),
                _ => None,
            }
        }
    }
}
