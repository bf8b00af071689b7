//! Roots of their own, files of their own, and child processes that play a role.
#![allow(dead_code, reason = "each test program uses its part")]

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use ennead_mapping::{FileMapping, MappingOptions, Place, Result};
use ennead_security::AccessMask;

/// A local root in a tmpfs, and a folder for files, removed at the end.
pub struct Root {
    pub path: PathBuf,
    pub place: Place,
}

impl Root {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/ennead-mapping-{}-{count}", std::process::id()));
        let place = Place::at(&path).unwrap();
        Self { path, place }
    }

    pub fn memory(&self, size: u64) -> MappingOptions<'static> {
        MappingOptions::memory(size).place(&self.place)
    }

    pub fn open(&self, name: &str, access: AccessMask) -> Result<FileMapping> {
        FileMapping::open_in(Some(&self.place), name, access)
    }

    /// A file with this in it, open for reading and writing.
    pub fn file(&self, name: &str, content: &[u8]) -> File {
        let path = self.path.join(name);
        let mut file = File::options().read(true).write(true).create(true).truncate(true).open(path).unwrap();
        file.write_all(content).unwrap();
        file
    }

    /// The files in the folder of objects.
    pub fn left_behind(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path.join("object")).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| !path.is_dir()).collect()
    }
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
    /// Starts `role`; `entry` is the test that calls [`role`].
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
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the role ended");
            if let Some((_, said)) = line.trim_end().split_once("SAY ") {
                return said.to_owned();
            }
        }
    }

    pub fn tell(&mut self, what: &str) {
        writeln!(self.input, "{what}").unwrap();
    }

    pub fn ask(&mut self, what: &str) -> String {
        self.tell(what);
        self.hear()
    }

    /// SIGKILL, and until it is gone.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
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

/// How many descriptors this process has of a file.
pub fn descriptors_of(path: &Path) -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    links.filter(|link| std::fs::read_link(link.path()).is_ok_and(|target| target == path)).count()
}
