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

/// Everything in the folder that opens at all, with every lock that can be had: a piece is taken where the whole cannot be.
pub fn lock_all(folder: &Path) -> Vec<File> {
    let mut locked = Vec::new();
    for file in std::fs::read_dir(folder).into_iter().flatten() {
        let Ok(file) = file else { continue };
        for writes in [false, true] {
            let Ok(open) = File::options().read(true).write(writes).open(file.path()) else { continue };
            let mode = if writes { LockMode::Write } else { LockMode::Read };
            for (start, len) in [
                (0, 1),
                (1, 1),
                (2, 1 << 39),
                (1 << 40, 1),
                ((1 << 40) + 1, 1),
                ((1 << 40) + 2, 1 << 33),
                (1 << 41, 1 << 60),
                ((1 << 61) - 1, 0),
            ] {
                let _ = lock::try_lock(&open, mode, start, len);
            }
            locked.push(open);
        }
    }
    locked
}

/// Small, fast, good enough to pick test steps: xorshift64*.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed | 1)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }
}

/// The seed of a randomised test: `ENNEAD_SEED`, or a new one. Printed, so that a failure can be run again.
pub fn seed() -> u64 {
    let seed = match std::env::var("ENNEAD_SEED") {
        Ok(text) => text.parse().expect("ENNEAD_SEED is a decimal number"),
        Err(_) => ennead_sys::process::random_u64().unwrap(),
    };
    println!("ENNEAD_SEED={seed}");
    seed
}

/// Whether this process may act as other users. Without, such a test says that it is skipped; in CI it fails.
pub fn may_be_others() -> bool {
    if ennead_sys::thread_credentials::may_assume() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "CI runs these tests as root: they need CAP_SETUID and CAP_SETGID"
    );
    println!("skipped: needs root, to act as two users");
    false
}

/// Makes this thread another user, without groups or capabilities.
pub fn become_user(uid: u32) -> ennead_sys::thread_credentials::Assumed {
    let identity = ennead_sys::thread_credentials::Identity { uid, gid: uid, groups: Vec::new() };
    ennead_sys::thread_credentials::assume(&identity).unwrap()
}
