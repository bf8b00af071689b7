//! Objects that two users share in `Global\\`.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use ennead_namespace::Root;
use ennead_sync::{EventOptions, Outcome, Place, SemaphoreOptions, Wait, Waitable, wait_all};
use support::{GLOBAL, Player, Playground};

const NOBODY: u32 = 65_534;

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

/// Two users' folders, and a machine's root for both.
struct Stage {
    play: Playground,
    program: PathBuf,
}

impl Stage {
    /// `None`: not root, which is said.
    fn new() -> Option<Self> {
        if ennead_sys::process::effective_uid() != 0 {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "this test must run as root, to start a process of another user"
            );
            println!("skipped: not root");
            return None;
        }
        let play = Playground::new();
        let open = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        open(play.path(), 0o755);
        for (name, mode) in [("global", 0o1777), ("mine", 0o700), ("theirs", 0o700)] {
            std::fs::create_dir(play.path().join(name)).unwrap();
            open(&play.path().join(name), mode);
        }
        std::os::unix::fs::chown(play.path().join("theirs"), Some(NOBODY), Some(NOBODY)).unwrap();
        // The build folder may be closed to others; a copy of this program is not.
        let program = play.path().join("program");
        std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
        open(&program, 0o755);
        Some(Self { play, program })
    }

    fn place(&self) -> Place {
        let global = Root::global_at(self.play.path().join("global")).unwrap();
        Place::new(Root::at(self.play.path().join("mine")).unwrap(), Some(global))
    }

    fn stranger(&self) -> Player {
        let global = self.play.path().join("global");
        Player::start_program(&self.program, &self.play.path().join("theirs"), |command| {
            command.env(GLOBAL, global).current_dir("/").uid(NOBODY).gid(NOBODY);
        })
    }
}

fn for_both() -> ennead_security::SecurityDescriptor {
    format!("O:S-1-22-1-0G:S-1-22-2-0D:(A;;GA;;;S-1-22-1-0)(A;;GA;;;S-1-22-1-{NOBODY})").parse().unwrap()
}

#[test]
fn a_descriptor_says_who_may_come_in() {
    let Some(stage) = Stage::new() else { return };
    let place = stage.place();
    let private = EventOptions::new().place(&place).create(r"Global\private").unwrap();
    let shared = EventOptions::new().place(&place).security(for_both()).create(r"Global\shared").unwrap();
    let mut stranger = stage.stranger();
    assert!(stranger.ask(r"event Global\private").contains("ACCESS_DENIED"));
    assert_eq!(stranger.ask(r"event Global\shared"), "done");
    stranger.lay(r"wait Global\shared");
    shared.set().unwrap();
    assert_eq!(stranger.hear(), "signaled 0");
    assert_eq!(stranger.ask(r"set Global\shared"), "done");
    assert_eq!(shared.wait(Wait::Forever).unwrap(), Outcome::Signaled(0));
    drop(private);
}

/// Each user's waits for all meet the other's tickets, and nothing is lost or taken twice, also when one is killed.
#[test]
fn two_users_wait_for_all_of_the_same() {
    let Some(stage) = Stage::new() else { return };
    let place = stage.place();
    let options = SemaphoreOptions::new(0, 10_000).place(&place).security(for_both());
    let (left, right) = (options.create(r"Global\l").unwrap(), options.create(r"Global\r").unwrap());
    let both: [&dyn Waitable; 2] = [&left, &right];
    for killed in [false, true] {
        let mut stranger = stage.stranger();
        stranger.ask(r"semaphore Global\l 0 1");
        stranger.ask(r"semaphore Global\r 0 1");
        const PAIRS: u32 = 600;
        left.release(PAIRS).unwrap();
        right.release(PAIRS).unwrap();
        for _ in 0..PAIRS / 2 {
            stranger.tell(r"tryall Global\r Global\l");
        }
        let mut ours = 0;
        while ours < PAIRS / 2 {
            ours += u32::from(wait_all(&both, Wait::Never).unwrap() == Outcome::Signaled(0));
            if killed && ours == PAIRS / 4 {
                stranger.kill();
            }
        }
        let theirs = if killed {
            None
        } else {
            Some((0..PAIRS / 2).filter(|_| stranger.hear() == "signaled 0").count())
        };
        let left_over = |semaphore: &ennead_sync::Semaphore| {
            (0..).take_while(|_| semaphore.wait(Wait::Never).unwrap() == Outcome::Signaled(0)).count()
        };
        let (in_left, in_right) = (left_over(&left), left_over(&right));
        assert_eq!(in_left, in_right, "pairs stay pairs");
        if let Some(theirs) = theirs {
            assert_eq!(theirs + in_left, PAIRS as usize / 2, "none is lost");
        }
    }
}
