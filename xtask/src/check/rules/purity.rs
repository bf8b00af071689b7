//! Words and wire do no I/O: bytes and a clock in, bytes and events out.

use super::{Report, Workspace, each_source, floor_of, test_files};
use crate::check::floors::Floor;
use crate::check::source::Source;

/// Parts of `std` that reach outside the process, or read its clock.
const OUTSIDE: &[&str] = &["fs", "net", "os", "process", "thread", "env"];

/// The few names of `std::io` and `std::time` that are values only.
const VALUES: &[(&str, &[&str])] =
    &[("io", &["Error", "ErrorKind", "Result", "self"]), ("time", &["Duration", "self"])];

/// Checks the sources of the two lowest floors, tests left out.
pub fn check(workspace: &Workspace, report: &mut Report) {
    let tests = test_files(workspace);
    each_source(workspace, |package, source| {
        let is_pure = floor_of(package).is_some_and(|floor| floor <= Floor::Wire);
        if is_pure && !tests.contains(source.path) {
            for (line, path) in paths(source) {
                report.error(
                    "purity",
                    source.path,
                    line,
                    format!("`{path}` on a floor without I/O"),
                    "take the bytes, the time or the answer as an argument",
                );
            }
        }
    });
}

/// Forbidden paths that begin with `std::`, in `use` groups and written out.
fn paths(source: &Source<'_>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for at in source.code().filter(|&at| !source.is_test(at)) {
        if source.reads(at, &["std", ":", ":"])
            && source.previous(at).is_none_or(|before| !source.tokens[before].is_mark(':'))
        {
            let Some(next) = skip(source, at, 3) else { continue };
            for path in flatten(source, next) {
                if is_forbidden(&path) {
                    found.push((source.tokens[at].line, format!("std::{}", path.join("::"))));
                }
            }
        }
        if source.reads(at, &["SystemTime", ":", ":", "now"])
            || source.reads(at, &["Instant", ":", ":", "now"])
        {
            found.push((source.tokens[at].line, "now()".to_owned()));
        }
    }
    found
}

fn is_forbidden(path: &[&str]) -> bool {
    match path {
        [first, ..] if OUTSIDE.contains(first) => true,
        [first, second, ..] => {
            VALUES.iter().any(|(module, values)| module == first && !values.contains(second))
        }
        _ => false,
    }
}

fn skip(source: &Source<'_>, at: usize, count: usize) -> Option<usize> {
    (0..count).try_fold(at, |at, _| source.next(at))
}

/// The paths that a tree like `a::{b, c::{d, e}}` beginning at `at` names.
fn flatten<'a>(source: &Source<'a>, at: usize) -> Vec<Vec<&'a str>> {
    let token = source.tokens[at];
    if token.is_mark('{') {
        let close = source.partner(at).unwrap_or(source.tokens.len());
        let mut paths = Vec::new();
        let mut here = source.next(at);
        while let Some(branch) = here.filter(|&branch| branch < close) {
            paths.extend(flatten(source, branch));
            here = Some(branch);
            while let Some(token) = here.filter(|&at| at < close && !source.tokens[at].is_mark(',')) {
                let jump = if source.tokens[token].is_mark('{') {
                    source.partner(token).unwrap_or(token)
                } else {
                    token
                };
                here = source.next(jump);
            }
            here = here.and_then(|comma| source.next(comma));
        }
        return paths;
    }
    let goes_on = source.next(at).is_some_and(|next| source.reads(next, &[":", ":"]));
    let rest = if goes_on {
        skip(source, at, 3).map(|next| flatten(source, next)).unwrap_or_default()
    } else {
        vec![Vec::new()]
    };
    rest.into_iter().map(|tail| [token.text].into_iter().chain(tail).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn outside_is_out_of_reach() {
        let text = "use std::{fmt, io::{self, Read}, collections::{BTreeMap, HashMap}, net::TcpStream};\n\
                    fn a() { std::fs::read(x) }\nfn b() { std::time::Instant::now() }\n\
                    use std::io::Error; use std::time::Duration; use core::fmt;\n\
                    #[cfg(test)] mod tests { use std::fs; }";
        Fixture::default()
            .package("ennead-security", &[], &[])
            .file("crates/ennead-security/src/lib.rs", text)
            .finds(
                check,
                &[
                    "lib.rs:1 purity `std::io::Read`",
                    "`std::net::TcpStream`",
                    "lib.rs:2 purity `std::fs::read`",
                    "lib.rs:3 purity `std::time::Instant::now`",
                    "lib.rs:3 purity `now()`",
                ],
            );
    }

    #[test]
    fn higher_floors_may() {
        Fixture::default()
            .package("ennead-namespace", &[], &[])
            .file("crates/ennead-namespace/src/lib.rs", "use std::fs;")
            .finds(check, &[]);
    }
}
