//! Unsafe code lives in the crates that the table names, opts in with a reason, and argues each block.

use std::path::Path;

use super::{Package, Report, Workspace, each_source, floor_of, floors};
use crate::check::floors::Floor;
use crate::check::lexer::{Kind, Token};
use crate::check::source::Source;

/// Checks every source file, tests included.
pub fn check(workspace: &Workspace, report: &mut Report) {
    each_source(workspace, |package, source| {
        let may = floors::UNSAFE.iter().any(|(name, _)| *name == package.name)
            || floors::UNSAFE_TESTS.iter().any(|(path, _)| source.path == Path::new(path));
        opt_in(source, may, report);
        for at in source.code().filter(|&at| source.tokens[at].is_word("unsafe")) {
            if may {
                argued(source, at, report);
            } else {
                let what = format!("unsafe code in `{}`", package.name);
                report.error(
                    "unsafe",
                    source.path,
                    source.tokens[at].line,
                    what,
                    "ennead-sys is where unsafe code lives: offer what is missing there as a safe function",
                );
            }
        }
        if package.name == "ennead-sys" && !source.path.starts_with(package.folder.join("tests")) {
            raw_descriptors(source, report);
        }
    });
    for package in &workspace.packages {
        if floor_of(package).is_some_and(|floor| floor <= Floor::Wire) {
            forbidden(workspace, package, report);
        }
    }
}

/// `allow(unsafe_code)` needs a reason, a module to itself, and a crate that may.
fn opt_in(source: &Source<'_>, may: bool, report: &mut Report) {
    for (hash, inside) in source.attributes() {
        let attribute = &source.tokens[inside];
        let has = |word: &str| attribute.iter().any(|token| token.is_word(word));
        if !has("unsafe_code") || !(has("allow") || has("expect") || has("warn")) {
            continue;
        }
        let line = source.tokens[hash].line;
        if !may {
            report.error(
                "unsafe",
                source.path,
                line,
                "this crate may not opt in to unsafe code",
                "the crates that may are in xtask/src/check/floors.rs",
            );
        }
        let reason = attribute
            .iter()
            .skip_while(|token| !token.is_word("reason"))
            .find(|token| token.kind == Kind::Text);
        if reason.is_none_or(|reason| reason.text.trim().is_empty()) {
            report.error(
                "unsafe",
                source.path,
                line,
                "unsafe code is allowed without a reason",
                "write `#![allow(unsafe_code, reason = \"…\")]`",
            );
        }
        if is_root(source.path) && source.reads(hash, &["#", "!"]) {
            report.error(
                "unsafe",
                source.path,
                line,
                "a whole crate opts in to unsafe code",
                "opt in module by module",
            );
        }
    }
}

fn is_root(path: &Path) -> bool {
    path.ends_with("src/lib.rs") || path.ends_with("src/main.rs")
}

/// Each use of the keyword has its argument.
fn argued(source: &Source<'_>, at: usize, report: &mut Report) {
    let Some(next) = source.next(at) else { return };
    let line = source.tokens[at].line;
    let says =
        |comments: &[&Token<'_>], what: &str| comments.iter().any(|comment| comment.text.contains(what));
    let comments = source.comments_of(at);
    let word = source.tokens[next].text;
    let (what, is_argued) = match word {
        "{" => ("an unsafe block", says(&comments, "SAFETY:")),
        "impl" => ("an unsafe impl", says(&comments, "SAFETY:")),
        "trait" => ("an unsafe trait", says(&comments, "# Safety")),
        "fn" | "extern" => match item_after(source, next) {
            // A type such as `unsafe extern "C" fn(i32)`.
            Item::Type => return,
            Item::Block => ("an unsafe extern block", says(&comments, "SAFETY:")),
            // The contract of a trait's method stands at the trait.
            Item::Function if is_in_trait_impl(source, at) => return,
            Item::Function => ("an unsafe function", says(&comments, "# Safety")),
        },
        // `#[unsafe(no_mangle)]`
        _ => return,
    };
    if !is_argued {
        let remedy = if word == "{" || word == "impl" || what.ends_with("block") {
            "say in a `// SAFETY:` comment right above why it is sound"
        } else {
            "say in its documentation, under `# Safety`, what the caller must keep"
        };
        report.error("unsafe", source.path, line, format!("{what} without its argument"), remedy);
    }
}

enum Item {
    Function,
    Block,
    Type,
}

/// What follows `unsafe`, from its `fn` or `extern` on.
fn item_after(source: &Source<'_>, at: usize) -> Item {
    let mut here = Some(at);
    while let Some(at) = here {
        let token = &source.tokens[at];
        if token.is_mark('{') {
            return Item::Block;
        }
        if token.is_word("fn") {
            let named = source.next(at).is_some_and(|next| {
                source.tokens[next].kind == Kind::Word || source.tokens[next].is_mark('$')
            });
            return if named { Item::Function } else { Item::Type };
        }
        here = source.next(at);
    }
    Item::Type
}

/// Whether the innermost braces around `at` are those of `impl … for …`.
fn is_in_trait_impl(source: &Source<'_>, at: usize) -> bool {
    let mut depth = 0usize;
    for here in (0..at).rev().filter(|&here| source.tokens[here].kind == Kind::Mark) {
        match source.tokens[here].text {
            "}" => depth += 1,
            "{" if depth > 0 => depth -= 1,
            "{" => {
                let header = &source.tokens[source.statement_start(here)..here];
                return header.iter().any(|token| token.is_word("impl"))
                    && header.iter().any(|token| token.is_word("for"));
            }
            _ => {}
        }
    }
    false
}

/// No integer that is a descriptor leaves the system's crate.
fn raw_descriptors(source: &Source<'_>, report: &mut Report) {
    let remedy = "take `impl AsFd` or `BorrowedFd`, give `OwnedFd`";
    for at in source.code().filter(|&at| !source.is_test(at)) {
        let line = source.tokens[at].line;
        for name in ["AsRawFd", "IntoRawFd", "FromRawFd"] {
            if source.reads(at, &[name, "for"]) {
                report.error("raw-fd", source.path, line, format!("`{name}` is offered"), remedy);
            }
        }
        let restricted = source.next(at).is_some_and(|next| source.tokens[next].is_mark('('));
        if !source.tokens[at].is_word("pub") || restricted {
            continue;
        }
        let mut here = source.next(at);
        while let Some(at) = here {
            let token = &source.tokens[at];
            if token.is_mark('{') || token.is_mark(';') || token.is_mark('}') || token.is_mark('=') {
                break;
            }
            let is_integer = ["i32", "u32", "c_int", "RawFd"].iter().any(|name| {
                source.reads(at, &["fd", ":", name])
                    || token.text.ends_with("_fd")
                        && source.next(at).is_some_and(|colon| source.reads(colon, &[":", name]))
            });
            if token.is_word("RawFd") || is_integer {
                report.error("raw-fd", source.path, token.line, "a raw descriptor in the public API", remedy);
                break;
            }
            here = source.next(at);
        }
    }
}

fn forbidden(workspace: &Workspace, package: &Package, report: &mut Report) {
    let path = package.folder.join("src/lib.rs");
    let Some(text) = workspace.files.get(&path) else { return };
    let source = Source::new(&path, text);
    let forbids = source
        .attributes()
        .iter()
        .any(|(hash, _)| source.reads(*hash, &["#", "!", "[", "forbid", "(", "unsafe_code"]));
    if !forbids {
        report.error(
            "unsafe",
            &path,
            1,
            format!("`{}` does not forbid unsafe code", package.name),
            "add `#![forbid(unsafe_code)]`",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    fn sys(text: &str) -> Fixture {
        Fixture::default().package("ennead-sys", &[], &[]).file("crates/ennead-sys/src/m.rs", text)
    }

    #[test]
    fn unsafe_stays_in_its_crates() {
        Fixture::default()
            .package("ennead-pipe", &[], &[])
            .file(
                "crates/ennead-pipe/src/m.rs",
                "#![allow(unsafe_code, reason = \"x\")]\n// SAFETY: x\nfn a() { unsafe {} }",
            )
            .finds(
                check,
                &["m.rs:1 unsafe this crate may not", "m.rs:3 unsafe unsafe code in `ennead-pipe`"],
            );
    }

    #[test]
    fn a_listed_test_argues_its_blocks_all_the_same() {
        let path = floors::UNSAFE_TESTS[0].0;
        Fixture::default()
            .package("ennead-porter", &[], &[])
            .file(path, "// SAFETY: one thread.\nfn a() {}\nfn b() { unsafe {} }")
            .finds(check, &["fork.rs:3 unsafe an unsafe block without its argument"]);
    }

    #[test]
    fn blocks_and_impls_are_argued() {
        sys("fn a() {\n // SAFETY: owned.\n let x = f(1, unsafe { g() });\n unsafe { h() }\n}\nunsafe impl Send for X {}\n\
             fn b() { f(\n // SAFETY: mapped.\n unsafe { i() },\n unsafe { j() }) }")
            .finds(check, &["m.rs:4 unsafe an unsafe block", "m.rs:6 unsafe an unsafe impl"]);
    }

    #[test]
    fn unsafe_functions_document_their_contract() {
        sys("/// X.\npub unsafe fn a() {}\n/// Y.\n///\n/// # Safety\n/// Z.\n#[inline]\npub const unsafe fn b() {}\n\
             type F = unsafe extern \"C\" fn(i32);\nunsafe impl T for U // SAFETY: x\n { unsafe fn c() {} }\nunsafe trait V {}")
            .finds(check, &["m.rs:2 unsafe an unsafe function", "m.rs:12 unsafe an unsafe trait"]);
    }

    #[test]
    fn opting_in_has_a_reason_and_is_by_module() {
        sys("#![allow(unsafe_code)]")
            .finds(check, &["m.rs:1 unsafe unsafe code is allowed without a reason"]);
        sys("#![allow(unsafe_code, reason = \"calls futex\")]").finds(check, &[]);
        Fixture::default()
            .package("ennead-sys", &[], &[])
            .file("crates/ennead-sys/src/lib.rs", "#![allow(unsafe_code, reason = \"x\")]")
            .finds(check, &["lib.rs:1 unsafe a whole crate"]);
    }

    #[test]
    fn words_forbid_unsafe() {
        Fixture::default()
            .package("ennead-status", &[], &[])
            .file("crates/ennead-status/src/lib.rs", "//! x\n#![deny(unsafe_code)]")
            .finds(check, &["lib.rs:1 unsafe `ennead-status` does not forbid"]);
    }

    #[test]
    fn no_raw_descriptor_leaves() {
        sys("pub fn a() -> RawFd { 1 }\npub(crate) fn b(fd: i32) {}\npub fn c(peer_fd: c_int) {}\nimpl AsRawFd for X {}\n\
             pub fn d(fd: impl AsFd) -> OwnedFd { let x: RawFd; }\npub struct P { pub fd: u32 }")
            .finds(check, &["m.rs:1 raw-fd", "m.rs:3 raw-fd", "m.rs:4 raw-fd `AsRawFd`", "m.rs:6 raw-fd"]);
    }
}
