//! `ennead mapping dump`: a part of a file mapping, once.

use std::io::{self, Write as _};

use ennead_mapping::ViewAccess;
use ennead_mapping::inspect::{Layout, Value};
use serde_json::json;

use super::Part;
use super::hexadecimal::{self, WIDTH};
use crate::arguments::Window;
use crate::failure::Failure;
use crate::output;
use crate::visible::{json_line, visible};

/// Prints it.
pub fn dump(name: &str, window: &Window, json: bool) -> Result<(), Failure> {
    let part = Part::open(name, window, ViewAccess::Read)?;
    let bytes = part.bytes(name)?;
    if json {
        return Ok(output::line(&described(&part, &bytes))?);
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match &part.layout {
        Some(layout) => {
            for (index, row) in bytes.chunks(layout.len()).enumerate() {
                let at = part.at + (index * layout.len()) as u64;
                let values: Vec<String> = layout.read(row).iter().map(shown).collect();
                writeln!(out, "{at:08x}  {}", values.join("  "))?;
            }
        }
        None => {
            for (index, row) in bytes.chunks(WIDTH).enumerate() {
                let at = part.at + (index * WIDTH) as u64;
                writeln!(out, "{}", hexadecimal::line(at, row, |_| false, false))?;
            }
        }
    }
    Ok(out.flush()?)
}

/// As JSON on a line: all bytes as digits, or the values of each row.
pub fn described(part: &Part, bytes: &[u8]) -> String {
    let mut object = json!({ "at": part.at });
    match &part.layout {
        Some(layout) => {
            let rows = bytes.chunks(layout.len()).map(|row| values(layout, row));
            object["rows"] = rows.collect();
        }
        None => object["hex"] = hexadecimal::digits(bytes).into(),
    }
    json_line(&object)
}

fn values(layout: &Layout, row: &[u8]) -> serde_json::Value {
    layout
        .read(row)
        .into_iter()
        .map(|value| -> serde_json::Value {
            match value {
                Value::Unsigned(number) => number.into(),
                Value::Signed(number) => number.into(),
                // JSON has no infinities.
                Value::Float(number) if !number.is_finite() => number.to_string().into(),
                Value::Float(number) => number.into(),
                Value::Text(text) => text.into(),
                Value::Bytes(bytes) => hexadecimal::digits(&bytes).into(),
            }
        })
        .collect()
}

/// A value on a terminal.
pub fn shown(value: &Value) -> String {
    visible(&value.to_string())
}
