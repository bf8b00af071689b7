//! `ennead pipe list`: every named pipe, with what is particular to pipes.

use ennead_pipe::named::{self, Direction, ListedPipe, PipeType, Traits, UNLIMITED};
use serde_json::{Value, json};

use crate::failure::{Failure, WithCauses};
use crate::output::{self, Column, Tone};
use crate::visible::{json_line, visible};

const COLUMNS: [Column; 6] = [
    Column { title: "name", right: false },
    Column { title: "type", right: false },
    Column { title: "direction", right: false },
    Column { title: "instances", right: true },
    Column { title: "uid", right: true },
    Column { title: "servers", right: false },
];

/// Lists them.
pub fn list(json: bool) -> Result<(), Failure> {
    let pipes = named::list().map_err(|error| Failure::coded(WithCauses(&error), error.win32()))?;
    if json {
        let pipes: Vec<Value> = pipes.iter().map(described).collect();
        return Ok(output::line(&json_line(&json!({ "pipes": pipes })))?);
    }
    let rows: Vec<_> = pipes.iter().map(row).collect();
    Ok(output::table(&COLUMNS, &rows)?)
}

fn row(pipe: &ListedPipe) -> Vec<(String, Tone)> {
    let known = |show: fn(&named::PipeDetails) -> String| match &pipe.details {
        Some(details) => (visible(&show(details)), Tone::Plain),
        None => ("–".into(), Tone::Faint),
    };
    vec![
        (visible(&name(pipe)), Tone::Bold),
        known(|details| type_name(&details.traits).into()),
        known(|details| direction_name(&details.traits).into()),
        known(|details| match maximum(&details.traits) {
            Some(maximum) => format!("{}/{maximum}", details.instances),
            None => format!("{}/∞", details.instances),
        }),
        (pipe.uid.to_string(), Tone::Plain),
        known(|details| {
            let pids: Vec<String> = details.servers.iter().map(u32::to_string).collect();
            format!("{} ({})", pids.join(" "), details.command)
        }),
    ]
}

fn described(pipe: &ListedPipe) -> Value {
    let mut object = json!({ "name": name(pipe), "uid": pipe.uid });
    if let Some(details) = &pipe.details {
        let traits = &details.traits;
        object["type"] = type_name(traits).into();
        object["direction"] = direction_name(traits).into();
        object["instances"] = json!({ "current": details.instances, "maximum": maximum(traits) });
        object["servers"] = details.servers.clone().into();
        object["command"] = details.command.clone().into();
        object["quotas"] = json!({ "to_client": traits.out_quota, "to_server": traits.in_quota });
        object["default_timeout_milliseconds"] = traits.default_timeout.into();
        object["reject_remote"] = traits.reject_remote.into();
        object["sddl"] = details.security.to_string().into();
    }
    object
}

fn name(pipe: &ListedPipe) -> String {
    pipe.name.as_ref().map_or_else(|| "–".into(), |name| format!(r"\\.\pipe\{name}"))
}

fn type_name(traits: &Traits) -> &'static str {
    match traits.pipe_type {
        PipeType::Byte => "byte",
        PipeType::Message => "message",
    }
}

fn direction_name(traits: &Traits) -> &'static str {
    match traits.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
        Direction::Duplex => "duplex",
    }
}

fn maximum(traits: &Traits) -> Option<u32> {
    (traits.max_instances != UNLIMITED).then_some(traits.max_instances)
}
