//! Readiness, for waits in epoll: the same announcements and looks as before a sleep, without the sleep.

use crate::awaiting::Awaited;
use crate::channel::{Channel, flag};
use crate::system::{Heard, System, Word};

/// What [`crate::Endpoint::arm`] shall look out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something can be read, or reading would fail.
    Readable,
    /// A write of so many bytes (a message of that length, or any byte of a message or stream larger than half the ring) would not wait, or would fail.
    Writable(usize),
    /// Either.
    Either(usize),
}

/// What [`crate::Endpoint::arm`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arming {
    /// Go on at once: what was looked out for is there, or might be.
    Ready,
    /// Not there: the end's descriptor becomes readable when to look again.
    Armed,
}

impl<S: System> Channel<S> {
    /// Takes the rings that are there, announces, looks.
    pub(crate) fn arm(&self, interest: Interest) -> Arming {
        let Ok(standing) = self.standing() else { return Arming::Ready };
        match self.system.take_ring() {
            Some(Heard::End) => {
                self.flags.or(flag::GONE);
                return Arming::Ready;
            }
            // It may have been meant for a thread that sleeps here.
            Some(_) => self.rouse(),
            None => {}
        }
        let (read, write) = match interest {
            Interest::Readable => (true, None),
            Interest::Writable(bytes) => (false, Some(bytes)),
            Interest::Either(bytes) => (true, Some(bytes)),
        };
        let mut ready = (read && standing.peer_writes_no_more()) || standing.peer_reads_no_more();
        if read {
            // Readable is whatever lies past our cursor.
            let awaited = Awaited::Data { seen: self.cursor().at.word() };
            self.announce(awaited);
            ready |= self.has_changed(awaited, standing);
        }
        if let Some(bytes) = write {
            let awaited = Awaited::Room { until: self.room_needed(bytes) };
            self.announce(awaited);
            ready |= self.has_changed(awaited, standing);
        }
        if ready { Arming::Ready } else { Arming::Armed }
    }
}
