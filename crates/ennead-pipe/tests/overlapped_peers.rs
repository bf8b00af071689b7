//! Overlapped operations against other processes: killed ones, many of them, and the documented example.

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../examples/overlapped_server.rs"]
mod example;
mod support;

use ennead_pipe::named::{ClientOptions, Modes, Place, ReadMode, ServerOptions, Timeout, Wait, WaitMode};
use ennead_pipe::overlapped::{Overlapped, Waitable, wait_all};
use ennead_status::Win32Error;
use support::overlapped::{done, soon};
use support::{Role, Root, listen, role, say};

const NAME: &str = r"\\.\pipe\Peers";
const MESSAGES: Modes = Modes { read: ReadMode::Message, wait: WaitMode::Wait };

/// What the child does until it is killed.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    match role.as_str() {
        "client" => {
            let options = ClientOptions::new().place(&place).modes(MESSAGES);
            let client = Overlapped::new(options.open_waiting(NAME, Timeout::Forever).unwrap());
            let pending = [client.start_read(vec![0; 16]), client.start_write(vec![1; 1_000_000])];
            say("there");
            listen();
            drop(pending);
        }
        "server" => {
            let server = Overlapped::new(ServerOptions::new().messages().place(&place).create(NAME).unwrap());
            let connect = server.start_connect();
            say("listening");
            assert!(done(connect).error.is_none());
            let pending = [server.start_read(vec![0; 16]), server.start_write(vec![1; 1_000_000])];
            say("there");
            listen();
            drop(pending);
        }
        "example" => {
            example::serve(NAME, Some(20)).unwrap();
            say("served");
        }
        other => panic!("no role {other}"),
    }
}

#[test]
fn a_killed_client_completes_what_is_pending() {
    let root = Root::new("killedclient");
    for _ in 0..5 {
        let server = Overlapped::new(root.server().messages().create(NAME).unwrap());
        let connect = server.start_connect();
        let mut client = Role::start("child", "client", &root.path);
        assert!(done(connect).error.is_none());
        client.hear();
        // The read takes the message that will never be whole; the ring of the other way is full.
        let reads = [server.start_read(vec![0; 2_000_000]), server.start_read(vec![0; 16])];
        let _ = reads[0].wait(Wait::Never);
        let writes = [server.start_write(vec![2; 1_000_000]), server.start_write(b"behind".to_vec())];
        assert_eq!(writes[1].win32(), Win32Error::IO_INCOMPLETE);
        client.kill();
        let [first, second] = reads.map(done);
        // The child may have got its message through before it was killed.
        assert!(first.win32() == Win32Error::BROKEN_PIPE || first.bytes == 1_000_000, "{}", first.win32());
        assert_eq!(second.win32(), Win32Error::BROKEN_PIPE);
        for write in writes {
            assert_eq!(done(write).win32(), Win32Error::BROKEN_PIPE);
        }
        server.disconnect().unwrap();
        let again = server.start_connect();
        let next = root.client().open(NAME).unwrap();
        assert!(done(again).error.is_none());
        next.write(b"alive").unwrap();
        assert_eq!(done(server.start_read(vec![0; 16])).data(), b"alive");
        drop(server);
        assert!(root.left_behind().is_empty());
    }
}

#[test]
fn a_killed_server_completes_what_is_pending() {
    let root = Root::new("killedserver");
    for _ in 0..5 {
        let mut server = Role::start("child", "server", &root.path);
        assert_eq!(server.hear(), "listening");
        let client = Overlapped::new(root.client().modes(MESSAGES).open(NAME).unwrap());
        assert_eq!(server.hear(), "there");
        let large = client.start_read(vec![0; 2_000_000]);
        let reads = [client.start_read(vec![0; 16]), client.start_read(vec![0; 16])];
        let write = client.start_write(vec![2; 1_000_000]);
        server.kill();
        let large = done(large);
        assert!(large.win32() == Win32Error::BROKEN_PIPE || large.bytes == 1_000_000, "{}", large.win32());
        for read in reads {
            assert_eq!(done(read).win32(), Win32Error::BROKEN_PIPE);
        }
        assert_eq!(done(write).win32(), Win32Error::BROKEN_PIPE);
        let busy = client.start_transact(vec![1], vec![0; 1]);
        assert_eq!(done(busy).win32(), Win32Error::BAD_PIPE);
    }
}

#[test]
fn a_thousand_operations_pend_on_five_hundred_pipes() {
    const PIPES: usize = 500;
    let root = Root::new("thousand");
    let servers: Vec<_> =
        (0..PIPES).map(|_| Overlapped::new(root.server().messages().create(NAME).unwrap())).collect();
    let connects: Vec<_> = servers.iter().map(Overlapped::start_connect).collect();
    assert!(connects.iter().all(|connect| !connect.is_complete()));
    let clients: Vec<_> =
        (0..PIPES).map(|_| Overlapped::new(root.client().modes(MESSAGES).open(NAME).unwrap())).collect();
    for connect in connects {
        assert!(done(connect).error.is_none());
    }
    let connected = support::descriptors();
    let reads: Vec<_> = servers.iter().map(|server| server.start_read(vec![0; 16])).collect();
    let answers: Vec<_> = clients.iter().map(|client| client.start_read(vec![0; 16])).collect();
    let items: Vec<Waitable<'_>> = reads.iter().chain(&answers).map(Waitable::from).collect();
    assert!(items.len() == 1000 && reads.iter().chain(&answers).all(|read| !read.is_complete()));
    assert!(support::descriptors() <= connected + 8, "pending operations take no descriptors");
    for (number, client) in clients.iter().enumerate().rev() {
        client.start_write(number.to_le_bytes().to_vec()).join().result().unwrap();
    }
    for server in &servers {
        server.start_write(b"answer".to_vec()).join().result().unwrap();
    }
    wait_all(&items, soon()).unwrap();
    let mut numbers: Vec<_> = reads
        .into_iter()
        .map(|read| usize::from_le_bytes(read.finish().unwrap().data().try_into().unwrap()))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..PIPES).collect::<Vec<_>>());
    for answer in answers {
        assert_eq!(answer.finish().unwrap().data(), b"answer");
    }
    drop((servers, clients));
    assert!(root.left_behind().is_empty());
}

#[test]
fn the_documented_server_serves_its_clients() {
    let root = Root::new("example");
    let mut command = Role::command("child", "example", &root.path);
    command.env("ENNEAD_ROOT", &root.path);
    let mut server = Role::spawn(command);
    std::thread::scope(|scope| {
        for number in 0..20 {
            let root = &root;
            scope.spawn(move || {
                let options = root.client().modes(MESSAGES);
                let client = loop {
                    match options.open_waiting(NAME, Timeout::Forever) {
                        // It has not begun yet.
                        Err(error) if error.win32() == Win32Error::FILE_NOT_FOUND => std::thread::yield_now(),
                        opened => break opened.unwrap(),
                    }
                };
                let mut answer = [0; 64];
                for round in 0..10 {
                    let request = format!("request {round} of client {number}");
                    let received = client.transact(request.as_bytes(), &mut answer).unwrap();
                    assert_eq!(&answer[..received.bytes], b"Default answer from server");
                }
            });
        }
    });
    assert_eq!(server.hear(), "served");
}
