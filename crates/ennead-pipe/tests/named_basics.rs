//! Create, open, connect, read, write, close.

use ennead_pipe::named::{
    CancelToken, ClientOptions, Connected, Modes, PipeType, Place, ReadMode, ServerOptions, Timeout,
    WaitMode, call_in, list_in, wait_in,
};
use ennead_status::Win32Error;

struct Root(std::path::PathBuf, Place);

fn root(name: &str) -> Root {
    let path = std::path::PathBuf::from(format!("/dev/shm/ennead-pipe-{name}-{}", std::process::id()));
    let place = Place::at(&path).unwrap();
    Root(path, place)
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const NAME: &str = r"\\.\pipe\Basics";

#[test]
fn messages_and_a_client_that_comes_first() {
    let root = root("basics");
    let server = ServerOptions::new().messages().max_instances(1).place(&root.1).create(NAME).unwrap();
    let client = ClientOptions::new().place(&root.1).open(r"\\.\PIPE\basics").unwrap();
    assert_eq!(client.write(b"hello").unwrap(), 5);
    assert_eq!(client.write(b"").unwrap(), 0);
    assert_eq!(server.connect().unwrap(), Connected::Before);
    let mut buffer = [0; 16];
    let received = server.read(&mut buffer).unwrap();
    assert_eq!((&buffer[..received.bytes], received.left_in_message), (&b"hello"[..], 0));
    assert_eq!(server.read(&mut buffer).unwrap().bytes, 0);
    let busy = ClientOptions::new().place(&root.1).open(NAME).unwrap_err();
    assert_eq!(busy.win32(), Win32Error::PIPE_BUSY);
    server.write(b"bye").unwrap();
    assert_eq!(server.client_process_id().unwrap(), std::process::id());
    assert_eq!(client.server_process_id(), std::process::id());
    drop(server);
    assert_eq!(client.read(&mut buffer).unwrap().bytes, 3);
    assert_eq!(client.read(&mut buffer).unwrap_err().win32(), Win32Error::BROKEN_PIPE);
    assert_eq!(client.write(b"x").unwrap_err().win32(), Win32Error::NO_DATA);
    let missing = ClientOptions::new().place(&root.1).open(NAME).unwrap_err();
    assert_eq!(missing.win32(), Win32Error::FILE_NOT_FOUND);
}

#[test]
fn reconnect_disconnect_and_wait() {
    let root = root("reconnect");
    let server = ServerOptions::new().place(&root.1).create(NAME).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 64];
            for _ in 0..100 {
                server.connect().unwrap();
                let read = server.read(&mut buffer).unwrap();
                server.write(&buffer[..read.bytes]).unwrap();
                server.flush().unwrap();
                server.disconnect().unwrap();
            }
        });
        for round in 0..100u32 {
            let client = ClientOptions::new().place(&root.1).open_waiting(NAME, Timeout::Forever).unwrap();
            client.write(&round.to_le_bytes()).unwrap();
            let mut buffer = [0; 8];
            assert_eq!(client.read(&mut buffer).unwrap().bytes, 4);
            assert_eq!(buffer[..4], round.to_le_bytes());
        }
    });
    let list = list_in(&root.1).unwrap();
    assert_eq!(list.len(), 1);
    let details = list[0].details.as_ref().unwrap();
    assert_eq!((list[0].name.as_deref(), details.instances), (Some("Basics"), 1));
    assert_eq!(details.servers, [std::process::id()]);
    let busy = wait_in(&root.1, NAME, Timeout::from_millis(1), None).unwrap_err();
    assert_eq!(busy.win32(), Win32Error::SEM_TIMEOUT);
    drop(server);
    let missing = wait_in(&root.1, NAME, Timeout::Forever, None).unwrap_err();
    assert_eq!(missing.win32(), Win32Error::FILE_NOT_FOUND);
    assert_eq!(list_in(&root.1).unwrap().len(), 0);
}

#[test]
fn call_and_modes() {
    let root = root("call");
    let server = ServerOptions::new().messages().place(&root.1).create(NAME).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_ne!(server.connect().unwrap(), Connected::Gone);
            let mut buffer = [0; 64];
            let read = server.read(&mut buffer).unwrap();
            server.write(&buffer[..read.bytes]).unwrap();
        });
        let mut reply = [0; 3];
        let received = call_in(&root.1, NAME, b"12345", &mut reply, Timeout::Forever).unwrap();
        assert_eq!((received.bytes, received.left_in_message), (3, 2));
    });
    let bytes = ServerOptions::new().pipe_type(PipeType::Byte).place(&root.1);
    let byte = bytes.create(r"\\.\pipe\byte").unwrap();
    let modes = Modes { read: ReadMode::Message, wait: WaitMode::Wait };
    assert_eq!(byte.set_modes(modes).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
}

#[test]
fn a_wait_for_an_instance_can_be_cancelled() {
    let root = root("cancel");
    let server = ServerOptions::new().max_instances(1).place(&root.1).create(NAME).unwrap();
    let client = ClientOptions::new().place(&root.1).open(NAME).unwrap();
    server.connect().unwrap();
    let token = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| wait_in(&root.1, NAME, Timeout::Forever, Some(&token)));
        token.cancel();
        let cancelled = waiter.join().unwrap().unwrap_err();
        assert_eq!(cancelled.win32(), Win32Error::OPERATION_ABORTED);
    });
    drop(client);
}

#[test]
fn ends_print_briefly() {
    let root = root("debug");
    let server = ServerOptions::new().place(&root.1).create(NAME).unwrap();
    assert_eq!(format!("{server:?}"), r#"Instance { name: "Basics", state: Listening, .. }"#);
    let client = ClientOptions::new().place(&root.1).open(NAME).unwrap();
    server.connect().unwrap();
    let (pid, info) = (std::process::id(), server.client_info().unwrap());
    let uid = info.peer.uid;
    assert_eq!(
        format!("{server:?}"),
        format!(
            r#"Instance {{ name: "Basics", state: Connected, client_pid: {pid}, client_uid: {uid}, .. }}"#
        )
    );
    assert_eq!(
        format!("{client:?}"),
        format!(r#"Client {{ name: "Basics", server_pid: {pid}, server_uid: {uid}, .. }}"#)
    );
}

#[test]
fn a_read_that_waits_holds_up_neither_connect_nor_disconnect() {
    let root = root("held-up");
    // Whether the read waits already when the others come is up to the scheduler: in some rounds it does.
    for round in 0..50 {
        let server = ServerOptions::new().place(&root.1).create(NAME).unwrap();
        let client = ClientOptions::new().place(&root.1).open(NAME).unwrap();
        assert_eq!(server.connect().unwrap(), Connected::Before);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| server.read(&mut [0; 8]));
            for _ in 0..round * 4 {
                std::thread::yield_now();
            }
            assert_eq!(server.connect().unwrap(), Connected::Before);
            server.disconnect().unwrap();
            assert_eq!(reader.join().unwrap().unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
        });
        assert_eq!(client.read(&mut [0; 8]).unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
    }
}
