//! Splits text into records (RFC 4180, with any separator). A quote that goes wrong costs one line, not the rest of the
//! file, which is why this is not left to a general reader: those swallow everything up to the next quote.

/// Bytes in a record. Without a limit, a file of opening quotes would take quadratic time.
const LONGEST: usize = 65_536;
const UNCLOSED: &str = "a quote is opened and never closed";

/// One record, or the reason why there is none.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its fields, unquoted, blanks around them removed.
    pub fields: Result<Vec<String>, &'static str>,
}

/// All records of `text` that are not blank.
pub fn records(text: &str, separator: char) -> impl Iterator<Item = Record> + '_ {
    let (mut rest, mut line) = (text, 1);
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let (fields, length) = match record(rest, separator) {
                Ok((fields, length)) => (Ok(fields), length),
                Err(reason) => (Err(reason), first_line(rest)),
            };
            let (taken, after) = rest.split_at(length);
            let began = line;
            line += lines_in(taken);
            rest = after;
            let blank = fields.as_ref().is_ok_and(|fields| fields.iter().all(String::is_empty));
            if !blank {
                return Some(Record { line: began, fields });
            }
        }
    })
}

/// The separator that the first line uses most, outside quotes: comma, semicolon, tab or bar.
pub fn separator_of(text: &str) -> char {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut best = (0, ',');
    for candidate in [',', ';', '\t', '|'] {
        let mut quoted = false;
        let count = first
            .chars()
            .filter(|&c| {
                quoted ^= c == '"';
                c == candidate && !quoted
            })
            .count();
        if count > best.0 {
            best = (count, candidate);
        }
    }
    best.1
}

/// Reads one record from the start of `text`: its fields and how many bytes it took, line end included.
fn record(text: &str, separator: char) -> Result<(Vec<String>, usize), &'static str> {
    let (mut fields, mut field) = (Vec::new(), String::new());
    let mut chars = text.char_indices().peekable();
    // Inside quotes; and after a closing quote, where only a separator or a line end may follow.
    let (mut quoted, mut closed) = (false, false);
    while let Some((at, c)) = chars.next() {
        if at > LONGEST {
            return Err(if quoted { UNCLOSED } else { "the record is longer than 64 KiB" });
        }
        if quoted {
            if c != '"' {
                field.push(c);
            } else if chars.next_if(|&(_, next)| next == '"').is_some() {
                field.push('"');
            } else {
                (quoted, closed) = (false, true);
            }
        } else if c == separator {
            fields.push(finished(&mut field, closed));
            closed = false;
        } else if c == '\n' || c == '\r' {
            let windows = c == '\r' && chars.next_if(|&(_, next)| next == '\n').is_some();
            fields.push(finished(&mut field, closed));
            return Ok((fields, at + 1 + usize::from(windows)));
        } else if closed {
            if !c.is_whitespace() {
                return Err("there is text after a closing quote");
            }
        } else if c == '"' && field.trim().is_empty() {
            field.clear();
            quoted = true;
        } else {
            field.push(c);
        }
    }
    if quoted {
        return Err(UNCLOSED);
    }
    fields.push(finished(&mut field, closed));
    Ok((fields, text.len()))
}

fn finished(field: &mut String, was_quoted: bool) -> String {
    let field = std::mem::take(field);
    if was_quoted { field } else { field.trim().to_owned() }
}

fn first_line(text: &str) -> usize {
    match text.find(['\n', '\r']) {
        Some(at) if text[at..].starts_with("\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}

/// Line ends in `text`: `\n`, `\r\n` and a lone `\r`.
fn lines_in(text: &str) -> u64 {
    let lone = text.as_bytes().windows(2).filter(|pair| pair[0] == b'\r' && pair[1] != b'\n').count();
    (text.matches('\n').count() + lone + usize::from(text.ends_with('\r'))) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        records(text, separator_of(text)).map(|record| (record.line, record.fields)).collect()
    }

    fn fields(of: &[&str]) -> Result<Vec<String>, &'static str> {
        Ok(of.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn quotes_separators_and_line_ends() {
        assert_eq!(
            all("part,qty\r\n\"a, \"\"b\"\"\", 2\r\n\r\n\"two\nlines\",3\nlast,4"),
            vec![
                (1, fields(&["part", "qty"])),
                (2, fields(&["a, \"b\"", "2"])),
                (4, fields(&["two\nlines", "3"])),
                (6, fields(&["last", "4"])),
            ]
        );
        assert_eq!(all("a\tb\rc\td\r"), vec![(1, fields(&["a", "b"])), (2, fields(&["c", "d"]))]);
        assert_eq!(separator_of("\"a,b,c\";x;y"), ';');
    }

    #[test]
    fn a_wrong_quote_costs_one_line() {
        let got = all("part,qty\n\"never closed,1\ngood,2\n");
        assert_eq!(got[1], (2, Err(UNCLOSED)));
        assert_eq!(got[2], (3, fields(&["good", "2"])));
        let got = all("part,qty\n\"never closed,1\ngood,2\n\"quoted\",3\n");
        assert_eq!(got[1].0, 2);
        assert!(got[1].1.is_err());
        assert_eq!(got[2..], [(3, fields(&["good", "2"])), (4, fields(&["quoted", "3"]))]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "[ab\",;\n\r\t ]{0,60}") {
            let mut last = 0;
            for record in records(&text, ',') {
                proptest::prop_assert!(record.line > last);
                last = record.line;
            }
        }
    }
}
