//! `ennead tour`: the scenario of the page that Ennead implements, with real processes and real data. A word processor asks
//! a spreadsheet for a summary table of manufacturing costs; the spreadsheet asks an inventory program for the current
//! stock levels; and a file goes along. Once over each mechanism that exists.

mod conductor;
mod inventory;
mod job;
mod legs;
mod line;
mod mechanisms;
mod money;
mod program;
mod programs;
mod progress;
mod protocol;
mod report;
mod sample;
mod signals;
mod summary;
mod table;
mod talk;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::arguments::Tour;
use crate::failure::Failure;
use crate::visible::visible_path;
use conductor::{Cargo, Ending, Events};
use inventory::Inventory;
use sample::Sample;
use summary::Summary;

pub use job::Role;
pub use programs::run as play;

/// Everything that the tour has found out; the table and both reports are views of it.
pub struct Findings {
    /// Where the inventory came from.
    pub source: String,
    /// It.
    pub inventory: Inventory,
    /// What it adds up to.
    pub summary: Summary,
    /// The file that was moved.
    pub sample: Sample,
    /// What became of each row of [`mechanisms::ALL`]; `None` where it is not built.
    pub legs: Vec<Option<Ending>>,
}

/// Runs the tour.
pub fn run(options: &Tour, json: bool) -> Result<(), Failure> {
    let events = signals::watch()?;
    let (source, bytes) = load_inventory(options.inventory.as_deref())?;
    let inventory = Inventory::read(&bytes).map_err(|reason| {
        Failure::new(format!("cannot use the inventory {source}: {reason}")).next(WANTED)
    })?;
    let summary = Summary::of(&inventory)
        .map_err(|reason| Failure::new(format!("cannot add up the inventory {source}: {reason}")))?;
    let folder = report::Folder::open(&options.report)?;

    let path = options.file.clone().unwrap_or_else(sample::default_path);
    let built = mechanisms::ALL.iter().filter(|mechanism| mechanism.leg.is_some()).count() as u64;
    let progress =
        progress::Progress::begin(std::fs::metadata(&path).map_or(0, |file| file.len()), built + 1);
    let sample = measure(&path, &events, &progress)?;
    let mut findings = Findings { source, inventory, summary, sample, legs: Vec::new() };
    for mechanism in &mechanisms::ALL {
        let Some(leg) = mechanism.leg else {
            findings.legs.push(None);
            continue;
        };
        progress.next(&mechanism.title());
        let cargo = Cargo {
            inventory: &bytes,
            summary: &findings.summary,
            sample: &findings.sample,
            hold: options.hold.as_deref(),
        };
        let ending = conductor::run(&mechanism.word(), leg, &cargo, &events, &mut |bytes| progress.at(bytes));
        if let Ending::Interrupted(signal) = ending {
            progress.end();
            return Err(interrupted(signal));
        }
        findings.legs.push(Some(ending));
    }
    progress.end();

    let written = folder.write(&findings)?;
    if json {
        crate::output::line(&report::json(&findings))?;
    } else {
        table::print(&findings, &written)?;
    }
    if findings.verified() { Ok(()) } else { Err(Failure::Told) }
}

const WANTED: &str =
    "the file needs a first line that names its columns, among them part, quantity and unit cost";

impl Findings {
    /// Whether every leg that exists verified.
    pub fn verified(&self) -> bool {
        self.legs.iter().flatten().all(|ending| matches!(ending, Ending::Verified(_)))
    }
}

/// The inventory's bytes, and what to call it.
fn load_inventory(path: Option<&Path>) -> Result<(String, Vec<u8>), Failure> {
    let Some(path) = path else {
        return Ok(("examples/data/inventory.csv, built in".into(), inventory::DEFAULT.to_vec()));
    };
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(inventory::LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| {
        Failure::system(format!("cannot read the inventory {}", visible_path(path)), &error)
            .next("name a CSV file after --inventory, or leave that away to use the one that ships with the program")
    })?;
    if bytes.len() as u64 > inventory::LARGEST {
        let most = crate::output::bytes(inventory::LARGEST);
        return Err(Failure::new(format!("the inventory {} is larger than {most}", visible_path(path))));
    }
    Ok((visible_path(path), bytes))
}

fn measure(path: &Path, events: &Events, progress: &progress::Progress) -> Result<Sample, Failure> {
    progress.next("reading the file");
    let (mut signal, mut read) = (None, 0);
    let measured = Sample::measure(path, &mut |bytes| {
        read += bytes;
        progress.at(read);
        signal = signals::pending(events);
        signal.is_none()
    });
    measured.map_err(|error| {
        progress.end();
        match signal {
            Some(signal) if error.kind() == io::ErrorKind::Interrupted => interrupted(signal),
            _ => Failure::system(format!("cannot use the file {}", visible_path(path)), &error)
                .next("name any regular file after --file"),
        }
    })
}

fn interrupted(signal: i32) -> Failure {
    use io::Write as _;
    let _ = writeln!(
        io::stderr(),
        "interrupted; the programs of the tour have been ended, and no report was written"
    );
    Failure::Signal(signal)
}
