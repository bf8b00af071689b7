//! A client that comes again: memory that this server process has seen before is used once more, and never goes to another process.

mod support;

use std::collections::BTreeSet;

use ennead_pipe::named::{Client, Instance, Place, ServerOptions};
use support::{Role, Root, role, say};

const NAME: &str = r"\\.\pipe\again";

/// The memory of connections that a process has mapped, by inode.
fn memory_of(process: u32) -> BTreeSet<u64> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let ours = maps.lines().filter(|line| line.contains("memfd:ennead-channel"));
    ours.map(|line| line.split_whitespace().nth(4).unwrap().parse().unwrap()).collect()
}

/// Serves clients one after the other: says back what they say.
fn serve(server: &Instance) {
    let mut buffer = [0; 16];
    loop {
        server.connect().unwrap();
        while let Ok(received) = server.read(&mut buffer) {
            server.write(&buffer[..received.bytes]).unwrap();
        }
        server.disconnect().unwrap();
    }
}

fn ask(client: &Client, what: u8) {
    client.write(&[what]).unwrap();
    let mut buffer = [0; 2];
    assert_eq!((client.read(&mut buffer).unwrap().bytes, buffer[0]), (1, what));
}

#[test]
fn child() {
    let Some((_, root)) = role() else { return };
    let server = ServerOptions::new().place(&Place::at(root).unwrap()).create(NAME).unwrap();
    say("there");
    serve(&server);
}

#[test]
fn memory_is_used_again_with_the_same_process_and_fresh_with_the_next() {
    let root = Root::new("again");
    let mut seen_before = BTreeSet::new();
    for generation in 0..3u8 {
        let mut server = Role::start("child", "server", &root.path);
        assert_eq!(server.hear(), "there");
        let mut seen = BTreeSet::new();
        for _ in 0..40 {
            let options = root.client();
            ask(&options.open_waiting(NAME, ennead_pipe::named::Timeout::Forever).unwrap(), generation);
            seen.extend(memory_of(server.id()));
        }
        // Not one for each connection. Which were still in use when the client came again is the scheduler's affair.
        assert!(seen.len() < 40, "{} pieces of memory for 40 connections", seen.len());
        assert!(seen.is_disjoint(&seen_before), "a new server saw what an older one had seen");
        seen_before.extend(seen);
        server.kill();
    }
}

#[test]
fn a_second_server_process_gets_memory_of_its_own() {
    let root = Root::new("again-two");
    let mut servers = [(); 2].map(|()| Role::start("child", "server", &root.path));
    for server in &mut servers {
        assert_eq!(server.hear(), "there");
    }
    for round in 0..40 {
        let open = || root.client().open_waiting(NAME, ennead_pipe::named::Timeout::Forever).unwrap();
        // One after the other as they have room, so that both servers have had clients.
        let (one, two) = (open(), open());
        ask(&one, round);
        ask(&two, round);
        let [first, second] = [&servers[0], &servers[1]].map(|server| memory_of(server.id()));
        assert!(first.is_disjoint(&second), "both servers have mapped the same memory");
    }
}
