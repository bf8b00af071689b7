//! The body of a mailslot's entry: what a client must know before it writes.
//!
//! All fields little-endian; only the server writes them:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 4 | the most bytes of a message; 0: any |
//! | 4 | 4 | read time-out in milliseconds; all ones: for ever |
//! | 8 | 8 | budget of a client, in bytes |
//! | 16 | 8 | the listening socket's random bits; 0: not there yet |
//! | 24 | 4 | the user in whose folder the socket lies |
//! | 28 | 4 | the server's process id, as it sees itself: information |
//! | 32 | 32 | 0 |

use std::fs::File;
use std::time::Duration;

use ennead_namespace::{Entry, SocketName};
use ennead_sys::file;

use crate::error::Reason;

/// `MSLT`.
pub(crate) const TAG: u32 = u32::from_le_bytes(*b"MSLT");
/// The layout version that this library speaks.
pub(crate) const VERSION: u32 = 1;
/// The body's length in bytes.
pub(crate) const LEN: usize = 64;
/// The entry's slot that the server holds.
pub(crate) const SERVER: u32 = 0;

const TIMEOUT_AT: u64 = 4;
const TOKEN_AT: u64 = 16;

/// How long a read waits for a message (*lReadTimeout*).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReadTimeout {
    /// So many milliseconds; 0: not at all.
    Milliseconds(u32),
    /// `MAILSLOT_WAIT_FOREVER`. So is a number of milliseconds of all ones.
    Forever,
}

impl ReadTimeout {
    /// Not at all.
    pub const NONE: Self = Self::Milliseconds(0);

    /// As `GetMailslotInfo` gives it.
    #[must_use]
    pub const fn to_bits(self) -> u32 {
        match self {
            Self::Milliseconds(n) => n,
            Self::Forever => u32::MAX,
        }
    }

    /// As `CreateMailslot` takes it.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        match bits {
            u32::MAX => Self::Forever,
            n => Self::Milliseconds(n),
        }
    }

    pub(crate) const fn duration(self) -> Option<Duration> {
        match Self::from_bits(self.to_bits()) {
            Self::Milliseconds(n) => Some(Duration::from_millis(n as u64)),
            Self::Forever => None,
        }
    }
}

/// What a mailslot's creator chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// The most bytes of a message (*nMaxMessageSize*); 0: any.
    pub max_message: u32,
    /// How long a read waits.
    pub read_timeout: ReadTimeout,
    /// How many bytes of a client may be unread.
    pub budget: u64,
}

/// The whole body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    pub traits: Traits,
    pub token: u64,
    pub uid: u32,
    pub pid: u32,
}

impl Body {
    pub fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(&self.traits.max_message.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.traits.read_timeout.to_bits().to_le_bytes());
        bytes[8..16].copy_from_slice(&self.traits.budget.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.token.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.uid.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.pid.to_le_bytes());
        bytes
    }

    /// Any bytes are a body: what is in it is used as limits and as a hint where the socket is.
    pub fn decode(bytes: &[u8; LEN]) -> Self {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|n| bytes[at + n]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|n| bytes[at + n]));
        let traits =
            Traits { max_message: short(0), read_timeout: ReadTimeout::from_bits(short(4)), budget: long(8) };
        Self { traits, token: long(16), uid: short(24), pid: short(28) }
    }

    /// Copies it out of an entry.
    pub fn read(entry: &Entry) -> Result<Self, Reason> {
        check(entry.body_tag(), entry.body_version())?;
        let mut bytes = [0; LEN];
        let read = file::read_at(entry.file(), &mut bytes, entry.header().body.0)
            .map_err(Reason::system("read the mailslot's entry"))?;
        if read < LEN {
            return Err(Reason::Damaged("the length of the mailslot's entry"));
        }
        Ok(Self::decode(&bytes))
    }

    /// Where the server listens; `None` if it does not yet.
    pub fn socket(&self, entry: &Entry) -> Option<SocketName> {
        let name = SocketName { uid: self.uid, slot: SERVER, entry: entry.id(), token: self.token };
        (self.token != 0).then_some(name)
    }
}

/// Refuses entries of another kind or layout.
pub(crate) fn check(tag: u32, version: u32) -> Result<(), Reason> {
    if tag != TAG {
        return Err(Reason::Damaged("the kind of the mailslot's entry"));
    }
    if version != VERSION {
        return Err(Reason::Version { theirs: version, ours: VERSION });
    }
    Ok(())
}

/// Says where the server listens from now on.
pub(crate) fn publish_socket(entry: &Entry, token: u64) -> std::io::Result<()> {
    write(entry.file(), &token.to_le_bytes(), entry.header().body.0 + TOKEN_AT)
}

/// Says how long reads wait from now on.
pub(crate) fn publish_timeout(entry: &Entry, timeout: ReadTimeout) -> std::io::Result<()> {
    write(entry.file(), &timeout.to_bits().to_le_bytes(), entry.header().body.0 + TIMEOUT_AT)
}

fn write(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    file::write_at(file, bytes, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let traits = Traits { max_message: 0x0102, read_timeout: ReadTimeout::Forever, budget: 0x0a0b };
        let body = Body { traits, token: 0x1122, uid: 1000, pid: 7 };
        let bytes = body.encode();
        assert_eq!(bytes[..8], [2, 1, 0, 0, 255, 255, 255, 255]);
        assert_eq!(bytes[8..24], [0x0b, 0x0a, 0, 0, 0, 0, 0, 0, 0x22, 0x11, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes[24..36], [0xe8, 3, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Body::decode(&bytes), body);
    }
}
