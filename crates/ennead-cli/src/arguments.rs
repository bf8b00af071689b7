//! The command line.

use std::ffi::OsString;
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
    /// Serve, use and list named pipes.
    #[command(subcommand)]
    Pipe(PipeVerb),
    /// Make shared memory, and look into it.
    #[command(subcommand)]
    Mapping(MappingVerb),
    /// Listen at mailslots, send to them, ask about them.
    #[command(subcommand)]
    Mailslot(MailslotVerb),
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

/// What to do with named pipes.
#[derive(Debug, Subcommand)]
pub enum PipeVerb {
    /// Create a pipe and serve its clients.
    Serve(Serve),
    /// Send standard input to a pipe's server, and its answers to standard output.
    Connect {
        /// The pipe: \\.\pipe\NAME, or just NAME.
        name: String,
        /// Send each line as a message, and print each message on a line.
        #[arg(long)]
        message: bool,
        /// Wait so many milliseconds for a free instance (default: as long as the server says).
        #[arg(long, value_name = "MS")]
        timeout: Option<u64>,
    },
    /// Send one message and print the answer.
    Call {
        /// The pipe: \\.\pipe\NAME, or just NAME.
        name: String,
        /// The message (default: all of standard input).
        message: Option<String>,
        /// Give up after so many milliseconds.
        #[arg(long, value_name = "MS")]
        timeout: Option<u64>,
    },
    /// List the pipes that somebody serves.
    List,
}

/// What serving takes.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The pipe: \\.\pipe\NAME, or just NAME.
    pub name: String,
    /// A message-type pipe; lines of standard input and output are messages.
    #[arg(long)]
    pub message: bool,
    /// So many clients at a time, up to 254; with --echo or --exec.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=254))]
    pub instances: u8,
    /// Who may use it: a security descriptor in SDDL (default: you and the system's administrators;
    /// everybody else may read).
    #[arg(long, value_name = "SDDL")]
    pub security: Option<String>,
    /// End after one client.
    #[arg(long)]
    pub once: bool,
    /// Send everything back. (Without this and --exec: one client, on standard input and output.)
    #[arg(long, conflicts_with = "exec")]
    pub echo: bool,
    /// Run a program for each client: the rest of the line.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    pub exec: Vec<OsString>,
}

/// What to do with file mappings.
#[derive(Debug, Subcommand)]
pub enum MappingVerb {
    /// Make shared memory, or map a file under a name, and hold it until this is ended.
    Create(CreateMapping),
    /// List the named file mappings, or show one closely.
    Show {
        /// The mapping: Local\NAME, Global\NAME, or just NAME.
        name: Option<String>,
    },
    /// Print a part of one.
    Dump {
        /// The mapping: Local\NAME, Global\NAME, or just NAME.
        name: String,
        #[command(flatten)]
        window: Window,
    },
    /// Print a part of one as it changes, what has changed lit up.
    Watch {
        /// The mapping: Local\NAME, Global\NAME, or just NAME.
        name: String,
        #[command(flatten)]
        window: Window,
        /// Look every so many milliseconds.
        #[arg(long, value_name = "MS", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
        every: u64,
        /// Look so many times (default: until this is ended).
        #[arg(long, value_name = "N")]
        times: Option<u64>,
    },
    /// Write a part of one.
    Write(WriteMapping),
}

/// Which part of a file mapping.
#[derive(Debug, clap::Args)]
pub struct Window {
    /// Where it begins, in bytes: decimal, or hexadecimal behind 0x.
    #[arg(long, value_name = "OFFSET", default_value = "0", value_parser = offset)]
    pub at: u64,
    /// How many bytes (default: what the layout takes, else 512).
    #[arg(long, value_name = "BYTES", value_parser = offset)]
    pub len: Option<u64>,
    /// What the bytes mean, as in f32,u16,str:32: u8 to u64, i8 to i64, f32, f64 (be behind it: big-endian), str:N, hex:N, pad:N.
    #[arg(long = "as", value_name = "LAYOUT")]
    pub layout: Option<String>,
}

/// What making a file mapping takes.
#[derive(Debug, clap::Args)]
pub struct CreateMapping {
    /// The mapping: Local\NAME, Global\NAME, or just NAME.
    pub name: String,
    /// How large: bytes, decimal or hexadecimal behind 0x (default: as large as the file, or what --from has).
    #[arg(long, value_name = "BYTES", value_parser = offset)]
    pub size: Option<u64>,
    /// Map this file, instead of memory.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// What is in the memory at first.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    pub from: Option<PathBuf>,
    /// For reading only.
    #[arg(long, conflicts_with = "from")]
    pub read_only: bool,
    /// Only reserve the memory: what is used must be committed (SEC_RESERVE).
    #[arg(long, conflicts_with = "file")]
    pub reserve: bool,
    /// Who may use it: a security descriptor in SDDL (default: you and the system's administrators).
    #[arg(long, value_name = "SDDL")]
    pub security: Option<String>,
}

/// What writing into a file mapping takes.
#[derive(Debug, clap::Args)]
pub struct WriteMapping {
    /// The mapping: Local\NAME, Global\NAME, or just NAME.
    pub name: String,
    /// A text, or the values of the layout (default: all of standard input).
    #[arg(allow_negative_numbers = true)]
    pub values: Vec<String>,
    /// Where, in bytes: decimal, or hexadecimal behind 0x.
    #[arg(long, value_name = "OFFSET", default_value = "0", value_parser = offset)]
    pub at: u64,
    /// These bytes, as pairs of hexadecimal digits.
    #[arg(long, value_name = "DIGITS", conflicts_with_all = ["values", "layout"])]
    pub hex: Option<String>,
    /// What the values are, as in f32,u16,str:32.
    #[arg(long = "as", value_name = "LAYOUT")]
    pub layout: Option<String>,
    /// Commit the pages first, where they are only reserved.
    #[arg(long)]
    pub commit: bool,
}

fn offset(text: &str) -> Result<u64, String> {
    ennead_mapping::inspect::unsigned(text)
        .ok_or_else(|| "a number of bytes: decimal, or hexadecimal behind 0x".to_owned())
}

/// What to do with mailslots.
#[derive(Debug, Subcommand)]
pub enum MailslotVerb {
    /// Create a mailslot and print each message on a line.
    Listen(Listen),
    /// Put a message into a mailslot.
    Send {
        /// The mailslot: \\.\mailslot\NAME, or just NAME.
        name: String,
        /// The message (default: all of standard input).
        message: Option<String>,
        /// Send each line of standard input as a message.
        #[arg(long, conflicts_with = "message")]
        lines: bool,
    },
    /// Tell of a mailslot, or of all: limits, server, who may write.
    Info {
        /// The mailslot: \\.\mailslot\NAME, or just NAME.
        name: Option<String>,
    },
}

/// What listening takes.
#[derive(Debug, clap::Args)]
pub struct Listen {
    /// The mailslot: \\.\mailslot\NAME, or just NAME.
    pub name: String,
    /// The most bytes of a message; 0: any.
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub max_message: u32,
    /// How many bytes of each writer may be unread (default: 1 MiB).
    #[arg(long, value_name = "BYTES")]
    pub budget: Option<u64>,
    /// End after so many messages.
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// Give up when no message has come for so many milliseconds.
    #[arg(long, value_name = "MS")]
    pub timeout: Option<u64>,
    /// Who may write: a security descriptor in SDDL (default: you and the system's administrators).
    #[arg(long, value_name = "SDDL")]
    pub security: Option<String>,
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
