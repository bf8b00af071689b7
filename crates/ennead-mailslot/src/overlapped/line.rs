//! The line of pending reads. The porter watches the slot exactly while somebody is in line.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use ennead_porter::{Next, Watch, Watched};
use ennead_sys::readiness::{Alarm, WatchSet};

use super::operation::{Completion, Operation};
use super::ticket::{Due, Ticket};
use crate::body::ReadTimeout;
use crate::error::Reason;
use crate::slot::Shared;

pub(super) struct Line {
    slot: Weak<Shared>,
    /// The slot's set, and the alarm.
    ear: WatchSet,
    alarm: Alarm,
    queue: Mutex<Queue>,
    me: Weak<Line>,
}

#[derive(Default)]
struct Queue {
    pending: VecDeque<Pending>,
    watch: Option<Watch>,
    /// Routines that are due, and whether somebody is calling them.
    due: VecDeque<Due>,
    calling: bool,
}

struct Pending {
    ticket: Arc<Ticket>,
    buffer: Vec<u8>,
    deadline: Option<Instant>,
}

impl Line {
    pub fn new(slot: &Arc<Shared>) -> io::Result<Arc<Self>> {
        let (ear, alarm) = (WatchSet::new()?, Alarm::new()?);
        ear.add(slot.set())?;
        ear.add(&alarm)?;
        Ok(Arc::new_cyclic(|me| Self {
            slot: Arc::downgrade(slot),
            ear,
            alarm,
            queue: Mutex::default(),
            me: Weak::clone(me),
        }))
    }

    pub fn start(self: &Arc<Self>, buffer: Vec<u8>, timeout: ReadTimeout) -> Operation {
        let ticket = Arc::new(Ticket::default());
        let deadline = timeout.duration().map(|duration| Instant::now() + duration);
        let mut queue = self.lock();
        queue.pending.push_back(Pending { ticket: Arc::clone(&ticket), buffer, deadline });
        self.advance(&mut queue);
        self.call_routines(queue);
        Operation::new(ticket, Arc::downgrade(self))
    }

    /// Cancels one operation, or all; says how many were pending.
    pub fn cancel(&self, only: Option<&Arc<Ticket>>) -> usize {
        let mut queue = self.lock();
        let mut kept = VecDeque::new();
        let mut cancelled = 0;
        for pending in std::mem::take(&mut queue.pending) {
            if only.is_none_or(|ticket| Arc::ptr_eq(ticket, &pending.ticket)) {
                cancelled += 1;
                queue.finish(pending, Err(Reason::Cancelled));
            } else {
                kept.push_back(pending);
            }
        }
        queue.pending = kept;
        self.advance(&mut queue);
        self.call_routines(queue);
        cancelled
    }

    /// Completes what can be completed now, and sees to it that the porter comes back for the rest.
    fn advance(&self, queue: &mut Queue) {
        let Some(slot) = self.slot.upgrade() else {
            while let Some(pending) = queue.pending.pop_front() {
                queue.finish(pending, Err(Reason::Cancelled));
            }
            queue.stop_watching();
            return;
        };
        let watching = queue.watch.is_some();
        while let Some(front) = queue.pending.front_mut() {
            // In one go: who leaves the hall with a ring awake while somebody is said to sleep would ring for us.
            let outcome = slot.now(|hall| match hall.take(&mut front.buffer) {
                Ok(None) if hall.fall_asleep() => {
                    hall.sleepers += usize::from(!watching);
                    None
                }
                Ok(None) => Some(Ok(None)),
                Ok(Some(bytes)) => Some(Ok(Some(bytes))),
                Err(reason) => Some(Err(reason)),
            });
            let outcome = match outcome {
                None => return self.keep_watch(queue, &slot),
                Some(Ok(None)) => continue,
                Some(Ok(Some(bytes))) => Ok(bytes),
                Some(Err(reason)) => Err(reason),
            };
            if let Some(pending) = queue.pending.pop_front() {
                queue.finish(pending, outcome);
            }
        }
        if watching {
            slot.now(|hall| hall.sleepers -= 1);
            queue.stop_watching();
            let _ = self.alarm.set(None);
        }
    }

    /// Everything is asleep: whose time is over goes, the others wait.
    fn keep_watch(&self, queue: &mut Queue, slot: &Shared) {
        let now = Instant::now();
        let expired = |pending: &Pending| pending.deadline.is_some_and(|deadline| deadline <= now);
        while let Some(at) = queue.pending.iter().position(expired) {
            if let Some(pending) = queue.pending.remove(at) {
                queue.finish(pending, Err(Reason::TimedOut));
            }
        }
        if !queue.pending.is_empty() {
            match self.listen(queue, now) {
                Ok(()) => return,
                Err(source) => {
                    for pending in std::mem::take(&mut queue.pending) {
                        let source = io::Error::new(source.kind(), source.to_string());
                        queue.finish(pending, Err(Reason::System { step: "watch the mailslot", source }));
                    }
                }
            }
        }
        slot.now(|hall| hall.sleepers -= 1);
        queue.stop_watching();
        let _ = self.alarm.set(None);
    }

    fn listen(&self, queue: &mut Queue, now: Instant) -> io::Result<()> {
        let next = queue.pending.iter().filter_map(|pending| pending.deadline).min();
        self.alarm.set(next.map(|deadline| deadline.saturating_duration_since(now)))?;
        if queue.watch.is_none() {
            let watched: Option<Arc<dyn Watched>> = self.me.upgrade().map(|me| me as Arc<dyn Watched>);
            let watched = watched.ok_or(io::ErrorKind::NotFound)?;
            queue.watch = Some(ennead_porter::watch(&watched)?);
        }
        Ok(())
    }

    /// Calls the routines that are due, one at a time and in order, unless another thread, or a caller of this one, is at it.
    fn call_routines<'a>(&'a self, mut queue: MutexGuard<'a, Queue>) {
        if queue.calling {
            return;
        }
        while let Some(due) = queue.due.pop_front() {
            queue.calling = true;
            drop(queue);
            due.run();
            queue = self.lock();
        }
        queue.calling = false;
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn finish(&mut self, pending: Pending, outcome: Result<usize, Reason>) {
        let completion = match outcome {
            Ok(bytes) => Completion { buffer: pending.buffer, bytes, error: None },
            Err(reason) => Completion::failed(pending.buffer, reason),
        };
        self.due.extend(pending.ticket.complete(completion));
    }

    fn stop_watching(&mut self) {
        if let Some(watch) = self.watch.take() {
            watch.release();
        }
    }
}

impl Watched for Line {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.ear.as_fd()
    }

    fn ready(&self) -> Next {
        let mut queue = self.lock();
        self.advance(&mut queue);
        self.call_routines(queue);
        Next::Keep
    }
}
