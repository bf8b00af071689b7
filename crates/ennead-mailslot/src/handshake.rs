//! What a writer says when it comes to a mailslot: one message, with its memory file beside it.
//!
//! All fields little-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `ENNMSLT\0` |
//! | 8 | 2 | layout version, 1 |
//! | 10 | 2 | length of the whole, 24 |
//! | 12 | 4 | features that the server must understand, 0 |
//! | 16 | 4 | access mask asked for, generic rights replaced |
//! | 20 | 4 | process id, as the writer sees itself: information |
//!
//! Every later message on the connection is a ring of the doorbell, whatever is in it.

use crate::error::Reason;

/// The layout version that this library speaks.
pub const VERSION: u16 = 1;

/// The length in bytes.
pub const LEN: usize = 24;

const MAGIC: [u8; 8] = *b"ENNMSLT\0";

/// A writer's first words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The access mask that it asks for, generic rights replaced.
    pub access: u32,
    /// Its process id, as it sees itself.
    pub pid: u32,
}

impl Handshake {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&(LEN as u16).to_le_bytes());
        bytes[16..20].copy_from_slice(&self.access.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.pid.to_le_bytes());
        bytes
    }

    /// Reads what a writer sent; it may have sent anything.
    ///
    /// # Errors
    /// [`Reason::Version`] if it speaks another version or asks for features unknown here; [`Reason::Damaged`] if it is no handshake.
    pub fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        if bytes.get(..8) != Some(&MAGIC[..]) {
            return Err(Reason::Damaged("the magic of the writer's handshake"));
        }
        let number = |at: usize| -> Result<u32, Reason> {
            let four = bytes.get(at..at + 4).and_then(<[u8]>::first_chunk);
            four.map(|four| u32::from_le_bytes(*four))
                .ok_or(Reason::Damaged("the length of the writer's handshake"))
        };
        let version = number(8)? & 0xffff;
        if version != u32::from(VERSION) {
            return Err(Reason::Version { theirs: version, ours: VERSION.into() });
        }
        if number(8)? >> 16 != LEN as u32 || bytes.len() != LEN {
            return Err(Reason::Damaged("the length of the writer's handshake"));
        }
        if number(12)? != 0 {
            return Err(Reason::Damaged("the feature word of the writer's handshake"));
        }
        Ok(Self { access: number(16)?, pid: number(20)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let hello = Handshake { access: 0x0012_0116, pid: 0x0102_0304 };
        let bytes = hello.encode();
        let expected = *b"ENNMSLT\0\x01\0\x18\0\0\0\0\0\x16\x01\x12\0\x04\x03\x02\x01";
        assert_eq!(bytes, expected);
        assert_eq!(Handshake::decode(&bytes).unwrap(), hello);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = Handshake { access: 2, pid: 1 }.encode();
        for len in 0..LEN {
            assert!(Handshake::decode(&good[..len]).is_err(), "{len}");
        }
        assert!(Handshake::decode(&[&good[..], &[0]].concat()).is_err());
        let changed = |at: usize| {
            let mut bytes = good;
            bytes[at] ^= 2;
            Handshake::decode(&bytes)
        };
        assert!(matches!(changed(0), Err(Reason::Damaged(_))));
        assert!(matches!(changed(8), Err(Reason::Version { theirs: 3, ours: 1 })));
        assert!(matches!(changed(10), Err(Reason::Damaged(_))));
        assert!(matches!(changed(13), Err(Reason::Damaged(_))));
    }
}
