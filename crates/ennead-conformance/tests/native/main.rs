//! The suites against Ennead's own crates.

mod another;
mod file_mapping;
mod mailslots;
mod named_pipes;
mod overlapped_pipes;
mod sync_objects;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use ennead_conformance::Case;
use ennead_namespace::Root;

/// Ennead in a root of its own.
pub struct Native {
    root: PathBuf,
    pipes: ennead_pipe::named::Place,
    mailslots: ennead_mailslot::Place,
    objects: ennead_sync::Place,
    /// Whether another process was started, which is killed in the end: what it leaves behind is swept.
    kills: AtomicBool,
}

impl Native {
    /// Over a root that may be in use by other processes of the same case.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            pipes: ennead_pipe::named::Place::at(root).expect("make a root"),
            mailslots: ennead_mailslot::Place::at(root).expect("make a root"),
            objects: ennead_sync::Place::at(root).expect("make a root"),
            kills: AtomicBool::new(false),
        }
    }
}

/// For a case that takes a tenth of a second.
const WATCHDOG: Duration = Duration::from_secs(60);

/// Whether a case succeeded. One that does not end ends the program: its threads cannot be.
fn watched(name: &str, case: impl FnOnce() + Send) -> bool {
    let (done, ended) = channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let good = catch_unwind(AssertUnwindSafe(case)).is_ok();
            done.send(good).expect("the test waits");
        });
        ended.recv_timeout(WATCHDOG).unwrap_or_else(|_| {
            eprintln!("did not end in time: {name}");
            std::process::exit(101);
        })
    })
}

/// Runs every case in a root of its own, where it must leave nothing.
fn run(cases: Vec<Case<Native>>) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let wanted = std::env::var("ENNEAD_CASES").unwrap_or_default();
    let mut failed = Vec::new();
    for (name, case) in cases.into_iter().filter(|case| case.0.contains(&wanted)) {
        let at = COUNT.fetch_add(1, Relaxed);
        // In /dev/shm, for a tmpfs.
        let root = PathBuf::from(format!("/dev/shm/ennead-conformance-{}-{at}", std::process::id()));
        let native = Native::at(&root);
        println!("{name}");
        if !watched(name, || case(&native)) {
            failed.push(name);
        }
        if native.kills.load(Relaxed) {
            Root::at(&root).expect("open the root").sweep().expect("sweep the root");
        }
        let left: Vec<_> = ["pipe", "pipe/.sockets", "mailslot", "mailslot/.sockets", "object"]
            .iter()
            .flat_map(|folder| fs::read_dir(root.join(folder)).into_iter().flatten().flatten())
            .map(|entry| entry.file_name())
            .filter(|name| name != ".sockets")
            .collect();
        if !left.is_empty() && !failed.contains(&name) {
            println!("left behind: {left:?}");
            failed.push(name);
        }
        fs::remove_dir_all(&root).expect("remove the root");
    }
    assert!(failed.is_empty(), "{failed:?}");
}
