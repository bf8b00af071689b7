//! The reading side of a ring.

use super::Memory;
use super::layout::{CPU, CURSOR, HEADER, MARKS, RING, SLEEPS, TAIL, space};

/// A ring as its reader has it.
#[derive(Debug)]
pub(crate) struct RingReader<M> {
    memory: M,
    capacity: u64,
    /// INVARIANT: `cursor <= seen <= cursor + capacity`, and so of `counted_to` if anything is counted; all multiples of 8.
    cursor: u64,
    /// The tail as last looked at.
    seen: u64,
    /// Up to where messages were counted, and how many there are from the cursor to there.
    counted_to: u64,
    counted: u64,
}

/// The next message's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// The message's length in bytes: it lies within the ring.
    pub len: u64,
    /// When it was written, as the writer says.
    pub stamp: u64,
}

/// Something that no honest writer would write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub &'static str);

impl<M: Memory> RingReader<M> {
    /// The ring of a verified file.
    pub fn new(memory: M, capacity: u64) -> Self {
        Self { memory, capacity, cursor: 0, seen: 0, counted_to: 0, counted: 0 }
    }

    /// Looks how far the writer has come; says whether there is something to read.
    #[inline]
    pub fn look(&mut self) -> Result<bool, Violation> {
        self.seen = self.tail()?;
        Ok(self.seen != self.cursor)
    }

    /// How far the writer has come.
    #[inline]
    fn tail(&self) -> Result<u64, Violation> {
        let tail = self.memory.load(TAIL) & !MARKS;
        if tail != self.seen
            && (!tail.is_multiple_of(8) || tail < self.seen || tail - self.cursor > self.capacity)
        {
            return Err(Violation("the tail of a writer's ring"));
        }
        Ok(tail)
    }

    /// How far the writer had come at the last look.
    #[inline]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// How far was read.
    #[inline]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Whether the writer has come further since the last look. Checks nothing.
    #[inline]
    pub fn has_news(&self) -> bool {
        self.memory.load(TAIL) & !MARKS != self.seen
    }

    /// The next message among those that the last look found.
    #[inline]
    pub fn head(&self) -> Result<Option<Head>, Violation> {
        if self.seen == self.cursor {
            return Ok(None);
        }
        let len = self.frame_at(self.cursor, self.seen)?;
        self.memory.expect_read(self.at(self.cursor + space(len)));
        Ok(Some(Head { len, stamp: self.memory.load(self.at(self.cursor + 8)) }))
    }

    /// Copies the message of the head out; `to` is as long as it.
    #[inline]
    pub fn copy(&self, to: &mut [u8]) {
        let at = self.at(self.cursor + HEADER);
        let straight = to.len().min(RING + self.capacity as usize - at);
        let (before, after) = to.split_at_mut(straight);
        self.memory.copy_out(at, before);
        if !after.is_empty() {
            self.memory.copy_out(RING, after);
        }
    }

    /// Leaves the message of this head behind.
    #[inline]
    pub fn advance(&mut self, head: &Head) {
        self.cursor += space(head.len);
        if self.counted_to < self.cursor {
            (self.counted_to, self.counted) = (self.cursor, 0);
        } else {
            // One that was counted; a writer that altered counted frames spoils only the count, and only of what is in its ring.
            self.counted = self.counted.saturating_sub(1);
        }
        self.memory.store(CURSOR, self.cursor);
    }

    /// How many messages there are now. Each is counted once. What no look has found yet is counted, and not found by that.
    pub fn count(&mut self) -> Result<u64, Violation> {
        let tail = self.tail()?;
        while self.counted_to < tail {
            let len = self.frame_at(self.counted_to, tail)?;
            self.counted_to += space(len);
            self.counted += 1;
        }
        Ok(self.counted)
    }

    /// Says that the reader is going to sleep. A look after a fence after this misses nothing that the writer does not ring for.
    pub fn announce(&self) {
        self.memory.store(SLEEPS, 1);
    }

    /// Between [`RingReader::announce`] and the last look.
    pub fn fence(&self) {
        self.memory.fence();
    }

    /// Says that the reader is awake.
    #[inline]
    pub fn wake(&self) {
        if self.memory.load(SLEEPS) != 0 {
            self.memory.store(SLEEPS, 0);
        }
    }

    /// Closes the ring, for good. Nothing is committed after this; a last look finds all that was.
    pub fn close(&self, mark: u64) {
        self.memory.set_bits(TAIL, mark);
    }

    /// The CPU that the writer last ran on, as it says.
    pub fn cpu(&self) -> Option<u64> {
        self.memory.load(CPU).checked_sub(1)
    }

    /// The length of the message whose frame is at `position`, which is before `end`, a checked tail.
    #[inline]
    fn frame_at(&self, position: u64, end: u64) -> Result<u64, Violation> {
        let len = self.memory.load(self.at(position));
        let room = end - position;
        if room < HEADER || len > room - HEADER || space(len) > room {
            return Err(Violation("the length of a message in a writer's ring"));
        }
        Ok(len)
    }

    #[inline]
    fn at(&self, position: u64) -> usize {
        RING + (position & (self.capacity - 1)) as usize
    }
}
