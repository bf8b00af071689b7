//! `cargo xtask …`: what keeps the house in order. `cargo xtask ci` is everything that CI checks, in one command.

mod check;
mod ci;
mod cross;
mod debian;
mod deny;
mod headers;
mod nightly;
mod run;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask ci                        everything that CI checks: fmt, check, headers, clippy, docs, doc tests, tests, cross, deny
cargo xtask ci STEP…                  only these of its steps
cargo xtask check                     the house's rules: layering, unsafe code, panics, words
cargo xtask deny                      licences, bans, sources; advisories where their database can be reached
cargo xtask headers [--check]         writes include/ennead/win32.h from the Windows metadata, or compares it
cargo xtask fuzz [--seconds N] [TARGET…]   each fuzz target for N seconds (default 60), on the pinned nightly
cargo xtask cross [TARGET…]           everything compiled for aarch64 and musl, and what can be run there
cargo xtask miri                      the tests that miri can run, on the pinned nightly
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match words.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match verb {
        "ci" => ci::run(root(), rest),
        "check" if rest.is_empty() => check::run(root()),
        "headers" if rest.is_empty() => headers::write(root()),
        "headers" if rest == ["--check"] => headers::check(root()),
        "deny" if rest.is_empty() => deny::run(root()).map(|note| println!("{note}")),
        "fuzz" => nightly::fuzz(root(), rest),
        "cross" => cross::run(root(), rest).map(|note| println!("{note}")),
        "miri" if rest.is_empty() => nightly::miri(root()),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("xtask: no such command: {}\n\n{USAGE}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace that this program was built in.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started this program.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Whether nobody is there to read a hint.
fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// Where a program is, if it can be started by its bare name.
fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    // Administrators' programs are on no user's PATH in Debian.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
