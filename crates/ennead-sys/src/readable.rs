//! Waiting for one of a few descriptors to be readable, without an allocation: the armed path of a doorbell.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use crate::futex::{time_left, timespec};

/// Waits until one of `descriptors` is readable, at its end, or broken; says which ones are. `None`: the deadline has passed (a deadline in the past only
/// looks). Signals do not end the wait.
pub(crate) fn readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    deadline: Option<Instant>,
) -> io::Result<Option<[bool; N]>> {
    let mut polled = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    loop {
        let left = deadline.map(|deadline| timespec(time_left(deadline).unwrap_or_default()));
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(0) if deadline.is_some_and(|deadline| time_left(deadline).is_none()) => return Ok(None),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let mut ready = [false; N];
    for (ready, polled) in ready.iter_mut().zip(&polled) {
        *ready = !polled.revents().is_empty();
    }
    Ok(Some(ready))
}
