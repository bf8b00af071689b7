//! `ennead mailslot info`: what everybody may know of mailslots who may write to them.

use ennead_mailslot::{ListedMailslot, MailslotDetails, ReadTimeout, SlotName};
use ennead_namespace::{Case, Name};
use ennead_status::Win32Error;
use serde_json::{Value, json};

use super::full_name;
use crate::failure::{Failure, WithCauses};
use crate::output::{self, Column, Tone};
use crate::visible::{json_line, visible};

const COLUMNS: [Column; 7] = [
    Column { title: "name", right: false },
    Column { title: "largest message", right: true },
    Column { title: "read time-out", right: true },
    Column { title: "budget", right: true },
    Column { title: "uid", right: true },
    Column { title: "server", right: false },
    Column { title: "sddl", right: false },
];

/// Tells of one mailslot, or of all.
pub fn info(wanted: Option<&str>, json: bool) -> Result<(), Failure> {
    let mut slots =
        ennead_mailslot::list().map_err(|error| Failure::coded(WithCauses(&error), error.win32()))?;
    if let Some(wanted) = wanted {
        let full = full_name(wanted);
        let name = SlotName::parse(&full)
            .map_err(|error| Failure::coded(format!("{full}: {error}"), Win32Error::INVALID_NAME))?;
        slots.retain(|slot| slot.name.as_deref().is_some_and(|other| is_same(other, name.as_str())));
        if slots.is_empty() {
            return Err(Failure::coded(
                format!("{full}: no process serves a mailslot of that name"),
                Win32Error::FILE_NOT_FOUND,
            ));
        }
    }
    if json {
        let slots: Vec<Value> = slots.iter().map(described).collect();
        return Ok(output::line(&json_line(&json!({ "mailslots": slots })))?);
    }
    let rows: Vec<_> = slots.iter().map(row).collect();
    Ok(output::table(&COLUMNS, &rows)?)
}

fn is_same(one: &str, other: &str) -> bool {
    match (Name::new(one), Name::new(other)) {
        (Ok(one), Ok(other)) => one.is_same(&other, Case::Folds),
        _ => false,
    }
}

fn row(slot: &ListedMailslot) -> Vec<(String, Tone)> {
    let known = |show: fn(&MailslotDetails) -> String| match &slot.details {
        Some(details) => (visible(&show(details)), Tone::Plain),
        None => ("–".into(), Tone::Faint),
    };
    vec![
        (visible(&name(slot)), Tone::Bold),
        known(|details| match details.traits.max_message {
            0 => "any".into(),
            most => output::bytes(most.into()),
        }),
        known(|details| match details.traits.read_timeout {
            ReadTimeout::Forever => "none".into(),
            ReadTimeout::Milliseconds(n) => format!("{n} ms"),
        }),
        known(|details| output::bytes(details.traits.budget)),
        (slot.uid.to_string(), Tone::Plain),
        known(|details| format!("{} ({})", details.server, details.command)),
        known(|details| details.security.to_string()),
    ]
}

fn described(slot: &ListedMailslot) -> Value {
    let mut object = json!({ "name": name(slot), "uid": slot.uid });
    if let Some(details) = &slot.details {
        let traits = &details.traits;
        object["max_message"] = traits.max_message.into();
        object["read_timeout_milliseconds"] = match traits.read_timeout {
            ReadTimeout::Forever => Value::Null,
            ReadTimeout::Milliseconds(n) => n.into(),
        };
        object["budget"] = traits.budget.into();
        object["server"] = details.server.into();
        object["command"] = details.command.clone().into();
        object["sddl"] = details.security.to_string().into();
    }
    object
}

fn name(slot: &ListedMailslot) -> String {
    slot.name.as_ref().map_or_else(|| "–".into(), |name| format!(r"\\.\mailslot\{name}"))
}
