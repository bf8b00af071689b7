//! What the three programs say to each other: one message a thought, written once for every mechanism.
//!
//! A message is a kind byte and its fields: integers little-endian, text as a 32-bit length and UTF-8. A peer's message is
//! hostile input: each length is checked against what is there, and nothing may follow the last field.

use super::money::{Cost, Decimal, Total};

/// Bytes in a message; a mechanism may refuse longer ones unread.
pub const LONGEST_MESSAGE: usize = 16 * 1024;

/// Bytes in a text field.
const LONGEST_TEXT: usize = 4 * 1024;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Word processor to spreadsheet: the summary table, please.
    AskTable,
    /// Spreadsheet to inventory program: the current stock levels, please.
    AskStock,
    /// Stock levels follow, this many.
    StockHead { rows: u64, grouped_by: String, currency: String },
    /// One part on stock.
    StockRow { part: String, group: String, quantity: Decimal, unit_cost: Decimal },
    /// The table follows, this many lines and then the total.
    TableHead { lines: u32, grouped_by: String, currency: String },
    /// One line of it, or its total.
    TableLine { label: String, parts: u64, quantity: Total, cost: Cost },
    /// Word processor to spreadsheet: the file, please.
    AskFile,
    /// The file follows as a stream of this many bytes.
    FileHead { length: u64 },
    /// Word processor to spreadsheet: that was all; thank you.
    Done,
    /// The question cannot be answered.
    Refused { reason: String },
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// It ends within a field.
    Short,
    /// Bytes follow its last field.
    Trailing(usize),
    /// Its first byte means nothing.
    Kind(u8),
    /// A text field claims this many bytes.
    TextLength(u32),
    /// A text field is not UTF-8.
    Text,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Malformed::Short => f.write_str("the peer's message ends within a field"),
            Malformed::Trailing(bytes) => {
                write!(f, "{bytes} bytes follow the last field of the peer's message")
            }
            Malformed::Kind(kind) => write!(f, "the peer's message is of unknown kind {kind:#04x}"),
            Malformed::TextLength(length) => write!(f, "the peer's message claims a text of {length} bytes"),
            Malformed::Text => f.write_str("the peer's message holds a text that is not UTF-8"),
        }
    }
}

impl Message {
    /// The message as bytes, at most [`LONGEST_MESSAGE`] of them.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(64);
        match self {
            Message::AskTable => to.push(1),
            Message::AskStock => to.push(2),
            Message::StockHead { rows, grouped_by, currency } => {
                to.push(3);
                to.extend(rows.to_le_bytes());
                put_text(&mut to, grouped_by);
                put_text(&mut to, currency);
            }
            Message::StockRow { part, group, quantity, unit_cost } => {
                to.push(4);
                put_text(&mut to, part);
                put_text(&mut to, group);
                to.extend(quantity.0.to_le_bytes());
                to.extend(unit_cost.0.to_le_bytes());
            }
            Message::TableHead { lines, grouped_by, currency } => {
                to.push(5);
                to.extend(lines.to_le_bytes());
                put_text(&mut to, grouped_by);
                put_text(&mut to, currency);
            }
            Message::TableLine { label, parts, quantity, cost } => {
                to.push(6);
                put_text(&mut to, label);
                to.extend(parts.to_le_bytes());
                to.extend(quantity.0.to_le_bytes());
                to.extend(cost.0.to_le_bytes());
            }
            Message::AskFile => to.push(7),
            Message::FileHead { length } => {
                to.push(8);
                to.extend(length.to_le_bytes());
            }
            Message::Done => to.push(9),
            Message::Refused { reason } => {
                to.push(10);
                put_text(&mut to, reason);
            }
        }
        to
    }

    /// Reads a peer's message.
    pub fn decode(bytes: &[u8]) -> Result<Message, Malformed> {
        let mut from = Fields(bytes);
        let message = match u8::from_le_bytes(from.array()?) {
            1 => Message::AskTable,
            2 => Message::AskStock,
            3 => Message::StockHead {
                rows: u64::from_le_bytes(from.array()?),
                grouped_by: from.text()?,
                currency: from.text()?,
            },
            4 => Message::StockRow {
                part: from.text()?,
                group: from.text()?,
                quantity: Decimal(i64::from_le_bytes(from.array()?)),
                unit_cost: Decimal(i64::from_le_bytes(from.array()?)),
            },
            5 => Message::TableHead {
                lines: u32::from_le_bytes(from.array()?),
                grouped_by: from.text()?,
                currency: from.text()?,
            },
            6 => Message::TableLine {
                label: from.text()?,
                parts: u64::from_le_bytes(from.array()?),
                quantity: Total(i128::from_le_bytes(from.array()?)),
                cost: Cost(i128::from_le_bytes(from.array()?)),
            },
            7 => Message::AskFile,
            8 => Message::FileHead { length: u64::from_le_bytes(from.array()?) },
            9 => Message::Done,
            10 => Message::Refused { reason: from.text()? },
            other => return Err(Malformed::Kind(other)),
        };
        if from.0.is_empty() { Ok(message) } else { Err(Malformed::Trailing(from.0.len())) }
    }
}

/// Writes a text; one that is too long is cut, at a character.
fn put_text(to: &mut Vec<u8>, text: &str) {
    let text = &text[..text.floor_char_boundary(LONGEST_TEXT)];
    // Cannot truncate: LONGEST_TEXT fits.
    to.extend((text.len() as u32).to_le_bytes());
    to.extend(text.as_bytes());
}

/// What is left of a message.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*field)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let claimed = u32::from_le_bytes(self.array()?);
        let length = usize::try_from(claimed).ok().filter(|&length| length <= LONGEST_TEXT);
        let length = length.ok_or(Malformed::TextLength(claimed))?;
        let (field, rest) = self.0.split_at_checked(length).ok_or(Malformed::Short)?;
        self.0 = rest;
        std::str::from_utf8(field).map(str::to_owned).map_err(|_| Malformed::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Message> {
        vec![
            Message::AskTable,
            Message::AskStock,
            Message::StockHead { rows: 195, grouped_by: "category".into(), currency: "EUR".into() },
            Message::StockRow {
                part: "Tornillo".into(),
                group: "Fasteners".into(),
                quantity: Decimal(-1),
                unit_cost: Decimal(i64::MAX),
            },
            Message::TableHead { lines: 13, grouped_by: String::new(), currency: String::new() },
            Message::TableLine {
                label: "µ".into(),
                parts: 7,
                quantity: Total(i128::MIN),
                cost: Cost(i128::MAX),
            },
            Message::AskFile,
            Message::FileHead { length: u64::MAX },
            Message::Done,
            Message::Refused { reason: "no".into() },
        ]
    }

    #[test]
    fn every_message_survives_and_every_cut_is_seen() {
        for message in examples() {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Ok(message));
            for cut in 0..bytes.len() {
                assert!(Message::decode(&bytes[..cut]).is_err());
            }
            assert_eq!(Message::decode(&[bytes.as_slice(), &[0]].concat()), Err(Malformed::Trailing(1)));
        }
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        assert_eq!(Message::decode(&[10, 255, 255, 255, 255]), Err(Malformed::TextLength(u32::MAX)));
        assert_eq!(Message::decode(&[10, 4, 0, 0, 0, b'a']), Err(Malformed::Short));
        assert_eq!(Message::decode(&[10, 1, 0, 0, 0, 0xff]), Err(Malformed::Text));
        let long = Message::Refused { reason: "é".repeat(LONGEST_TEXT) };
        assert!(long.encode().len() <= LONGEST_MESSAGE && Message::decode(&long.encode()).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_message_or_an_error(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            if let Ok(message) = Message::decode(&bytes) {
                proptest::prop_assert_eq!(message.encode(), bytes);
            }
        }
    }
}
