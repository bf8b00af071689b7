//! What a client says when it connects: one message, with the connection's descriptors beside it.
//!
//! All fields little-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `ENNPIPE\0` |
//! | 8 | 2 | layout version, 1 |
//! | 10 | 2 | length of the whole |
//! | 12 | 4 | features that the server must understand, 0 |
//! | 16 | 4 | access mask asked for, generic rights replaced |
//! | 20 | 4 | security quality of service |
//! | 24 | 4 | process id, as the client sees itself |
//! | 28 | 4 | session id |
//! | 32 | 4 | length *n* of the computer name |
//! | 36 | *n* | computer name, UTF-8 |
//!
//! Process, session and computer are information: what may be done is decided by what the kernel says.

use crate::impersonation::SecurityQuality;

use super::error::Reason;

/// The layout version that this library speaks.
pub const VERSION: u16 = 1;

/// The longest handshake, in bytes.
pub const MAX_LEN: usize = FIXED + MAX_COMPUTER;

const MAGIC: [u8; 8] = *b"ENNPIPE\0";
const FIXED: usize = 36;
const MAX_COMPUTER: usize = 255;

/// A client's first words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The access mask that it asks for, generic rights replaced.
    pub access: u32,
    /// How far the server may go on its behalf.
    pub quality: SecurityQuality,
    /// Its process id, as it sees itself.
    pub pid: u32,
    /// Its session.
    pub session: u32,
    /// Its computer's name.
    pub computer: String,
}

impl Handshake {
    /// As bytes. A computer name past 255 bytes is cut.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut end = self.computer.len().min(MAX_COMPUTER);
        while !self.computer.is_char_boundary(end) {
            end -= 1;
        }
        let computer = &self.computer.as_bytes()[..end];
        let mut bytes = Vec::with_capacity(FIXED + computer.len());
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(((FIXED + computer.len()) as u16).to_le_bytes());
        bytes.extend(0u32.to_le_bytes());
        bytes.extend(self.access.to_le_bytes());
        bytes.extend(self.quality.encode());
        bytes.extend(self.pid.to_le_bytes());
        bytes.extend(self.session.to_le_bytes());
        bytes.extend((computer.len() as u32).to_le_bytes());
        bytes.extend(computer);
        bytes
    }

    /// Reads what a client sent; it may have sent anything.
    ///
    /// # Errors
    ///
    /// [`Reason::Version`] if it speaks another version or asks for features unknown here; [`Reason::Damaged`] if it
    /// is not a handshake.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        const SHORT: Reason = Reason::Damaged("the client's handshake");
        if field::<8>(bytes, 0).ok_or(SHORT)? != MAGIC {
            return Err(Reason::Damaged("the magic of the client's handshake"));
        }
        let version = u16::from_le_bytes(field(bytes, 8).ok_or(SHORT)?);
        if version != VERSION {
            return Err(Reason::Version { theirs: version.into(), ours: VERSION.into() });
        }
        let number = |at| field(bytes, at).map(u32::from_le_bytes).ok_or(SHORT);
        if usize::from(u16::from_le_bytes(field(bytes, 10).ok_or(SHORT)?)) != bytes.len() {
            return Err(Reason::Damaged("the length of the client's handshake"));
        }
        if number(12)? != 0 {
            return Err(Reason::Damaged("the feature word of the client's handshake"));
        }
        let quality = SecurityQuality::decode(field(bytes, 20).ok_or(SHORT)?)
            .map_err(|_| Reason::Damaged("the security quality of the client's handshake"))?;
        let computer = bytes.get(FIXED..).ok_or(SHORT)?;
        if number(32)? as usize != computer.len() || computer.len() > MAX_COMPUTER {
            return Err(Reason::Damaged("the computer name of the client's handshake"));
        }
        let computer = std::str::from_utf8(computer)
            .map_err(|_| Reason::Damaged("the computer name of the client's handshake"))?;
        Ok(Self {
            access: number(16)?,
            quality,
            pid: number(24)?,
            session: number(28)?,
            computer: computer.to_owned(),
        })
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Handshake {
        Handshake {
            access: 0x0012_0089,
            quality: SecurityQuality::default(),
            pid: 0x0102_0304,
            session: 7,
            computer: "kübel".to_owned(),
        }
    }

    #[test]
    fn golden() {
        let expected: &[u8] = &[
            b'E', b'N', b'N', b'P', b'I', b'P', b'E', 0, 1, 0, 42, 0, 0, 0, 0, 0, 0x89, 0, 0x12, 0, 2, 0, 0,
            0, 4, 3, 2, 1, 7, 0, 0, 0, 6, 0, 0, 0, b'k', 0xC3, 0xBC, b'b', b'e', b'l',
        ];
        assert_eq!(example().encode(), expected);
        assert_eq!(Handshake::decode(expected).unwrap(), example());
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_refused_or_survives_a_round_trip() {
        let good = example().encode();
        for len in 0..good.len() {
            assert!(Handshake::decode(&good[..len]).is_err(), "{len}");
        }
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Handshake::decode(&bad) {
                assert_eq!(read.encode(), bad);
            }
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = example().encode();
        bytes[8] = 9;
        assert!(matches!(Handshake::decode(&bytes), Err(Reason::Version { theirs: 9, ours: 1 })));
    }

    #[test]
    fn a_long_computer_name_is_cut_between_characters() {
        let long = Handshake { computer: "é".repeat(200), ..example() };
        assert_eq!(Handshake::decode(&long.encode()).unwrap().computer, "é".repeat(127));
    }
}
