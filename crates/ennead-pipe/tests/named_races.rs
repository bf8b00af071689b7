//! One end closes or disconnects while the other is in the middle of something: what was acknowledged before a close can be read,
//! whoever comes too late gets the documented code, and nobody waits for ever.

mod support;

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use ennead_pipe::named::{Client, Connected, Instance, Modes, ReadMode, Timeout, WaitMode};
use ennead_status::Win32Error;
use support::{Root, descriptors};

const NAME: &str = r"\\.\pipe\races";
const ROUNDS: usize = 300;
type Step<T> = fn(&Client) -> T;
/// A step by its name, and its code.
type Coded = (&'static str, Step<Result<(), Win32Error>>, Win32Error);

const MESSAGES: Modes = Modes { read: ReadMode::Message, wait: WaitMode::Wait };

/// Both ends of a connection.
fn pair(root: &Root, server: &Instance) -> Client {
    std::thread::scope(|scope| {
        let connected = scope.spawn(|| server.connect().unwrap());
        let client = root.client().modes(MESSAGES).open_waiting(NAME, Timeout::Forever).unwrap();
        assert_ne!(connected.join().unwrap(), Connected::Gone);
        client
    })
}

/// Does two things as much at once as can be, the one or the other a little later.
fn at_once<A: Send, B: Send>(
    round: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    let start = Barrier::new(2);
    let late = |first: bool| {
        start.wait();
        if first == round.is_multiple_of(2) {
            for _ in 0..(round * 7) % 400 {
                std::hint::spin_loop();
            }
        }
    };
    std::thread::scope(|scope| {
        let one = scope.spawn(|| {
            late(true);
            one()
        });
        late(false);
        let other = other();
        (one.join().unwrap(), other)
    })
}

/// Writes numbered messages until that is refused; gives how many were acknowledged, and the code.
fn write_on(
    end: &impl Fn(&[u8]) -> ennead_pipe::named::Result<usize>,
    acknowledged: &AtomicUsize,
) -> Win32Error {
    loop {
        let n = acknowledged.load(Ordering::SeqCst) as u32;
        match end(&n.to_le_bytes()) {
            Ok(written) => {
                assert_eq!(written, 4);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => return error.win32(),
        }
    }
}

#[test]
fn a_write_and_the_readers_close() {
    let root = Root::new("races-reader");
    let server = root.server().messages().create(NAME).unwrap();
    for round in 0..ROUNDS {
        let client = pair(&root, &server);
        let acknowledged = AtomicUsize::new(0);
        let write = |data: &[u8]| server.write(data);
        let (code, read) = at_once(
            round,
            || write_on(&write, &acknowledged),
            move || {
                let (mut buffer, mut read) = ([0; 8], 0u32);
                while (read as usize) < round % 20 {
                    assert_eq!(client.read(&mut buffer).unwrap().bytes, 4);
                    assert_eq!(buffer[..4], read.to_le_bytes());
                    read += 1;
                }
                drop(client);
                read as usize
            },
        );
        // The second: a write that waited for room just then.
        assert!([Win32Error::NO_DATA, Win32Error::BROKEN_PIPE].contains(&code), "{code}");
        assert!(acknowledged.load(Ordering::SeqCst) >= read);
        // And from then on, each time.
        for _ in 0..3 {
            assert_eq!(server.write(b"late").unwrap_err().win32(), Win32Error::NO_DATA);
            assert_eq!(server.write(&[0; 1_000_000]).unwrap_err().win32(), Win32Error::NO_DATA);
        }
        server.disconnect().unwrap();
    }
}

#[test]
fn a_read_and_the_writers_close() {
    let root = Root::new("races-writer");
    let server = root.server().messages().create(NAME).unwrap();
    for round in 0..ROUNDS {
        let client = pair(&root, &server);
        let acknowledged = AtomicUsize::new(0);
        let (read, ()) = at_once(
            round,
            || {
                let (mut buffer, mut read) = ([0; 8], 0u32);
                loop {
                    match server.read(&mut buffer) {
                        Ok(received) => {
                            assert_eq!((received.bytes, &buffer[..4]), (4, &read.to_le_bytes()[..]));
                            read += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.win32(), Win32Error::BROKEN_PIPE);
                            return read as usize;
                        }
                    }
                }
            },
            || {
                for n in 0..(round % 50) as u32 {
                    client.write(&n.to_le_bytes()).unwrap();
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                drop(client);
            },
        );
        // Not one is lost by a close, however early.
        assert_eq!(read, acknowledged.load(Ordering::SeqCst));
        server.disconnect().unwrap();
    }
}

#[test]
fn everything_and_the_servers_disconnect() {
    let root = Root::new("races-disconnect");
    let server = root.server().messages().create(NAME).unwrap();
    let steps: [(&str, Step<Win32Error>); 5] = [
        ("write", |client| {
            let write = |data: &[u8]| client.write(data);
            write_on(&write, &AtomicUsize::new(0))
        }),
        ("large write", |client| client.write(&vec![1; 2_000_000]).unwrap_err().win32()),
        ("read", |client| client.read(&mut [0; 8]).unwrap_err().win32()),
        ("transact", |client| client.transact(b"question", &mut [0; 8]).unwrap_err().win32()),
        ("flush", |client| {
            let flushed = client.write(b"unread").and_then(|_| client.flush());
            flushed.unwrap_err().win32()
        }),
    ];
    for (name, step) in steps {
        for round in 0..ROUNDS / 3 {
            let client = pair(&root, &server);
            let (code, ()) = at_once(round, || step(&client), || server.disconnect().unwrap());
            assert_eq!(code, Win32Error::PIPE_NOT_CONNECTED, "{name}");
            assert_eq!(client.read(&mut [0; 8]).unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
            assert_eq!(client.write(b"late").unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
        }
    }
}

#[test]
fn everything_and_the_servers_close() {
    let root = Root::new("races-close");
    let before = descriptors();
    let steps: [Coded; 4] = [
        (
            "write",
            |client| {
                // ERROR_NO_DATA after the close, ERROR_BROKEN_PIPE for a write that had begun.
                let error = client.write(&vec![1; 2_000_000]).unwrap_err();
                let late = error.win32() == Win32Error::NO_DATA && error.written == 0;
                assert!(late || error.win32() == Win32Error::BROKEN_PIPE, "{error}");
                Err(Win32Error::BROKEN_PIPE)
            },
            Win32Error::BROKEN_PIPE,
        ),
        (
            "read",
            |client| client.read(&mut [0; 8]).map(drop).map_err(|error| error.win32()),
            Win32Error::BROKEN_PIPE,
        ),
        (
            "transact",
            |client| {
                // Begun before the close it is a read of an answer that never comes; after it, a write, or no pipe for it.
                let code = client.transact(b"question", &mut [0; 8]).unwrap_err().win32();
                assert!(
                    [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::BAD_PIPE].contains(&code),
                    "{code}"
                );
                Err(Win32Error::BROKEN_PIPE)
            },
            Win32Error::BROKEN_PIPE,
        ),
        // There is nobody left to wait for.
        ("flush", |client| client.flush().map_err(|error| error.win32()), Win32Error::SUCCESS),
    ];
    for (name, step, expected) in steps {
        for round in 0..ROUNDS / 3 {
            let server = root.server().messages().create(NAME).unwrap();
            let client = pair(&root, &server);
            let (outcome, ()) = at_once(round, || step(&client), move || drop(server));
            assert_eq!(outcome.err().unwrap_or(Win32Error::SUCCESS), expected, "{name}");
        }
    }
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
    // The other tests of this program may have some of theirs open.
    assert!(descriptors() < before + 100, "{before} before, {} after", descriptors());
}

#[test]
fn a_close_and_a_new_open_of_the_same_name() {
    let root = Root::new("races-name");
    for round in 0..ROUNDS {
        let server = root.server().messages().create(NAME).unwrap();
        let (opened, ()) = at_once(round, || root.client().open(NAME), move || drop(server));
        match opened {
            // It came just in time, and nobody serves it.
            Ok(client) => assert_eq!(client.read(&mut [0; 4]).unwrap_err().win32(), Win32Error::BROKEN_PIPE),
            Err(error) => {
                let codes = [Win32Error::FILE_NOT_FOUND, Win32Error::PIPE_BUSY];
                assert!(codes.contains(&error.win32()), "{error}");
            }
        }
        // Free, at once and for a pipe of another shape.
        drop(root.server().first_instance(true).max_instances(1).create(NAME).unwrap());
    }
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}
