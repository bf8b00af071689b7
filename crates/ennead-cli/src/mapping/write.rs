//! `ennead mapping write`: bytes into a file mapping.

use std::io::{self, Read as _};

use ennead_mapping::inspect::{self, Layout};
use ennead_mapping::{FileMapping, GRANULARITY, ViewAccess, ViewOptions};
use ennead_security::AccessMask;
use serde_json::json;

use super::{failure, outside, view_failure};
use crate::arguments::WriteMapping;
use crate::failure::Failure;
use crate::output;
use crate::visible::json_line;

/// Writes them where they belong.
pub fn write(options: &WriteMapping, json: bool) -> Result<(), Failure> {
    let bytes = bytes_of(options)?;
    let (name, at) = (&options.name, options.at);
    let wrong = |error: ennead_mapping::Error| failure(name, &error);
    let access = AccessMask::GENERIC_READ | AccessMask::GENERIC_WRITE;
    let mapping = FileMapping::open(name, access).map_err(wrong)?;
    let end = at.checked_add(bytes.len() as u64).filter(|&end| end <= mapping.size() && !bytes.is_empty());
    if end.is_none() {
        return Err(outside(name, mapping.size()));
    }
    let base = at - at % GRANULARITY;
    let start = (at - base) as usize;
    let part = ViewOptions::new(ViewAccess::Write).offset(base).len(start + bytes.len());
    let view = mapping.view_with(&part).map_err(wrong)?;
    if options.commit {
        view.commit(start..start + bytes.len()).map_err(wrong)?;
    }
    view.write(start, &bytes).map_err(|error| view_failure(name, error))?;
    if json {
        output::line(&json_line(&json!({ "at": at, "written": bytes.len() })))?;
    }
    Ok(())
}

fn bytes_of(options: &WriteMapping) -> Result<Vec<u8>, Failure> {
    if let Some(digits) = &options.hex {
        let bytes = inspect::hex(digits);
        return bytes.ok_or_else(|| Failure::misused("--hex: pairs of hexadecimal digits, as in \"00 ff\""));
    }
    if let Some(layout) = &options.layout {
        let layout = Layout::parse(layout).map_err(|error| Failure::misused(format!("--as: {error}")))?;
        let values: Vec<&str> = options.values.iter().map(String::as_str).collect();
        return layout.write(&values).map_err(|error| Failure::misused(error.to_string()));
    }
    match options.values.as_slice() {
        [] => {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::system("cannot read standard input", &error))?;
            Ok(bytes)
        }
        [text] => Ok(text.clone().into_bytes()),
        _ => Err(Failure::misused("several values need a layout: --as u32,f64")),
    }
}
