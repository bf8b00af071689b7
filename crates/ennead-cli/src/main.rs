//! The program `ennead`: the tour that a newcomer runs first, and the operator's view of named objects.

#![forbid(unsafe_code)]

mod arguments;
mod failure;
mod ls;
mod mailslot;
mod mapping;
mod output;
mod pipe;
mod setup;
mod sweep;
mod tour;
mod visible;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, ProgramRole, Verb};
use failure::Failure;
use tour::Role;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error),
    };
    let json = arguments.json;
    let done = match arguments.command {
        Verb::Tour(options) => tour::run(&options, json),
        Verb::Mailslot(verb) => mailslot::run(verb, json),
        Verb::Pipe(verb) => pipe::run(verb, json),
        Verb::Mapping(verb) => mapping::run(verb, json),
        Verb::Ls { kind } => ls::run(kind, json),
        Verb::Sweep => sweep::run(json),
        Verb::Setup { dry_run, path } => setup::run(path, dry_run, json),
        Verb::TourProgram { role } => {
            return tour::play(match role {
                ProgramRole::Inventory => Role::Inventory,
                ProgramRole::Spreadsheet => Role::Spreadsheet,
                ProgramRole::WordProcessor => Role::WordProcessor,
            });
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(json),
    }
}

/// Help and version go to standard output and are no error; everything else is exit code 2.
fn misused(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && json {
        return Failure::misused(error.render().to_string().trim().trim_start_matches("error: ")).tell(true);
    }
    // Nobody is left to hear about a closed stream.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
