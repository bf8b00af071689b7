//! `ennead mapping show`: every named file mapping, or one of them closely.

use ennead_mapping::{Details, FileMapping, ListedMapping, ViewAccess, ViewOptions};
use ennead_namespace::Scope;
use ennead_security::AccessMask;
use serde_json::{Value, json};

use super::failure;
use crate::failure::{Failure, WithCauses};
use crate::output::{self, Column, Tone};
use crate::visible::{json_line, visible};

const COLUMNS: [Column; 5] = [
    Column { title: "name", right: false },
    Column { title: "size", right: true },
    Column { title: "protection", right: false },
    Column { title: "of", right: false },
    Column { title: "uid", right: true },
];

/// Shows one, or lists all.
pub fn show(name: Option<&str>, json: bool) -> Result<(), Failure> {
    match name {
        Some(name) => one(name, json),
        None => all(json),
    }
}

fn all(json: bool) -> Result<(), Failure> {
    let listed = ennead_mapping::list().map_err(|error| Failure::coded(WithCauses(&error), error.win32()))?;
    if json {
        let mappings: Vec<Value> = listed.iter().map(described).collect();
        return Ok(output::line(&json_line(&json!({ "mappings": mappings })))?);
    }
    let rows: Vec<_> = listed.iter().map(row).collect();
    Ok(output::table(&COLUMNS, &rows)?)
}

fn row(listed: &ListedMapping) -> Vec<(String, Tone)> {
    let known = |show: fn(&Details) -> String| match &listed.details {
        Some(details) => (show(details), Tone::Plain),
        None => ("–".into(), Tone::Faint),
    };
    vec![
        (visible(&name(listed)), Tone::Bold),
        known(|details| output::bytes(details.size)),
        known(|details| details.protection.name().to_owned()),
        known(|details| backing(details).to_owned()),
        (listed.uid.to_string(), Tone::Plain),
    ]
}

fn described(listed: &ListedMapping) -> Value {
    let mut object = json!({ "name": name(listed), "uid": listed.uid });
    if let Some(details) = &listed.details {
        object["size"] = details.size.into();
        object["protection"] = details.protection.name().into();
        object["of"] = backing(details).into();
    }
    object
}

fn name(listed: &ListedMapping) -> String {
    let prefix = match listed.scope {
        Scope::Local => "Local",
        Scope::Global => "Global",
    };
    format!(r"{prefix}\{}", listed.name.as_deref().unwrap_or("–"))
}

fn backing(details: &Details) -> &'static str {
    match (details.is_file, details.reserves) {
        (true, _) => "a file",
        (false, true) => "reserved memory",
        (false, false) => "memory",
    }
}

fn one(name: &str, json: bool) -> Result<(), Failure> {
    let wrong = |error: ennead_mapping::Error| failure(name, &error);
    let mapping = FileMapping::open(name, AccessMask::MAXIMUM_ALLOWED).map_err(wrong)?;
    let (committed, resident) = memory(&mapping).map_err(wrong)?;
    let sddl = mapping.security_descriptor().map(|descriptor| descriptor.to_string()).unwrap_or_default();
    let full = mapping.name().unwrap_or_default();
    let protection = mapping.protection().name();
    if json {
        let object = json!({
            "name": full, "size": mapping.size(), "protection": protection,
            "reserved": mapping.is_reserving(), "committed": committed, "in_memory": resident,
            "granted": format!("{:#x}", mapping.granted().0), "sddl": sddl,
        });
        return Ok(output::line(&json_line(&object))?);
    }
    let size = mapping.size();
    output::line(&format!("name        {}", visible(&full)))?;
    output::line(&format!("size        {size} bytes ({})", output::bytes(size)))?;
    output::line(&format!("protection  {protection}"))?;
    if let Some(committed) = committed.filter(|_| mapping.is_reserving()) {
        output::line(&format!("committed   {committed} bytes of what is reserved"))?;
    }
    if let Some(resident) = resident {
        output::line(&format!("in memory   {}", output::bytes(resident)))?;
    }
    output::line(&format!("descriptor  {}", visible(&sddl)))?;
    Ok(())
}

/// Where all of it is looked at, and not only its beginning.
const LOOKED_AT: u64 = 1 << 36;

/// How many bytes are committed, and how many are in memory, as far as that can be told.
fn memory(mapping: &FileMapping) -> ennead_mapping::Result<(Option<u64>, Option<u64>)> {
    let can_read = mapping.granted().intersects(ennead_mapping::rights::READ | ennead_mapping::rights::WRITE);
    if !can_read || mapping.size() > LOOKED_AT {
        return Ok((None, None));
    }
    let view = mapping.view_with(&ViewOptions::new(ViewAccess::Read))?;
    let (mut at, mut committed) = (0, 0u64);
    while at < view.len() {
        let Ok((is_committed, end)) = view.committed_run(at) else { break };
        if is_committed {
            committed += (end - at) as u64;
        }
        at = end;
    }
    let page = 4096;
    Ok((Some(committed), view.resident_pages().ok().map(|pages| pages as u64 * page)))
}
