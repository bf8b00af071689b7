//! The payload: a pattern that differs in every message and at every place in it, so that a lost, repeated,
//! reordered, shifted or damaged message cannot pass for the right one.

use std::fmt;

/// Odd, so that neighbouring words differ in their low bits, and dense, so that they differ everywhere.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A payload that is not what the sender wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corrupt {
    /// Offset of the first wrong byte.
    pub at: usize,
    /// The length of the payload that was checked.
    pub length: usize,
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "payload is corrupt from byte {} of {}", self.at, self.length)
    }
}

impl std::error::Error for Corrupt {}

/// The first word of message number `sequence` sent in the given direction.
fn seed(sequence: u64, direction: Direction) -> u64 {
    let salt = match direction {
        Direction::ToServer => 0x5EED_0000_0000_0001,
        Direction::ToClient => 0xA11C_E000_0000_0003,
    };
    (sequence ^ salt).wrapping_mul(0xD6E8_FEB8_6659_FD93).rotate_left(23)
}

/// Which way a message goes; the two ways never carry the same pattern, so that an echo of one's own bytes fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Writes message number `sequence` into the whole of `buffer`.
pub fn fill(buffer: &mut [u8], sequence: u64, direction: Direction) {
    let mut word = seed(sequence, direction);
    let mut chunks = buffer.chunks_exact_mut(8);
    for chunk in &mut chunks {
        chunk.copy_from_slice(&word.to_le_bytes());
        word = word.wrapping_add(STEP);
    }
    let rest = chunks.into_remainder();
    let bytes = word.to_le_bytes();
    for (place, byte) in rest.iter_mut().zip(bytes) {
        *place = byte;
    }
}

/// Reads the whole of `buffer` and compares it with message number `sequence`.
///
/// # Errors
/// [`Corrupt`] names the first byte that differs.
pub fn check(buffer: &[u8], sequence: u64, direction: Direction) -> Result<(), Corrupt> {
    let mut word = seed(sequence, direction);
    let mut difference = 0;
    let mut chunks = buffer.chunks_exact(8);
    for chunk in &mut chunks {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        difference |= u64::from_le_bytes(bytes) ^ word;
        word = word.wrapping_add(STEP);
    }
    let rest_is_right = chunks.remainder().iter().zip(word.to_le_bytes()).all(|(have, want)| *have == want);
    if difference == 0 && rest_is_right { Ok(()) } else { Err(locate(buffer, sequence, direction)) }
}

#[cold]
fn locate(buffer: &[u8], sequence: u64, direction: Direction) -> Corrupt {
    let mut right = vec![0; buffer.len()];
    fill(&mut right, sequence, direction);
    let at = buffer.iter().zip(&right).position(|(have, want)| have != want).unwrap_or(buffer.len());
    Corrupt { at, length: buffer.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_checks() {
        for length in [0, 1, 7, 8, 9, 64, 1024, 4099] {
            let mut buffer = vec![0; length];
            fill(&mut buffer, 42, Direction::ToServer);
            assert_eq!(check(&buffer, 42, Direction::ToServer), Ok(()));
        }
    }

    #[test]
    fn every_single_damaged_bit_is_noticed_where_it_is() {
        let mut buffer = [0; 67];
        for bit in 0..buffer.len() * 8 {
            fill(&mut buffer, 7, Direction::ToClient);
            buffer[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                check(&buffer, 7, Direction::ToClient),
                Err(Corrupt { at: bit / 8, length: buffer.len() })
            );
        }
    }

    #[test]
    fn a_repeated_or_echoed_message_is_noticed() {
        let mut buffer = [0; 64];
        fill(&mut buffer, 7, Direction::ToServer);
        assert!(check(&buffer, 8, Direction::ToServer).is_err());
        assert!(check(&buffer, 7, Direction::ToClient).is_err());
    }

    #[test]
    fn a_shifted_message_is_noticed() {
        let mut buffer = [0; 72];
        fill(&mut buffer, 7, Direction::ToServer);
        assert!(check(&buffer[8..], 7, Direction::ToServer).is_err());
    }
}
