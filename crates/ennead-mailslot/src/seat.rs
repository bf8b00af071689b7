//! One writer as the server has it.

use ennead_sys::mapping::Mapping;
use ennead_sys::socket::Connection;

use crate::ring::{Head, RingReader, Violation};

/// A writer whose ring the server has.
#[derive(Debug)]
pub(crate) struct Seat {
    pub ring: RingReader<Mapping>,
    /// The longest message that the slot takes. An honest writer sends none that is longer, and a server has no room for one.
    longest: u64,
    /// None: the writer is gone, or was sent away; what is in the ring is the last of it.
    pub connection: Option<Connection>,
    pub state: State,
    /// When the turn of the last look began: what a look finds that the one before did not was not written before that one's turn.
    looked: u64,
    /// What the next message cannot be stamped earlier than: the message before it, or the turn of the last look that did not find it.
    floor: u64,
    /// A position in the ring and what nothing from there on can be stamped earlier than.
    later: Option<(u64, u64)>,
    /// How many looks in a row found nothing.
    pub idle: u32,
}

/// What the reader is waiting for at a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Nothing: there is a message, and it stands in the line of heads.
    Head(Head),
    /// Each turn looks at the ring.
    Watched,
    /// The writer rings.
    Asleep,
}

impl Seat {
    pub fn new(ring: RingReader<Mapping>, connection: Connection, longest: u64) -> Self {
        // Whatever a new writer has written before it was seen, it may have written at any time.
        Self {
            ring,
            longest,
            connection: Some(connection),
            state: State::Watched,
            looked: 0,
            floor: 0,
            later: None,
            idle: 0,
        }
    }

    /// Looks at the ring in the turn that began at `turn`. If no message of it stands in line, gives the next one's stamp, as far as it can
    /// be believed.
    #[inline]
    pub fn look(&mut self, turn: u64) -> Result<Option<u64>, Violation> {
        let before = self.ring.seen();
        let found = self.ring.look()?;
        let last = std::mem::replace(&mut self.looked, turn);
        // An older position with an older time says less, and is no lie.
        if self.ring.seen() != before && self.later.is_none() {
            self.later = Some((before, last));
        }
        if matches!(self.state, State::Head(_)) {
            return Ok(None);
        }
        if !found {
            self.idle += 1;
            return Ok(None);
        }
        self.idle = 0;
        self.next()
    }

    /// The next message among those that the last look found.
    #[inline]
    pub fn next(&mut self) -> Result<Option<u64>, Violation> {
        let Some(head) = self.ring.head()? else { return Ok(None) };
        if head.len > self.longest {
            return Err(Violation("a message longer than the mailslot takes"));
        }
        if let Some((_, floor)) = self.later.take_if(|(position, _)| self.ring.cursor() >= *position) {
            self.floor = self.floor.max(floor);
        }
        self.state = State::Head(head);
        self.floor = self.floor.max(head.stamp);
        Ok(Some(self.floor))
    }

    /// Believes no stamp past `turn` of what was found before it.
    pub fn lower(&mut self, turn: u64) {
        self.floor = self.floor.min(turn);
    }
}
