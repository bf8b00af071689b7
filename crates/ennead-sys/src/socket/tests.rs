use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::PathBuf;

use super::{ConnectError, Connection, Listener, Probe, Seat};

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("ennead-sys-socket-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
    fn path(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn exactly_as_many_as_admitted_and_probes_take_nothing() {
    let place = Place::new("admit");
    let listener = Listener::bind(&place.path()).unwrap();
    let probe = Probe::new().unwrap();
    assert!(matches!(probe.ask(&place.path()), Err(ConnectError::Refused)));
    listener.admit(2).unwrap();
    for _ in 0..10 {
        assert_eq!(probe.ask(&place.path()).unwrap(), Seat::Free);
    }
    let _first = Connection::to(&place.path()).unwrap();
    let _second = Connection::to(&place.path()).unwrap();
    assert!(matches!(Connection::to(&place.path()), Err(ConnectError::Full)));
    assert_eq!(probe.ask(&place.path()).unwrap(), Seat::Taken);

    // Lowered before accepting: the freed place admits nobody.
    listener.admit(1).unwrap();
    assert!(listener.accept().unwrap().is_some());
    assert!(matches!(Connection::to(&place.path()), Err(ConnectError::Full)));

    listener.refuse().unwrap();
    assert!(matches!(Connection::to(&place.path()), Err(ConnectError::Refused)));
    assert!(listener.accept().unwrap().is_some(), "one that waited already stays");
    assert!(listener.accept().unwrap().is_none());
    assert!(matches!(probe.ask(&place.path()), Err(ConnectError::Refused)));
    std::fs::remove_file(place.path()).unwrap();
    assert!(matches!(Connection::to(&place.path()), Err(ConnectError::Missing)));
}

#[test]
fn a_message_and_its_descriptor_outlive_the_sender() {
    let place = Place::new("message");
    let listener = Listener::bind(&place.path()).unwrap();
    listener.admit(1).unwrap();
    let file = place.0.join("f");
    std::fs::write(&file, b"inside").unwrap();
    {
        let client = Connection::to(&place.path()).unwrap();
        client.send(b"hello", &[File::open(&file).unwrap().as_fd()]).unwrap();
    }
    let server = listener.accept().unwrap().unwrap();
    let peer = server.peer().unwrap();
    assert_eq!(peer.pid, std::process::id());
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    let mut buffer = [0; 16];
    let message = server.receive(&mut buffer).unwrap().unwrap();
    assert_eq!(&buffer[..message.len], b"hello");
    assert!(!message.truncated);
    let mut text = String::new();
    let mut descriptors = message.descriptors;
    File::from(descriptors.remove(0)).read_to_string(&mut text).unwrap();
    assert_eq!(text, "inside");
    let end = server.receive(&mut buffer).unwrap().unwrap();
    assert_eq!((end.len, end.descriptors.len()), (0, 0));
}

#[test]
fn a_message_too_long_says_so() {
    let place = Place::new("long");
    let listener = Listener::bind(&place.path()).unwrap();
    listener.admit(1).unwrap();
    let client = Connection::to(&place.path()).unwrap();
    let server = listener.accept().unwrap().unwrap();
    assert!(server.receive(&mut [0; 4]).unwrap().is_none());
    client.send(b"hello", &[]).unwrap();
    assert!(server.receive(&mut [0; 4]).unwrap().unwrap().truncated);
}
