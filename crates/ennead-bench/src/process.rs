//! Pairs of end processes: started, heard, and never left behind.

use std::error;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::plan::Unit;

/// The figures of one round, as the ends said them.
pub type Values = Vec<(Unit, f64)>;

/// How a round goes on once all clients are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Course {
    /// The ends run until both exit.
    ToTheEnd,
    /// Once the server is armed and sleeps, the client is killed; the server runs to its end.
    KillTheClient,
}

/// Runs pairs at the same time: every server, then every client, then a common start.
///
/// # Errors
/// What an end said to have failed, with its standard error; or that the pairs did not end in time.
pub fn run_pairs(pairs: Vec<(Command, Command)>, course: Course, limit: Duration) -> Result<Values> {
    let deadline = Instant::now() + limit;
    let mut started = Vec::new();
    for (server, client) in pairs {
        let mut server = End::start("server", server)?;
        server.expect("listening", deadline)?;
        started.push((server, End::start("client", client)?));
    }
    for (server, client) in &mut started {
        client.expect("connected", deadline).map_err(|error| server.blame_first(error))?;
    }
    for (_, client) in &mut started {
        client.go()?;
    }
    let mut values = Values::new();
    for (mut server, mut client) in started {
        match course {
            Course::ToTheEnd => {
                let end = client.finish(deadline).map_err(|error| server.blame_first(error))?;
                values.extend(end);
            }
            Course::KillTheClient => {
                server.expect("armed", deadline)?;
                // For the reader to go to sleep; if it has not, the figure is only kinder, and to every contender.
                thread::sleep(Duration::from_millis(20));
                client.kill();
            }
        }
        values.extend(server.finish(deadline)?);
    }
    Ok(values)
}

/// An end that had not ended when the pair's time was over.
#[derive(Debug)]
struct TooLate(&'static str);

impl fmt::Display for TooLate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} did not end in time", self.0)
    }
}

impl error::Error for TooLate {}

/// One end process. Dropping it kills it if it still runs.
struct End {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    complaint: Option<JoinHandle<String>>,
    values: Values,
}

impl End {
    fn start(name: &'static str, mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let out = child.stdout.take().context("no standard output")?;
        let mut err = child.stderr.take().context("no standard error")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let complaint = thread::spawn(move || {
            let mut text = Vec::new();
            // An unreadable complaint is no complaint.
            let _ = err.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        Ok(Self { name, child, lines, complaint: Some(complaint), values: Values::new() })
    }

    /// Reads lines until the end says `word`.
    fn expect(&mut self, word: &str, deadline: Instant) -> Result<()> {
        while let Some(line) = self.line(deadline)? {
            if line == word {
                return Ok(());
            }
            self.take(&line)?;
        }
        Err(self.complained(&format!("ended before it was {word}")))
    }

    /// Reads what is left, waits for the process, and gives its figures.
    fn finish(&mut self, deadline: Instant) -> Result<Values> {
        while let Some(line) = self.line(deadline)? {
            self.take(&line)?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(self.complained(&status.to_string()));
        }
        Ok(std::mem::take(&mut self.values))
    }

    fn line(&mut self, deadline: Instant) -> Result<Option<String>> {
        match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            // Programs for Windows end their lines as Windows does.
            Ok(line) => Ok(Some(line.trim_end().to_owned())),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(TooLate(self.name).into()),
        }
    }

    fn take(&mut self, line: &str) -> Result<()> {
        let mut words = line.splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            (Some("value"), Some(unit), Some(number)) => {
                let unit = Unit::from_name(unit).with_context(|| format!("unknown unit {unit:?}"))?;
                self.values.push((unit, number.parse().with_context(|| format!("no number: {number:?}"))?));
            }
            (Some("failed"), ..) => bail!("{}: {}", self.name, line.trim_start_matches("failed ")),
            // Remarks, for whoever reads along.
            _ => {}
        }
        Ok(())
    }

    fn go(&mut self) -> Result<()> {
        let stdin = self.child.stdin.as_mut().context("no standard input")?;
        writeln!(stdin, "go").and_then(|()| stdin.flush()).context("the client is gone")
    }

    fn kill(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// When the client failed, the server's own complaint, if it has one, is nearer to the cause.
    fn blame_first(&mut self, error: anyhow::Error) -> anyhow::Error {
        let soon = Instant::now() + Duration::from_secs(3);
        match self.finish(soon) {
            Err(own) if !own.is::<TooLate>() => own.context(error),
            _ => error,
        }
    }

    fn complained(&mut self, what: &str) -> anyhow::Error {
        self.kill();
        let text = self.complaint.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
        anyhow!("{} {what}: {}", self.name, last.trim())
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn run(server: &str, client: &str, course: Course) -> Result<Values> {
        run_pairs(vec![(shell(server), shell(client))], course, Duration::from_secs(20))
    }

    #[test]
    fn values_of_both_ends_are_collected() {
        let values = run(
            "echo listening; echo value bytes 3",
            "echo connected; read go; echo value ns 1.5",
            Course::ToTheEnd,
        );
        assert_eq!(values.expect("both succeed"), [(Unit::Nanoseconds, 1.5), (Unit::Bytes, 3.0)]);
    }

    #[test]
    fn a_failure_names_the_end_and_its_words() {
        let error = run(
            "echo listening; read x",
            "echo connected; read go; echo failed payload is corrupt; exit 1",
            Course::ToTheEnd,
        )
        .expect_err("the client failed");
        assert!(format!("{error:#}").contains("client: payload is corrupt"), "{error:#}");
    }

    #[test]
    fn an_end_that_dies_is_quoted() {
        let error =
            run("echo no such device >&2; exit 3", "true", Course::ToTheEnd).expect_err("the server died");
        assert!(format!("{error:#}").contains("no such device"), "{error:#}");
    }

    #[test]
    fn the_client_is_killed_when_the_server_is_armed() {
        let values = run(
            "echo listening; echo armed; echo value ns 7",
            "echo connected; read go; read forever",
            Course::KillTheClient,
        );
        assert_eq!(values.expect("the server succeeds"), [(Unit::Nanoseconds, 7.0)]);
    }
}
