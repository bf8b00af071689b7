//! Writing: copy first, then one store commits. A message that fits the ring becomes visible whole or not at all; a larger one streams in frames.

use std::sync::atomic::Ordering::Relaxed;

use crate::awaiting::Awaited;
use crate::channel::{Channel, Standing, flag};
use crate::error::Fault;
use crate::frame::{Frame, HEADER};
use crate::layout::{Framing, Ring};
use crate::position::{Cursor, Position};
use crate::sharing::Role;
use crate::system::System;
use crate::wait::Wait;

/// A stream is committed in pieces of at most this much, so that the reader can begin before the writer has finished.
const PIECE: u64 = 16 * 1024;

impl<S: System> Channel<S> {
    /// Writes `bytes`; `written` counts what was committed, also when the write fails.
    pub(crate) fn write(&self, bytes: &[u8], wait: &Wait<'_>, written: &mut usize) -> Result<(), Fault> {
        let _turn = self.quick_turn(Role::Writer, wait)?;
        self.publish_cpu();
        self.notice_death();
        if self.write_at_once(bytes) {
            *written = bytes.len();
            return Ok(());
        }
        let outcome = match self.framing {
            Framing::Bytes => self.write_bytes(bytes, wait, written),
            Framing::Messages if Frame::space(bytes.len() as u64) <= self.outbound.capacity => {
                self.write_message(bytes, wait, written)
            }
            Framing::Messages => self.stream_message(bytes, wait, written),
        };
        if *written > 0 { outcome.map_err(Fault::of_begun) } else { outcome }
    }

    /// Writes what there is room for now, and goes on there at the next call. Between a call that has begun a message and the
    /// one that ends it, or `abandon_part`, this caller keeps the writer's turn.
    pub(crate) fn write_part(&self, bytes: &[u8], written: &mut usize) -> Result<(), Fault> {
        let streams =
            self.framing == Framing::Messages && Frame::space(bytes.len() as u64) > self.outbound.capacity;
        if !streams {
            let mut now = 0;
            let outcome = self.write(&bytes[*written..], &Wait::Never, &mut now);
            *written += now;
            return match outcome {
                Ok(()) if *written < bytes.len() => Err(Fault::WouldBlock),
                Err(fault) if *written > 0 => Err(fault.of_begun()),
                outcome => outcome,
            };
        }
        if *written == 0 {
            self.take_turn_to_keep(Role::Writer, &Wait::Never)?;
            self.publish_cpu();
            self.notice_death();
        }
        let outcome = self.stream_frames(bytes, &Wait::Never, written);
        if *written == 0 || !matches!(outcome, Err(Fault::WouldBlock)) {
            self.give_back(Role::Writer);
        }
        if *written > 0 { outcome.map_err(Fault::of_begun) } else { outcome }
    }

    /// Ends a message that `write_part` has begun and will not finish: the reader gets it as short as it came.
    pub(crate) fn abandon_part(&self) {
        // The room for this was kept free.
        self.write_frame(Frame::CUT, &[]);
        self.give_back(Role::Writer);
    }

    /// Waits until the peer has read everything that was written before.
    pub(crate) fn flush(&self, wait: &Wait<'_>) -> Result<(), Fault> {
        let until = self.tail();
        loop {
            let standing = self.standing_to_write()?;
            if self.peer_has_reached(until)? {
                return Ok(());
            }
            self.wait_to_write(Awaited::Room { until }, standing, wait)?;
        }
    }

    /// Up to where the peer must have read for a write of so many bytes to go on at once.
    pub(crate) fn room_needed(&self, bytes: usize) -> Position {
        let capacity = self.outbound.capacity;
        let wanted = match self.framing {
            Framing::Messages if Frame::space(bytes as u64) <= capacity => Frame::space(bytes as u64),
            _ => (bytes as u64).clamp(1, PIECE.min(capacity / 2)),
        };
        self.tail().plus(wanted).minus(capacity)
    }

    fn write_bytes(&self, bytes: &[u8], wait: &Wait<'_>, written: &mut usize) -> Result<(), Fault> {
        while *written < bytes.len() {
            let rest = (bytes.len() - *written) as u64;
            let wanted = rest.min(self.outbound.capacity / 2).min(PIECE);
            let free = match self.room(wanted, 1, wait) {
                // A writer that will not wait has written what there was room for.
                Err(Fault::WouldBlock) if *written > 0 => return Ok(()),
                outcome => outcome?,
            };
            let piece = rest.min(free).min(PIECE);
            self.copy_to_ring(self.outbound, self.tail(), &bytes[*written..*written + piece as usize]);
            self.publish(piece, false);
            *written += piece as usize;
        }
        if bytes.is_empty() { self.standing_to_write().map(drop) } else { Ok(()) }
    }

    fn write_message(&self, bytes: &[u8], wait: &Wait<'_>, written: &mut usize) -> Result<(), Fault> {
        let len = bytes.len() as u64;
        let space = Frame::space(len);
        self.room(space, space, wait)?;
        self.write_frame(Frame { left: len, fragment: len, first: true, cut: false }, bytes);
        *written = bytes.len();
        Ok(())
    }

    fn stream_message(&self, bytes: &[u8], wait: &Wait<'_>, written: &mut usize) -> Result<(), Fault> {
        if matches!(wait, Wait::Never) {
            return Err(Fault::WouldBlock);
        }
        let outcome = self.stream_frames(bytes, wait, written);
        let given_up = matches!(outcome, Err(Fault::TimedOut | Fault::Cancelled | Fault::System(_)));
        if given_up && *written > 0 {
            // The room for this was kept free.
            self.write_frame(Frame::CUT, &[]);
        }
        outcome
    }

    fn stream_frames(&self, bytes: &[u8], wait: &Wait<'_>, written: &mut usize) -> Result<(), Fault> {
        while *written < bytes.len() {
            let left = (bytes.len() - *written) as u64;
            let last = Frame::space(left);
            // Room for a frame of 8 bytes at least, and after it for a CUT.
            let wanted = last.min(self.outbound.capacity / 2).min(PIECE);
            let free = self.room(wanted, wanted, wait)?;
            let fragment = if last <= free.min(PIECE) { left } else { (free.min(PIECE) - 2 * HEADER) & !7 };
            let frame = Frame { left, fragment, first: *written == 0, cut: false };
            self.write_frame(frame, &bytes[*written..*written + fragment as usize]);
            *written += fragment as usize;
        }
        Ok(())
    }

    fn write_frame(&self, frame: Frame, payload: &[u8]) {
        self.write_frame_of(frame.word(), Frame::space(frame.fragment), frame.fragment < frame.left, payload);
    }

    /// Writes a frame of that word, which takes so much space; `in_message`: more of the same message is to come.
    #[inline]
    pub(crate) fn write_frame_of(&self, word: u64, space: u64, in_message: bool, payload: &[u8]) {
        let tail = self.tail();
        let at = self.outbound.start + tail.offset(self.outbound.capacity);
        self.system.store(at, word);
        self.copy_to_ring(self.outbound, tail.plus(HEADER), payload);
        self.publish(space, in_message);
    }

    #[inline]
    fn publish(&self, bytes: u64, in_message: bool) {
        let tail = self.tail().plus(bytes);
        self.commit_tail(tail, in_message);
        self.wake_reader();
        // The next message, if it is like this one, finds its lines here instead of waiting for them; the peer has them since the last lap.
        let mut ahead = 0;
        while ahead <= bytes.min(2048) {
            self.system.expect_write(self.outbound.start + tail.plus(ahead).offset(self.outbound.capacity));
            ahead += 64;
        }
    }

    /// Waits until `wanted` bytes are free (`least`, if the caller will not wait); says how many are.
    #[inline]
    fn room(&self, wanted: u64, least: u64, wait: &Wait<'_>) -> Result<u64, Fault> {
        let capacity = self.outbound.capacity;
        let mut standing = self.standing_to_write()?;
        loop {
            if standing.flags & flag::SHARED != 0 {
                self.move_to_page(Role::Writer);
            }
            let free = self.free(wanted)?;
            if free >= wanted || (free >= least && matches!(wait, Wait::Never)) {
                return Ok(free);
            }
            let until = self.tail().plus(wanted).minus(capacity);
            self.wait_to_write(Awaited::Room { until }, standing, wait)?;
            standing = self.standing_to_write().map_err(Fault::of_begun)?;
        }
    }

    fn wait_to_write(&self, awaited: Awaited, standing: Standing, wait: &Wait<'_>) -> Result<(), Fault> {
        match self.wait_for(awaited, standing, wait) {
            Err(Fault::WouldBlock) if self.ended_meanwhile(standing.flags) => Ok(()),
            outcome => outcome,
        }
    }

    #[inline]
    fn standing_to_write(&self) -> Result<Standing, Fault> {
        let standing = self.standing()?;
        if standing.flags & flag::WRITE_CLOSED != 0 {
            return Err(Fault::Closed);
        }
        if standing.peer_reads_no_more() {
            return Err(Fault::Ended);
        }
        Ok(standing)
    }

    /// How many bytes of the outbound ring are free: as last seen if that is `enough`, else looked up and checked.
    #[inline]
    fn free(&self, enough: u64) -> Result<u64, Fault> {
        let capacity = self.outbound.capacity;
        let tail = self.tail();
        let used = |word| Cursor::from_word(word, self.framing).map(|cursor| tail.ahead_of(cursor.at));
        if let Some(known) = used(self.peer_cursor.load(Relaxed)).filter(|used| *used <= capacity)
            && capacity - known >= enough
        {
            return Ok(capacity - known);
        }
        let word = self.system.load(self.outbound.cursor());
        match used(word) {
            Some(used) if used <= capacity => {
                self.peer_cursor.store(word, Relaxed);
                Ok(capacity - used)
            }
            _ => Err(self.poison("a reader's position that cannot be")),
        }
    }

    /// Whether the peer has read up to `until`, which is at most our tail.
    fn peer_has_reached(&self, until: Position) -> Result<bool, Fault> {
        let word = self.system.load(self.outbound.cursor());
        let cursor = Cursor::from_word(word, self.framing)
            .ok_or_else(|| self.poison("a reader's position that cannot be"))?;
        Ok(cursor.at.has_reached(until))
    }

    #[inline]
    fn copy_to_ring(&self, ring: Ring, to: Position, from: &[u8]) {
        let offset = to.offset(ring.capacity);
        let straight = from.len().min(ring.capacity as usize - offset);
        let (before, after) = from.split_at(straight);
        self.system.copy_in(ring.start + offset, before);
        if !after.is_empty() {
            self.system.copy_in(ring.start, after);
        }
    }
}
