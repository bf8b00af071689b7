//! The modes of pipes and of their handles.
//!
//! Pages: [Named Pipe Open Modes](https://learn.microsoft.com/windows/win32/ipc/named-pipe-open-modes),
//! [Named Pipe Type, Read, and Wait Modes](https://learn.microsoft.com/windows/win32/ipc/named-pipe-type-read-and-wait-modes).

/// Which way data goes (`PIPE_ACCESS_*`). The same for all instances of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Client to server only (`PIPE_ACCESS_INBOUND`).
    Inbound,
    /// Server to client only (`PIPE_ACCESS_OUTBOUND`).
    Outbound,
    /// Both ways (`PIPE_ACCESS_DUPLEX`).
    #[default]
    Duplex,
}

impl Direction {
    /// Its number in the documentation: 1, 2 or 3.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Inbound => 1,
            Self::Outbound => 2,
            Self::Duplex => 3,
        }
    }

    /// The direction with this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::Inbound,
            2 => Self::Outbound,
            3 => Self::Duplex,
            _ => return None,
        })
    }

    /// Whether the server reads.
    #[must_use]
    pub const fn to_server(self) -> bool {
        matches!(self, Self::Inbound | Self::Duplex)
    }

    /// Whether the client reads.
    #[must_use]
    pub const fn to_client(self) -> bool {
        matches!(self, Self::Outbound | Self::Duplex)
    }
}

/// How data is written (`PIPE_TYPE_*`). The same for all instances of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum PipeType {
    /// A stream of bytes (`PIPE_TYPE_BYTE`).
    #[default]
    Byte,
    /// Each write is a message (`PIPE_TYPE_MESSAGE`).
    Message,
}

/// How a handle reads (`PIPE_READMODE_*`). Each end has its own and may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ReadMode {
    /// A stream of bytes (`PIPE_READMODE_BYTE`).
    #[default]
    Byte,
    /// A message at a time (`PIPE_READMODE_MESSAGE`); for message-type pipes only.
    Message,
}

/// What a handle does when it would have to wait (`PIPE_WAIT`, `PIPE_NOWAIT`). Each end has its own and may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum WaitMode {
    /// Waits (`PIPE_WAIT`).
    #[default]
    Wait,
    /// Returns at once (`PIPE_NOWAIT`). For compatibility with LAN Manager 2.0; not the way to asynchronous pipes.
    NoWait,
}

/// The modes of one handle (`GetNamedPipeHandleState`, `SetNamedPipeHandleState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Modes {
    /// How it reads.
    pub read: ReadMode,
    /// Whether it waits.
    pub wait: WaitMode,
}

impl Modes {
    /// `PIPE_READMODE_*` and `PIPE_WAIT`/`PIPE_NOWAIT` in one word.
    #[must_use]
    pub const fn bits(self) -> u32 {
        let read = if let ReadMode::Message = self.read { 2 } else { 0 };
        let wait = if let WaitMode::NoWait = self.wait { 1 } else { 0 };
        read | wait
    }

    /// Reads [`Modes::bits`]; `None` for any other bit.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Option<Self> {
        if bits & !3 != 0 {
            return None;
        }
        let read = if bits & 2 != 0 { ReadMode::Message } else { ReadMode::Byte };
        let wait = if bits & 1 != 0 { WaitMode::NoWait } else { WaitMode::Wait };
        Some(Self { read, wait })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_windows() {
        for number in 1..=3 {
            assert_eq!(Direction::from_number(number).unwrap().number(), number);
        }
        assert_eq!(Direction::from_number(0), None);
        for bits in 0..4 {
            assert_eq!(Modes::from_bits(bits).unwrap().bits(), bits);
        }
        assert_eq!(Modes::from_bits(4), None);
    }
}
