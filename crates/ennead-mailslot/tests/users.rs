//! Two users and a descriptor: who may write. Needs root, to become others.

mod support;

use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use ennead_mailslot::handshake::Handshake;
use ennead_mailslot::{ClientOptions, Mailslot, MailslotOptions, Place, ReadTimeout};
use ennead_namespace::{Root, Roots};
use ennead_security::AccessMask;
use ennead_sys::{memfd, process, socket::Connection};
use support::{Role, listen, role, say};

const NAME: &str = r"\\.\mailslot\users";
const ALICE: u32 = 12_001;
const BOB: u32 = 12_002;

fn place(base: &Path) -> Place {
    let local = Root::at(base.join(format!("local-{}", process::effective_uid()))).unwrap();
    Place::new(Roots::new(local, Some(Root::global_at(base.join("global")).unwrap())))
}

/// A line in, a line out.
#[test]
fn child() {
    let Some((role, base)) = role() else { return };
    assert_eq!(role, "user");
    let place = place(&base);
    let mut slots: Vec<Mailslot> = Vec::new();
    loop {
        let line = listen();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb {
            "serve" => {
                let mut options = MailslotOptions::new().place(&place).read_timeout(ReadTimeout::NONE);
                if !rest.is_empty() {
                    options = options.security(&rest.parse().unwrap());
                }
                match options.create(NAME) {
                    Ok(slot) => {
                        slots.push(slot);
                        "0".to_owned()
                    }
                    Err(error) => error.win32().0.to_string(),
                }
            }
            "read" => match slots[0].read_message() {
                Ok(message) => String::from_utf8(message).unwrap(),
                Err(error) => error.win32().0.to_string(),
            },
            "send" => {
                let sent = ClientOptions::new()
                    .place(&place)
                    .open(NAME)
                    .and_then(|slot| slot.write(rest.as_bytes()));
                sent.map_or_else(|error| error.win32().0.to_string(), |_| "0".to_owned())
            }
            "lie" => lie(Path::new(rest)),
            "drop" => {
                slots.clear();
                "0".to_owned()
            }
            _ => return,
        };
        say(answer);
    }
}

/// Connects without looking at the descriptor, and writes.
fn lie(socket: &Path) -> String {
    let file = memfd::create_sealed("lie", 512 + 4096).unwrap();
    let memory = ennead_sys::mapping::Mapping::new(&file, 512 + 4096).unwrap();
    for (at, word) in [(0, u64::from_le_bytes(*b"ENNDmail")), (8, 1), (16, 4096), (512, 4), (128, 24)] {
        memory.copy_in(at, &word.to_ne_bytes());
    }
    match Connection::to(socket) {
        Ok(connection) => {
            let hello = Handshake { access: AccessMask::FILE_ALL_ACCESS.0, pid: 0 };
            connection.send(&hello.encode(), &[file.as_fd()]).unwrap();
            "0".to_owned()
        }
        Err(error) => format!("{error:?}"),
    }
}

struct Stage {
    base: PathBuf,
    alice: Role,
    bob: Role,
}

impl Stage {
    /// The name is short: a socket's path has 107 bytes.
    fn new(name: &str) -> Option<Self> {
        if process::effective_uid() != 0 {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "this test needs root");
            println!("skipped: this test needs root");
            return None;
        }
        let base = PathBuf::from(format!("/dev/shm/ems-{name}-{}", std::process::id()));
        std::fs::create_dir(&base).unwrap();
        std::fs::create_dir(base.join("global")).unwrap();
        let mode = std::fs::Permissions::from_mode;
        std::fs::set_permissions(base.join("global"), mode(0o1777)).unwrap();
        for uid in [ALICE, BOB] {
            let local = base.join(format!("local-{uid}"));
            std::fs::create_dir(&local).unwrap();
            std::fs::set_permissions(&local, mode(0o700)).unwrap();
            chown(&local, Some(uid), Some(uid)).unwrap();
        }
        let user = |uid| {
            let mut command = Role::command("child", "user", &base);
            command.uid(uid).gid(uid);
            Role::spawn(command)
        };
        let (alice, bob) = (user(ALICE), user(BOB));
        Some(Self { base, alice, bob })
    }

    fn alice(&mut self, line: &str) -> String {
        self.alice.tell(line);
        self.alice.hear()
    }

    fn bob(&mut self, line: &str) -> String {
        self.bob.tell(line);
        self.bob.hear()
    }

    /// A slot of alice's with this descriptor, and what bob gets who sends to it.
    fn outcome(&mut self, sddl: &str) -> String {
        assert_eq!(self.alice(&format!("serve {sddl}")), "0");
        let code = self.bob("send hello");
        assert_eq!(self.alice("read"), if code == "0" { "hello" } else { "121" }, "{sddl}");
        self.alice("drop");
        code
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

#[test]
fn the_descriptor_decides_who_writes() {
    let Some(mut stage) = Stage::new("write") else { return };
    // The default: the creator, the system and the administrators.
    assert_eq!(stage.outcome(""), "5");
    // Who admits nobody else is not seen by anybody else.
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)"), "2");
    assert_eq!(
        stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GR;;;WD)"),
        "2",
        "reading is nothing for a client"
    );
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GW;;;WD)"), "0");
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GW;;;S-1-22-1-12002)"), "0");
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GW;;;S-1-22-1-12003)"), "5");
    assert_eq!(stage.outcome("D:(D;;GW;;;S-1-22-1-12002)(A;;GA;;;WD)"), "5");
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GW;;;S-1-22-2-12002)"), "0");
}

#[test]
fn who_claims_what_it_may_not_writes_nothing() {
    let Some(mut stage) = Stage::new("lie") else { return };
    assert_eq!(stage.alice("serve D:(D;;0x4;;;S-1-22-1-12002)(A;;GA;;;WD)"), "0");
    let folder = stage.base.join(format!("global/{ALICE}/mailslot/.sockets"));
    let socket = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        stage.bob(&format!("lie {}", socket.display())),
        "0",
        "the kernel cannot tell these rights apart"
    );
    assert_eq!(stage.alice("read"), "121");
    stage.alice("drop");
    assert_eq!(stage.alice("serve D:(D;;0x2;;;S-1-22-1-12002)(A;;GA;;;WD)"), "0");
    let folder = stage.base.join(format!("global/{ALICE}/mailslot/.sockets"));
    let socket = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    assert_eq!(stage.bob(&format!("lie {}", socket.display())), "Denied");
    assert_eq!(stage.alice("read"), "121");
}

#[test]
fn another_users_dead_slot_is_in_nobodys_way() {
    let Some(mut stage) = Stage::new("dead") else { return };
    const OPEN: &str = "serve D:(A;;GA;;;WD)";
    assert_eq!(stage.alice(OPEN), "0");
    assert_eq!(stage.bob(OPEN), "183");
    assert_eq!(stage.bob("send x"), "0");
    stage.alice.kill();
    assert_eq!(stage.bob("send x"), "2");
    assert_eq!(stage.bob(OPEN), "0");
    assert_eq!(stage.bob("send x"), "0");
    assert_eq!(stage.bob("read"), "x");
}
