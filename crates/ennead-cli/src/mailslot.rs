//! `ennead mailslot`: listen, send and ask, from a shell.

mod info;
mod listen;
mod send;

use ennead_mailslot::Error;

use crate::arguments::MailslotVerb;
use crate::failure::{Failure, WithCauses};

/// Does what the command line says.
pub fn run(verb: MailslotVerb, json: bool) -> Result<(), Failure> {
    match verb {
        MailslotVerb::Listen(options) => listen::listen(&options, json),
        MailslotVerb::Send { name, message, lines } => send::send(&full_name(&name), message, lines),
        MailslotVerb::Info { name } => info::info(name.as_deref(), json),
    }
}

/// `\\.\mailslot\` may be left away.
fn full_name(name: &str) -> String {
    if name.starts_with(r"\\") || name.starts_with("//") {
        name.to_owned()
    } else {
        format!(r"\\.\mailslot\{name}")
    }
}

fn failure(name: &str, error: &Error) -> Failure {
    Failure::coded(format!("{name}: {}", WithCauses(error)), error.win32())
}
