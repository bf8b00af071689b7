//! What the kernel refuses to other users, and what is refused of what they make.

mod playground;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use ennead_namespace::{
    CreateOptions, Created, Entry, EntryError, Kind, Protection, Root, RootError, Roots, Scope, Wanted, setup,
};
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping};
use ennead_status::Win32Error;
use playground::{Playground, become_user, may_be_others, name};

const KIND: Kind = Kind::PIPE;
const ALICE: u32 = 61_011;
const BOB: u32 = 61_012;
const CAROL: u32 = 61_013;

fn protection(sddl: &str) -> Protection {
    let meaning = Meaning { read: AccessMask::FILE_READ_DATA, write: AccessMask::FILE_WRITE_DATA };
    Protection::new(&sddl.parse().unwrap(), meaning, &GenericMapping::FILE)
}

fn global(place: &Playground) -> Root {
    Root::global_at(place.path().join("global")).unwrap()
}

fn set_up(place: &Playground) -> setup::Done {
    setup::set_up_global(&place.path().join("global"), setup::Room::Shared(setup::Limits::default())).unwrap()
}

/// Runs as another user on a thread of its own.
fn as_user<T: Send>(uid: u32, act: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let _user = become_user(uid);
                act()
            })
            .join()
            .unwrap()
    })
}

fn alices(place: &Playground, sddl: &str) -> Entry {
    as_user(ALICE, || {
        let protection = protection(sddl);
        let options = CreateOptions::new(&protection).body(1, 1, 64).initial(b"x");
        match global(place).create(KIND, &name("Thing"), &options).unwrap() {
            Created::New(entry) => entry,
            Created::Existing(_) => panic!("the name was free"),
        }
    })
}

fn try_open(place: &Playground, uid: u32, wanted: Wanted) -> Result<bool, EntryError> {
    as_user(uid, || Ok(global(place).open(KIND, &name("thing"), wanted)?.is_writable()))
}

#[test]
fn the_kernel_refuses_whom_the_descriptor_refuses() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    let sddl = format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;GR;;;S-1-22-1-{BOB})");
    let entry = alices(&place, &sddl);
    assert!(!try_open(&place, BOB, Wanted::Most).unwrap(), "bob reads");
    assert!(matches!(try_open(&place, BOB, Wanted::ReadWrite), Err(EntryError::AccessDenied)));
    let refused = try_open(&place, CAROL, Wanted::Read).unwrap_err();
    assert_eq!(refused.win32(), Win32Error::ACCESS_DENIED);
    // Not only the crate: the kernel itself.
    let path = place.path().join(format!("global/{ALICE}/pipe/thing"));
    assert!(as_user(BOB, || std::fs::read(&path).is_ok()));
    assert!(!as_user(BOB, || std::fs::File::options().write(true).open(&path).is_ok()));
    assert!(!as_user(CAROL, || std::fs::read(&path).is_ok()));
    assert!(!as_user(BOB, || std::fs::remove_file(&path).is_ok()));
    // Carol may not take the name either, for it is held; and may when it is not.
    let carols = || {
        as_user(CAROL, || {
            global(&place).create(KIND, &name("thing"), &CreateOptions::new(&Protection::private()))
        })
    };
    assert!(matches!(carols(), Err(EntryError::AccessDenied)));
    drop(entry);
    assert!(matches!(carols(), Ok(Created::New(_))));
}

#[test]
fn a_dead_secret_entry_of_another_user_holds_nobody_up() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    drop(alices(&place, "D:"));
    let path = place.path().join(format!("global/{ALICE}/pipe/thing"));
    // As after a kill: the file is there, nobody holds it, and Bob may not open it.
    as_user(ALICE, || std::fs::write(&path, b"\x89ENNEAD\ndead")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    let bob = as_user(BOB, || {
        global(&place).create(KIND, &name("thing"), &CreateOptions::new(&Protection::private())).unwrap()
    });
    assert!(matches!(bob, Created::New(_)));
    drop(bob);
    // Its owner replaces it although its mode refuses even its owner.
    let alice = alices(&place, "D:");
    assert_eq!(alice.owner_uid(), ALICE);
}

#[test]
fn an_existing_entry_of_another_user_is_opened_not_made() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    let entry = alices(&place, "D:(A;;GA;;;WD)");
    assert!(!entry.security_descriptor().unwrap().to_bytes().is_empty());
    let (bobs, owner) = as_user(BOB, || {
        let options = protection("D:");
        match global(&place).create(KIND, &name("THING"), &CreateOptions::new(&options)).unwrap() {
            Created::Existing(entry) => (entry.id(), entry.owner_uid()),
            Created::New(_) => panic!("alice holds it"),
        }
    });
    assert_eq!((bobs, owner), (entry.id(), ALICE));
    let seen = as_user(CAROL, || global(&place).list(KIND).unwrap());
    assert_eq!(seen.entries.len(), 1);
    drop(entry);
    // Bob cannot remove what lies in Alice's folder; whoever may, does.
    assert!(as_user(BOB, || global(&place).list(KIND).unwrap().entries.is_empty()));
}

/// Puts a held entry into `uid`'s folder past all claims: made in a root of its own, and linked to the name there with its key.
fn intrude(place: &Playground, uid: u32, mode: u32) -> Entry {
    let private = place.path().join(format!("private-{uid}"));
    std::fs::create_dir_all(&private).unwrap();
    std::os::unix::fs::chown(&private, Some(uid), Some(uid)).unwrap();
    as_user(uid, || {
        let everybody = protection("D:(A;;GA;;;WD)");
        let options = CreateOptions::new(&everybody);
        let made = Root::global_at(&private).unwrap().create(KIND, &name("thing"), &options).unwrap();
        // For the folder.
        global(place).own_sockets(KIND).unwrap();
        let here = place.path().join(format!("global/{uid}/pipe"));
        let _ = std::fs::remove_file(here.join("thing"));
        for file in std::fs::read_dir(private.join(format!("{uid}/pipe"))).unwrap() {
            let file = file.unwrap();
            std::fs::hard_link(file.path(), here.join(file.file_name())).unwrap();
        }
        std::fs::set_permissions(here.join("thing"), std::fs::Permissions::from_mode(mode)).unwrap();
        made.into_entry()
    })
}

#[test]
fn a_name_that_two_users_hold_is_refused_whoever_is_lower() {
    if !may_be_others() {
        return;
    }
    // The intruder may let everybody open the entry, or nobody; it may have the lower uid, or the higher one.
    for (intruder, mode) in [(ALICE - 1, 0o666), (ALICE - 1, 0o600), (CAROL + 1, 0o666), (CAROL + 1, 0o600)] {
        let place = Playground::new();
        set_up(&place);
        let entry = alices(&place, "D:(A;;GA;;;WD)");
        let intruders = intrude(&place, intruder, mode);
        // Alice's own entry is no attack on her: her clients and further servers get it.
        let own = as_user(ALICE, || global(&place).open(KIND, &name("thing"), Wanted::Most).unwrap());
        assert_eq!(own.id(), entry.id());
        // Bob knows whom he wants, and gets that one.
        for (uid, id) in [(ALICE, entry.id()), (intruder, intruders.id())] {
            let wants = move |user| user == uid;
            let got = as_user(BOB, || {
                global(&place).trusting(wants).open(KIND, &name("thing"), Wanted::Most).map(|e| e.id())
            });
            assert!(matches!(got, Ok(got) if got == id) || mode == 0o600, "{got:?}");
        }
        for uid in [BOB, 61_099] {
            let opened = try_open(&place, uid, Wanted::Most).unwrap_err();
            let EntryError::Contested { mut uids } = opened else { panic!("{opened:?}") };
            uids.sort_unstable();
            assert_eq!(uids, [ALICE.min(intruder), ALICE.max(intruder)]);
            assert_eq!(opened.win32(), Win32Error::ACCESS_DENIED);
            let text = opened.to_string();
            assert!(uids.iter().all(|uid| text.contains(&uid.to_string())), "{text}");
        }
        let joined = as_user(BOB, || {
            let options = Protection::private();
            global(&place).create(KIND, &name("thing"), &CreateOptions::new(&options)).map(drop)
        });
        assert!(matches!(joined, Err(EntryError::Contested { .. })), "{joined:?}");
        // Both are to be seen, so that somebody can tell who should go.
        assert_eq!(as_user(BOB, || global(&place).list(KIND).unwrap().entries.len()), 2);
        drop(intruders);
        let opened = as_user(BOB, || global(&place).open(KIND, &name("thing"), Wanted::Most).unwrap().id());
        assert_eq!(opened, entry.id());
    }
}

#[test]
fn what_root_holds_is_roots_whoever_else_holds_it() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    let everybody = protection("D:(A;;GA;;;WD)");
    let options = CreateOptions::new(&everybody);
    let entry = global(&place).create(KIND, &name("thing"), &options).unwrap().into_entry();
    let intruders = (intrude(&place, ALICE, 0o666), intrude(&place, CAROL, 0o600));
    for uid in [ALICE, BOB, CAROL] {
        let (opened, joined) = as_user(uid, || {
            let root = global(&place);
            let opened = root.open(KIND, &name("thing"), Wanted::Most).unwrap();
            let joined = root.create(KIND, &name("thing"), &options).unwrap().into_entry();
            (opened.id(), joined.id())
        });
        assert_eq!((opened, joined), (entry.id(), entry.id()), "uid {uid}");
    }
    // A root's entry that refuses somebody is no reason to look further.
    drop(entry);
    let private = Protection::private();
    let refused = try_open(&place, BOB, Wanted::Most).unwrap_err();
    assert!(matches!(refused, EntryError::Contested { uids: [ALICE, CAROL] }), "{refused:?}");
    drop(intruders);
    let _entry = global(&place).create(KIND, &name("thing"), &CreateOptions::new(&private)).unwrap();
    let _other = intrude(&place, CAROL, 0o666);
    assert!(matches!(try_open(&place, BOB, Wanted::Most), Err(EntryError::AccessDenied)));
}

#[test]
fn sockets_admit_those_who_may_read_the_entry() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    let sddl = format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;GR;;;S-1-22-1-{BOB})");
    let (_entry, _listener, socket) = as_user(ALICE, || {
        let root = global(&place);
        let protection = protection(&sddl);
        let options = CreateOptions::new(&protection).slot(0);
        let entry = root.create(KIND, &name("thing"), &options).unwrap().into_entry();
        let folder = root.own_sockets(KIND).unwrap();
        let socket = folder.new_name(&entry, 0).unwrap();
        let listener = UnixListener::bind(folder.path(&socket)).unwrap();
        folder.protect(&socket, &protection).unwrap();
        (entry, listener, socket)
    });
    let connect = |uid| {
        as_user(uid, || {
            let folder = global(&place).sockets_of(KIND, &socket).unwrap();
            UnixStream::connect(folder.path(&socket)).map(drop)
        })
    };
    connect(BOB).unwrap();
    assert_eq!(connect(CAROL).unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
}

#[test]
fn what_a_stranger_puts_into_the_global_root_is_ignored() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    set_up(&place);
    let entry = alices(&place, "D:(A;;GA;;;WD)");
    let root = place.path().join("global");
    let secret = place.path().join("secret");
    std::fs::write(&secret, b"secret").unwrap();
    as_user(BOB, || {
        let make = |path: &str| std::fs::create_dir(root.join(path)).unwrap();
        // A folder in Carol's name, links to elsewhere, numbers that are none, a folder without rights.
        make(&CAROL.to_string());
        symlink("/etc", root.join("61099")).unwrap();
        make("00061098");
        make(&BOB.to_string());
        make(&format!("{BOB}/pipe"));
        symlink(&secret, root.join(format!("{BOB}/pipe/thing"))).unwrap();
        symlink(&secret, root.join(format!("{BOB}/pipe/.c.thing"))).unwrap();
        playground::fifo(&root.join(format!("{BOB}/pipe/fifo")));
        let huge = std::fs::File::create(root.join(format!("{BOB}/pipe/huge"))).unwrap();
        huge.set_len(1 << 40).unwrap();
        std::os::unix::fs::chown(root.join(BOB.to_string()), None, None).unwrap();
    });
    assert!(try_open(&place, ALICE, Wanted::Most).is_ok());
    assert!(global(&place).list(KIND).unwrap().entries.len() == 1);
    as_user(ALICE, || {
        let free = name("other");
        assert!(matches!(
            global(&place).create(KIND, &free, &CreateOptions::new(&Protection::private())),
            Ok(Created::New(_))
        ));
    });
    as_user(BOB, || {
        let pipe = root.join(format!("{BOB}/pipe"));
        std::fs::set_permissions(pipe, std::fs::Permissions::from_mode(0o000)).unwrap();
    });
    assert!(try_open(&place, ALICE, Wanted::Most).is_ok());
    // Carol is kept out until setup removes the squatter's folder.
    let carols = || {
        as_user(CAROL, || {
            global(&place).create(KIND, &name("c"), &CreateOptions::new(&Protection::private())).map(drop)
        })
    };
    let refused = carols().unwrap_err();
    assert!(matches!(refused, EntryError::Root(RootError::WrongOwner { .. })), "{refused:?}");
    // The folder, and the link.
    assert_eq!(set_up(&place).removed, 2);
    carols().unwrap();
    drop(entry);
}

#[test]
fn setting_up_again_changes_nothing() {
    let place = Playground::new();
    let first = set_up(&place);
    assert!(first.made && !first.mounted, "the playground is a tmpfs");
    assert_eq!(set_up(&place), setup::Done::default());
    let mode = std::fs::metadata(place.path().join("global")).unwrap().mode();
    assert_eq!(mode & 0o7777, 0o1777);
    let missing = Root::global_at(place.path().join("none")).unwrap_err();
    assert_eq!(missing.win32(), Win32Error::PATH_NOT_FOUND);
    assert!(missing.to_string().contains("ennead setup"), "{missing}");
}

#[test]
fn setting_up_mounts_a_tmpfs_that_users_cannot_fill_the_rest_from() {
    if std::env::var_os("ENNEAD_TEST_MOUNTS").is_none() {
        if may_be_others() {
            // The mounts are this child's only, and go with it.
            let name = "setting_up_mounts_a_tmpfs_that_users_cannot_fill_the_rest_from";
            let done = std::process::Command::new("unshare")
                .arg("-m")
                .arg(std::env::current_exe().unwrap())
                .args(["--exact", name, "--nocapture"])
                .env("ENNEAD_TEST_MOUNTS", "1")
                .status()
                .unwrap();
            assert!(done.success());
        }
        return;
    }
    let place = Playground::new();
    let path = place.path().join("global");
    let limits = setup::Limits { size: 256 << 10, quota: 64 << 10 };
    let done = setup::set_up_global(&path, setup::Room::Own(limits)).unwrap();
    assert!(done.made && done.mounted && done.unlimited.is_none(), "{done:?}");
    let (above, here) = (std::fs::metadata(place.path()).unwrap(), std::fs::metadata(&path).unwrap());
    assert_ne!(above.dev(), here.dev(), "a mount of its own, though the parent is a tmpfs");
    assert_eq!((here.uid(), here.mode() & 0o7777), (0, 0o1777));
    assert_eq!(std::fs::metadata(path.join("0")).unwrap().mode() & 0o7777, 0o755);
    assert_eq!(setup::set_up_global(&path, setup::Room::Own(limits)).unwrap(), setup::Done::default());
    let mut written = 0;
    for uid in [ALICE, BOB, CAROL] {
        let fill = || std::fs::write(path.join(format!("file-{uid}")), vec![1; 128 << 10]);
        let refused = as_user(uid, fill).map_err(|e| e.kind());
        if done.quota {
            assert_eq!(refused, Err(std::io::ErrorKind::QuotaExceeded), "uid {uid}");
        }
        written += std::fs::metadata(path.join(format!("file-{uid}"))).unwrap().len();
    }
    println!("quota: {}, written: {written}", done.quota);
    assert!(written <= limits.size);
    // Users of an earlier setup are not cut off from their names; and not every root may mount.
    let used = place.path().join("used");
    setup::set_up_global(&used, setup::Room::Shared(limits)).unwrap();
    as_user(BOB, || std::fs::create_dir(used.join(BOB.to_string())).unwrap());
    let done = setup::set_up_global(&used, setup::Room::Own(limits)).unwrap();
    assert_eq!((done.mounted, done.unlimited), (false, Some(setup::Unlimited::InUse)));
    let alices = place.path().join("alices");
    std::fs::create_dir(&alices).unwrap();
    std::os::unix::fs::chown(&alices, Some(ALICE), None).unwrap();
    let done =
        as_user(ALICE, || setup::set_up_global(&alices.join("global"), setup::Room::Own(limits)).unwrap());
    assert_eq!((done.mounted, done.unlimited), (false, Some(setup::Unlimited::MayNotMount)));
    let _ = std::process::Command::new("umount").arg("-l").arg(&path).status();
}

/// The namespace's unit is one that systemd takes, with the options that setup mounts with.
#[test]
fn the_mount_unit_is_valid() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/systemd/system/run-ennead.mount");
    let text = std::fs::read_to_string(&unit).unwrap();
    for line in ["Where=/run/ennead", "Type=tmpfs", "Options=mode=1777,nosuid,nodev,noexec,size=256M,"] {
        assert!(text.contains(line), "{line}");
    }
    match std::process::Command::new("systemd-analyze").arg("verify").arg(&unit).output() {
        Ok(said) => {
            let complaints = String::from_utf8_lossy(&said.stderr);
            assert!(said.status.success() && !complaints.contains("run-ennead.mount"), "{complaints}");
        }
        Err(error) => {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "systemd-analyze: {error}");
            println!("skipped: no systemd-analyze here");
        }
    }
}

#[test]
fn a_root_of_another_user_or_open_to_others_is_refused() {
    let place = Playground::new();
    let open = place.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Root::at(&open), Err(RootError::OpenToOthers { mode: 0o777, .. })));
    assert!(matches!(Root::global_at(&open), Err(RootError::OpenToOthers { .. })));
    if !may_be_others() {
        return;
    }
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    let theirs = as_user(ALICE, || Root::at(&open).map(drop)).unwrap_err();
    assert!(matches!(theirs, RootError::WrongOwner { expected: ALICE, .. }), "{theirs}");
    assert_eq!(theirs.win32(), Win32Error::ACCESS_DENIED);
    // No right to make it.
    let none = as_user(ALICE, || Root::at(open.join("new")).map(drop)).unwrap_err();
    assert_eq!(none.win32(), Win32Error::ACCESS_DENIED);
    assert!(!open.join("new").exists());
}

#[test]
fn a_server_publishes_where_its_clients_look() {
    let place = Playground::new();
    set_up(&place);
    let roots = || {
        let local = place.path().join("local");
        Roots::new(Root::at(local).unwrap(), Some(Root::global_at(place.path().join("global")).unwrap()))
    };
    let (private, public) = (Protection::private(), protection("D:(A;;GA;;;WD)"));
    assert!(!private.admits_others() && public.admits_others());
    let ours = roots().create_entry(KIND, &name("a"), &CreateOptions::new(&private)).unwrap();
    assert_eq!(ours.0, Scope::Local);
    let theirs = roots().create_entry(KIND, &name("b"), &CreateOptions::new(&public)).unwrap();
    assert_eq!(theirs.0, Scope::Global);
    assert_eq!(roots().open_entry(KIND, &name("A"), Wanted::Most).unwrap().0, Scope::Local);
    assert_eq!(roots().open_entry(KIND, &name("B"), Wanted::Most).unwrap().0, Scope::Global);
    // A second server of the name meets the first, wherever it would have published.
    let again = roots().create_entry(KIND, &name("a"), &CreateOptions::new(&public)).unwrap();
    assert!(matches!(again, (Scope::Local, Created::Existing(_))));
    let alone = Roots::new(Root::at(place.path().join("local")).unwrap(), None);
    assert_eq!(alone.create_entry(KIND, &name("c"), &CreateOptions::new(&public)).unwrap().0, Scope::Local);
}

#[test]
fn a_full_or_read_only_root_gives_its_code() {
    if !may_be_others() {
        return;
    }
    let place = Playground::new();
    let path = place.path().join("small");
    std::fs::create_dir(&path).unwrap();
    let mounted = Mounted::tmpfs(&path);
    let Some(mounted) = mounted else {
        assert!(std::env::var_os("CI").is_none(), "CI may mount");
        println!("skipped: may not mount");
        return;
    };
    let root = Root::at(&path).unwrap();
    let private = Protection::private();
    let large = CreateOptions::new(&private).body(1, 1, 1 << 20);
    let full = root.create(KIND, &name("a"), &large).unwrap_err();
    assert_eq!(full.win32(), Win32Error::DISK_FULL, "{full}");
    let small = root.create(KIND, &name("a"), &CreateOptions::new(&private)).unwrap();
    drop(small);
    mounted.make_read_only();
    let frozen = root.create(KIND, &name("a"), &CreateOptions::new(&private)).unwrap_err();
    assert_eq!(frozen.win32(), Win32Error::WRITE_PROTECT, "{frozen}");
    drop(root);
}

/// A mount that the test made, and takes away.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn tmpfs(path: &'a Path) -> Option<Self> {
        ennead_sys::mount::mount_tmpfs(path, 0o700, 64 << 10, 64 << 10).ok()?;
        Some(Mounted(path))
    }

    fn make_read_only(&self) {
        let done =
            std::process::Command::new("mount").args(["-o", "remount,ro"]).arg(self.0).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0).status();
    }
}
