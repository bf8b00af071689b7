//! One end of a connection, as the mechanisms use it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::{fmt, io};

use ennead_sys::doorbell::{self, Listener, Ringer};
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;

use crate::arming::{Arming, Interest};
use crate::channel::{Channel, Peeked, ReadMode, Received};
use crate::error::{AcceptError, ReadError, WriteError};
use crate::layout::{Framing, Layout, Parameters, Side};
use crate::linux::Linux;
use crate::parts::{Limits, PeerParts};
use crate::reserve::{Afterwards, Reserve};
use crate::wait::Wait;

/// One end of a connection: reads, writes, waits, and ends it.
///
/// Every method takes `&self` and may be called from any thread. Reads are done one after the other, and so are writes; a read that waits hinders neither
/// writes nor peeks. Dropping an end closes it: the peer can still read what was written, then sees the end. A killed process looks just like that.
pub struct Endpoint {
    pub(crate) channel: Channel<Linux>,
    /// One thread at a time begins to share.
    pub(crate) sharing: Mutex<()>,
    afterwards: Afterwards,
}

/// Creates a connection: the creator's (client's) end, and what to pass to the other process for the second end.
///
/// Fails when descriptors or memory run out. Three descriptors stay with the end.
pub fn create(parameters: &Parameters) -> io::Result<(Endpoint, PeerParts)> {
    let layout = Layout::new(parameters);
    let memory = memfd::create_sealed("ennead-channel", layout.size())?;
    let mapping = Mapping::new(&memory, layout.size())?;
    create_on(&layout, mapping, Arc::new(memory))
}

/// As [`create`], on memory from the reserve: that of an earlier connection with the server that the reserve belongs to. `None` if there is none. The parts must go
/// to that server process and to nobody else.
pub fn create_from(reserve: &Reserve, parameters: &Parameters) -> Option<io::Result<(Endpoint, PeerParts)>> {
    let layout = Layout::new(parameters);
    let (mapping, memory) = reserve.take_released(&layout)?;
    Some(create_on(&layout, mapping, memory))
}

fn create_on(layout: &Layout, mapping: Mapping, memory: Arc<OwnedFd>) -> io::Result<(Endpoint, PeerParts)> {
    for (at, word) in layout.header() {
        mapping.atomic_u64(at).store(word, std::sync::atomic::Ordering::Release);
    }
    let (our_listener, their_ringer) = doorbell::pair()?;
    let (their_listener, our_ringer) = doorbell::pair()?;
    let parts = PeerParts { memory: Arc::clone(&memory), listener: their_listener, ringer: their_ringer };
    let listener = Listener::keep(our_listener)?;
    let ringer = Ringer::keep(our_ringer)?;
    let linux = Linux::new(mapping, memory, listener, ringer);
    Ok((Endpoint::from_channel(Channel::new(linux, Side::Client, layout)), parts))
}

impl Endpoint {
    /// The second end (the server's), from what the creator passed. Trusts nothing of it: the memory must be sealed, in tmpfs, of exactly the announced size; the
    /// doorbells must be pipes' ends of the right direction, and are used so that the creator's copies give it no hold on this process.
    pub fn accept(parts: PeerParts, limits: &Limits) -> Result<Self, AcceptError> {
        let (linux, layout, _) = parts.open(limits, None)?;
        Ok(Self::from_channel(Channel::new(linux, Side::Server, &layout)))
    }

    /// As [`Endpoint::accept`]; memory that is still mapped from an earlier connection with the same client is in `reserve`, and goes there again when this end is
    /// dropped.
    pub fn accept_with(
        parts: PeerParts,
        limits: &Limits,
        reserve: &Arc<Reserve>,
    ) -> Result<Self, AcceptError> {
        let (linux, layout, identity) = parts.open(limits, Some(reserve))?;
        let mut end = Self::from_channel(Channel::new(linux, Side::Server, &layout));
        end.afterwards = Afterwards::keep(layout, Some(identity), reserve);
        Ok(end)
    }

    /// For the creator's end: when it is dropped, its memory is kept in `reserve` for another connection with the same server, to which, and to nobody else, the
    /// parts went.
    pub fn keep_memory_in(&mut self, reserve: &Arc<Reserve>) {
        if self.channel.side == Side::Client {
            self.afterwards = Afterwards::keep(self.channel.layout(), None, reserve);
        }
    }

    pub(crate) fn from_channel(channel: Channel<Linux>) -> Self {
        Self { channel, sharing: Mutex::new(()), afterwards: Afterwards::nothing() }
    }

    /// Bytes or messages.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.channel.framing
    }

    /// The capacity of the ring that this end reads, in bytes.
    #[must_use]
    pub fn inbound_capacity(&self) -> u32 {
        self.channel.inbound.capacity as u32
    }

    /// The capacity of the ring that this end writes, in bytes.
    #[must_use]
    pub fn outbound_capacity(&self) -> u32 {
        self.channel.outbound.capacity as u32
    }

    /// Reads into `buffer`: at least one byte, or one message (which may be empty), or a message's first part if `buffer` is shorter; then the next read goes on
    /// there. An empty buffer on a byte connection reads nothing at once. If the wait ends within a message larger than the ring, what has arrived is reported.
    pub fn read(&self, buffer: &mut [u8], mode: ReadMode, wait: Wait<'_>) -> Result<Received, ReadError> {
        self.channel.read(buffer, mode, &wait).map_err(ReadError::from)
    }

    /// Writes all of `bytes`, or one message. With [`Wait::Never`] a byte stream takes what there is room for (at least one byte, else `WouldBlock`), a message goes
    /// whole or not at all. What the error reports as written the peer can read, unless it is gone.
    pub fn write(&self, bytes: &[u8], wait: Wait<'_>) -> Result<usize, WriteError> {
        if self.channel.framing == Framing::Messages && u32::try_from(bytes.len()).is_err() {
            return Err(WriteError::TooLong);
        }
        let mut written = 0;
        match self.channel.write(bytes, &wait, &mut written) {
            Ok(()) => Ok(written),
            Err(fault) => Err(WriteError::new(fault, written)),
        }
    }

    /// Writes without waiting, in as many calls as it takes: `written`, 0 at first, says how far it has come. `WouldBlock`: come
    /// again with the same `bytes` when [`Endpoint::arm`] for [`Interest::Writable`] of what is left says so. Other than with [`Endpoint::write`], a message larger than
    /// the ring can be written so; from its first part (`written` > 0) to its last no other write comes between, and if it cannot be finished, say so with
    /// [`Endpoint::abandon_part`].
    pub fn write_part(&self, bytes: &[u8], written: &mut usize) -> Result<(), WriteError> {
        if self.channel.framing == Framing::Messages && u32::try_from(bytes.len()).is_err() {
            return Err(WriteError::TooLong);
        }
        *written = (*written).min(bytes.len());
        self.channel.write_part(bytes, written).map_err(|fault| WriteError::new(fault, *written))
    }

    /// Ends a message larger than the ring that [`Endpoint::write_part`] has begun and that will not be finished: the peer gets it as short as it came. Call it
    /// only then.
    pub fn abandon_part(&self) {
        self.channel.abandon_part();
    }

    /// Copies what could be read now, without taking it: of the first message only, on a message connection. Never waits, also not for a blocked reader.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked, ReadError> {
        self.channel.peek(buffer).map_err(ReadError::from)
    }

    /// Waits until the peer has read everything that was written before. `Ended` if it is gone before that.
    pub fn flush(&self, wait: Wait<'_>) -> Result<(), WriteError> {
        self.channel.flush(&wait).map_err(|fault| WriteError::new(fault, 0))
    }

    /// Closes this end for writing: the peer reads what was written, then sees the end. A write that waits fails with `Closed`.
    pub fn shutdown_write(&self) {
        self.channel.shutdown_write();
    }

    /// Ends the connection and makes unread data void, in both directions: every operation, here and at the peer, waiting or later, fails with `Disconnected`.
    pub fn disconnect(&self) {
        self.channel.disconnect();
    }

    /// Closes this end as dropping it does, while other threads may be waiting at it: they fail with `Closed`. Descriptors and memory go when it is dropped.
    pub fn close(&self) {
        self.channel.close();
    }

    /// Prepares for a wait in epoll or the like, on [`Endpoint::as_fd`]: says to the peer that this end sleeps, then looks once more. Takes rings that are there.
    pub fn arm(&self, interest: Interest) -> Arming {
        self.channel.arm(interest)
    }

    /// Whether the peer is known or found to be gone or to have closed its end: what is unread can still be read. One system call.
    #[must_use]
    pub fn peer_has_ended(&self) -> bool {
        self.channel.notice_death_now();
        self.channel.look().peer_reads_no_more()
    }
}

impl AsFd for Endpoint {
    /// The inbound doorbell: readable when armed and something has happened, or when the peer is gone. [`Endpoint::share`] puts another descriptor in its place:
    /// ask again after it; the former then says too often that there is something.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.system.ear()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.channel.close_with_descriptors();
        std::mem::take(&mut self.afterwards).retire(&mut self.channel);
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("side", &self.channel.side)
            .field("framing", &self.channel.framing)
            .field("inbound", &self.channel.inbound.capacity)
            .field("outbound", &self.channel.outbound.capacity)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Endpoint {
    pub(crate) fn sleepers(&self) -> u32 {
        self.channel.waiters.count()
    }

    pub(crate) fn ring(&self) {
        crate::system::System::ring(&self.channel.system);
    }

    pub(crate) fn outbound_is_empty(&self) -> bool {
        self.channel.tail().word() == 0
    }
}
