//! `cargo xtask check`: the house's rules, proven from `cargo metadata` and the sources.
//!
//! Each rule is a function over the [`Workspace`] and has a test with a fixture that breaks it.

mod floors;
mod lexer;
mod rules;
mod source;
mod workspace;

use std::fmt;
use std::path::{Path, PathBuf};

use workspace::Workspace;

/// Checks the tree at `root`, prints what is wrong, and says whether nothing is.
pub fn run(root: &Path) -> Result<(), String> {
    let workspace = Workspace::load(root)?;
    let mut report = Report::default();
    for rule in rules::ALL {
        rule(&workspace, &mut report);
    }
    report.findings.sort_by(|a, b| (a.weight, &a.path, a.line).cmp(&(b.weight, &b.path, b.line)));
    for finding in &report.findings {
        println!("{finding}");
    }
    let errors = report.findings.iter().filter(|finding| finding.weight == Weight::Error).count();
    let warnings = report.findings.len() - errors;
    println!(
        "xtask check: {} crates, {} files, {errors} errors, {warnings} warnings",
        workspace.packages.len(),
        workspace.files.len()
    );
    if errors == 0 { Ok(()) } else { Err(format!("{errors} rules of the house are broken")) }
}

/// Whether a finding fails the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Warning,
    Error,
}

/// One place that breaks a rule.
#[derive(Debug)]
struct Finding {
    weight: Weight,
    path: PathBuf,
    line: usize,
    rule: &'static str,
    what: String,
    remedy: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weight = match self.weight {
            Weight::Warning => "warning",
            Weight::Error => "error",
        };
        let Finding { path, line, rule, what, remedy, .. } = self;
        write!(f, "{}:{line}: {weight}[{rule}]: {what}\n    {remedy}", path.display())
    }
}

/// What the rules have found.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn error(
        &mut self,
        rule: &'static str,
        path: &Path,
        line: usize,
        what: impl Into<String>,
        remedy: &'static str,
    ) {
        self.add(Weight::Error, rule, path, line, what.into(), remedy);
    }

    fn warning(
        &mut self,
        rule: &'static str,
        path: &Path,
        line: usize,
        what: impl Into<String>,
        remedy: &'static str,
    ) {
        self.add(Weight::Warning, rule, path, line, what.into(), remedy);
    }

    fn add(
        &mut self,
        weight: Weight,
        rule: &'static str,
        path: &Path,
        line: usize,
        what: String,
        remedy: &'static str,
    ) {
        self.findings.push(Finding { weight, path: path.to_owned(), line, rule, what, remedy });
    }
}
