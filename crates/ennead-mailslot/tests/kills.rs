//! SIGKILL at any instant: what was written is there, nothing half, and nothing is left behind.

mod support;

use ennead_mailslot::{Place, list_in};
use ennead_status::Win32Error;
use support::{Role, Root, listen, role, say, watchdog};

const NAME: &str = r"\\.\mailslot\killed";

/// What the child does until it is killed.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    let open = || ennead_mailslot::ClientOptions::new().place(&place).open(NAME).unwrap();
    let create = || ennead_mailslot::MailslotOptions::new().place(&place).create(NAME).unwrap();
    match role.as_str() {
        "writer" => {
            let client = open();
            for n in 0u64.. {
                let message: Vec<u8> = n.to_le_bytes().repeat(1 + n as usize % 50);
                match client.write(&message) {
                    Ok(_) => say(n),
                    Err(error) if error.win32() == Win32Error::NOT_ENOUGH_QUOTA => {
                        say("full");
                        drop(listen());
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }
        "silent-writer" => {
            let client = open();
            client.write(b"there").unwrap();
            say("there");
            loop {
                let _ = client.write(&[7; 1000]);
            }
        }
        "server" => {
            let slot = create();
            say("there");
            drop(slot.read_message());
            say("read");
            drop(slot.read_message());
        }
        other => panic!("no role {other}"),
    }
}

#[test]
fn what_a_killed_writer_was_told_is_written_is_there() {
    let (root, _dog) = (Root::new("kill-writer"), watchdog());
    let slot = ennead_mailslot::MailslotOptions::new().place(&root.place).create(NAME).unwrap();
    for round in 0..20u64 {
        let mut writer = Role::start("child", "writer", &root.path);
        let mut last = 0;
        for _ in 0..=round * 3 {
            last = writer.hear().parse().unwrap();
        }
        writer.kill();
        let mut next = 0u64;
        // It may have written more than it could still say.
        while slot.info().unwrap().count > 0 {
            let message = slot.read_message().unwrap();
            assert_eq!(message, next.to_le_bytes().repeat(1 + next as usize % 50));
            next += 1;
        }
        assert!(next > last, "{next} messages, and it said that it had written {last} and more");
        assert_eq!(slot.writers(), 0);
    }
}

#[test]
fn a_thousand_kills_leave_nothing_behind() {
    let (root, _dog) = (Root::new("kill-thousand"), watchdog());
    let mut slot = Some(root.server().create(NAME).unwrap());
    for round in 0..1000u32 {
        if round % 100 == 0 {
            drop(slot.take());
            slot = Some(root.server().create(NAME).unwrap());
        }
        let server = slot.as_ref().unwrap();
        let mut writer = Role::start("child", "silent-writer", &root.path);
        assert_eq!(writer.hear(), "there");
        writer.kill();
        assert_eq!(server.read_message().unwrap(), b"there");
        while server.info().unwrap().count > 0 {
            assert_eq!(server.read_message().unwrap(), [7; 1000]);
        }
        assert_eq!(server.writers(), 0);
    }
    drop(slot);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_killed_server() {
    let _dog = watchdog();
    for step in 0..3 {
        let root = Root::new(&format!("kill-server-{step}"));
        let mut server = Role::start("child", "server", &root.path);
        assert_eq!(server.hear(), "there");
        let client = root.client().open(NAME).unwrap();
        if step > 0 {
            client.write(b"one").unwrap();
            assert_eq!(server.hear(), "read");
        }
        if step > 1 {
            server.wait_until_asleep();
        }
        server.kill();
        // Within a millisecond it may still take a message that nobody will read.
        let gone = loop {
            if let Err(error) = client.write(b"anybody there?") {
                break error;
            }
        };
        assert_eq!(gone.win32(), Win32Error::HANDLE_EOF);
        assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
        assert!(list_in(&root.place).unwrap().is_empty());
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
        let slot = root.server().create(NAME).unwrap();
        assert_eq!(slot.info().unwrap().count, 0);
    }
}
