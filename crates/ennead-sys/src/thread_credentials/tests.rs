use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use super::*;

const CLIENT: u32 = 54_321;
const OTHER: u32 = 54_322;
const TEAM: u32 = 60_001;

/// These tests are about having the privilege. Without it there is nothing to see.
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

fn client() -> Identity {
    Identity { uid: CLIENT, gid: CLIENT, groups: vec![CLIENT, TEAM] }
}

/// A folder that everybody may enter, with files of several owners in it.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ennead-credentials-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
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

#[test]
fn the_kernel_checks_files_as_the_clients() {
    if !privileged() {
        return;
    }
    let files = Files::new("checks");
    let secret = files.add("root-only", 0, 0, 0o600);
    let own = files.add("clients", CLIENT, CLIENT, 0o600);
    let team = files.add("team", 0, TEAM, 0o640);
    let others = files.add("others", OTHER, OTHER, 0o600);
    let before = Snapshot::take().unwrap();
    {
        let _guard = assume(&client()).unwrap();
        assert!(is_assumed());
        assert_eq!(fs::read(&secret).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&others).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&own).unwrap(), b"clients");
        assert_eq!(fs::read(&team).unwrap(), b"team");
        assert_eq!(fs::write(&team, "x").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        let made = files.0.join("made");
        fs::write(&made, "").unwrap();
        let made = fs::metadata(&made).unwrap();
        assert_eq!((made.uid(), made.gid()), (CLIENT, CLIENT));
        let now = Snapshot::take().unwrap();
        assert_eq!(now.acting_as(), client());
        assert_eq!(now.effective_capabilities(), 0);
        assert_eq!((now.uids.real, now.uids.saved), (before.uids.real, before.uids.effective));
    }
    assert!(!is_assumed());
    assert_eq!(Snapshot::take().unwrap(), before);
    assert_eq!(fs::read(&secret).unwrap(), b"root-only");
}

#[test]
fn a_client_that_is_root_gets_no_capabilities_either() {
    if !privileged() {
        return;
    }
    let files = Files::new("root");
    let private = files.add("private", CLIENT, CLIENT, 0o600);
    let _guard = assume(&Identity { uid: 0, gid: 0, groups: vec![] }).unwrap();
    assert_eq!(Snapshot::take().unwrap().effective_capabilities(), 0);
    assert_eq!(fs::read(&private).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    // Nor what CAP_CHOWN, CAP_SYS_ADMIN and their like would allow.
    assert!(chown(&private, Some(0), None).is_err());
    assert!(rustix::process::chroot("/").is_err());
}

#[test]
fn minus_one_is_refused_because_the_kernel_would_stay_root() {
    let before = Snapshot::take().unwrap();
    for identity in [
        Identity { uid: u32::MAX, gid: CLIENT, groups: vec![] },
        Identity { uid: CLIENT, gid: u32::MAX, groups: vec![] },
        Identity { uid: CLIENT, gid: CLIENT, groups: vec![CLIENT, u32::MAX] },
    ] {
        assert_eq!(assume(&identity).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(Snapshot::take().unwrap(), before);
        assert!(!is_assumed());
    }
}

#[test]
fn too_many_groups_leave_the_thread_as_it_was() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let crowd = Identity { uid: CLIENT, gid: CLIENT, groups: vec![TEAM; 65_537] };
    assert_eq!(assume(&crowd).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    assert_eq!(Snapshot::take().unwrap(), before);
    // The same from within another identity.
    let guard = assume(&client()).unwrap();
    let within = Snapshot::take().unwrap();
    assert!(assume(&crowd).is_err());
    assert_eq!(Snapshot::take().unwrap(), within);
    drop(guard);
    assert_eq!(Snapshot::take().unwrap(), before);
}

#[test]
fn guards_nest_in_any_order() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let other = Identity { uid: OTHER, gid: OTHER, groups: vec![] };
    let acting_as = || Snapshot::take().unwrap().acting_as();

    let outer = assume(&client()).unwrap();
    let inner = assume(&other).unwrap();
    assert_eq!(acting_as(), other);
    drop(inner);
    assert_eq!(acting_as(), client());
    assert_eq!(Snapshot::take().unwrap().effective_capabilities(), 0);

    let inner = assume(&other).unwrap();
    drop(outer);
    assert_eq!(acting_as(), other, "the newest living guard counts");
    let own = assume_self().unwrap();
    assert_eq!(Snapshot::take().unwrap(), before);
    drop(inner);
    drop(own);
    assert_eq!(Snapshot::take().unwrap(), before);
}

#[test]
fn a_panic_reverts() {
    if !privileged() {
        return;
    }
    let before = Snapshot::take().unwrap();
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _guard = assume(&client()).unwrap();
        std::panic::resume_unwind(Box::new("hostile request"));
    }));
    assert!(result.is_err());
    assert_eq!(Snapshot::take().unwrap(), before);
}

#[test]
fn other_threads_do_not_notice_and_new_ones_inherit() {
    if !privileged() {
        return;
    }
    let (ask, asked) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    let old = thread::spawn(move || {
        while asked.recv().is_ok() {
            answer.send(Snapshot::take().unwrap()).unwrap();
        }
    });
    let before = Snapshot::take().unwrap();
    let guard = assume(&client()).unwrap();
    ask.send(()).unwrap();
    assert_eq!(answered.recv().unwrap(), before);
    // A thread that is started now copies this one's credentials, for good.
    let (inherits, reverts) = thread::spawn(|| {
        let inherits = Snapshot::take().unwrap().acting_as();
        let own = assume_self();
        (inherits, own.is_ok() && Snapshot::take().unwrap().acting_as().uid != CLIENT)
    })
    .join()
    .unwrap();
    assert_eq!(inherits, client());
    assert!(!reverts, "for that thread the client's identity is its own");
    // Under assume_self it does not.
    let own = assume_self().unwrap();
    let fresh = thread::spawn(|| Snapshot::take().unwrap()).join().unwrap();
    assert_eq!(fresh, before);
    drop(own);
    drop(guard);
    drop(ask);
    old.join().unwrap();
    assert_eq!(Snapshot::take().unwrap(), before);
}

#[test]
fn the_death_signal_survives() {
    if !privileged() {
        return;
    }
    thread::spawn(|| {
        rustix::process::set_parent_process_death_signal(Some(Signal::USR1)).unwrap();
        let before = Snapshot::take().unwrap();
        drop(assume(&client()).unwrap());
        assert_eq!(Snapshot::take().unwrap(), before);
        assert_eq!(before.death_signal, Some(Signal::USR1));
        rustix::process::set_parent_process_death_signal(None).unwrap();
    })
    .join()
    .unwrap();
}

#[test]
fn a_different_file_system_id_comes_back() {
    if !privileged() {
        return;
    }
    thread::spawn(|| {
        set_file_system_uid(OTHER);
        set_file_system_gid(OTHER);
        let before = Snapshot::take().unwrap();
        let guard = assume(&client()).unwrap();
        assert_eq!(Snapshot::take().unwrap().uids.file_system, CLIENT);
        drop(guard);
        let after = Snapshot::take().unwrap();
        assert_eq!(after.uids, before.uids);
        assert_eq!(after.gids, before.gids);
    })
    .join()
    .unwrap();
}

#[test]
fn a_set_uid_program_whose_only_root_id_is_the_effective_one_comes_back() {
    if !privileged() {
        return;
    }
    thread::spawn(|| {
        rustix::thread::set_thread_res_uid(uid(OTHER), uid(0), uid(OTHER)).unwrap();
        let before = Snapshot::take().unwrap();
        assert!(may_assume());
        let guard = assume(&client()).unwrap();
        assert_eq!(Snapshot::take().unwrap().acting_as(), client());
        drop(guard);
        assert_eq!(Snapshot::take().unwrap(), before);
    })
    .join()
    .unwrap();
}

#[test]
fn a_server_that_is_not_root_but_has_the_capabilities_drops_them_all() {
    if !privileged() {
        return;
    }
    let files = Files::new("capable");
    let secret = files.add("root-only", 0, 0, 0o600);
    thread::spawn(move || {
        // Keep the permitted set over the loss of root, as a capability-aware daemon does.
        rustix::thread::set_keep_capabilities(true).unwrap();
        let all = rustix::thread::capabilities(None).unwrap();
        rustix::thread::set_thread_res_uid(uid(OTHER), uid(OTHER), uid(OTHER)).unwrap();
        rustix::thread::set_capabilities(None, all).unwrap();
        let before = Snapshot::take().unwrap();
        assert_eq!(fs::read(&secret).unwrap(), b"root-only");
        let guard = assume(&client()).unwrap();
        // No id of this thread was root's, so the kernel itself would have left it every capability.
        assert_eq!(Snapshot::take().unwrap().effective_capabilities(), 0);
        assert_eq!(fs::read(&secret).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        drop(guard);
        assert_eq!(Snapshot::take().unwrap(), before);
    })
    .join()
    .unwrap();
}

#[test]
fn without_the_capabilities_nothing_changes() {
    if !privileged() {
        return;
    }
    for lacking in [CapabilitySet::SETUID, CapabilitySet::SETGID] {
        thread::spawn(move || {
            let mut sets = rustix::thread::capabilities(None).unwrap();
            sets.permitted.remove(lacking);
            sets.effective.remove(lacking);
            rustix::thread::set_capabilities(None, sets).unwrap();
            let before = Snapshot::take().unwrap();
            assert!(!may_assume());
            assert_eq!(assume(&client()).unwrap_err().raw_os_error(), Some(libc::EPERM));
            assert_eq!(Snapshot::take().unwrap(), before);
            assert!(!is_assumed());
        })
        .join()
        .unwrap();
    }
}

#[test]
fn a_process_of_the_client_may_neither_signal_nor_trace_the_thread() {
    if !privileged() {
        return;
    }
    let _guard = assume(&client()).unwrap();
    let me = std::process::id();
    // From another thread, which is still root: a real process of the client (all its ids).
    let script = format!("kill -0 {me} || cat /proc/{me}/environ /proc/{me}/mem");
    let own = assume_self().unwrap();
    let status = thread::spawn(move || {
        Command::new("setpriv")
            .args([
                "--reuid",
                &CLIENT.to_string(),
                "--regid",
                &CLIENT.to_string(),
                "--clear-groups",
                "sh",
                "-c",
            ])
            .arg(script)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .status()
            .unwrap()
    });
    drop(own);
    assert!(!status.join().unwrap().success());
}

#[test]
fn a_forgotten_guard_never_gives_privileges_back() {
    if !privileged() {
        return;
    }
    thread::spawn(|| {
        std::mem::forget(assume(&client()).unwrap());
        let next = assume(&Identity { uid: OTHER, gid: OTHER, groups: vec![] }).unwrap();
        drop(next);
        assert_eq!(Snapshot::take().unwrap().acting_as(), client());
    })
    .join()
    .unwrap();
}

/// Runs one test of this program in a process of its own, started by `prefix`.
fn in_own_process(prefix: &[&str], test: &str) -> std::process::Output {
    let program = std::env::current_exe().unwrap();
    let mut line: Vec<std::ffi::OsString> = prefix.iter().map(Into::into).collect();
    line.push(program.into());
    Command::new(&line[0])
        .args(&line[1..])
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(OWN_PROCESS, "1")
        .output()
        .unwrap()
}

const OWN_PROCESS: &str = "ENNEAD_TEST_OWN_PROCESS";

#[test]
fn a_thread_that_cannot_come_back_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    if !privileged() {
        return;
    }
    if std::env::var_os(OWN_PROCESS).is_some() {
        let guard = assume(&client()).unwrap();
        rustix::thread::set_capabilities(
            None,
            CapabilitySets {
                effective: CapabilitySet::empty(),
                permitted: CapabilitySet::empty(),
                inheritable: CapabilitySet::empty(),
            },
        )
        .unwrap();
        drop(guard);
        println!("went on as somebody else");
        return;
    }
    let test = "thread_credentials::tests::a_thread_that_cannot_come_back_ends_the_process";
    let output = in_own_process(&["env"], test);
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said} {complained}");
    assert!(!said.contains("went on"));
    assert!(complained.contains("cannot leave an assumed identity"), "{complained}");
}

#[test]
fn a_namespace_that_forbids_it_leaves_everything_as_it_is() {
    if std::env::var_os(OWN_PROCESS).is_some() {
        assert!(may_assume());
        let mut sets = rustix::thread::capabilities(None).unwrap();
        for _ in 0..2 {
            let before = Snapshot::take().unwrap();
            assert!(assume(&client()).is_err());
            assert_eq!(Snapshot::take().unwrap(), before);
            // Once more as a program that raises its capabilities only when it needs them.
            sets.effective = CapabilitySet::empty();
            rustix::thread::set_capabilities(None, sets).unwrap();
        }
        return;
    }
    if !privileged() {
        return;
    }
    let here = Command::new("unshare").args(["--map-root-user", "true"]).output().unwrap();
    if !here.status.success() {
        eprintln!("skipped: no user namespaces here");
        return;
    }
    let test = "thread_credentials::tests::a_namespace_that_forbids_it_leaves_everything_as_it_is";
    let output = in_own_process(&["unshare", "--map-root-user"], test);
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said} {complained}");
}
