//! `ennead ls`: every named object that is alive, whose it is and who may use it.

use std::io::{self, Write as _};

use ennead_namespace::{Kind, Listed, Listing, Name, Observed, Root, Roots, Scope};
use ennead_pipe::named::{self, ListedPipe, UNLIMITED};
use ennead_security::SecurityDescriptor;
use serde_json::{Value, json};

use crate::arguments::ObjectKind;
use crate::failure::{Failure, WithCauses};
use crate::output::{self, Column, Tone};
use crate::visible::{json_line, visible};

/// The kinds of objects, and how their names are written.
const KINDS: [(ObjectKind, &str, Kind); 3] = [
    (ObjectKind::Pipe, "pipe", Kind::PIPE),
    (ObjectKind::Mailslot, "mailslot", Kind::MAILSLOT),
    (ObjectKind::Object, "object", Kind::OBJECT),
];

const COLUMNS: [Column; 7] = [
    Column { title: "kind", right: false },
    Column { title: "name", right: false },
    Column { title: "pid", right: true },
    Column { title: "command", right: false },
    Column { title: "uid", right: true },
    Column { title: "instances", right: true },
    Column { title: "sddl", right: false },
];

/// One object, as far as this user may know it.
struct Object {
    kind: &'static str,
    name: String,
    scope: Scope,
    uid: u32,
    known: Option<Known>,
}

struct Known {
    pid: u32,
    command: String,
    sddl: Option<String>,
    instances: Option<Instances>,
    /// Of a section, in bytes.
    size: Option<u64>,
}

/// Instances of a pipe.
struct Instances {
    current: u32,
    /// `None`: unlimited.
    maximum: Option<u32>,
}

/// Lists one kind, or all.
pub fn run(wanted: Option<ObjectKind>, json: bool) -> Result<(), Failure> {
    let roots = Roots::open()?;
    let pipes = match wanted {
        None | Some(ObjectKind::Pipe) => named::list().unwrap_or_default(),
        Some(ObjectKind::Mailslot | ObjectKind::Object) => Vec::new(),
    };
    let (mut objects, mut skipped) = (Vec::new(), Vec::new());
    for (argument, word, kind) in KINDS {
        if wanted.is_some_and(|wanted| wanted != argument) {
            continue;
        }
        for root in std::iter::once(&roots.local).chain(&roots.global) {
            let Listing { entries, skipped: left, .. } = root.list(kind)?;
            objects.extend(entries.iter().map(|entry| Object::of(word, root, entry, &pipes)));
            skipped
                .extend(left.into_iter().map(|left| (left.file_name, WithCauses(&left.reason).to_string())));
        }
    }
    if json {
        let skipped: Vec<Value> = skipped
            .iter()
            .map(|(file, reason)| json!({ "file": file.to_string_lossy(), "reason": reason }))
            .collect();
        let objects: Vec<Value> = objects.iter().map(Object::json).collect();
        return Ok(output::line(&json_line(&json!({ "objects": objects, "skipped": skipped })))?);
    }
    let rows: Vec<_> = objects.iter().map(Object::row).collect();
    output::table(&COLUMNS, &rows)?;
    for (file, reason) in skipped {
        let file = visible(&file.to_string_lossy());
        let _ = writeln!(io::stderr(), "left out: {file}: {}", visible(&reason));
    }
    Ok(())
}

impl Object {
    fn of(kind: &'static str, root: &Root, entry: &Listed, pipes: &[ListedPipe]) -> Object {
        let name = match &entry.name {
            Some(name) => full_name(kind, root.scope(), name),
            None => entry.file_name.to_string_lossy().into_owned(),
        };
        Object {
            kind: sort(kind, entry),
            name,
            scope: root.scope(),
            uid: entry.uid,
            known: entry.observed.as_ref().map(|seen| Known {
                size: ennead_mapping::describe(entry).map(|details| details.size),
                ..Known::of(seen, Instances::of(kind, root, entry, pipes))
            }),
        }
    }

    fn json(&self) -> Value {
        let known = self.known.as_ref();
        json!({
            "kind": self.kind,
            "name": self.name,
            "namespace": match self.scope {
                Scope::Local => "Local",
                Scope::Global => "Global",
            },
            "uid": self.uid,
            "pid": known.map(|known| known.pid),
            "command": known.map(|known| known.command.as_str()),
            "instances": known.and_then(|known| known.instances.as_ref()).map(|instances| {
                json!({ "current": instances.current, "maximum": instances.maximum })
            }),
            "size": known.and_then(|known| known.size),
            "sddl": known.and_then(|known| known.sddl.as_deref()),
        })
    }

    fn row(&self) -> Vec<(String, Tone)> {
        let cell = |text: Option<String>| match text {
            Some(text) => (visible(&text), Tone::Plain),
            None => ("–".to_owned(), Tone::Faint),
        };
        let known = self.known.as_ref();
        let instances = known.and_then(|known| known.instances.as_ref()).map(|instances| {
            let maximum = instances.maximum.map_or_else(|| "∞".into(), |maximum| maximum.to_string());
            format!("{}/{maximum}", instances.current)
        });
        vec![
            (self.kind.to_owned(), Tone::Faint),
            (visible(&self.name), Tone::Bold),
            cell(known.map(|known| known.pid.to_string())),
            cell(known.map(|known| known.command.clone())),
            cell(Some(self.uid.to_string())),
            cell(instances),
            cell(known.and_then(|known| known.sddl.clone())),
        ]
    }
}

impl Known {
    fn of(seen: &Observed, instances: Option<Instances>) -> Known {
        Known {
            pid: seen.header.pid,
            command: seen.header.command_text(),
            sddl: SecurityDescriptor::from_bytes(&seen.descriptor)
                .ok()
                .map(|descriptor| descriptor.to_string()),
            instances,
            size: None,
        }
    }
}

impl Instances {
    /// What the pipes say of themselves.
    fn of(kind: &str, root: &Root, entry: &Listed, pipes: &[ListedPipe]) -> Option<Instances> {
        let name = entry.name.as_ref().filter(|_| kind == "pipe")?;
        let name = String::from_utf16_lossy(name.as_wide());
        let mine = |pipe: &&ListedPipe| {
            pipe.scope == root.scope() && pipe.uid == entry.uid && pipe.name.as_deref() == Some(&*name)
        };
        let details = pipes.iter().find(mine)?.details.as_ref()?;
        let maximum = Some(details.traits.max_instances).filter(|&maximum| maximum != UNLIMITED);
        Some(Instances { current: details.instances, maximum })
    }
}

/// What an object is: those that share a folder are told apart by their tags, as far as this user may see them.
fn sort(kind: &'static str, entry: &Listed) -> &'static str {
    let tag = entry.observed.as_ref().map(|seen| seen.header.body_tag.to_le_bytes());
    match tag.as_ref().map(|tag| &tag[..]) {
        Some(b"EVNT") if kind == "object" => "event",
        Some(b"MUTX") if kind == "object" => "mutex",
        Some(b"SEMA") if kind == "object" => "semaphore",
        Some(b"TIMR") if kind == "object" => "timer",
        Some(b"SECT") if kind == "object" => "section",
        _ => kind,
    }
}

/// As the documentation writes the names of this kind.
fn full_name(kind: &str, scope: Scope, name: &Name) -> String {
    let prefix = match (kind, scope) {
        ("pipe", _) => r"\\.\pipe\",
        ("mailslot", _) => r"\\.\mailslot\",
        (_, Scope::Local) => r"Local\",
        (_, Scope::Global) => r"Global\",
    };
    format!("{prefix}{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_owner_may_know_is_a_dash() {
        let object = Object { kind: "pipe", name: "x".into(), scope: Scope::Global, uid: 7, known: None };
        let row: Vec<String> = object.row().into_iter().map(|(text, _)| text).collect();
        assert_eq!(row, ["pipe", "x", "–", "–", "7", "–", "–"]);
        assert_eq!(object.json()["pid"], Value::Null);
        assert_eq!(object.json()["namespace"], "Global");
    }
}
