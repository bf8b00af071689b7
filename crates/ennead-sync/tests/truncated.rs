//! Somebody who may write an object's entry truncates it while others use it: an error to them, not the end of their process.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ennead_status::Win32Error;
use ennead_sync::{
    Due, EventOptions, MutexOptions, Place, SemaphoreOptions, TimerOptions, Wait, wait_all, wait_any,
};

const ROOT: &str = "ENNEAD_SYNC_TRUNCATED";

fn truncate_all(root: &Path) {
    for entry in std::fs::read_dir(root.join("object")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::File::options().write(true).open(entry.path()).unwrap().set_len(0).unwrap();
        }
    }
}

fn child(root: &Path, act: &str) {
    let place = Place::at(root).unwrap();
    let event = EventOptions::new().place(&place).create("event").unwrap();
    let semaphore = SemaphoreOptions::new(1, 9).place(&place).create("semaphore").unwrap();
    let timer = TimerOptions::new().place(&place).create("timer").unwrap();
    let other = EventOptions::new().place(&place).unnamed().unwrap();
    let mutex = MutexOptions::new().place(&place).create("mutex").unwrap();
    truncate_all(root);
    let said = match act {
        "set" => event.set().map_err(|e| e.win32()),
        "time" => timer.set(Due::After(Duration::ZERO), Duration::ZERO).map_err(|e| e.win32()),
        "sleep" => timer.wait(Wait::Forever).map(drop).map_err(|e| e.win32()),
        "release" => semaphore.release(1).map(drop).map_err(|e| e.win32()),
        "wait" => event.wait(Wait::Forever).map(drop).map_err(|e| e.win32()),
        "lock" => mutex.wait(Wait::Forever).map(drop).map_err(|e| e.win32()),
        "any" => wait_any(&[&event, &other], Wait::Forever).map(drop).map_err(|e| e.win32()),
        "all" => wait_all(&[&other, &event, &mutex], Wait::Forever).map(drop).map_err(|e| e.win32()),
        other => panic!("{other}"),
    };
    assert_eq!(said, Err(Win32Error::INVALID_DATA), "{act}");
}

#[test]
fn whoever_truncates_an_object_crashes_nobody() {
    if let Some(told) = std::env::var_os(ROOT) {
        let told = told.into_string().unwrap();
        let (act, root) = told.split_once('=').unwrap();
        return child(Path::new(root), act);
    }
    let mut crashed = Vec::new();
    for act in ["set", "time", "sleep", "release", "wait", "lock", "any", "all"] {
        let root = PathBuf::from(format!("/dev/shm/ennead-sync-truncated-{}-{act}", std::process::id()));
        std::fs::create_dir(&root).unwrap();
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "whoever_truncates_an_object_crashes_nobody", "--nocapture"])
            .env(ROOT, format!("{act}={}", root.display()))
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        std::fs::remove_dir_all(&root).unwrap();
        if !status.success() {
            crashed.push((act, status.signal()));
        }
    }
    assert!(crashed.is_empty(), "{crashed:?}");
}
