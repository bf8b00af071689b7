//! What one process passes to the other to make it the second end, and the checks that it must survive.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use ennead_sys::doorbell::{Listener, Ringer};
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd::{self, Identity};

use crate::error::AcceptError;
use crate::layout::{APART, CONTROL, LARGEST_CAPACITY, Layout, MAGIC, VERSION, header};
use crate::linux::Linux;
use crate::reserve::Reserve;

/// The second end of a connection as three descriptors, to be sent over a Unix socket in one message, in [`PeerParts::as_fds`]' order.
#[derive(Debug)]
pub struct PeerParts {
    pub(crate) memory: Arc<OwnedFd>,
    pub(crate) listener: OwnedFd,
    pub(crate) ringer: OwnedFd,
}

/// What an acceptor puts up with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest ring, in bytes. The creator's memory is mapped, not touched, so that this bounds address space.
    pub largest_capacity: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { largest_capacity: LARGEST_CAPACITY }
    }
}

impl PeerParts {
    /// How many descriptors there are.
    pub const COUNT: usize = 3;

    /// The descriptors, in the order in which they travel: memory, the peer's listening end, the peer's ringing end.
    #[must_use]
    pub fn as_fds(&self) -> [BorrowedFd<'_>; Self::COUNT] {
        [self.memory.as_fd(), self.listener.as_fd(), self.ringer.as_fd()]
    }

    /// From descriptors that travelled, unverified.
    #[must_use]
    pub fn from_fds([memory, listener, ringer]: [OwnedFd; Self::COUNT]) -> Self {
        Self { memory: Arc::new(memory), listener, ringer }
    }

    /// Verifies everything and maps the memory, unless `reserve` has it mapped.
    pub(crate) fn open(
        self,
        limits: &Limits,
        reserve: Option<&Reserve>,
    ) -> Result<(Linux, Layout, Identity), AcceptError> {
        let memfd::Sealed { size, identity } = memfd::sealed(&self.memory).ok_or(AcceptError::NotSealed)?;
        let mapping = match reserve.and_then(|reserve| reserve.take_same(identity)) {
            // What was checked when it was mapped holds for ever.
            Some(mapping) => mapping,
            None => self.map(size, limits)?,
        };
        let layout = verified_layout(&mapping, limits)?;
        let listener = Listener::adopt(self.listener).map_err(AcceptError::Doorbell)?;
        let ringer = Ringer::adopt(self.ringer).map_err(AcceptError::Doorbell)?;
        Ok((Linux::new(mapping, self.memory, listener, ringer), layout, identity))
    }

    fn map(&self, size: u64, limits: &Limits) -> Result<Mapping, AcceptError> {
        if !memfd::is_in_tmpfs(&self.memory) {
            return Err(AcceptError::NotSealed);
        }
        // The rings of a file as large as the limit allows would not fit twice.
        let largest = u64::from(limits.largest_capacity.next_power_of_two());
        let most = CONTROL as u64 + largest.max(APART) + largest;
        if size < CONTROL as u64 {
            return Err(AcceptError::NotAChannel);
        }
        if size > most {
            return Err(AcceptError::TooLarge { capacity: size });
        }
        Mapping::new(&self.memory, size as usize).map_err(AcceptError::System)
    }
}

/// Each word of the header is loaded once.
fn verified_layout(mapping: &Mapping, limits: &Limits) -> Result<Layout, AcceptError> {
    let word = |at| mapping.atomic_u64(at).load(std::sync::atomic::Ordering::Acquire);
    if word(header::MAGIC) != MAGIC {
        return Err(AcceptError::NotAChannel);
    }
    let version = word(header::VERSION);
    if version != VERSION {
        return Err(AcceptError::Version { theirs: version as u32, features: (version >> 32) as u32 });
    }
    let layout =
        Layout::from_words(word(header::FRAMING), word(header::CAPACITIES)).ok_or(AcceptError::Header)?;
    if layout.size() != mapping.len() {
        return Err(AcceptError::Header);
    }
    let capacity = layout.to_server.capacity.max(layout.to_client.capacity);
    if capacity > u64::from(limits.largest_capacity) {
        return Err(AcceptError::TooLarge { capacity });
    }
    Ok(layout)
}
