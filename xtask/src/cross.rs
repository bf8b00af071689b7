//! Other machines and another C library: aarch64, with its weak memory order, and musl. Everything is compiled for them, and the
//! tests of the rooms next to the machine are run: aarch64's by an emulator.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{cargo, find_program, run};

/// What is compiled for, and run where it can be.
struct Target {
    name: &'static str,
    /// Its programs' emulator, where the machine that runs this one cannot run them.
    emulator: Option<&'static str>,
    /// Tests by parts of their names that are left out.
    leaves_out: &'static [&'static str],
    packages: &'static [&'static str],
}

/// Linked by the toolchain's own linker, statically: no C compiler for the other machine is needed, and no files of its system.
const TARGETS: &[Target] = &[
    Target {
        name: "aarch64-unknown-linux-musl",
        emulator: Some("qemu-aarch64-static"),
        // A model says nothing of the machine. The emulator has no futex_waitv (Linux 5.16), which cancelling a queue takes.
        leaves_out: &["model::", "deadlines_and_tokens"],
        packages: &["ennead-channel", "ennead-status"],
    },
    Target {
        name: "x86_64-unknown-linux-musl",
        emulator: None,
        leaves_out: &["model::"],
        packages: &["ennead-channel", "ennead-status"],
    },
];

/// What is compiled: every library. (A program that brings C along would need a C compiler for each target.)
const LIBRARIES: &[&str] = &["ennead", "ennead-tokio"];

/// `cargo xtask cross [TARGET…]`: what it returns is for the summary.
pub fn run(root: &Path, only: &[String]) -> Result<String, String> {
    if let Some(unknown) = only.iter().find(|name| !TARGETS.iter().any(|target| target.name == name.as_str()))
    {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        return Err(format!("cross knows no `{unknown}`; its targets: {}", names.join(" ")));
    }
    let mut notes = Vec::new();
    for target in
        TARGETS.iter().filter(|target| only.is_empty() || only.iter().any(|name| name == target.name))
    {
        notes.push(format!("{}: {}", target.name, one(root, target)?));
    }
    Ok(notes.join("; "))
}

fn one(root: &Path, target: &Target) -> Result<&'static str, String> {
    if !is_installed(root, target.name) && !install(root, target.name) {
        // Nobody is made to have it: the other machines' errors are rare, and whoever has it finds them.
        return Ok("not installed, left out");
    }
    println!("checking for {}", target.name);
    run::show(on(root, target, &["check"]).args(LIBRARIES.iter().flat_map(|package| ["-p", package])))?;
    if target.emulator.is_some_and(|emulator| find_program(emulator).is_none()) {
        return Ok("compiles; no emulator to run it");
    }
    println!("testing on {}", target.name);
    let mut command = on(root, target, &["test", "--lib"]);
    command.args(target.packages.iter().flat_map(|package| ["-p", package])).arg("--");
    run::show(command.args(target.leaves_out.iter().flat_map(|part| ["--skip", part])))?;
    Ok("compiles and passes")
}

/// cargo, for a target.
fn on(root: &Path, target: &Target, words: &[&str]) -> Command {
    let variable = |end: &str| format!("CARGO_TARGET_{}_{end}", target.name.replace('-', "_").to_uppercase());
    let mut command = Command::new(cargo());
    command.args(words).args(["--locked", "--target", target.name]).current_dir(root);
    command.env(variable("LINKER"), "rust-lld");
    if let Some(emulator) = target.emulator {
        command.env(variable("RUNNER"), emulator);
    }
    command
}

fn is_installed(root: &Path, name: &str) -> bool {
    let mut command = Command::new("rustup");
    let listed =
        command.args(["target", "list", "--installed"]).current_dir(root).stderr(Stdio::null()).output();
    listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).lines().any(|line| line == name))
}

/// Takes seconds where the toolchain's server can be reached.
fn install(root: &Path, name: &str) -> bool {
    let mut command = Command::new("rustup");
    command.args(["target", "add", name]).current_dir(root).stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_targets_are_refused() {
        let refused = run(Path::new("/"), &["z80-unknown-cpm".to_owned()]);
        assert!(refused.is_err_and(|what| what.contains("z80-unknown-cpm")));
    }

    #[test]
    fn the_linker_is_named_for_each_target() {
        let command = on(Path::new("/"), &TARGETS[0], &["check"]);
        let linker = command.get_envs().find(|(_, value)| value.is_some_and(|value| value == "rust-lld"));
        assert!(linker.is_some_and(|(name, _)| name == "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"));
    }
}
