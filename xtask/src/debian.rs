//! What the repository's tests need of Debian beyond a minimal system with rustup and a C linker.

use std::process::Command;

use crate::{find_program, is_ci, run};

/// Programs that tests start, with the package that brings each. Add a line only for what a test really runs.
/// The conformance suite's run against Wine takes two: 74 packages, 183 MB to download, 1.2 GB installed, under a minute.
const PACKAGES: &[(&str, &str)] = &[
    ("kill", "procps"),
    // For `cargo xtask cross`: 63 MB to download, 380 MB installed.
    ("qemu-aarch64-static", "qemu-user-static"),
    ("strace", "strace"),
    ("systemd-analyze", "systemd"),
    // Debian keeps it off PATH.
    ("gcc", "gcc"),
    ("/usr/lib/wine/wine64", "wine64"),
    ("x86_64-w64-mingw32-gcc-win32", "gcc-mingw-w64-x86-64-win32"),
];

/// Programs of every Debian system (packages marked essential or required), and the toolchain's own.
const ALWAYS: &[&str] = &[
    "bash", "cargo", "cat", "chmod", "cp", "cut", "dd", "dirname", "echo", "env", "false", "find", "grep",
    "head", "id", "ln", "ls", "mkdir", "mkfifo", "mount", "mv", "nproc", "printf", "pwd", "readlink", "rev",
    "rm", "rustc", "sed", "seq", "setpriv", "sh", "sleep", "sort", "stat", "tail", "tee", "timeout", "touch",
    "tr", "true", "umount", "uname", "unshare", "wc", "xargs", "yes",
];

/// Whether tests may start `program`.
pub fn is_known(program: &str) -> bool {
    ALWAYS.contains(&program) || PACKAGES.iter().any(|(known, _)| *known == program)
}

/// Brings what is missing where we may, else names the line that does. What it returns is for the summary.
pub fn provide() -> Result<String, String> {
    let missing = missing(PACKAGES, |program| find_program(program).is_some());
    if missing.is_empty() {
        return Ok("nothing is missing".to_owned());
    }
    let line = install_line(&missing);
    if is_root() && find_program("apt-get").is_some() {
        let apt = |words: &[&str]| {
            run::show(Command::new("apt-get").args(words).env("DEBIAN_FRONTEND", "noninteractive"))
        };
        apt(&["update"]).map_err(|what| format!("{what}; repeat with: {line}"))?;
        let words = [&["install", "--yes", "--no-install-recommends"], &missing[..]].concat();
        apt(&words).map_err(|what| format!("{what}; repeat with: {line}"))?;
        return Ok(format!("installed {}", missing.join(" ")));
    }
    let what = format!("missing {}; install with: sudo {line}", missing.join(" "));
    if is_ci() { Err(what) } else { Ok(what) }
}

fn missing<'a>(packages: &[(&str, &'a str)], is_there: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut names: Vec<_> =
        packages.iter().filter(|(program, _)| !is_there(program)).map(|&(_, package)| package).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn install_line(packages: &[&str]) -> String {
    format!("apt-get install --yes --no-install-recommends {}", packages.join(" "))
}

/// Asked of the kernel's own account of this process, since xtask makes no system calls of its own.
fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_named_once() {
        let packages = [("getfacl", "acl"), ("setfacl", "acl"), ("tmux", "tmux"), ("sh", "dash")];
        let missing = missing(&packages, |program| program == "sh");
        assert_eq!(missing, ["acl", "tmux"]);
        assert_eq!(install_line(&missing), "apt-get install --yes --no-install-recommends acl tmux");
    }
}
