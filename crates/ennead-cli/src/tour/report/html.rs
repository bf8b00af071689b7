//! `report.html`: the document that the word processor ended up with, and how its data travelled. Self-contained: it loads
//! nothing and runs nothing.

use std::fmt::Write as _;

use super::{chart, clock};
use crate::output;
use crate::tour::conductor::Ending;
use crate::tour::money::grouped;
use crate::tour::{Findings, mechanisms};
use crate::visible::{visible, visible_path};

/// The whole page.
pub fn page(findings: &Findings) -> String {
    let mut page = String::with_capacity(32 * 1024);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"generator\" content=\"{mark}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Manufacturing costs</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n",
        mark = super::MARK,
        style = include_str!("style.css"),
    );
    document(&mut page, findings);
    journey(&mut page, findings);
    origin(&mut page, findings);
    page.push_str("</main>\n</body>\n</html>\n");
    page
}

/// Text as it may stand in an element or in an attribute; what nobody should see in a page is spelled out.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// The result: figures, chart and table.
fn document(page: &mut String, findings: &Findings) {
    let summary = &findings.summary;
    let total = &summary.total;
    let (by, currency) = (escape(&summary.grouped_by), escape(&summary.currency));
    let _ = write!(
        page,
        "<p class=\"over\">Summary table</p>\n<h1>Manufacturing costs by {by}</h1>\n\
         <p class=\"soft\">What the parts on stock have cost: stock levels from the inventory program, added up by the \
         spreadsheet, as they arrived in the word processor.</p>\n\
         <div class=\"tiles\"><div class=\"tile\"><b>{cost} {currency}</b><span>total cost</span></div>\
         <div class=\"tile\"><b>{parts}</b><span>parts</span></div>\
         <div class=\"tile\"><b>{units}</b><span>units on stock</span></div></div>\n",
        cost = total.cost,
        parts = grouped(total.parts.into()),
        units = total.quantity,
    );
    let chart = chart::svg(summary);
    if !chart.is_empty() {
        let _ = write!(page, "<h2>Where the money is</h2>\n{chart}\n");
    }
    let cost = if currency.is_empty() { "Cost".to_owned() } else { format!("Cost ({currency})") };
    let _ = write!(
        page,
        "<h2>Costs</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>{by}</th><th>Parts</th>\
         <th class=\"units\">Units</th><th class=\"cost\">{cost}</th><th class=\"share\">Share</th></tr></thead>\n<tbody>\n",
        by = capitalised(&by),
    );
    for line in &summary.lines {
        let share = line.cost.share_of(total.cost, 1000);
        let _ = writeln!(
            page,
            "<tr><td><bdi>{}</bdi></td><td>{}</td><td class=\"units\">{}</td><td class=\"cost\">{}</td>\
             <td class=\"share\">{}.{} %</td></tr>",
            escape(&line.label),
            grouped(line.parts.into()),
            line.quantity,
            line.cost,
            share / 10,
            share % 10,
        );
    }
    let _ = write!(
        page,
        "</tbody>\n<tfoot><tr><td>Total</td><td>{}</td><td class=\"units\">{}</td><td class=\"cost\">{}</td>\
         <td class=\"share\"></td></tr></tfoot>\n</table></div>\n",
        grouped(total.parts.into()),
        total.quantity,
        total.cost,
    );
}

/// The programs, and one row a mechanism.
fn journey(page: &mut String, findings: &Findings) {
    page.push_str(
        "<h2>How it travelled</h2>\n<div class=\"cast\">\
         <div><b>Word processor</b><span>asks for the summary table, then for the file</span></div><i>→</i>\
         <div><b>Spreadsheet</b><span>asks for the stock levels, adds them up, sends the file</span></div><i>→</i>\
         <div><b>Inventory program</b><span>answers with one message a part</span></div></div>\n\
         <p>Three processes, once over each mechanism. A leg is verified when the table is the one that the inventory \
         adds up to, the file has the same BLAKE3 at the far end, and as many messages and bytes arrived as were sent.</p>\n\
         <div class=\"wide\"><table>\n<thead><tr><th>Mechanism</th><th class=\"less\">Processes</th>\
         <th class=\"less\">Messages</th><th class=\"less\">Bytes</th>\
         <th>Time</th><th>Throughput</th><th>Verified</th></tr></thead>\n<tbody>\n",
    );
    let mut failures = String::new();
    for (mechanism, ending) in mechanisms::ALL.iter().zip(&findings.legs) {
        let title = escape(&mechanism.title());
        let (run, verdict) = match ending {
            None | Some(Ending::Interrupted(_)) => {
                let dashes = "<td class=\"less\">–</td>".repeat(3) + "<td>–</td><td>–</td>";
                let _ =
                    writeln!(page, "<tr class=\"none\"><td>{title}</td>{dashes}<td>not built yet</td></tr>");
                continue;
            }
            Some(Ending::Verified(run)) => (run, "<td class=\"good\">✓ yes</td>"),
            Some(Ending::Failed(run, reason)) => {
                let _ = writeln!(failures, "<li><span class=\"bad\">{title}</span>: {}</li>", escape(reason));
                (run, "<td class=\"bad\">✗ failed</td>")
            }
        };
        let or_dash = |shown: Option<String>| shown.unwrap_or_else(|| "–".into());
        let _ = writeln!(
            page,
            "<tr><td>{title}</td><td class=\"less\">{}</td><td class=\"less\">{}</td><td class=\"less\">{}</td>\
             <td>{}</td><td>{}</td>{verdict}</tr>",
            run.processes.len(),
            grouped(run.sent.messages.into()),
            output::bytes(run.sent.bytes),
            or_dash((!run.elapsed.is_zero()).then(|| output::duration(run.elapsed))),
            or_dash(run.bytes_per_second().map(|bytes| format!("{}/s", output::bytes(bytes)))),
        );
    }
    page.push_str("</tbody>\n</table></div>\n");
    if !failures.is_empty() {
        let _ = write!(page, "<ul>\n{failures}</ul>\n");
    }
}

/// Where the data came from, and what was left out.
fn origin(page: &mut String, findings: &Findings) {
    let (inventory, sample) = (&findings.inventory, &findings.sample);
    if !inventory.broken.is_empty() {
        let _ = write!(page, "<h2>Rows left out</h2>\n<ul>\n");
        for broken in &inventory.broken {
            let _ = writeln!(page, "<li>line {}: <bdi>{}</bdi></li>", broken.line, escape(&broken.reason));
        }
        page.push_str("</ul>\n");
    }
    let _ = write!(
        page,
        "<h2>Data</h2>\n<dl><dt>Inventory</dt><dd><bdi>{}</bdi></dd><dt>File</dt><dd><bdi>{}</bdi>, {} bytes</dd>\
         <dt>BLAKE3</dt><dd><code>{}</code></dd></dl>\n\
         <footer>Written by <code>ennead tour</code> {}, {}.</footer>\n",
        escape(&findings.source),
        escape(&visible_path(&sample.path)),
        grouped(sample.length.into()),
        escape(&sample.digest),
        env!("CARGO_PKG_VERSION"),
        clock::now(),
    );
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let safe = escape("<script>alert('x')</script> & \"q\"\u{202e}\x1b");
        assert_eq!(
            safe,
            "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot;\\u{202e}\\u{1b}"
        );
    }
}
