//! What lies where in an object's body.
//!
//! A named object's body is the body of its entry, an unnamed one's a memory file of its own. Events, semaphores and timers
//! take [`LEN`] bytes. The golden test below pins the layout; another one gets another version number.

/// The length of a body, in bytes.
pub(crate) const LEN: usize = 256;
/// "ENNDsync" as the creator's machine has it in memory, so that a peer of the other byte order is refused.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ENNDsync");
/// The number of the layout that this library speaks.
pub(crate) const VERSION: u32 = 1;

/// Offsets of the header's words. Only the creator writes them, before anybody else can see the object.
pub(crate) mod header {
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    /// Bits that a reader must know; none exist yet.
    pub(crate) const FEATURES: usize = 12;
    /// The tag of the kind.
    pub(crate) const TAG: usize = 16;
    /// [`super::MANUAL`].
    pub(crate) const FLAGS: usize = 20;
    /// A semaphore's maximum.
    pub(crate) const LIMIT: usize = 24;
    /// 64 random bits: whether two handles stand for one object, and the order in which wait_all goes through them.
    pub(crate) const ID: usize = 32;
}

/// In the header's flags: a manual-reset event, or a manual-reset timer.
pub(crate) const MANUAL: u32 = 1;

/// The object word: the state in its low half, a transaction in its high half.
pub(crate) const WORD: usize = 64;
/// 32 bits: the CPU that changed the object last, plus one.
pub(crate) const CPU: usize = 72;
/// 32 bits: whether somebody slept when the object was last changed and has not taken it since. A hint.
pub(crate) const OWED: usize = 76;
/// 32 bits: whether a handle was ever passed on, perhaps to another user.
pub(crate) const PASSED: usize = 80;
/// Eight times 32 bits: the bells that are rung where sleepers are woken.
pub(crate) const BELLS: usize = 96;
/// 64 bytes for the kind's own words: timers have some, see `timer/course.rs`.
pub(crate) const OWN: usize = 128;
/// Four words: whose outcome pages the transactions in the object word mean.
#[allow(dead_code, reason = "pinned before its first use")]
pub(crate) const PARTIES: usize = 192;

/// A kind of object, as entries and headers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag(pub(crate) u32);

impl Tag {
    /// Events.
    pub const EVENT: Self = Self(u32::from_le_bytes(*b"EVNT"));
    /// Mutexes.
    pub const MUTEX: Self = Self(u32::from_le_bytes(*b"MUTX"));
    /// Semaphores.
    pub const SEMAPHORE: Self = Self(u32::from_le_bytes(*b"SEMA"));
    /// Waitable timers.
    pub const TIMER: Self = Self(u32::from_le_bytes(*b"TIMR"));

    /// The number in an entry's header.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0
    }
}

/// A header's words, as they were when the object was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tag: u32,
    pub(crate) flags: u32,
    pub(crate) limit: u64,
    pub(crate) id: u64,
}

impl Header {
    /// A body's first bytes: the header, then the object word.
    pub(crate) fn encode(&self, word: u64) -> [u8; WORD + 8] {
        let mut bytes = [0; WORD + 8];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(header::MAGIC, &MAGIC.to_ne_bytes());
        put(header::VERSION, &VERSION.to_ne_bytes());
        put(header::FEATURES, &0u32.to_ne_bytes());
        put(header::TAG, &self.tag.to_ne_bytes());
        put(header::FLAGS, &self.flags.to_ne_bytes());
        put(header::LIMIT, &self.limit.to_ne_bytes());
        put(header::ID, &self.id.to_ne_bytes());
        put(WORD, &word.to_ne_bytes());
        bytes
    }

    /// Reads what somebody else wrote.
    pub(crate) fn decode(bytes: &[u8; WORD]) -> Result<Self, Strange> {
        let u32_at = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let u64_at = |at: usize| {
            let mut value = [0; 8];
            value.copy_from_slice(&bytes[at..at + 8]);
            u64::from_ne_bytes(value)
        };
        if u64_at(header::MAGIC) != MAGIC {
            return Err(Strange::Magic);
        }
        let (version, features) = (u32_at(header::VERSION), u32_at(header::FEATURES));
        if version != VERSION || features != 0 {
            return Err(Strange::Version { version, features });
        }
        Ok(Self {
            tag: u32_at(header::TAG),
            flags: u32_at(header::FLAGS),
            limit: u64_at(header::LIMIT),
            id: u64_at(header::ID),
        })
    }
}

/// Why a body is none that this library can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strange {
    Magic,
    Version { version: u32, features: u32 },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_pinned() {
        let header = Header {
            tag: Tag::SEMAPHORE.as_u32(),
            flags: MANUAL,
            limit: 0x0102_0304,
            id: 0x1112_1314_1516_1718,
        };
        let bytes = header.encode(0x2122_2324_2526_2728);
        let words: Vec<u64> =
            bytes.chunks_exact(8).map(|chunk| u64::from_ne_bytes(chunk.try_into().unwrap())).collect();
        #[cfg(target_endian = "little")]
        assert_eq!(
            words,
            [
                0x636e_7973_444e_4e45,
                1,
                0x0000_0001_414d_4553,
                0x0102_0304,
                0x1112_1314_1516_1718,
                0,
                0,
                0,
                0x2122_2324_2526_2728
            ]
        );
        assert_eq!((LEN, WORD, CPU, OWED, PASSED, BELLS, OWN, PARTIES), (256, 64, 72, 76, 80, 96, 128, 192));
        assert_eq!(Header::decode(bytes[..WORD].try_into().unwrap()), Ok(header));
    }

    #[test]
    fn what_is_none_is_refused() {
        assert_eq!(Header::decode(&[0; WORD]), Err(Strange::Magic));
        let header = Header { tag: 0, flags: 0, limit: 0, id: 0 };
        let mut bytes: [u8; WORD] = header.encode(0)[..WORD].try_into().unwrap();
        bytes[header::VERSION..header::VERSION + 4].copy_from_slice(&7u32.to_ne_bytes());
        assert_eq!(Header::decode(&bytes), Err(Strange::Version { version: 7, features: 0 }));
    }
}
