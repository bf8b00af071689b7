//! The bar chart as inline SVG. It has no view box: bars are as wide as the page allows, and the letters keep their size on
//! a phone.

use std::fmt::Write as _;

use super::html::escape;
use crate::tour::money::Cost;
use crate::tour::summary::{Line, Summary};
use crate::visible::shortened;

/// Height of a bar with its label, in pixels.
const ROW: usize = 44;
/// Bars in a chart; the table has all lines.
const MOST_BARS: usize = 16;

/// The costs of the dearest groups.
pub fn svg(summary: &Summary) -> String {
    let lines: Vec<&Line> = summary.lines.iter().filter(|line| line.cost > Cost(0)).take(MOST_BARS).collect();
    let Some(dearest) = lines.iter().map(|line| line.cost).max() else {
        return String::new();
    };
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<svg class=\"chart\" width=\"100%\" height=\"{}\" role=\"img\" aria-label=\"Costs by {}, the dearest first\">",
        lines.len() * ROW,
        escape(&summary.grouped_by)
    );
    for (i, line) in lines.iter().enumerate() {
        let top = i * ROW;
        // Thousandths of the width, so that the width itself need not be known; never too thin to be seen.
        let share = line.cost.share_of(dearest, 1000).max(4);
        let _ = write!(
            svg,
            "<g><title>{label}: {cost}</title>\
             <text x=\"0\" y=\"{text}\" class=\"label\">{short}</text>\
             <text x=\"100%\" y=\"{text}\" class=\"value\">{cost}</text>\
             <rect x=\"0\" y=\"{bar}\" width=\"100%\" height=\"12\" rx=\"6\" class=\"track\"/>\
             <rect x=\"0\" y=\"{bar}\" width=\"{whole}.{tenth}%\" height=\"12\" rx=\"6\" class=\"bar\"/></g>",
            label = escape(&line.label),
            short = escape(&shortened(&line.label, 26)),
            cost = line.cost,
            text = top + 15,
            bar = top + 22,
            whole = share / 10,
            tenth = share % 10,
        );
    }
    svg.push_str("</svg>");
    svg
}
