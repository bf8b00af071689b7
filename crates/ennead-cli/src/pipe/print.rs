//! What a peer sends, on standard output.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde_json::{Value, json};

use crate::visible::{json_line, visible};

/// How it is shown.
#[derive(Clone, Copy)]
pub struct Style {
    /// Messages, each on a line, rather than a stream of bytes.
    pub messages: bool,
    /// One JSON object for each piece.
    pub json: bool,
}

impl Style {
    /// Prints one message, or one piece of a stream.
    pub fn print(self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json_line(&described(bytes)))?;
        } else if out.is_terminal() {
            // A peer must not steer the terminal; a pipeline gets the bytes as they are.
            let text = String::from_utf8_lossy(bytes);
            for (i, line) in text.split('\n').enumerate() {
                let end = if i > 0 { "\n" } else { "" };
                write!(out, "{end}{}", line.split('\t').map(visible).collect::<Vec<_>>().join("\t"))?;
            }
            if self.messages {
                writeln!(out)?;
            }
        } else {
            out.write_all(bytes)?;
            if self.messages {
                out.write_all(b"\n")?;
            }
        }
        out.flush()
    }
}

/// Bytes for a JSON reader: as text where they are, and always in hexadecimal.
pub fn described(bytes: &[u8]) -> Value {
    let mut hexadecimal = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    json!({ "bytes": bytes.len(), "text": std::str::from_utf8(bytes).ok(), "hex": hexadecimal })
}
