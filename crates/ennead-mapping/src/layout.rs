//! What lies before the data of shared memory: layout 1, little-endian, fixed widths.
//!
//! A named one's body begins at a multiple of 64 KiB of its entry's file; an unnamed one's memory file is the same without an entry around it. Offsets count from
//! the body's beginning.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `ENNDsect` |
//! | 8 | 4 | layout version, 1 |
//! | 12 | 4 | features that a reader must know, or refuse it |
//! | 16 | 8 | the size of the file mapping in bytes |
//! | 24 | 8 | where the data begins, a multiple of 64 KiB; 0 where it is a file's |
//! | 32 | 4 | page protection, `PAGE_*` |
//! | 36 | 4 | attributes, `SEC_RESERVE` or `SEC_COMMIT` |
//! | 40 | 8 + 8 | the commit bitmap: where it begins, and its bytes; a bit for each 4 KiB of data, the lowest first |
//! | 56 | 8 | the device of the file that is mapped, 0 for none |
//! | 64 | 8 | its inode |
//! | 72 | 4 + 4 | its path: where it begins, and its bytes |
//!
//! The bitmap is made of 64-bit words in the creator's byte order, as everything that is shared atomically.
//! Whoever may write the memory may spoil the header, so every opener checks all of it.

use std::error::Error;
use std::fmt;

/// The layout version that this crate writes and reads.
pub const LAYOUT: u32 = 1;
/// The header's length in bytes.
pub const HEADER: usize = 80;
/// What views begin at multiples of (`dwAllocationGranularity`), in bytes.
pub const GRANULARITY: u64 = 0x1_0000;
/// How many bytes of data a bit of the commit bitmap stands for.
pub const COMMIT_UNIT: u64 = 4096;
/// `SEC_RESERVE`.
pub const SEC_RESERVE: u32 = 0x0400_0000;
/// `SEC_COMMIT`.
pub const SEC_COMMIT: u32 = 0x0800_0000;
/// The largest file mapping that reserves, in bytes.
pub const MOST_RESERVED: u64 = 1 << 46;

/// The entry's tag.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"SECT");

const MAGIC: [u8; 8] = *b"ENNDsect";
/// Where the bitmap begins: on a page of its own, which no store of the header's touches.
const BITMAP: u64 = 4096;
const LONGEST_PATH: u64 = 4096;
const PATH: u64 = HEADER as u64;

/// A file mapping's fixed part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its size in bytes.
    pub size: u64,
    /// Where its data begins, in bytes from the header's beginning; 0 for a file's.
    pub data: u64,
    /// `PAGE_*`.
    pub protection: u32,
    /// `SEC_*`.
    pub attributes: u32,
    /// Where the commit bitmap begins, and its length; both 0 for none.
    pub bitmap: (u64, u64),
    /// The device and inode of the file that is mapped.
    pub file: Option<(u64, u64)>,
    /// Where the file's path begins, and its length; both 0 for none.
    pub path: (u32, u32),
}

impl Header {
    /// Shared memory of `size` bytes. The caller keeps the size below [`MOST_RESERVED`] or that of files.
    pub(crate) fn of_memory(size: u64, protection: u32, reserve: bool) -> Self {
        let bits = size.div_ceil(COMMIT_UNIT);
        let bitmap = if reserve { (BITMAP, bits.div_ceil(64) * 8) } else { (0, 0) };
        let data = (bitmap.0 + bitmap.1).max(HEADER as u64).next_multiple_of(GRANULARITY);
        let attributes = if reserve { SEC_RESERVE } else { SEC_COMMIT };
        Self { size, data, protection, attributes, bitmap, file: None, path: (0, 0) }
    }

    /// A mapping of a file.
    pub(crate) fn of_file(size: u64, protection: u32, file: (u64, u64), path_len: u32) -> Self {
        let path = (PATH as u32, path_len);
        Self { size, data: 0, protection, attributes: SEC_COMMIT, bitmap: (0, 0), file: Some(file), path }
    }

    /// How long the whole is, header to last byte.
    pub(crate) fn total(&self) -> Option<u64> {
        match self.file {
            Some(_) => Some(u64::from(self.path.0) + u64::from(self.path.1)),
            None => self.data.checked_add(self.size).filter(|&total| total <= i64::MAX as u64),
        }
    }

    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        let (device, inode) = self.file.unwrap_or_default();
        put(0, &MAGIC);
        put(8, &LAYOUT.to_le_bytes());
        put(16, &self.size.to_le_bytes());
        put(24, &self.data.to_le_bytes());
        put(32, &self.protection.to_le_bytes());
        put(36, &self.attributes.to_le_bytes());
        put(40, &self.bitmap.0.to_le_bytes());
        put(48, &self.bitmap.1.to_le_bytes());
        put(56, &device.to_le_bytes());
        put(64, &inode.to_le_bytes());
        put(72, &self.path.0.to_le_bytes());
        put(76, &self.path.1.to_le_bytes());
        bytes
    }

    /// Reads a header before `total` bytes, header included. Every part then lies within them, the data on a multiple of 64 KiB.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(bytes: &[u8], total: u64) -> Result<Self, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<HEADER>() else { return Err(HeaderError::Magic) };
        if bytes[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        let u32_at = |at| u32::from_le_bytes(field(bytes, at));
        let u64_at = |at| u64::from_le_bytes(field(bytes, at));
        match (u32_at(8), u32_at(12)) {
            (LAYOUT, 0) => {}
            (LAYOUT, unknown) => return Err(HeaderError::Features { unknown }),
            (found, _) => return Err(HeaderError::Layout { found }),
        }
        let file = Some((u64_at(56), u64_at(64))).filter(|&file| file != (0, 0));
        let header = Self {
            size: u64_at(16),
            data: u64_at(24),
            protection: u32_at(32),
            attributes: u32_at(36),
            bitmap: (u64_at(40), u64_at(48)),
            file,
            path: (u32_at(72), u32_at(76)),
        };
        header.check(total).map_err(|part| HeaderError::Extent { part })?;
        Ok(header)
    }

    fn check(&self, total: u64) -> Result<(), &'static str> {
        let within = |at: u64, len: u64| at.checked_add(len).is_some_and(|end| end <= total);
        if crate::PageProtection::from_bits(self.protection).is_none() {
            return Err("protection");
        }
        if self.size == 0 || self.size > i64::MAX as u64 {
            return Err("size");
        }
        let path = (u64::from(self.path.0), u64::from(self.path.1));
        if self.file.is_some() {
            let fits = within(path.0, path.1) && path.0 >= PATH && (1..=LONGEST_PATH).contains(&path.1);
            let bare = self.data == 0 && self.bitmap == (0, 0);
            return if fits && bare { Ok(()) } else { Err("path") };
        }
        if self.data == 0 || !self.data.is_multiple_of(GRANULARITY) || !within(self.data, self.size) {
            return Err("data");
        }
        let reserves = self.attributes == SEC_RESERVE;
        if !reserves && self.attributes != SEC_COMMIT || self.path != (0, 0) {
            return Err("attributes");
        }
        let words = self.size.div_ceil(COMMIT_UNIT).div_ceil(64) * 8;
        let right = if reserves {
            self.bitmap == (BITMAP, words) && BITMAP.checked_add(words).is_some_and(|end| end <= self.data)
        } else {
            self.bitmap == (0, 0)
        };
        if right { Ok(()) } else { Err("commit bitmap") }
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER], at: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[at..at + N]);
    value
}

/// Bytes that are no header of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// It does not begin as shared memory does.
    Magic,
    /// It has another layout.
    Layout {
        /// The layout that it has.
        found: u32,
    },
    /// It needs features that this version does not have.
    Features {
        /// The unknown ones.
        unknown: u32,
    },
    /// A part lies outside the object, or does not fit the others.
    Extent {
        /// Which part.
        part: &'static str,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ours = env!("CARGO_PKG_VERSION");
        match self {
            Self::Magic => f.write_str("it does not begin as shared memory of Ennead's does"),
            Self::Layout { found } => {
                write!(f, "it has layout {found}; this is Ennead {ours}, which reads layout {LAYOUT}")
            }
            Self::Features { unknown } => {
                write!(f, "it needs features {unknown:#x} that this Ennead {ours} does not have")
            }
            Self::Extent { part } => write!(f, "the header's {part} does not fit the object"),
        }
    }
}

impl Error for HeaderError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden() {
        let header = Header::of_memory(100_000, 4, true);
        let total = header.total().unwrap();
        let bytes = header.encode();
        assert_eq!(&bytes[..16], b"ENNDsect\x01\0\0\0\0\0\0\0");
        assert_eq!(bytes[16..24], 100_000u64.to_le_bytes());
        assert_eq!(bytes[24..32], 0x1_0000u64.to_le_bytes());
        assert_eq!(bytes[32..40], [4, 0, 0, 0, 0, 0, 0, 4]);
        assert_eq!(bytes[40..56], [0, 16, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[56..], [0; 24]);
        assert_eq!(Header::decode(&bytes, total), Ok(header));
        assert!(Header::decode(&bytes, total - 1).is_err());
        let header = Header::of_file(5, 2, (3, 9), 20);
        assert_eq!(Header::decode(&header.encode(), 100), Ok(header));
        assert_eq!(Header::decode(&header.encode(), 99), Err(HeaderError::Extent { part: "path" }));
    }

    #[test]
    fn spoiled_ones_are_refused() {
        let header = Header::of_memory(1 << 40, 4, true);
        let total = header.total().unwrap();
        let with = |change: &dyn Fn(&mut Header)| {
            let mut spoiled = header;
            change(&mut spoiled);
            Header::decode(&spoiled.encode(), total).unwrap_err()
        };
        let extent = |part| HeaderError::Extent { part };
        assert_eq!(with(&|h| h.size = 0), extent("size"));
        assert_eq!(with(&|h| h.size = u64::MAX), extent("size"));
        assert_eq!(with(&|h| h.size += 1), extent("data"));
        assert_eq!(with(&|h| h.data = 4096), extent("data"));
        assert_eq!(with(&|h| h.data = u64::MAX << 16), extent("data"));
        assert_eq!(with(&|h| h.bitmap.1 -= 8), extent("commit bitmap"));
        assert_eq!(with(&|h| h.attributes = SEC_COMMIT), extent("commit bitmap"));
        assert_eq!(with(&|h| h.attributes = 0), extent("attributes"));
        assert_eq!(with(&|h| h.protection = 1), extent("protection"));
        let mut newer = header.encode();
        newer[8] = 2;
        assert_eq!(Header::decode(&newer, total), Err(HeaderError::Layout { found: 2 }));
        newer[8] = 1;
        newer[12] = 1;
        assert_eq!(Header::decode(&newer, total), Err(HeaderError::Features { unknown: 1 }));
        assert_eq!(Header::decode(&[0; 300], 300), Err(HeaderError::Magic));
        assert_eq!(Header::decode(b"ENNDsect", 300), Err(HeaderError::Magic));
    }
}
