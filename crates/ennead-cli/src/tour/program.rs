//! One program of a running leg, from the conductor's side.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use ennead_pipe::anonymous::{Child, Redirect};

use super::conductor::Event;
use super::job::{Account, Job, Report, Role};
use super::line::{LineError, Prepared};

/// Bytes of a program's standard error that are kept.
const LAST_WORDS: u64 = 2048;

/// One started program.
pub struct Program {
    /// Which.
    pub role: Role,
    /// Its clients may connect.
    pub ready: bool,
    /// It closed its standard output.
    pub ended: bool,
    /// What it did, once it is done.
    pub account: Option<Account>,
    /// Why it failed.
    pub failure: Option<LineError>,
    /// The conductor ended it.
    pub killed_by_us: bool,
    child: Child,
    reader: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
    last_words: String,
}

impl Program {
    /// Starts this binary again as `role`, its standard streams redirected through anonymous pipes, and tells it its job.
    pub fn start(
        role: Role,
        job: &Job,
        inventory: &[u8],
        prepared: &mut dyn Prepared,
        events: &Sender<Event>,
    ) -> Result<Program, LineError> {
        let mut command = again();
        command.args(["tour-program", role.argument()]);
        // A group of its own: Ctrl-C in the terminal is for the conductor, which ends the programs itself.
        command.process_group(0);
        let redirected = Redirect::new(command).stdin().stdout().stderr();
        let mut child = prepared.equip(role, redirected)?.spawn()?;
        // All three were asked for.
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(LineError::new("standard streams are missing"));
        };
        let inventory = if role == Role::Inventory { inventory } else { &[] }.to_vec();
        let job = Job { inventory_length: inventory.len() as u64, ..job.clone() };
        let sender = events.clone();
        let reader = std::thread::spawn(move || {
            // A program that dies while it is told its job is noticed by its end.
            let _ = job.tell(&mut stdin, &inventory);
            drop(inventory);
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Ok(report) = serde_json::from_str(&line) {
                    let _ = sender.send(Event::Said(role, report));
                }
            }
            let _ = sender.send(Event::Ended(role));
            drop(stdin);
        });
        let errors = std::thread::spawn(move || {
            let mut words = Vec::new();
            let mut stderr = stderr;
            let _ = (&mut stderr).take(LAST_WORDS).read_to_end(&mut words);
            let _ = std::io::copy(&mut stderr, &mut std::io::sink());
            String::from_utf8_lossy(&words).trim().to_owned()
        });
        Ok(Program {
            role,
            ready: false,
            ended: false,
            account: None,
            failure: None,
            killed_by_us: false,
            child,
            reader: Some(reader),
            errors: Some(errors),
            last_words: String::new(),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Takes note of what it said.
    pub fn take(&mut self, report: Report) {
        match report {
            Report::Ready => self.ready = true,
            Report::Progress(_) => {}
            Report::Done(account) => self.account = Some(account),
            Report::Failed { reason, peer_gone } => self.failure = Some(LineError { reason, peer_gone }),
        }
    }

    /// Whether it will not finish.
    pub fn in_trouble(&self) -> bool {
        self.failure.is_some() || (self.ended && self.account.is_none())
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        self.killed_by_us = true;
        // It can only fail because the process is gone already.
        let _ = self.child.kill();
    }

    /// Waits until it is gone and its threads with it.
    pub fn wait(&mut self) -> Option<ExitStatus> {
        let status = self.child.wait().ok();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if let Some(errors) = self.errors.take() {
            self.last_words = errors.join().unwrap_or_default();
        }
        status
    }

    /// What it wrote to its standard error, as the end of a sentence.
    pub fn last_words(&self) -> String {
        if self.last_words.is_empty() {
            String::new()
        } else {
            format!("; it said: {}", crate::visible::shortened(&self.last_words, 400))
        }
    }

    /// The signal that ended a process, with its name.
    pub fn foreign_signal(status: &ExitStatus) -> Option<String> {
        let signal = status.signal()?;
        let name = signal_hook::low_level::signal_name(signal).unwrap_or("unnamed");
        Some(format!("{signal} ({name})"))
    }
}

/// This binary, even where its file has been replaced since it started.
fn again() -> Command {
    let itself = std::env::current_exe().ok().filter(|path| path.is_file());
    let mut command = Command::new(itself.unwrap_or_else(|| "/proc/self/exe".into()));
    command.arg0("ennead");
    command
}
