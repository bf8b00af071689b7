//! Clients that lie, floods, limits, and a server that never reads.

mod support;

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ennead_pipe::named::{
    CancelToken, ClientOptions, Connected, Modes, Place, ReadMode, ServerOptions, Timeout, Wait, WaitMode,
};
use ennead_status::Win32Error;
use ennead_sys::socket::Connection;
use support::{Role, Root, descriptors, role, say};

const NAME: &str = r"\\.\pipe\hazard";

/// Connects to the pipe's listening socket behind the library's back.
fn stranger(root: &Root) -> Connection {
    // The waiting room takes connections too, and nobody talks there: the listening socket refuses the second one.
    for path in root.sockets() {
        if let Ok(first) = Connection::to(&path) {
            match Connection::to(&path) {
                Ok(_) => {}
                Err(_) => return first,
            }
        }
    }
    panic!("no listening socket");
}

/// Serves one client, who must be honest.
fn serve_one(server: &ennead_pipe::named::Instance) {
    server.connect().unwrap();
    let mut buffer = [0; 16];
    let received = server.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..received.bytes], b"honest");
}

fn honest(root: &Root) {
    let client = root.client().open_waiting(NAME, Timeout::Forever).unwrap();
    client.write(b"honest").unwrap();
    // Until it was read.
    client.flush().unwrap();
}

#[test]
fn garbage_instead_of_a_handshake() {
    let root = Root::new("garbage");
    let server = root.server().max_instances(1).create(NAME).unwrap();
    let before = descriptors();
    let file = std::fs::File::open("/dev/null").unwrap();
    let hello = ennead_pipe::named::handshake::Handshake {
        access: 0x0012_019F,
        quality: ennead_pipe::impersonation::SecurityQuality::default(),
        pid: 1,
        session: 0,
        computer: "liar".to_owned(),
    }
    .encode();
    let garbage: [(&[u8], usize); 7] = [
        (b"GET / HTTP/1.1\r\n\r\n", 0),
        (&[0; 2000], 0),
        (&hello[..20], 3),
        (&hello, 0),
        (&hello, 2),
        (&hello, 3),
        (&hello, 8),
    ];
    for (bytes, count) in garbage {
        let liar = stranger(&root);
        liar.send(bytes, &vec![file.as_fd(); count]).unwrap();
        assert_eq!(server.try_connect().unwrap(), None, "{count}");
    }
    drop(stranger(&root));
    assert_eq!(server.try_connect().unwrap(), None);
    drop(file);
    assert!(descriptors() <= before, "descriptors of liars were kept");
    std::thread::scope(|scope| {
        scope.spawn(|| serve_one(&server));
        honest(&root);
    });
}

#[test]
fn a_client_that_says_nothing() {
    let root = Root::new("silent");
    let server = root.server().max_instances(1).create(NAME).unwrap();
    let _silent = stranger(&root);
    std::thread::scope(|scope| {
        scope.spawn(|| serve_one(&server));
        honest(&root);
    });
    server.disconnect().unwrap();
    drop(server);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn ten_thousand_connects() {
    let root = Root::new("flood");
    let options = root.server().messages();
    let servers: Vec<_> = (0..4).map(|_| options.create(NAME).unwrap()).collect();
    let before = descriptors();
    let started = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = servers
            .iter()
            .map(|server| {
                scope.spawn(|| {
                    let mut sum = 0u64;
                    let mut buffer = [0; 16];
                    loop {
                        server.connect().unwrap();
                        match server.read(&mut buffer).unwrap().bytes {
                            0 => return sum,
                            _ => sum += u64::from(u32::from_le_bytes(buffer[..4].try_into().unwrap())),
                        }
                        server.disconnect().unwrap();
                    }
                })
            })
            .collect();
        let open = || root.client().open_waiting(NAME, Timeout::Forever).unwrap();
        for n in 0..10_000u32 {
            // Written, closed and forgotten: nothing that was accepted may be lost.
            open().write(&n.to_le_bytes()).unwrap();
        }
        for _ in 0..4 {
            open().write(b"").unwrap();
        }
        let sum: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert_eq!(sum, (0..10_000).sum());
    });
    println!("10,000 connects in {:?}", started.elapsed());
    for server in &servers {
        server.disconnect().unwrap();
    }
    // The place remembers the pipe that it opened (its entry and the folder of its sockets), and keeps the memory of up to four
    // connections for the next ones; the listening socket is gone.
    assert!(descriptors() <= before + 1 + 4, "{before} before, {} after", descriptors());
    drop(servers);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_that_never_reads() {
    let root = Root::new("deaf");
    let _server = root.server().quotas(4096, 4096).create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    let cancel = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let wait = Wait::Forever.or_cancelled(&cancel);
            client.write_with(&[1; 100_000], wait).unwrap_err().win32()
        });
        cancel.cancel();
        assert_eq!(writer.join().unwrap(), Win32Error::OPERATION_ABORTED);
    });
    let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
    assert_eq!(client.write_with(&[1; 100_000], soon).unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    client.set_modes(Modes { read: ReadMode::Byte, wait: WaitMode::NoWait }).unwrap();
    assert_eq!(client.write(&[1; 100_000]).unwrap(), 0);
    assert_eq!(client.try_write(&[1; 10]).unwrap(), None);
}

#[test]
fn a_connect_is_cancelled_or_runs_out_of_time() {
    let root = Root::new("cancel");
    let server = root.server().create(NAME).unwrap();
    let cancel = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let connect = scope.spawn(|| server.connect_with(Wait::Forever.or_cancelled(&cancel)));
        cancel.cancel();
        assert_eq!(connect.join().unwrap().unwrap_err().win32(), Win32Error::OPERATION_ABORTED);
    });
    let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
    assert_eq!(server.connect_with(soon).unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    // Neither took the place away.
    let _client = root.client().open(NAME).unwrap();
    assert_eq!(server.connect().unwrap(), Connected::Before);
}

#[test]
fn many_instances() {
    let root = Root::new("many");
    let servers: Vec<_> = (0..300).map(|_| root.server().create(NAME).unwrap()).collect();
    let clients: Vec<_> = (0..300).map(|_| root.client().open(NAME).unwrap()).collect();
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
    for (n, client) in clients.iter().enumerate() {
        client.write(&[n as u8]).unwrap();
    }
    for server in &servers {
        assert_eq!(server.connect().unwrap(), Connected::Before);
        assert_eq!(server.read(&mut [0; 4]).unwrap().bytes, 1);
    }
    drop((servers, clients));
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

/// In a process of its own, for the limit is the whole process's.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    assert_eq!(role, "limit");
    let server = ServerOptions::new().place(&place).create(NAME).unwrap();
    let client = ClientOptions::new().place(&place).open(NAME).unwrap();
    client.write(b"before").unwrap();
    let mut held: Vec<std::fs::File> = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        held.push(file);
    }
    let limit = Win32Error::TOO_MANY_OPEN_FILES;
    assert_eq!(ClientOptions::new().place(&place).open(NAME).unwrap_err().win32(), limit);
    assert_eq!(ServerOptions::new().place(&place).create(NAME).unwrap_err().win32(), limit);
    // However many are left, the client and what it wrote are not lost.
    let connected = loop {
        match server.connect() {
            Ok(connected) => break connected,
            Err(error) => assert_eq!(error.win32(), limit),
        }
        assert!(held.pop().is_some());
    };
    assert_eq!(connected, Connected::Before);
    assert_eq!(server.read(&mut [0; 9]).unwrap().bytes, 6);
    held.truncate(held.len().saturating_sub(12));
    let busy = ClientOptions::new().place(&place).open(NAME).unwrap_err();
    assert_eq!(busy.win32(), Win32Error::PIPE_BUSY);
    say("done");
}

#[test]
fn the_descriptor_limit_reached() {
    let root = Root::new("limit");
    let program = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new("sh");
    command
        .args(["-c", "ulimit -n 64; exec \"$0\" \"$@\""])
        .arg(program)
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", "limit")
        .env("ENNEAD_TEST_PLACE", &root.path);
    assert_eq!(Role::spawn(command).hear(), "done");
}
