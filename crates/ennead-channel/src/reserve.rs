//! Memory of connections that are over, kept for the next one between the same two processes.
//!
//! Fresh memory is the dearest part of a connection: making, mapping and unmapping it costs some 17 µs at the two ends together, more than the rest of the
//! conversation of a client that asks one thing and leaves. So each side keeps a few mappings when an end is dropped, and the client passes the same memory again.
//!
//! Who may see what stays as it was, because of these rules:
//!
//! - The *client* alone chooses to use memory again, and only towards the process that had it before: a reserve belongs to one server, whom the mechanism above
//!   makes sure of anew for each connection (see `ennead-pipe`). What lies in the rings is what these two have said to each other.
//! - It does so only when the server's end has *released* the memory, the last thing that a server's end does with it. A server that lies about that harms the
//!   conversation that it is itself one side of, as it always could. One that knows nothing of releasing, and one that was killed, never says so.
//! - It writes all control words anew before it passes the memory on, so that the server finds it as if it were fresh.
//! - The *server* believes nothing: it uses a mapping again when the kernel says that the file it was passed is the one that is mapped (device and inode, which
//!   the mapping keeps alive; its seals cannot be taken off), and checks the header as always. A mapping is in the reserve or at one end, never both: a client that
//!   passes the same memory twice gets what it gets without a reserve, two ends on one memory of its own.
//! - What was ever shared with further processes, was found damaged, or carried more than a few pages is not kept; nor is what a fork has copied.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::{Acquire, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ennead_sys::generation::generation;
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd::Identity;

use crate::channel::{Channel, flag};
use crate::layout::{Layout, Side, state};
use crate::linux::Linux;
use crate::system::Word;

/// How much a connection may have carried each way for its memory to be kept, in bytes: so much of it stays resident.
const MOST_CARRIED: u64 = 16 * 1024;

/// A few mappings of connections that are over. At a client it belongs to one server process, and costs a descriptor for each connection kept; at a server it
/// serves all clients, and costs none.
#[derive(Debug)]
pub struct Reserve {
    most: usize,
    spares: Mutex<VecDeque<Spare>>,
}

/// The memory of one connection that is over.
#[derive(Debug)]
struct Spare {
    mapping: Mapping,
    layout: Layout,
    kept_by: KeptBy,
    generation: u64,
}

#[derive(Debug)]
enum KeptBy {
    /// Who may pass it on again.
    Client(Arc<OwnedFd>),
    /// Who recognises it by this.
    Server(Identity),
}

impl Reserve {
    /// One that keeps at most so many.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self { most, spares: Mutex::default() }
    }

    /// Memory of that layout which the server has released, as good as new.
    pub(crate) fn take_released(&self, layout: &Layout) -> Option<(Mapping, Arc<OwnedFd>)> {
        let generation = generation()?;
        let mut spares = self.lock();
        let at = spares.iter().position(|spare| {
            spare.generation == generation
                && spare.layout == *layout
                && spare.mapping.atomic_u64(Side::Server.state()).load(Acquire) & state::RELEASED != 0
        })?;
        match spares.remove(at)? {
            Spare { mapping, kept_by: KeptBy::Client(memory), .. } => {
                drop(spares);
                for word in layout.words() {
                    mapping.atomic_u64(word).store(0, SeqCst);
                }
                Some((mapping, memory))
            }
            Spare { kept_by: KeptBy::Server(_), .. } => None,
        }
    }

    /// The mapping of this very file, if it is here.
    pub(crate) fn take_same(&self, identity: Identity) -> Option<Mapping> {
        let generation = generation()?;
        let mut spares = self.lock();
        let at = spares.iter().position(|spare| {
            spare.generation == generation && matches!(spare.kept_by, KeptBy::Server(of) if of == identity)
        })?;
        spares.remove(at).map(|spare| spare.mapping)
    }

    /// Keeps one more, in place of the oldest if there are enough.
    fn keep(&self, spare: Spare) {
        let mut spares = self.lock();
        if let KeptBy::Server(_) = spare.kept_by {
            // From here on the client may write all of it anew. It cannot be back before the mapping is in its place.
            spare.mapping.atomic_u64(Side::Server.state()).fetch_or(state::RELEASED, SeqCst);
        }
        let surplus = if spares.len() >= self.most { spares.pop_front() } else { None };
        spares.push_back(spare);
        drop(spares);
        drop(surplus);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Spare>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an end's memory goes when the end is dropped.
#[derive(Debug, Default)]
pub(crate) struct Afterwards(Option<Destination>);

#[derive(Debug)]
struct Destination {
    layout: Layout,
    generation: u64,
    /// At a server's end: which file it is.
    identity: Option<Identity>,
    reserve: Weak<Reserve>,
}

impl Afterwards {
    /// Back to the system.
    pub(crate) fn nothing() -> Self {
        Self(None)
    }

    /// Into the reserve, if it is there then. `identity`: of a server's end.
    pub(crate) fn keep(layout: Layout, identity: Option<Identity>, reserve: &Arc<Reserve>) -> Self {
        // Inode numbers are never used again where they have 64 bits.
        let can_tell = cfg!(target_pointer_width = "64") && reserve.most > 0;
        Self(generation().filter(|_| can_tell).map(|generation| Destination {
            layout,
            generation,
            identity,
            reserve: Arc::downgrade(reserve),
        }))
    }

    /// The end is closed and nobody uses it any more.
    pub(crate) fn retire(self, channel: &mut Channel<Linux>) {
        let Some(destination) = self.0 else { return };
        let Some(reserve) = destination.reserve.upgrade() else { return };
        if generation() != Some(destination.generation) || !channel.may_be_kept() {
            return;
        }
        let kept_by = match destination.identity {
            Some(identity) => KeptBy::Server(identity),
            None => KeptBy::Client(Arc::clone(&channel.system.memory)),
        };
        reserve.keep(Spare {
            mapping: channel.system.mapping.take(),
            layout: destination.layout,
            kept_by,
            generation: destination.generation,
        });
    }
}

impl Channel<Linux> {
    fn may_be_kept(&self) -> bool {
        self.flags.load() & (flag::SHARED | flag::POISONED | flag::TORN) == 0
            && self.tail().word() <= MOST_CARRIED
            && self.cursor().at.word() <= MOST_CARRIED
    }
}
