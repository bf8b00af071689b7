//! Random histories of several processes, some of which are killed, against a model that is written from the documentation.
//!
//! One after the other, every answer must be the model's. At the same time, there must be an order of all operations, each at one
//! instant between its call and its answer, in which every answer is the model's (linearizability, searched as Wing and Gong do); an operation whose process
//! was killed has happened or not. `ENNEAD_SEED` repeats the choices, though not the timing.

mod support;

use std::collections::HashSet;

use ennead_status::Win32Error;
use support::{Player, Playground};

const PLAYERS: usize = 3;
const OBJECTS: [&str; 6] = ["auto", "manual", "sema", "mutex1", "mutex2", "auto2"];
const MAXIMUM: u32 = 2;
const SEMAPHORE: usize = 2;

/// How many are killed in each of the histories.
const ROUNDS: u32 = if cfg!(debug_assertions) { 300 } else { 1_000 };

/// Not a test of its own: what the child processes run.
#[test]
fn player() {
    support::play();
}

/// Everything there is to know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Thing {
    Event { manual: bool, signaled: bool },
    Semaphore { count: u32 },
    Mutex { owner: Option<usize>, depth: u32, abandoned: bool },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Model([Thing; OBJECTS.len()]);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Call {
    Set(usize),
    Reset(usize),
    Pulse(usize),
    Post(u32),
    Free(usize),
    Any(Vec<usize>),
    All(Vec<usize>),
    /// The end of the player's process.
    Die,
}

impl Model {
    fn new() -> Self {
        let auto = Thing::Event { manual: false, signaled: false };
        let mutex = Thing::Mutex { owner: None, depth: 0, abandoned: false };
        let manual = Thing::Event { manual: true, signaled: false };
        Self([auto.clone(), manual, Thing::Semaphore { count: 0 }, mutex.clone(), mutex, auto])
    }

    fn is_ready(&self, object: usize, player: usize) -> bool {
        match &self.0[object] {
            Thing::Event { signaled, .. } => *signaled,
            Thing::Semaphore { count } => *count > 0,
            Thing::Mutex { owner, .. } => owner.is_none_or(|owner| owner == player),
        }
    }

    /// What a wait takes; whether it was abandoned.
    fn take(&mut self, object: usize, player: usize) -> bool {
        match &mut self.0[object] {
            Thing::Event { manual, signaled } => *signaled = *manual,
            Thing::Semaphore { count } => *count -= 1,
            Thing::Mutex { owner, depth, abandoned } => {
                *owner = Some(player);
                *depth += 1;
                return std::mem::take(abandoned);
            }
        }
        false
    }

    /// What the call answers here.
    fn call(&mut self, player: usize, call: &Call) -> String {
        let done = || "done".to_owned();
        match call {
            Call::Set(object) => self.signal(*object, true),
            Call::Reset(object) | Call::Pulse(object) => self.signal(*object, false),
            Call::Post(by) => {
                let Thing::Semaphore { count } = &mut self.0[SEMAPHORE] else { unreachable!() };
                if *count + by > MAXIMUM {
                    return format!("{:?}", Win32Error::TOO_MANY_POSTS);
                }
                *count += by;
                done()
            }
            Call::Free(object) => {
                let Thing::Mutex { owner, depth, .. } = &mut self.0[*object] else { unreachable!() };
                if *owner != Some(player) {
                    return format!("{:?}", Win32Error::NOT_OWNER);
                }
                *depth -= 1;
                if *depth == 0 {
                    *owner = None;
                }
                done()
            }
            Call::Any(objects) => match objects.iter().position(|&object| self.is_ready(object, player)) {
                None => "TimedOut".to_owned(),
                Some(index) if self.take(objects[index], player) => format!("abandoned {index}"),
                Some(index) => format!("signaled {index}"),
            },
            Call::All(objects) => {
                if !objects.iter().all(|&object| self.is_ready(object, player)) {
                    return "TimedOut".to_owned();
                }
                let mut first = None;
                for (index, &object) in objects.iter().enumerate() {
                    if self.take(object, player) {
                        first = first.or(Some(index));
                    }
                }
                first.map_or("signaled 0".to_owned(), |index| format!("abandoned {index}"))
            }
            Call::Die => {
                for thing in &mut self.0 {
                    if let Thing::Mutex { owner, depth, abandoned } = thing
                        && *owner == Some(player)
                    {
                        (*owner, *depth, *abandoned) = (None, 0, true);
                    }
                }
                String::new()
            }
        }
    }

    fn signal(&mut self, object: usize, on: bool) -> String {
        if let Thing::Event { signaled, .. } = &mut self.0[object] {
            *signaled = on;
        }
        "done".to_owned()
    }

    /// The model after the call, if it may answer this there; of a killed call nobody knows the answer.
    fn explains(&self, player: usize, call: &Call, answer: Option<&str>) -> Option<Self> {
        let mut next = self.clone();
        // A wait for any looks at one object after the other, without a moment that is the same for all: it must have found what it took.
        if let (Call::Any(objects), Some(answer)) = (call, answer)
            && objects.len() > 1
        {
            let Some((_, index)) = answer.split_once(' ') else { return Some(next) };
            let object = objects[index.parse::<usize>().unwrap()];
            let taken = next.is_ready(object, player) && next.take(object, player) == answer.starts_with('a');
            return (self.is_ready(object, player) && taken).then_some(next);
        }
        let expected = next.call(player, call);
        answer.is_none_or(|answer| answer == expected).then_some(next)
    }
}

impl Call {
    fn random(dice: &mut Dice) -> Self {
        let event = [0, 1, 5][dice.roll(3)];
        match dice.roll(10) {
            0 | 1 => Self::Set(event),
            2 => Self::Reset(event),
            3 => Self::Pulse(event),
            4 => Self::Post(1 + dice.roll(2) as u32),
            5 => Self::Free(3 + dice.roll(2)),
            6 => Self::Any(vec![dice.roll(OBJECTS.len())]),
            7 => Self::Any(dice.some()),
            _ => Self::All(dice.some()),
        }
    }

    fn command(&self) -> String {
        let names = |objects: &[usize]| objects.iter().map(|&n| OBJECTS[n]).collect::<Vec<_>>().join(" ");
        match self {
            Self::Set(object) => format!("set {}", OBJECTS[*object]),
            Self::Reset(object) => format!("reset {}", OBJECTS[*object]),
            Self::Pulse(object) => format!("pulse {}", OBJECTS[*object]),
            Self::Post(by) => format!("release {} {by}", OBJECTS[SEMAPHORE]),
            Self::Free(object) => format!("release {}", OBJECTS[*object]),
            Self::Any(objects) => format!("try {}", names(objects)),
            Self::All(objects) => format!("tryall {}", names(objects)),
            Self::Die => unreachable!("nobody is told to"),
        }
    }
}

fn prepared(play: &Playground) -> Player {
    let mut player = play.player();
    for command in
        ["event auto", "manual manual", "semaphore sema 0 2", "mutex mutex1", "mutex mutex2", "event auto2"]
    {
        assert_eq!(player.ask(command), "done");
    }
    player
}

#[test]
fn one_after_the_other_every_answer_is_the_models() {
    let play = Playground::new();
    let mut dice = Dice::new();
    let mut model = Model::new();
    let mut players: Vec<Player> = (0..PLAYERS).map(|_| prepared(&play)).collect();
    // What keeps the objects alive when all three are dead would be another history.
    let _holder = prepared(&play);
    for round in 0..ROUNDS {
        for _ in 0..10 {
            let who = dice.roll(PLAYERS);
            let call = Call::random(&mut dice);
            let expected = model.call(who, &call);
            assert_eq!(
                players[who].ask(&call.command()),
                expected,
                "round {round}, player {who}: {call:?} at {model:?}"
            );
        }
        let victim = dice.roll(PLAYERS);
        if dice.roll(4) == 0 {
            stop(&players[victim]);
        }
        players[victim].kill();
        model.call(victim, &Call::Die);
        players[victim] = prepared(&play);
    }
}

/// A call with its time.
struct Operation {
    player: usize,
    call: Call,
    start: u64,
    /// `None`: it was killed, or it ends with the history.
    end: Option<(u64, String)>,
}

#[test]
fn at_the_same_time_some_order_explains_every_answer() {
    let play = Playground::new();
    let mut dice = Dice::new();
    let mut models: HashSet<Model> = HashSet::from([Model::new()]);
    let mut players: Vec<Player> = (0..PLAYERS).map(|_| prepared(&play)).collect();
    let _holder = prepared(&play);
    for round in 0..ROUNDS {
        let calls: Vec<Vec<Call>> =
            (0..PLAYERS).map(|_| (0..5).map(|_| Call::random(&mut dice)).collect()).collect();
        let begin = ennead_sys::clock::monotonic();
        for (player, calls) in players.iter_mut().zip(&calls) {
            let lines: Vec<String> = calls.iter().map(|call| format!("timed {}", call.command())).collect();
            player.tell(&lines.join("\n"));
        }
        let victim = dice.roll(PLAYERS);
        spin(dice.roll(300) as u64 * 1_000);
        let killed = ennead_sys::clock::monotonic();
        if dice.roll(4) == 0 {
            stop(&players[victim]);
        }
        players[victim].kill();
        let dead = ennead_sys::clock::monotonic();
        let mut history = Vec::new();
        for (who, calls) in calls.into_iter().enumerate() {
            let mut last = begin;
            for call in calls {
                let answer =
                    if who == victim { players[who].last_words() } else { Some(players[who].hear()) };
                let end = answer.map(|answer| timed(&answer));
                let start = end.as_ref().map_or(last, |(start, ..)| *start);
                let silent = end.is_none();
                let end = end.map(|(_, end, answer)| (end, answer));
                last = end.as_ref().map_or(last, |(end, _)| *end);
                history.push(Operation { player: who, call, start, end });
                if silent {
                    // What came after it was never begun.
                    break;
                }
            }
        }
        history.push(Operation {
            player: victim,
            call: Call::Die,
            start: killed,
            end: Some((dead, String::new())),
        });
        models = explained(&models, &history);
        assert!(!models.is_empty(), "round {round}: no order explains\n{}", told(&history));
        players[victim] = prepared(&play);
    }
}

/// The models in which the history may have left everything.
fn explained(models: &HashSet<Model>, history: &[Operation]) -> HashSet<Model> {
    let all: u64 = (1 << history.len()) - 1;
    let mut ends = HashSet::new();
    let mut seen: HashSet<(u64, Model)> = HashSet::new();
    let mut stack: Vec<(u64, Model)> = models.iter().map(|model| (0, model.clone())).collect();
    while let Some((done, model)) = stack.pop() {
        if !seen.insert((done, model.clone())) {
            continue;
        }
        if done == all {
            ends.insert(model);
            continue;
        }
        let left = || (0..history.len()).filter(|n| done & 1 << n == 0);
        // Nothing goes before what had ended when it began.
        let first_end = left().filter_map(|n| history[n].end.as_ref().map(|(end, _)| *end)).min();
        for n in left() {
            let operation = &history[n];
            if first_end.is_some_and(|end| operation.start > end) {
                continue;
            }
            // Whoever dies does nothing afterwards.
            let dies = operation.call == Call::Die;
            if dies && left().any(|other| other != n && history[other].player == operation.player) {
                continue;
            }
            let answer = operation.end.as_ref().map(|(_, answer)| answer.as_str());
            if let Some(next) = model.explains(operation.player, &operation.call, answer) {
                stack.push((done | 1 << n, next));
            }
            if operation.end.is_none() {
                stack.push((done | 1 << n, model.clone()));
            }
        }
    }
    ends
}

fn timed(answer: &str) -> (u64, u64, String) {
    let mut parts = answer.splitn(3, ' ');
    let mut number = || parts.next().unwrap().parse().unwrap();
    (number(), number(), parts.next().unwrap().to_owned())
}

fn told(history: &[Operation]) -> String {
    let line = |operation: &Operation| {
        format!("{} {:?} from {} to {:?}", operation.player, operation.call, operation.start, operation.end)
    };
    history.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_thousand_kills_leave_nothing_behind() {
    let play = Playground::new();
    let mut dice = Dice::new();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let mut before = 0;
    for round in 0..1_000 {
        let mut player = prepared(&play);
        let others = dice.roll(2) == 0;
        player.tell(if others { "all auto manual" } else { "wait auto mutex1" });
        spin(dice.roll(100) as u64 * 1_000);
        player.kill();
        drop(player);
        if round == 10 {
            before = descriptors();
        }
    }
    assert!(descriptors() <= before, "descriptors are left behind");
    // A fresh process looks once.
    let mut fresh = play.player();
    assert_eq!(fresh.ask("list"), "0");
    assert_eq!(play.files(), 0);
}

fn stop(player: &Player) {
    let done = std::process::Command::new("sh")
        .args(["-c", &format!("kill -STOP {}", player.id())])
        .status()
        .unwrap();
    assert!(done.success());
}

fn spin(nanoseconds: u64) {
    let begin = ennead_sys::clock::monotonic();
    while ennead_sys::clock::monotonic() - begin < nanoseconds {
        std::hint::spin_loop();
    }
}

/// Small, fast, good enough to pick test steps: xorshift64*.
struct Dice(u64);

impl Dice {
    /// From `ENNEAD_SEED`, or a new seed, which is printed.
    fn new() -> Self {
        let seed = match std::env::var("ENNEAD_SEED") {
            Ok(text) => text.parse().expect("ENNEAD_SEED is a decimal number"),
            Err(_) => ennead_sys::process::random_u64().unwrap(),
        };
        println!("ENNEAD_SEED={seed}");
        Self(seed | 1)
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }

    /// Two or three different objects.
    fn some(&mut self) -> Vec<usize> {
        let mut objects: Vec<usize> = (0..OBJECTS.len()).collect();
        (0..2 + self.roll(2)).map(|_| objects.remove(self.roll(objects.len()))).collect()
    }
}
