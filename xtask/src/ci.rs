//! `cargo xtask ci`: the steps, their order, and the table that closes the run.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::run::{self, Stream, Tally};
use crate::{cargo, check, cross, debian, deny, find_program, headers};

/// One part of the run.
struct Step {
    name: &'static str,
    /// What repeats it alone.
    repeat: String,
    act: fn(&Path) -> Outcome,
}

/// What came of a step: its note for the summary or what went wrong, and the tests that it ran.
struct Outcome {
    done: Result<String, String>,
    tally: Tally,
}

impl From<Result<String, String>> for Outcome {
    fn from(done: Result<String, String>) -> Self {
        Outcome { done, tally: Tally::default() }
    }
}

impl From<Result<(), String>> for Outcome {
    fn from(done: Result<(), String>) -> Self {
        done.map(|()| String::new()).into()
    }
}

/// Runs the named steps, or all, each whether or not those before it failed, and prints the summary.
pub fn run(root: &Path, only: &[String]) -> Result<(), String> {
    let steps = steps();
    if let Some(unknown) = only.iter().find(|name| !steps.iter().any(|step| step.name == name.as_str())) {
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        return Err(format!("ci has no step `{unknown}`; its steps: {}", names.join(" ")));
    }
    let mut rows = Vec::new();
    let mut tally = Tally::default();
    for step in steps.iter().filter(|step| only.is_empty() || only.iter().any(|name| name == step.name)) {
        println!("\n── {} ── {}", step.name, step.repeat);
        let start = Instant::now();
        let outcome = (step.act)(root);
        tally += outcome.tally;
        rows.push(Row { name: step.name, repeat: &step.repeat, time: start.elapsed(), done: outcome.done });
    }
    print!("\n{}", table(&rows));
    if tally != Tally::default() {
        println!("{} passed, {} failed", tally.passed, tally.failed);
    }
    let failed: Vec<_> = rows.iter().filter(|row| row.done.is_err()).map(|row| row.name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn steps() -> Vec<Step> {
    let step = |name, repeat: &str, act| Step { name, repeat: repeat.to_owned(), act };
    vec![
        step("packages", "cargo xtask ci packages", |_| debian::provide().into()),
        step("fmt", FMT, |root| cargo_line(root, FMT, &[])),
        step("check", "cargo xtask check", |root| check::run(root).into()),
        step("headers", "cargo xtask headers --check", |root| headers::check(root).into()),
        step("clippy", CLIPPY, |root| cargo_line(root, CLIPPY, &[])),
        step("docs", &format!("RUSTDOCFLAGS='-D warnings' {DOCS}"), |root| {
            cargo_line(root, DOCS, &[("RUSTDOCFLAGS", "-D warnings")])
        }),
        step("doctests", DOCTESTS, |root| count_line(root, DOCTESTS, Stream::Out)),
        step("tests", test_line(), |root| {
            let stream = if has_nextest() { Stream::Err } else { Stream::Out };
            count_line(root, test_line(), stream)
        }),
        step("cross", "cargo xtask cross", |root| cross::run(root, &[]).into()),
        step("deny", "cargo xtask deny", |root| deny::run(root).into()),
    ]
}

const FMT: &str = "cargo fmt --all -- --check";
const CLIPPY: &str = "cargo clippy --workspace --all-targets --locked --keep-going -- -D warnings";
const DOCS: &str = "cargo doc --workspace --no-deps --locked --keep-going";
const DOCTESTS: &str = "cargo test --workspace --doc --locked --no-fail-fast";
const NEXTEST: &str = "cargo nextest run --workspace --locked --no-fail-fast";
const TEST: &str = "cargo test --workspace --lib --bins --tests --examples --locked --no-fail-fast";

fn has_nextest() -> bool {
    find_program("cargo-nextest").is_some()
}

fn test_line() -> &'static str {
    if has_nextest() { NEXTEST } else { TEST }
}

fn cargo_line(root: &Path, line: &str, variables: &[(&str, &str)]) -> Outcome {
    run::show(command(root, line).envs(variables.iter().copied())).into()
}

fn count_line(root: &Path, line: &str, stream: Stream) -> Outcome {
    let (done, tally) = run::count(&mut command(root, line), stream);
    let note = format!("{} passed, {} failed", tally.passed, tally.failed);
    let done = match done {
        Ok(()) if tally == Tally::default() && line != DOCTESTS => Err("no test was run".to_owned()),
        Ok(()) => Ok(note),
        Err(what) if tally.failed > 0 => Err(format!("{note}: {what}")),
        Err(what) => Err(what),
    };
    Outcome { done, tally }
}

/// The command that a line such as `cargo test --doc` stands for.
fn command(root: &Path, line: &str) -> Command {
    let mut words = line.split(' ').skip_while(|word| *word == "cargo");
    let mut command = Command::new(cargo());
    command.args(words.by_ref()).current_dir(root);
    command
}

struct Row<'a> {
    name: &'a str,
    repeat: &'a str,
    time: Duration,
    done: Result<String, String>,
}

/// The summary: a line a step, and for one that failed, below it, what went wrong and how to repeat it.
fn table(rows: &[Row<'_>]) -> String {
    let mut text = String::from("step       result      time\n");
    for row in rows {
        let (result, note) = match &row.done {
            Ok(note) => ("ok", note.as_str()),
            Err(_) => ("FAILED", ""),
        };
        let time = clock(row.time);
        text += format!("{:<10} {result:<7} {time:>8}  {note}", row.name).trim_end();
        text.push('\n');
        if let Err(what) = &row.done {
            text += &format!("           {what}\n           repeat with: {}\n", row.repeat);
        }
    }
    let total = rows.iter().map(|row| row.time).sum();
    text + &format!("{:<18} {:>8}\n", "together", clock(total))
}

fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_what_failed_and_how_to_repeat_it() {
        let rows = [
            Row { name: "fmt", repeat: FMT, time: Duration::from_millis(900), done: Ok(String::new()) },
            Row {
                name: "tests",
                repeat: NEXTEST,
                time: Duration::from_secs(125),
                done: Err("2 passed, 1 failed".into()),
            },
        ];
        let wanted = "\
step       result      time
fmt        ok        0:00.9
tests      FAILED    2:05.0
           2 passed, 1 failed
           repeat with: cargo nextest run --workspace --locked --no-fail-fast
together             2:05.9
";
        assert_eq!(table(&rows), wanted);
    }

    #[test]
    fn unknown_steps_are_refused() {
        assert!(run(Path::new("/"), &["lint".to_owned()]).is_err_and(|what| what.contains("no step `lint`")));
    }

    #[test]
    fn lines_become_commands() {
        let command = command(Path::new("/"), DOCTESTS);
        let words: Vec<_> = command.get_args().collect();
        assert_eq!(words, ["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]);
    }
}
