//! Runs one leg: starts the three programs, follows them, and judges what arrived. A program that dies, fails or falls
//! silent costs its leg, not the tour.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::job::{Account, Job, Outcome, Report, Role, Traffic};
use super::line::{Leg, LineError};
use super::program::Program;
use super::sample::Sample;
use super::summary::Summary;

/// Without any sign of life for this long, a leg has failed.
const SILENCE: Duration = Duration::from_secs(60);
/// After the first failure, the others have this long to end by themselves and tell their side.
const GRACE: Duration = Duration::from_secs(5);

/// What can happen while a leg runs.
pub enum Event {
    /// A program said something.
    Said(Role, Report),
    /// A program closed its standard output: it has ended, or is about to.
    Ended(Role),
    /// This process got a signal that asks it to end.
    Signal(i32),
}

/// How a leg went.
pub enum Ending {
    /// Everything arrived as it was sent.
    Verified(Run),
    /// It did not, or did not get that far.
    Failed(Run, String),
    /// A signal came.
    Interrupted(i32),
}

/// What is known of a leg's run.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The programs that were started, and their process ids.
    pub processes: Vec<(Role, u32)>,
    /// All messages and bytes that the three programs sent.
    pub sent: Traffic,
    /// From the first question to the file's last byte.
    pub elapsed: Duration,
    /// The part of it until the table was there.
    pub table: Duration,
    /// The part of it that the file took.
    pub file: Duration,
}

impl Run {
    /// Bytes over time.
    pub fn bytes_per_second(&self) -> Option<u64> {
        let nanoseconds = self.elapsed.as_nanos();
        let bytes = u128::from(self.sent.bytes) * 1_000_000_000;
        bytes.checked_div(nanoseconds).filter(|&bytes| bytes > 0).and_then(|bytes| u64::try_from(bytes).ok())
    }
}

/// What a leg carries, and what must arrive.
pub struct Cargo<'a> {
    /// The inventory as it was given.
    pub inventory: &'a [u8],
    /// What it adds up to.
    pub summary: &'a Summary,
    /// The file.
    pub sample: &'a Sample,
    /// [`Job::hold`].
    pub hold: Option<&'a Path>,
}

/// Where the events of a leg come and go.
pub struct Events {
    /// For the programs' threads.
    pub sender: Sender<Event>,
    /// For the conductor.
    pub receiver: Receiver<Event>,
}

/// Runs one leg from beginning to end. No process of it is left when this returns.
pub fn run(
    word: &str,
    leg: &dyn Leg,
    cargo: &Cargo<'_>,
    events: &Events,
    progress: &mut dyn FnMut(u64),
) -> Ending {
    let address = fresh_address();
    let mut prepared = match leg.prepare(&address) {
        Ok(prepared) => prepared,
        Err(error) => return Ending::Failed(Run::default(), error.to_string()),
    };
    let job = Job {
        leg: word.to_owned(),
        address,
        file: cargo.sample.path_bytes(),
        file_length: cargo.sample.length,
        hold: cargo.hold.map(|path| path.as_os_str().as_bytes().to_vec()),
        inventory_length: 0,
    };
    let mut stage = Stage { programs: Vec::new(), events, progress, complete: false, trouble: None };
    let played = stage.play(&job, cargo.inventory, prepared.as_mut());
    let signal = match played {
        Played::Signal(signal) => Some(signal),
        Played::ToTheEnd => None,
    };
    let ended = stage.end();
    prepared.clean_up();
    match signal {
        Some(signal) => Ending::Interrupted(signal),
        None => judge(&ended, cargo),
    }
}

enum Played {
    ToTheEnd,
    Signal(i32),
}

/// The programs of a running leg.
struct Stage<'a> {
    programs: Vec<Program>,
    events: &'a Events,
    progress: &'a mut dyn FnMut(u64),
    /// No more programs will be started.
    complete: bool,
    /// What went wrong on the conductor's side.
    trouble: Option<String>,
}

/// What is left of it when all have ended.
struct Ended {
    programs: Vec<(Program, Option<ExitStatus>)>,
    trouble: Option<String>,
}

impl Stage<'_> {
    fn play(&mut self, job: &Job, inventory: &[u8], prepared: &mut dyn super::line::Prepared) -> Played {
        for role in Role::ALL {
            let started = Program::start(role, job, inventory, prepared, &self.events.sender);
            match started {
                Ok(program) => self.programs.push(program),
                Err(LineError { reason, .. }) => {
                    self.trouble = Some(format!("{} cannot be started: {reason}", role.name()));
                    return Played::ToTheEnd;
                }
            }
            if role != Role::WordProcessor
                && let Some(signal) = self.follow(|program| program.ready && program.role == role)
            {
                return Played::Signal(signal);
            }
            if self.programs.iter().any(Program::in_trouble) {
                prepared.give_up();
                break;
            }
        }
        self.complete = true;
        match self.follow(|_| false) {
            Some(signal) => Played::Signal(signal),
            None => Played::ToTheEnd,
        }
    }

    /// Takes events until one program is as `wanted`, all have ended, or the leg is lost; `Some` when a signal came.
    fn follow(&mut self, wanted: impl Fn(&Program) -> bool) -> Option<i32> {
        let mut give_up: Option<Instant> = None;
        loop {
            if self.programs.iter().any(&wanted) || self.programs.iter().all(|program| program.ended) {
                return None;
            }
            if give_up.is_none() && self.programs.iter().any(Program::in_trouble) {
                give_up = Some(Instant::now() + GRACE);
            }
            let patience = give_up.map_or(SILENCE, |end| end.saturating_duration_since(Instant::now()));
            match self.events.receiver.recv_timeout(patience) {
                Ok(Event::Signal(signal)) => return Some(signal),
                Ok(Event::Said(_, Report::Progress(bytes))) => (self.progress)(bytes),
                Ok(Event::Said(role, report)) => self.with(role, |program| program.take(report)),
                Ok(Event::Ended(role)) => self.with(role, |program| program.ended = true),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    if give_up.is_none() {
                        let silent = "none of the programs has given a sign of life for";
                        self.trouble = Some(format!("{silent} {} seconds", SILENCE.as_secs()));
                    }
                    return None;
                }
            }
            // The programs that were not started yet never will be: those that run must hear of it before they are waited for.
            if !self.complete && self.programs.iter().any(Program::in_trouble) {
                return None;
            }
        }
    }

    fn with(&mut self, role: Role, act: impl FnOnce(&mut Program)) {
        if let Some(program) = self.programs.iter_mut().find(|program| program.role == role) {
            act(program);
        }
    }

    /// Ends whoever still runs, and collects all of them.
    fn end(mut self) -> Ended {
        for program in &mut self.programs {
            if !program.ended {
                program.kill();
            }
        }
        let programs = std::mem::take(&mut self.programs);
        let programs = programs.into_iter().map(|mut program| {
            let status = program.wait();
            (program, status)
        });
        let ended = Ended { programs: programs.collect(), trouble: self.trouble };
        // The readers have ended with their programs; what they still said counts.
        let mut ended = ended;
        while let Ok(event) = self.events.receiver.try_recv() {
            match event {
                Event::Said(role, report) => {
                    if let Some((program, _)) =
                        ended.programs.iter_mut().find(|(program, _)| program.role == role)
                    {
                        program.take(report);
                    }
                }
                Event::Ended(_) => {}
                // Kept for whoever asks next.
                Event::Signal(signal) => {
                    let _ = self.events.sender.send(Event::Signal(signal));
                    break;
                }
            }
        }
        ended
    }
}

/// Says whether everything arrived, or the first cause why not.
fn judge(ended: &Ended, cargo: &Cargo<'_>) -> Ending {
    let mut run = Run {
        processes: ended.programs.iter().map(|(program, _)| (program.role, program.id())).collect(),
        ..Run::default()
    };
    let (mut sent, mut received, mut outcome) = (Traffic::default(), Traffic::default(), None);
    for (program, _) in &ended.programs {
        if let Some(Account { sent: to, received: from, outcome: held }) = &program.account {
            sent.add(to.messages, to.bytes);
            received.add(from.messages, from.bytes);
            outcome = outcome.or(held.clone());
        }
    }
    run.sent = sent;
    if let Some(outcome) = &outcome {
        run.table = Duration::from_nanos(outcome.table_nanoseconds);
        run.file = Duration::from_nanos(outcome.file_nanoseconds);
        run.elapsed = run.table + run.file;
    }
    let fault = first_cause(ended).or_else(|| discrepancy(outcome.as_deref(), sent, received, cargo));
    match fault {
        None => Ending::Verified(run),
        Some(reason) => Ending::Failed(run, reason),
    }
}

/// Who was killed, else who failed for a reason of its own, else whatever went wrong.
fn first_cause(ended: &Ended) -> Option<String> {
    let of =
        |program: &Program, what: &str| format!("{} (process {}) {what}", program.role.name(), program.id());
    let killed = ended.programs.iter().find_map(|(program, status)| {
        let signal = status.as_ref().and_then(Program::foreign_signal)?;
        (!program.killed_by_us).then(|| of(program, &format!("was ended by signal {signal}")))
    });
    let failed = |peer_gone: bool| {
        ended.programs.iter().find_map(|(program, _)| match &program.failure {
            Some(failure) if failure.peer_gone == peer_gone => {
                Some(of(program, &format!("failed: {failure}")))
            }
            _ => None,
        })
    };
    let left = || {
        ended
            .programs
            .iter()
            .find(|(program, _)| program.in_trouble() && program.failure.is_none() && !program.killed_by_us)
            .map(|(program, status)| {
                let how = status.map_or_else(|| "in an unknown way".to_owned(), |status| status.to_string());
                of(program, &format!("ended before it was done ({how}){}", program.last_words()))
            })
    };
    let unfinished =
        || (ended.programs.len() < Role::ALL.len()).then(|| "not all programs could be started".into());
    killed
        .or_else(|| failed(false))
        .or_else(|| ended.trouble.clone())
        .or_else(left)
        .or_else(|| failed(true))
        .or_else(unfinished)
}

fn discrepancy(
    outcome: Option<&Outcome>,
    sent: Traffic,
    received: Traffic,
    cargo: &Cargo<'_>,
) -> Option<String> {
    let Some(outcome) = outcome else {
        return Some("the word processor has not said what arrived".into());
    };
    if outcome.summary != *cargo.summary {
        return Some("the table that arrived is not the one that the inventory adds up to".into());
    }
    if outcome.file_length != cargo.sample.length || outcome.file_digest != cargo.sample.digest {
        return Some(cargo.sample.explain_difference(&outcome.file_digest));
    }
    if sent != received {
        return Some(format!(
            "{} messages with {} bytes were sent, and {} with {} arrived",
            sent.messages, sent.bytes, received.messages, received.bytes
        ));
    }
    None
}

/// A name that nobody else uses: this process and 64 random bits.
fn fresh_address() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let random = RandomState::new().build_hasher().finish();
    format!("ennead-tour-{}-{random:016x}", std::process::id())
}
