//! Sleeping until the peer has done something, and waking it.
//!
//! Who is about to sleep says so in a shared word, passes a fence, looks again, and only then listens to the doorbell. Who has changed something passes a
//! fence, looks at that word, takes it back if it is set, and rings. Of two sides that do this at once at least one sees the other. An announcement is never
//! withdrawn by the one who made it: a spare ring costs a look, a lost one would cost everything.
//!
//! Of several threads that sleep at one end, one listens to the doorbell; the others sleep on a word of this process, which the listener changes when it has
//! heard something, before anybody else may listen. So a ring that one thread takes is news for all of them.

use crate::channel::{Channel, Standing, flag};
use crate::error::Fault;
use crate::position::{Cursor, Position};
use crate::spin::Spin;
use crate::system::{Heard, System, Word};
use crate::wait::Wait;

/// In a writer's sleeping word: somebody sleeps; the low bits are a position.
pub(crate) const SET: u64 = 1 << 63;
/// In [`Waiters::turn`]: somebody listens. Above it: a count of what has happened.
const LISTENING: u32 = 1;
const ONE_EVENT: u32 = 2;

/// Looks between two pauses of the processor, which may take 60 ns each: news that comes during one waits for its end.
const LOOKS: u32 = 64;

/// What an operation waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    /// That the peer has written past the tail word last seen.
    Data { seen: u64 },
    /// That the peer has read up to here.
    Room { until: Position },
}

/// What came of looking.
enum Looked {
    /// A change.
    Found,
    /// Nothing; the peer last ran on another CPU.
    Elsewhere,
    /// Nothing: the peer last ran on this CPU, or nowhere yet, so that looking would only delay it.
    Here,
}

/// The threads of this process that sleep at this end.
pub(crate) struct Waiters<S: System> {
    turn: S::Word,
    /// How many sleep on `turn`.
    followers: S::Word,
}

impl<S: System> Waiters<S> {
    pub(crate) fn new() -> Self {
        Self { turn: Word::new(0), followers: Word::new(0) }
    }

    /// How many threads sleep here, the listener included.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u32 {
        (self.turn.load() & LISTENING) + self.followers.load()
    }
}

impl<S: System> Channel<S> {
    /// Waits until what is awaited, or the standing, has changed, or just might have. `Ok` says no more than: look again.
    pub(crate) fn wait_for(&self, awaited: Awaited, seen: Standing, wait: &Wait<'_>) -> Result<(), Fault> {
        if matches!(wait, Wait::Never) {
            return Err(Fault::WouldBlock);
        }
        if wait.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        // Asked here, not only of the kernel: a peer that keeps changing its words or ringing would put the end of the wait off for ever.
        if wait.is_over() {
            return if self.ended_meanwhile(seen.flags) { Ok(()) } else { Err(Fault::TimedOut) };
        }
        let spin = match awaited {
            Awaited::Data { .. } => &self.read_spin,
            Awaited::Room { .. } => &self.write_spin,
        };
        match self.spin(spin, awaited, seen) {
            Looked::Found => Ok(()),
            Looked::Elsewhere => {
                let before = self.system.ticks();
                let outcome = self.sleep(awaited, seen, wait);
                let after = self.system.ticks();
                spin.slept(after.wrapping_sub(before) / ennead_sys::cpu::TICKS_PER_MICROSECOND);
                outcome
            }
            // How long this takes says nothing about looking.
            Looked::Here => self.sleep(awaited, seen, wait),
        }
    }

    /// Looks for a while, if the peer runs on another CPU and looking has paid.
    fn spin(&self, spin: &Spin, awaited: Awaited, seen: Standing) -> Looked {
        let ours = self.publish_cpu();
        if [0, ours].contains(&self.system.load(self.side.other().cpu())) {
            return Looked::Here;
        }
        let budget = spin.budget();
        if budget == 0 {
            return Looked::Elsewhere;
        }
        // A writer that looks has time to look for a good piece of room, so that the two sides do not go in step, a cache line to and fro for each message.
        let eager = match awaited {
            Awaited::Room { until } => Awaited::Room { until: self.more_room(until) },
            data @ Awaited::Data { .. } => data,
        };
        let start = self.system.ticks();
        while self.system.ticks().wrapping_sub(start) < budget * ennead_sys::cpu::TICKS_PER_MICROSECOND {
            for _ in 0..LOOKS {
                self.expect(eager);
                if self.has_changed(eager, seen) {
                    spin.paid();
                    return Looked::Found;
                }
            }
            self.system.spin_hint();
        }
        if self.has_changed(awaited, seen) {
            return Looked::Found;
        }
        spin.failed();
        Looked::Elsewhere
    }

    /// Fetches the lines of the next bytes along with the word that will announce them. Two misses that follow one another would cost a round trip between the
    /// cores each; asked for at every look, the lines come at the same time as the word.
    #[inline]
    fn expect(&self, awaited: Awaited) {
        if let Awaited::Data { seen } = awaited {
            let (ring, at) = (self.inbound, Position::from_low_bits(seen));
            self.system.expect_read(ring.start + at.offset(ring.capacity));
            self.system.expect_read(ring.start + at.plus(64).offset(ring.capacity));
        }
    }

    /// A position that leaves a quarter of the ring free, or `until` if that is further on. Never past our tail, or a reader that has read all would not do.
    fn more_room(&self, until: Position) -> Position {
        let eager = self.tail().minus(self.outbound.capacity / 4 * 3);
        if until.has_reached(eager) { until } else { eager }
    }

    fn sleep(&self, awaited: Awaited, seen: Standing, wait: &Wait<'_>) -> Result<(), Fault> {
        let turn = &self.waiters.turn;
        let events = turn.load();
        self.announce(awaited);
        if self.has_changed(awaited, seen) {
            return Ok(());
        }
        let heard = if events & LISTENING != 0 {
            self.waiters.followers.add(1);
            let heard = self.system.sleep(turn, events, wait);
            self.waiters.followers.add(1u32.wrapping_neg());
            heard
        } else if turn.exchange(events, events | LISTENING) {
            // Nothing has happened since we announced ourselves, so no ring that was meant for us has been taken.
            let heard = self.system.listen(wait);
            if matches!(heard, Ok(Heard::End)) {
                self.flags.or(flag::GONE);
            }
            turn.add(ONE_EVENT - LISTENING);
            self.wake_followers();
            heard
        } else {
            return Ok(());
        };
        match heard.map_err(Fault::System)? {
            Heard::Ring | Heard::End => Ok(()),
            Heard::TimedOut => Err(Fault::TimedOut),
            Heard::Cancelled => Err(Fault::Cancelled),
        }
    }

    /// Tells the peer that we are about to sleep. A look at the ring after this one misses nothing that the peer does not ring for.
    pub(crate) fn announce(&self, awaited: Awaited) {
        match awaited {
            Awaited::Data { .. } => self.system.commit(self.inbound.reader_sleeps(), 1),
            Awaited::Room { until } => {
                self.announce_writer(until);
                self.system.fence();
            }
        }
    }

    fn announce_writer(&self, until: Position) {
        let at = self.outbound.writer_sleeps();
        // Bounded: only the peer's taking it back (or scribbling) and other threads of ours change it; at worst a spare look is lost, since we set it unconditionally then.
        for _ in 0..8 {
            let word = self.system.load(at);
            if word & SET != 0 && until.has_reached(Position::from_low_bits(word)) {
                return;
            }
            if self.system.exchange(at, word, SET | until.word()) {
                return;
            }
        }
        self.system.store(at, SET | until.word());
    }

    pub(crate) fn has_changed(&self, awaited: Awaited, seen: Standing) -> bool {
        let awaited_happened = match awaited {
            Awaited::Data { seen } => self.system.load(self.inbound.tail()) != seen,
            Awaited::Room { until } => {
                Cursor::from_word(self.system.load(self.outbound.cursor()), self.framing)
                    .is_none_or(|cursor| cursor.at.has_reached(until))
            }
        };
        awaited_happened || self.look() != seen
    }

    /// After committing what was written, and the commit's fence: wakes the peer's reader if it sleeps.
    #[inline]
    pub(crate) fn wake_reader(&self) {
        let at = self.outbound.reader_sleeps();
        if self.system.load(at) != 0 {
            // Should the reader have announced itself anew just before this, the ring makes it look, and do so again.
            self.system.store(at, 0);
            self.system.ring();
        }
    }

    /// After committing what was read, and the commit's fence: wakes the peer's writer if it sleeps and has what it waits for.
    #[inline]
    pub(crate) fn wake_writer(&self, now_at: Position) {
        let at = self.inbound.writer_sleeps();
        // If the word changes under us, another thread of the peer has announced itself too; only a hostile peer goes on changing it.
        for _ in 0..8 {
            let word = self.system.load(at);
            if word & SET == 0 || !now_at.has_reached(Position::from_low_bits(word)) {
                return;
            }
            if self.system.exchange(at, word, 0) {
                break;
            }
        }
        self.system.ring();
    }

    /// Makes every thread of this process that sleeps at this end, or is about to, look again.
    pub(crate) fn rouse(&self) {
        if self.waiters.turn.add(ONE_EVENT) & LISTENING != 0 {
            self.system.ring_self();
        }
        self.wake_followers();
    }

    fn wake_followers(&self) {
        if self.waiters.followers.load() != 0 {
            self.system.wake(&self.waiters.turn);
        }
    }
}
