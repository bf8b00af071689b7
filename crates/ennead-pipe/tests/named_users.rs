//! Two users and a descriptor: who may connect, with what, and who may serve. Needs root, to become others.

mod support;

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use ennead_namespace::{Root, Roots};
use ennead_pipe::named::{
    Client, ClientOptions, Direction, Instance, Place, ServerOptions, handshake::Handshake,
};
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use ennead_sys::{process, socket::Connection};
use support::{Role, listen, role, say};

const NAME: &str = r"\\.\pipe\users";
const ALICE: u32 = 12_001;
const BOB: u32 = 12_002;
const READ: u32 = AccessMask::GENERIC_READ.0;
const WRITE: u32 = AccessMask::GENERIC_WRITE.0;

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
    let (mut servers, mut clients): (Vec<Instance>, Vec<Client>) = (Vec::new(), Vec::new());
    loop {
        let line = listen();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let code = |code: Win32Error| code.0.to_string();
        let answer = match verb {
            "serve" => {
                let mut options = ServerOptions::new().messages().place(&place);
                if let Some(sddl) = rest.strip_prefix("outbound ") {
                    options = options.direction(Direction::Outbound).security(sddl.parse().unwrap());
                } else if !rest.is_empty() {
                    options = options.security(rest.parse().unwrap());
                }
                match options.create(NAME) {
                    Ok(server) => {
                        servers.push(server);
                        "0".to_owned()
                    }
                    Err(error) => code(error.win32()),
                }
            }
            "open" => {
                let access = AccessMask(rest.parse().unwrap());
                match ClientOptions::new().place(&place).access(access).open(NAME) {
                    Ok(client) => {
                        clients.push(client);
                        "0".to_owned()
                    }
                    Err(error) => code(error.win32()),
                }
            }
            "open-default" => match ClientOptions::new().place(&place).open(NAME) {
                Ok(_) => "0".to_owned(),
                Err(error) => error.to_string(),
            },
            "open-read-only" => match ClientOptions::new().place(&place).read_only().messages().open(NAME) {
                Ok(client) => client.granted().contains(AccessMask::FILE_WRITE_ATTRIBUTES).to_string(),
                Err(error) => error.to_string(),
            },
            "who" => match servers[0].try_connect() {
                Ok(Some(_)) => servers[0].client_info().unwrap().peer.uid.to_string(),
                Ok(None) => "nobody".to_owned(),
                Err(error) => code(error.win32()),
            },
            "count" => servers[0].current_instances().unwrap().to_string(),
            "lie" => lie(Path::new(rest)),
            "drop" => {
                servers.clear();
                clients.clear();
                "0".to_owned()
            }
            _ => return,
        };
        say(answer);
    }
}

/// Connects without looking at the descriptor, and claims every right.
fn lie(sockets: &Path) -> String {
    let everything = Handshake {
        access: AccessMask::FILE_ALL_ACCESS.0,
        quality: ennead_pipe::impersonation::SecurityQuality::default(),
        pid: 0,
        session: 0,
        computer: String::new(),
    };
    let parameters = ennead_channel::Parameters {
        framing: ennead_channel::Framing::Messages,
        capacity_to_server: 4096,
        capacity_to_client: 4096,
    };
    let (_endpoint, parts) = ennead_channel::create(&parameters).unwrap();
    // One of the sockets is the waiting room, which listens to nobody.
    for socket in std::fs::read_to_string(sockets).unwrap().lines() {
        match Connection::to(Path::new(socket)) {
            Ok(connection) => connection.send(&everything.encode(), &parts.as_fds()).unwrap(),
            Err(error) => return format!("{error:?}"),
        }
    }
    "0".to_owned()
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
        let base = PathBuf::from(format!("/dev/shm/ennead-users-{name}-{}", std::process::id()));
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

    fn bob_opens(&mut self, access: u32) -> String {
        self.bob(&format!("open {access}"))
    }

    /// A pipe of alice's with this descriptor, and what bob gets for reading, for writing, for both.
    fn outcome(&mut self, sddl: &str) -> [String; 3] {
        [READ, WRITE, READ | WRITE].map(|access| {
            assert_eq!(self.alice(&format!("serve {sddl}")), "0");
            let code = self.bob_opens(access);
            if code == "0" {
                assert_eq!(self.alice("who"), BOB.to_string());
            }
            self.alice("drop");
            self.bob("drop");
            code
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.base);
    }
}

#[test]
fn the_descriptor_decides_who_connects() {
    let Some(mut stage) = Stage::new("connect") else { return };
    // Whoever is not admitted at all does not even see a private pipe.
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)"), ["2", "2", "2"]);
    assert_eq!(stage.outcome("D:(A;;GA;;;WD)"), ["0", "0", "0"]);
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GA;;;S-1-22-1-12003)"), ["5", "5", "5"]);
    assert_eq!(stage.outcome("D:(D;;0x2;;;S-1-22-1-12002)(A;;GA;;;WD)"), ["0", "5", "5"]);
    assert_eq!(stage.outcome("D:(A;;GA;;;S-1-22-1-12001)(A;;GR;;;S-1-22-2-12002)"), ["0", "5", "5"]);
    // The default: everyone may read.
    assert_eq!(stage.outcome(""), ["0", "5", "5"]);
}

#[test]
fn a_right_of_its_own_to_create_instances() {
    let Some(mut stage) = Stage::new("create") else { return };
    assert_eq!(stage.alice("serve D:(A;;GA;;;S-1-22-1-12001)(A;;GRGW;;;S-1-22-1-12002)"), "0");
    assert_eq!(stage.bob("serve"), "0", "FILE_GENERIC_WRITE includes FILE_CREATE_PIPE_INSTANCE");
    assert_eq!(stage.alice("count"), "2");
    stage.bob("drop");
    assert_eq!(stage.alice("count"), "1");
    stage.alice("drop");
    // Everything but that right.
    assert_eq!(stage.alice("serve D:(A;;GA;;;S-1-22-1-12001)(A;;0x12019B;;;S-1-22-1-12002)"), "0");
    assert_eq!(stage.bob("serve"), "5");
    assert_eq!(stage.bob_opens(READ), "0");
}

#[test]
fn a_client_that_claims_what_it_may_not() {
    let Some(mut stage) = Stage::new("lie") else { return };
    assert_eq!(stage.alice("serve D:(D;;0x2;;;S-1-22-1-12002)(A;;GA;;;WD)"), "0");
    let folder = stage.base.join(format!("global/{ALICE}/pipe/.sockets"));
    let sockets: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().to_string_lossy().into_owned())
        .collect();
    assert_eq!(sockets.len(), 2);
    let list = stage.base.join("sockets");
    std::fs::write(&list, sockets.join("\n")).unwrap();
    assert_eq!(stage.bob(&format!("lie {}", list.display())), "0");
    assert_eq!(stage.alice("who"), "nobody");
    assert_eq!(stage.bob_opens(READ), "0");
    assert_eq!(stage.alice("who"), BOB.to_string());
}

#[test]
fn another_users_dead_pipe_is_in_nobodys_way() {
    let Some(mut stage) = Stage::new("dead") else { return };
    assert_eq!(stage.alice("serve D:(A;;GA;;;WD)"), "0");
    assert_eq!(stage.bob_opens(READ), "0");
    stage.alice.kill();
    stage.bob("drop");
    assert_eq!(stage.bob_opens(READ), "2");
    assert_eq!(stage.bob("serve D:(A;;GA;;;WD)"), "0");
    assert_eq!(stage.bob_opens(READ), "0");
    assert_eq!(stage.bob("who"), BOB.to_string());
}

#[test]
fn who_may_only_read_is_told_to_ask_for_that() {
    let Some(mut stage) = Stage::new("reading") else { return };
    assert_eq!(stage.alice("serve"), "0");
    let refused = stage.bob("open-default");
    assert!(refused.contains("ask for read_only()"), "{refused}");
    assert_eq!(stage.bob("open-read-only"), "false", "opened, without the right to change the modes");
    assert_eq!(stage.alice("drop"), "0");
    assert_eq!(stage.alice("serve D:(A;;GRGW;;;WD)"), "0");
    assert_eq!(stage.bob("open-read-only"), "true");
}
