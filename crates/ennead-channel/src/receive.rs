//! Reading: copy first, then one store commits, so that a reader that is killed leaves unread what it has not returned.

use std::sync::atomic::Ordering::Relaxed;

use crate::at_once::AtOnce;
use crate::awaiting::Awaited;
use crate::channel::{Channel, ReadMode, Received, Standing, flag};
use crate::error::Fault;
use crate::frame::{Frame, HEADER};
use crate::layout::{Framing, Ring};
use crate::position::{Cursor, Position};
use crate::sharing::Role;
use crate::system::System;
use crate::wait::Wait;

/// How far one read has come.
#[derive(Default)]
struct Progress {
    /// Bytes in the buffer.
    moved: usize,
    /// Within a message: bytes of it that the next frame must announce.
    expected: Option<u64>,
}

impl Progress {
    fn received(&self, left: u64) -> Received {
        Received { bytes: self.moved, left_in_message: left as usize }
    }
}

impl<S: System> Channel<S> {
    pub(crate) fn read(&self, buffer: &mut [u8], mode: ReadMode, wait: &Wait<'_>) -> Result<Received, Fault> {
        let _turn = self.quick_turn(Role::Reader, wait)?;
        let mut progress = Progress::default();
        loop {
            let at_once = if progress.moved == 0 { self.read_at_once(buffer, mode) } else { AtOnce::NotSo };
            let standing = match at_once {
                AtOnce::Done(received) => return Ok(received),
                AtOnce::Nothing => Standing::OPEN,
                AtOnce::NotSo => {
                    let standing = self.standing()?;
                    if standing.flags & flag::SHARED != 0 {
                        self.move_to_page(Role::Reader);
                        self.look_after_writers();
                    }
                    if let Some(received) = self.receive(buffer, mode, &mut progress)? {
                        return Ok(received);
                    }
                    if standing.peer_writes_no_more() {
                        return Err(if progress.expected.is_some() { self.tear() } else { Fault::Ended });
                    }
                    standing
                }
            };
            let seen = self.peer_tail.load(Relaxed);
            match self.wait_for(Awaited::Data { seen }, standing, wait) {
                Ok(()) => {}
                Err(Fault::WouldBlock) if self.ended_meanwhile(standing.flags) => {}
                // What was moved was moved: a part of a message.
                Err(Fault::WouldBlock | Fault::TimedOut | Fault::Cancelled) if progress.moved > 0 => {
                    return Ok(progress.received(progress.expected.unwrap_or(0)));
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// For a caller that will not wait, and so would never hear the doorbell's end.
    pub(crate) fn ended_meanwhile(&self, flags: u32) -> bool {
        self.notice_death_now();
        self.look().flags != flags
    }

    /// Takes what is there. `None`: nothing (more) is there, and the read is not complete.
    #[inline]
    fn receive(
        &self,
        buffer: &mut [u8],
        mode: ReadMode,
        progress: &mut Progress,
    ) -> Result<Option<Received>, Fault> {
        let cursor = self.cursor();
        let taken = match (self.framing, mode) {
            (Framing::Bytes, _) => self.receive_bytes(buffer, cursor.at, progress)?,
            (Framing::Messages, ReadMode::Message) => self.receive_message(buffer, cursor, progress)?,
            (Framing::Messages, ReadMode::Byte) => self.receive_across_messages(buffer, cursor, progress)?,
        };
        Ok(taken)
    }

    fn receive_bytes(
        &self,
        buffer: &mut [u8],
        at: Position,
        progress: &mut Progress,
    ) -> Result<Option<Received>, Fault> {
        let readable = self.readable(at, buffer.len() as u64)?;
        let bytes = usize::try_from(readable).unwrap_or(usize::MAX).min(buffer.len());
        if bytes == 0 && !buffer.is_empty() {
            return Ok(None);
        }
        if bytes > 0 {
            self.copy_from_ring(self.inbound, at, &mut buffer[..bytes]);
            progress.moved = bytes;
            self.take(Cursor { at: at.plus(bytes as u64), consumed: 0 });
        }
        Ok(Some(progress.received(0)))
    }

    fn receive_message(
        &self,
        buffer: &mut [u8],
        mut cursor: Cursor,
        progress: &mut Progress,
    ) -> Result<Option<Received>, Fault> {
        loop {
            let Some(frame) = self.next_frame(cursor)? else { return Ok(None) };
            if let Some(expected) = progress.expected {
                if frame.cut {
                    self.take(after(cursor, frame));
                    return Ok(Some(progress.received(0)));
                }
                if frame.first || frame.left != expected {
                    return Err(self.tear());
                }
            }
            let left = self.take_from_frame(buffer, &mut cursor, frame, progress);
            if left == 0 || progress.moved == buffer.len() {
                return Ok(Some(progress.received(left)));
            }
            progress.expected = Some(left);
        }
    }

    fn receive_across_messages(
        &self,
        buffer: &mut [u8],
        mut cursor: Cursor,
        progress: &mut Progress,
    ) -> Result<Option<Received>, Fault> {
        let mut was_cut = false;
        while let Some(frame) = self.next_frame(cursor)? {
            // A cut follows a part of a message. Who writes nothing else would keep even a read that does not wait from coming back.
            if frame.cut && was_cut {
                return Err(self.poison("a message that ends twice"));
            }
            was_cut = frame.cut;
            let empty_message = frame.first && frame.left == 0;
            if empty_message && progress.moved > 0 {
                break;
            }
            self.take_from_frame(buffer, &mut cursor, frame, progress);
            if empty_message || progress.moved == buffer.len() {
                return Ok(Some(progress.received(0)));
            }
        }
        Ok((progress.moved > 0).then(|| progress.received(0)))
    }

    /// Copies what fits of one frame and commits it; says how much of the message is left after that.
    #[inline]
    fn take_from_frame(
        &self,
        buffer: &mut [u8],
        cursor: &mut Cursor,
        frame: Frame,
        progress: &mut Progress,
    ) -> u64 {
        let room = buffer.len() - progress.moved;
        let bytes = usize::try_from(frame.fragment - cursor.consumed).unwrap_or(usize::MAX).min(room);
        let from = cursor.at.plus(HEADER + cursor.consumed);
        self.copy_from_ring(self.inbound, from, &mut buffer[progress.moved..progress.moved + bytes]);
        progress.moved += bytes;
        let consumed = cursor.consumed + bytes as u64;
        *cursor = if consumed == frame.fragment {
            after(*cursor, frame)
        } else {
            Cursor { at: cursor.at, consumed }
        };
        self.take(*cursor);
        frame.left - consumed
    }

    #[inline]
    pub(crate) fn take(&self, cursor: Cursor) {
        self.commit_cursor(cursor);
        self.wake_writer(cursor.at);
    }

    /// The frame at the cursor, checked against what is readable and what was read of it; `None` if nothing is there.
    #[inline]
    pub(crate) fn next_frame(&self, cursor: Cursor) -> Result<Option<Frame>, Fault> {
        let readable = self.readable(cursor.at, 1)?;
        if readable == 0 {
            return Ok(None);
        }
        self.frame_at(cursor, readable).map(Some).map_err(|what| self.poison(what))
    }

    #[inline]
    pub(crate) fn frame_at(&self, cursor: Cursor, readable: u64) -> Result<Frame, &'static str> {
        let word = self.system.load(self.inbound.start + cursor.at.offset(self.inbound.capacity));
        let frame = Frame::from_word(word, readable).ok_or("a frame that does not fit what was written")?;
        // A frame that is read to its end is behind the cursor; only the peer can have changed it since.
        if cursor.consumed > frame.fragment || (cursor.consumed == frame.fragment && cursor.consumed > 0) {
            return Err("a frame that changed while it was read");
        }
        Ok(frame)
    }

    /// How many bytes of the inbound ring are written from `at` on: as last seen if that is `enough`, else looked up and checked.
    #[inline]
    fn readable(&self, at: Position, enough: u64) -> Result<u64, Fault> {
        let known = Position::from_low_bits(self.peer_tail.load(Relaxed)).ahead_of(at);
        if known >= enough && enough > 0 && known <= self.inbound.capacity {
            return Ok(known);
        }
        let word = self.system.load(self.inbound.tail());
        let readable = self.readable_to(word, at).map_err(|what| self.poison(what))?;
        self.peer_tail.store(word, Relaxed);
        Ok(readable)
    }

    /// How many bytes are written from `at` on, according to a tail word.
    #[inline]
    pub(crate) fn readable_to(&self, tail: u64, at: Position) -> Result<u64, &'static str> {
        let tail = Position::from_word(tail, self.framing).ok_or("a writer's position that cannot be")?;
        let readable = tail.ahead_of(at);
        if readable > self.inbound.capacity {
            return Err("more was written than the ring holds");
        }
        Ok(readable)
    }

    #[inline]
    pub(crate) fn copy_from_ring(&self, ring: Ring, from: Position, to: &mut [u8]) {
        let offset = from.offset(ring.capacity);
        let straight = to.len().min(ring.capacity as usize - offset);
        let (before, after) = to.split_at_mut(straight);
        self.system.copy_out(ring.start + offset, before);
        if !after.is_empty() {
            self.system.copy_out(ring.start, after);
        }
    }
}

pub(crate) fn after(cursor: Cursor, frame: Frame) -> Cursor {
    Cursor { at: cursor.at.plus(Frame::space(frame.fragment)), consumed: 0 }
}
