//! The rules, one thought a file.

mod face;
mod layering;
mod manifests;
mod panics;
mod programs;
mod purity;
mod shape;
mod unsafety;
mod words;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::source::Source;
use super::workspace::{Package, Workspace};
use super::{Report, floors};

/// Every rule.
pub const ALL: &[fn(&Workspace, &mut Report)] = &[
    face::check,
    layering::check,
    manifests::check,
    panics::check,
    programs::check,
    purity::check,
    shape::check,
    unsafety::check,
    words::check,
];

/// Calls `rule` for each Rust file of each package.
fn each_source(workspace: &Workspace, mut rule: impl FnMut(&Package, &Source<'_>)) {
    for (path, text) in rust_files(workspace) {
        if let Some(package) = workspace.package_of(path) {
            rule(package, &Source::new(path, text));
        }
    }
}

fn rust_files(workspace: &Workspace) -> impl Iterator<Item = (&PathBuf, &String)> {
    workspace.files.iter().filter(|(path, _)| path.extension().is_some_and(|extension| extension == "rs"))
}

/// Files that hold nothing but tests: those in test folders, and modules declared under `#[cfg(test)]`.
fn test_files(workspace: &Workspace) -> BTreeSet<PathBuf> {
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    for (path, text) in rust_files(workspace) {
        let source = Source::new(path, text);
        found.extend(source.test_modules());
    }
    let declared = found.clone();
    let in_declared_folder = |path: &Path| {
        declared.iter().any(|module| path.starts_with(module.with_extension("")) || is_mod_of(module, path))
    };
    for (path, _) in rust_files(workspace) {
        let below_package =
            workspace.package_of(path).and_then(|package| path.strip_prefix(&package.folder).ok());
        let first = below_package.and_then(|below| below.components().next());
        let in_test_folder = first.is_some_and(|first| {
            ["tests", "benches", "examples"].iter().any(|name| first.as_os_str() == *name)
        });
        if in_test_folder || in_declared_folder(path) {
            found.insert(path.clone());
        }
    }
    found
}

fn is_mod_of(module: &Path, path: &Path) -> bool {
    module.file_name().is_some_and(|name| name == "mod.rs")
        && module.parent().is_some_and(|folder| path.starts_with(folder))
}

/// The floor of a package; what the table does not know is reported by the layering rule alone.
fn floor_of(package: &Package) -> Option<floors::Floor> {
    floors::floor(&package.name)
}

#[cfg(test)]
mod fixture {
    use super::*;
    use crate::check::Weight;
    use crate::check::workspace::Dependency;

    /// A small workspace made up for one test.
    #[derive(Default)]
    pub struct Fixture(Workspace);

    impl Fixture {
        pub fn package(mut self, name: &str, dependencies: &[&str], for_tests: &[&str]) -> Self {
            let folder = Path::new("crates").join(name);
            let line = |for_tests| move |name: &&str| Dependency { name: (*name).to_owned(), for_tests };
            self.0.packages.push(Package {
                name: name.to_owned(),
                folder,
                has_description: true,
                dependencies: dependencies
                    .iter()
                    .map(line(false))
                    .chain(for_tests.iter().map(line(true)))
                    .collect(),
                macros: Vec::new(),
            });
            self
        }

        pub fn change(mut self, change: impl FnOnce(&mut Package)) -> Self {
            change(self.0.packages.last_mut().expect("the fixture has a package"));
            self
        }

        pub fn file(mut self, path: &str, text: &str) -> Self {
            self.0.files.insert(path.into(), text.to_owned());
            self
        }

        /// What `rule` finds: `path:line rule what`, one a finding.
        pub fn findings(&self, rule: fn(&Workspace, &mut Report)) -> Vec<String> {
            let mut report = Report::default();
            rule(&self.0, &mut report);
            report
                .findings
                .iter()
                .map(|finding| {
                    let mild = if finding.weight == Weight::Warning { "warning " } else { "" };
                    format!(
                        "{}:{} {mild}{} {}",
                        finding.path.display(),
                        finding.line,
                        finding.rule,
                        finding.what
                    )
                })
                .collect()
        }

        /// Asserts that `rule` finds one thing in each line of `wanted`, in that order, containing that text.
        #[track_caller]
        pub fn finds(&self, rule: fn(&Workspace, &mut Report), wanted: &[&str]) {
            let found = self.findings(rule);
            let same = found.len() == wanted.len()
                && found.iter().zip(wanted).all(|(have, want)| have.contains(want));
            assert!(same, "found {found:#?}, wanted {wanted:#?}");
        }
    }
}
