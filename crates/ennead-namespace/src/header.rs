//! The first bytes of every entry: layout 2, little-endian, fixed widths.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `\x89ENNEAD\n` |
//! | 8 | 4 | layout version, 2 |
//! | 12 | 4 | features that a reader must know, or refuse the entry |
//! | 16 | 4 | features that a reader may ignore |
//! | 20 | 4 | mode of the file as created (information) |
//! | 24 | 8 | the entry's id, random |
//! | 32 | 8 | the creating process's id, random |
//! | 40 | 4 | the creator's process id in its own pid namespace (information) |
//! | 44 | 4 | the creator's uid (information) |
//! | 48 | 16 | the creator's command name, padded with NUL (information) |
//! | 64 | 8 | when it was created, nanoseconds since 1970 (information) |
//! | 72 | 4 | what the body is: the mechanism's tag |
//! | 76 | 4 | the body's own layout version |
//! | 80 | 4 + 4 | the name, UTF-16: offset and bytes |
//! | 88 | 4 + 4 | the security descriptor, self-relative: offset and bytes |
//! | 96 | 8 + 8 | the body: offset and bytes |
//! | 112 | 16 | the version of Ennead that wrote it, padded with NUL |
//!
//! Layout 1 had the same bytes, and every holder's lock on the entry itself.
//!
//! The header, name and descriptor are written before the entry gets its name and never change. A holder with the right to
//! write can spoil them all the same, so every read checks everything.

use std::error::Error;
use std::fmt;

/// The layout version that this crate writes and reads.
pub const LAYOUT: u32 = 2;
/// The features that this crate knows among those that a reader must know.
pub const KNOWN_FEATURES: u32 = 0;
/// The fixed part's length.
pub const FIXED: usize = 128;
/// The longest descriptor: a self-relative one with two ACLs of 64 KiB.
pub const LONGEST_DESCRIPTOR: usize = 0x2_1000;

pub(crate) const MAGIC: [u8; 8] = *b"\x89ENNEAD\n";
const LONGEST_NAME: usize = 2 * crate::name::LONGEST;

/// The fixed part of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The file mode it was created with.
    pub mode: u32,
    /// The entry's random id.
    pub entry: u64,
    /// The creating process's random id.
    pub owner: u64,
    /// The creator's process id, as it saw itself.
    pub pid: u32,
    /// The creator's uid, as it saw itself.
    pub uid: u32,
    /// The creator's command name.
    pub command: [u8; 16],
    /// When it was created, in nanoseconds since 1970.
    pub created: u64,
    /// The mechanism's tag.
    pub body_tag: u32,
    /// The mechanism's layout version.
    pub body_version: u32,
    /// Where the name begins, and its length in bytes.
    pub name: (u32, u32),
    /// Where the descriptor begins, and its length in bytes.
    pub descriptor: (u32, u32),
    /// Where the body begins, and its length in bytes.
    pub body: (u64, u64),
    /// The version of Ennead that wrote it.
    pub writer: [u8; 16],
}

/// Bytes that are no entry of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderError {
    /// The file ends within the header.
    Short {
        /// How long it is.
        len: u64,
    },
    /// It does not begin as an entry does.
    Magic,
    /// It has another layout.
    Layout {
        /// The layout that it has.
        found: u32,
        /// The version of Ennead that wrote it, as far as that can be read.
        writer: String,
    },
    /// It needs features that this version does not have.
    Features {
        /// The unknown ones.
        unknown: u32,
        /// The version of Ennead that wrote it.
        writer: String,
    },
    /// A part lies outside the file, is too long, or overlaps the header.
    Extent {
        /// Which part.
        part: &'static str,
    },
}

impl Header {
    /// The bytes of the fixed part.
    pub fn encode(&self) -> [u8; FIXED] {
        let mut bytes = [0; FIXED];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC);
        put(8, &LAYOUT.to_le_bytes());
        put(12, &0u32.to_le_bytes());
        put(16, &0u32.to_le_bytes());
        put(20, &self.mode.to_le_bytes());
        put(24, &self.entry.to_le_bytes());
        put(32, &self.owner.to_le_bytes());
        put(40, &self.pid.to_le_bytes());
        put(44, &self.uid.to_le_bytes());
        put(48, &self.command);
        put(64, &self.created.to_le_bytes());
        put(72, &self.body_tag.to_le_bytes());
        put(76, &self.body_version.to_le_bytes());
        put(80, &self.name.0.to_le_bytes());
        put(84, &self.name.1.to_le_bytes());
        put(88, &self.descriptor.0.to_le_bytes());
        put(92, &self.descriptor.1.to_le_bytes());
        put(96, &self.body.0.to_le_bytes());
        put(104, &self.body.1.to_le_bytes());
        put(112, &self.writer);
        bytes
    }

    /// Reads the fixed part from the beginning of a file of `file_len` bytes. Every extent is then within the file.
    pub fn decode(bytes: &[u8], file_len: u64) -> Result<Header, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<FIXED>() else {
            return Err(if bytes.first_chunk::<8>().is_some_and(|start| *start != MAGIC) {
                HeaderError::Magic
            } else {
                HeaderError::Short { len: file_len }
            });
        };
        if bytes[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        let writer = field(bytes, 112);
        let layout = u32::from_le_bytes(field(bytes, 8));
        if layout != LAYOUT {
            return Err(HeaderError::Layout { found: layout, writer: text(&writer) });
        }
        let unknown = u32::from_le_bytes(field(bytes, 12)) & !KNOWN_FEATURES;
        if unknown != 0 {
            return Err(HeaderError::Features { unknown, writer: text(&writer) });
        }
        let u32_at = |at| u32::from_le_bytes(field(bytes, at));
        let u64_at = |at| u64::from_le_bytes(field(bytes, at));
        let header = Header {
            mode: u32_at(20),
            entry: u64_at(24),
            owner: u64_at(32),
            pid: u32_at(40),
            uid: u32_at(44),
            command: field(bytes, 48),
            created: u64_at(64),
            body_tag: u32_at(72),
            body_version: u32_at(76),
            name: (u32_at(80), u32_at(84)),
            descriptor: (u32_at(88), u32_at(92)),
            body: (u64_at(96), u64_at(104)),
            writer,
        };
        let small = |part, (at, len): (u32, u32), longest: usize| {
            let inside = u64::from(at) + u64::from(len) <= file_len;
            let fits = at as usize >= FIXED && len as usize <= longest;
            if inside && fits { Ok(()) } else { Err(HeaderError::Extent { part }) }
        };
        small("name", header.name, LONGEST_NAME)?;
        if header.name.1 == 0 || !header.name.1.is_multiple_of(2) {
            return Err(HeaderError::Extent { part: "name" });
        }
        small("descriptor", header.descriptor, LONGEST_DESCRIPTOR)?;
        let (at, len) = header.body;
        if at < FIXED as u64 || !at.is_multiple_of(8) || at.checked_add(len).is_none_or(|end| end > file_len)
        {
            return Err(HeaderError::Extent { part: "body" });
        }
        Ok(header)
    }

    /// The creator's command name as text.
    pub fn command_text(&self) -> String {
        text(&self.command)
    }
}

fn field<const N: usize>(bytes: &[u8; FIXED], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

/// What an error shows of a padded field that somebody else wrote: printable ASCII only.
fn text(padded: &[u8; 16]) -> String {
    let used = padded.split(|&b| b == 0).next().unwrap_or_default();
    used.iter().map(|&b| if b.is_ascii_graphic() || b == b' ' { char::from(b) } else { '?' }).collect()
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = env!("CARGO_PKG_VERSION");
        match self {
            HeaderError::Short { len } => {
                write!(f, "the file has {len} bytes, fewer than an entry's {FIXED}")
            }
            HeaderError::Magic => write!(f, "the file does not begin as an entry does"),
            HeaderError::Layout { found, writer } => write!(
                f,
                "the entry has layout {found} and was made by Ennead {writer}; this is Ennead {ours}, which reads layout {LAYOUT}"
            ),
            HeaderError::Features { unknown, writer } => write!(
                f,
                "the entry was made by Ennead {writer} and needs features {unknown:#x} that this Ennead {ours} does not have"
            ),
            HeaderError::Extent { part } => write!(f, "the entry's {part} lies outside the entry"),
        }
    }
}

impl Error for HeaderError {}

#[cfg(test)]
mod tests;
