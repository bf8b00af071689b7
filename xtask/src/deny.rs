//! Licences, bans and sources of every dependency, by cargo-deny; known advisories where their database can be had.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::{cargo, find_program, run};

/// The version that is built where cargo-deny is missing.
const VERSION: &str = "0.20.2";

/// Runs the checks; what it returns says which of them were made.
pub fn run(root: &Path) -> Result<String, String> {
    let program = provide(root)?;
    let deny = |words: &[&str]| {
        let mut command = Command::new(&program);
        // As a subcommand of cargo is called.
        command.arg("deny").args(["--all-features"]).args(words).current_dir(root);
        command
    };
    run::show(&mut deny(&["check", "licenses", "bans", "sources"]))?;
    // A machine without a way to the database is common; a clone that hangs there must not hold the run.
    let mut fetch = deny(&["fetch", "db"]);
    fetch.stderr(Stdio::null());
    match run::show_within(&mut fetch, Duration::from_secs(90)) {
        Ok(()) => {
            run::show(&mut deny(&["check", "--disable-fetch", "advisories"]))?;
            Ok("licences, bans, sources, advisories".to_owned())
        }
        Err(_) => {
            Ok("licences, bans, sources; advisories NOT checked: `cargo deny fetch db` cannot reach their database".to_owned())
        }
    }
}

/// Finds cargo-deny, or builds it below the target folder.
///
/// Built for compile time instead of speed: it runs for a second, and its release profile takes four times as long
/// to build as this.
fn provide(root: &Path) -> Result<PathBuf, String> {
    if let Some(program) = find_program("cargo-deny") {
        return Ok(program);
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    let home = target.join("xtask-tools");
    let program = home.join("bin/cargo-deny");
    let stamp = home.join(format!("cargo-deny-{VERSION}"));
    if program.is_file() && stamp.is_file() {
        return Ok(program);
    }
    println!("cargo-deny is missing: building {VERSION} below {}", home.display());
    let mut install = Command::new(cargo());
    install
        .args(["install", "cargo-deny", "--locked", "--force", "--version", &format!("={VERSION}"), "--root"])
        .arg(&home);
    install.current_dir(root);
    for (setting, value) in [("OPT_LEVEL", "0"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")]
    {
        install.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    // The workspace's own target folder would be locked and mixed with another profile's parts.
    install.env("CARGO_TARGET_DIR", home.join("build"));
    run::show(&mut install).map_err(|what| {
        format!("{what}; install it with: cargo install cargo-deny --locked --version ={VERSION}")
    })?;
    std::fs::write(&stamp, VERSION).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(program)
}
