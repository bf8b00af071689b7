//! Starts programs, shows what they print, and counts the tests in it.

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Tests that a runner has reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub passed: u64,
    pub failed: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs a command without standard input; what it prints goes where ours does.
pub fn show(command: &mut Command) -> Result<(), String> {
    verdict(command.stdin(Stdio::null()).status(), command)
}

/// Like [`show`], for a command that must be done by itself within `limit`.
pub fn show_within(command: &mut Command, limit: Duration) -> Result<(), String> {
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| start_error(command, &error))?;
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
            Ok(None) => {
                end(&mut child);
                return Err(format!("{} had no result after {} s", name(command), limit.as_secs()));
            }
            Ok(Some(status)) => return verdict(Ok(status), command),
            Err(error) => return verdict(Err(error), command),
        }
    }
}

/// The streams that test runners write their closing line to.
#[derive(Clone, Copy)]
pub enum Stream {
    Out,
    Err,
}

/// Runs a test runner, passes on every line of `stream` as it comes, and adds up the closing lines in it.
pub fn count(command: &mut Command, stream: Stream) -> (Result<(), String>, Tally) {
    command.stdin(Stdio::null());
    match stream {
        Stream::Out => command.stdout(Stdio::piped()),
        Stream::Err => command.stderr(Stdio::piped()),
    };
    if std::io::stderr().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return (Err(start_error(command, &error)), Tally::default()),
    };
    let (sender, tallies) = mpsc::channel();
    let out = child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    let err = child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
    if let Some(pipe) = out.or(err) {
        std::thread::spawn(move || pass_on(pipe, stream, &sender));
    }
    let done = verdict(child.wait(), command);
    let mut tally = Tally::default();
    // The channel closes with the pipe; a process that a test left behind may hold that open for as long as it likes.
    while let Ok(more) = tallies.recv_timeout(Duration::from_secs(5)) {
        tally += more;
    }
    (done, tally)
}

fn pass_on(pipe: impl Read, stream: Stream, tallies: &mpsc::Sender<Tally>) {
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        // A reader of ours that went away is no reason to lose the count.
        let _ = match stream {
            Stream::Out => std::io::stdout().write_all(&[&line[..], b"\n"].concat()),
            Stream::Err => std::io::stderr().write_all(&[&line[..], b"\n"].concat()),
        };
        if let Some(tally) = tally(&String::from_utf8_lossy(&line))
            && tallies.send(tally).is_err()
        {
            return;
        }
    }
}

/// Reads a closing line of nextest (`Summary [ 1.0s] 3 tests run: 2 passed, 1 failed`) or of `cargo test`
/// (`test result: ok. 2 passed; 1 failed; …`).
fn tally(line: &str) -> Option<Tally> {
    let plain = without_colour(line);
    // Indented, a test result is what nextest quotes of a test that failed: it counts that one itself.
    if !plain.trim_start().starts_with("Summary [") && !plain.starts_with("test result:") {
        return None;
    }
    let words: Vec<_> = plain.split([' ', ',', ';', '(', ')']).filter(|word| !word.is_empty()).collect();
    let number = |name: &str| -> u64 {
        let before =
            words.windows(2).filter(|pair| pair[1] == name).filter_map(|pair| pair[0].parse::<u64>().ok());
        before.sum()
    };
    // nextest counts tests that it had to end apart: "1 timed out".
    Some(Tally { passed: number("passed"), failed: number("failed") + number("timed") })
}

fn without_colour(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| plain + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn verdict(status: std::io::Result<ExitStatus>, command: &Command) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", name(command))),
        Err(error) => Err(start_error(command, &error)),
    }
}

fn start_error(command: &Command, error: &std::io::Error) -> String {
    format!("{} did not start: {error}", name(command))
}

fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

fn end(child: &mut Child) {
    // Both fail only where the child is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let nextest = "\x1b[32;1m     Summary\x1b[0m [   1.5s] \x1b[1m7\x1b[0m tests run: \x1b[1m5\x1b[0m passed (1 slow), 1 failed, 1 timed out, 2 skipped";
        assert_eq!(tally(nextest), Some(Tally { passed: 5, failed: 2 }));
        let cargo = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(tally(cargo), Some(Tally { passed: 12, failed: 3 }));
        assert_eq!(tally(&format!("    {cargo}")), None, "quoted");
        assert_eq!(tally("test a::b ... ok"), None);
    }

    #[test]
    fn a_runner_is_counted() {
        let (done, tally) = count(
            Command::new("sh").args(["-c", "echo 'test result: ok. 2 passed; 0 failed'; exit 3"]),
            Stream::Out,
        );
        assert!(done.is_err_and(|what| what.contains("sh ended with exit status: 3")));
        assert_eq!(tally, Tally { passed: 2, failed: 0 });
    }

    #[test]
    fn what_takes_too_long_is_ended() {
        let done = show_within(Command::new("sleep").arg("3600"), Duration::from_millis(1));
        assert!(done.is_err_and(|what| what.contains("no result")));
    }
}
