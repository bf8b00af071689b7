//! Which pages of reserved memory are committed: a bitmap that all views share.
//!
//! A page is committed once it has its room, and never again uncommitted (`VirtualFree` says so of views). Room first, bit second: who is killed between the
//! two has only taken room.

use std::fs::File;
use std::ops::Range;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::AcqRel;

use ennead_sys::view::{Mode, Request, View};

use crate::error::{Reason, ViewError};
use crate::layout::COMMIT_UNIT;

/// The mapped bitmap.
#[derive(Debug)]
pub(crate) struct CommitMap {
    view: View,
    /// Where it begins in the view; its words are the creator's and the machine's.
    at: usize,
}

impl CommitMap {
    pub(crate) fn map(file: &File, offset: u64, bitmap: (u64, u64), writable: bool) -> Result<Self, Reason> {
        let too_big = || Reason::TooBig("the commit bitmap does not fit the address space");
        let len = usize::try_from(bitmap.0 + bitmap.1).map_err(|_| too_big())?;
        let at = usize::try_from(bitmap.0).map_err(|_| too_big())?;
        let mode = if writable { Mode::ReadWrite } else { Mode::Read };
        let view = View::map(file, offset, len, Request::new(mode))
            .map_err(Reason::system("map the commit bitmap"))?;
        Ok(Self { view, at })
    }

    /// Whether each page of `range`, in bytes of the file mapping, is committed.
    pub(crate) fn covers(&self, range: Range<u64>) -> Result<bool, ViewError> {
        for (word, bits) in words(range) {
            if self.view.load::<AtomicU64>(self.at + word * 8)? & bits != bits {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Says that the pages of `range` have their room.
    pub(crate) fn set(&self, range: Range<u64>) -> Result<(), ViewError> {
        for (word, bits) in words(range) {
            self.view.atomic::<AtomicU64>(self.at + word * 8)?.fetch_or(bits, AcqRel);
        }
        if self.view.is_broken() { Err(ViewError::Broken) } else { Ok(()) }
    }

    /// The longest run of pages that are alike, from the one that holds `at`: whether committed, and where it ends, below `end`.
    pub(crate) fn run(&self, at: u64, end: u64) -> Result<(bool, u64), ViewError> {
        let committed = self.covers(at..at + 1)?;
        let (alike, word_of) = (if committed { u64::MAX } else { 0 }, 64 * COMMIT_UNIT);
        let mut next = (at / COMMIT_UNIT + 1) * COMMIT_UNIT;
        while next < end {
            // A whole word at a time where there is one.
            let word = || self.view.load::<AtomicU64>(self.at + (next / word_of) as usize * 8);
            if next.is_multiple_of(word_of) && next + word_of <= end && word()? == alike {
                next += word_of;
            } else if self.covers(next..next + 1)? == committed {
                next += COMMIT_UNIT;
            } else {
                break;
            }
        }
        Ok((committed, next.min(end)))
    }
}

/// The words that speak of `range`, each with the bits that do.
fn words(range: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    let (first, last) =
        if range.is_empty() { (1, 0) } else { (range.start / COMMIT_UNIT, (range.end - 1) / COMMIT_UNIT) };
    (first / 64..=last / 64).filter(move |_| first <= last).map(move |word| {
        let from = first.max(word * 64) - word * 64;
        let to = last.min(word * 64 + 63) - word * 64;
        // Few enough for an index: the bitmap was mapped.
        (word as usize, (u64::MAX >> (63 - (to - from))) << from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bits() {
        let of = |range| words(range).collect::<Vec<_>>();
        assert_eq!(of(0..0), []);
        assert_eq!(of(0..1), [(0, 1)]);
        assert_eq!(of(4095..4097), [(0, 3)]);
        assert_eq!(of(4096..8192), [(0, 2)]);
        assert_eq!(of(0..64 * 4096), [(0, u64::MAX)]);
        assert_eq!(of(63 * 4096..65 * 4096), [(0, 1 << 63), (1, 1)]);
        assert_eq!(of(64 * 4096..1 + 192 * 4096), [(1, u64::MAX), (2, u64::MAX), (3, 1)]);
    }
}
