//! What lies where in a writer's memory file.
//!
//! | at | bytes | field | who writes |
//! |---|---|---|---|
//! | 0 | 8 | magic `ENNDmail` | writer, once |
//! | 8 | 8 | layout version, features in the high half | writer, once |
//! | 16 | 8 | capacity of the ring: a power of two | writer, once |
//! | 128 | 8 | tail: how many bytes were committed; the two lowest bits are marks | writer; the reader sets marks |
//! | 192 | 8 | number of the CPU that the writer last ran on, plus one | writer |
//! | 256 | 8 | cursor: how many bytes were read | reader |
//! | 384 | 8 | 1: the reader sleeps | reader; the writer takes it back |
//! | 512 | capacity | ring | writer |
//!
//! Words are in the machine's own order: a file goes to processes of one machine. A frame is the length of the message in bytes (8), its
//! stamp in nanoseconds (8), and the message, padded to 8. Frames follow one another and wrap around.

use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;

use std::os::fd::AsFd;

use super::Memory;
use crate::error::Reason;

/// The smallest ring, in bytes.
pub(crate) const SMALLEST_CAPACITY: u64 = 4096;
/// The largest ring, in bytes: room for a message of 2³² − 1 bytes.
pub(crate) const LARGEST_CAPACITY: u64 = 1 << 33;

/// "ENNDmail" as the writer's machine has it in memory.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ENNDmail");
pub(crate) const VERSION: u64 = 1;

pub(crate) const MAGIC_AT: usize = 0;
pub(crate) const VERSION_AT: usize = 8;
pub(crate) const CAPACITY_AT: usize = 16;
pub(crate) const TAIL: usize = 128;
pub(crate) const CPU: usize = 192;
pub(crate) const CURSOR: usize = 256;
pub(crate) const SLEEPS: usize = 384;
pub(crate) const RING: usize = 512;

/// Marks in the tail.
pub(crate) const MARKS: u64 = 3;
/// The slot is closed.
pub(crate) const CLOSED: u64 = 1;
/// The server has sent this ring's writer away; it may come back with a new ring.
pub(crate) const RETIRED: u64 = 2;

/// A frame's header, in bytes.
pub(crate) const HEADER: u64 = 16;

/// How many bytes of the ring a message takes.
#[inline]
pub(crate) const fn space(len: u64) -> u64 {
    HEADER + len.next_multiple_of(8)
}

/// The file's size.
pub(crate) const fn size(capacity: u64) -> u64 {
    RING as u64 + capacity
}

/// Writes the header of a new file. The tail is 0 already.
pub(crate) fn begin(memory: &impl Memory, capacity: u64) {
    memory.store(VERSION_AT, VERSION);
    memory.store(CAPACITY_AT, capacity);
    memory.store(MAGIC_AT, MAGIC);
}

/// The capacity that a header tells of, if `len` bytes of memory are such a file. Each word is loaded once.
pub(crate) fn verify(memory: &impl Memory, len: u64, largest: u64) -> Result<u64, Reason> {
    if memory.load(MAGIC_AT) != MAGIC {
        return Err(Reason::Damaged("the magic of the writer's memory"));
    }
    let version = memory.load(VERSION_AT);
    if version != VERSION {
        return Err(Reason::Version { theirs: version as u32, ours: VERSION as u32 });
    }
    let capacity = memory.load(CAPACITY_AT);
    let sound = capacity.is_power_of_two() && (SMALLEST_CAPACITY..=largest).contains(&capacity);
    if !sound || size(capacity) != len {
        return Err(Reason::Damaged("the size of the writer's memory"));
    }
    Ok(capacity)
}

/// Maps a file that somebody else made, verified.
pub(crate) fn open(file: impl AsFd, largest: u64) -> Result<(Mapping, u64), Reason> {
    let len = memfd::sealed_size(&file).ok_or(Reason::Damaged("the kind of the writer's memory"))?;
    if !(size(SMALLEST_CAPACITY)..=size(largest)).contains(&len) {
        return Err(Reason::Damaged("the size of the writer's memory"));
    }
    let whole = usize::try_from(len).map_err(|_| Reason::Damaged("the size of the writer's memory"))?;
    let mapping = Mapping::new(&file, whole).map_err(Reason::system("map the writer's memory"))?;
    let capacity = verify(&mapping, len, largest)?;
    Ok((mapping, capacity))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let file = memfd::create_sealed("layout-test", size(4096) as usize).unwrap();
        let mapping = Mapping::new(&file, size(4096) as usize).unwrap();
        begin(&mapping, 4096);
        let words = [0, 8, 16].map(|at| mapping.load(at));
        assert_eq!(words, [0x6c69_616d_444e_4e45, 1, 4096]);
        assert_eq!((TAIL, CPU, CURSOR, SLEEPS, RING), (128, 192, 256, 384, 512));
        assert_eq!([0, 1, 8, 9].map(space), [16, 24, 24, 32]);
        assert_eq!(open(&file, 4096).unwrap().1, 4096);
        assert!(open(&file, 2048).is_err());
        mapping.store(CAPACITY_AT, 8192);
        assert!(open(&file, 1 << 20).is_err());
        mapping.store(CAPACITY_AT, 4096);
        mapping.store(VERSION_AT, 2);
        assert!(matches!(open(&file, 4096), Err(Reason::Version { theirs: 2, ours: 1 })));
        mapping.store(MAGIC_AT, 2);
        assert!(open(&file, 4096).is_err());
    }
}
