//! No unfinished code anywhere, no skipped test, and no panic in a library without a stated invariant.

use super::{Report, Workspace, each_source, floor_of, test_files};
use crate::check::lexer::Kind;
use crate::check::source::Source;

/// Checks every source file.
pub fn check(workspace: &Workspace, report: &mut Report) {
    let tests = test_files(workspace);
    each_source(workspace, |package, source| {
        unfinished(source, report);
        let is_library = floor_of(package).is_some_and(|floor| floor.is_library(&package.name));
        if is_library && !tests.contains(source.path) {
            panics(source, report);
        }
    });
}

fn unfinished(source: &Source<'_>, report: &mut Report) {
    for at in source.code() {
        let token = &source.tokens[at];
        for word in ["todo", "unimplemented", "dbg"] {
            if source.reads(at, &[word, "!"]) {
                report.error(
                    "unfinished",
                    source.path,
                    token.line,
                    format!("`{word}!`"),
                    "finish it, or leave the function out",
                );
            }
        }
        if source.reads(at, &["#", "[", "ignore"]) {
            report.error(
                "unfinished",
                source.path,
                token.line,
                "`#[ignore]`",
                "a test runs or does not exist",
            );
        }
    }
    for token in source.tokens.iter().filter(|token| token.is_doc()) {
        if token.text.trim_start_matches(['/', '!', ' ']).starts_with("```ignore") {
            report.error(
                "unfinished",
                source.path,
                token.line,
                "an example that nobody compiles",
                "make it run, or `no_run`, or `text`",
            );
        }
    }
}

fn panics(source: &Source<'_>, report: &mut Report) {
    for at in source.code().filter(|&at| !source.is_test(at)) {
        let Some(what) = panic_at(source, at) else { continue };
        let stated = source.comments_of(at).iter().any(|comment| comment.text.contains("INVARIANT:"));
        if !stated {
            let remedy = "return an error; where it cannot happen whatever a peer, file or user does, say why in an `// INVARIANT:` comment on the statement";
            report.error("panic", source.path, source.tokens[at].line, what, remedy);
        }
    }
}

fn panic_at(source: &Source<'_>, at: usize) -> Option<&'static str> {
    if source.reads(at, &["panic", "!"]) {
        return Some("`panic!` in a library");
    }
    if source.reads(at, &[".", "unwrap", "(", ")"]) {
        return Some("`unwrap()` in a library");
    }
    if source.reads(at, &[".", "expect", "("]) {
        // A parser may have an `expect` of its own; that of `Option` and `Result` takes a message.
        let argument = source.next(source.next(source.next(at)?)?)?;
        return (source.tokens[argument].kind == Kind::Text).then_some("`expect(…)` in a library");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn unfinished_code_is_found_even_in_tests() {
        Fixture::default()
            .package("ennead-cli", &[], &[])
            .file("crates/ennead-cli/src/main.rs", "fn a() { todo!() }\nfn b() { unimplemented!(\"x\") }\n")
            .file(
                "crates/ennead-cli/tests/t.rs",
                "#[test]\n#[ignore = \"slow\"]\nfn c() { dbg!(1); }\n/// ```ignore\nfn d() {}\n",
            )
            .finds(
                check,
                &[
                    "main.rs:1 unfinished `todo!`",
                    "main.rs:2",
                    "t.rs:2 unfinished `#[ignore]`",
                    "t.rs:3",
                    "t.rs:4",
                ],
            );
    }

    #[test]
    fn panics_in_libraries_need_an_invariant() {
        let text = "fn a() { x.unwrap(); }\nfn b() { x.expect(\"y\"); panic!(); }\n\
                    // INVARIANT: just made.\nfn c() {\n // INVARIANT: the length was checked above.\n x.unwrap();\n}\n\
                    fn d(p: Parser) { p.expect(b','); x.unwrap_or(1); \"x.unwrap()\" }\n\
                    #[cfg(test)] mod tests { fn e() { x.unwrap(); } }\n#[cfg(test)] mod others;";
        Fixture::default()
            .package("ennead-pipe", &[], &[])
            .file("crates/ennead-pipe/src/lib.rs", text)
            .file("crates/ennead-pipe/src/others.rs", "fn f() { x.unwrap(); }")
            .file("crates/ennead-pipe/tests/t.rs", "fn g() { x.unwrap(); }")
            .finds(
                check,
                &["lib.rs:1 panic `unwrap()`", "lib.rs:2 panic `expect", "lib.rs:2 panic `panic!`"],
            );
    }

    #[test]
    fn programs_may_unwrap() {
        Fixture::default()
            .package("ennead-cli", &[], &[])
            .file("crates/ennead-cli/src/main.rs", "fn a() { x.unwrap(); }")
            .finds(check, &[]);
    }
}
