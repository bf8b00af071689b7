//! `ennead mapping`: make shared memory, and look into it, from a shell.

mod create;
mod dump;
mod hexadecimal;
mod show;
mod watch;
mod write;

use ennead_mapping::inspect::Layout;
use ennead_mapping::{Error, FileMapping, GRANULARITY, View, ViewAccess, ViewError, ViewOptions};
use ennead_security::AccessMask;
use ennead_status::Win32Error;

use crate::arguments::{MappingVerb, Window};
use crate::failure::{Failure, WithCauses};

/// Does what the command line says.
pub fn run(verb: MappingVerb, json: bool) -> Result<(), Failure> {
    match verb {
        MappingVerb::Create(options) => create::create(&options, json),
        MappingVerb::Show { name } => show::show(name.as_deref(), json),
        MappingVerb::Dump { name, window } => dump::dump(&name, &window, json),
        MappingVerb::Watch { name, window, every, times } => watch::watch(&name, &window, every, times, json),
        MappingVerb::Write(options) => write::write(&options, json),
    }
}

/// How much is shown of a mapping where nothing was said.
const USUAL: u64 = 512;
/// The most that is shown at once.
const MOST: u64 = 1 << 28;

/// A part of a file mapping, mapped, and what it means.
struct Part {
    view: View,
    /// Where the part begins in the view, which begins at a multiple of the granularity.
    start: usize,
    len: usize,
    /// Where it begins in the mapping.
    at: u64,
    layout: Option<Layout>,
}

impl Part {
    fn open(name: &str, window: &Window, access: ViewAccess) -> Result<Self, Failure> {
        let right = match access {
            ViewAccess::Read | ViewAccess::Copy => AccessMask::GENERIC_READ,
            ViewAccess::Write => AccessMask::GENERIC_READ | AccessMask::GENERIC_WRITE,
        };
        let mapping = FileMapping::open(name, right).map_err(|error| failure(name, &error))?;
        let layout = window.layout.as_deref().map(Layout::parse).transpose();
        let layout = layout.map_err(|error| Failure::misused(format!("--as: {error}")))?;
        let rest = mapping.size().checked_sub(window.at).filter(|&rest| rest > 0);
        let rest = rest.ok_or_else(|| outside(name, mapping.size()))?;
        let len = match (window.len, &layout) {
            (Some(len), _) => len,
            (None, Some(layout)) => layout.len() as u64,
            (None, None) => USUAL.min(rest),
        };
        if len == 0 || len > rest || len > MOST {
            return Err(outside(name, mapping.size()));
        }
        let base = window.at - window.at % GRANULARITY;
        let start = (window.at - base) as usize;
        let options = ViewOptions::new(access).offset(base).len(start + len as usize);
        let view = mapping.view_with(&options).map_err(|error| failure(name, &error))?;
        Ok(Self { view, start, len: len as usize, at: window.at, layout })
    }

    fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        self.view.to_vec(self.start, self.len).map_err(|error| view_failure(name, error))
    }
}

fn outside(name: &str, size: u64) -> Failure {
    Failure::misused(format!("{name} has {size} bytes, and that is not a part of them"))
        .next("say a part of it with --at and --len; `ennead mapping dump` shows at most 256 MiB at once")
}

/// An error with the mapping's name, its code, and what to do next.
fn failure(name: &str, error: &Error) -> Failure {
    let code = error.win32();
    let failure = Failure::coded(format!("{name}: {}", WithCauses(error)), code);
    match code {
        Win32Error::FILE_NOT_FOUND => {
            failure.next("start the program that makes it, or see which there are: `ennead mapping show`")
        }
        Win32Error::INVALID_HANDLE => {
            failure.next("the name is that of another kind of object: see `ennead ls object`")
        }
        Win32Error::COMMITMENT_LIMIT => {
            failure.next("ask for less, or reserve it with --reserve and commit what is used")
        }
        _ => failure,
    }
}

fn view_failure(name: &str, error: ViewError) -> Failure {
    let failure = Failure::coded(format!("{name}: {error}"), error.win32());
    match error {
        ViewError::NotCommitted => failure.next("see which parts are: `ennead mapping show NAME`"),
        _ => failure,
    }
}
