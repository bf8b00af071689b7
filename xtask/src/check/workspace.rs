//! The workspace as the rules see it: packages from `cargo metadata`, and the text of every file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Everything that the rules look at.
#[derive(Default)]
pub struct Workspace {
    pub packages: Vec<Package>,
    /// Text by path, relative to the root; files that are not UTF-8 are left out.
    pub files: BTreeMap<PathBuf, String>,
}

/// One crate of the workspace.
pub struct Package {
    pub name: String,
    /// Relative to the root.
    pub folder: PathBuf,
    pub has_description: bool,
    pub dependencies: Vec<Dependency>,
    /// For each proc-macro crate that normal dependencies lead to: the names on the way, this package's left out.
    pub macros: Vec<Vec<String>>,
}

/// One line of a `[dependencies]` table.
pub struct Dependency {
    pub name: String,
    pub for_tests: bool,
}

impl Workspace {
    /// Asks cargo and reads the tree.
    pub fn load(root: &Path) -> Result<Self, String> {
        let output = Command::new(crate::cargo())
            .args(["metadata", "--format-version", "1", "--locked"])
            .current_dir(root)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("cargo metadata did not start: {error}"))?;
        if !output.status.success() {
            return Err(
                "cargo metadata failed; is Cargo.lock up to date? run `cargo metadata >/dev/null` to see"
                    .into(),
            );
        }
        let metadata = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("cargo metadata wrote no JSON: {error}"))?;
        let mut files = BTreeMap::new();
        read_tree(root, Path::new(""), &mut files).map_err(|error| format!("reading the tree: {error}"))?;
        Ok(Workspace { packages: packages(&metadata, root), files })
    }

    /// The package whose folder holds `path`.
    pub fn package_of(&self, path: &Path) -> Option<&Package> {
        self.packages
            .iter()
            .filter(|package| path.starts_with(&package.folder))
            .max_by_key(|package| package.folder.as_os_str().len())
    }
}

/// Reads the packages out of what `cargo metadata` says.
pub fn packages(metadata: &Value, root: &Path) -> Vec<Package> {
    let graph = Graph::new(metadata);
    let members: BTreeSet<_> = list(&metadata["workspace_members"]).filter_map(Value::as_str).collect();
    list(&metadata["packages"])
        .filter(|package| members.contains(text(&package["id"])))
        .map(|package| Package {
            name: text(&package["name"]).to_owned(),
            folder: folder(text(&package["manifest_path"]), root),
            has_description: package["description"].as_str().is_some_and(|words| !words.trim().is_empty()),
            dependencies: list(&package["dependencies"])
                .map(|dependency| Dependency {
                    name: text(&dependency["name"]).to_owned(),
                    for_tests: dependency["kind"].as_str() == Some("dev"),
                })
                .collect(),
            macros: graph.macros_of(text(&package["id"])),
        })
        .collect()
}

fn folder(manifest: &str, root: &Path) -> PathBuf {
    let manifest = Path::new(manifest);
    let folder = manifest.parent().unwrap_or(manifest);
    folder.strip_prefix(root).unwrap_or(folder).to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Who depends on whom in normal code, after feature resolution.
struct Graph<'a> {
    names: BTreeMap<&'a str, &'a str>,
    arrows: BTreeMap<&'a str, Vec<&'a str>>,
    macros: BTreeSet<&'a str>,
}

impl<'a> Graph<'a> {
    fn new(metadata: &'a Value) -> Self {
        let mut graph = Graph { names: BTreeMap::new(), arrows: BTreeMap::new(), macros: BTreeSet::new() };
        for package in list(&metadata["packages"]) {
            let id = text(&package["id"]);
            graph.names.insert(id, text(&package["name"]));
            let kinds = list(&package["targets"]).flat_map(|target| list(&target["kind"]));
            if kinds.into_iter().any(|kind| kind == "proc-macro") {
                graph.macros.insert(id);
            }
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            let normal = list(&node["deps"])
                .filter(|dep| list(&dep["dep_kinds"]).any(|kind| kind["kind"].is_null()))
                .map(|dep| text(&dep["pkg"]));
            graph.arrows.insert(text(&node["id"]), normal.collect());
        }
        graph
    }

    fn macros_of(&self, id: &'a str) -> Vec<Vec<String>> {
        let mut seen = BTreeSet::from([id]);
        let mut ways = vec![vec![id]];
        let mut found = Vec::new();
        while let Some(way) = ways.pop() {
            let last = way[way.len() - 1];
            if self.macros.contains(last) && way.len() > 1 {
                found.push(
                    way[1..].iter().map(|id| self.names.get(id).copied().unwrap_or(id).to_owned()).collect(),
                );
                continue;
            }
            for &next in self.arrows.get(last).into_iter().flatten() {
                if seen.insert(next) {
                    ways.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        found
    }
}

/// What git ignores, and git itself.
const LEFT_OUT: &[&str] = &[
    ".git",
    "target",
    "fuzz/target",
    "fuzz/corpus",
    "fuzz/artifacts",
    "fuzz/coverage",
    "book/book",
    "ennead-report",
];

fn read_tree(root: &Path, below: &Path, files: &mut BTreeMap<PathBuf, String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if LEFT_OUT.iter().any(|left_out| path == Path::new(left_out)) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_tree(root, &path, files)?;
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(std::fs::read(entry.path())?)
        {
            files.insert(path, text);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_found_through_others() {
        let metadata = serde_json::json!({
            "workspace_members": ["a"],
            "packages": [
                {"id": "a", "name": "a", "manifest_path": "/r/crates/a/Cargo.toml", "description": "x",
                 "dependencies": [{"name": "b", "kind": null}, {"name": "d", "kind": "dev"}], "targets": []},
                {"id": "b", "name": "b", "targets": []},
                {"id": "c", "name": "c-derive", "targets": [{"kind": ["proc-macro"]}]},
                {"id": "d", "name": "d-derive", "targets": [{"kind": ["proc-macro"]}]},
            ],
            "resolve": {"nodes": [
                {"id": "a", "deps": [{"pkg": "b", "dep_kinds": [{"kind": null}]}, {"pkg": "d", "dep_kinds": [{"kind": "dev"}]}]},
                {"id": "b", "deps": [{"pkg": "c", "dep_kinds": [{"kind": null}]}]},
            ]},
        });
        let packages = packages(&metadata, Path::new("/r"));
        assert_eq!(packages.len(), 1);
        assert_eq!(packages[0].folder, Path::new("crates/a"));
        assert_eq!(packages[0].macros, [["b", "c-derive"]]);
        assert!(packages[0].dependencies[1].for_tests);
    }
}
