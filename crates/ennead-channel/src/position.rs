//! Where in the endless stream of a ring a side stands.
//!
//! Positions count bytes modulo 2³⁷, so that a message ring's reading position (in steps of 8) and the bytes already read of the frame there fit one word,
//! and one store commits both.

use crate::layout::Framing;

/// Positions and distances are below this; capacities are far below it, so that "before" and "after" are never in doubt.
const MODULUS: u64 = 1 << 37;
const CONSUMED_BITS: u32 = 30;

/// A place in the stream, in bytes modulo 2³⁷.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position(u64);

impl Position {
    /// A position from a shared word; `None` if no honest side would have written it.
    #[inline]
    pub(crate) fn from_word(word: u64, framing: Framing) -> Option<Self> {
        let aligned = framing == Framing::Bytes || word.is_multiple_of(8);
        (word < MODULUS && aligned).then_some(Self(word))
    }

    /// From a word whose high bits may be marks and whose meaning nothing depends on.
    #[inline]
    pub(crate) fn from_low_bits(word: u64) -> Self {
        Self(word % MODULUS)
    }

    #[inline]
    pub(crate) fn word(self) -> u64 {
        self.0
    }

    #[must_use]
    #[inline]
    pub(crate) fn plus(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes) % MODULUS)
    }

    #[must_use]
    #[inline]
    pub(crate) fn minus(self, bytes: u64) -> Self {
        Self(self.0.wrapping_sub(bytes) % MODULUS)
    }

    /// How many bytes `self` is ahead of `earlier`.
    #[inline]
    pub(crate) fn ahead_of(self, earlier: Self) -> u64 {
        self.0.wrapping_sub(earlier.0) % MODULUS
    }

    /// Whether `self` is at or past `target`, the two being near each other.
    #[inline]
    pub(crate) fn has_reached(self, target: Self) -> bool {
        self.ahead_of(target) < MODULUS / 2
    }

    /// The offset in a ring of `capacity` bytes, a power of two.
    #[inline]
    pub(crate) fn offset(self, capacity: u64) -> usize {
        (self.0 & (capacity - 1)) as usize
    }
}

/// How far a reader has come: the position of the frame (or byte) that is next, and how many bytes of that frame's payload are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) at: Position,
    pub(crate) consumed: u64,
}

impl Cursor {
    pub(crate) const START: Self = Self { at: Position(0), consumed: 0 };

    /// A cursor from a shared word; `None` if no honest side would have written it.
    #[inline]
    pub(crate) fn from_word(word: u64, framing: Framing) -> Option<Self> {
        match framing {
            Framing::Bytes => Position::from_word(word, framing).map(|at| Self { at, consumed: 0 }),
            Framing::Messages => Some(Self {
                at: Position((word >> CONSUMED_BITS) * 8),
                consumed: word % (1 << CONSUMED_BITS),
            }),
        }
    }

    #[inline]
    pub(crate) fn word(self, framing: Framing) -> u64 {
        match framing {
            Framing::Bytes => self.at.0,
            Framing::Messages => ((self.at.0 / 8) << CONSUMED_BITS) | self.consumed,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 20 } else { 500 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn distances_survive_the_wrap(start in 0..MODULUS, step in 0u64..=1 << 30) {
            let from = Position(start);
            let to = from.plus(step);
            prop_assert_eq!(to.ahead_of(from), step);
            prop_assert_eq!(to.minus(step), from);
            prop_assert!(to.has_reached(from));
            prop_assert_eq!(from.has_reached(to), step == 0);
        }

        #[test]
        fn a_cursor_is_one_word(at in 0..MODULUS / 8, consumed in 0u64..1 << 30) {
            let cursor = Cursor { at: Position(at * 8), consumed };
            prop_assert_eq!(Cursor::from_word(cursor.word(Framing::Messages), Framing::Messages), Some(cursor));
        }

        #[test]
        fn any_word_is_refused_or_in_range(word: u64) {
            for framing in [Framing::Bytes, Framing::Messages] {
                if let Some(cursor) = Cursor::from_word(word, framing) {
                    prop_assert!(cursor.at.0 < MODULUS && cursor.consumed < 1 << 30);
                }
                if let Some(position) = Position::from_word(word, framing) {
                    prop_assert!(position.offset(4096) < 4096);
                }
            }
        }
    }
}
