//! Programs in C, each a page of behaviour, compiled unchanged for this machine with Ennead's headers and for Windows: both must say
//! the same. `tests/programs/NAME.c`; where Wine is known to differ from the documentation the program leaves it out and says so.
//!
//! The second half needs Wine and a compiler for Windows; without them the test says so, and with `CI=true` fails.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ennead_win32 as _;

const COMPILERS: &[&str] = &["x86_64-w64-mingw32-gcc", "x86_64-w64-mingw32-gcc-win32"];

/// What a program that hangs is given, in seconds.
const WATCHDOG: &str = "60";

#[test]
fn programs_say_the_same_here_and_under_wine() {
    let folder = env::temp_dir().join(format!("ennead-programs-{}", std::process::id()));
    fs::create_dir_all(folder.join("root")).unwrap();
    let programs = programs();
    let mut native = Vec::new();
    for program in &programs {
        native.push(said(&mut natively(&compile_natively(program, &folder), &folder)));
    }
    let windows = match Wine::find(&folder) {
        Ok(wine) => wine,
        Err(what) if env::var_os("CI").is_some_and(|ci| ci == "true") => panic!("{what}"),
        Err(what) => {
            println!("not compared with Wine: {what}");
            return;
        }
    };
    let mut differences = String::new();
    for (program, native) in programs.iter().zip(&native) {
        let wine = said(&mut windows.command(&windows.compile(program)));
        if *native != wine {
            let name = program.file_name().unwrap().to_string_lossy();
            differences += &format!("{name}\n{}", beside(native, &wine));
        }
    }
    windows.end();
    fs::remove_dir_all(&folder).unwrap();
    assert!(differences.is_empty(), "here | under Wine\n{differences}");
}

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut programs: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "c")).collect();
    programs.sort();
    assert!(!programs.is_empty());
    programs
}

/// The lines that differ.
fn beside(one: &str, other: &str) -> String {
    let (one, other): (Vec<_>, Vec<_>) = (one.lines().collect(), other.lines().collect());
    let line = |lines: &[&str], n: usize| lines.get(n).copied().unwrap_or("").to_string();
    (0..one.len().max(other.len()))
        .map(|n| (n, line(&one, n), line(&other, n)))
        .filter(|(_, one, other)| one != other)
        .map(|(n, one, other)| format!("  {}: {one} | {other}\n", n + 1))
        .collect()
}

/// Standard output and exit code.
fn said(command: &mut Command) -> String {
    let Output { status, stdout, .. } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout).replace('\r', "");
    format!("{text}exit code {:?}\n", status.code())
}

/// With the compiler of this machine, against the shared library that cargo has just built.
fn compile_natively(program: &Path, folder: &Path) -> PathBuf {
    let to = folder.join(program.file_stem().unwrap());
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include");
    let mut command = Command::new("gcc");
    command
        .args([
            "-std=gnu17",
            "-fshort-wchar",
            "-Wall",
            "-Wextra",
            "-Wno-unused-function",
            "-Werror",
            "-isystem",
        ])
        .arg(include);
    command.arg("-o").arg(&to).arg(program).arg("-L").arg(libraries()).arg("-lennead_win32");
    run(&mut command);
    to
}

fn natively(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(WATCHDOG).arg(program);
    command.env("LD_LIBRARY_PATH", libraries()).env("ENNEAD_ROOT", folder.join("root"));
    command
}

/// Where cargo puts what it builds for tests.
fn libraries() -> PathBuf {
    let deps = env::current_exe().unwrap().parent().unwrap().to_path_buf();
    assert!(deps.join("libennead_win32.so").exists(), "no shared library in {}", deps.display());
    deps
}

/// A Wine of its own, in a prefix of the test's.
struct Wine {
    wine: PathBuf,
    server: PathBuf,
    compiler: PathBuf,
    folder: PathBuf,
}

impl Wine {
    fn find(folder: &Path) -> Result<Self, String> {
        let wine = Self {
            wine: find(&["wine64"], "/usr/lib/wine/wine64").ok_or("wine64 is not installed")?,
            server: find(&["wineserver64", "wineserver"], "/usr/lib/wine/wineserver64")
                .ok_or("Wine is installed without wineserver")?,
            compiler: find(COMPILERS, "").ok_or("gcc-mingw-w64-x86-64-win32 is not installed")?,
            folder: folder.to_path_buf(),
        };
        run(wine.quiet(&wine.wine).args(["wineboot", "--init"]).stdout(Stdio::null()).stderr(Stdio::null()));
        Ok(wine)
    }

    fn compile(&self, program: &Path) -> PathBuf {
        let to = self.folder.join(program.file_stem().unwrap()).with_extension("exe");
        let mut command = Command::new(&self.compiler);
        run(command.args(["-std=gnu17", "-D__USE_MINGW_ANSI_STDIO=1", "-o"]).arg(&to).arg(program));
        to
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("timeout");
        self.environment(command.arg(WATCHDOG).arg(&self.wine).arg(program));
        command
    }

    fn quiet(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command.env("WINEPREFIX", self.folder.join("prefix")).env("WINEDEBUG", "-all").env_remove("DISPLAY");
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=");
    }

    /// Ends the prefix's own wineserver and what it serves.
    fn end(&self) {
        let _ = self.quiet(&self.server).args(["-k", "-w"]).status();
    }
}

fn find(names: &[&str], otherwise: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let known = env::split_paths(&path).flat_map(|folder| names.iter().map(move |name| folder.join(name)));
    known.chain([PathBuf::from(otherwise)]).find(|path| path.is_file())
}

fn run(command: &mut Command) {
    let output: io::Result<Output> = command.output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}\n{complaint}", output.status);
}
