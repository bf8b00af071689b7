//! Errors as the user sees them: what could not be done, the Win32 code with its name, and what to do next.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ennead_namespace::{EntryError, RootError};
use ennead_status::Win32Error;
use serde_json::json;

use crate::visible::{json_line, visible};

/// Why a command failed, or that it needs no more words.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1.
    Failed(Complaint),
    /// Exit code 2: the command line asks for what cannot be.
    Misused(Complaint),
    /// Everything was said already; exit code 1.
    Told,
    /// Ended by this signal, as the user asked.
    Signal(i32),
    /// Whoever read our output wants no more of it (`| head -1`).
    NobodyListens,
}

/// What there is to say.
#[derive(Debug)]
pub struct Complaint {
    /// "cannot do this: why".
    pub what: String,
    /// The code, where there is one.
    pub code: Option<Win32Error>,
    /// What to do next.
    pub next: Option<String>,
}

impl Failure {
    /// A failure without a code.
    pub fn new(what: impl Into<String>) -> Failure {
        Failure::Failed(Complaint { what: what.into(), code: None, next: None })
    }

    /// A command line that asks for what cannot be.
    pub fn misused(what: impl Into<String>) -> Failure {
        Failure::Misused(Complaint { what: what.into(), code: None, next: None })
    }

    /// A failure of the system, with the Win32 code that it corresponds to.
    pub fn system(what: impl fmt::Display, error: &io::Error) -> Failure {
        let code = Win32Error::from(error);
        let (why, code) = match (error.raw_os_error(), code.name()) {
            (Some(_), Some(_)) => (code.message().unwrap_or("failed").to_owned(), Some(code)),
            _ => (error.to_string(), None),
        };
        Failure::Failed(Complaint { what: format!("{what}: {why}"), code, next: code.and_then(advice) })
    }

    /// A failure that Ennead itself reports.
    pub fn coded(what: impl fmt::Display, code: Win32Error) -> Failure {
        Failure::Failed(Complaint { what: what.to_string(), code: Some(code), next: advice(code) })
    }

    /// The same, with what to do next.
    pub fn next(mut self, next: impl Into<String>) -> Failure {
        if let Failure::Failed(complaint) | Failure::Misused(complaint) = &mut self {
            complaint.next = Some(next.into());
        }
        self
    }

    /// Tells the user on standard error, and gives the exit code.
    pub fn tell(&self, json: bool) -> ExitCode {
        let (complaint, exit) = match self {
            Failure::Failed(complaint) => (Some(complaint), 1),
            Failure::Misused(complaint) => (Some(complaint), 2),
            Failure::Told => (None, 1),
            // As a shell shows a process that a signal ended.
            Failure::Signal(signal) => (None, u8::try_from(128 + signal).unwrap_or(1)),
            Failure::NobodyListens => (None, 0),
        };
        if let Some(complaint) = complaint {
            let text = if json { complaint.json() } else { complaint.to_string() };
            // Nothing is left to do when even standard error is closed.
            let _ = io::Write::write_fmt(&mut io::stderr().lock(), format_args!("{text}\n"));
        }
        ExitCode::from(exit)
    }
}

impl Complaint {
    fn json(&self) -> String {
        let code = self.code.map(|code| json!({ "code": code.0, "name": code.name() }));
        json_line(&json!({ "error": { "what": self.what, "win32": code, "next": self.next } }))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", visible(&self.what))?;
        f.write_str(&self.code.map(suffix).unwrap_or_default())?;
        match &self.next {
            Some(next) => write!(f, "\n  next: {}", visible(next)),
            None => Ok(()),
        }
    }
}

/// What helps against a code, whatever was done.
fn advice(code: Win32Error) -> Option<String> {
    let next = match code {
        Win32Error::ACCESS_DENIED => {
            "ask its owner to admit you, or run this as the owner (`ennead ls` shows both)"
        }
        Win32Error::PIPE_BUSY => "try again, or wait for a free instance with --timeout",
        Win32Error::TOO_MANY_OPEN_FILES => "raise the limit of open files: `ulimit -n`",
        Win32Error::PATH_NOT_FOUND => {
            "check the path; for the runtime folder, ENNEAD_ROOT or XDG_RUNTIME_DIR"
        }
        Win32Error::BROKEN_PIPE | Win32Error::NO_DATA | Win32Error::PIPE_NOT_CONNECTED => {
            "the other side is gone: see what it said, and start it again"
        }
        Win32Error::REVISION_MISMATCH => {
            "update the older of the two programs: their versions of Ennead differ"
        }
        Win32Error::DISK_FULL => "make room: `df -h` shows where",
        _ => return None,
    };
    Some(next.to_owned())
}

impl From<RootError> for Failure {
    fn from(error: RootError) -> Failure {
        let next = match &error {
            RootError::GlobalMissing { .. } => Some("run `ennead setup` as root"),
            RootError::WrongOwner { .. } | RootError::OpenToOthers { .. } | RootError::NoPlace { .. } => {
                Some("name a folder of your own, with mode 0700, in ENNEAD_ROOT")
            }
            // It says so itself.
            RootError::NoParent { .. } | RootError::System { .. } => None,
        };
        let failure = Failure::coded(WithCauses(&error), error.win32());
        match next {
            Some(next) => failure.next(next),
            None => failure,
        }
    }
}

impl From<EntryError> for Failure {
    fn from(error: EntryError) -> Failure {
        Failure::coded(WithCauses(&error), error.win32())
    }
}

/// An error with its causes and its code, on one line.
pub fn in_words(error: &dyn std::error::Error, code: Win32Error) -> String {
    let told = WithCauses(error).to_string();
    let suffix = suffix(code);
    // Some errors name their code themselves.
    if told.contains(suffix.trim_matches([' ', '(', ')'])) { told } else { told + &suffix }
}

fn suffix(code: Win32Error) -> String {
    match code.name() {
        Some(name) => format!(" ({name}, {})", code.0),
        None => format!(" (Win32 error {})", code.0),
    }
}

/// An error followed by what caused it.
pub struct WithCauses<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for WithCauses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    /// For what is written to standard output.
    fn from(error: io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NobodyListens,
            _ => Failure::system("cannot write to standard output", &error),
        }
    }
}
