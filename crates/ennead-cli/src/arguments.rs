//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Windows interprocess communication, native on Linux.
#[derive(Debug, Parser)]
#[command(name = "ennead", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 misused.")]
pub struct Arguments {
    /// Print JSON instead of text; errors too.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// See all of it work: three programs exchange an inventory and a file over each mechanism.
    Tour(Tour),
    /// List every named object: whose it is, who may use it.
    Ls {
        /// Only objects of this kind.
        kind: Option<ObjectKind>,
    },
    /// Remove what killed programs left behind; what is alive stays.
    Sweep,
    /// Make the machine-wide namespace Global\; needs root.
    Setup {
        /// Only say what would be done.
        #[arg(long)]
        dry_run: bool,
        /// Make it elsewhere: for tests.
        #[arg(long, hide = true)]
        path: Option<PathBuf>,
    },
    /// A part of the tour; started by it.
    #[command(hide = true)]
    TourProgram {
        /// Which of the three programs.
        role: ProgramRole,
    },
}

/// What the tour takes.
#[derive(Debug, clap::Args)]
pub struct Tour {
    /// A CSV file with a part, a quantity and a unit cost in each row (default: an inventory that ships with the program).
    #[arg(long, value_name = "FILE.csv")]
    pub inventory: Option<PathBuf>,
    /// The file that every mechanism moves (default: the largest shared library of the toolchain or the system).
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The folder for report.html and report.json.
    #[arg(long, value_name = "DIR", default_value = "ennead-report")]
    pub report: PathBuf,
    /// For tests: the inventory program opens this before it answers, and so waits there if it is a FIFO.
    #[arg(long, hide = true)]
    pub hold: Option<PathBuf>,
}

/// A kind of named objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ObjectKind {
    /// Named pipes.
    Pipe,
    /// Mailslots.
    Mailslot,
    /// Events, mutexes, semaphores, timers and sections.
    Object,
}

/// The three programs.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ProgramRole {
    /// Knows what is on stock.
    Inventory,
    /// Makes a table of it.
    Spreadsheet,
    /// Wants the table for its document.
    WordProcessor,
}
