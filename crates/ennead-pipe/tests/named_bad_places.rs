//! Roots that are missing, of somebody else, read-only or full, before a pipe is made and in the middle of its life: a code for
//! each, nothing acknowledged is lost, no file and no descriptor stays of what failed.

mod support;

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use ennead_namespace::RootError;
use ennead_pipe::named::{
    Client, ClientOptions, Connected, Error, Instance, Place, ServerOptions, Timeout, Wait, call, list,
    list_in, wait,
};
use ennead_status::Win32Error;
use support::{Role, Root, descriptors, listen, role, say};

const NAME: &str = r"\\.\pipe\bad-place";

/// In a process of its own: with a root of the environment's, or in a mount namespace.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    match &role[..] {
        "ask" => ask(),
        "full" => full(&root),
        "other" => other_process(&Place::at(root).unwrap()),
        other => panic!("no role {other}"),
    }
}

/// What each function says of the process's own root.
fn ask() {
    let code = |outcome: Result<(), Error>| outcome.err().map_or(0, |error| error.win32().0);
    let before = descriptors();
    for _ in 0..3 {
        let codes = [
            code(ServerOptions::new().create(NAME).map(drop)),
            code(ClientOptions::new().open(NAME).map(drop)),
            code(wait(NAME, Timeout::Forever)),
            code(call(NAME, b"x", &mut [0; 8], Timeout::Forever).map(drop)),
            code(list().map(drop)),
        ];
        say(format!("{codes:?}"));
    }
    // A root that can be used is kept open, and the folders in it.
    assert!(descriptors() <= before + 8, "{before} before, {} after", descriptors());
    if let Err(error) = ServerOptions::new().create(NAME) {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        say(text);
    } else {
        say("works");
    }
}

/// A root to ask with, made by a script that runs in a mount namespace of its own. `uid` asks.
fn asked(name: &str, script: &str, uid: u32) -> (Vec<String>, String) {
    asked_in(&Root::new(&format!("ask-{name}")), script, uid)
}

fn asked_in(root: &Root, script: &str, uid: u32) -> (Vec<String>, String) {
    std::fs::set_permissions(&root.path, PermissionsExt::from_mode(0o755)).unwrap();
    let script = format!("{script} && exec setpriv --reuid {uid} --regid {uid} --clear-groups \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", "ask")
        .env("ENNEAD_TEST_PLACE", &root.path)
        .env("ENNEAD_ROOT", root.path.join("ennead"))
        .current_dir(&root.path);
    let mut role = Role::spawn(command);
    let codes = (0..3).map(|_| role.hear()).collect();
    (codes, role.hear())
}

fn may_mount() -> bool {
    if ennead_sys::process::effective_uid() == 0 {
        return true;
    }
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test mounts file systems: run it as root");
    println!("skipped: only root mounts file systems");
    false
}

#[test]
fn a_root_that_cannot_be_used_says_why() {
    if !may_mount() {
        return;
    }
    const NOBODY: u32 = 47_110;
    for (name, script, uid, codes, text) in [
        // Who only looks finds nothing where nothing can be, and hears why it cannot.
        ("missing", "export ENNEAD_ROOT=$PWD/no/ennead", 0, [3, 3, 3, 3, 3], "does not exist"),
        ("a-file", "touch ennead", 0, [3, 3, 3, 3, 3], "cannot open"),
        ("a-dead-link", "ln -s /nonexistent/x ennead", 0, [3, 3, 3, 3, 3], "cannot"),
        ("anothers", "mkdir -m 700 ennead && chown 4711 ennead", 0, [5, 5, 5, 5, 5], "belongs to uid 4711"),
        ("open", "mkdir ennead && chmod 777 ennead", 0, [5, 5, 5, 5, 5], "others may write"),
        // Looking makes nothing, and so is not refused.
        ("not-ours-to-make", "true", NOBODY, [5, 2, 2, 2, 0], "cannot make"),
        ("locked-up", "chmod 700 .", NOBODY, [5, 5, 5, 5, 5], "cannot open"),
        (
            "read-only",
            "mkdir -m 700 ennead && mount --bind -o ro . . && cd \"$ENNEAD_TEST_PLACE\"",
            0,
            [19, 2, 2, 2, 0],
            "cannot",
        ),
        (
            "full",
            "mkdir -m 700 ennead && mount -t tmpfs -o mode=700,nr_inodes=2 ennead ennead && touch ennead/last",
            0,
            [112, 2, 2, 2, 0],
            "cannot",
        ),
    ] {
        let (said, why) = asked(name, script, uid);
        assert_eq!(said, vec![format!("{codes:?}"); 3], "{name}: {why}");
        assert!(why.contains(text), "{name}: {why}");
    }
}

/// As a container sees the machine's root that it was given to look at.
#[test]
fn the_pipes_of_a_read_only_root_are_open_to_clients() {
    if !may_mount() {
        return;
    }
    let root = Root::new("bad-served");
    let place = Place::at(root.path.join("ennead")).unwrap();
    let options = ServerOptions::new().place(&place);
    let servers: Vec<_> = (0..8).map(|_| options.create(NAME).unwrap()).collect();
    let script = "mount --bind -o ro . . && cd \"$ENNEAD_TEST_PLACE\"";
    let (said, why) = asked_in(&root, script, 0);
    // The call is refused for the pipe's type: it has been connected.
    assert_eq!(said, vec!["[19, 0, 0, 230, 0]"; 3], "{why}");
    assert_eq!(servers[0].connect().unwrap(), Connected::Gone);
}

#[test]
fn a_place_that_cannot_be_used_says_why() {
    let root = Root::new("bad-place");
    let code = |path: &Path| Place::at(path).map(drop).map_err(|error| error.win32());
    assert_eq!(code(&root.path.join("no/ennead")), Err(Win32Error::PATH_NOT_FOUND));
    assert_eq!(code(&root.path.join("fine")), Ok(()));
    std::fs::set_permissions(root.path.join("fine"), PermissionsExt::from_mode(0o777)).unwrap();
    assert!(matches!(Place::at(root.path.join("fine")), Err(RootError::OpenToOthers { .. })));
    if ennead_sys::process::effective_uid() == 0 {
        chown(root.path.join("fine"), Some(4711), None).unwrap();
        assert!(matches!(Place::at(root.path.join("fine")), Err(RootError::WrongOwner { owner: 4711, .. })));
    }
}

/// Serves one client with an echo, from the place that the test has.
fn other_process(place: &Place) {
    let server = ServerOptions::new().place(place).create(NAME).unwrap();
    say("there");
    server.connect().unwrap();
    let mut buffer = [0; 64];
    while let Ok(received) = server.read(&mut buffer) {
        server.write(&buffer[..received.bytes]).unwrap();
    }
    say("served");
    listen();
}

#[test]
fn a_root_that_is_removed_under_a_server_harms_no_connection() {
    let root = Root::new("bad-removed");
    let mut server = Role::start("child", "other", &root.path);
    server.hear();
    let client = root.client().open(NAME).unwrap();
    client.write(b"before").unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap().bytes, 6);
    std::fs::remove_dir_all(&root.path).unwrap();
    client.write(b"after").unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap().bytes, 5);
    // Nobody finds the pipe any more, and in a root made anew the name is free.
    let gone = root.client().open("\\\\.\\pipe\\another").unwrap_err();
    assert!([Win32Error::FILE_NOT_FOUND, Win32Error::PATH_NOT_FOUND].contains(&gone.win32()), "{gone}");
    let place = Place::at(&root.path).unwrap();
    let again = ServerOptions::new().place(&place).first_instance(true).create(NAME).unwrap();
    drop((again, client));
    assert_eq!(server.hear(), "served");
    assert_eq!(root.left_behind(), Vec::<PathBuf>::new());
}

#[test]
fn a_root_that_fills_up_in_the_middle() {
    if !may_mount() {
        return;
    }
    let root = Root::new("bad-full");
    let script =
        "mount -t tmpfs -o mode=700,size=1m,nr_inodes=64 ennead \"$ENNEAD_TEST_PLACE\" && exec \"$0\" \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["-m", "sh", "-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", "full")
        .env("ENNEAD_TEST_PLACE", &root.path);
    assert_eq!(Role::spawn(command).hear(), "done");
}

/// Takes all the room that there is: bytes, and then files. Gives the files.
fn fill(folder: &Path) -> Vec<PathBuf> {
    std::fs::create_dir(folder).unwrap();
    let large = folder.join("large");
    let mut file = std::fs::File::create(&large).unwrap();
    for size in [4096, 1] {
        while file.write_all(&vec![1; size]).is_ok() {}
    }
    let mut files = vec![large];
    loop {
        let path = folder.join(files.len().to_string());
        match std::fs::File::create(&path) {
            Ok(_) => files.push(path),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                return files;
            }
        }
    }
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

fn exchange(server: &Instance, client: &Client, len: usize) {
    std::thread::scope(|scope| {
        let echo = scope.spawn(|| {
            let (mut left, mut buffer) = (len, vec![0; 65_536]);
            while left > 0 {
                let received = server.read(&mut buffer).unwrap();
                server.write(&buffer[..received.bytes]).unwrap();
                left -= received.bytes;
            }
        });
        let writer = scope.spawn(|| assert_eq!(client.write(&vec![7; len]).unwrap(), len));
        let (mut left, mut buffer) = (len, vec![0; 65_536]);
        while left > 0 {
            let received = client.read(&mut buffer).unwrap();
            assert!(buffer[..received.bytes].iter().all(|byte| *byte == 7));
            left -= received.bytes;
        }
        writer.join().unwrap();
        echo.join().unwrap();
    });
}

fn full(root: &Path) {
    let place = Place::at(root.join("ennead")).unwrap();
    let (options, opening) = (ServerOptions::new().place(&place), ClientOptions::new().place(&place));
    let server = options.create(NAME).unwrap();
    let client = opening.open(NAME).unwrap();
    client.write(b"before the room was gone").unwrap();
    let mut stuffing = fill(&root.join("stuffing"));
    let pipes = root.join("ennead");
    let (open, there) = (descriptors(), files(&pipes));

    // What was acknowledged is there, and connections go on: their memory is not the root's.
    assert_eq!(server.connect().unwrap(), Connected::Before);
    assert_eq!(server.read(&mut [0; 64]).unwrap().bytes, 24);
    exchange(&server, &client, 5_000_000);
    let open = open.max(descriptors());

    // Nothing new: neither a pipe nor an instance that would listen, and each failure leaves nothing.
    for _ in 0..20 {
        let other = options.create(&format!("{NAME}-other")).unwrap_err();
        assert_eq!(other.win32(), Win32Error::DISK_FULL, "{other}");
        assert_eq!(opening.open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
        assert_eq!(server.current_instances().unwrap(), 1);
        assert_eq!(list_in(&place).unwrap().len(), 1);
        assert!(descriptors() <= open, "{} descriptors, {open} before", descriptors());
        assert!(files(&pipes) <= there, "{} files, {there} before", files(&pipes));
    }
    drop(client);
    server.disconnect().unwrap();
    // Its listening socket is gone for good: a new one takes a file. The one that was removed made room for it; no more.
    stuffing.extend([root.join("stuffing/more")]);
    while std::fs::File::create(stuffing.last().unwrap()).is_ok() {
        stuffing.push(root.join(format!("stuffing/more-{}", stuffing.len())));
    }
    stuffing.pop();
    for _ in 0..20 {
        let refused = server.connect_with(Wait::Never).unwrap_err();
        assert_eq!(refused.win32(), Win32Error::DISK_FULL, "{refused}");
        assert_eq!(opening.open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
        let second = options.create(NAME).unwrap_err();
        assert_eq!(second.win32(), Win32Error::DISK_FULL, "{second}");
        assert_eq!(server.current_instances().unwrap(), 1);
        assert!(descriptors() <= open, "{} descriptors, {open} before", descriptors());
    }
    // Room again: everything goes on where it was.
    for file in stuffing {
        std::fs::remove_file(file).unwrap();
    }
    std::thread::scope(|scope| {
        let connected = scope.spawn(|| server.connect().unwrap());
        let client = opening.open_waiting(NAME, Timeout::Forever).unwrap();
        connected.join().unwrap();
        exchange(&server, &client, 100_000);
    });
    let second = options.create(NAME).unwrap();
    assert_eq!(server.current_instances().unwrap(), 2);
    drop((server, second));
    assert_eq!(files(&pipes), 0);
    say("done");
}
