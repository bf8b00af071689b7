//! Waiting for several descriptors, with a deadline.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something can be read, or the other end is gone.
    Readable,
    /// Something can be written, or the other end is gone.
    Writable,
}

/// A descriptor that is waited for.
#[derive(Debug)]
pub struct Watch<'fd> {
    fd: BorrowedFd<'fd>,
    interest: Interest,
    ready: bool,
    hung_up: bool,
}

impl<'fd> Watch<'fd> {
    /// Watches `fd` for `interest`.
    pub fn new(fd: &'fd impl AsFd, interest: Interest) -> Self {
        Self { fd: fd.as_fd(), interest, ready: false, hung_up: false }
    }

    /// Whether the last [`wait`] found it ready: an operation on it will not block, though it may fail.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether the last [`wait`] found the other end gone and nothing left to read.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.hung_up
    }
}

/// Waits until one of `watches` is ready; false when the deadline passed first. A deadline in the past makes it look
/// once. A signal handler that runs meanwhile does not end the wait.
///
/// # Errors
///
/// ENOMEM; EINVAL for more watches than RLIMIT_NOFILE.
pub fn wait(watches: &mut [Watch<'_>], deadline: Option<Instant>) -> io::Result<bool> {
    let mut fds: Vec<PollFd<'_>> = watches
        .iter()
        .map(|watch| {
            let flags = match watch.interest {
                Interest::Readable => PollFlags::IN,
                Interest::Writable => PollFlags::OUT,
            };
            PollFd::from_borrowed_fd(watch.fd, flags)
        })
        .collect();
    let found = loop {
        let left = deadline.map(|deadline| timespec(deadline.saturating_duration_since(Instant::now())));
        match rustix::event::poll(&mut fds, left.as_ref()) {
            Ok(found) => break found,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    };
    for (watch, fd) in watches.iter_mut().zip(&fds) {
        let events = fd.revents();
        watch.ready = !events.is_empty();
        watch.hung_up = events.intersects(PollFlags::HUP | PollFlags::ERR) && !events.contains(PollFlags::IN);
    }
    Ok(found > 0)
}

/// A deadline too far for the kernel's clock is no deadline within anybody's lifetime.
fn timespec(left: Duration) -> Timespec {
    let tv_sec = i64::try_from(left.as_secs()).unwrap_or(i64::MAX).min(i64::from(i32::MAX));
    Timespec { tv_sec, tv_nsec: left.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ready_is_told_apart() {
        let (reader, writer) = crate::pipe::pair().unwrap();
        let mut watches = [Watch::new(&reader, Interest::Readable), Watch::new(&writer, Interest::Writable)];
        assert!(wait(&mut watches, None).unwrap());
        assert!(!watches[0].is_ready());
        assert!(watches[1].is_ready());
        assert!(!wait(&mut watches[..1], Some(Instant::now())).unwrap());
        crate::pipe::write(&writer, b"x").unwrap();
        drop(writer);
        let mut watches = [Watch::new(&reader, Interest::Readable)];
        assert!(wait(&mut watches, Some(Instant::now())).unwrap());
        assert!(watches[0].is_ready() && !watches[0].is_ended());
        crate::pipe::read(&reader, &mut [0]).unwrap();
        assert!(wait(&mut watches, Some(Instant::now() + Duration::from_secs(60))).unwrap());
        assert!(watches[0].is_ended());
    }
}
