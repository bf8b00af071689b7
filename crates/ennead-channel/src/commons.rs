//! What the processes that share an end have in common, on Linux: a page, two rooms, a doorbell that all of them hear.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

use ennead_sys::common_bell::{CommonBell, News};
use ennead_sys::doorbell::{Heard, Listener};
use ennead_sys::lock::{self, Holder, LockMode};
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;
use ennead_sys::occupancy::{Emptied, Occupant, Room};

use crate::layout::Side;
use crate::sharing::{Role, header, page};
use crate::system::{self, Common};
use crate::wait::Wait;

/// Bytes of the page's file that are locked: by each sharer as long as it lives, and by who thins out the doorbell.
const LIVES: u64 = 0;
const THINS: u64 = 1;

/// One process's view.
#[derive(Debug)]
pub(crate) struct Commons {
    page: Mapping,
    /// A description of this process's own, with a lock that says that it shares.
    pub(crate) file: OwnedFd,
    pub(crate) rooms: [Room; 2],
    pub(crate) bell: CommonBell,
}

impl Commons {
    /// For an end that was not shared before.
    pub(crate) fn new(side: Side, listener: &Listener) -> io::Result<Self> {
        let file = memfd::create_sealed("ennead-sharers", page::SIZE)?;
        let commons =
            Self::of(&file, [Room::new()?, Room::new()?], CommonBell::new(listener, News::new()?)?)?;
        for (at, value) in header(side) {
            commons.store(at, value);
        }
        Ok(commons)
    }

    /// From what another sharer passed; the file is one of the page's size.
    pub(crate) fn of(file: &OwnedFd, rooms: [Room; 2], bell: CommonBell) -> io::Result<Self> {
        // A mapping keeps the locks of the description that it was made from: so of our own, not of what was passed.
        let file = living(file)?;
        Ok(Self { page: Mapping::new(&file, page::SIZE)?, file, rooms, bell })
    }

    pub(crate) fn word(&self, at: usize) -> u64 {
        self.load(at)
    }

    /// Waits for a ring as one of several processes.
    pub(crate) fn listen(
        &self,
        bell: &Listener,
        other: Option<BorrowedFd<'_>>,
        deadline: Option<Instant>,
    ) -> io::Result<Heard> {
        let heard = self.bell.wait_with(other, deadline)?;
        self.thin_out(bell);
        Ok(heard)
    }

    /// Takes what was rung, for this process only.
    pub(crate) fn take_ring(&self, bell: &Listener) -> io::Result<Option<Heard>> {
        let heard = self.bell.take();
        self.thin_out(bell);
        heard
    }

    fn thin_out(&self, bell: &Listener) {
        // If it fails, whoever hears the next ring tries again.
        let _ = self.bell.thin_out(bell, &self.file, THINS);
    }
}

/// A fresh description of the page's file that counts as one more sharer until it is closed.
pub(crate) fn living(file: &OwnedFd) -> io::Result<OwnedFd> {
    let file = memfd::reopen(file)?;
    lock::try_lock(&file, LockMode::Read, LIVES, 1)?;
    Ok(file)
}

impl Common for Commons {
    type Occupant = Occupant;

    fn load(&self, at: usize) -> u64 {
        self.page.atomic_u64(at).load(SeqCst)
    }

    fn store(&self, at: usize, value: u64) {
        self.page.atomic_u64(at).store(value, SeqCst);
    }

    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        self.page.atomic_u64(at).compare_exchange(expected, new, SeqCst, SeqCst).is_ok()
    }

    fn set_bits(&self, at: usize, bits: u64) {
        self.page.atomic_u64(at).fetch_or(bits, SeqCst);
    }

    fn enter(&self, role: Role) -> io::Result<Occupant> {
        self.rooms[role as usize].enter()
    }

    fn wait_empty(&self, role: Role, wait: &Wait<'_>) -> io::Result<system::Heard> {
        let deadline = if matches!(wait, Wait::Never) { Some(Instant::now()) } else { wait.deadline() };
        let token = wait.token().map(|token| token.event().as_fd());
        Ok(match self.rooms[role as usize].wait_empty(token, deadline)? {
            Emptied::Empty => system::Heard::Ring,
            Emptied::Other => system::Heard::Cancelled,
            Emptied::TimedOut => system::Heard::TimedOut,
        })
    }

    fn tell(&self) {
        self.bell.tell_all();
    }

    fn leave(&self) -> bool {
        // First leave, then look: of two that leave at once, one at least finds nobody.
        lock::unlock(&self.file, LIVES, 1).is_ok()
            && matches!(lock::query(&self.file, LIVES, 1), Ok(Holder::Nobody))
    }
}
