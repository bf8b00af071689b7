//! Runs the binary in surroundings of its own.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// When a wait has lasted this long, something hangs.
const WATCHDOG: Duration = Duration::from_secs(120);

/// A folder for one test, with a runtime root in it.
pub struct Place {
    /// The working folder of the programs.
    pub path: PathBuf,
    /// Its like on a tmpfs.
    shared: PathBuf,
}

impl Place {
    /// A fresh one.
    pub fn new() -> Place {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("ennead-cli-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let place =
            Place { path: std::env::temp_dir().join(&name), shared: Path::new("/dev/shm").join(&name) };
        fs::create_dir_all(&place.path).unwrap();
        fs::create_dir_all(&place.shared).unwrap();
        place
    }

    /// The program, not yet started.
    pub fn ennead(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ennead"));
        command.args(arguments).current_dir(&self.path).stdin(Stdio::null());
        command.env("ENNEAD_ROOT", self.shared("root")).env_remove("CARGO").env("TERM", "xterm");
        command
    }

    /// The program from beginning to end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(&self.ennead(arguments).output().unwrap())
    }

    /// A file in the working folder.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// Reads one back.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path.join(name)).unwrap()
    }

    /// A path on a tmpfs.
    pub fn shared(&self, name: &str) -> PathBuf {
        self.shared.join(name)
    }

    /// Every file below the runtime root.
    pub fn runtime_files(&self) -> Vec<PathBuf> {
        let (mut files, mut folders) = (Vec::new(), vec![self.shared("root")]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    _ => files.push(entry.path()),
                }
            }
        }
        files
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_dir_all(&self.shared);
    }
}

/// How a program ended and what it said.
pub struct Ended {
    /// Its exit code.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Ended {
    /// From what the standard library has collected.
    pub fn of(output: &Output) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// Waits for something that will come, under a watchdog.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + WATCHDOG;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} has not come");
        std::thread::yield_now();
    }
}

/// Waits for a process's end, under a watchdog.
pub fn end_of(child: &mut Child) -> ExitStatus {
    eventually("the program's end", || child.try_wait().unwrap())
}

/// The processes that `parent` started and that still run, with their command lines.
pub fn children_of(parent: u32) -> Vec<(u32, String)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // After the command in parentheses: state and parent.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, ppid) = (fields.next()?, fields.next()?.parse::<u32>().ok()?);
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            (ppid == parent && state != "Z").then_some((pid, line))
        })
        .collect()
}

/// Whether the process still runs, and has not become another.
pub fn runs(pid: u32, word: &str) -> bool {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains(word)
}

/// Sends a signal to one process.
pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap().success());
}
