//! `ennead sweep`: removes what killed programs left behind. Nothing that is alive is touched.

use std::io::{self, Write as _};

use ennead_namespace::Roots;
use serde_json::{Value, json};

use crate::failure::{Failure, WithCauses};
use crate::output;
use crate::visible::{json_line, visible, visible_path};

/// Sweeps this user's root, and the machine's where there is one.
pub fn run(json: bool) -> Result<(), Failure> {
    let roots = Roots::open()?;
    let mut swept = Vec::new();
    for root in std::iter::once(&roots.local).chain(&roots.global) {
        let listing = root.sweep()?;
        if json {
            let left: Vec<Value> = listing
                .skipped
                .iter()
                .map(|left| json!({ "file": left.file_name.to_string_lossy(), "reason": WithCauses(&left.reason).to_string() }))
                .collect();
            swept
                .push(json!({ "root": visible_path(root.path()), "removed": listing.removed, "left": left }));
            continue;
        }
        let count = match listing.removed {
            1 => "1 dead file removed".into(),
            many => format!("{many} dead files removed"),
        };
        output::line(&format!("{}: {count}", visible_path(root.path())))?;
        for left in listing.skipped {
            let file = visible(&left.file_name.to_string_lossy());
            let _ = writeln!(
                io::stderr(),
                "left alone: {file}: {}",
                visible(&WithCauses(&left.reason).to_string())
            );
        }
    }
    if json {
        output::line(&json_line(&json!({ "roots": swept })))?;
    }
    Ok(())
}
