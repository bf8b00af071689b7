//! More instances listen, and more clients wait for one, than a socket has places for.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use ennead_pipe::named::{ClientOptions, Connected, Place, ServerOptions, Timeout, list_in, wait_in};
use ennead_status::Win32Error;
use ennead_sys::socket;
use support::{Role, Root, descriptors, listen, role, say};

const NAME: &str = r"\\.\pipe\crowds";

/// In a process of its own: in a network namespace, or under a limit.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    match &role[..] {
        "few-wait" => few_wait(&root),
        "speechless" => speechless(&Place::at(root).unwrap()),
        other => panic!("no role {other}"),
    }
}

/// A system whose sockets let 5 clients wait, and a pipe of which 23 instances listen.
fn few_wait(root: &Path) {
    const INSTANCES: usize = 23;
    assert_eq!(socket::most_waiting(), 5);
    let place = Place::at(root).unwrap();
    let (options, opening) = (ServerOptions::new().place(&place), ClientOptions::new().place(&place));
    let servers: Vec<_> = (0..INSTANCES).map(|_| options.create(NAME).unwrap()).collect();
    let sockets = || std::fs::read_dir(root.join("pipe/.sockets")).unwrap().count();
    // Four full ones, one for three, and the waiting room.
    assert_eq!(sockets(), 6);
    assert_eq!(servers[0].current_instances().unwrap(), INSTANCES as u32);
    for round in 0..20u8 {
        let clients: Vec<_> = (0..INSTANCES).map(|_| opening.open(NAME).unwrap()).collect();
        assert_eq!(opening.open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY, "{round}");
        for client in &clients {
            client.write(&[round]).unwrap();
        }
        for server in &servers {
            assert_eq!(server.connect().unwrap(), Connected::Before);
            let mut buffer = [0; 4];
            assert_eq!((server.read(&mut buffer).unwrap().bytes, buffer[0]), (1, round));
        }
        // Some leave before they are sent away, and one instance after the other listens again.
        let mut clients = clients.into_iter();
        for (n, server) in servers.iter().enumerate() {
            if n % 2 == 0 {
                drop(clients.next());
            }
            server.disconnect().unwrap();
            assert_eq!(server.try_connect().unwrap(), None);
        }
        assert!(sockets() <= 2 + INSTANCES, "{} sockets", sockets());
    }
    // More wait for an instance than a socket lets wait, the waiting room's too.
    let taken: Vec<_> = (0..INSTANCES).map(|_| opening.open(NAME).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                let client = opening.open_waiting(NAME, Timeout::Forever).unwrap();
                client.write(b"late").unwrap();
            });
        }
        drop(taken);
        for server in &servers {
            assert_eq!(server.connect().unwrap(), Connected::Gone);
            server.disconnect().unwrap();
        }
        for server in &servers[..12] {
            server.connect().unwrap();
            assert_eq!(server.read(&mut [0; 8]).unwrap().bytes, 4);
        }
    });
    drop(servers);
    assert_eq!(sockets(), 0);
    assert!(list_in(&place).unwrap().is_empty());
    say("done");
}

#[test]
fn more_instances_than_a_socket_lets_wait() {
    if ennead_sys::process::effective_uid() != 0 {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test needs root");
        println!("skipped: only root makes network namespaces");
        return;
    }
    let root = Root::new("few-wait");
    let mut command = Command::new("unshare");
    command
        .args(["-n", "sh", "-c", "echo 4 > /proc/sys/net/core/somaxconn && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", "few-wait")
        .env("ENNEAD_TEST_PLACE", &root.path);
    assert_eq!(Role::spawn(command).hear(), "done");
}

/// A server without a descriptor left: it lets an instance listen that has had a client, and calls those who wait.
fn speechless(place: &Place) {
    let options = ServerOptions::new().place(place);
    let servers = [options.create(NAME).unwrap(), options.create(NAME).unwrap()];
    say("there");
    // One client is served, and one waits for the other instance to ask.
    listen();
    servers[0].connect().unwrap();
    assert_eq!(servers[0].read(&mut [0; 4]).unwrap().bytes, 1);
    say("serving");
    listen();
    let mut held = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    servers[0].disconnect().unwrap();
    held.extend(std::fs::File::open("/dev/null"));
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    // It listens; who has waited longest cannot be taken, and loses nothing by it.
    assert_eq!(servers[0].try_connect().unwrap_err().win32(), Win32Error::TOO_MANY_OPEN_FILES);
    say("listening");
    listen();
    held.clear();
    assert_eq!(servers[0].try_connect().unwrap(), Some(Connected::Before));
    assert_eq!(servers[0].read(&mut [0; 4]).unwrap().bytes, 2);
    say("done");
}

#[test]
fn who_waits_is_called_by_a_server_without_descriptors() {
    let root = Root::new("speechless");
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", "speechless")
        .env("ENNEAD_TEST_PLACE", &root.path);
    let mut server = Role::spawn(command);
    assert_eq!(server.hear(), "there");
    let first = root.client().open(NAME).unwrap();
    first.write(b"1").unwrap();
    server.tell("connect");
    assert_eq!(server.hear(), "serving");
    let second = root.client().open(NAME).unwrap();
    second.write(b"22").unwrap();
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_in(&root.place, NAME, Timeout::Forever, None));
        wait_until_waiting(&root);
        server.tell("listen");
        assert_eq!(server.hear(), "listening");
        waiter.join().unwrap().unwrap();
    });
    server.tell("take");
    assert_eq!(server.hear(), "done");
}

/// Until somebody sits in the waiting room, beside the client at the door.
fn wait_until_waiting(root: &Root) {
    let sockets = root.sockets();
    let names: Vec<_> = sockets.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    loop {
        // State 2 is a connection that nobody has taken.
        let table = std::fs::read_to_string("/proc/net/unix").unwrap();
        let ours = table.lines().filter(|line| names.iter().any(|name| line.ends_with(name)));
        if ours.filter(|line| line.split_whitespace().nth(5) == Some("02")).count() == 2 {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn five_thousand_instances_listen_in_one_process() {
    let root = Root::new("thousands");
    let before = descriptors();
    let servers: Vec<_> = (0..5000).map(|_| root.server().create(NAME).unwrap()).collect();
    let expected = 5000_usize.div_ceil(socket::most_waiting() as usize);
    assert_eq!(root.sockets().len(), expected + 1, "and the waiting room");
    assert!(descriptors() <= before + expected + 8, "an instance that listens costs no descriptor");
    assert_eq!(servers[0].current_instances().unwrap(), 5000);
    let clients: Vec<_> = (0..50).map(|_| root.client().open(NAME).unwrap()).collect();
    for client in &clients {
        client.write(b"x").unwrap();
    }
    // Whichever instance asks gets the one that has waited longest.
    for server in servers.iter().rev().take(50) {
        assert_eq!(server.connect().unwrap(), Connected::Before);
        assert_eq!(server.read(&mut [0; 4]).unwrap().bytes, 1);
    }
    drop((servers, clients));
    assert_eq!(root.left_behind(), Vec::<PathBuf>::new());
}
