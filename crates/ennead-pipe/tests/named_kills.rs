//! SIGKILL at each step: the other side gets the documented error, the name is free at once, nothing is left behind.

mod support;

use ennead_pipe::named::{Connected, Instance, Modes, Place, ReadMode, Timeout, WaitMode, list_in};
use ennead_status::Win32Error;
use support::{Role, Root, listen, role, say};

const NAME: &str = r"\\.\pipe\killed";
const MESSAGES: Modes = Modes { read: ReadMode::Message, wait: WaitMode::Wait };

/// What the child does until it is killed.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    if let Some(step) = role.strip_prefix("server-") {
        let server = ennead_pipe::named::ServerOptions::new().messages().place(&place).create(NAME).unwrap();
        if step == "connect" {
            say("there");
            server.connect().unwrap();
        }
        say("there");
        server.connect().unwrap();
        serve(step, &server);
    } else if let Some(step) = role.strip_prefix("client-") {
        let options = ennead_pipe::named::ClientOptions::new().place(&place).modes(MESSAGES);
        let client = options.open_waiting(NAME, Timeout::Forever).unwrap();
        client.write(b"hello").unwrap();
        say("there");
        let mut buffer = [0; 16];
        match step {
            "idle" => drop(listen()),
            "read" => drop(client.read(&mut buffer)),
            "write" => drop(client.write(&vec![1; 10_000_000])),
            "transact" => drop(client.transact(b"?", &mut buffer)),
            "flush" => drop(client.flush()),
            other => panic!("no step {other}"),
        }
    } else if role == "waiter" {
        say("there");
        let _ = ennead_pipe::named::wait_in(&place, NAME, Timeout::Forever, None);
    }
}

fn serve(step: &str, server: &Instance) {
    let mut buffer = [0; 16];
    server.read(&mut buffer).unwrap();
    server.write(b"hello").unwrap();
    say("connected");
    match step {
        "idle" => drop(listen()),
        "read" => drop(server.read(&mut buffer)),
        "write" => drop(server.write(&vec![1; 10_000_000])),
        "transact" => drop(server.transact(b"?", &mut buffer)),
        "flush" => drop(server.flush()),
        "disconnect" => {
            server.disconnect().unwrap();
            say("disconnected");
            drop(listen());
        }
        other => panic!("no step {other}"),
    }
}

fn start(role: &str, root: &Root) -> Role {
    Role::start("child", role, &root.path)
}

/// The name is free, for a first instance of another shape too, and one list leaves no dead file.
fn is_free(root: &Root) {
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    assert!(list_in(&root.place).unwrap().is_empty());
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
    let server = root.server().first_instance(true).create(NAME).unwrap();
    drop(server);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_that_listens() {
    let root = Root::new("kill-listening");
    let mut server = start("server-connect", &root);
    assert_eq!(server.hear(), "there");
    server.wait_until_asleep();
    server.kill();
    is_free(&root);
}

#[test]
fn a_server_at_each_step() {
    for step in ["idle", "read", "write", "transact", "flush"] {
        let root = Root::new(&format!("kill-server-{step}"));
        let mut server = start(&format!("server-{step}"), &root);
        assert_eq!(server.hear(), "there");
        let client = root.client().modes(MESSAGES).open(NAME).unwrap();
        client.write(b"hello").unwrap();
        assert_eq!(server.hear(), "connected");
        server.wait_until_asleep();
        std::thread::scope(|scope| {
            // What was written before can be read, then comes the end; a blocked read sees it too.
            let reader = scope.spawn(|| {
                let mut codes = Vec::new();
                loop {
                    match client.read(&mut [0; 64 * 1024]) {
                        Ok(_) => {}
                        Err(error) => break codes.push(error.win32()),
                    }
                }
                codes
            });
            server.kill();
            assert_eq!(reader.join().unwrap(), [Win32Error::BROKEN_PIPE], "{step}");
        });
        assert_eq!(client.write(b"x").unwrap_err().win32(), Win32Error::NO_DATA, "{step}");
        client.flush().unwrap();
        is_free(&root);
    }
}

#[test]
fn a_server_after_it_disconnected() {
    let root = Root::new("kill-disconnected");
    let mut server = start("server-disconnect", &root);
    assert_eq!(server.hear(), "there");
    let client = root.client().open(NAME).unwrap();
    client.write(b"hello").unwrap();
    assert_eq!(server.hear(), "connected");
    assert_eq!(server.hear(), "disconnected");
    server.kill();
    assert_eq!(client.read(&mut [0; 9]).unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
    is_free(&root);
}

#[test]
fn a_client_at_each_step() {
    for step in ["idle", "read", "write", "transact", "flush"] {
        let root = Root::new(&format!("kill-client-{step}"));
        let server = root.server().messages().create(NAME).unwrap();
        let mut client = start(&format!("client-{step}"), &root);
        assert_eq!(client.hear(), "there");
        client.wait_until_asleep();
        client.kill();
        // It came and went before the server called connect.
        assert_eq!(server.connect().unwrap(), Connected::Gone, "{step}");
        let mut buffer = [0; 64 * 1024];
        assert_eq!(server.read(&mut buffer).unwrap().bytes, 5, "{step}");
        let end = loop {
            match server.read(&mut buffer) {
                Ok(_) => {}
                Err(error) => break error.win32(),
            }
        };
        assert_eq!(end, Win32Error::BROKEN_PIPE, "{step}");
        assert_eq!(server.write(b"x").unwrap_err().win32(), Win32Error::NO_DATA, "{step}");
        server.flush().unwrap();
        server.disconnect().unwrap();
        // The instance serves the next client.
        std::thread::scope(|scope| {
            let connected = scope.spawn(|| server.connect().unwrap());
            let next = root.client().open_waiting(NAME, Timeout::Forever).unwrap();
            assert_ne!(connected.join().unwrap(), Connected::Gone);
            next.write(b"next").unwrap();
            assert_eq!(server.read(&mut buffer).unwrap().bytes, 4);
        });
        drop(server);
        is_free(&root);
    }
}

#[test]
fn a_flush_ends_when_the_reader_is_killed() {
    let root = Root::new("kill-flush");
    let server = root.server().messages().create(NAME).unwrap();
    let mut client = start("client-idle", &root);
    assert_eq!(client.hear(), "there");
    server.connect().unwrap();
    server.write(b"unread").unwrap();
    std::thread::scope(|scope| {
        let flush = scope.spawn(|| server.flush());
        client.kill();
        flush.join().unwrap().unwrap();
    });
}

#[test]
fn who_waits_notices_that_the_last_server_was_killed() {
    let root = Root::new("kill-wait");
    let mut server = start("server-idle", &root);
    assert_eq!(server.hear(), "there");
    let client = root.client().open(NAME).unwrap();
    client.write(b"hello").unwrap();
    assert_eq!(server.hear(), "connected");
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ennead_pipe::named::wait_in(&root.place, NAME, Timeout::Forever, None));
        server.kill();
        assert_eq!(waiter.join().unwrap().unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    });
    is_free(&root);
}

#[test]
fn who_waits_notices_another_server_process() {
    let root = Root::new("kill-arrival");
    let server = root.server().messages().create(NAME).unwrap();
    let _client = root.client().open(NAME).unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| ennead_pipe::named::wait_in(&root.place, NAME, Timeout::Forever, None));
        let mut other = start("server-idle", &root);
        assert_eq!(other.hear(), "there");
        waiter.join().unwrap().unwrap();
        assert_eq!(server.current_instances().unwrap(), 2);
        other.kill();
        assert_eq!(server.current_instances().unwrap(), 1);
    });
}

#[test]
fn a_killed_waiter_leaves_nothing() {
    let root = Root::new("kill-waiter");
    let server = root.server().messages().create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    let mut waiter = start("waiter", &root);
    assert_eq!(waiter.hear(), "there");
    waiter.kill();
    drop(client);
    server.disconnect().unwrap();
    server.try_connect().unwrap();
    root.client().open(NAME).unwrap();
    drop(server);
    is_free(&root);
}
