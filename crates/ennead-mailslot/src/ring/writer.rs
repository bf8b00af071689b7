//! The writing side of a ring.

use super::Memory;
use super::layout::{CLOSED, CPU, CURSOR, HEADER, MARKS, RETIRED, RING, SLEEPS, TAIL, begin, space};

/// A ring as its writer has it.
#[derive(Debug)]
pub(crate) struct RingWriter<M> {
    memory: M,
    capacity: u64,
    /// What this side has committed.
    tail: u64,
    /// The reader's cursor as last seen.
    cursor: u64,
    /// The CPU as last published.
    cpu: u64,
}

/// Why a message is not in the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// There is no room for it now, or never, if the ring is smaller than the message.
    NoRoom,
    /// The slot is closed.
    Closed,
    /// The server has sent this writer away; a new ring is welcome.
    Retired,
    /// The reader's words are not what a reader would write.
    Violation,
}

impl<M: Memory> RingWriter<M> {
    /// A ring in zeroed memory of the right size.
    pub fn begin(memory: M, capacity: u64) -> Self {
        begin(&memory, capacity);
        Self { memory, capacity, tail: 0, cursor: 0, cpu: 0 }
    }

    /// Puts a message in; `Ok(true)` says that the reader sleeps and must be rung.
    #[inline]
    pub fn push(&mut self, stamp: u64, message: &[u8]) -> Result<bool, PushError> {
        let space = space(message.len() as u64);
        if self.capacity - (self.tail - self.cursor) < space {
            self.look()?;
            if self.capacity - (self.tail - self.cursor) < space {
                return Err(self.ended().unwrap_or(PushError::NoRoom));
            }
        }
        self.memory.store(self.at(self.tail), message.len() as u64);
        self.memory.store(self.at(self.tail + 8), stamp);
        let at = self.at(self.tail + HEADER);
        let straight = message.len().min(RING + self.capacity as usize - at);
        let (before, after) = message.split_at(straight);
        self.memory.copy_in(at, before);
        if !after.is_empty() {
            self.memory.copy_in(RING, after);
        }
        let tail = self.tail + space;
        if !self.memory.exchange(TAIL, self.tail, tail) {
            return Err(self.ended().unwrap_or(PushError::Violation));
        }
        self.tail = tail;
        // The next message, if it is like this one, finds its lines here instead of waiting for them.
        for ahead in (0..=space.min(1024)).step_by(64) {
            self.memory.expect_write(self.at(tail + ahead));
        }
        Ok(self.memory.load(SLEEPS) != 0 && self.memory.exchange(SLEEPS, 1, 0))
    }

    /// How many bytes are unread.
    pub fn unread(&mut self) -> Result<u64, PushError> {
        self.look()?;
        Ok(self.tail - self.cursor)
    }

    /// The same as last seen, without looking: not less than what is.
    #[inline]
    pub fn known_unread(&self) -> u64 {
        self.tail - self.cursor
    }

    /// Whether the reader has closed the ring.
    pub fn ended(&self) -> Option<PushError> {
        let marks = self.memory.load(TAIL) & MARKS;
        if marks & CLOSED != 0 {
            return Some(PushError::Closed);
        }
        (marks & RETIRED != 0).then_some(PushError::Retired)
    }

    /// Says on which CPU the writer runs.
    #[inline]
    pub fn publish_cpu(&mut self, cpu: u32) {
        let word = u64::from(cpu) + 1;
        if word != self.cpu {
            self.cpu = word;
            self.memory.store(CPU, word);
        }
    }

    fn look(&mut self) -> Result<(), PushError> {
        let cursor = self.memory.load(CURSOR);
        if cursor < self.cursor || cursor > self.tail {
            return Err(PushError::Violation);
        }
        self.cursor = cursor;
        Ok(())
    }

    #[inline]
    fn at(&self, position: u64) -> usize {
        RING + (position & (self.capacity - 1)) as usize
    }
}
