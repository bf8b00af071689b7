//! One writer's ring: the algorithm over memory that both sides map.
//!
//! The writer copies a message behind the tail, and one atomic operation on the tail commits it; the reader copies it out and moves
//! its cursor. The writer waits for nothing. Before the reader sleeps it says so in a word, passes a fence and looks once more; the
//! writer, having committed, looks at that word, takes it back and rings. Of the two that do this at once, at least one sees the other.
//!
//! To close a ring the reader sets a bit in the tail, with one atomic operation as well: each message is either committed before
//! it, and then the reader sees it, or is refused.
//!
//! Each side distrusts the other. The reader copies the tail and each frame's header once, and checks them; a frame reaches at most to the
//! tail, and the tail at most the ring's length past the cursor, which is the reader's own.

pub(crate) mod layout;
#[cfg(test)]
mod model;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{Ordering, fence};

use ennead_sys::mapping::Mapping;

pub(crate) use layout::{LARGEST_CAPACITY, SMALLEST_CAPACITY, space};
pub(crate) use reader::{Head, RingReader, Violation};
pub(crate) use writer::{PushError, RingWriter};

/// Memory that both sides map, by offset.
pub(crate) trait Memory {
    /// Loads a word; what the other side stored before it stored this is seen after it (acquire).
    fn load(&self, at: usize) -> u64;
    /// Stores a word; what was stored or read before is done first (release).
    fn store(&self, at: usize, value: u64);
    /// Replaces a word if it is still `expected` (sequentially consistent), then passes a [`Memory::fence`].
    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool;
    /// Sets bits of a word (sequentially consistent); gives what it was before.
    fn set_bits(&self, at: usize, bits: u64) -> u64;
    /// Orders every store before it before every load after it.
    fn fence(&self);
    fn copy_out(&self, at: usize, to: &mut [u8]);
    fn copy_in(&self, at: usize, from: &[u8]);
    /// Says that the line there will soon be written.
    fn expect_write(&self, _at: usize) {}
    /// Says that the line there will soon be read.
    fn expect_read(&self, _at: usize) {}
}

impl Memory for Mapping {
    #[inline]
    fn load(&self, at: usize) -> u64 {
        self.atomic_u64(at).load(Ordering::Acquire)
    }

    #[inline]
    fn store(&self, at: usize, value: u64) {
        self.atomic_u64(at).store(value, Ordering::Release);
    }

    #[inline]
    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        let done =
            self.atomic_u64(at).compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        // There a locked instruction is a fence as well.
        if !cfg!(target_arch = "x86_64") {
            fence(Ordering::SeqCst);
        }
        done
    }

    fn set_bits(&self, at: usize, bits: u64) -> u64 {
        self.atomic_u64(at).fetch_or(bits, Ordering::SeqCst)
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    #[inline]
    fn copy_out(&self, at: usize, to: &mut [u8]) {
        Self::copy_out(self, at, to);
    }

    #[inline]
    fn copy_in(&self, at: usize, from: &[u8]) {
        Self::copy_in(self, at, from);
    }

    #[inline]
    fn expect_write(&self, at: usize) {
        Self::expect_write(self, at);
    }

    #[inline]
    fn expect_read(&self, at: usize) {
        Self::expect_read(self, at);
    }
}
