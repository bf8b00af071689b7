//! Processes killed with SIGKILL in the middle of reads, writes and streams.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ennead_channel::{
    Endpoint, Framing, Limits, Parameters, PeerParts, ReadError, ReadMode, Wait, WriteError, create,
};
use ennead_sys::socket::{Connection, Listener};

const ROLE: &str = "ENNEAD_TEST_ROLE";
const SOCKET: &str = "ENNEAD_TEST_SOCKET";

/// Message number `n`: its number, then bytes that follow from it; now and then larger than the ring.
fn message(n: u64) -> Vec<u8> {
    let len = if n % 7 == 3 { 20_000 } else { 8 + (n * 37 % 900) as usize };
    let mut bytes: Vec<u8> = (0..len as u64).map(|at| (at ^ n) as u8).collect();
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes
}

/// Starts this program's `child` in a role; the connection is the child's making.
fn start(role: &str, at: u32) -> (Child, Endpoint) {
    let path = std::env::temp_dir().join(format!("ennead-killed-{}-{role}-{at}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = Listener::bind(&path).unwrap();
    listener.admit(1).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(SOCKET, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let connection = loop {
        let mut watch = [ennead_sys::poll::Watch::new(&listener, ennead_sys::poll::Interest::Readable)];
        ennead_sys::poll::wait(&mut watch, None).unwrap();
        if let Some(connection) = listener.accept().unwrap() {
            break connection;
        }
    };
    let received = loop {
        if let Some(message) = connection.receive(&mut [0; 8]).unwrap() {
            break message;
        }
    };
    let parts = PeerParts::from_fds(received.descriptors.try_into().unwrap());
    std::fs::remove_file(&path).unwrap();
    (child, Endpoint::accept(parts, &Limits::default()).unwrap())
}

/// Not a test of its own: what the child processes run.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: 4096, capacity_to_client: 4096 };
    let (end, parts) = create(&parameters).unwrap();
    let connection = Connection::to(std::env::var_os(SOCKET).unwrap().as_ref()).unwrap();
    connection.send(b"parts", &parts.as_fds()).unwrap();
    drop((parts, connection));
    let mut buffer = vec![0; 30_000];
    match role.as_str() {
        "writer" => {
            for n in 0.. {
                end.write(&message(n), Wait::Forever).unwrap();
                std::io::stdout().write_all(format!("ACK {n}\n").as_bytes()).unwrap();
                std::io::stdout().flush().unwrap();
            }
        }
        "reader" => loop {
            end.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
        },
        "echo" => loop {
            let bytes = end.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes;
            end.write(&buffer[..bytes], Wait::Forever).unwrap();
        },
        _ => unreachable!(),
    }
}

/// Kills `child` after a random while, from another thread, so that it happens at any step of what this one does.
fn kill_later(mut child: Child, at: u32) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_micros(u64::from(at.wrapping_mul(2_654_435_761) % 20_000)));
        child.kill().unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        said
    })
}

#[test]
fn what_a_killed_writer_had_acknowledged_is_read() {
    let (mut torn, mut total) = (0, 0);
    for at in 0..40 {
        let (child, end) = start("writer", at);
        let killer = kill_later(child, at);
        let mut got = 0;
        let mut buffer = vec![0; 30_000];
        loop {
            match end.read(&mut buffer, ReadMode::Message, Wait::Forever) {
                Ok(received) => {
                    assert_eq!(received.left_in_message, 0);
                    assert!(buffer[..received.bytes] == message(got), "message {got}");
                    got += 1;
                }
                Err(ReadError::Ended) => break,
                Err(ReadError::Torn) => {
                    torn += 1;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        let said = killer.join().unwrap();
        let acknowledged = said.lines().filter(|line| line.starts_with("ACK ")).count() as u64;
        assert!(got >= acknowledged, "{acknowledged} acknowledged, {got} read");
        total += got;
    }
    println!("{total} messages, {torn} torn streams");
}

#[test]
fn a_killed_reader_ends_writes_and_flushes() {
    for at in 0..30 {
        let (child, end) = start("reader", at);
        let killer = kill_later(child, at);
        for n in 0.. {
            let outcome = end.write(&message(n), Wait::Forever).and_then(|_| end.flush(Wait::Forever));
            match outcome {
                Ok(()) => {}
                Err(WriteError::Ended { .. } | WriteError::Broken { .. }) => break,
                Err(error) => panic!("{error}"),
            }
        }
        killer.join().unwrap();
        assert!(matches!(end.read(&mut [0; 9], ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
    }
}

#[test]
fn a_killed_partner_ends_a_conversation() {
    for at in 0..30 {
        let (child, end) = start("echo", at);
        let killer = kill_later(child, at);
        let mut buffer = vec![0; 30_000];
        for n in 0.. {
            let request = message(n);
            if end.write(&request, Wait::Forever).is_err() {
                break;
            }
            match end.read(&mut buffer, ReadMode::Message, Wait::Forever) {
                Ok(received) => assert!(buffer[..received.bytes] == request),
                Err(ReadError::Ended | ReadError::Torn) => break,
                Err(error) => panic!("{error}"),
            }
        }
        killer.join().unwrap();
        assert!(end.peer_has_ended());
    }
}
