//! Text from names, files and peers, made safe to show: what would move the cursor, change colours or reorder a line is
//! written as `\u{…}` instead.

use std::fmt::Write as _;

/// `text` with control characters, bidirectional marks and other invisible formatting spelled out.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_treacherous(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON on one line. What is invisible stands as `\uXXXX`, which reads back as it was: a terminal shows no other character.
pub fn json_line(value: &serde_json::Value) -> String {
    escaped(&value.to_string())
}

/// JSON as people read it, otherwise as [`json_line`].
pub fn json_page(value: &serde_json::Value) -> String {
    escaped(&format!("{value:#}"))
}

/// Outside strings JSON has nothing that would be escaped here but its own line ends.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_treacherous(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// A path made visible, whatever its bytes.
pub fn visible_path(path: &std::path::Path) -> String {
    visible(&path.to_string_lossy())
}

/// At most `width` characters of visible text, the middle left out where it was longer.
pub fn shortened(text: &str, width: usize) -> String {
    let shown: Vec<char> = visible(text).chars().collect();
    if shown.len() <= width || width < 3 {
        return shown.into_iter().collect();
    }
    let tail = (width - 1) / 2;
    let head = width - 1 - tail;
    shown[..head].iter().chain(&['…']).chain(&shown[shown.len() - tail..]).collect()
}

fn is_treacherous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_spelled_out() {
        assert_eq!(visible("a\x1b[31mb\n\u{202e}c"), "a\\u{1b}[31mb\\u{a}\\u{202e}c");
        assert_eq!(visible("Tornillería µ 1/4\""), "Tornillería µ 1/4\"");
    }

    #[test]
    fn json_reads_back_as_it_was_and_shows_nothing_invisible() {
        let value = serde_json::json!({ "a": "x\u{202e}\x1b\u{7f}\u{e0041}µ" });
        for text in [json_line(&value), json_page(&value)] {
            assert!(!text.chars().any(|c| is_treacherous(c) && c != '\n'), "{text}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
    }

    #[test]
    fn a_long_name_keeps_both_ends() {
        assert_eq!(shortened("abcdefghij", 5), "ab…ij");
        assert_eq!(shortened("abc", 5), "abc");
    }
}
