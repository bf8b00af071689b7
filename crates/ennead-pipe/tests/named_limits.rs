//! Limits of the system: descriptors on their way between processes, and memory.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use ennead_channel::{Framing, Parameters};
use ennead_pipe::named::{ClientOptions, Place, ServerOptions, Timeout};
use ennead_status::Win32Error;
use ennead_sys::socket::{self, Connection};
use support::{Role, Root, descriptors, listen, role, say};

const NAME: &str = r"\\.\pipe\limits";
const NOBODY: &str = "47111";

/// In a process of its own, for the limit is the whole process's.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    match &role[..] {
        "in-flight" => in_flight(&Place::at(root).unwrap()),
        "never-taken" => never_taken(&Place::at(root).unwrap()),
        "greedy" => greedy(&Place::at(root).unwrap()),
        other => panic!("no role {other}"),
    }
}

/// A role under a shell's limits, as a user without privileges, in a root of that user's.
fn limited(role: &str, limits: &str) -> Option<(Root, Role)> {
    if ennead_sys::process::effective_uid() != 0 {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test needs root");
        println!("skipped: this test needs root, to become another user");
        return None;
    }
    let root = Root::new(role);
    std::os::unix::fs::chown(&root.path, Some(NOBODY.parse().unwrap()), None).unwrap();
    let script =
        format!("{limits} exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", role)
        .env("ENNEAD_TEST_PLACE", &root.path);
    Some((root, Role::spawn(command)))
}

/// Sends descriptors to a socket that nobody takes from, until the kernel lets this user send no more.
fn exhaust(folder: &Path) -> (socket::Listener, Vec<Connection>) {
    let path = folder.join("hoard");
    let listener = socket::Listener::bind(&path).unwrap();
    listener.admit(100).unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    let fd = std::os::fd::AsFd::as_fd(&null);
    let mut hoard = Vec::new();
    loop {
        let connection = Connection::to(&path).unwrap();
        if let Err(error) = connection.send(b"x", &[fd; 8]) {
            assert!(socket::is_too_many_in_flight(&error), "{error}");
            return (listener, hoard);
        }
        hoard.push(connection);
    }
}

/// A client whose user has as many descriptors on their way as it may.
fn in_flight(place: &Place) {
    let server = ServerOptions::new().place(place).create(NAME).unwrap();
    let folder = place.roots().local.path().join("pipe");
    let (listener, hoard) = exhaust(&folder);
    say("exhausted");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = ClientOptions::new().place(place).open(NAME).unwrap();
            client.write(b"through").unwrap();
        });
        // Told when the client has been seen asleep: it has tried and waits to try again.
        listen();
        drop((listener, hoard));
        server.connect().unwrap();
        assert_eq!(server.read(&mut [0; 16]).unwrap().bytes, 7);
    });
    say("through");
}

#[test]
fn a_client_waits_until_its_user_has_fewer_descriptors_on_their_way() {
    let Some((_root, mut role)) = limited("in-flight", "ulimit -n 48;") else { return };
    assert_eq!(role.hear(), "exhausted");
    role.wait_until_asleep();
    role.tell("go on");
    assert_eq!(role.hear(), "through");
}

/// The same, and they are never taken: after ten seconds of attempts there is an error, and nothing stays of the attempt.
fn never_taken(place: &Place) {
    let server = ServerOptions::new().place(place).max_instances(1).create(NAME).unwrap();
    let folder = place.roots().local.path().join("pipe");
    let (listener, hoard) = exhaust(&folder);
    let before = descriptors();
    let error = ClientOptions::new().place(place).open(NAME).unwrap_err();
    assert_eq!(error.win32(), Win32Error::NO_SYSTEM_RESOURCES, "{error}");
    drop((listener, hoard));
    assert!(descriptors() <= before);
    // The place that it had at the door is the next one's.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let client = ClientOptions::new().place(place).open_waiting(NAME, Timeout::Forever).unwrap();
            client.write(b"next").unwrap();
        });
        server.connect().unwrap();
        assert_eq!(server.read(&mut [0; 16]).unwrap().bytes, 4);
    });
    say("refused");
}

#[test]
fn a_client_whose_descriptors_are_never_taken_gets_an_error() {
    let Some((_root, mut role)) = limited("never-taken", "ulimit -n 48;") else { return };
    assert_eq!(role.hear(), "refused");
}

/// Writes messages until the kernel says that there is no memory left for it.
fn greedy(place: &Place) {
    say("there");
    listen();
    let mut connections = Vec::new();
    for n in 0u32.. {
        // The ring of each is touched from its beginning to its end.
        let client = ClientOptions::new().place(place).open_waiting(NAME, Timeout::Forever).unwrap();
        client.write(&vec![n as u8 | 1; 4_000_000]).unwrap();
        connections.push(client);
        say(n);
    }
}

/// A memory cgroup of a few megabytes, if this system lets us make one.
struct Group(PathBuf);

impl Group {
    fn new(bytes: u64) -> Option<Self> {
        let name = format!("ennead-test-{}", std::process::id());
        let old = Path::new("/sys/fs/cgroup/memory").join(&name);
        if std::fs::create_dir(&old).is_ok() {
            let group = Self(old);
            return group.limit("memory.limit_in_bytes", bytes).then_some(group);
        }
        let new = Path::new("/sys/fs/cgroup").join(&name);
        std::fs::create_dir(&new).ok()?;
        let group = Self(new);
        let _ = std::fs::write(group.0.join("memory.swap.max"), "0");
        group.limit("memory.max", bytes).then_some(group)
    }

    fn limit(&self, file: &str, bytes: u64) -> bool {
        self.0.join(file).exists() && std::fs::write(self.0.join(file), bytes.to_string()).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// The kernel kills it in the middle of a copy into a ring.
#[test]
fn a_client_that_runs_out_of_memory_in_a_write() {
    let Some(group) = Group::new(48 << 20) else {
        println!("skipped: this system lets us make no memory cgroup");
        return;
    };
    let root = Root::new("greedy");
    let options = root.server().messages().quotas(8_000_000, 8_000_000);
    let servers: Vec<_> = (0..64).map(|_| options.create(NAME).unwrap()).collect();
    let mut role = Role::start("child", "greedy", &root.path);
    role.hear();
    std::fs::write(group.0.join("cgroup.procs"), role.id().to_string()).unwrap();
    role.tell("go on");
    let mut acknowledged = 0;
    while role.hear_or_end().is_some() {
        acknowledged += 1;
    }
    drop(role);
    assert!((1..64).contains(&acknowledged), "{acknowledged} before it was killed");
    let mut whole = 0;
    let mut buffer = vec![0; 5_000_000];
    for server in &servers {
        if server.try_connect().unwrap().is_none() {
            break;
        }
        // Each message whole, or none of it.
        match server.read(&mut buffer) {
            Ok(received) => {
                assert_eq!(received.bytes, 4_000_000);
                assert!(buffer[..4_000_000].iter().all(|byte| *byte == whole as u8 | 1));
                whole += 1;
            }
            Err(error) => assert_eq!(error.win32(), Win32Error::BROKEN_PIPE),
        }
        if let Err(error) = server.read(&mut buffer) {
            assert_eq!(error.win32(), Win32Error::BROKEN_PIPE);
        }
        server.disconnect().unwrap();
    }
    assert!(whole == acknowledged || whole == acknowledged + 1, "{whole} of {acknowledged}");
    drop(servers);
    assert_eq!(root.left_behind(), Vec::<PathBuf>::new());
}

/// The parts of a connection that nobody takes are the sender's cost only while they are on their way.
#[test]
fn parts_that_a_server_throws_away_are_freed() {
    let root = Root::new("thrown");
    let server = root.server().max_instances(1).create(NAME).unwrap();
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: 4096, capacity_to_client: 4096 };
    let before = descriptors();
    for _ in 0..200 {
        let (_endpoint, parts) = ennead_channel::create(&parameters).unwrap();
        for path in root.sockets() {
            let _ = Connection::to(&path).map(|liar| liar.send(b"nonsense", &parts.as_fds()));
        }
        assert_eq!(server.try_connect().unwrap(), None);
    }
    assert!(descriptors() <= before + 2, "{before} before, {} after", descriptors());
}
