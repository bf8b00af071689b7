//! Standard output: tables that fit a terminal, colour only where it is wanted.

use std::io::{self, IsTerminal, Write};

/// How a cell is shown on a terminal that has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// A title.
    Bold,
    /// Of less interest.
    Faint,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
}

/// A table's column.
pub struct Column {
    /// Its title.
    pub title: &'static str,
    /// Numbers stand on the right.
    pub right: bool,
}

/// Whether standard output takes colours: a terminal, and nobody said no (<https://no-color.org>).
pub fn colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stdout().is_terminal() && !refused && !dumb
}

/// `text`, which must be [visible](crate::visible::visible) already, in a tone.
pub fn toned(text: &str, tone: Tone, colours: bool) -> String {
    let code = match tone {
        _ if !colours => return text.to_owned(),
        Tone::Plain => return text.to_owned(),
        Tone::Bold => "1",
        Tone::Faint => "2",
        Tone::Good => "32",
        Tone::Bad => "1;31",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Writes rows below their titles, two blanks between columns, as wide as their widest cell.
pub fn table(columns: &[Column], rows: &[Vec<(String, Tone)>]) -> io::Result<()> {
    let colours = colours();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|(text, _)| text.chars().count());
        cells.chain([columns[at].title.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let titles = columns.iter().map(|column| (column.title.to_owned(), Tone::Bold)).collect();
    let mut out = io::stdout().lock();
    for row in std::iter::once(&titles).chain(rows) {
        let mut line = String::new();
        for ((column, width), (text, tone)) in columns.iter().zip(&widths).zip(row) {
            let blanks = " ".repeat(width - text.chars().count());
            let shown = toned(text, *tone, colours);
            if !line.is_empty() {
                line.push_str("  ");
            }
            line.push_str(&if column.right {
                format!("{blanks}{shown}")
            } else {
                format!("{shown}{blanks}")
            });
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    out.flush()
}

/// Writes one line.
pub fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Bytes in three significant digits: "163 MiB".
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    // Tenths and hundredths in integers; the unit is the largest that leaves at least one.
    let unit = (count.ilog2() / 10).min(6);
    let hundredths = (u128::from(count) * 100) >> (10 * unit);
    let name = UNITS[unit as usize - 1];
    match hundredths {
        0..1_000 => format!("{}.{:02} {name}", hundredths / 100, hundredths % 100),
        1_000..10_000 => format!("{}.{} {name}", hundredths / 100, hundredths / 10 % 10),
        _ => format!("{} {name}", hundredths / 100),
    }
}

/// A duration in three significant digits: "83.2 ms".
pub fn duration(duration: std::time::Duration) -> String {
    let nanoseconds = duration.as_nanos();
    for (unit, size) in [("s", 1_000_000_000u128), ("ms", 1_000_000), ("µs", 1_000)] {
        if nanoseconds >= size {
            let hundredths = nanoseconds * 100 / size;
            return match hundredths {
                0..1_000 => format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100),
                1_000..10_000 => format!("{}.{} {unit}", hundredths / 100, hundredths / 10 % 10),
                _ => format!("{} {unit}", hundredths / 100),
            };
        }
    }
    format!("{nanoseconds} ns")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn three_digits_and_a_unit() {
        let shown: Vec<_> = [0, 1023, 1024, 10_240, 163 << 20, u64::MAX].map(bytes).into();
        assert_eq!(shown, ["0 B", "1023 B", "1.00 KiB", "10.0 KiB", "163 MiB", "15.9 EiB"]);
        assert_eq!(duration(Duration::from_micros(83_210)), "83.2 ms");
        assert_eq!(duration(Duration::from_millis(12_345)), "12.3 s");
        assert_eq!(duration(Duration::ZERO), "0 ns");
    }

    #[test]
    fn colour_is_only_added_where_it_is_wanted() {
        assert_eq!(toned("x", Tone::Bad, false), "x");
        assert_eq!(toned("x", Tone::Good, true), "\x1b[32mx\x1b[0m");
    }
}
