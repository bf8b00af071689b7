//! One end of a connection: its state, its two rings, and how it begins and ends.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::awaiting::Waiters;
use crate::error::Fault;
use crate::layout::{Framing, Layout, Ring, Side, state};
use crate::position::{Cursor, Position};
use crate::sharing::{IN_MESSAGE, Role, Share, page};
use crate::spin::Spin;
use crate::system::{Common, System, Word};
use crate::turn::Turn;

/// How a read treats messages. A byte connection is always read as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadMode {
    /// Message boundaries do not matter.
    Byte,
    /// A read takes at most one message, or a part of it.
    Message,
}

/// What a read took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes copied into the buffer.
    pub bytes: usize,
    /// Bytes of this message that are still to be read (ERROR_MORE_DATA if not 0); always 0 when reading bytes.
    pub left_in_message: usize,
}

/// What a peek saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peeked {
    /// Bytes copied into the buffer.
    pub copied: usize,
    /// Bytes that can be read now, over all messages.
    pub total_available: usize,
    /// Bytes of the first message beyond those copied; 0 on a byte connection.
    pub left_in_message: usize,
}

/// Marks in [`Channel::flags`], of this process alone.
pub(crate) mod flag {
    /// The peer's descriptors are closed.
    pub(crate) const GONE: u32 = 1;
    /// The peer broke the rules.
    pub(crate) const POISONED: u32 = 2;
    /// This end has disconnected.
    pub(crate) const DISCONNECTED: u32 = 4;
    /// This end is closed.
    pub(crate) const CLOSED: u32 = 8;
    /// This end is closed for writing.
    pub(crate) const WRITE_CLOSED: u32 = 16;
    /// A writer died in the middle of a message.
    pub(crate) const TORN: u32 = 32;
    /// This end was shared with other processes once.
    pub(crate) const SHARED: u32 = 64;
}

/// What was known when an operation last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) flags: u32,
    pub(crate) peer: u64,
}

impl Standing {
    /// Both sides are open, and nothing else is to be said.
    pub(crate) const OPEN: Self = Self { flags: 0, peer: 0 };

    /// The peer will write nothing more than what lies in the ring.
    pub(crate) fn peer_writes_no_more(self) -> bool {
        self.flags & flag::GONE != 0 || self.peer & (state::WRITE_CLOSED | state::CLOSED) != 0
    }

    /// Nobody will read what we write.
    pub(crate) fn peer_reads_no_more(self) -> bool {
        self.flags & flag::GONE != 0 || self.peer & state::CLOSED != 0
    }
}

/// One end of a connection.
pub(crate) struct Channel<S: System> {
    pub(crate) system: S,
    pub(crate) side: Side,
    pub(crate) framing: Framing,
    pub(crate) inbound: Ring,
    pub(crate) outbound: Ring,
    pub(crate) flags: S::Word,
    pub(crate) waiters: Waiters<S>,
    turns: [Turn<S>; 2],
    shares: [Share<S>; 2],
    /// INVARIANT: a copy of our cursor's and our tail's words, unless it lies in the sharers' page. The ring's words are for the peer to read; it could overwrite
    /// them, so we never read them back.
    pub(crate) my_cursor: AtomicU64,
    pub(crate) my_tail: AtomicU64,
    /// The peer's words as last seen and checked; used by the holder of the turn only.
    pub(crate) peer_tail: AtomicU64,
    pub(crate) peer_cursor: AtomicU64,
    pub(crate) read_spin: Spin,
    pub(crate) write_spin: Spin,
    /// The CPU that we last published, plus one.
    published_cpu: AtomicU64,
    /// The moment in which the peer was last known to live.
    last_alive: AtomicU64,
}

impl<S: System> Channel<S> {
    pub(crate) fn new(system: S, side: Side, layout: &Layout) -> Self {
        Self {
            system,
            side,
            framing: layout.framing,
            inbound: layout.inbound(side),
            outbound: layout.inbound(side.other()),
            flags: Word::new(0),
            waiters: Waiters::new(),
            turns: [Turn::new(), Turn::new()],
            shares: [Share::new(), Share::new()],
            my_cursor: AtomicU64::new(Cursor::START.word(layout.framing)),
            my_tail: AtomicU64::new(0),
            peer_tail: AtomicU64::new(0),
            peer_cursor: AtomicU64::new(Cursor::START.word(layout.framing)),
            read_spin: Spin::new(),
            write_spin: Spin::new(),
            published_cpu: AtomicU64::new(0),
            last_alive: AtomicU64::new(u64::MAX),
        }
    }

    /// The layout that it was made with.
    pub(crate) fn layout(&self) -> Layout {
        let (to_server, to_client) = match self.side {
            Side::Server => (self.inbound, self.outbound),
            Side::Client => (self.outbound, self.inbound),
        };
        Layout { framing: self.framing, to_server, to_client }
    }

    /// What holds now; an error if this end is of no use any more. Looks at the peer's state first, so that what it wrote before is seen by a look at the ring
    /// after this one.
    #[inline]
    pub(crate) fn standing(&self) -> Result<Standing, Fault> {
        let standing = self.look();
        if standing.flags & (flag::CLOSED | flag::DISCONNECTED | flag::POISONED | flag::TORN) != 0 {
            return Err(if standing.flags & flag::CLOSED != 0 {
                Fault::Closed
            } else if standing.flags & flag::DISCONNECTED != 0 {
                Fault::Disconnected
            } else if standing.flags & flag::TORN != 0 {
                Fault::Torn
            } else {
                Fault::Violation("in an earlier operation")
            });
        }
        if standing.peer & state::DISCONNECTED != 0 {
            return Err(Fault::Disconnected);
        }
        Ok(standing)
    }

    #[inline]
    pub(crate) fn look(&self) -> Standing {
        let mut flags = self.flags.load();
        if flags & flag::SHARED != 0 {
            flags |= self.common_marks();
        }
        Standing { flags, peer: self.system.load(self.side.other().state()) }
    }

    #[inline]
    pub(crate) fn turn(&self, role: Role) -> &Turn<S> {
        &self.turns[role as usize]
    }

    #[inline]
    pub(crate) fn share(&self, role: Role) -> &Share<S> {
        &self.shares[role as usize]
    }

    /// The sharers' memory, if this direction's position lies there.
    #[inline]
    fn common(&self, role: Role) -> Option<&S::Common> {
        if self.share(role).is_common() { self.system.common() } else { None }
    }

    #[inline]
    pub(crate) fn cursor(&self) -> Cursor {
        let word = match self.common(Role::Reader) {
            None => self.my_cursor.load(Ordering::Acquire),
            Some(common) => common.load(page::CURSOR),
        };
        Cursor::from_word(word, self.framing).unwrap_or(Cursor::START)
    }

    /// Commits what was read: one store that the peer sees, and a fence. Our copy first, for the sake of peeks.
    #[inline]
    pub(crate) fn commit_cursor(&self, cursor: Cursor) {
        let word = cursor.word(self.framing);
        match self.common(Role::Reader) {
            None => self.my_cursor.store(word, Ordering::Release),
            Some(common) => common.store(page::CURSOR, word),
        }
        self.system.commit(self.inbound.cursor(), word);
    }

    #[inline]
    pub(crate) fn tail(&self) -> Position {
        Position::from_low_bits(match self.common(Role::Writer) {
            None => self.my_tail.load(Ordering::Relaxed),
            Some(common) => common.load(page::TAIL),
        })
    }

    /// Commits what was written: one store that the peer sees, and a fence. `in_message`: more of the same message is to come.
    #[inline]
    pub(crate) fn commit_tail(&self, tail: Position, in_message: bool) {
        let word = tail.word() | if in_message { IN_MESSAGE } else { 0 };
        match self.common(Role::Writer) {
            None => self.my_tail.store(word, Ordering::Relaxed),
            Some(common) => common.store(page::TAIL, word),
        }
        self.system.commit(self.outbound.tail(), tail.word());
    }

    /// Says on which CPU we run, if that has changed.
    #[inline]
    pub(crate) fn publish_cpu(&self) -> u64 {
        let cpu = u64::from(self.system.cpu()) + 1;
        if self.published_cpu.load(Ordering::Relaxed) != cpu {
            self.published_cpu.store(cpu, Ordering::Relaxed);
            self.system.store(self.side.cpu(), cpu);
        }
        cpu
    }

    /// Looks whether the peer is gone, unless it was seen alive in this moment of some milliseconds: a killed peer marks nothing.
    #[inline]
    pub(crate) fn notice_death(&self) {
        let now = self.system.moment();
        if self.last_alive.load(Ordering::Relaxed) != now {
            self.notice_death_now();
            self.last_alive.store(now, Ordering::Relaxed);
        }
    }

    /// Looks whether the peer is gone.
    #[cold]
    pub(crate) fn notice_death_now(&self) {
        if self.system.peer_is_gone() {
            self.flags.or(flag::GONE);
        }
    }

    /// The peer broke the rules: this end is of no use any more. The peer is told that it is closed, so that it does not wait for us.
    #[cold]
    pub(crate) fn poison(&self, what: &'static str) -> Fault {
        self.end(flag::POISONED, state::CLOSED);
        Fault::Violation(what)
    }

    /// A writer died in the middle of a message: what follows cannot be trusted to be a message.
    #[cold]
    pub(crate) fn tear(&self) -> Fault {
        self.end(flag::TORN, state::CLOSED);
        Fault::Torn
    }

    /// No more writes; what was written stays readable.
    pub(crate) fn shutdown_write(&self) {
        self.end(flag::WRITE_CLOSED, state::WRITE_CLOSED);
    }

    /// No more reads and writes; unread data is void at both ends.
    pub(crate) fn disconnect(&self) {
        self.end(flag::DISCONNECTED, state::DISCONNECTED);
    }

    /// No more reads and writes; what was written stays readable. At a shared end only this process is done.
    pub(crate) fn close(&self) {
        if self.flags.or(flag::CLOSED) & flag::SHARED != 0 {
            self.leave();
            self.rouse();
        } else {
            self.end(flag::CLOSED, state::CLOSED);
        }
    }

    /// Closes an end that nobody uses any more and whose descriptors close right after: that is the ring.
    pub(crate) fn close_with_descriptors(&self) {
        if self.flags.load() & flag::SHARED != 0 {
            // Others have them too.
            self.close();
        } else if self.flags.or(flag::CLOSED) & flag::CLOSED == 0 {
            self.system.set_bits(self.side.state(), state::CLOSED);
        }
    }

    fn end(&self, flags: u32, shared: u64) {
        if self.flags.or(flags) & flag::SHARED != 0 {
            self.mark(flags);
        }
        self.system.set_bits(self.side.state(), shared);
        self.system.fence();
        // A peer that has closed its end, or is gone, waits for nothing.
        if !self.look().peer_reads_no_more() {
            self.system.ring();
        }
        self.rouse();
    }
}
