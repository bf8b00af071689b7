//! The common case in as few steps as possible: a whole message, at an end that nobody else shares, with both sides open, and nothing to wait for.
//!
//! Between two busy processes these steps are the time that a message takes. Whatever else holds, the answer is "not so", nothing has been changed, and the
//! general way is gone (`receive`, `send`), which would have done the same.

use std::sync::atomic::Ordering::{Acquire, Relaxed};

use crate::channel::{Channel, ReadMode, Received, Standing};
use crate::frame::{Frame, HEADER};
use crate::layout::Framing;
use crate::position::{Cursor, Position};
use crate::system::{System, Word};

/// What came of reading so.
pub(crate) enum AtOnce {
    Done(Received),
    /// There is nothing to read, and both sides are open.
    Nothing,
    NotSo,
}

impl<S: System> Channel<S> {
    /// By who has the reader's turn.
    #[inline]
    pub(crate) fn read_at_once(&self, buffer: &mut [u8], mode: ReadMode) -> AtOnce {
        if mode != ReadMode::Message || self.framing != Framing::Messages || !self.is_open_and_unshared() {
            return AtOnce::NotSo;
        }
        let cursor = match Cursor::from_word(self.my_cursor.load(Acquire), Framing::Messages) {
            Some(cursor) if cursor.consumed == 0 => cursor,
            _ => return AtOnce::NotSo,
        };
        let mut tail = self.peer_tail.load(Relaxed);
        if tail == cursor.at.word() {
            tail = self.system.load(self.inbound.tail());
        }
        // A tail that cannot be is found, and told of, in the general way.
        let Ok(readable) = self.readable_to(tail, cursor.at) else { return AtOnce::NotSo };
        if readable == 0 {
            return AtOnce::Nothing;
        }
        let word = self.system.load(self.inbound.start + cursor.at.offset(self.inbound.capacity));
        let Some(length) = Frame::length_of_whole(word, readable) else { return AtOnce::NotSo };
        let Some(place) = buffer.get_mut(..length as usize) else { return AtOnce::NotSo };
        self.peer_tail.store(tail, Relaxed);
        let received = Received { bytes: place.len(), left_in_message: 0 };
        self.copy_from_ring(self.inbound, cursor.at.plus(HEADER), place);
        self.take(Cursor { at: cursor.at.plus(Frame::space(length)), consumed: 0 });
        AtOnce::Done(received)
    }

    /// By who has the writer's turn. Says whether the message was written.
    #[inline]
    pub(crate) fn write_at_once(&self, message: &[u8]) -> bool {
        let length = message.len() as u64;
        let space = Frame::space(length);
        if self.framing != Framing::Messages || !self.is_open_and_unshared() {
            return false;
        }
        let tail = Position::from_low_bits(self.my_tail.load(Relaxed));
        let Some(cursor) = Cursor::from_word(self.peer_cursor.load(Relaxed), Framing::Messages) else {
            return false;
        };
        // The reader has come at least so far.
        if tail.ahead_of(cursor.at).saturating_add(space) > self.outbound.capacity {
            return false;
        }
        self.write_frame_of(Frame::whole(length), space, false, message);
        true
    }

    /// Whether nothing special holds: then the standing is [`Standing::OPEN`], and our positions are our own.
    #[inline]
    fn is_open_and_unshared(&self) -> bool {
        self.flags.load() == Standing::OPEN.flags
            && self.system.load(self.side.other().state()) == Standing::OPEN.peer
    }
}
