//! `ennead mapping watch`: a part of a file mapping as it changes. Memory tells nobody that it changed, so this looks again and again.

use std::io::{self, IsTerminal, Write as _};
use std::time::Duration;

use ennead_mapping::ViewAccess;

use super::hexadecimal::{self, WIDTH, lit_up};
use super::{Part, dump};
use crate::arguments::Window;
use crate::failure::Failure;
use crate::output;
use crate::visible::visible;

/// Looks every so many milliseconds, for ever or so many times. On a terminal the part stays in place, and what changed since the look before is lit up; elsewhere what
/// changed is printed.
pub fn watch(name: &str, window: &Window, every: u64, times: Option<u64>, json: bool) -> Result<(), Failure> {
    let part = Part::open(name, window, ViewAccess::Read)?;
    let in_place = io::stdout().is_terminal() && !json;
    let mut before: Option<Vec<u8>> = None;
    let mut looks = 0;
    loop {
        let bytes = part.bytes(name)?;
        if in_place {
            let text = picture(name, &part, &bytes, before.as_deref());
            // To the corner, and away with what was below.
            io::stdout().lock().write_all(format!("\x1b[H{text}\x1b[J").as_bytes())?;
        } else if before.as_ref() != Some(&bytes) {
            tell(&part, &bytes, before.as_deref(), json)?;
        }
        before = Some(bytes);
        looks += 1;
        if times.is_some_and(|times| looks >= times) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(every));
    }
}

/// Where lines of the part begin, and which bytes they have.
fn rows<'a>(part: &Part, bytes: &'a [u8]) -> impl Iterator<Item = (usize, &'a [u8])> {
    let width = part.layout.as_ref().map_or(WIDTH, ennead_mapping::inspect::Layout::len);
    bytes.chunks(width).enumerate().map(move |(index, row)| (index * width, row))
}

fn row_text(part: &Part, at: usize, row: &[u8], before: Option<&[u8]>, colours: bool) -> String {
    let place = part.at + at as u64;
    let old = before.and_then(|before| before.get(at..at + row.len()));
    match &part.layout {
        None => {
            let is_lit = |column: usize| old.is_some_and(|old| old[column] != row[column]);
            hexadecimal::line(place, row, is_lit, colours)
        }
        Some(layout) => {
            let values = layout.read(row);
            let old = old.map(|old| layout.read(old));
            let shown = values.iter().enumerate().map(|(index, value)| {
                let changed =
                    old.as_ref().is_some_and(|old| format!("{:?}", old[index]) != format!("{value:?}"));
                lit_up(&dump::shown(value), changed && colours)
            });
            format!("{place:08x}  {}", shown.collect::<Vec<_>>().join("  "))
        }
    }
}

fn picture(name: &str, part: &Part, bytes: &[u8], before: Option<&[u8]>) -> String {
    let mut text = format!("{}\x1b[K\n", visible(name));
    for (at, row) in rows(part, bytes) {
        text.push_str(&row_text(part, at, row, before, true));
        // The rest of the line may be an older one's.
        text.push_str("\x1b[K\n");
    }
    text
}

/// The rows that have changed; all of them at first.
fn tell(part: &Part, bytes: &[u8], before: Option<&[u8]>, json: bool) -> Result<(), Failure> {
    if json {
        return Ok(output::line(&dump::described(part, bytes))?);
    }
    for (at, row) in rows(part, bytes) {
        if before.is_none_or(|before| before[at..at + row.len()] != *row) {
            output::line(&row_text(part, at, row, before, output::colours()))?;
        }
    }
    Ok(())
}
