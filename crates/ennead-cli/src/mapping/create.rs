//! `ennead mapping create`: makes shared memory, or maps a file under a name, and holds it until it is ended.

use std::fs::File;

use ennead_mapping::{FileMapping, MappingOptions, PageProtection, ViewAccess};
use ennead_security::SecurityDescriptor;
use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::{failure, view_failure};
use crate::arguments::CreateMapping;
use crate::failure::Failure;
use crate::output;
use crate::visible::{json_line, visible, visible_path};

/// Makes it and waits for a signal.
pub fn create(options: &CreateMapping, json: bool) -> Result<(), Failure> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])
        .map_err(|error| Failure::system("cannot watch for signals", &error))?;
    let mapping = make(options)?;
    announce(&mapping, json)?;
    // Its end is what ends it.
    let signal = signals.forever().next();
    drop(mapping);
    signal.map_or(Ok(()), |signal| Err(Failure::Signal(signal)))
}

fn make(options: &CreateMapping) -> Result<FileMapping, Failure> {
    let name = &options.name;
    let file = match &options.file {
        Some(path) => {
            let opened = File::options().read(true).write(!options.read_only).open(path);
            Some(opened.map_err(|error| {
                Failure::system(format!("cannot open the file {}", visible_path(path)), &error)
            })?)
        }
        None => None,
    };
    let initial = match &options.from {
        Some(path) => std::fs::read(path).map_err(|error| {
            Failure::system(format!("cannot read the file {}", visible_path(path)), &error)
        })?,
        None => Vec::new(),
    };
    let size = match (options.size, &file) {
        (Some(size), _) => size,
        (None, Some(_)) => 0,
        (None, None) if !initial.is_empty() => initial.len() as u64,
        (None, None) => return Err(Failure::misused("say how large it shall be: --size BYTES")),
    };
    let mut how = match &file {
        Some(file) => MappingOptions::file(file).size(size),
        None => MappingOptions::memory(size),
    };
    if options.read_only {
        how = how.protection(PageProtection::ReadOnly);
    }
    if options.reserve {
        how = how.reserve();
    }
    if let Some(sddl) = &options.security {
        let descriptor: SecurityDescriptor = sddl.parse().map_err(|error| {
            Failure::misused(format!("--security: {error}")).next(r#"for example "D:(A;;GR;;;WD)""#)
        })?;
        how = how.security(descriptor);
    }
    let mapping = how.create(name).map_err(|error| failure(name, &error))?;
    if !initial.is_empty() && !mapping.already_existed() {
        let view = mapping.view(ViewAccess::Write).map_err(|error| failure(name, &error))?;
        view.commit(0..initial.len().min(view.len())).map_err(|error| failure(name, &error))?;
        view.write(0, &initial).map_err(|error| view_failure(name, error))?;
    }
    Ok(mapping)
}

fn announce(mapping: &FileMapping, json: bool) -> Result<(), Failure> {
    let (name, size) = (mapping.name().unwrap_or_default(), mapping.size());
    if json {
        let made = json!({
            "name": name, "size": size, "existed": mapping.already_existed(),
            "protection": mapping.protection().name(),
        });
        return Ok(output::line(&json_line(&made))?);
    }
    let how = if mapping.already_existed() { "existed already, and is held" } else { "is there" };
    Ok(output::line(&format!("{} {how} until this is ended: {size} bytes", visible(&name)))?)
}
