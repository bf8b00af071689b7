//! A server acts as the client of its pipe, as far as that client allows. Needs root, to become others.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use ennead_namespace::{Root, Roots};
use ennead_pipe::impersonation::{Acts, ClientIdentity, Level, SecurityQuality, impersonate};
use ennead_pipe::named::{Client, ClientOptions, Instance, Place, ServerOptions};
use ennead_security::Sid;
use ennead_status::Win32Error;
use ennead_sys::process;

const NAME: &str = r"\\.\pipe\impersonated";
const BOB: u32 = 12_102;
const EVERYBODY: &str = "D:(A;;GA;;;WD)";

/// A root for all, and one for each user.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Option<Self> {
        if process::effective_uid() != 0 {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test needs root");
            println!("skipped: this test needs root");
            return None;
        }
        let base = PathBuf::from(format!("/dev/shm/ennead-impersonated-{name}-{}", process::id()));
        fs::create_dir(&base).unwrap();
        add_folder(&base.join("global"), 0, 0o1777);
        add_folder(&base.join("local-0"), 0, 0o700);
        add_folder(&base.join(format!("local-{BOB}")), BOB, 0o700);
        Some(Self(base))
    }

    fn place(&self) -> Place {
        let local = Root::at(self.0.join(format!("local-{}", process::effective_uid()))).unwrap();
        Place::new(Roots::new(local, Some(Root::global_at(self.0.join("global")).unwrap())))
    }

    fn server(&self) -> Instance {
        ServerOptions::new()
            .messages()
            .security(EVERYBODY.parse().unwrap())
            .place(&self.place())
            .create(NAME)
            .unwrap()
    }

    /// A client of bob's: what the kernel records is the thread's user when it connects.
    fn bobs_client(&self, level: Level) -> Client {
        let bob = ClientIdentity::new(0, BOB, BOB, vec![]);
        let _as_bob = impersonate(&bob, SecurityQuality::default()).unwrap();
        let quality = SecurityQuality { level, ..SecurityQuality::default() };
        ClientOptions::new().quality(quality).place(&self.place()).open(NAME).unwrap()
    }

    fn file(&self, name: &str, owner: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, name).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn add_folder(path: &Path, owner: u32, mode: u32) {
    fs::create_dir(path).unwrap();
    chown(path, Some(owner), Some(owner)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn files_are_opened_as_the_client() {
    let Some(stage) = Stage::new("files") else { return };
    let (bobs, roots) = (stage.file("bobs", BOB), stage.file("roots", 0));
    let server = stage.server();
    assert_eq!(server.impersonate().unwrap_err().win32(), Win32Error::PIPE_LISTENING);
    let client = stage.bobs_client(Level::Impersonation);
    server.connect().unwrap();
    assert_eq!(server.impersonate().unwrap_err().win32(), Win32Error::CANNOT_IMPERSONATE);
    client.write(b"for me, please").unwrap();
    server.read(&mut [0; 64]).unwrap();

    let guard = server.impersonate().unwrap();
    assert_eq!((guard.acts(), guard.level()), (Acts::AsClient, Level::Impersonation));
    assert_eq!(guard.token().user, Sid::unix_user(BOB));
    fs::read(&bobs).unwrap();
    assert_eq!(fs::read(&roots).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
    // The pipe goes on working meanwhile.
    server.write(b"done").unwrap();
    client.read(&mut [0; 64]).unwrap();
    drop(guard);
    fs::read(&roots).unwrap();

    server.disconnect().unwrap();
    assert_eq!(server.impersonate().unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
}

#[test]
fn a_client_that_lets_itself_be_identified_only() {
    let Some(stage) = Stage::new("identified") else { return };
    let bobs = stage.file("bobs", BOB);
    for (level, user) in [(Level::Identification, Sid::unix_user(BOB)), (Level::Anonymous, Sid::ANONYMOUS)] {
        let server = stage.server();
        let client = stage.bobs_client(level);
        client.write(b"hello").unwrap();
        server.connect().unwrap();
        server.read(&mut [0; 64]).unwrap();
        {
            let guard = server.impersonate().unwrap();
            assert_eq!((guard.acts(), guard.level()), (Acts::AsNobody, level));
            assert_eq!(guard.token().user, user);
            assert_eq!(fs::read(&bobs).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
            assert_eq!(guard.require_client().unwrap_err().win32(), Win32Error::BAD_IMPERSONATION_LEVEL);
        }
    }
}
