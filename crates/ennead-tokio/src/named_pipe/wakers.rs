//! The tasks that wait at one end. They share one doorbell, so whoever hears it tells all the others.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use ennead_pipe::named::{Arming, Interest, Readiness};
use tokio::io::unix::AsyncFd;

/// Who waits: the slot of `poll_read`, the slot of `poll_write`, or a future with a key of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

impl Key {
    pub(super) const READ: Self = Self(0);
    pub(super) const WRITE: Self = Self(1);

    /// One that nobody else has.
    pub(super) fn fresh() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(2);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The doorbell of one end, registered with the runtime, and the tasks that listen.
#[derive(Debug)]
pub(super) struct Bell {
    fd: AsyncFd<Source>,
    waiting: Arc<Waiting>,
    /// Wakes all that wait.
    everybody: Waker,
}

/// INVARIANT: the descriptor stays open, and the same one, as long as this is there.
#[derive(Debug)]
struct Source {
    readiness: Readiness,
    /// Instances that listen share one descriptor, which a runtime takes once only: each has a copy.
    copy: Option<OwnedFd>,
}

impl Source {
    fn new(readiness: Readiness) -> io::Result<Self> {
        let copy =
            if readiness.is_connected() { None } else { Some(readiness.as_fd().try_clone_to_owned()?) };
        Ok(Self { readiness, copy })
    }
}

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.copy.as_ref().map_or_else(|| self.readiness.as_fd(), AsFd::as_fd).as_raw_fd()
    }
}

#[derive(Debug, Default)]
struct Waiting(Mutex<Vec<(Key, Interest, Waker)>>);

impl Bell {
    /// Fails outside of a runtime that has its I/O enabled.
    pub(super) fn new(readiness: Readiness) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of types whose descriptor changes: ours does not"
        )]
        let fd = AsyncFd::with_interest(Source::new(readiness)?, tokio::io::Interest::READABLE)?;
        let waiting = Arc::new(Waiting::default());
        let everybody = Waker::from(Arc::clone(&waiting));
        Ok(Self { fd, waiting, everybody })
    }

    pub(super) fn is_connected(&self) -> bool {
        self.fd.get_ref().readiness.is_connected()
    }

    /// Waits for what `interest` names: `Ready(Ok(true))` says that it is there, or might be; `Ready(Ok(false))` that
    /// something has happened: look, and come again.
    pub(super) fn poll(
        &self,
        context: &mut Context<'_>,
        key: Key,
        interest: Interest,
    ) -> Poll<io::Result<bool>> {
        {
            // Armed for all who wait, under the lock: arming takes the rings that are there, and they may be for another.
            let mut waiting = self.waiting.lock();
            waiting.retain(|(other, ..)| *other != key);
            let all = waiting.iter().fold(interest, |all, (_, other, _)| union(all, *other));
            if self.fd.get_ref().readiness.arm(all) == Arming::Ready {
                let others = std::mem::take(&mut *waiting);
                drop(waiting);
                wake(others);
                return Poll::Ready(Ok(
                    all == interest || self.fd.get_ref().readiness.arm(interest) == Arming::Ready
                ));
            }
            waiting.push((key, interest, context.waker().clone()));
        }
        match self.fd.poll_read_ready(&mut Context::from_waker(&self.everybody)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(mut guard)) => {
                guard.clear_ready();
                self.waiting.forget(key);
                self.wake_all();
                Poll::Ready(Ok(false))
            }
        }
    }

    /// A future that waited with this key is gone.
    pub(super) fn forget(&self, key: Key) {
        self.waiting.forget(key);
    }

    /// Everybody looks again.
    pub(super) fn wake_all(&self) {
        self.everybody.wake_by_ref();
    }
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Vec<(Key, Interest, Waker)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, key: Key) {
        self.lock().retain(|(other, ..)| *other != key);
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let all = std::mem::take(&mut *self.lock());
        wake(all);
    }
}

fn wake(waiting: Vec<(Key, Interest, Waker)>) {
    for (.., waker) in waiting {
        waker.wake();
    }
}

/// What satisfies one of the two, and perhaps less than the other wants of room: it will come again.
fn union(one: Interest, other: Interest) -> Interest {
    let (reads, room) = parts(one);
    let (also_reads, more_room) = parts(other);
    let room = match (room, more_room) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    match (reads || also_reads, room) {
        (_, None) => Interest::Readable,
        (true, Some(bytes)) => Interest::Either(bytes),
        (false, Some(bytes)) => Interest::Writable(bytes),
    }
}

fn parts(interest: Interest) -> (bool, Option<usize>) {
    match interest {
        Interest::Readable => (true, None),
        Interest::Writable(bytes) => (false, Some(bytes)),
        Interest::Either(bytes) => (true, Some(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_union_asks_for_the_least_room() {
        use Interest::{Either, Readable, Writable};
        assert_eq!(union(Readable, Readable), Readable);
        assert_eq!(union(Writable(5), Writable(3)), Writable(3));
        assert_eq!(union(Readable, Writable(3)), Either(3));
        assert_eq!(union(Either(9), Writable(3)), Either(3));
        assert_eq!(union(Either(9), Readable), Either(9));
    }
}
