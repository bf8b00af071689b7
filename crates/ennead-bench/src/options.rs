//! What the command line asks for.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};

use crate::clock::Window;
use crate::peer;
use crate::placement::Placement;
use crate::plan::{Mechanism, Workload, peer_names};

/// Measures Ennead's mechanisms against other IPC, on this machine and in this run.
#[derive(Debug, Clone, Parser)]
#[command(name = "ennead-bench", version)]
pub struct Options {
    /// The mechanism to measure.
    #[arg(value_enum, default_value = "pipe")]
    pub mechanism: Mechanism,
    /// One JSON object a line instead of the table; remarks go to standard error.
    #[arg(long)]
    pub json: bool,
    /// At most a minute: short rounds, a reader blocked for 1 s instead of 10, and no Wine (its start-up alone takes
    /// that long; ask for it with `--peer wine`).
    #[arg(long)]
    pub quick: bool,
    /// Only this workload; may be repeated.
    #[arg(long, value_enum)]
    pub workload: Vec<Workload>,
    /// Only this peer; may be repeated. `none` runs ours alone.
    #[arg(long, value_parser = PossibleValuesParser::new(peer_names()))]
    pub peer: Vec<String>,
    /// Only this placement; may be repeated.
    #[arg(long, value_enum)]
    pub placement: Vec<Placement>,
    /// How many rounds, at least 1; 5 where not said.
    #[arg(long)]
    pub rounds: Option<usize>,
    /// Whom to put in Ennead's place: a diagnosis of the floors below a pipe, or of a peer against a peer.
    #[arg(long, default_value = "ennead", value_parser = PossibleValuesParser::new(peer::names()))]
    pub ours: String,
}

impl Options {
    /// The rounds of a measurement.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.rounds.unwrap_or(5).max(1)
    }

    /// How long a round warms up and counts.
    #[must_use]
    pub fn window(&self) -> Window {
        let (warm_up, measure) = if self.quick { (4, 16) } else { (40, 200) };
        Window { warm_up: Duration::from_millis(warm_up), measure: Duration::from_millis(measure) }
    }

    /// How long the blocked reader is blocked.
    #[must_use]
    pub fn blocked_for(&self) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { 10 })
    }

    /// The workloads and placements that are asked for, in the plan's order.
    #[must_use]
    pub fn cells(&self) -> Vec<(Workload, Placement)> {
        let wanted_workload = |w: &&Workload| {
            w.mechanism() == self.mechanism && (self.workload.is_empty() || self.workload.contains(w))
        };
        let wanted_placement = |p: &Placement| self.placement.is_empty() || self.placement.contains(p);
        Workload::value_variants()
            .iter()
            .filter(wanted_workload)
            .flat_map(|workload| workload.placements().iter().map(|placement| (*workload, *placement)))
            .filter(|(_, placement)| wanted_placement(placement))
            .collect()
    }

    /// Whether a peer is asked for.
    #[must_use]
    pub fn wants(&self, peer: &str) -> bool {
        self.peer.is_empty() || self.peer.iter().any(|wanted| wanted == peer)
    }

    /// Whether Wine was named on the command line.
    #[must_use]
    pub fn names_wine(&self) -> bool {
        self.peer.iter().any(|wanted| wanted == "wine")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_and_placements_have_the_report_names_on_the_command_line() {
        let line = "ennead-bench pipe --workload rtt-64B --workload oversubscribed --placement 4-pairs \
                    --placement one-core --peer uds-stream --quick --json";
        let options = Options::try_parse_from(line.split_whitespace()).expect("a valid line");
        assert_eq!(
            options.cells(),
            [(Workload::Rtt64B, Placement::OneCore), (Workload::Oversubscribed, Placement::FourPairs)]
        );
        assert!(options.wants("uds-stream") && !options.wants("wine"));
    }

    #[test]
    fn without_a_choice_everything_is_measured() {
        let options = Options::try_parse_from(["ennead-bench"]).expect("a valid line");
        assert_eq!(options.cells().len(), 5 * 2 + 1 + 2 + 1 + 1);
        assert!(options.wants("wine") && options.rounds() == 5);
    }
}
