//! The tour's end on the terminal: one table, and what there is to say about it.

use std::io;

use super::conductor::{Ending, Run};
use super::report::Written;
use super::{Findings, mechanisms};
use crate::output::{self, Column, Tone, toned};
use crate::visible::{shortened, visible, visible_path};

/// Broken rows that are shown; the reports hold all of them.
const SHOWN_BROKEN: usize = 5;

const COLUMNS: [Column; 7] = [
    Column { title: "mechanism", right: false },
    Column { title: "processes", right: true },
    Column { title: "messages", right: true },
    Column { title: "bytes", right: true },
    Column { title: "time", right: true },
    Column { title: "throughput", right: true },
    Column { title: "verified", right: false },
];

/// Prints it.
pub fn print(findings: &Findings, written: &Written) -> io::Result<()> {
    let rows: Vec<_> = mechanisms::ALL
        .iter()
        .zip(&findings.legs)
        .map(|(mechanism, leg)| row(&mechanism.title(), leg))
        .collect();
    output::table(&COLUMNS, &rows)?;
    output::line("")?;
    let colours = output::colours();
    for (mechanism, leg) in mechanisms::ALL.iter().zip(&findings.legs) {
        if let Some(Ending::Failed(_, reason)) = leg {
            let title = toned(&mechanism.title(), Tone::Bad, colours);
            output::line(&format!("{title}: {}", visible(reason)))?;
        }
    }
    let (inventory, total) = (&findings.inventory, &findings.summary.total);
    let parts = match inventory.parts.len() {
        1 => "1 part".into(),
        many => format!("{many} parts"),
    };
    let worth = format!("{} {}", total.cost, visible(&inventory.currency));
    output::line(&format!("inventory  {}", shortened(&findings.source, 68)))?;
    output::line(&format!("           {parts} worth {}", worth.trim_end()))?;
    for broken in inventory.broken.iter().take(SHOWN_BROKEN) {
        output::line(&format!("           line {} left out: {}", broken.line, visible(&broken.reason)))?;
    }
    if let Some(more) = inventory.broken.len().checked_sub(SHOWN_BROKEN).filter(|&more| more > 0) {
        output::line(&format!("           and {more} more rows; the report names each"))?;
    }
    let file = &findings.sample;
    output::line(&format!(
        "file       {} ({})",
        shortened(&visible_path(&file.path), 56),
        output::bytes(file.length)
    ))?;
    output::line(&format!("report     {}", visible_path(&written.html)))
}

fn row(title: &str, leg: &Option<Ending>) -> Vec<(String, Tone)> {
    let (run, verdict, tone) = match leg {
        None => (None, "not built", Tone::Faint),
        Some(Ending::Verified(run)) => (Some(run), "yes", Tone::Good),
        Some(Ending::Failed(run, _)) => (Some(run), "FAILED", Tone::Bad),
        Some(Ending::Interrupted(_)) => (None, "no", Tone::Bad),
    };
    let number = |show: fn(&Run) -> Option<String>| {
        let shown = run.and_then(show);
        let tone = if shown.is_some() { Tone::Plain } else { Tone::Faint };
        (shown.unwrap_or_else(|| "–".into()), tone)
    };
    let name = if leg.is_some() { Tone::Plain } else { Tone::Faint };
    vec![
        (title.to_owned(), name),
        number(|run| (!run.processes.is_empty()).then(|| run.processes.len().to_string())),
        number(|run| (run.sent.messages > 0).then(|| run.sent.messages.to_string())),
        number(|run| (run.sent.bytes > 0).then(|| output::bytes(run.sent.bytes))),
        number(|run| (!run.elapsed.is_zero()).then(|| output::duration(run.elapsed))),
        number(|run| run.bytes_per_second().map(|bytes| format!("{}/s", output::bytes(bytes)))),
        (verdict.to_owned(), tone),
    ]
}
