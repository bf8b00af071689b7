//! The three programs of the scenario, each a process of its own: this binary, started again with a hidden subcommand.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use super::inventory::Inventory;
use super::job::{Account, Job, Outcome, Report, Role};
use super::line::{LineError, Link};
use super::mechanisms;
use super::protocol::Message;
use super::summary::{Adder, Line as SummaryLine, MOST_LINES, Summary};
use super::talk::Talk;

/// Plays `role`: hears its job on standard input, does it, and reports on standard output.
pub fn run(role: Role) -> ExitCode {
    let heard = Job::hear(&mut BufReader::new(io::stdin().lock()));
    let (job, inventory) = match heard {
        Ok(heard) => heard,
        Err(error) => {
            eprintln!(
                "this is a part of `ennead tour`, which starts it by itself (no job on standard input: {error})"
            );
            return ExitCode::from(2);
        }
    };
    hold_lifeline();
    let report = match play(role, &job, &inventory) {
        Ok(account) => Report::Done(account),
        Err(error) => Report::Failed { reason: error.reason, peer_gone: error.peer_gone },
    };
    let failed = matches!(report, Report::Failed { .. });
    let told = report.say(&mut io::stdout().lock());
    ExitCode::from(u8::from(failed || told.is_err()))
}

/// Ends this process when the conductor is gone, however that came about.
fn hold_lifeline() {
    std::thread::spawn(|| {
        let mut ignored = [0; 64];
        while io::stdin().read(&mut ignored).is_ok_and(|bytes| bytes > 0) {}
        std::process::exit(1);
    });
}

fn play(role: Role, job: &Job, inventory: &[u8]) -> Result<Account, LineError> {
    match role {
        Role::Inventory => keep_inventory(job, inventory),
        Role::Spreadsheet => keep_spreadsheet(job),
        Role::WordProcessor => write_document(job),
    }
}

fn leg(job: &Job) -> Result<&'static dyn super::line::Leg, LineError> {
    match mechanisms::leg(&job.leg) {
        Some(leg) => Ok(leg),
        None => Err(LineError::new(format!("there is no leg “{}”", job.leg))),
    }
}

fn ready() -> io::Result<()> {
    Report::Ready.say(&mut io::stdout().lock())
}

/// Answers what is on stock.
fn keep_inventory(job: &Job, bytes: &[u8]) -> Result<Account, LineError> {
    let inventory = Inventory::read(bytes).map_err(LineError::new)?;
    let leg = leg(job)?;
    let listener = leg.listen(job, Link::Stock)?;
    ready()?;
    let mut talk = Talk::new(listener.accept()?);
    loop {
        match talk.hear()? {
            Message::AskStock => {
                if let Some(path) = &job.hold {
                    File::open(Path::new(OsStr::from_bytes(path)))?;
                }
                talk.say(&Message::StockHead {
                    rows: inventory.parts.len() as u64,
                    grouped_by: inventory.grouped_by.clone(),
                    currency: inventory.currency.clone(),
                })?;
                for part in &inventory.parts {
                    talk.say(&Message::StockRow {
                        part: part.name.clone(),
                        group: part.group.clone(),
                        quantity: part.quantity,
                        unit_cost: part.unit_cost,
                    })?;
                }
            }
            Message::Done => {
                leg.beside(Role::Inventory, job, None)?;
                return Ok(talk.account());
            }
            other => return Err(unexpected(&other)),
        }
    }
}

/// Makes the table of what the inventory program says, and holds the file.
fn keep_spreadsheet(job: &Job) -> Result<Account, LineError> {
    let leg = leg(job)?;
    let listener = leg.listen(job, Link::Table)?;
    ready()?;
    let mut talk = Talk::new(listener.accept()?);
    let mut asked = Account::default();
    let mut table = None;
    loop {
        match talk.hear()? {
            Message::AskTable => match ask_stock(job, leg) {
                Ok((summary, account)) => {
                    asked = account;
                    say_table(&mut talk, &summary)?;
                    table = Some(summary);
                }
                Err(error) => {
                    // The word processor may be gone as well; the first cause is what counts.
                    let _ = talk.say(&Message::Refused { reason: error.reason.clone() });
                    return Err(error);
                }
            },
            Message::AskFile => {
                let file = File::open(Path::new(OsStr::from_bytes(&job.file)))?;
                talk.say(&Message::FileHead { length: job.file_length })?;
                talk.say_bulk(&mut file.take(job.file_length), job.file_length)?;
            }
            Message::Done => {
                leg.beside(Role::Spreadsheet, job, table.as_ref())?;
                return Ok(talk.account().and(&asked));
            }
            other => return Err(unexpected(&other)),
        }
    }
}

fn ask_stock(job: &Job, leg: &dyn super::line::Leg) -> Result<(Summary, Account), LineError> {
    let mut talk = Talk::new(leg.connect(job, Link::Stock)?);
    talk.say(&Message::AskStock)?;
    let (rows, grouped_by, currency) = match talk.hear()? {
        Message::StockHead { rows, grouped_by, currency } => (rows, grouped_by, currency),
        other => return Err(unexpected(&other)),
    };
    let too_large = |error: super::summary::TooLarge| LineError::new(error.to_string());
    let mut adder = Adder::default();
    for _ in 0..rows {
        match talk.hear()? {
            Message::StockRow { group, quantity, unit_cost, .. } => {
                adder.add(&group, quantity, unit_cost).map_err(too_large)?;
            }
            other => return Err(unexpected(&other)),
        }
    }
    talk.say(&Message::Done)?;
    Ok((adder.finish(&grouped_by, &currency).map_err(too_large)?, talk.account()))
}

fn say_table(talk: &mut Talk, summary: &Summary) -> Result<(), LineError> {
    talk.say(&Message::TableHead {
        lines: summary.lines.len() as u32,
        grouped_by: summary.grouped_by.clone(),
        currency: summary.currency.clone(),
    })?;
    for line in summary.lines.iter().chain([&summary.total]) {
        talk.say(&Message::TableLine {
            label: line.label.clone(),
            parts: line.parts,
            quantity: line.quantity,
            cost: line.cost,
        })?;
    }
    Ok(())
}

/// Asks for the table and the file, and says what arrived.
fn write_document(job: &Job) -> Result<Account, LineError> {
    let leg = leg(job)?;
    let mut talk = Talk::new(leg.connect(job, Link::Table)?);
    let asked = Instant::now();
    talk.say(&Message::AskTable)?;
    let summary = hear_table(&mut talk)?;
    let table_nanoseconds = nanoseconds_since(asked);

    let asked = Instant::now();
    talk.say(&Message::AskFile)?;
    let file_length = match talk.hear()? {
        Message::FileHead { length } => length,
        other => return Err(unexpected(&other)),
    };
    let mut hasher = blake3::Hasher::new();
    let (mut arrived, mut told) = (0u64, 0u64);
    let step = (file_length / 100).max(1 << 20);
    let mut conductor = Ok(());
    talk.hear_bulk(file_length, &mut |piece| {
        hasher.update(piece);
        arrived += piece.len() as u64;
        if arrived - told >= step && conductor.is_ok() {
            told = arrived;
            conductor = Report::Progress(arrived).say(&mut io::stdout().lock());
        }
    })?;
    conductor?;
    let file_digest = hasher.finalize().to_hex().to_string();
    let file_nanoseconds = nanoseconds_since(asked);
    if talk.digest_of_sender().is_some_and(|digest| digest != file_digest) {
        return Err(LineError::new("the two programs that have the file see different bytes"));
    }
    talk.say(&Message::Done)?;
    leg.beside(Role::WordProcessor, job, Some(&summary))?;

    let outcome = Outcome { summary, file_length: arrived, file_digest, table_nanoseconds, file_nanoseconds };
    Ok(Account { outcome: Some(Box::new(outcome)), ..talk.account() })
}

fn hear_table(talk: &mut Talk) -> Result<Summary, LineError> {
    let (count, grouped_by, currency) = match talk.hear()? {
        Message::TableHead { lines, grouped_by, currency } => (lines as usize, grouped_by, currency),
        other => return Err(unexpected(&other)),
    };
    if count > MOST_LINES {
        return Err(LineError::new(format!(
            "the table claims {count} lines, and at most {MOST_LINES} were agreed"
        )));
    }
    let mut lines = Vec::with_capacity(count + 1);
    for _ in 0..=count {
        match talk.hear()? {
            Message::TableLine { label, parts, quantity, cost } => {
                lines.push(SummaryLine { label, parts, quantity, cost });
            }
            other => return Err(unexpected(&other)),
        }
    }
    let total = lines.pop().unwrap_or_default();
    Ok(Summary { grouped_by, currency, lines, total })
}

fn unexpected(message: &Message) -> LineError {
    match message {
        // Whoever refuses reports its own reason, which is the first cause.
        Message::Refused { reason } => {
            LineError { reason: format!("was refused: {reason}"), peer_gone: true }
        }
        other => LineError::new(format!("the peer said something out of turn: {other:?}")),
    }
}

fn nanoseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
