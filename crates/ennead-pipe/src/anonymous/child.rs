//! A child whose standard streams are pipes.

use std::ffi::OsString;
use std::io;
use std::process::{self, Command, ExitStatus, Output};
use std::time::Instant;

use ennead_sys::poll::{self, Interest, Watch};

use super::gather::{Gathered, gather};
use super::{Options, Reader, Writer, reaper};

/// Starts a child with redirected standard streams, and hands it pipe ends by name (*Pipe Handle Inheritance*,
/// *Creating a Child Process with Redirected Input and Output*).
///
/// Only what was asked for is inherited. The child's ends are closed in the parent as soon as the child has them, so
/// that each side sees the other's end.
///
/// ```
/// use std::process::Command;
/// use ennead_pipe::anonymous::Redirect;
///
/// let mut command = Command::new("tr");
/// command.args(["a-z", "A-Z"]);
/// let child = Redirect::new(command).stdin().stdout().spawn()?;
/// let output = child.gather(b"redirected")?;
/// assert_eq!(output.stdout, b"REDIRECTED");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Redirect {
    command: Command,
    options: Options,
    stdin: bool,
    stdout: bool,
    stderr: Stderr,
    given: Vec<(String, std::os::fd::OwnedFd)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stderr {
    AsIs,
    Pipe,
    WithStdout,
}

impl Redirect {
    /// Redirects nothing yet; streams that are not named here are as `command` has them.
    #[must_use]
    pub fn new(command: Command) -> Self {
        Self {
            command,
            options: Options::new(),
            stdin: false,
            stdout: false,
            stderr: Stderr::AsIs,
            given: Vec::new(),
        }
    }

    /// The child reads its standard input from a pipe that the parent writes.
    #[must_use]
    pub fn stdin(mut self) -> Self {
        self.stdin = true;
        self
    }

    /// The child writes its standard output to a pipe that the parent reads.
    #[must_use]
    pub fn stdout(mut self) -> Self {
        self.stdout = true;
        self
    }

    /// The child writes its standard error to a pipe of its own that the parent reads.
    #[must_use]
    pub fn stderr(mut self) -> Self {
        self.stderr = Stderr::Pipe;
        self
    }

    /// The child writes its standard error to the pipe of its standard output, as in the documented example.
    #[must_use]
    pub fn stderr_with_stdout(mut self) -> Self {
        self.stdout = true;
        self.stderr = Stderr::WithStdout;
        self
    }

    /// The size hint of the pipes ([`Options::size`]).
    #[must_use]
    pub fn size(mut self, bytes: usize) -> Self {
        self.options = self.options.size(bytes);
        self
    }

    /// The child, and no other, inherits this read end; it finds it with [`inherited_reader`].
    #[must_use]
    pub fn give_reader(mut self, name: &str, reader: Reader) -> Self {
        self.given.push((name.into(), reader.into()));
        self
    }

    /// The child, and no other, inherits this write end; it finds it with [`inherited_writer`].
    #[must_use]
    pub fn give_writer(mut self, name: &str, writer: Writer) -> Self {
        self.given.push((name.into(), writer.into()));
        self
    }

    /// Starts the child. If this thread impersonates somebody, the child still runs as the process itself: "the new
    /// process always inherits the primary token of the process" (*Impersonation Levels*).
    ///
    /// # Errors
    ///
    /// What [`Command::spawn`] returns; `ERROR_TOO_MANY_OPEN_FILES` at a descriptor limit; `InvalidInput` for a name
    /// of a given end that is empty or has other than ASCII letters, digits and underscores.
    pub fn spawn(self) -> io::Result<Child> {
        let (mut stdin, mut stdout, mut stderr) = (None, None, None);
        // Owned, and so dropped here with the child's ends: the parent keeps none of them open.
        let mut command = self.command;
        if self.stdin {
            let (theirs, ours) = self.options.create()?;
            command.stdin(theirs);
            stdin = Some(ours);
        }
        if self.stdout {
            let (ours, theirs) = self.options.create()?;
            if self.stderr == Stderr::WithStdout {
                command.stderr(theirs.try_clone()?);
            }
            command.stdout(theirs);
            stdout = Some(ours);
        }
        if self.stderr == Stderr::Pipe {
            let (ours, theirs) = self.options.create()?;
            command.stderr(theirs);
            stderr = Some(ours);
        }
        for (name, fd) in self.given {
            let variable = variable(&name)?;
            let told = ennead_sys::inherit::give(&mut command, fd)?;
            command.env(variable, told);
        }
        let _own = ennead_sys::thread_credentials::assume_self()?;
        let process = command.spawn()?;
        Ok(Child { stdin, stdout, stderr, id: process.id(), process: Running::Yes(process) })
    }
}

fn variable(name: &str) -> io::Result<OsString> {
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} cannot name a pipe's end"),
        ));
    }
    Ok(format!("ENNEAD_PIPE_{name}").into())
}

/// The read end that the parent gave by this name, once.
///
/// # Errors
///
/// `NotFound` when there is none, or it was taken; `InvalidInput` for a name that cannot be one; `InvalidData` when
/// what was given is not a read end.
pub fn inherited_reader(name: &str) -> io::Result<Reader> {
    Reader::try_from(inherited(name)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The write end that the parent gave by this name, once.
///
/// # Errors
///
/// As [`inherited_reader`].
pub fn inherited_writer(name: &str) -> io::Result<Writer> {
    Writer::try_from(inherited(name)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn inherited(name: &str) -> io::Result<std::os::fd::OwnedFd> {
    let told = std::env::var_os(variable(name)?).ok_or(io::ErrorKind::NotFound)?;
    ennead_sys::inherit::take(told.to_str().ok_or(io::ErrorKind::InvalidData)?)
}

/// A child that runs, with the parent's ends of its pipes.
///
/// Dropping it closes them and nothing else: the child runs on, and is reaped when it ends.
#[derive(Debug)]
pub struct Child {
    /// What the child reads. Drop it to let the child see the end of its input.
    pub stdin: Option<Writer>,
    /// What the child writes.
    pub stdout: Option<Reader>,
    /// What the child writes as its errors.
    pub stderr: Option<Reader>,
    id: u32,
    process: Running,
}

#[derive(Debug)]
enum Running {
    /// As far as we know.
    Yes(process::Child),
    /// Ended and reaped: its id may be another's now.
    No(ExitStatus),
}

impl Child {
    /// The child's process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Closes the child's input and waits for its end. A child that writes more than its pipes hold needs
    /// [`Child::gather`] instead, or somebody who reads.
    ///
    /// # Errors
    ///
    /// What waitpid(2) returns.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.stdin = None;
        let status = match &mut self.process {
            Running::Yes(process) => process.wait()?,
            Running::No(status) => return Ok(*status),
        };
        self.process = Running::No(status);
        Ok(status)
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    ///
    /// What waitpid(2) returns.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.process {
            Running::Yes(process) => process.try_wait()?,
            Running::No(status) => return Ok(Some(*status)),
        };
        if let Some(status) = status {
            self.process = Running::No(status);
        }
        Ok(status)
    }

    /// Waits for its end until `deadline`; `None` when it is still running then. Its input stays open.
    ///
    /// # Errors
    ///
    /// What pidfd_open(2), poll(2) or waitpid(2) return.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        if let Running::Yes(process) = &self.process {
            let ended = ennead_sys::pidfd::of_child(process)?;
            poll::wait(&mut [Watch::new(&ended, Interest::Readable)], Some(deadline))?;
        }
        self.try_wait()
    }

    /// Ends the child (SIGKILL); it must still be waited for or dropped.
    ///
    /// # Errors
    ///
    /// What kill(2) returns; none when it has ended already.
    pub fn kill(&mut self) -> io::Result<()> {
        match &mut self.process {
            Running::Yes(process) => process.kill(),
            Running::No(_) => Ok(()),
        }
    }

    /// Writes `input`, reads both outputs to their ends and waits for the child, all at once on this thread: whatever
    /// the sizes, nobody waits for somebody who waits. A child that does not read all its input is no error.
    ///
    /// # Errors
    ///
    /// What the system calls return.
    pub fn gather(mut self, input: &[u8]) -> io::Result<Output> {
        let gathered = self.gather_streams(input, None)?;
        let status = self.wait()?;
        Ok(Output { status, stdout: gathered.stdout, stderr: gathered.stderr })
    }

    /// [`Child::gather`] with a deadline. When it passes, the child is killed.
    ///
    /// # Errors
    ///
    /// `TimedOut` (`ERROR_SEM_TIMEOUT`) when the child, or somebody who inherited its streams, was still at it.
    pub fn gather_until(mut self, input: &[u8], deadline: Instant) -> io::Result<Output> {
        let outcome = self.gather_streams(input, Some(deadline)).and_then(|gathered| {
            let status = self.wait_until(deadline)?.ok_or(io::ErrorKind::TimedOut)?;
            Ok(Output { status, stdout: gathered.stdout, stderr: gathered.stderr })
        });
        if outcome.is_err() {
            _ = self.kill();
        }
        outcome
    }

    fn gather_streams(&mut self, input: &[u8], deadline: Option<Instant>) -> io::Result<Gathered> {
        let mut gathered = Gathered::default();
        let (stdin, stdout, stderr) = (self.stdin.take(), self.stdout.take(), self.stderr.take());
        gather(stdin, input, stdout, stderr, deadline, &mut gathered)?;
        Ok(gathered)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let gone = Running::No(ExitStatus::default());
        if let Running::Yes(process) = std::mem::replace(&mut self.process, gone) {
            reaper::adopt(process);
        }
    }
}
