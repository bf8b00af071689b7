//! Reading memory whose layout somebody tells: `f32,u16,str:32`.
//!
//! A layout is a list of fields, one behind the other without padding, separated by commas: `u8` `u16` `u32` `u64` `i8` `i16` `i32` `i64` `f32` `f64`, little-endian,
//! or big-endian with `be` behind it (`u16be`); `str:N`, text of N bytes up to its first NUL; `hex:N`, N bytes; `pad:N`, N bytes that are passed over.

use std::fmt;

/// The most bytes that a layout describes.
pub const LONGEST: usize = 1 << 20;
/// The most fields of a layout.
pub const MOST_FIELDS: usize = 4096;

/// A list of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    fields: Vec<Field>,
    len: usize,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    kind: FieldKind,
    big: bool,
    len: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FieldKind {
    Unsigned,
    Signed,
    Float,
    Text,
    Hex,
    Pad,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number without a sign.
    Unsigned(u64),
    /// A number with one.
    Signed(i64),
    /// A binary fraction.
    Float(f64),
    /// Text; what is no UTF-8 is U+FFFD.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What is wrong with a layout, or with a value for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InspectError {
    /// No such field.
    Field(String),
    /// The layout has no fields, or too many, or too many bytes.
    Size,
    /// There are fewer or more values than fields.
    Count {
        /// How many values there are.
        values: usize,
        /// How many are wanted.
        fields: usize,
    },
    /// It is no value of its field.
    Value(String),
}

impl Layout {
    /// Reads a layout.
    ///
    /// # Errors
    /// [`InspectError::Field`], [`InspectError::Size`].
    pub fn parse(text: &str) -> Result<Self, InspectError> {
        let mut layout = Self { fields: Vec::new(), len: 0 };
        for word in text.split(',') {
            let field = Field::parse(word.trim())?;
            layout.len += field.len;
            if layout.len > LONGEST || layout.fields.len() == MOST_FIELDS {
                return Err(InspectError::Size);
            }
            layout.fields.push(field);
        }
        if layout.len == 0 { Err(InspectError::Size) } else { Ok(layout) }
    }

    /// How many bytes it describes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Always false: a layout has bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The values of its fields in `bytes`, those of padding left out; what lies past the end of `bytes` too.
    #[must_use]
    pub fn read(&self, bytes: &[u8]) -> Vec<Value> {
        let mut rest = bytes;
        let mut values = Vec::new();
        for field in &self.fields {
            let Some((own, behind)) = rest.split_at_checked(field.len) else { break };
            values.extend(field.read(own));
            rest = behind;
        }
        values
    }

    /// The bytes of these values, zeros for padding.
    ///
    /// # Errors
    /// [`InspectError::Count`], [`InspectError::Value`].
    pub fn write(&self, values: &[&str]) -> Result<Vec<u8>, InspectError> {
        let fields = self.fields.iter().filter(|field| field.kind != FieldKind::Pad).count();
        if fields != values.len() {
            return Err(InspectError::Count { values: values.len(), fields });
        }
        let mut values = values.iter();
        let mut bytes = Vec::with_capacity(self.len);
        for field in &self.fields {
            if field.kind == FieldKind::Pad {
                bytes.resize(bytes.len() + field.len, 0);
            } else if let Some(value) = values.next() {
                bytes.extend(field.write(value)?);
            }
        }
        Ok(bytes)
    }
}

impl Field {
    fn parse(word: &str) -> Result<Self, InspectError> {
        let unknown = || InspectError::Field(word.to_owned());
        if let Some((kind, len)) = word.split_once(':') {
            let kind = match kind {
                "str" => FieldKind::Text,
                "hex" => FieldKind::Hex,
                "pad" => FieldKind::Pad,
                _ => return Err(unknown()),
            };
            let len = len.parse().ok().filter(|len| (1..=LONGEST).contains(len)).ok_or_else(unknown)?;
            return Ok(Self { kind, big: false, len });
        }
        let (name, big) = word.strip_suffix("be").map_or((word, false), |name| (name, true));
        let (kind, len) = match name {
            "u8" => (FieldKind::Unsigned, 1),
            "u16" => (FieldKind::Unsigned, 2),
            "u32" => (FieldKind::Unsigned, 4),
            "u64" => (FieldKind::Unsigned, 8),
            "i8" => (FieldKind::Signed, 1),
            "i16" => (FieldKind::Signed, 2),
            "i32" => (FieldKind::Signed, 4),
            "i64" => (FieldKind::Signed, 8),
            "f32" => (FieldKind::Float, 4),
            "f64" => (FieldKind::Float, 8),
            _ => return Err(unknown()),
        };
        Ok(Self { kind, big, len })
    }

    /// `bytes` has as many as the field.
    fn read(self, bytes: &[u8]) -> Option<Value> {
        let number = || {
            let mut wide = [0; 8];
            wide[..self.len.min(8)].copy_from_slice(&bytes[..self.len.min(8)]);
            if self.big {
                wide[..self.len.min(8)].reverse();
            }
            u64::from_le_bytes(wide)
        };
        Some(match self.kind {
            FieldKind::Unsigned => Value::Unsigned(number()),
            FieldKind::Signed => {
                let unused = 64 - 8 * self.len as u32;
                Value::Signed((number() << unused).cast_signed() >> unused)
            }
            FieldKind::Float if self.len == 4 => Value::Float(f32::from_bits(number() as u32).into()),
            FieldKind::Float => Value::Float(f64::from_bits(number())),
            FieldKind::Text => {
                let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
            FieldKind::Hex => Value::Bytes(bytes.to_vec()),
            FieldKind::Pad => return None,
        })
    }

    fn write(self, text: &str) -> Result<Vec<u8>, InspectError> {
        let wrong = || InspectError::Value(text.to_owned());
        let number = |wide: u64| {
            let mut bytes = wide.to_le_bytes()[..self.len].to_vec();
            if self.big {
                bytes.reverse();
            }
            bytes
        };
        match self.kind {
            FieldKind::Unsigned => {
                let value = unsigned(text).ok_or_else(wrong)?;
                let fits = self.len == 8 || value >> (8 * self.len) == 0;
                if fits { Ok(number(value)) } else { Err(wrong()) }
            }
            FieldKind::Signed => {
                let value: i64 = text.trim().parse().map_err(|_| wrong())?;
                let unused = 64 - 8 * self.len as u32;
                let fits = value << unused >> unused == value;
                if fits { Ok(number(value.cast_unsigned())) } else { Err(wrong()) }
            }
            FieldKind::Float if self.len == 4 => {
                Ok(number(text.trim().parse::<f32>().map_err(|_| wrong())?.to_bits().into()))
            }
            FieldKind::Float => Ok(number(text.trim().parse::<f64>().map_err(|_| wrong())?.to_bits())),
            FieldKind::Text => padded(text.as_bytes(), self.len).ok_or_else(wrong),
            FieldKind::Hex => {
                let bytes = hex(text).filter(|bytes| bytes.len() == self.len).ok_or_else(wrong)?;
                Ok(bytes)
            }
            FieldKind::Pad => Ok(vec![0; self.len]),
        }
    }
}

/// A number without a sign: decimal, or hexadecimal behind `0x`.
#[must_use]
pub fn unsigned(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // `from_str_radix` takes a sign.
        Some(digits) if digits.starts_with(['+', '-']) => None,
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None if text.starts_with('+') => None,
        None => text.parse().ok(),
    }
}

/// Bytes as pairs of hexadecimal digits, with blanks between any of them or without.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let digits = digits?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn padded(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut padded = bytes.to_vec();
    if padded.len() > len {
        return None;
    }
    padded.resize(len, 0);
    Some(padded)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => number.fmt(f),
            Self::Signed(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(word) => write!(
                f,
                "“{word}” is no field: expected u8 … u64, i8 … i64, f32, f64 (with be for big-endian), str:N, hex:N or pad:N"
            ),
            Self::Size => {
                write!(f, "a layout has 1 to {MOST_FIELDS} fields, and at most {LONGEST} bytes")
            }
            Self::Count { values, fields } => write!(f, "{values} values for {fields} fields"),
            Self::Value(text) => write!(f, "“{text}” is no value of its field"),
        }
    }
}

impl std::error::Error for InspectError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_back() {
        let layout = Layout::parse("f32, u16,str:6,pad:2,i16be,hex:2,u64").unwrap();
        assert_eq!(layout.len(), 26);
        let bytes = layout.write(&["1.5", "0xffff", "bolt", "-2", "be ef", "7"]).unwrap();
        assert_eq!(bytes.len(), 26);
        assert_eq!(&bytes[14..18], [0xff, 0xfe, 0xbe, 0xef]);
        let values: Vec<String> = layout.read(&bytes).iter().map(ToString::to_string).collect();
        assert_eq!(values, ["1.5", "65535", "\"bolt\"", "-2", "beef", "7"]);
        assert_eq!(layout.read(&bytes[..7]).len(), 2, "what is not there is left out");
    }

    #[test]
    fn what_is_no_layout_or_no_value() {
        for text in
            ["", "u128", "u8,", "str", "str:", "str:0", "str:-1", "hex:1048577", "pad:x", "u8BE", "be"]
        {
            assert!(Layout::parse(text).is_err(), "{text}");
        }
        assert_eq!(Layout::parse("hex:1048576,".repeat(2).trim_end_matches(',')), Err(InspectError::Size));
        let byte = Layout::parse("u8").unwrap();
        for value in ["256", "-1", "+1", "x", "", "0x100", "0x+1"] {
            assert!(byte.write(&[value]).is_err(), "{value}");
        }
        let signed = Layout::parse("i8").unwrap();
        assert_eq!(signed.write(&["-128"]).unwrap(), [0x80]);
        assert!(signed.write(&["128"]).is_err());
        assert_eq!(byte.write(&[]), Err(InspectError::Count { values: 0, fields: 1 }));
        assert!(Layout::parse("str:3").unwrap().write(&["four"]).is_err());
        assert!(Layout::parse("hex:2").unwrap().write(&["abc"]).is_err());
    }
}
