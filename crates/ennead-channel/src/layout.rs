//! What lies where in the shared memory file.
//!
//! Control words, each group of words that one side writes on cache lines of its own (128 bytes: processors fetch lines in pairs), then the two
//! rings. The golden test below pins the layout; another layout gets another version number.

/// Whether a connection carries bytes or messages. Both of its directions are of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A stream of bytes.
    Bytes,
    /// Messages, each read as it was written, or in parts.
    Messages,
}

/// What the creator of a connection chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Bytes or messages.
    pub framing: Framing,
    /// The ring towards the acceptor (the server), in bytes; rounded up to a power of two between [`SMALLEST_CAPACITY`] and [`LARGEST_CAPACITY`]. A message takes
    /// 8 bytes more than it is long, and padding to 8.
    pub capacity_to_server: u32,
    /// The ring towards the creator (the client), likewise.
    pub capacity_to_client: u32,
}

/// The smallest ring, in bytes: one page.
pub const SMALLEST_CAPACITY: u32 = 4096;
/// The largest ring, in bytes: 512 MiB.
pub const LARGEST_CAPACITY: u32 = 1 << 29;

/// The size of the control words, and where the rings begin: in the same page, so that a short conversation touches one page less.
pub(crate) const CONTROL: usize = 2560;
/// "ENNDchan" as the creator's machine has it in memory, so that a peer of the other byte order is refused.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ENNDchan");
/// The number of the layout that this library speaks.
pub const LAYOUT_VERSION: u32 = 2;
/// The header's version word; no optional features exist yet.
pub(crate) const VERSION: u64 = LAYOUT_VERSION as u64;

/// At least so far lies the second ring's beginning from the first one's: 34 pages. A short conversation touches the first page of each. When they are unmapped,
/// Linux on x86-64 flushes the span between them from the TLB page by page up to 33 pages, and everything at once beyond: 17 pages one by one cost 10 µs
/// in a virtual machine, all at once 1 µs. The gap is never touched and takes no memory.
pub(crate) const APART: u64 = 34 * 4096;

/// Offsets of the header's words. Only the creator writes them, before it passes the file on.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    /// Version in the low half, features in the high half.
    pub(crate) const VERSION: usize = 8;
    pub(crate) const FRAMING: usize = 16;
    /// To the server in the low half, to the client in the high half.
    pub(crate) const CAPACITIES: usize = 24;
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The creator.
    Client,
    /// The acceptor.
    Server,
}

impl Side {
    #[inline]
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }

    /// This side's [`state`] word.
    #[inline]
    pub(crate) fn state(self) -> usize {
        2048 + 256 * self as usize
    }

    /// The number of the CPU that this side last ran on, plus one.
    #[inline]
    pub(crate) fn cpu(self) -> usize {
        2048 + 128 + 256 * self as usize
    }
}

/// Bits of a side's state word.
pub(crate) mod state {
    /// Nothing more will be written.
    pub(crate) const WRITE_CLOSED: u64 = 1;
    /// Nothing more will be written or read.
    pub(crate) const CLOSED: u64 = 2;
    /// What is unread is void.
    pub(crate) const DISCONNECTED: u64 = 4;
    /// Of a server's end: it does nothing more with this memory, so that the client may use it for another connection. The client takes the bit away by
    /// writing all words anew; who does not know it, never uses memory again.
    pub(crate) const RELEASED: u64 = 8;
}

/// One direction's ring and its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    /// Where its words begin.
    words: usize,
    /// Where its bytes begin.
    pub(crate) start: usize,
    /// A power of two.
    pub(crate) capacity: u64,
}

impl Ring {
    /// The position up to which the writer has committed. The writer writes it.
    #[inline]
    pub(crate) fn tail(self) -> usize {
        self.words
    }

    /// The reader's cursor. The reader writes it.
    #[inline]
    pub(crate) fn cursor(self) -> usize {
        self.words + 128
    }

    /// 1: the reader sleeps. The reader sets it, the writer takes it back and rings.
    #[inline]
    pub(crate) fn reader_sleeps(self) -> usize {
        self.words + 256
    }

    /// Set: the writer sleeps until the reader has reached the position in the low bits. The writer sets it, the reader takes it back and rings.
    #[inline]
    pub(crate) fn writer_sleeps(self) -> usize {
        self.words + 384
    }
}

/// The whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) framing: Framing,
    pub(crate) to_server: Ring,
    pub(crate) to_client: Ring,
}

impl Layout {
    pub(crate) fn new(parameters: &Parameters) -> Self {
        let round =
            |bytes: u32| u64::from(bytes.clamp(SMALLEST_CAPACITY, LARGEST_CAPACITY).next_power_of_two());
        Self::of(
            parameters.framing,
            round(parameters.capacity_to_server),
            round(parameters.capacity_to_client),
        )
    }

    pub(crate) fn of(framing: Framing, to_server: u64, to_client: u64) -> Self {
        Self {
            framing,
            to_server: Ring { words: 1024, start: CONTROL, capacity: to_server },
            to_client: Ring {
                words: 1536,
                start: CONTROL + to_server.max(APART) as usize,
                capacity: to_client,
            },
        }
    }

    /// The file's size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.to_client.start + self.to_client.capacity as usize
    }

    /// The ring that `side` reads.
    pub(crate) fn inbound(&self, side: Side) -> Ring {
        match side {
            Side::Server => self.to_server,
            Side::Client => self.to_client,
        }
    }

    /// The header's words, to be written by the creator.
    pub(crate) fn header(&self) -> [(usize, u64); 4] {
        let framing = match self.framing {
            Framing::Bytes => 0,
            Framing::Messages => 1,
        };
        [
            (header::VERSION, VERSION),
            (header::FRAMING, framing),
            (header::CAPACITIES, self.to_server.capacity | (self.to_client.capacity << 32)),
            (header::MAGIC, MAGIC),
        ]
    }

    /// The offsets of all words but the header's; each is 0 when a connection begins.
    pub(crate) fn words(&self) -> [usize; 12] {
        let (one, two) = (self.to_server, self.to_client);
        let (client, server) = (Side::Client, Side::Server);
        [
            one.tail(),
            one.cursor(),
            one.reader_sleeps(),
            one.writer_sleeps(),
            two.tail(),
            two.cursor(),
            two.reader_sleeps(),
            two.writer_sleeps(),
            client.state(),
            client.cpu(),
            server.state(),
            server.cpu(),
        ]
    }

    /// The layout that a header's framing and capacity words describe, if it is one.
    pub(crate) fn from_words(framing: u64, capacities: u64) -> Option<Self> {
        let framing = match framing {
            0 => Framing::Bytes,
            1 => Framing::Messages,
            _ => return None,
        };
        let sound = |capacity: u64| {
            capacity.is_power_of_two()
                && (u64::from(SMALLEST_CAPACITY)..=u64::from(LARGEST_CAPACITY)).contains(&capacity)
        };
        let (to_server, to_client) = (capacities & 0xffff_ffff, capacities >> 32);
        (sound(to_server) && sound(to_client)).then(|| Self::of(framing, to_server, to_client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let parameters =
            Parameters { framing: Framing::Messages, capacity_to_server: 5000, capacity_to_client: 1 };
        let layout = Layout::new(&parameters);
        assert_eq!(layout.header(), [(8, 2), (16, 1), (24, 8192 | (4096 << 32)), (0, 0x6e61_6863_444e_4e45)]);
        let (to_server, to_client) = (layout.inbound(Side::Server), layout.inbound(Side::Client));
        assert_eq!((to_server.start, to_client.start, layout.size()), (2560, 141_824, 145_920));
        let words = |ring: Ring| [ring.tail(), ring.cursor(), ring.reader_sleeps(), ring.writer_sleeps()];
        assert_eq!(words(to_server), [1024, 1152, 1280, 1408]);
        assert_eq!(words(to_client), [1536, 1664, 1792, 1920]);
        assert_eq!(
            [Side::Client.state(), Side::Client.cpu(), Side::Server.state(), Side::Server.cpu()],
            [2048, 2176, 2304, 2432]
        );
        assert_eq!(layout.words(), [1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048, 2176, 2304, 2432]);
        assert_eq!([state::WRITE_CLOSED, state::CLOSED, state::DISCONNECTED, state::RELEASED], [1, 2, 4, 8]);
        assert_eq!(Layout::from_words(1, 8192 | (4096 << 32)), Some(layout));
        assert_eq!(Layout::from_words(2, 8192 | (4096 << 32)), None);
        assert_eq!(Layout::from_words(0, 8193 | (4096 << 32)), None);
        assert_eq!(Layout::from_words(0, 2048 | (4096 << 32)), None);
    }
}
