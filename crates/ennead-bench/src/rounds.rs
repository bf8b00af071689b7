//! The run: for each workload and placement, rounds in which ours and every peer take turns.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::options::Options;
use crate::peer::wine::Wine;
use crate::peer::{self, Peer};
use crate::placement::{Cores, Placement};
use crate::plan::{CPU_LIMIT, CPU_LIMIT_NS, NO_PEER, Unit, Workload, target};
use crate::process::{Course, Values, run_pairs};
use crate::report::Row;
use crate::statistics::Summary;
use crate::workload::{Role, Task};

/// Measures what the options ask for, and hands out each row as soon as it is known.
///
/// # Errors
/// The scratch directory cannot be made, or `report` fails. A contender that cannot run is a row with its reason.
pub fn run(options: &Options, report: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    let run = Run::prepare(options)?;
    for (workload, placement) in options.cells() {
        for row in run.measure(workload, placement) {
            report(&row)?;
        }
    }
    Ok(())
}

struct Run<'a> {
    options: &'a Options,
    program: PathBuf,
    scratch: Scratch,
    wine: Result<Wine, String>,
}

/// One side of the comparison: its rounds so far, or why it has none.
struct Contender<'a> {
    name: &'a str,
    outcome: Result<Vec<Values>, String>,
}

impl<'a> Run<'a> {
    fn prepare(options: &'a Options) -> Result<Self> {
        let scratch = Scratch::new()?;
        let asked = options.cells().iter().any(|(workload, _)| workload.peers().contains(&"wine"));
        let wine = if !options.wants("wine") || !asked {
            Err("not asked for".to_owned())
        } else if options.quick && !options.names_wine() {
            Err("left out by --quick, for its start-up takes too long; --peer wine asks for it".to_owned())
        } else {
            Wine::prepare(&scratch.0).map_err(|error| format!("{error:#}"))
        };
        Ok(Self { options, program: env::current_exe()?, scratch, wine })
    }

    fn measure(&self, workload: Workload, placement: Placement) -> Vec<Row<'a>> {
        let mut contenders = self.contenders(workload, placement);
        match placement.cores() {
            Ok(cores) if workload == Workload::Blocked10s => {
                self.all_at_once(&mut contenders, workload, placement, &cores);
            }
            Ok(cores) => self.in_turns(&mut contenders, workload, placement, &cores),
            Err(error) => {
                for contender in &mut contenders {
                    contender.outcome = Err(format!("{error:#}"));
                }
            }
        }
        self.rows(workload, placement, &contenders)
    }

    /// Ours first, then the peers that are asked for.
    fn contenders(&self, workload: Workload, placement: Placement) -> Vec<Contender<'a>> {
        let ours = self.options.ours.as_str();
        let peers = workload.peers().iter().copied().filter(|name| self.options.wants(name));
        std::iter::once(ours)
            .chain(peers)
            .map(|name| Contender { name, outcome: self.can_run(name, workload, placement) })
            .collect()
    }

    fn can_run(&self, name: &str, workload: Workload, placement: Placement) -> Result<Vec<Values>, String> {
        match name {
            CPU_LIMIT => Ok(vec![vec![(Unit::Nanoseconds, CPU_LIMIT_NS)]; self.options.rounds()]),
            "wine" => self.wine.as_ref().map(|_| Vec::new()).map_err(Clone::clone),
            _ => match peer::named(name).map(|peer: &dyn Peer| peer.lacks(workload, placement)) {
                Ok(None) => Ok(Vec::new()),
                Ok(Some(reason)) => Err(reason.to_owned()),
                Err(error) => Err(format!("{error:#}")),
            },
        }
    }

    fn in_turns(
        &self,
        contenders: &mut [Contender<'_>],
        workload: Workload,
        placement: Placement,
        cores: &Cores,
    ) {
        if let Ok(wine) = &self.wine {
            // Where the ends share a core, their server shares it too; else it is free to move.
            if let Err(error) = wine.pin_server(cores) {
                eprintln!("ennead-bench: wineserver stays where it is: {error:#}");
            }
        }
        let count = contenders.len();
        for round in 0..self.options.rounds() {
            for turn in 0..count {
                // Each round begins with another contender, so that none always follows the same one.
                let contender = &mut contenders[(round + turn) % count];
                if contender.name == CPU_LIMIT {
                    continue;
                }
                let Ok(rounds) = &mut contender.outcome else { continue };
                match self.one_round(contender.name, workload, placement, cores) {
                    Ok(values) => rounds.push(values),
                    Err(error) => contender.outcome = Err(format!("{error:#}")),
                }
            }
        }
    }

    /// For what only sleeps: the rounds of all contenders lie beside each other.
    fn all_at_once(
        &self,
        contenders: &mut [Contender<'_>],
        workload: Workload,
        placement: Placement,
        cores: &Cores,
    ) {
        thread::scope(|scope| {
            let running: Vec<_> = contenders
                .iter_mut()
                .filter(|contender| contender.name != CPU_LIMIT && contender.outcome.is_ok())
                .map(|contender| {
                    let name = contender.name;
                    let rounds: Vec<_> = (0..self.options.rounds())
                        .map(|_| scope.spawn(move || self.one_round(name, workload, placement, cores)))
                        .collect();
                    (contender, rounds)
                })
                .collect();
            for (contender, rounds) in running {
                contender.outcome = rounds
                    .into_iter()
                    .map(|round| match round.join() {
                        Ok(values) => values.map_err(|error| format!("{error:#}")),
                        Err(panic) => std::panic::resume_unwind(panic),
                    })
                    .collect();
            }
        });
    }

    /// One figure of one contender. A death is one event, and the witness may be kept from seeing it, so that a round
    /// of those is the middle one of a few.
    fn one_round(
        &self,
        name: &str,
        workload: Workload,
        placement: Placement,
        cores: &Cores,
    ) -> Result<Values> {
        if workload != Workload::PeerDeath {
            return self.one_run(name, workload, placement, cores);
        }
        let mut deaths = Vec::new();
        for _ in 0..DEATHS {
            deaths
                .extend(self.one_run(name, workload, placement, cores)?.into_iter().map(|(_, value)| value));
        }
        let middle = Summary::of(&deaths).context("it gave no figure")?;
        Ok(vec![(Unit::Nanoseconds, middle.median)])
    }

    fn one_run(&self, name: &str, workload: Workload, placement: Placement, cores: &Cores) -> Result<Values> {
        let pairs = if placement == Placement::FourPairs { 4 } else { 1 };
        let places = (0..pairs).map(|_| self.scratch.place()).collect::<Result<Vec<_>>>()?;
        let commands = places
            .iter()
            .map(|place| {
                let command = |role| self.command(name, role, workload, placement, cores, &place.0);
                Ok((command(Role::Server)?, command(Role::Client)?))
            })
            .collect::<Result<Vec<_>>>()?;
        let course = if workload == Workload::PeerDeath { Course::KillTheClient } else { Course::ToTheEnd };
        run_pairs(commands, course, self.options.blocked_for() + LIMIT)
    }

    fn command(
        &self,
        name: &str,
        role: Role,
        workload: Workload,
        placement: Placement,
        cores: &Cores,
        place: &Path,
    ) -> Result<Command> {
        let task = Task {
            role,
            workload,
            placement,
            cores: (cores.server.clone(), cores.client.clone()),
            peer: name.to_owned(),
            place: place.to_owned(),
            window: self.options.window(),
            blocked_for: self.options.blocked_for(),
        };
        let mut command = Command::new(&self.program);
        command.env("ENNEAD_ROOT", place);
        match (&self.wine, name) {
            (Ok(wine), "wine") => wine.describe(&mut command, &task)?,
            _ => {
                command.arg(END_COMMAND).arg(serde_json::to_string(&task)?);
            }
        }
        Ok(command)
    }

    fn rows(&self, workload: Workload, placement: Placement, contenders: &[Contender<'a>]) -> Vec<Row<'a>> {
        let Some((ours, peers)) = contenders.split_first() else { return Vec::new() };
        let nobody =
            [Contender { name: NO_PEER, outcome: Err("no peer of this workload was asked for".to_owned()) }];
        let peers = if peers.is_empty() { &nobody } else { peers };
        let mut units = vec![workload.unit(placement)];
        for values in contenders.iter().filter_map(|contender| contender.outcome.as_ref().ok()).flatten() {
            for (unit, _) in values {
                if !units.contains(unit) {
                    units.push(*unit);
                }
            }
        }
        let mut rows = Vec::new();
        for unit in units {
            for peer in peers {
                rows.push(Row {
                    mechanism: self.options.mechanism,
                    workload,
                    placement,
                    unit,
                    ours: ours.summary(unit),
                    ours_by_round: ours.by_round(unit),
                    peer: peer.name,
                    peer_by_round: peer.by_round(unit),
                    theirs: peer.summary(unit),
                    target: target(workload, placement, unit, peer.name),
                });
            }
        }
        rows
    }
}

/// The word after which this program is an end of a pair.
pub const END_COMMAND: &str = "end";
/// The word after which this program pins itself and becomes another program.
pub const PINNED_COMMAND: &str = "pinned";

/// How many peers die in a round of [`Workload::PeerDeath`].
const DEATHS: usize = 3;

/// A pair that takes longer than this, and than its work, has hung.
const LIMIT: Duration = Duration::from_secs(40);

impl Contender<'_> {
    /// The figure of each round; both ends' parts and all pairs' parts added up.
    fn by_round(&self, unit: Unit) -> Vec<f64> {
        let Ok(rounds) = &self.outcome else { return Vec::new() };
        let of_round = |values: &Values| {
            let mut parts = values.iter().filter(|(of, _)| *of == unit).map(|(_, value)| *value).peekable();
            parts.peek().is_some().then(|| parts.sum())
        };
        rounds.iter().filter_map(of_round).collect()
    }

    fn summary(&self, unit: Unit) -> Result<Summary, String> {
        match &self.outcome {
            Err(reason) => Err(reason.clone()),
            Ok(_) => Summary::of(&self.by_round(unit)).ok_or_else(|| "it gave no figure".to_owned()),
        }
    }
}

/// A directory of this run, on a tmpfs where there is one; removed with all that is in it.
struct Scratch(PathBuf);

/// The scratch directory of one pair.
struct Place(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let base = if Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { env::temp_dir() };
        let path = base.join(format!("ennead-bench-{}", std::process::id()));
        make_private(&path)?;
        Ok(Self(path))
    }

    fn place(&self) -> Result<Place> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let path = self.0.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string());
        make_private(&path)?;
        Ok(Place(path))
    }
}

/// Ennead's roots must be nobody else's; a scratch directory is one.
fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path).with_context(|| format!("cannot make {}", path.display()))
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left behind at worst, in a directory that the system empties.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
