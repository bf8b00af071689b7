//! A place of each test's own, and child programs that are told what to do line by line.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ennead_namespace::{Kind, Root};
use ennead_sync::{
    Event, EventOptions, Mutex, MutexOptions, Outcome, Place, Semaphore, SemaphoreOptions, SharedObject,
    Wait, Waitable, wait_all, wait_any,
};

/// Longer than anything here takes; when it is over, something hangs.
pub const WATCHDOG: Duration = Duration::from_secs(60);

const FOLDER: &str = "ENNEAD_TEST_FOLDER";
/// The machine's root, where the test has one of its own.
pub const GLOBAL: &str = "ENNEAD_TEST_GLOBAL";

/// A folder on a tmpfs, removed with everything in it.
pub struct Playground {
    path: PathBuf,
}

impl Playground {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = PathBuf::from(format!("/dev/shm/ennead-sync-test-{}-{count}", std::process::id()));
        std::fs::create_dir(&path).expect("/dev/shm must be there");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn place(&self) -> Place {
        Place::at(&self.path).unwrap()
    }

    /// How many entries there are, dead ones included.
    pub fn files(&self) -> usize {
        std::fs::read_dir(self.path.join("object")).map_or(0, Iterator::count)
    }

    pub fn event(&self, name: &str) -> Event {
        EventOptions::new().place(&self.place()).create(name).unwrap()
    }

    pub fn manual_event(&self, name: &str) -> Event {
        EventOptions::new().manual().place(&self.place()).create(name).unwrap()
    }

    pub fn semaphore(&self, name: &str, initial: u32, maximum: u32) -> Semaphore {
        SemaphoreOptions::new(initial, maximum).place(&self.place()).create(name).unwrap()
    }

    pub fn mutex(&self, name: &str) -> Mutex {
        MutexOptions::new().place(&self.place()).create(name).unwrap()
    }

    /// A child program in this place.
    pub fn player(&self) -> Player {
        Player::start(&self.path, |_| {})
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// A child program. See [`play`] for what it understands.
pub struct Player {
    child: Child,
    commands: ChildStdin,
    lines: Receiver<String>,
}

impl Player {
    pub fn start(folder: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        Self::start_program(&std::env::current_exe().unwrap(), folder, prepare)
    }

    /// The same from a copy of this program.
    pub fn start_program(program: &Path, folder: &Path, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(program);
        command.args(["--exact", "player", "--nocapture", "--test-threads=1"]).env(FOLDER, folder);
        prepare(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok).filter(|line| line.starts_with('@')) {
                let _ = sender.send(line[1..].to_owned());
            }
        });
        let commands = child.stdin.take().unwrap();
        Self { child, commands, lines }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something.
    pub fn tell(&mut self, command: &str) {
        self.commands.write_all(format!("{command}\n").as_bytes()).unwrap();
    }

    /// What it answers next.
    pub fn hear(&self) -> String {
        self.lines.recv_timeout(WATCHDOG).expect("the player answers")
    }

    /// What a dead one has still answered, in turn.
    pub fn last_words(&self) -> Option<String> {
        self.lines.recv().ok()
    }

    /// Whether it has answered.
    pub fn has_answered(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// Tells it something and gives its answer.
    pub fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.hear()
    }

    /// Tells it to wait for something, and comes back when it sleeps in the kernel.
    pub fn lay(&mut self, command: &str) {
        self.tell(command);
        until(|| self.is_asleep());
    }

    /// Whether the thread that plays sleeps on a futex.
    pub fn is_asleep(&self) -> bool {
        let call = self.of_player("syscall");
        let futex = if cfg!(target_arch = "x86_64") { "202" } else { "98" };
        [futex, "449"].contains(&call.split(' ').next().unwrap_or_default())
    }

    /// How often the thread that plays has gone to sleep.
    pub fn sleeps(&self) -> u64 {
        let status = self.of_player("status");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse().unwrap()
    }

    fn of_player(&self, file: &str) -> String {
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{}/task", self.id())) else { return String::new() };
        let read = |task: &std::fs::DirEntry, name: &str| {
            std::fs::read_to_string(task.path().join(name)).unwrap_or_default()
        };
        let player = tasks.flatten().find(|task| read(task, "comm").trim_end() == "player");
        player.map(|task| read(&task, file)).unwrap_or_default()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for something, under the watchdog.
pub fn until(mut done: impl FnMut() -> bool) {
    let end = Instant::now() + WATCHDOG;
    while !done() {
        assert!(Instant::now() < end, "it never came");
        std::thread::yield_now();
    }
}

enum Thing {
    Event(Event),
    Semaphore(Semaphore),
    Mutex(Mutex),
}

impl Thing {
    fn waitable(&self) -> &dyn Waitable {
        match self {
            Self::Event(event) => event,
            Self::Semaphore(semaphore) => semaphore,
            Self::Mutex(mutex) => mutex,
        }
    }
}

/// What a child program does: `event NAME`, `mutex NAME`, `manual NAME`, `semaphore NAME INITIAL MAXIMUM` (create or open),
/// `timed …` (any of the others, answered with the times before and after, in nanoseconds),
/// `inherit KIND AS TEXT`, `set|reset|pulse NAME`, `release NAME BY`, `wait|try|all|tryall NAME…` (any or all of them), `drop NAME`, `list` (how many objects live). Each is answered.
pub fn play() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let global = std::env::var_os(GLOBAL).map(|path| Root::global_at(path).unwrap());
    let place = Place::new(Root::at(folder).unwrap(), global);
    let mut things: HashMap<String, Thing> = HashMap::new();
    // The harness has written a part of a line.
    println!();
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let mut words: Vec<&str> = line.split(' ').collect();
        let timed = words[0] == "timed";
        if timed {
            words.remove(0);
        }
        let start = ennead_sys::clock::monotonic();
        let mut answer = obey(&place, &mut things, &words);
        if timed {
            answer = format!("{start} {} {answer}", ennead_sys::clock::monotonic());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(format!("@{answer}\n").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

fn obey(place: &Place, things: &mut HashMap<String, Thing>, words: &[&str]) -> String {
    let event = |name: &str| match things.get(name) {
        Some(Thing::Event(event)) => event,
        _ => panic!("no event {name}"),
    };
    let number = |text: &str| text.parse::<u32>().unwrap();
    let outcome = |result: Result<(), ennead_sync::ChangeError>| match result {
        Ok(()) => "done".to_owned(),
        Err(error) => format!("{:?}", error.win32()),
    };
    let thing = match *words {
        ["mutex", name] => MutexOptions::new().place(place).create(name).map(Thing::Mutex),
        ["event", name] => EventOptions::new().place(place).create(name).map(Thing::Event),
        ["manual", name] => EventOptions::new().manual().place(place).create(name).map(Thing::Event),
        ["semaphore", name, initial, maximum] => SemaphoreOptions::new(number(initial), number(maximum))
            .place(place)
            .create(name)
            .map(Thing::Semaphore),
        ["inherit", "event", _, told] => {
            Event::join_at(place, SharedObject::inherited(told).unwrap()).map(Thing::Event)
        }
        ["inherit", "semaphore", _, told] => {
            Semaphore::join_at(place, SharedObject::inherited(told).unwrap()).map(Thing::Semaphore)
        }
        ["set", name] => return outcome(event(name).set()),
        ["reset", name] => return outcome(event(name).reset()),
        ["pulse", name] => return outcome(event(name).pulse()),
        ["release", name] => {
            let Some(Thing::Mutex(mutex)) = things.get(name) else { panic!("no mutex {name}") };
            return outcome(mutex.release());
        }
        ["release", name, by] => {
            let Some(Thing::Semaphore(semaphore)) = things.get(name) else { panic!("no semaphore {name}") };
            return outcome(semaphore.release(number(by)).map(drop));
        }
        ["wait" | "try" | "all" | "tryall", ref names @ ..] => {
            let objects: Vec<&dyn Waitable> = names.iter().map(|name| things[*name].waitable()).collect();
            let wait = if words[0].starts_with("try") { Wait::Never } else { Wait::Forever };
            let all = words[0].ends_with("all");
            let outcome = if all { wait_all(&objects, wait) } else { wait_any(&objects, wait) };
            return match outcome {
                Ok(Outcome::Signaled(n)) => format!("signaled {n}"),
                Ok(Outcome::Abandoned(n)) => format!("abandoned {n}"),
                Ok(other) => format!("{other:?}"),
                Err(error) => format!("{:?}", error.win32()),
            };
        }
        ["list"] => {
            let root = Root::at(std::env::var_os(FOLDER).unwrap()).unwrap();
            return root.list(Kind::OBJECT).unwrap().entries.len().to_string();
        }
        ["drop", name] => {
            things.remove(name);
            return "done".to_owned();
        }
        _ => panic!("{words:?}"),
    };
    match thing {
        Ok(thing) => {
            let name = if words[0] == "inherit" { words[2] } else { words[1] };
            things.insert(name.to_owned(), thing);
            "done".to_owned()
        }
        Err(error) => format!("{:?}", error.win32()),
    }
}
