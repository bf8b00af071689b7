//! Processes that are killed with file mappings in their hands, a thousand times: the names are free, the memory is returned, nobody else is disturbed.

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use ennead_mapping::{FileMapping, MappingOptions, Place, ViewAccess, rights};
use ennead_namespace::{Kind, Root as NamedRoot};
use ennead_status::Win32Error;
use support::{Role, Root, listen, role, say};

const ROUNDS: usize = 1000;

#[test]
fn child() {
    let Some((role, path)) = role() else { return };
    let place = Place::at(path).unwrap();
    let memory = || MappingOptions::memory(100_000).place(&place);
    match role.as_str() {
        "hold" => {
            let mapping = memory().create("held").unwrap();
            let view = mapping.view(ViewAccess::Write).unwrap();
            view.write(0, b"there").unwrap();
            say("ready");
            // Now only by a view.
            listen();
            drop(mapping);
            say("view");
            listen();
        }
        "come and go" => {
            say("ready");
            loop {
                let mapping = memory().create("often").unwrap();
                let view = mapping.view(ViewAccess::Write).unwrap();
                drop(mapping);
                let again = FileMapping::open_in(Some(&place), "often", rights::ALL_ACCESS).unwrap();
                drop(view);
                again.view(ViewAccess::Read).unwrap();
            }
        }
        _ => panic!("no such role"),
    }
}

#[test]
fn a_killed_holder_frees_the_name_at_once() {
    let root = Root::new();
    for by_view in [false, true] {
        let mut holder = Role::start("child", "hold", &root.path);
        holder.hear();
        if by_view {
            assert_eq!(holder.ask("go on"), "view");
        }
        let view = root.open("held", rights::READ).unwrap().view(ViewAccess::Read).unwrap();
        holder.kill();
        // Others go on.
        assert_eq!(view.to_vec(0, 5).unwrap(), b"there");
        root.open("held", rights::READ).unwrap();
        drop(view);
        let mut holder = Role::start("child", "hold", &root.path);
        holder.hear();
        holder.kill();
        let gone = root.open("held", rights::READ).unwrap_err();
        assert_eq!(gone.win32(), Win32Error::FILE_NOT_FOUND);
        // The file of a killed one stays until somebody looks; then nothing is left.
        assert_eq!(root.left_behind().len(), 1);
        assert_eq!(ennead_mapping::list_in(&root.place).unwrap(), []);
        assert_eq!(root.left_behind(), Vec::<PathBuf>::new());
        let fresh = root.memory(10).create("held").unwrap();
        assert!(!fresh.already_existed());
        assert_eq!(fresh.view(ViewAccess::Read).unwrap().to_vec(0, 5).unwrap(), [0; 5]);
    }
}

/// A thousand processes are killed somewhere in the middle of creating, mapping, opening and closing.
#[test]
fn a_thousand_kills_leave_nothing() {
    let root = Root::new();
    let mut kills = 0;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    while kills < ROUNDS {
        let mut workers: Vec<Child> = (0..4)
            .map(|_| {
                let mut command: Command = Role::command("child", "come and go", &root.path);
                command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        // Until some of them are at it; then a few more looks, as many as chance has it.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut looks = 1 + random % 64;
        while looks > 0 {
            match root.open("often", rights::READ) {
                Ok(mapping) => {
                    assert_eq!(mapping.size(), 100_000);
                    looks -= 1;
                }
                Err(error) => assert_eq!(error.win32(), Win32Error::FILE_NOT_FOUND, "{error:?}"),
            }
            assert!(workers.iter_mut().all(|worker| worker.try_wait().unwrap().is_none()), "one has failed");
        }
        for worker in &mut workers {
            worker.kill().unwrap();
            worker.wait().unwrap();
            kills += 1;
        }
    }
    assert_eq!(root.open("often", rights::READ).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    // One look by somebody fresh.
    NamedRoot::at(&root.path).unwrap().list(Kind::OBJECT).unwrap();
    assert_eq!(root.left_behind(), Vec::<PathBuf>::new());
    assert!(!root.memory(10).create("often").unwrap().already_existed());
}
