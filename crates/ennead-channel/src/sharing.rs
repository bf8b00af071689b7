//! One end in several processes: what they hold in common, and whose turn it is among them.
//!
//! The sharers have a page that the peer never gets. In it lie the truth about their cursor and tail, marks that hold for all of them, and a word for each
//! direction that says whether one of the sharers has its turn: odd if so, and greater with every change. To have the turn is to have changed the word to odd
//! **while being in the direction's room** (see `ennead_sys::occupancy`), which one leaves only after changing it to even. So whoever finds the word odd, then the room
//! empty, and then the word still the same, knows that the holder was killed, and may take the turn over; and whoever waits for an empty room is woken either way.
//!
//! Who takes a turn over finishes what the dead holder had committed: the page is written before what the peer sees, and the peer is told after that. It rings in any
//! case, for the dead holder may have taken back the peer's announcement, and not have rung yet.
//!
//! An end that was never shared pays one look at its marks for this.

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;

use crate::channel::{Channel, flag};
use crate::error::Fault;
use crate::layout::state;
use crate::position::Cursor;
use crate::system::{Common, Heard, System, Word};
use crate::turn::Taken;
use crate::wait::Wait;

/// Offsets in the sharers' page; each word has cache lines of its own.
pub(crate) mod page {
    pub(crate) const SIZE: usize = 4096;
    pub(crate) const MAGIC: usize = 0;
    pub(crate) const VERSION: usize = 8;
    /// Which end: 0 the client's, 1 the server's.
    pub(crate) const SIDE: usize = 16;
    /// Bits of [`COMMON`](super::COMMON).
    pub(crate) const MARKS: usize = 256;
    pub(crate) const CURSOR: usize = 512;
    pub(crate) const TAIL: usize = 768;
    /// Of the reader; the writer's follows.
    pub(crate) const TURNS: [usize; 2] = [1024, 1280];
    /// "ENNDshar", as the machine has it.
    pub(crate) const MAGIC_VALUE: u64 = u64::from_le_bytes(*b"ENNDshar");
    /// This layout's number; no optional features exist yet.
    pub(crate) const VERSION_VALUE: u64 = 1;
}

/// Marks that hold for every sharer.
const COMMON: u32 = flag::POISONED | flag::DISCONNECTED | flag::WRITE_CLOSED | flag::TORN;
/// In a tail: a message has begun and is not finished.
pub(crate) const IN_MESSAGE: u64 = 1 << 63;
/// A turn's word at first: the process that begins sharing has it.
const FIRST_HELD: u64 = 1;

/// The directions, as the turns have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Reader,
    Writer,
}

/// What a process knows of one direction's turn among the sharers. Changed by who has the turn within the process.
pub(crate) struct Share<S: System> {
    /// 1: our cursor (or tail) lies in the sharers' page.
    stage: S::Word,
    /// While this process has the turn.
    occupant: Mutex<Option<<S::Common as Common>::Occupant>>,
}

impl<S: System> Share<S> {
    pub(crate) fn new() -> Self {
        Self { stage: Word::new(0), occupant: Mutex::new(None) }
    }

    #[inline]
    pub(crate) fn is_common(&self) -> bool {
        self.stage.load() != 0
    }

    fn occupant(&self) -> std::sync::MutexGuard<'_, Option<<S::Common as Common>::Occupant>> {
        self.occupant.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<S: System> Channel<S> {
    /// From now on this end may have other holders. Operations that are under way go on, as one sharer's among several. Not to be called by two threads at once.
    pub(crate) fn begin_sharing(&self, common: S::Common) -> Result<(), Fault> {
        for (role, turn) in [Role::Reader, Role::Writer].into_iter().zip(page::TURNS) {
            common.store(turn, FIRST_HELD);
            *self.share(role).occupant() = Some(common.enter(role).map_err(Fault::System)?);
        }
        self.system.set_common(common);
        let old = self.flags.or(flag::SHARED);
        self.mark(old);
        // Whoever has a turn now finishes, or finds the mark at the next look, and takes our cursor or tail to the page.
        self.rouse();
        for role in [Role::Reader, Role::Writer] {
            while !self.share(role).is_common() {
                if self.turn(role).take_by_lock(&self.system, &Wait::Never).is_ok() {
                    self.move_to_page(role);
                    self.give_back(role);
                } else {
                    self.system.sleep(&self.share(role).stage, 0, &Wait::Forever).map_err(Fault::System)?;
                }
            }
        }
        if old & flag::CLOSED != 0 { Err(Fault::Closed) } else { Ok(()) }
    }

    /// This end is one that another process has shared.
    pub(crate) fn join_sharing(&self) {
        self.flags.or(flag::SHARED);
        for role in [Role::Reader, Role::Writer] {
            self.share(role).stage.swap(1);
        }
    }

    /// [`Channel::take_turn`] for operations between two busy processes: no more than a few loads and stores if this thread owns the direction.
    #[inline(always)]
    pub(crate) fn quick_turn(&self, role: Role, wait: &Wait<'_>) -> Result<Held<'_, S>, Fault> {
        if self.turn(role).take_as_owner(&self.system) {
            let held = Held { channel: self, role, taken: Taken::AsOwner };
            if self.flags.load() & flag::SHARED == 0 {
                return Ok(held);
            }
        }
        self.take_turn(role, wait)
    }

    /// Takes a turn, within the process and among the sharers.
    #[cold]
    fn take_turn(&self, role: Role, wait: &Wait<'_>) -> Result<Held<'_, S>, Fault> {
        self.turn(role).take_by_lock(&self.system, wait)?;
        let held = Held { channel: self, role, taken: Taken::ByLock };
        if self.flags.load() & flag::SHARED != 0 {
            self.enter(role, wait)?;
        }
        Ok(held)
    }

    /// Takes a turn that [`Channel::give_back`] gives back, perhaps in another thread.
    pub(crate) fn take_turn_to_keep(&self, role: Role, wait: &Wait<'_>) -> Result<(), Fault> {
        std::mem::forget(self.take_turn(role, wait)?);
        Ok(())
    }

    /// Gives back a turn that was taken by the lock and kept.
    pub(crate) fn give_back(&self, role: Role) {
        drop(Held { channel: self, role, taken: Taken::ByLock });
    }

    /// To be called at each look of an operation that has the turn, if [`flag::SHARED`] is set.
    #[cold]
    pub(crate) fn move_to_page(&self, role: Role) {
        if self.share(role).is_common() {
            return;
        }
        let Some(common) = self.system.common() else { return };
        match role {
            Role::Reader => common.store(page::CURSOR, self.my_cursor.load(Relaxed)),
            Role::Writer => common.store(page::TAIL, self.my_tail.load(Relaxed)),
        }
        self.share(role).stage.swap(1);
        self.system.wake(&self.share(role).stage);
    }

    /// Marks that hold for all sharers, if there are any; says so to all.
    pub(crate) fn mark(&self, flags: u32) {
        if flags & COMMON != 0
            && let Some(common) = self.system.common()
        {
            common.set_bits(page::MARKS, u64::from(flags & COMMON));
            common.tell();
        }
    }

    #[cold]
    pub(crate) fn common_marks(&self) -> u32 {
        self.system.common().map_or(0, |common| common.load(page::MARKS) as u32 & COMMON)
    }

    /// This process holds the end no more; the last to leave tells the peer.
    pub(crate) fn leave(&self) {
        if let Some(common) = self.system.common()
            && common.leave()
        {
            self.system.set_bits(self.side.state(), state::CLOSED);
            self.system.fence();
            self.system.ring();
        }
    }

    /// Looks after a message that a killed sharer may have left unfinished: nobody might write any more, and find it.
    pub(crate) fn look_after_writers(&self) {
        let Some(common) = self.system.common() else { return };
        if common.load(page::TAIL) & IN_MESSAGE != 0 {
            // The message is under way, or taking the turn tears it.
            drop(self.take_turn(Role::Writer, &Wait::Never));
        }
    }

    #[cold]
    fn enter(&self, role: Role, wait: &Wait<'_>) -> Result<(), Fault> {
        let Some(common) = self.system.common() else { return Ok(()) };
        if !self.share(role).is_common() {
            // The process has the turn since it began to share.
            self.move_to_page(role);
            return Ok(());
        }
        let (occupant, taken_over) = take_common_turn(common, role, wait)?;
        *self.share(role).occupant() = Some(occupant);
        match role {
            Role::Reader => {
                let cursor = self.cursor();
                // What another sharer has read is not to be taken for readable, however old our copy is.
                self.peer_tail.store(cursor.at.word(), Relaxed);
                if taken_over {
                    self.commit_cursor(cursor);
                    self.system.ring();
                }
            }
            Role::Writer => {
                let tail = self.tail();
                let full = Cursor { at: tail.minus(self.outbound.capacity), consumed: 0 };
                self.peer_cursor.store(full.word(self.framing), Relaxed);
                let in_message = common.load(page::TAIL) & IN_MESSAGE != 0;
                if taken_over {
                    self.commit_tail(tail, in_message);
                    self.system.ring();
                }
                if in_message && self.standing().is_ok() {
                    return Err(self.tear());
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn let_others(&self, role: Role) {
        self.move_to_page(role);
        let occupant = self.share(role).occupant().take();
        if let (Some(common), Some(occupant)) = (self.system.common(), occupant) {
            let word = common.load(page::TURNS[role as usize]);
            common.store(page::TURNS[role as usize], word.wrapping_add(1));
            drop(occupant);
        }
    }
}

/// A turn, until dropped.
pub(crate) struct Held<'a, S: System> {
    channel: &'a Channel<S>,
    role: Role,
    taken: Taken,
}

impl<S: System> Drop for Held<'_, S> {
    #[inline(always)]
    fn drop(&mut self) {
        let (channel, role) = (self.channel, self.role);
        if channel.flags.load() & flag::SHARED != 0 {
            channel.let_others(role);
        }
        let turn = channel.turn(role);
        turn.give_back(&channel.system, self.taken);
        // Sharing may have begun just before, and found the turn taken.
        if channel.flags.load() & flag::SHARED != 0
            && !channel.share(role).is_common()
            && turn.take_by_lock(&channel.system, &Wait::Never).is_ok()
        {
            channel.let_others(role);
            turn.give_back(&channel.system, Taken::ByLock);
        }
    }
}

/// The turn among the sharers, and whether its last holder was killed.
fn take_common_turn<C: Common>(
    common: &C,
    role: Role,
    wait: &Wait<'_>,
) -> Result<(C::Occupant, bool), Fault> {
    let at = page::TURNS[role as usize];
    loop {
        let word = common.load(at);
        let held = word % 2 == 1;
        if held {
            match common.wait_empty(role, wait).map_err(Fault::System)? {
                Heard::Ring | Heard::End => {}
                Heard::TimedOut if matches!(wait, Wait::Never) => return Err(Fault::WouldBlock),
                Heard::TimedOut => return Err(Fault::TimedOut),
                Heard::Cancelled => return Err(Fault::Cancelled),
            }
            if common.load(at) != word {
                continue;
            }
        }
        let occupant = common.enter(role).map_err(Fault::System)?;
        if common.exchange(at, word, word.wrapping_add(if held { 2 } else { 1 })) {
            return Ok((occupant, held));
        }
    }
}

/// The page's words that its maker writes before it passes it on.
pub(crate) fn header(side: crate::layout::Side) -> [(usize, u64); 3] {
    [(page::VERSION, page::VERSION_VALUE), (page::SIDE, side as u64), (page::MAGIC, page::MAGIC_VALUE)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Side;

    #[test]
    fn the_page_is_pinned() {
        assert_eq!(header(Side::Server), [(8, 1), (16, 1), (0, 0x7261_6873_444e_4e45)]);
        assert_eq!((page::MARKS, page::CURSOR, page::TAIL, page::TURNS), (256, 512, 768, [1024, 1280]));
        assert_eq!((COMMON, IN_MESSAGE, FIRST_HELD), (2 | 4 | 16 | 32, 1 << 63, 1));
    }
}
