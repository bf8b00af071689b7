//! Roots on file systems that lack what tmpfs has, or have no room.

mod support;

use ennead_pipe::named::{ClientOptions, Place, ServerOptions};
use ennead_status::Win32Error;
use support::{Role, Root, role, say};

const NAME: &str = r"\\.\pipe\place";

/// Runs in a mount namespace of its own, in a root that was mounted there.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root.join("ennead")).unwrap();
    let options = ServerOptions::new().place(&place);
    match &role[..] {
        // No ACLs, no fallocate: whoever only an ACL would let in stays out, the owner is served.
        "poor" => {
            let descriptor = "D:(A;;GA;;;S-1-22-1-0)(A;;GA;;;S-1-22-1-4711)".parse().unwrap();
            let server = options.security(descriptor).create(NAME).unwrap();
            let client = ClientOptions::new().place(&place).open(NAME).unwrap();
            client.write(b"x").unwrap();
            server.connect().unwrap();
            assert_eq!(server.read(&mut [0; 4]).unwrap().bytes, 1);
            let mode = std::os::unix::fs::PermissionsExt::mode(
                &std::fs::metadata(root.join("ennead/pipe/place")).unwrap().permissions(),
            );
            assert_eq!(mode & 0o077, 0);
            drop((server, client));
            assert!(!root.join("ennead/pipe/place").exists());
        }
        // A tmpfs of 64 KiB: pipes until it is full, then an error, then pipes again, and nothing left of what failed.
        "full" => {
            let mut servers = Vec::new();
            let error = loop {
                match options.create(&format!("{NAME}-{}", servers.len())) {
                    Ok(server) => servers.push(server),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.win32(), Win32Error::DISK_FULL, "{error}");
            let last = servers.len();
            assert!(last > 0 && !root.join(format!("ennead/pipe/place-{last}")).exists());
            let client = ClientOptions::new().place(&place).open(&format!("{NAME}-0")).unwrap();
            client.write(b"connections are not made of the root's room").unwrap();
            drop(servers.pop());
            servers.push(options.create(&format!("{NAME}-{last}")).unwrap());
        }
        other => panic!("no role {other}"),
    }
    say("done");
}

/// The role in a mount namespace of its own, its root freshly mounted.
fn mounted(what: &str, role: &str) -> Option<(Root, Role)> {
    // Making a mount namespace is root's.
    let root = Root::new(role);
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(&root.path).unwrap());
    if owner != 0 {
        assert!(std::env::var_os("CI").is_none(), "this test mounts file systems: run it as root");
        eprintln!("skipped: only root mounts file systems");
        return None;
    }
    let script = format!("mount -t {what} ennead \"$ENNEAD_TEST_PLACE\" && exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("unshare");
    command
        .args(["-m", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture", "--test-threads=1"])
        .env("ENNEAD_TEST_ROLE", role)
        .env("ENNEAD_TEST_PLACE", &root.path);
    Some((root, Role::spawn(command)))
}

#[test]
fn a_file_system_without_access_control_lists() {
    let Some((_root, mut child)) = mounted("ramfs", "poor") else { return };
    assert_eq!(child.hear(), "done");
}

#[test]
fn a_full_root() {
    let Some((_root, mut child)) = mounted("tmpfs -o size=64k", "full") else { return };
    assert_eq!(child.hear(), "done");
}
