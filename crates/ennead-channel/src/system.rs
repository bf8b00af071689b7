//! What the algorithm needs of the world: shared words and bytes, a doorbell, a futex. Linux provides it (`linux`), and so does the model checker (`model`).

use crate::sharing::Role;
use crate::wait::Wait;

/// What a listener heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Ring,
    /// The other side is gone.
    End,
    TimedOut,
    Cancelled,
}

/// A 32-bit word of this process, which its threads can sleep on. All operations are sequentially consistent.
pub(crate) trait Word: Send + Sync {
    fn new(value: u32) -> Self;
    fn load(&self) -> u32;
    fn exchange(&self, expected: u32, new: u32) -> bool;
    fn swap(&self, new: u32) -> u32;
    fn add(&self, value: u32) -> u32;
    fn or(&self, bits: u32) -> u32;
}

/// One end's view of the connection's memory and doorbells.
pub(crate) trait System: Send + Sync {
    type Word: Word;
    type Common: Common;

    /// What the processes that share this end have in common, once it was shared.
    fn common(&self) -> Option<&Self::Common>;
    /// Begins sharing. From now on every sharer hears every ring.
    fn set_common(&self, common: Self::Common);

    /// Loads a shared word; what the other side stored before it stored this is seen after it (acquire).
    fn load(&self, at: usize) -> u64;
    /// Stores a shared word; what was stored or read before is done first (release).
    fn store(&self, at: usize, value: u64);
    /// Stores a shared word as [`System::store`] does, then passes a [`System::fence`].
    fn commit(&self, at: usize, value: u64);
    /// Replaces a shared word if it is still `expected`.
    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool;
    /// Sets bits of a shared word.
    fn set_bits(&self, at: usize, bits: u64);
    /// Orders every store before it before every load after it (sequentially consistent fence).
    fn fence(&self);
    /// As a fence, but only in the eyes of a thread of this process that passes a [`System::heavy_fence`].
    fn light_fence(&self);
    /// A fence for every thread of this process: each of them has passed it before it goes on from here.
    fn heavy_fence(&self);
    /// Loads a word of this process; sees this thread's own stores, and others' as [`System::load`] does.
    fn peek(&self, word: &Self::Word) -> u32;
    /// Stores a word of this process as [`System::store`] does.
    fn put(&self, word: &Self::Word, value: u32);
    /// A number of this thread that no other of the process has or had, below the greatest; 0: it has none.
    fn thread_number(&self) -> u32;
    fn copy_out(&self, at: usize, to: &mut [u8]);
    fn copy_in(&self, at: usize, from: &[u8]);

    /// Says that the line there will soon be written.
    fn expect_write(&self, at: usize);
    /// Says that the line there will soon be read.
    fn expect_read(&self, at: usize);

    /// Wakes the other side, which sees what was stored before. Never blocks.
    fn ring(&self);
    /// Waits for a ring and takes it, or for the end.
    fn listen(&self, wait: &Wait<'_>) -> Result<Heard, std::io::Error>;
    /// Takes rings that are there, if any.
    fn take_ring(&self) -> Option<Heard>;
    /// Whether the other side is gone; a system call.
    fn peer_is_gone(&self) -> bool;
    /// Rings our own bell.
    fn ring_self(&self);

    /// Sleeps while `word` is `expected`; may return early.
    fn sleep(&self, word: &Self::Word, expected: u32, wait: &Wait<'_>) -> Result<Heard, std::io::Error>;
    /// Wakes all that sleep on `word`.
    fn wake(&self, word: &Self::Word);

    /// The CPU that runs this thread.
    fn cpu(&self) -> u32;
    /// A fast clock of roughly `TICKS_PER_MICROSECOND`.
    fn ticks(&self) -> u64;
    /// The number of the present moment, of some milliseconds; cheaper than [`System::ticks`].
    fn moment(&self) -> u64;
    /// A moment of a spin.
    fn spin_hint(&self);
}

/// What the processes that share an end have in common, and the peer has not. All operations on words are sequentially consistent.
pub(crate) trait Common: Send + Sync {
    /// Presence in a direction's room; ends when dropped, or killed.
    type Occupant: Send;

    fn load(&self, at: usize) -> u64;
    fn store(&self, at: usize, value: u64);
    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool;
    fn set_bits(&self, at: usize, bits: u64);

    fn enter(&self, role: Role) -> Result<Self::Occupant, std::io::Error>;
    /// Waits until the room was seen empty (`Ring`).
    fn wait_empty(&self, role: Role, wait: &Wait<'_>) -> Result<Heard, std::io::Error>;
    /// Wakes all sharers.
    fn tell(&self);
    /// This process shares no more; says whether nobody does.
    fn leave(&self) -> bool;
}
