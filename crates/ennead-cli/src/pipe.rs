//! `ennead pipe`: serve, use and list named pipes from a shell.

mod bridge;
mod call;
mod connect;
mod end;
mod list;
mod print;
mod run;
mod serve;

use ennead_pipe::named::{Error, Operation, Timeout};
use ennead_status::Win32Error;

use crate::arguments::PipeVerb;
use crate::failure::{Failure, WithCauses};

pub use print::Style;
pub use serve::{serve, watch};

/// Does what the command line says.
pub fn run(verb: PipeVerb, json: bool) -> Result<(), Failure> {
    match verb {
        PipeVerb::Serve(options) => serve(options, json),
        PipeVerb::Connect { name, message, timeout } => {
            connect::connect(&full_name(&name), message, patience(timeout), json)
        }
        PipeVerb::Call { name, message, timeout } => call::call(&full_name(&name), message, timeout, json),
        PipeVerb::List => list::list(json),
    }
}

/// `\\.\pipe\` may be left away.
fn full_name(name: &str) -> String {
    if name.starts_with(r"\\") || name.starts_with("//") {
        name.to_owned()
    } else {
        format!(r"\\.\pipe\{name}")
    }
}

/// How long to wait for a free instance; without a word, as long as the server said.
fn patience(milliseconds: Option<u64>) -> Timeout {
    milliseconds.map_or(Timeout::Default, |number| Timeout::For(std::time::Duration::from_millis(number)))
}

/// An error with the pipe's name, its code, and what to do next.
fn failure(name: &str, error: &Error) -> Failure {
    let code = error.win32();
    let failure = Failure::coded(format!("{name}: {}", WithCauses(error)), code);
    match code {
        Win32Error::FILE_NOT_FOUND => {
            failure.next("start its server, or see which pipes there are: `ennead pipe list`")
        }
        Win32Error::SEM_TIMEOUT if !matches!(error.operation, Operation::Open | Operation::Wait) => {
            failure.next("the server has not answered: wait longer with --timeout, or see what it does")
        }
        Win32Error::PIPE_BUSY | Win32Error::SEM_TIMEOUT => failure.next(
            "all instances are in use: wait longer with --timeout, or let the server have more --instances",
        ),
        Win32Error::INVALID_NAME => failure.next(
            r"a name is \\.\pipe\ and up to 247 characters, or just those characters; none of them NUL",
        ),
        Win32Error::BAD_PIPE => {
            failure.next("its server made it a byte-type pipe: use `ennead pipe connect`")
        }
        Win32Error::BAD_NETPATH => failure.next("only pipes of this machine can be reached so far"),
        _ => failure,
    }
}
