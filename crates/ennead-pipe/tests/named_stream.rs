//! Ends as `std::io` has them, and what their errors become there.

mod support;

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use ennead_pipe::named::{Client, Instance, Modes, ReadMode, Reason, Wait, WaitMode};
use ennead_status::{Coded, Win32Error};
use support::Root;

const NAME: &str = r"\\.\pipe\stream";

fn pair(root: &Root) -> (Instance, Client) {
    let server = root.server().quotas(4096, 4096).create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    server.connect().unwrap();
    (server, client)
}

#[test]
fn bytes_through_std() {
    let root = Root::new("stream-std");
    let (server, mut client) = pair(&root);
    writeln!(client, "{} bolts", 12).unwrap();
    Write::flush(&mut client).unwrap();
    let mut line = String::new();
    BufReader::new(&server).read_line(&mut line).unwrap();
    assert_eq!(line, "12 bolts\n");

    let sent: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
    let (data, mut got) = (sent.clone(), Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(move || io::copy(&mut &data[..], &mut &server).unwrap());
        client.read_to_end(&mut got).unwrap();
    });
    assert_eq!(got, sent);
    assert_eq!(Read::read(&mut client, &mut [0; 8]).unwrap(), 0, "the end stays the end");
    let closed = Write::write(&mut &client, b"x").unwrap_err();
    assert_eq!((closed.kind(), Win32Error::from(&closed)), (ErrorKind::BrokenPipe, Win32Error::NO_DATA));
}

#[test]
fn a_handle_that_does_not_wait_would_block() {
    let root = Root::new("stream-nowait");
    let (server, client) = pair(&root);
    client.set_modes(Modes { read: ReadMode::Byte, wait: WaitMode::NoWait }).unwrap();
    let empty = Read::read(&mut &client, &mut [0; 8]).unwrap_err();
    assert_eq!((empty.kind(), Win32Error::from(&empty)), (ErrorKind::WouldBlock, Win32Error::NO_DATA));
    let full = loop {
        match Write::write(&mut &client, &[7; 4096]) {
            Ok(written) => assert!(written > 0),
            Err(full) => break full,
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    drop(server);
    let closed = Write::write(&mut &client, b"x").unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn io_errors_keep_text_code_and_error() {
    let root = Root::new("stream-errors");
    let missing = root.client().open(NAME).unwrap_err();
    let text = missing.to_string();
    let io = io::Error::from(missing);
    assert_eq!((io.kind(), io.to_string()), (ErrorKind::NotFound, text));
    assert_eq!(Win32Error::from(&io), Win32Error::FILE_NOT_FOUND);
    let coded = io.get_ref().unwrap().downcast_ref::<Coded>().unwrap();
    let error = coded.error().downcast_ref::<ennead_pipe::named::Error>().unwrap();
    assert!(matches!(*error.reason, Reason::NotFound));

    let server = root.server().create(NAME).unwrap();
    let nobody = io::Error::from(server.connect_with(Wait::Never).unwrap_err());
    assert_eq!(
        (nobody.kind(), Win32Error::from(&nobody)),
        (ErrorKind::WouldBlock, Win32Error::PIPE_LISTENING)
    );
}

#[test]
fn a_write_cut_short_says_how_much_it_wrote() {
    let root = Root::new("stream-written");
    let (server, client) = pair(&root);
    let soon = || Wait::Until(Instant::now() + Duration::from_millis(1));
    let cut = client.write_with(&[7; 100_000], soon()).unwrap_err();
    assert_eq!(cut.win32(), Win32Error::SEM_TIMEOUT);
    assert!((1..100_000).contains(&cut.written), "{cut:?}");
    assert!(cut.to_string().contains(&cut.written.to_string()), "{cut}");
    let mut buffer = vec![0; 200_000];
    assert_eq!(server.read(&mut buffer).unwrap().bytes, cut.written);
    let none = server.read_with(&mut buffer, soon()).unwrap_err();
    assert_eq!((none.win32(), none.written), (Win32Error::SEM_TIMEOUT, 0));
}

#[test]
fn messages_are_asked_for_at_opening() {
    let root = Root::new("stream-messages");
    let bytes = root.server().create(NAME).unwrap();
    let refused = root.client().messages().open(NAME).unwrap_err();
    assert_eq!(refused.win32(), Win32Error::INVALID_PARAMETER);
    drop(bytes);
    let server = root.server().messages().create(NAME).unwrap();
    let client = root.client().messages().open(NAME).unwrap();
    assert_eq!(client.modes(), Modes { read: ReadMode::Message, wait: WaitMode::Wait });
    server.connect().unwrap();
    server.write(b"one").unwrap();
    server.write(b"two").unwrap();
    let mut buffer = [0; 16];
    assert_eq!(client.read(&mut buffer).unwrap().bytes, 3);
}
