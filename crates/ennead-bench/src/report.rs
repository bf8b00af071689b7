//! What is shown: JSON lines in the format that the project's records use, or a table for people.

use std::fmt::Write as _;

use serde::Serialize;

use crate::placement::Placement;
use crate::plan::Mechanism;
use crate::plan::{Better, Unit, Workload};
use crate::statistics::Summary;

/// Ours against one peer, in one workload and placement.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// The mechanism that is measured.
    pub mechanism: Mechanism,
    /// The workload.
    pub workload: Workload,
    /// Where it ran.
    pub placement: Placement,
    /// What the figures count.
    pub unit: Unit,
    /// Ours, or why there is no figure.
    pub ours: Result<Summary, String>,
    /// Ours, round by round.
    pub ours_by_round: Vec<f64>,
    /// The peer's name.
    pub peer: &'a str,
    /// The peer's, or why there is no figure.
    pub theirs: Result<Summary, String>,
    /// The peer's, round by round.
    pub peer_by_round: Vec<f64>,
    /// The bound of the ratio, if there is one.
    pub target: Option<f64>,
}

impl Row<'_> {
    /// Ours divided by the peer's.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        match (&self.ours, &self.theirs) {
            (Ok(ours), Ok(theirs)) if theirs.median != 0.0 => Some(ours.median / theirs.median),
            _ => None,
        }
    }

    /// The ratios of the single rounds, summed up.
    #[must_use]
    pub fn ratio_by_round(&self) -> Option<Summary> {
        if self.ours_by_round.len() != self.peer_by_round.len() {
            return None;
        }
        let ratios: Vec<f64> =
            self.ours_by_round.iter().zip(&self.peer_by_round).map(|(ours, theirs)| ours / theirs).collect();
        Summary::of(&ratios)
    }

    /// Whether the target is met; `None` if there is no target or no ratio.
    #[must_use]
    pub fn met(&self) -> Option<bool> {
        Some(self.unit.better().meets(self.ratio()?, self.target?))
    }
}

/// The fields and their order are the format; whoever reads these lines depends on them.
#[derive(Serialize)]
struct Line<'a> {
    mechanism: &'static str,
    workload: Workload,
    placement: Placement,
    unit: Unit,
    better: Better,
    ennead: Option<f64>,
    peer: &'a str,
    peer_value: Option<f64>,
    ratio: Option<f64>,
    target: Option<f64>,
    /// Only where a figure is missing: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'a str>,
}

/// One JSON object, without a line end.
///
/// # Errors
/// None that is known; serialization cannot fail for these types.
pub fn json(row: &Row<'_>) -> serde_json::Result<String> {
    let value = |side: &Result<Summary, String>| side.as_ref().ok().map(|side| rounded(side.median, 3));
    serde_json::to_string(&Line {
        mechanism: row.mechanism.name(),
        workload: row.workload,
        placement: row.placement,
        unit: row.unit,
        better: row.unit.better(),
        ennead: value(&row.ours),
        peer: row.peer,
        peer_value: value(&row.theirs),
        ratio: row.ratio().map(|ratio| rounded(ratio, 5)),
        target: row.target,
        missing: row.theirs.as_ref().err().or(row.ours.as_ref().err()).map(String::as_str),
    })
}

fn rounded(value: f64, places: i32) -> f64 {
    let scale = 10f64.powi(places);
    (value * scale).round() / scale
}

/// The table, row by row, and what the targets came to.
#[derive(Debug, Default)]
pub struct Table {
    block: Option<(Workload, Placement, Unit)>,
    with_target: Vec<String>,
    missing: usize,
}

impl Table {
    /// The text of one more row, with a heading where a new block begins.
    pub fn row(&mut self, row: &Row<'_>) -> String {
        let mut text = String::new();
        let block = (row.workload, row.placement, row.unit);
        if self.block != Some(block) {
            self.block = Some(block);
            let better = match row.unit.better() {
                Better::Lower => "lower",
                Better::Higher => "higher",
            };
            let ours = side(&row.ours, row.unit);
            let _ = writeln!(
                text,
                "\n{}, {} ({}, {better} is better)",
                row.workload,
                row.placement,
                row.unit.name()
            );
            let _ = writeln!(text, "  {:<14} {ours}", "ennead");
        }
        let theirs = side(&row.theirs, row.unit);
        let _ = write!(text, "  {:<14} {theirs}", row.peer);
        if let Some(ratio) = row.ratio() {
            let pad = 32_usize.saturating_sub(theirs.chars().count());
            let spread = row
                .ratio_by_round()
                .map(|by_round| format!(" [{}–{}]", short(by_round.minimum), short(by_round.maximum)))
                .unwrap_or_default();
            let _ = write!(text, "{:pad$} ratio {:>6}{spread:<16}", "", short(ratio));
        }
        if let Some(target) = row.target {
            self.with_target.push(summary(row, target));
            let _ = write!(text, " {} {}", bound(row, target), verdict(row));
        }
        self.missing += usize::from(row.theirs.is_err());
        text.push('\n');
        text
    }

    /// The end of the table: every target again, in one place.
    #[must_use]
    pub fn end(&self) -> String {
        let mut text = String::from("\ntargets (ratio = ennead / peer)\n");
        for line in &self.with_target {
            text.push_str(line);
        }
        if self.missing > 0 {
            let _ = writeln!(text, "{} comparisons are missing; their rows say why", self.missing);
        }
        text
    }
}

fn summary(row: &Row<'_>, target: f64) -> String {
    format!(
        "  {:<14} {:<10} {:<14} ratio {:>6}  {:<14} {}\n",
        row.workload.to_string(),
        row.placement.to_string(),
        row.peer,
        row.ratio().map_or_else(|| "–".to_owned(), short),
        bound(row, target),
        verdict(row)
    )
}

fn bound(row: &Row<'_>, target: f64) -> String {
    match row.unit.better() {
        Better::Lower => format!("target ≤ {target}"),
        Better::Higher => format!("target ≥ {target}"),
    }
}

fn verdict(row: &Row<'_>) -> &'static str {
    match row.met() {
        Some(true) => "met",
        Some(false) => "NOT MET",
        None => "not measured",
    }
}

fn side(side: &Result<Summary, String>, unit: Unit) -> String {
    match side {
        Ok(summary) => format!(
            "{} [{}–{}]",
            figure(summary.median, unit),
            figure(summary.minimum, unit),
            figure(summary.maximum, unit)
        ),
        Err(reason) => format!("missing: {reason}"),
    }
}

/// A figure as people read it.
fn figure(value: f64, unit: Unit) -> String {
    let steps: &[(f64, &str)] = match unit {
        Unit::Nanoseconds | Unit::NanosecondsPerMessage => {
            &[(1e9, " s"), (1e6, " ms"), (1e3, " µs"), (1.0, " ns")]
        }
        Unit::BytesPerSecond => &[(1e9, " GB/s"), (1e6, " MB/s"), (1.0, " B/s")],
        Unit::MessagesPerSecond | Unit::RoundTripsPerSecond => &[(1e6, " M/s"), (1e3, " k/s"), (1.0, "/s")],
        Unit::Bytes => &[(1e6, " MB"), (1e3, " kB"), (1.0, " B")],
        Unit::Descriptors => &[(1.0, "")],
    };
    let (scale, suffix) =
        steps.iter().copied().find(|(scale, _)| value.abs() >= *scale).unwrap_or(steps[steps.len() - 1]);
    format!("{}{suffix}", short(value / scale))
}

/// Three significant digits, no exponent.
fn short(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 100.0 => format!("{value:.0}"),
        magnitude if magnitude >= 10.0 => format!("{value:.1}"),
        magnitude if magnitude >= 0.1 || magnitude == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(theirs: Result<Summary, String>) -> Row<'static> {
        let (ours, by_round) = (Summary::of(&[4000.0, 4100.0, 4200.0]), vec![4000.0, 4100.0, 4200.0]);
        Row {
            mechanism: Mechanism::Pipe,
            workload: Workload::Rtt64B,
            placement: Placement::TwoCores,
            unit: Unit::Nanoseconds,
            ours: ours.ok_or_else(String::new),
            ours_by_round: by_round,
            peer: "uds-seqpacket",
            theirs,
            peer_by_round: vec![8000.0, 8200.0, 8400.0],
            target: Some(0.7),
        }
    }

    #[test]
    fn the_json_line_is_the_recorded_format() {
        let theirs = Summary::of(&[8000.0, 8200.0, 8400.0]).ok_or_else(String::new);
        assert_eq!(
            json(&row(theirs)).expect("serializable"),
            r#"{"mechanism":"pipe","workload":"rtt-64B","placement":"two-cores","unit":"ns","better":"lower","ennead":4100.0,"peer":"uds-seqpacket","peer_value":8200.0,"ratio":0.5,"target":0.7}"#
        );
    }

    #[test]
    fn a_missing_peer_is_a_line_with_its_reason() {
        let line = json(&row(Err("no wine64 on PATH".to_owned()))).expect("serializable");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert!(line["peer_value"].is_null() && line["ratio"].is_null());
        assert_eq!(line["missing"], "no wine64 on PATH");
    }

    #[test]
    fn the_table_says_what_was_met_and_what_is_missing() {
        let mut table = Table::default();
        let theirs = Summary::of(&[8000.0, 8200.0, 8400.0]).ok_or_else(String::new);
        let text = table.row(&row(theirs));
        assert!(text.contains("target ≤ 0.7 met") && text.contains("4.10 µs [4.00 µs–4.20 µs]"), "{text}");
        assert!(table.row(&row(Err("why".to_owned()))).contains("missing: why"));
        assert!(table.end().contains("1 comparisons are missing"));
    }

    #[test]
    fn figures_are_scaled() {
        assert_eq!(figure(45_600.0, Unit::Nanoseconds), "45.6 µs");
        assert_eq!(figure(6.1e9, Unit::BytesPerSecond), "6.10 GB/s");
        assert_eq!(figure(0.0, Unit::Bytes), "0.00 B");
        assert_eq!(figure(20_000.0, Unit::Descriptors), "20000");
    }
}
