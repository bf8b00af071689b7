//! The tree stands alone: its text speaks of the product, names no place outside it, and points at no document that
//! is not in it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Report, Workspace};

/// Folders of one machine. Written in two parts, so that this file passes its own rule.
const PLACES: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/work", "space/"),
    concat!("/home/", "runner"),
    concat!("/bui", "lds/"),
];

/// Phrases that speak of how a text came about instead of what it says.
const PHRASES: &[&str] = &[
    concat!("this ", "session"),
    concat!("previous ", "session"),
    concat!("next ", "session"),
    concat!("the ", "prompt says"),
    concat!("the ", "brief says"),
    concat!("the ", "issue says"),
    concat!("per the ", "issue"),
    concat!("as ", "requested"),
    concat!("as ", "instructed"),
    concat!("my ", "instructions"),
    concat!("language ", "model"),
];

/// Checks every text of the tree.
pub fn check(workspace: &Workspace, report: &mut Report) {
    for (path, text) in workspace.files.iter().filter(|(path, _)| is_ours(path)) {
        for (line, words) in text.lines().enumerate().map(|(at, words)| (at + 1, words)) {
            if let Some(place) = PLACES.iter().find(|place| words.contains(**place)) {
                let what = format!("`{place}…` is a place on one machine");
                report.error("words", path, line, what, "name the thing, or a path inside the tree");
            }
            let small = words.to_lowercase();
            if let Some(phrase) = PHRASES.iter().find(|phrase| has_phrase(&small, phrase)) {
                let what = format!("\"{phrase}\" speaks of how the text came about");
                report.error("words", path, line, what, "say what holds, and why");
            }
            for name in documents(words).collect::<BTreeSet<_>>() {
                if !is_known(workspace, path, name) {
                    let what = format!("`{name}` is not in the tree");
                    report.error(
                        "words",
                        path,
                        line,
                        what,
                        "point at a document that the reader has, or say it here",
                    );
                }
            }
        }
    }
}

/// Third-party text, and lists that tools write.
fn is_ours(path: &Path) -> bool {
    path != Path::new("Cargo.lock")
        && !path.starts_with("examples/data")
        && path != Path::new("xtask/src/check/rules/words.rs")
}

fn has_phrase(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        is_edge(line[..at].chars().next_back()) && is_edge(line[at + phrase.len()..].chars().next())
    })
}

/// Names of Markdown documents in a line; those behind a link to a host are somebody else's.
fn documents(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || "()[]<>`\"',;|".contains(c))
        .filter(|word| !word.contains("://"))
        .map(|word| word.split('#').next().unwrap_or(word).trim_end_matches(['.', ':']))
        .filter(|word| {
            word.strip_suffix(".md").is_some_and(|stem| stem.ends_with(|c: char| c.is_alphanumeric()))
        })
}

/// Whether the tree has the document, seen from `from`, from the root, or anywhere by its bare name. The pages of the
/// documentation that the product follows are cited by their path in its public repositories.
fn is_known(workspace: &Workspace, from: &Path, name: &str) -> bool {
    let cited =
        ["desktop-src/", "sdk-api-src/", "win32/", "seed/"].iter().any(|start| name.starts_with(start));
    let near = from.parent().unwrap_or(Path::new("")).join(name);
    let by_name = |path: &PathBuf| !name.contains('/') && path.file_name().is_some_and(|file| file == name);
    cited
        || workspace.files.contains_key(Path::new(name))
        || workspace.files.contains_key(&normal(&near))
        || workspace.files.keys().any(by_name)
}

fn normal(path: &Path) -> PathBuf {
    let mut parts: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path {
        if part == ".." {
            parts.pop();
        } else if part != "." {
            parts.push(part);
        }
    }
    parts.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn places_phrases_and_missing_documents() {
        let text =
            concat!("See /wo", "rk/x.\nDone in this ", "session.\nAs NOTES.md and book/src/pipes.md say.\n");
        Fixture::default()
            .file("crates/x/src/lib.rs", text)
            .file("book/src/pipes.md", "")
            .finds(check, &["lib.rs:1 words", "lib.rs:2 words", "lib.rs:3 words `NOTES.md`"]);
    }

    #[test]
    fn windows_terms_and_links_pass() {
        let text = "The session id; a prompt answer. ARCHITECTURE.md, [pipes](../book/src/pipes.md#top),\n\
                    https://example.org/NOTES.md, desktop-src/ipc/pipes.md, has requested.";
        Fixture::default()
            .file("docs/a.md", text)
            .file("ARCHITECTURE.md", "")
            .file("book/src/pipes.md", "")
            .finds(check, &[]);
    }
}
