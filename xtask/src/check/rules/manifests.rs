//! Manifests inherit what the workspace decides, describe their crate, and the map names every room.

use std::path::Path;

use super::{Report, Workspace};

/// Checks each package's `Cargo.toml`, and that `ARCHITECTURE.md` knows the package.
pub fn check(workspace: &Workspace, report: &mut Report) {
    let map = Path::new("ARCHITECTURE.md");
    for package in &workspace.packages {
        let path = package.folder.join("Cargo.toml");
        if !package.has_description {
            report.error(
                "manifest",
                &path,
                1,
                format!("`{}` has no description", package.name),
                "say in one line what the room is for",
            );
        }
        let text = workspace.files.get(&path).map(String::as_str).unwrap_or_default();
        if !inherits(text, "lints", "workspace") {
            report.error(
                "manifest",
                &path,
                1,
                "the workspace's lints are not inherited",
                "add `[lints]` with `workspace = true`",
            );
        }
        for field in ["version", "edition", "rust-version", "license"] {
            if !inherits(text, "package", &format!("{field}.workspace")) {
                let what = format!("`{field}` is not the workspace's");
                report.error(
                    "manifest",
                    &path,
                    1,
                    what,
                    "write `FIELD.workspace = true` for version, edition, rust-version and license",
                );
            }
        }
        let known = workspace.files.get(map).is_some_and(|map| map.contains(&format!("`{}`", package.name)));
        if !known {
            let what = format!("the map does not name `{}`", package.name);
            report.error("manifest", map, 1, what, "add the room to the table of floors and to the map");
        }
    }
}

/// Whether `[table]` holds `key = true`.
fn inherits(manifest: &str, table: &str, key: &str) -> bool {
    let mut here = "";
    manifest.lines().map(str::trim).any(|line| {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            here = name;
        }
        let value = (here == table).then(|| line.strip_prefix(key)).flatten();
        value.is_some_and(|value| value.replace(' ', "").starts_with("=true"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::rules::fixture::Fixture;

    const GOOD: &str = "[package]\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                        license.workspace = true\n[lints]\nworkspace = true\n";

    #[test]
    fn a_good_manifest_passes() {
        Fixture::default()
            .package("ennead-sys", &[], &[])
            .file("crates/ennead-sys/Cargo.toml", GOOD)
            .file("ARCHITECTURE.md", "| `ennead-sys` |")
            .finds(check, &[]);
    }

    #[test]
    fn what_is_missing_is_named() {
        Fixture::default()
            .package("ennead-sys", &[], &[])
            .change(|package| package.has_description = false)
            .file(
                "crates/ennead-sys/Cargo.toml",
                &GOOD.replace("[lints]", "[other]").replace("edition.workspace = true", "edition = \"2018\""),
            )
            .file("ARCHITECTURE.md", "| `ennead-system` |")
            .finds(
                check,
                &[
                    "no description",
                    "lints are not inherited",
                    "`edition` is not",
                    "the map does not name `ennead-sys`",
                ],
            );
    }
}
