//! Bytes as people read them.

use std::fmt::Write as _;

/// Bytes on a line.
pub const WIDTH: usize = 16;

/// One line: where it is, its bytes in hexadecimal, and those that are text. What `is_lit` says is lit up.
pub fn line(at: u64, bytes: &[u8], is_lit: impl Fn(usize) -> bool, colours: bool) -> String {
    let mut text = format!("{at:08x} ");
    let mut letters = String::new();
    for column in 0..WIDTH {
        if column % 8 == 0 {
            text.push(' ');
        }
        let Some(&byte) = bytes.get(column) else {
            text.push_str("   ");
            continue;
        };
        let lit = colours && is_lit(column);
        // Writing to a String cannot fail.
        let _ = write!(text, "{} ", lit_up(&format!("{byte:02x}"), lit));
        let letter = if byte.is_ascii_graphic() || byte == b' ' { char::from(byte) } else { '.' };
        letters.push_str(&lit_up(&letter.to_string(), lit));
    }
    format!("{text} {letters}")
}

/// Reversed, where it has changed.
pub fn lit_up(text: &str, lit: bool) -> String {
    if lit { format!("\x1b[7m{text}\x1b[0m") } else { text.to_owned() }
}

/// All bytes, two digits each.
pub fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        assert_eq!(
            line(0x20, b"forty bolts\0\xff\x1b", |_| false, true),
            "00000020  66 6f 72 74 79 20 62 6f  6c 74 73 00 ff 1b        forty bolts..."
        );
        assert_eq!(line(0, b"ab", |at| at == 1, true).matches("\x1b[7m").count(), 2);
        assert_eq!(line(0, b"ab", |at| at == 1, false).matches('\x1b').count(), 0);
        assert_eq!(digits(&[0, 255]), "00ff");
    }
}
