//! Wrong flags, folders that cannot be used, full disks, few descriptors: an exit code, a message with its code, nothing left behind.

mod program;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

use program::{Ended, Place};

/// Every verb that looks into the runtime folder.
const VERBS: [&[&str]; 6] = [
    &["tour", "--file", "/etc/hostname"],
    &["ls"],
    &["sweep"],
    &["pipe", "list"],
    &["pipe", "call", "x", "y"],
    &["pipe", "serve", "x", "--echo", "--once"],
];

#[test]
fn unknown_flags_and_words_are_misuse() {
    let place = Place::new();
    let verbs: [&[&str]; 10] = [
        &[],
        &["tour"],
        &["ls"],
        &["sweep"],
        &["setup"],
        &["pipe"],
        &["pipe", "list"],
        &["pipe", "call", "x"],
        &["pipe", "connect", "x"],
        &["pipe", "serve", "x"],
    ];
    for verb in verbs {
        for flag in ["--frobnicate", "-Z", "--json=yes", "--jsno"] {
            let ended = place.run(&[verb, &[flag]].concat());
            assert_eq!(
                (ended.code, ended.stdout.as_str()),
                (Some(2), ""),
                "{verb:?} {flag}: {}",
                ended.stderr
            );
            assert!(ended.stderr.starts_with("error: "), "{verb:?} {flag}: {}", ended.stderr);
        }
        let ended = place.run(&[verb, &["--json", "--frobnicate"]].concat());
        let error: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert!(
            error["error"]["what"].as_str().unwrap().contains("--frobnicate"),
            "{verb:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.code, Some(2), "{verb:?}");
    }
    for words in [&["ls", "teapot"][..], &["tour", "everything"], &["pipe", "list", "x"], &["pipe", "call"]] {
        assert_eq!(place.run(words).code, Some(2), "{words:?}");
    }
    // Not even the runtime folder was made.
    assert!(!place.shared("root").exists());
}

/// Runs each verb with a root that cannot be used.
fn refused(place: &Place, root: &str, code: &str) {
    for verb in VERBS {
        let output = place.ennead(verb).env("ENNEAD_ROOT", root).output().unwrap();
        let ended = Ended::of(&output);
        assert_eq!(ended.code, Some(1), "{root} {verb:?}: {}{}", ended.stdout, ended.stderr);
        let told = format!("{}{}", ended.stderr, ended.stdout);
        assert!(told.contains(code), "{root} {verb:?}: {told}");
        assert!(told.contains(root) || verb[0] == "tour", "{root} {verb:?}: {told}");
    }
}

#[test]
fn a_runtime_folder_that_cannot_be_used_is_named() {
    let place = Place::new();
    let path = |name: &str| place.shared(name).to_str().unwrap().to_owned();
    refused(&place, &path("no/ennead"), "(ERROR_PATH_NOT_FOUND, 3)");
    File::create(place.shared("file")).unwrap();
    refused(&place, &path("file"), "(ERROR_PATH_NOT_FOUND, 3)");
    fs::create_dir(place.shared("open")).unwrap();
    fs::set_permissions(place.shared("open"), PermissionsExt::from_mode(0o777)).unwrap();
    refused(&place, &path("open"), "(ERROR_ACCESS_DENIED, 5)");
    fs::create_dir(place.shared("theirs")).unwrap();
    if chown(place.shared("theirs"), Some(4711), None).is_ok() {
        refused(&place, &path("theirs"), "(ERROR_ACCESS_DENIED, 5)");
    }
    assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
}

/// Runs the program in a mount namespace after a script; `None` where that cannot be done.
fn mounted(place: &Place, script: &str, arguments: &[&str]) -> Option<Ended> {
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|status| status.success()) {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "this test mounts file systems: run it as root"
        );
        println!("skipped: only root mounts file systems");
        return None;
    }
    let output = Command::new("unshare")
        .args(["-m", "sh", "-ec", &format!("{script}\n\"$0\" \"$@\""), env!("CARGO_BIN_EXE_ennead")])
        .args(arguments)
        .current_dir(&place.path)
        .env("ENNEAD_ROOT", place.shared("root"))
        .env("SHARED", place.shared(""))
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(Ended::of(&output))
}

#[test]
fn a_runtime_folder_without_room_or_read_only_fails_what_needs_one() {
    let place = Place::new();
    fs::create_dir(place.shared("root")).unwrap();
    fs::set_permissions(place.shared("root"), PermissionsExt::from_mode(0o700)).unwrap();
    let full = "mount -t tmpfs -o mode=700,nr_inodes=2 ennead \"$ENNEAD_ROOT\"; touch \"$ENNEAD_ROOT/last\"";
    let read_only = "mount --bind -o ro \"$SHARED\" \"$SHARED\"";
    for (script, code) in [(full, "ERROR_DISK_FULL, 112"), (read_only, "ERROR_WRITE_PROTECT, 19")] {
        let Some(ended) = mounted(&place, script, &["pipe", "serve", "x", "--echo"]) else { return };
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
        assert!(ended.stderr.contains(code), "{}", ended.stderr);
        // Of the tour, the leg that needs a name.
        let ended = mounted(&place, script, &["tour", "--file", "/etc/hostname"]).unwrap();
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        let verdict =
            |title: &str| ended.stdout.lines().find(|line| line.starts_with(title)).unwrap().to_owned();
        assert!(verdict("Pipes, anonymous").ends_with("yes"), "{}", ended.stdout);
        assert!(verdict("Pipes, named").ends_with("FAILED"), "{}", ended.stdout);
        assert!(ended.stdout.contains(code), "{}", ended.stdout);
        // Who only looks is told that there is nothing.
        for verb in [&["ls", "--json"][..], &["pipe", "list", "--json"]] {
            let ended = mounted(&place, script, verb).unwrap();
            assert_eq!(ended.code, Some(0), "{verb:?}: {}", ended.stderr);
        }
    }
    assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
}

#[test]
fn a_report_folder_without_room_keeps_the_report_that_was_there() {
    let place = Place::new();
    let earlier = place.run(&["tour", "--file", "/etc/hostname"]);
    assert_eq!(earlier.code, Some(0), "{}", earlier.stderr);
    let page = place.read("ennead-report/report.html");
    // The earlier report and no more: the new one is cut short in the middle.
    let script = "mkdir -p small
        mount -t tmpfs -o size=64k ennead small
        cp ennead-report/* small
        head -c 4096 /dev/zero > small/hole
        cat /dev/zero > small/stuffing 2> /dev/null || true
        rm small/hole
        trap 'cat small/report.html > after.html; ls -A small > after.txt' EXIT";
    let Some(ended) = mounted(&place, script, &["tour", "--file", "/etc/hostname", "--report", "small"])
    else {
        return;
    };
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("ERROR_DISK_FULL, 112"), "{}", ended.stderr);
    assert_eq!(place.read("after.html"), page);
    assert_eq!(place.read("after.txt"), "report.html\nreport.json\nstuffing\n");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let place = Place::new();
    place.write("file", b"small");
    for verb in [&["ls"][..], &["ls", "--json"], &["pipe", "list"], &["sweep"], &["tour", "--file", "file"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = place.ennead(verb).stdout(full).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {told}");
        assert!(told.contains("ERROR_DISK_FULL"), "{verb:?}: {told}");
    }
    assert_eq!(place.runtime_files(), Vec::<PathBuf>::new());
}

/// However many descriptors there are: all is well or there is an error with its code, and nothing stays.
#[test]
fn few_descriptors_are_an_error_with_what_to_do() {
    let place = Place::new();
    place.write("file", b"small");
    let mut outcomes = Vec::new();
    for limit in [5, 8, 12, 16, 24, 64] {
        let output = Command::new("sh")
            .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_ennead")])
            .args(["tour", "--file", "file"])
            .current_dir(&place.path)
            .env("ENNEAD_ROOT", place.shared("root"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let ended = Ended::of(&output);
        if ended.code == Some(1) {
            let told = format!("{}{}", ended.stderr, ended.stdout);
            assert!(told.contains("ERROR_TOO_MANY_OPEN_FILES, 4"), "{limit}: {told}");
        }
        outcomes.push(ended.code);
        assert_eq!(place.run(&["ls"]).code, Some(0));
        assert_eq!(place.runtime_files(), Vec::<PathBuf>::new(), "{limit}");
    }
    assert_eq!((outcomes.first(), outcomes.last()), (Some(&Some(1)), Some(&Some(0))), "{outcomes:?}");
    assert!(outcomes.iter().all(|code| matches!(code, Some(0 | 1))), "{outcomes:?}");
}
