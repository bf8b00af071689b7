//! The body of a pipe's entry: what all its instances share, and a record a listening socket.
//!
//! Version 1; all fields in the machine's byte order, as processes of one machine map them (the entry's own header is
//! little-endian and comes first):
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 4 | byte order mark, 0x01020304 |
//! | 4 | 4 | features that a reader must know, 0 |
//! | 8 | 4 | type: 0 byte, 1 message |
//! | 12 | 4 | direction: 1 inbound, 2 outbound, 3 duplex |
//! | 16 | 4 | maximum instances, 255 for unlimited |
//! | 20 | 4 | default time-out in milliseconds |
//! | 24 | 4 | quota to the client (*nOutBufferSize*) of the first instance |
//! | 28 | 4 | quota to the server (*nInBufferSize*) of the first instance |
//! | 32 | 4 | flags: 1 rejects remote clients |
//! | 36 | 4 | arrivals: a futex word, raised whenever a record comes into use |
//! | 64 | 48 × 256 | records |
//!
//! A record, alive while its slot of the entry is locked:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | token of the listening socket's name; 0: none listens |
//! | 8 | 8 | token of the waiting room's name; 0: this record has none |
//! | 16 | 4 | uid in whose folder the sockets lie |
//! | 20 | 4 | instances of that process (in the record with its waiting room) |
//! | 24 | 4 | process id, for people |
//! | 28 | 20 | zero |

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use ennead_namespace::Body;

use super::error::Reason;
use super::modes::{Direction, PipeType};

/// What the body is, in the entry's header: `PIPE`.
pub(super) const TAG: u32 = u32::from_le_bytes(*b"PIPE");
/// The body's layout version.
pub(super) const VERSION: u32 = 1;
/// How many records there are: as many listening sockets can serve one pipe.
pub(super) const RECORDS: u32 = 256;
/// The slot whose holder may change which records count.
pub(super) const TABLE_SLOT: u32 = RECORDS;
/// The body's length in bytes.
pub(super) const LEN: u64 = (FIRST + RECORDS as usize * RECORD) as u64;
/// The maximum that means *unlimited* (`PIPE_UNLIMITED_INSTANCES`).
pub const UNLIMITED: u32 = 255;

const ORDER_MARK: u32 = 0x0102_0304;
const ARRIVALS: usize = 36;
const FIRST: usize = 64;
const RECORD: usize = 48;

/// What is fixed when the first instance of a pipe is created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// How data is written.
    pub pipe_type: PipeType,
    /// Which way it goes.
    pub direction: Direction,
    /// How many instances there may be; 255 for as many as the system bears.
    pub max_instances: u32,
    /// What `WaitNamedPipe` waits when it is told to use the default, in milliseconds.
    pub default_timeout: u32,
    /// The first instance's quota to the client, in bytes; 0: as needed.
    pub out_quota: u32,
    /// The first instance's quota to the server, in bytes; 0: as needed.
    pub in_quota: u32,
    /// Whether clients from other computers are refused (`PIPE_REJECT_REMOTE_CLIENTS`), as the first instance says.
    pub reject_remote: bool,
}

impl Traits {
    /// The body's first bytes.
    pub(super) fn encode(&self) -> [u8; 40] {
        let words = [
            ORDER_MARK,
            0,
            u32::from(self.pipe_type == PipeType::Message),
            self.direction.number(),
            self.max_instances,
            self.default_timeout,
            self.out_quota,
            self.in_quota,
            u32::from(self.reject_remote),
            0,
        ];
        let mut bytes = [0; 40];
        for (at, word) in words.into_iter().enumerate() {
            bytes[at * 4..][..4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }

    /// Reads and checks what [`Traits::encode`] wrote; another holder may have spoilt it.
    pub(super) fn decode(bytes: &[u8; 40]) -> Result<Self, Reason> {
        let word = |at: usize| {
            u32::from_ne_bytes([bytes[at * 4], bytes[at * 4 + 1], bytes[at * 4 + 2], bytes[at * 4 + 3]])
        };
        if word(0) != ORDER_MARK {
            return Err(Reason::Damaged("the byte order of the pipe's entry"));
        }
        if word(1) != 0 {
            return Err(Reason::Damaged("the feature word of the pipe's entry"));
        }
        let pipe_type = match word(2) {
            0 => PipeType::Byte,
            1 => PipeType::Message,
            _ => return Err(Reason::Damaged("the type in the pipe's entry")),
        };
        let direction =
            Direction::from_number(word(3)).ok_or(Reason::Damaged("the direction in the pipe's entry"))?;
        if !(1..=UNLIMITED).contains(&word(4)) {
            return Err(Reason::Damaged("the maximum of instances in the pipe's entry"));
        }
        Ok(Self {
            pipe_type,
            direction,
            max_instances: word(4),
            default_timeout: word(5),
            out_quota: word(6),
            in_quota: word(7),
            reject_remote: word(8) & 1 != 0,
        })
    }

    /// From the body of an open entry.
    pub(super) fn read(entry: &ennead_namespace::Entry) -> Result<Self, Reason> {
        if entry.body_tag() != TAG {
            return Err(Reason::Damaged("the kind of the pipe's entry"));
        }
        if entry.body_version() != VERSION {
            return Err(Reason::Version { theirs: entry.body_version(), ours: VERSION });
        }
        let body = entry.body().map_err(Reason::Namespace)?;
        if (body.len() as u64) < LEN {
            return Err(Reason::Damaged("the length of the pipe's entry"));
        }
        let mut bytes = [0; 40];
        body.copy_out(0, &mut bytes);
        Self::decode(&bytes)
    }
}

/// One record as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub listener: u64,
    pub room: u64,
    pub uid: u32,
    pub instances: u32,
    pub pid: u32,
}

impl Record {
    /// From a copy of its bytes, for those who only observe.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let long = |at: usize| Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        Some(Self {
            listener: long(0)?,
            room: long(8)?,
            uid: word(16)?,
            instances: word(20)?,
            pid: word(24)?,
        })
    }

    /// Whether anything was ever written here since it was last given back.
    pub fn is_used(&self) -> bool {
        self.listener != 0 || self.room != 0 || self.instances != 0
    }
}

/// Where record `n` begins in the body.
pub(super) const fn record_at(n: u32) -> usize {
    FIRST + n as usize * RECORD
}

/// The length of a record, in bytes.
pub(super) const RECORD_LEN: usize = RECORD;

/// The records of an open entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a>(pub Body<'a>);

impl<'a> Records<'a> {
    /// The futex word that is raised whenever a record comes into use.
    pub fn arrivals(self) -> &'a AtomicU32 {
        self.0.atomic_u32(ARRIVALS)
    }

    /// Reads record `n`.
    pub fn read(self, n: u32) -> Record {
        let at = record_at(n);
        Record {
            listener: self.listener(n).load(Ordering::Acquire),
            room: self.0.atomic_u64(at + 8).load(Ordering::Acquire),
            uid: self.0.atomic_u32(at + 16).load(Ordering::Acquire),
            instances: self.instances(n).load(Ordering::Acquire),
            pid: self.0.atomic_u32(at + 24).load(Ordering::Acquire),
        }
    }

    /// Fills record `n`, whose slot the caller holds.
    pub fn write(self, n: u32, record: &Record) {
        let at = record_at(n);
        self.0.atomic_u32(at + 16).store(record.uid, Ordering::Relaxed);
        self.instances(n).store(record.instances, Ordering::Relaxed);
        self.0.atomic_u32(at + 24).store(record.pid, Ordering::Relaxed);
        self.0.atomic_u64(at + 8).store(record.room, Ordering::Release);
        self.listener(n).store(record.listener, Ordering::Release);
    }

    /// The token of record `n`'s listening socket.
    pub fn listener(self, n: u32) -> &'a AtomicU64 {
        self.0.atomic_u64(record_at(n))
    }

    /// The count of instances in record `n`.
    pub fn instances(self, n: u32) -> &'a AtomicU32 {
        self.0.atomic_u32(record_at(n) + 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Traits {
        Traits {
            pipe_type: PipeType::Message,
            direction: Direction::Outbound,
            max_instances: 7,
            default_timeout: 50,
            out_quota: 4096,
            in_quota: 0,
            reject_remote: true,
        }
    }

    #[test]
    fn golden() {
        let expected: [u32; 10] = [0x0102_0304, 0, 1, 2, 7, 50, 4096, 0, 1, 0];
        let bytes = example().encode();
        for (at, word) in expected.into_iter().enumerate() {
            assert_eq!(bytes[at * 4..][..4], word.to_ne_bytes(), "word {at}");
        }
        assert_eq!(Traits::decode(&bytes).unwrap(), example());
        assert_eq!(LEN, 64 + 48 * 256);
    }

    #[test]
    fn every_flipped_bit_is_refused_or_survives_a_round_trip() {
        let good = example().encode();
        // The last word is the futex, and of the flags only one is known.
        for bit in 0..33 * 8 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Traits::decode(&bad)
                && bit < 32 * 8
            {
                assert_eq!(read.encode(), bad);
            }
        }
    }
}
