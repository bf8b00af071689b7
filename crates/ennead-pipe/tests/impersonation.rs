//! Impersonation against the real kernel: files of several users, clients that allow more or less, servers without
//! privileges.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use ennead_pipe::anonymous::Redirect;
use ennead_pipe::impersonation::{
    Acts, ClientIdentity, ImpersonateError, Level, SecurityQuality, as_process, impersonate,
};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Sid};
use ennead_status::Win32Error;
use ennead_sys::socket::Peer;
use ennead_sys::thread_credentials::{Snapshot, may_assume};

const CLIENT: u32 = 54_331;
const SERVER: u32 = 54_332;
const TEAM: u32 = 60_002;
const PART: &str = "ENNEAD_TEST_PART";

fn privileged() -> bool {
    let able = may_assume();
    if !able {
        assert!(
            std::env::var_os("CI").is_none(),
            "this test needs CAP_SETUID and CAP_SETGID (run it as root)"
        );
        eprintln!("skipped: needs CAP_SETUID and CAP_SETGID");
    }
    able
}

fn client() -> ClientIdentity {
    ClientIdentity::new(1, CLIENT, CLIENT, vec![TEAM])
}

fn quality(level: Level) -> SecurityQuality {
    SecurityQuality { level, ..SecurityQuality::default() }
}

struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ennead-impersonation-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Self(path)
    }

    fn add(&self, name: &str, owner: u32, group: u32, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, name).unwrap();
        chown(&path, Some(owner), Some(group)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn denied(path: &Path) -> bool {
    fs::read(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[test]
fn the_thread_acts_as_the_client_where_the_client_allows_it() {
    if !privileged() {
        return;
    }
    let files = Files::new("acts");
    let servers = files.add("servers", 0, 0, 0o600);
    let clients = files.add("clients", CLIENT, CLIENT, 0o600);
    let team = files.add("team", 0, TEAM, 0o040);
    let public = files.add("public", 0, 0, 0o644);
    let before = Snapshot::take().unwrap();
    for level in [Level::Impersonation, Level::Delegation] {
        let guard = impersonate(&client(), quality(level)).unwrap();
        assert_eq!((guard.acts(), guard.level()), (Acts::AsClient, level));
        guard.require_client().unwrap();
        assert!(denied(&servers));
        for path in [&clients, &team, &public] {
            fs::read(path).unwrap();
        }
        drop(guard);
        assert_eq!(Snapshot::take().unwrap(), before);
    }
    for level in [Level::Anonymous, Level::Identification] {
        let guard = impersonate(&client(), quality(level)).unwrap();
        assert_eq!((guard.acts(), guard.level()), (Acts::AsNobody, level));
        assert_eq!(guard.require_client().unwrap_err().win32(), Win32Error::BAD_IMPERSONATION_LEVEL);
        for path in [&servers, &clients, &team] {
            assert!(denied(path), "{level} {}", path.display());
        }
        fs::read(&public).unwrap();
        drop(guard);
        assert_eq!(Snapshot::take().unwrap(), before);
    }
    fs::read(&servers).unwrap();
}

#[test]
fn the_token_says_no_more_than_the_level_allows() {
    let descriptor: SecurityDescriptor =
        format!("D:(A;;GR;;;S-1-22-1-{CLIENT})(A;;GW;;;S-1-22-2-{TEAM})(A;;GX;;;WD)").parse().unwrap();
    let mapping = GenericMapping::FILE;
    let check = |level, desired| {
        let guard = impersonate(&client(), quality(level)).unwrap();
        guard.access_check(&descriptor, desired, &mapping).map_err(ennead_security::AccessDenied::win32)
    };
    for level in [Level::Identification, Level::Impersonation, Level::Delegation] {
        assert!(check(level, AccessMask::FILE_READ_DATA).is_ok());
        assert!(check(level, AccessMask::FILE_WRITE_DATA).is_ok());
        assert_eq!(check(level, AccessMask::WRITE_DAC), Err(Win32Error::ACCESS_DENIED));
    }
    let anonymous = check(Level::Anonymous, AccessMask::FILE_READ_DATA);
    assert_eq!(anonymous, Err(Win32Error::BAD_IMPERSONATION_LEVEL));
    let token = client().token(Level::Anonymous);
    assert_eq!(token.user, Sid::ANONYMOUS);
    assert!(token.groups.is_empty());
    let token = client().token(Level::Identification);
    assert_eq!(token.user, Sid::unix_user(CLIENT));
    assert!(token.has(&Sid::unix_group(CLIENT)) && token.has(&Sid::unix_group(TEAM)));
}

#[test]
fn a_client_is_who_the_kernel_says() {
    if !privileged() {
        return;
    }
    let (ours, _theirs) = thread::spawn(|| {
        let _guard = impersonate(&client(), SecurityQuality::default()).unwrap();
        UnixStream::pair().unwrap()
    })
    .join()
    .unwrap();
    // Who connects while it impersonates is seen as its own client: a chain of servers keeps the first one's rights.
    let seen = ClientIdentity::from(Peer::of(&ours).unwrap());
    assert_eq!((seen.uid(), seen.gid(), seen.groups()), (CLIENT, CLIENT, &[TEAM][..]));
    assert_eq!(seen.pid, std::process::id());
}

#[test]
fn ids_that_would_keep_the_server_root_are_refused() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let nobody_yet = ClientIdentity::new(0, u32::MAX, u32::MAX, vec![]);
    let error = impersonate(&nobody_yet, SecurityQuality::default()).unwrap_err();
    assert!(matches!(error, ImpersonateError::System(_)));
    assert_eq!(Snapshot::take().unwrap(), before);
    assert_eq!(ImpersonateError::NothingRead.win32(), Win32Error::CANNOT_IMPERSONATE);
}

#[test]
fn guards_nest_and_panics_revert() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let other = ClientIdentity::new(2, SERVER, SERVER, vec![]);
    let panicked = std::panic::catch_unwind(|| {
        let _outer = impersonate(&client(), SecurityQuality::default()).unwrap();
        let inner = impersonate(&other, SecurityQuality::default()).unwrap();
        assert_eq!(Snapshot::take().unwrap().acting_as().uid, SERVER);
        drop(inner);
        assert_eq!(Snapshot::take().unwrap().acting_as().uid, CLIENT);
        let _inner = impersonate(&other, quality(Level::Identification)).unwrap();
        std::panic::resume_unwind(Box::new("a request went wrong"));
    });
    assert!(panicked.is_err());
    assert_eq!(Snapshot::take().unwrap(), before);
}

#[test]
fn threads_and_children_start_as_the_process() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let _guard = impersonate(&client(), SecurityQuality::default()).unwrap();
    {
        let _own = as_process().unwrap();
        let fresh = thread::spawn(|| Snapshot::take().unwrap()).join().unwrap();
        assert_eq!(fresh, before);
    }
    let mut ids = Command::new("sh");
    ids.args(["-c", "grep -E '^(Uid|Gid|Groups|Cap)' /proc/self/status"]);
    let child = Redirect::new(ids).stdout().spawn().unwrap();
    assert_eq!(Snapshot::take().unwrap().acting_as().uid, CLIENT, "only for the start of the child");
    let says = String::from_utf8(child.gather(b"").unwrap().stdout).unwrap();
    let own = before.acting_as();
    assert!(says.contains(&format!("Uid:\t{0}\t{0}\t{0}\t{0}", own.uid)), "{says}");
    assert!(says.contains(&format!("Gid:\t{0}\t{0}\t{0}\t{0}", own.gid)), "{says}");
    assert!(!says.contains(&TEAM.to_string()), "{says}");
}

/// Runs one test of this program as another user without any capability.
fn as_plain_user(test: &str, uid: u32, groups: &str) {
    let folder = Files::new(test);
    // The build folder may be closed to other users.
    let program = folder.0.join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", &uid.to_string(), "--regid", &uid.to_string(), "--groups", groups])
        .args(["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"])
        .arg(&program)
        .args([test, "--exact", "--nocapture"])
        .env(PART, "1")
        .current_dir("/")
        .output()
        .unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said} {complained}");
}

#[test]
fn a_server_without_privileges_gets_a_token_only() {
    if std::env::var_os(PART).is_none() {
        if privileged() {
            as_plain_user("a_server_without_privileges_gets_a_token_only", SERVER, "60002");
        }
        return;
    }
    let before = Snapshot::take().unwrap();
    assert_eq!(before.acting_as().uid, SERVER);
    for level in [Level::Identification, Level::Impersonation, Level::Delegation] {
        let guard = impersonate(&client(), quality(level)).unwrap();
        assert_eq!((guard.acts(), guard.level()), (Acts::AsServer, Level::Identification));
        assert!(guard.require_client().is_err());
        assert_eq!(guard.token().user, Sid::unix_user(CLIENT));
        assert_eq!(Snapshot::take().unwrap(), before);
    }
    let guard = impersonate(&client(), quality(Level::Anonymous)).unwrap();
    assert_eq!((guard.acts(), guard.level()), (Acts::AsServer, Level::Anonymous));
    drop(guard);
    // The same user with other groups is not the same identity.
    let cousin = ClientIdentity::new(1, SERVER, SERVER, vec![]);
    assert_eq!(impersonate(&cousin, SecurityQuality::default()).unwrap().acts(), Acts::AsServer);
    // The very same identity is.
    let twin = ClientIdentity::new(1, SERVER, SERVER, vec![TEAM]);
    let guard = impersonate(&twin, SecurityQuality::default()).unwrap();
    assert_eq!((guard.acts(), guard.level()), (Acts::AsClient, Level::Impersonation));
    drop(guard);
    assert_eq!(Snapshot::take().unwrap(), before);
}
