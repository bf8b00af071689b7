//! A program that tests start is either part of every Debian system or listed with its package. (One below
//! `/nonexistent/` is meant to be missing.)

use super::{Report, Workspace, each_source, test_files};
use crate::check::lexer::Kind;
use crate::debian;

/// Checks every `Command::new("…")` in tests.
pub fn check(workspace: &Workspace, report: &mut Report) {
    let tests = test_files(workspace);
    each_source(workspace, |_, source| {
        for at in source.code().filter(|&at| tests.contains(source.path) || source.is_test(at)) {
            if !source.reads(at, &["Command", ":", ":", "new", "("]) {
                continue;
            }
            let argument = (0..5).try_fold(at, |at, _| source.next(at)).map(|at| source.tokens[at]);
            let Some(program) = argument.filter(|argument| argument.kind == Kind::Text) else { continue };
            if program.text.starts_with("/nonexistent/") {
                continue;
            }
            let name = program.text.rsplit('/').next().unwrap_or(program.text);
            if !debian::is_known(name) {
                let what = format!("tests start `{name}`, which no listed package brings");
                report.error(
                    "programs",
                    source.path,
                    program.line,
                    what,
                    "add its package to xtask/src/debian.rs, or do without it",
                );
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn unlisted_programs_are_named() {
        let text = "fn a() { Command::new(\"/bin/sh\"); std::process::Command::new(\"frobnicate\"); Command::new(exe); Command::new(\"/nonexistent/x\"); }";
        Fixture::default()
            .package("ennead-pipe", &[], &[])
            .file("crates/ennead-pipe/tests/t.rs", text)
            .file("crates/ennead-pipe/src/lib.rs", text)
            .finds(check, &["t.rs:1 programs tests start `frobnicate`"]);
    }
}
