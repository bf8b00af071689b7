//! Roots of their own, and child processes that play a role.
#![allow(dead_code, reason = "each test program uses its part")]

#[path = "../../../ennead-pipe/tests/support/steps.rs"]
pub mod steps;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use ennead_mailslot::{ClientOptions, MailslotOptions, Place};

/// A local root in a tmpfs, removed at the end.
pub struct Root {
    pub path: PathBuf,
    pub place: Place,
}

impl Root {
    pub fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/ennead-mailslot-{name}-{}", std::process::id()));
        let place = Place::at(&path).unwrap();
        Self { path, place }
    }

    pub fn server(&self) -> MailslotOptions {
        MailslotOptions::new().place(&self.place)
    }

    pub fn client(&self) -> ClientOptions {
        ClientOptions::new().place(&self.place)
    }

    /// The sockets that there are.
    pub fn sockets(&self) -> Vec<PathBuf> {
        files(&self.path.join("mailslot/.sockets"))
    }

    /// Whatever lies in the root, but for folders.
    pub fn left_behind(&self) -> Vec<PathBuf> {
        [files(&self.path.join("mailslot")), self.sockets()].concat()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| !path.is_dir()).collect()
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// This test program again, in a process of its own, playing a role. Killed at the end.
pub struct Role {
    child: Child,
    output: BufReader<ChildStdout>,
    input: ChildStdin,
}

const ROLE: &str = "ENNEAD_TEST_ROLE";
const PLACE: &str = "ENNEAD_TEST_PLACE";

impl Role {
    /// Starts `role`; `entry` is the test that calls [`play`].
    pub fn start(entry: &str, role: &str, root: &Path) -> Self {
        Self::spawn(Self::command(entry, role, root))
    }

    pub fn command(entry: &str, role: &str, root: &Path) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([entry, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role).env(PLACE, root);
        command
    }

    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take().unwrap();
        Self { child, output, input }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next thing the role says.
    pub fn hear(&mut self) -> String {
        self.hear_or_end().expect("the role ended")
    }

    /// The next thing the role says, or `None` when it has ended.
    pub fn hear_or_end(&mut self) -> Option<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.output.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some((_, said)) = line.trim_end().split_once("SAY ") {
                return Some(said.to_owned());
            }
        }
    }

    pub fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
    }

    /// Tells it, unless it has ended.
    pub fn try_tell(&mut self, what: &str) {
        let _ = writeln!(self.input, "{what}");
    }

    /// Whether it has ended or was killed.
    pub fn has_ended(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
    }

    /// SIGKILL, and until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it sleeps in the kernel, as one blocked in an operation does.
    pub fn wait_until_asleep(&self) {
        // The role's thread is the one that libtest started.
        let tasks = format!("/proc/{}/task", self.child.id());
        loop {
            let asleep = std::fs::read_dir(&tasks).unwrap().flatten().all(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
            });
            if asleep {
                return;
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: the role to play and where; `None` in the test run itself.
pub fn role() -> Option<(String, PathBuf)> {
    Some((std::env::var(ROLE).ok()?, std::env::var_os(PLACE)?.into()))
}

pub fn say(what: impl std::fmt::Display) {
    // Past libtest's own lines, which may not have ended.
    println!("\nSAY {what}");
    std::io::stdout().flush().unwrap();
}

pub fn listen() -> String {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// How many descriptors this process has.
pub fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Ends the test program if a test hangs: it waits for things, not for times.
pub fn watchdog() -> Watchdog {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    std::thread::spawn(move || {
        if stopped.recv_timeout(std::time::Duration::from_secs(120))
            == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
        {
            eprintln!("{name} hangs");
            std::process::abort();
        }
    });
    Watchdog(stop)
}

pub struct Watchdog(
    #[expect(dead_code, reason = "its drop says that the test has ended")] std::sync::mpsc::Sender<()>,
);
