//! A root of each test's own, and what the tests do around the crate.
#![allow(dead_code, reason = "each test uses a part")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use ennead_namespace::{Name, Root};
use ennead_sys::lock::{self, LockMode};

/// A folder on a tmpfs, removed with everything in it.
pub struct Playground {
    path: PathBuf,
}

impl Playground {
    pub fn new() -> Playground {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/ennead-test-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).expect("/dev/shm must be there");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Playground { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn local(&self) -> Root {
        Root::at(&self.path).unwrap()
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// How many names a folder has, without the folder of sockets.
pub fn files_in(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().filter(|entry| entry.as_ref().unwrap().file_name() != ".sockets").count()
}

pub fn fifo(path: &Path) {
    let done = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(done.success());
}

/// Holds the life of a file as an entry's holder does.
pub fn hold(path: &Path) -> File {
    let file = File::options().read(true).write(true).open(path).unwrap();
    assert!(lock::try_lock(&file, LockMode::Read, 0, 1).unwrap());
    file
}
