//! A file is one thought, and its name says which.

use super::{Report, Workspace, rust_files};

const LONG: usize = 400;
const TOO_LONG: usize = 800;
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "base", "helper", "helpers", "manager", "misc"];

/// Checks the length and the name of every Rust file.
pub fn check(workspace: &Workspace, report: &mut Report) {
    for (path, text) in rust_files(workspace) {
        let lines = text.lines().count();
        let what = format!("{lines} lines");
        if lines > TOO_LONG {
            report.error(
                "length",
                path,
                lines,
                what,
                "past 800 lines a file is split along the specification's own sections",
            );
        } else if lines > LONG {
            report.warning("length", path, lines, what, "aim for under 400 lines: is this one thought?");
        }
        let names = path.with_extension("");
        let empty = names.iter().filter_map(|part| part.to_str()).find(|part| EMPTY_NAMES.contains(part));
        if let Some(name) = empty {
            report.error(
                "name",
                path,
                1,
                format!("`{name}` says nothing"),
                "name the file after what it provides",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    #[test]
    fn long_files_and_empty_names() {
        Fixture::default()
            .file("crates/x/src/a.rs", &"\n".repeat(400))
            .file("crates/x/src/b.rs", &"\n".repeat(401))
            .file("crates/x/src/c.rs", &"\n".repeat(801))
            .file("crates/x/src/utils.rs", "")
            .file("crates/x/tests/common/mod.rs", "")
            .finds(
                check,
                &["b.rs:401 warning length", "c.rs:801 length", "utils.rs:1 name", "mod.rs:1 name `common`"],
            );
    }
}
