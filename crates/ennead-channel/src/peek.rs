//! Looking without taking. A peek needs no turn, so it never waits for a blocked reader: it copies, then makes sure that nothing was taken meanwhile.

use std::sync::atomic::{Ordering, fence};

use crate::channel::{Channel, Peeked};
use crate::error::Fault;
use crate::frame::HEADER;
use crate::layout::Framing;
use crate::receive::after;
use crate::system::System;

impl<S: System> Channel<S> {
    /// Copies the first bytes (of the first message) that can be read now, and counts.
    pub(crate) fn peek(&self, buffer: &mut [u8]) -> Result<Peeked, Fault> {
        loop {
            let mut standing = self.standing()?;
            if !standing.peer_writes_no_more() {
                self.notice_death();
                standing = self.standing()?;
            }
            let cursor = self.cursor();
            let outcome = self.look_at_ring(buffer);
            // Orders the copies before the look at the cursor; whoever overwrote what we copied had seen the cursor move.
            fence(Ordering::Acquire);
            if self.cursor() != cursor {
                continue;
            }
            return match outcome {
                Ok(None) if standing.peer_writes_no_more() => Err(Fault::Ended),
                Ok(peeked) => Ok(peeked.unwrap_or_default()),
                Err(what) => Err(self.poison(what)),
            };
        }
    }

    /// `None`: the ring is empty. (An empty message has no bytes, but is not nothing.)
    fn look_at_ring(&self, buffer: &mut [u8]) -> Result<Option<Peeked>, &'static str> {
        let mut cursor = self.cursor();
        let word = self.system.load(self.inbound.tail());
        let mut readable = self.readable_to(word, cursor.at)?;
        if readable == 0 {
            return Ok(None);
        }
        if self.framing == Framing::Bytes {
            let copied = usize::try_from(readable).unwrap_or(usize::MAX).min(buffer.len());
            self.copy_from_ring(self.inbound, cursor.at, &mut buffer[..copied]);
            return Ok(Some(Peeked { copied, total_available: readable as usize, left_in_message: 0 }));
        }
        let mut peeked = Peeked::default();
        let mut in_first_message = true;
        let mut frames = 0u64;
        while readable > 0 {
            let frame = self.frame_at(cursor, readable)?;
            let payload = (frame.fragment - cursor.consumed) as usize;
            if frames > 0 && frame.first {
                in_first_message = false;
            }
            if in_first_message {
                if frames == 0 {
                    peeked.left_in_message = (frame.left - cursor.consumed) as usize;
                }
                let bytes = payload.min(buffer.len() - peeked.copied);
                let from = cursor.at.plus(HEADER + cursor.consumed);
                self.copy_from_ring(self.inbound, from, &mut buffer[peeked.copied..peeked.copied + bytes]);
                peeked.copied += bytes;
            }
            peeked.total_available += payload;
            let next = after(cursor, frame);
            readable -= next.at.ahead_of(cursor.at);
            cursor = next;
            frames += 1;
        }
        peeked.left_in_message = peeked.left_in_message.saturating_sub(peeked.copied);
        Ok(Some(peeked))
    }
}
