//! Clients that go behind the library's back and use the rings beyond their rights. They map both rings whatever they
//! may do, so only the server can hold them to it.

mod support;

use ennead_channel::{Endpoint, Framing, Parameters, ReadError, ReadMode, Wait, create};
use ennead_pipe::impersonation::SecurityQuality;
use ennead_pipe::named::handshake::Handshake;
use ennead_pipe::named::{Connected, Instance, PipeType};
use ennead_status::Win32Error;
use ennead_sys::socket::Connection;
use support::Root;

const NAME: &str = r"\\.\pipe\rights";
/// SYNCHRONIZE | FILE_READ_ATTRIBUTES, which every client has, and one of the two data rights.
const READ_ONLY: u32 = 0x0010_0081;
const WRITE_ONLY: u32 = 0x0010_0082;

fn server(root: &Root, pipe_type: PipeType, everybody: u32) -> Instance {
    let descriptor = format!("D:(A;;{everybody:#x};;;WD)").parse().unwrap();
    root.server().pipe_type(pipe_type).security(descriptor).create(NAME).unwrap()
}

/// A client made by hand, its handshake asking for `access`.
fn intruder(root: &Root, framing: Framing, access: u32) -> (Endpoint, Vec<Connection>) {
    let parameters = Parameters { framing, capacity_to_server: 65_536, capacity_to_client: 65_536 };
    let (endpoint, parts) = create(&parameters).unwrap();
    let hello = Handshake {
        access,
        quality: SecurityQuality::default(),
        pid: 1,
        session: 0,
        computer: String::new(),
    };
    // To the listening socket and the waiting room, where nobody minds.
    let connections: Vec<_> = root.sockets().iter().filter_map(|path| Connection::to(path).ok()).collect();
    for connection in &connections {
        connection.send(&hello.encode(), &parts.as_fds()).unwrap();
    }
    (endpoint, connections)
}

#[test]
fn what_a_reader_writes_is_not_read() {
    for (pipe_type, framing) in [(PipeType::Byte, Framing::Bytes), (PipeType::Message, Framing::Messages)] {
        for peek in [false, true] {
            let root = Root::new("trespass");
            let server = server(&root, pipe_type, READ_ONLY);
            let (client, _connections) = intruder(&root, framing, READ_ONLY);
            client.write(b"let me in", Wait::Never).unwrap();
            assert_eq!(server.connect().unwrap(), Connected::Before);
            let mut buffer = [7; 16];
            let outcome =
                if peek { server.peek(&mut buffer).map(drop) } else { server.read(&mut buffer).map(drop) };
            assert_eq!(outcome.unwrap_err().win32(), Win32Error::INVALID_DATA);
            assert!(!buffer.starts_with(b"let"));
            let end = client.read(&mut [0; 4], ReadMode::Byte, Wait::Forever);
            assert!(matches!(end, Err(ReadError::Disconnected)), "{end:?}");
        }
    }
}

#[test]
fn to_who_may_not_read_nothing_is_written() {
    let root = Root::new("eavesdropper");
    let server = server(&root, PipeType::Message, WRITE_ONLY);
    let (client, _connections) = intruder(&root, Framing::Messages, WRITE_ONLY);
    client.write(b"an order", Wait::Never).unwrap();
    server.connect().unwrap();
    assert_eq!(server.read(&mut [0; 16]).unwrap().bytes, 8);
    assert_eq!(server.write(b"a secret").unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    assert_eq!(server.transact(b"a secret", &mut [0; 4]).unwrap_err().win32(), Win32Error::BAD_PIPE);
    assert_eq!(client.peek(&mut []).unwrap().total_available, 0);
    assert_eq!(server.flush().unwrap_err().win32(), Win32Error::ACCESS_DENIED);
}

#[test]
fn asking_for_no_right_at_all_does_not_help() {
    let root = Root::new("nothing");
    // READ_CONTROL only: not even SYNCHRONIZE.
    let server = server(&root, PipeType::Byte, 0x0002_0000);
    let (_client, connections) = intruder(&root, Framing::Bytes, 0);
    assert!(!connections.is_empty());
    assert_eq!(server.try_connect().unwrap(), None);
}

#[test]
fn a_right_that_was_not_asked_for_but_could_have_been_is_no_trespass() {
    let root = Root::new("modest");
    let server = server(&root, PipeType::Byte, READ_ONLY | WRITE_ONLY);
    let (client, _connections) = intruder(&root, Framing::Bytes, READ_ONLY);
    client.write(b"hello", Wait::Never).unwrap();
    server.connect().unwrap();
    assert_eq!(server.read(&mut [0; 16]).unwrap().bytes, 5);
}
