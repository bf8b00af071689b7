//! The reads, writes and transactions that are under way on one connection, in order.
//!
//! One lock covers the lines and each move of data, so an operation is either in line, with what it has moved so far noted
//! there, or complete. Nothing blocks under it. Whoever holds it before it sleeps (in whatever way) has armed the connection
//! for what the first in each line waits for; the porter calls [`Traffic::advance`] when the doorbell rings.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Weak};
use std::thread::ThreadId;

use crate::named::{Arming, Interest, Reason, Received};

use super::completion::Completion;
use super::delivery::Deliveries;
use super::sync::{Mutex, MutexGuard, lock};
use super::ticket::{Home, Ticket};

/// How often one visit looks again before it lets others have the thread: a peer that keeps changing what it shares must not hold
/// the porter.
const LOOKS: usize = 64;

/// A connection, as this needs it: [`super::wire::Connected`] and the model checker's.
pub(super) trait Wire: Send + Sync + Sized + 'static {
    /// What ends a watch.
    type Watch: Send;

    /// Reads without waiting; [`Reason::Empty`] if there is nothing.
    fn read(&self, buffer: &mut [u8]) -> Result<Received, Reason>;
    /// Writes on, from `written`, without waiting; [`Reason::Empty`] if not all is written.
    fn write(&self, data: &[u8], written: &mut usize) -> Result<(), Reason>;
    /// A write that has come so far will not be finished.
    fn abandon(&self, written: usize);
    /// Announces the sleep, and looks once more.
    fn arm(&self, interest: Interest) -> Arming;
    /// Has [`Traffic::advance`] called while the doorbell has been rung.
    fn watch(traffic: &Arc<Traffic<Self>>) -> io::Result<Self::Watch>;
    /// Has [`Traffic::advance`] called once, soon, whatever the doorbell.
    fn call_again(traffic: &Arc<Traffic<Self>>) -> io::Result<Self::Watch>;
    /// Ends a watch, without waiting for a call that is under way.
    fn release(watch: Self::Watch);
    /// Closes this end.
    fn close(&self);
}

pub(super) struct Traffic<W: Wire> {
    wire: W,
    deliveries: Arc<Deliveries>,
    lines: Mutex<Lines<W>>,
    me: Weak<Self>,
}

struct Lines<W: Wire> {
    reads: VecDeque<Read>,
    writes: VecDeque<Write>,
    /// There is one exactly while somebody is in line.
    watch: Option<W::Watch>,
    again: Option<W::Watch>,
    /// Nobody gets in line any more.
    closed: bool,
}

struct Read {
    ticket: Arc<Ticket>,
    buffer: Vec<u8>,
    moved: usize,
    /// A transaction's request while it stands in the other line; it must be through before the answer is read.
    awaits_request: bool,
    request: Vec<u8>,
}

struct Write {
    ticket: Arc<Ticket>,
    data: Vec<u8>,
    written: usize,
    /// It could not be completed at once.
    pending: bool,
    in_transaction: bool,
}

impl Read {
    fn finish(self, left_in_message: usize, reason: Option<Reason>) {
        let Self { ticket, buffer, moved, request, .. } = self;
        end(
            &ticket,
            Completion { buffer, request, bytes: moved, left_in_message, ..Completion::default() },
            reason,
        );
    }
}

fn end(ticket: &Ticket, completion: Completion, reason: Option<Reason>) {
    match reason {
        None => ticket.complete(completion),
        Some(reason) => ticket.fail(reason, completion),
    }
}

impl<W: Wire> Traffic<W> {
    pub fn new(wire: W, deliveries: &Arc<Deliveries>) -> Arc<Self> {
        let lines = Lines {
            reads: VecDeque::new(),
            writes: VecDeque::new(),
            watch: None,
            again: None,
            closed: false,
        };
        Arc::new_cyclic(|me| Self {
            wire,
            deliveries: Arc::clone(deliveries),
            lines: Mutex::new(lines),
            me: Weak::clone(me),
        })
    }

    pub fn wire(&self) -> &W {
        &self.wire
    }

    /// Gets in line to read.
    pub fn read(&self, ticket: Arc<Ticket>, buffer: Vec<u8>) {
        let mut lines = lock(&self.lines);
        lines.reads.push_back(Read { ticket, buffer, moved: 0, awaits_request: false, request: Vec::new() });
        let first = lines.reads.len() == 1;
        self.go_on(lines, first);
    }

    /// Gets in line to write.
    pub fn write(&self, ticket: Arc<Ticket>, data: Vec<u8>) {
        let mut lines = lock(&self.lines);
        let pending = !lines.writes.is_empty();
        lines.writes.push_back(Write { ticket, data, written: 0, pending, in_transaction: false });
        let first = lines.writes.len() == 1;
        self.go_on(lines, first);
    }

    /// Gets in line to write `request` and then to read the answer, if `may_begin` and no read is in line, whose data the answer
    /// would be.
    pub fn transact(
        &self,
        ticket: Arc<Ticket>,
        request: Vec<u8>,
        buffer: Vec<u8>,
        may_begin: impl FnOnce() -> Result<(), Reason>,
    ) {
        let mut lines = lock(&self.lines);
        let refusal = if lines.reads.is_empty() { may_begin().err() } else { Some(Reason::UnreadData) };
        if let Some(reason) = refusal {
            ticket.fail(reason, Completion { buffer, request, ..Completion::default() });
        } else {
            let writer = Arc::clone(&ticket);
            lines.reads.push_back(Read {
                ticket,
                buffer,
                moved: 0,
                awaits_request: true,
                request: Vec::new(),
            });
            let pending = !lines.writes.is_empty();
            lines.writes.push_back(Write {
                ticket: writer,
                data: request,
                written: 0,
                pending,
                in_transaction: true,
            });
        }
        let first = lines.writes.len() == 1;
        self.go_on(lines, first);
    }

    /// Moves what can be moved, and sees to it that the rest will be.
    pub fn advance(&self) {
        self.go_on(lock(&self.lines), true);
    }

    /// Completes with ERROR_OPERATION_ABORTED whatever is in line, or what of it `issuer` has started; says how many.
    pub fn cancel_all(&self, issuer: Option<ThreadId>) -> usize {
        let mut lines = lock(&self.lines);
        let mut cancelled = 0;
        let tickets: Vec<_> = lines
            .reads
            .iter()
            .map(|read| &read.ticket)
            .chain(lines.writes.iter().map(|write| &write.ticket))
            .filter(|ticket| ticket.is_from(issuer))
            .map(Arc::clone)
            .collect();
        for ticket in tickets {
            // A transaction is in both lines, and counts once.
            cancelled += usize::from(self.remove(&mut lines, &ticket));
        }
        self.go_on(lines, true);
        cancelled
    }

    /// Aborts what is in line, and closes this end: no operation starts any more.
    pub fn close(&self) {
        let mut lines = lock(&self.lines);
        lines.closed = true;
        self.go_on(lines, true);
    }

    fn go_on(&self, mut lines: MutexGuard<'_, Lines<W>>, look: bool) {
        if lines.closed {
            while let Some(ticket) = lines.any_ticket() {
                self.remove(&mut lines, &ticket);
            }
            lines.stop_watching();
            self.wire.close();
        } else if look {
            self.look(&mut lines);
        }
        drop(lines);
        self.deliveries.run();
    }

    fn look(&self, lines: &mut Lines<W>) {
        if let Some(again) = lines.again.take() {
            W::release(again);
        }
        for _ in 0..LOOKS {
            self.advance_writes(lines);
            self.advance_reads(lines);
            let Some(interest) = lines.interest() else { return lines.stop_watching() };
            if self.wire.arm(interest) == Arming::Armed {
                return self.watch(lines);
            }
        }
        match self.me.upgrade().map(|me| W::call_again(&me)) {
            Some(Ok(again)) => lines.again = Some(again),
            Some(Err(error)) => self.give_up(lines, &error),
            // Nobody is left who could wait.
            None => {}
        }
    }

    fn watch(&self, lines: &mut Lines<W>) {
        if lines.watch.is_some() {
            return;
        }
        match self.me.upgrade().map(|me| W::watch(&me)) {
            Some(Ok(watch)) => lines.watch = Some(watch),
            Some(Err(error)) => self.give_up(lines, &error),
            None => {}
        }
    }

    /// Without a watch, nobody would ever complete these.
    fn give_up(&self, lines: &mut Lines<W>, error: &io::Error) {
        while let Some(ticket) = lines.any_ticket() {
            let source = io::Error::new(error.kind(), error.to_string());
            self.remove_with(lines, &ticket, Reason::System { step: "wait for the connection", source });
        }
        lines.stop_watching();
    }

    fn advance_reads(&self, lines: &mut Lines<W>) {
        while let Some(read) = lines.reads.front_mut().filter(|read| !read.awaits_request) {
            let outcome = self.wire.read(&mut read.buffer[read.moved..]);
            let (left, reason) = match outcome {
                Err(Reason::Empty) => return,
                Err(reason) => (0, Some(reason)),
                Ok(received) => {
                    read.moved += received.bytes;
                    if received.left_in_message > 0 && read.moved < read.buffer.len() {
                        // A message that does not fit the pipe's buffer at once: its next part belongs to the same read.
                        if received.bytes == 0 {
                            return;
                        }
                        continue;
                    }
                    (received.left_in_message, None)
                }
            };
            if let Some(read) = lines.reads.pop_front() {
                read.finish(left, reason);
            }
        }
    }

    fn advance_writes(&self, lines: &mut Lines<W>) {
        while let Some(write) = lines.writes.front_mut() {
            let reason = match self.wire.write(&write.data, &mut write.written) {
                Err(Reason::Empty) => {
                    write.pending = true;
                    return;
                }
                // It began before the other end was closed.
                Err(Reason::Closing) if write.pending => Some(Reason::Broken),
                outcome => outcome.err(),
            };
            if let Some(write) = lines.writes.pop_front() {
                lines.finish_write(write, reason);
            }
        }
    }

    fn remove(&self, lines: &mut Lines<W>, ticket: &Ticket) -> bool {
        self.remove_with(lines, ticket, Reason::Cancelled)
    }

    /// Takes one out of line and completes it as failed; `false` if it is not there.
    fn remove_with(&self, lines: &mut Lines<W>, ticket: &Ticket, reason: Reason) -> bool {
        let same = |other: &Arc<Ticket>| std::ptr::eq(Arc::as_ptr(other), ticket);
        if let Some(at) = lines.writes.iter().position(|write| same(&write.ticket))
            && let Some(write) = lines.writes.remove(at)
        {
            self.wire.abandon(write.written);
            lines.finish_write(write, Some(reason));
            return true;
        }
        if let Some(at) = lines.reads.iter().position(|read| same(&read.ticket))
            && let Some(read) = lines.reads.remove(at)
        {
            read.finish(0, Some(reason));
            return true;
        }
        false
    }
}

impl<W: Wire> Lines<W> {
    fn any_ticket(&self) -> Option<Arc<Ticket>> {
        let read = self.reads.front().map(|read| &read.ticket);
        read.or_else(|| self.writes.front().map(|write| &write.ticket)).map(Arc::clone)
    }

    /// What the first in each line wait for.
    fn interest(&self) -> Option<Interest> {
        let reads = self.reads.front().is_some_and(|read| !read.awaits_request);
        let left = self.writes.front().map(|write| write.data.len() - write.written);
        match (reads, left) {
            (true, Some(left)) => Some(Interest::Either(left)),
            (true, None) => Some(Interest::Readable),
            (false, Some(left)) => Some(Interest::Writable(left)),
            (false, None) => None,
        }
    }

    fn finish_write(&mut self, write: Write, reason: Option<Reason>) {
        let Write { ticket, data, written, in_transaction, .. } = write;
        if !in_transaction {
            return end(
                &ticket,
                Completion { buffer: data, bytes: written, ..Completion::default() },
                reason,
            );
        }
        let Some(at) = self.reads.iter().position(|read| Arc::ptr_eq(&read.ticket, &ticket)) else { return };
        self.reads[at].request = data;
        self.reads[at].awaits_request = false;
        if reason.is_some()
            && let Some(read) = self.reads.remove(at)
        {
            read.finish(0, reason);
        }
    }

    fn stop_watching(&mut self) {
        for watch in self.watch.take().into_iter().chain(self.again.take()) {
            W::release(watch);
        }
    }
}

impl<W: Wire> Home for Traffic<W> {
    fn cancel(&self, ticket: &Ticket) -> bool {
        let mut lines = lock(&self.lines);
        let cancelled = self.remove(&mut lines, ticket);
        self.go_on(lines, cancelled);
        cancelled
    }
}
