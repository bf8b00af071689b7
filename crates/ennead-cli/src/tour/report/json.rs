//! `report.json`. Numbers that JSON readers would round are text: quantities and costs, exact to the last digit.

use serde_json::{Value, json};

use super::clock;
use crate::tour::conductor::{Ending, Run};
use crate::tour::summary::Line;
use crate::tour::{Findings, mechanisms};
use crate::visible::json_page;

/// Everything found, in one object.
pub fn json(findings: &Findings) -> String {
    let line = |line: &Line| {
        let (quantity, cost) = (line.quantity.exact(), line.cost.exact());
        json!({ "label": line.label, "parts": line.parts, "quantity": quantity, "cost": cost })
    };
    let (inventory, summary, sample) = (&findings.inventory, &findings.summary, &findings.sample);
    let mut total = line(&summary.total);
    total["label"] = "total".into();
    let legs = mechanisms::ALL.iter().zip(&findings.legs);
    let report = json!({
        "generator": super::MARK,
        "version": env!("CARGO_PKG_VERSION"),
        "finished": clock::now(),
        "verified": findings.verified(),
        "inventory": { "source": findings.source, "parts": inventory.parts.len(), "broken_rows": inventory.broken },
        "document": {
            "grouped_by": summary.grouped_by,
            "currency": summary.currency,
            "lines": summary.lines.iter().map(line).collect::<Vec<_>>(),
            "total": total,
        },
        "file": { "path": sample.path.to_string_lossy(), "bytes": sample.length, "blake3": sample.digest },
        "legs": legs.map(|(mechanism, ending)| leg(mechanism, ending)).collect::<Vec<_>>(),
    });
    json_page(&report)
}

fn leg(mechanism: &mechanisms::Mechanism, ending: &Option<Ending>) -> Value {
    let (run, state, reason) = match ending {
        None => (None, "not built", None),
        Some(Ending::Verified(run)) => (Some(run), "verified", None),
        Some(Ending::Failed(run, reason)) => (Some(run), "failed", Some(reason.clone())),
        Some(Ending::Interrupted(_)) => (None, "interrupted", None),
    };
    let mut leg = json!({ "mechanism": mechanism.name, "variant": mechanism.variant, "state": state });
    if let Some(reason) = reason {
        leg["reason"] = reason.into();
    }
    if let (Some(run), Some(leg)) = (run, leg.as_object_mut()) {
        leg.append(&mut measured(run));
    }
    leg
}

fn measured(run: &Run) -> serde_json::Map<String, Value> {
    let processes: Vec<Value> =
        run.processes.iter().map(|(role, pid)| json!({ "program": role.argument(), "pid": pid })).collect();
    let measured = json!({
        "processes": processes,
        "messages": run.sent.messages,
        "bytes": run.sent.bytes,
        "seconds": run.elapsed.as_secs_f64(),
        "table_seconds": run.table.as_secs_f64(),
        "file_seconds": run.file.as_secs_f64(),
        "bytes_per_second": run.bytes_per_second(),
    });
    match measured {
        Value::Object(measured) => measured,
        _ => serde_json::Map::new(),
    }
}
