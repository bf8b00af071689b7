//! Two users and a descriptor: who may open a file mapping, and for what. Needs root, to become others.

mod support;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use ennead_mapping::{FileMapping, MappingOptions, PageProtection, Place, View, ViewAccess};
use ennead_namespace::Root as NamedRoot;
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sys::process;
use support::{Role, listen, role, say};

const ALICE: u32 = 12_001;
const BOB: u32 = 12_002;

fn place(base: &Path) -> Place {
    let local = NamedRoot::at(base.join(format!("local-{}", process::effective_uid()))).unwrap();
    Place::new(local, Some(NamedRoot::global_at(base.join("global")).unwrap()))
}

/// A line in, a line out.
#[test]
fn child() {
    let Some((role, base)) = role() else { return };
    assert_eq!(role, "user");
    let place = place(&base);
    let mut held: Vec<(FileMapping, Option<View>)> = Vec::new();
    loop {
        let line = listen();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let mut keep = |made: ennead_mapping::Result<FileMapping>| match made {
            Ok(mapping) => {
                held.push((mapping, None));
                "0".to_owned()
            }
            Err(error) => error.win32().0.to_string(),
        };
        let answer = match verb {
            "create" => {
                let memory = MappingOptions::memory(5000).place(&place);
                keep(memory.security(rest.parse().unwrap()).create("Global\\shared"))
            }
            "create-default" => keep(MappingOptions::memory(5000).place(&place).create("Global\\shared")),
            "open" => {
                let access = AccessMask(rest.parse().unwrap());
                keep(FileMapping::open_in(Some(&place), "Global\\shared", access))
            }
            "create-of-file" => {
                let file = std::fs::File::open(rest).unwrap();
                let mapping = MappingOptions::file(&file).protection(PageProtection::ReadOnly).place(&place);
                keep(mapping.security("D:(A;;GA;;;WD)".parse().unwrap()).create("Global\\file"))
            }
            "open-of-file" => {
                let access = AccessMask(rest.parse().unwrap());
                keep(FileMapping::open_in(Some(&place), "Global\\file", access))
            }
            "open-by-hand" => {
                let path = base.join("global").join(rest).join("object/shared");
                let read = std::fs::File::open(&path).is_ok();
                let write = std::fs::File::options().write(true).open(&path).is_ok();
                format!("{read} {write}")
            }
            "view" => {
                let (mapping, view) = held.last_mut().unwrap();
                let access = if rest == "write" { ViewAccess::Write } else { ViewAccess::Read };
                match mapping.view(access) {
                    Ok(mapped) => {
                        *view = Some(mapped);
                        "0".to_owned()
                    }
                    Err(error) => error.win32().0.to_string(),
                }
            }
            "write" => match held.last().unwrap().1.as_ref().unwrap().write(0, rest.as_bytes()) {
                Ok(()) => "0".to_owned(),
                Err(error) => error.win32().0.to_string(),
            },
            "read" => {
                let bytes =
                    held.last().unwrap().1.as_ref().unwrap().to_vec(0, rest.parse().unwrap()).unwrap();
                String::from_utf8_lossy(&bytes).into_owned()
            }
            "list" => {
                ennead_mapping::list_in(&place)
                .unwrap()
                .iter()
                .map(|listed| format!("{} {:?} {}", listed.uid, listed.name, listed.details.is_some()))
                .collect::<Vec<_>>()
                .join(",")
                // An answer is never empty.
                + "."
            }
            "drop" => {
                held.clear();
                "0".to_owned()
            }
            _ => return,
        };
        say(answer);
    }
}

struct Stage {
    base: PathBuf,
    alice: Role,
    bob: Role,
}

impl Stage {
    fn new(name: &str) -> Option<Self> {
        if process::effective_uid() != 0 {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test needs root");
            println!("skipped: this test needs root");
            return None;
        }
        let base = PathBuf::from(format!("/dev/shm/ennead-mapping-users-{name}-{}", std::process::id()));
        let folder = |path: &Path, mode| {
            std::fs::create_dir(path).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        folder(&base, 0o755);
        folder(&base.join("global"), 0o1777);
        for uid in [ALICE, BOB] {
            let local = base.join(format!("local-{uid}"));
            folder(&local, 0o700);
            chown(&local, Some(uid), Some(uid)).unwrap();
        }
        let user = |uid| {
            let mut command = Role::command("child", "user", &base);
            command.uid(uid).gid(uid);
            Role::spawn(command)
        };
        Some(Self { alice: user(ALICE), bob: user(BOB), base })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

fn code(code: Win32Error) -> String {
    code.0.to_string()
}

const READ: u32 = 4;
const WRITE: u32 = 2;

#[test]
fn a_reader_reads_and_the_kernel_sees_to_it() {
    let Some(mut stage) = Stage::new("reader") else { return };
    let denied = code(Win32Error::ACCESS_DENIED);
    let sddl = format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;GR;;;S-1-22-1-{BOB})");
    assert_eq!(stage.alice.ask(&format!("create {sddl}")), "0");
    assert_eq!(stage.alice.ask("view write"), "0");
    assert_eq!(stage.alice.ask("write bolts"), "0");
    assert_eq!(stage.bob.ask(&format!("open {}", READ | WRITE)), denied);
    assert_eq!(stage.bob.ask(&format!("open {READ}")), "0");
    assert_eq!(stage.bob.ask("view write"), denied);
    assert_eq!(stage.bob.ask("view read"), "0");
    assert_eq!(stage.bob.ask("read 5"), "bolts");
    assert_eq!(stage.bob.ask("write x"), code(Win32Error::NOACCESS));
    // Not the library's goodwill: the file itself.
    assert_eq!(stage.bob.ask(&format!("open-by-hand {ALICE}")), "true false");
    // He may look, also at the maximum that he may have.
    assert_eq!(stage.bob.ask(&format!("open {}", AccessMask::MAXIMUM_ALLOWED.0)), "0");
    assert_eq!(stage.bob.ask("view write"), denied);
    assert_eq!(stage.bob.ask("list"), format!("{ALICE} Some(\"shared\") true."));
    // A second create asks for writing, as its protection says.
    assert_eq!(stage.bob.ask("create-default"), denied);
}

#[test]
fn a_writer_shares_and_a_stranger_is_kept_out() {
    let Some(mut stage) = Stage::new("writer") else { return };
    let denied = code(Win32Error::ACCESS_DENIED);
    assert_eq!(stage.alice.ask("create-default"), "0");
    for access in [READ, WRITE, READ | WRITE, AccessMask::MAXIMUM_ALLOWED.0] {
        assert_eq!(stage.bob.ask(&format!("open {access}")), denied);
    }
    assert_eq!(stage.bob.ask(&format!("open-by-hand {ALICE}")), "false false");
    assert_eq!(stage.bob.ask("list"), ".", "not even that it is there");
    assert_eq!(stage.alice.ask("drop"), "0");
    let sddl = format!("D:(A;;GA;;;S-1-22-1-{ALICE})(A;;GRGW;;;S-1-22-1-{BOB})");
    assert_eq!(stage.alice.ask(&format!("create {sddl}")), "0");
    assert_eq!(stage.alice.ask("view write"), "0");
    assert_eq!(stage.bob.ask(&format!("open {}", READ | WRITE)), "0");
    assert_eq!(stage.bob.ask("view write"), "0");
    assert_eq!(stage.bob.ask("write both"), "0");
    assert_eq!(stage.alice.ask("read 4"), "both");
    // The name is alive as long as either holds it.
    stage.alice.kill();
    assert_eq!(stage.bob.ask("read 4"), "both");
    assert_eq!(stage.bob.ask(&format!("open {READ}")), "0");
    assert_eq!(stage.bob.ask("drop"), "0");
    assert_eq!(stage.bob.ask(&format!("open {READ}")), code(Win32Error::FILE_NOT_FOUND));
    assert_eq!(stage.bob.ask("create-default"), "0");
}

/// The maker of a name says which file it means, and who opens it does so with rights of his own.
#[test]
fn nobody_is_led_to_a_file_that_the_maker_has_not() {
    let Some(mut stage) = Stage::new("led") else { return };
    let read = "4";
    for (owner, expected) in [(ALICE, Win32Error::SUCCESS), (BOB, Win32Error::ACCESS_DENIED)] {
        let path = stage.base.join(format!("of-{owner}"));
        std::fs::write(&path, b"contents").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        chown(&path, Some(owner), Some(owner)).unwrap();
        // Alice may read it, whosever it is.
        assert_eq!(stage.alice.ask(&format!("create-of-file {}", path.display())), "0");
        assert_eq!(stage.bob.ask(&format!("open-of-file {read}")), code(expected), "a file of {owner}");
        assert_eq!(stage.alice.ask("drop"), "0");
        assert_eq!(stage.bob.ask("drop"), "0");
    }
}
