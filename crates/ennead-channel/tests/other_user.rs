//! Ends of different users: the doorbells can be opened afresh by whoever was given them.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use ennead_channel::{Endpoint, Framing, Limits, Parameters, PeerParts, ReadMode, Wait, create};
use ennead_sys::poll::{Interest, Watch, wait};
use ennead_sys::socket::{Connection, Listener};

const SOCKET: &str = "ENNEAD_TEST_SOCKET";
const NOBODY: u32 = 65_534;

/// Not a test of its own: the acceptor, another user without privileges.
#[test]
fn child() {
    let Some(path) = std::env::var_os(SOCKET) else { return };
    assert_eq!(ennead_sys::process::effective_uid(), NOBODY);
    let connection = Connection::to(path.as_ref()).unwrap();
    wait(&mut [Watch::new(&connection, Interest::Readable)], None).unwrap();
    let received = connection.receive(&mut [0; 8]).unwrap().unwrap();
    let parts = PeerParts::from_fds(received.descriptors.try_into().unwrap());
    let end = Endpoint::accept(parts, &Limits::default()).unwrap();
    let mut buffer = vec![0; 10_000];
    while let Ok(received) = end.read(&mut buffer, ReadMode::Message, Wait::Forever) {
        end.write(&buffer[..received.bytes], Wait::Forever).unwrap();
    }
}

#[test]
fn a_stranger_with_the_parts_can_accept() {
    if ennead_sys::process::effective_uid() != 0 {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test must run as root, to start a process of another user"
        );
        println!("skipped: not root");
        return;
    }
    let folder = std::env::temp_dir().join(format!("ennead-other-user-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
    // The build folder may be closed to others; a copy of this program is not.
    let program = folder.join("child");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let path = folder.join("socket");
    let listener = Listener::bind(&path).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    listener.admit(1).unwrap();
    let mut child = Command::new(&program)
        .args(["--exact", "child", "--nocapture"])
        .env(SOCKET, &path)
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY)
        .spawn()
        .unwrap();
    wait(&mut [Watch::new(&listener, Interest::Readable)], None).unwrap();
    let connection = listener.accept().unwrap().unwrap();
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: 4096, capacity_to_client: 4096 };
    let (end, parts) = create(&parameters).unwrap();
    connection.send(b"parts", &parts.as_fds()).unwrap();
    drop(parts);
    for len in [0, 100, 9000] {
        let message = vec![len as u8; len];
        end.write(&message, Wait::Forever).unwrap();
        let mut buffer = vec![0; 10_000];
        let received = end.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
        assert_eq!(&buffer[..received.bytes], &message);
    }
    drop(end);
    assert!(child.wait().unwrap().success());
    std::fs::remove_dir_all(&folder).unwrap();
}
