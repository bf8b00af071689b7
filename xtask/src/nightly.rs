//! The one nightly, for fuzzing and miri only; everything else is built by the stable toolchain of
//! `rust-toolchain.toml`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::run;

/// The toolchain's name.
const TOOLCHAIN: &str = "nightly-2026-05-20";

/// The commit that it was built from, by which a toolchain of another name is recognised.
const COMMIT: &str = "e50aa6fba4e63ab34c72bf9acfd2c307c1155d1a";

/// Packages whose tests miri can run: those that make no system call. With filters, only the tests of these names.
const UNDER_MIRI: &[(&str, &[&str])] =
    &[("ennead-status", &[]), ("ennead-security", &[]), ("ennead-channel", &["position::", "frame::"])];

/// `cargo xtask fuzz [--seconds N] [TARGET…]`
pub fn fuzz(root: &Path, words: &[String]) -> Result<(), String> {
    let Request { seconds, targets } = Request::parse(words)?;
    let all = targets_of(root)?;
    if let Some(unknown) = targets.iter().find(|target| !all.contains(target)) {
        return Err(format!("no fuzz target `{unknown}`; there are: {}", all.join(", ")));
    }
    let toolchain = toolchain(&[])?;
    if crate::find_program("cargo-fuzz").is_none() {
        return Err("cargo-fuzz is missing; install it with: cargo install cargo-fuzz --locked".to_owned());
    }
    let mut broken = Vec::new();
    for target in if targets.is_empty() { &all } else { &targets } {
        println!("fuzzing {target} for {seconds} s");
        let corpus = root.join("fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| format!("{}: {error}", corpus.display()))?;
        let mut command = on(&toolchain, &["cargo", "fuzz", "run", target]);
        // The first folder is where libFuzzer puts what it finds worth keeping.
        command.arg(&corpus).args(seeds(root)?);
        command.arg("--").arg(format!("-max_total_time={seconds}"));
        if let Err(what) = run::show(command.current_dir(root)) {
            println!("{target}: {what}");
            broken.push(target.as_str());
        }
    }
    match broken.as_slice() {
        [] => Ok(()),
        names => Err(format!(
            "fuzzing found something in: {}; the inputs are in fuzz/artifacts/",
            names.join(", ")
        )),
    }
}

/// `cargo xtask miri`
pub fn miri(root: &Path) -> Result<(), String> {
    let toolchain = toolchain(&["miri", "rust-src"])?;
    for (package, filters) in UNDER_MIRI {
        println!("miri: {package}");
        let words = [&["cargo", "miri", "test", "--lib", "-p", package, "--"], *filters].concat();
        let mut command = on(&toolchain, &words);
        // Property tests read a file of earlier failures; a few cases say enough at miri's speed.
        command.env("MIRIFLAGS", "-Zmiri-disable-isolation").env("PROPTEST_CASES", "4").current_dir(root);
        run::show(&mut command)?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    seconds: u64,
    targets: Vec<String>,
}

impl Request {
    fn parse(words: &[String]) -> Result<Self, String> {
        let mut request = Request { seconds: 60, targets: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seconds" => {
                    let value = words.next().map(String::as_str).unwrap_or_default();
                    request.seconds =
                        value.parse().map_err(|_| format!("--seconds takes a number, not `{value}`"))?;
                }
                flag if flag.starts_with('-') => return Err(format!("fuzz knows no `{flag}`")),
                target => request.targets.push(target.to_owned()),
            }
        }
        Ok(request)
    }
}

/// Every crate's folder of seeds: each target takes from them what it can use.
fn seeds(root: &Path) -> Result<Vec<PathBuf>, String> {
    let crates = root.join("crates");
    let entries = std::fs::read_dir(&crates).map_err(|error| format!("{}: {error}", crates.display()))?;
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path().join("tests/seeds")).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    Ok(folders)
}

fn targets_of(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let files = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<_> = files
        .filter_map(|file| file.ok()?.file_name().into_string().ok()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// The pinned toolchain by whatever name it is installed, with the components that the task needs.
fn toolchain(components: &[&str]) -> Result<String, String> {
    let is_there = |name: &str| {
        let version = on(name, &["rustc", "-vV"]).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let version =
            version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        version.lines().any(|line| line == format!("commit-hash: {COMMIT}"))
    };
    let lacks = |name: &str| {
        components
            .iter()
            .any(|component| *component == "miri" && !answers(name, &["cargo", "miri", "--version"]))
    };
    let with: String = components.iter().map(|component| format!(" --component {component}")).collect();
    let install = format!("install it with: rustup toolchain install {TOOLCHAIN} --profile minimal{with}");
    match [TOOLCHAIN, "nightly"].into_iter().find(|name| is_there(name)) {
        Some(name) if lacks(name) => Err(format!("the toolchain `{name}` lacks a component; {install}")),
        Some(name) => Ok(name.to_owned()),
        None => Err(format!("the pinned nightly is missing; {install}")),
    }
}

fn answers(toolchain: &str, words: &[&str]) -> bool {
    let mut command = on(toolchain, words);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// A command that runs in a toolchain, whichever one xtask itself was started by.
fn on(toolchain: &str, words: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain]).args(words);
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Request, String> {
        Request::parse(&words.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn fuzz_requests_are_read() {
        assert_eq!(parse(""), Ok(Request { seconds: 60, targets: vec![] }));
        assert_eq!(parse("sddl --seconds 5"), Ok(Request { seconds: 5, targets: vec!["sddl".to_owned()] }));
        assert!(parse("--seconds soon").is_err_and(|what| what.contains("soon")));
        assert!(parse("--minutes 1").is_err());
    }
}
