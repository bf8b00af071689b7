//! Waiting for descriptors: `poll` for a few, once; `epoll` for a set that lasts and is itself a descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, epoll};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};

/// Waits until one of `descriptors` can be read, has ended or failed; `false` if `deadline` passed first. `None` waits
/// for ever. `ready[i]` is set for each that is.
pub fn wait_readable(
    descriptors: &[BorrowedFd<'_>],
    ready: &mut [bool],
    deadline: Option<Instant>,
) -> io::Result<bool> {
    let mut polled: Vec<PollFd<'_>> =
        descriptors.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    loop {
        let left = deadline.map(|at| timespec(at.saturating_duration_since(Instant::now())));
        match rustix::event::poll(&mut polled, left.as_ref()) {
            Ok(0) if deadline.is_none_or(|at| Instant::now() < at) => {}
            Ok(count) => {
                for (flag, fd) in ready.iter_mut().zip(&polled) {
                    *flag = !fd.revents().is_empty();
                }
                return Ok(count > 0);
            }
            Err(Errno::INTR) => {}
            Err(other) => return Err(other.into()),
        }
    }
}

/// A set of descriptors to watch for input; readable itself whenever one of them is.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
}

impl Watch {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches `fd` for input and for its end, as long as it does not say otherwise. A descriptor leaves the set by
    /// itself when its last copy is closed.
    pub fn add(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::add(&self.fd, fd, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?)
    }

    /// Stops watching `fd`.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// A descriptor that becomes readable at a set time.
#[derive(Debug)]
pub struct Alarm {
    fd: OwnedFd,
}

impl Alarm {
    /// One that is not set.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)? })
    }

    /// Sets it to become readable after `delay` and to stay so; `None` unsets it, and makes it unreadable.
    pub fn set(&self, delay: Option<Duration>) -> io::Result<()> {
        // A delay of zero would unset it.
        let value = timespec(delay.map_or(Duration::ZERO, |delay| delay.max(Duration::from_nanos(1))));
        let never_again = timespec(Duration::ZERO);
        let times = Itimerspec { it_interval: never_again, it_value: value };
        rustix::time::timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &times)?;
        Ok(())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn timespec(duration: Duration) -> Timespec {
    // A day at a time: long waits go round again.
    let duration = duration.min(Duration::from_secs(86_400));
    Timespec { tv_sec: duration.as_secs() as i64, tv_nsec: duration.subsec_nanos().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_readable_when_what_it_watches_is() {
        let watch = Watch::new().unwrap();
        let alarm = Alarm::new().unwrap();
        watch.add(&alarm).unwrap();
        let mut ready = [false];
        let soon = Some(Instant::now() + Duration::from_millis(1));
        assert!(!wait_readable(&[watch.as_fd()], &mut ready, soon).unwrap());
        alarm.set(Some(Duration::ZERO)).unwrap();
        assert!(wait_readable(&[watch.as_fd()], &mut ready, None).unwrap());
        assert!(ready[0]);
        alarm.set(None).unwrap();
        assert!(!wait_readable(&[watch.as_fd()], &mut ready, Some(Instant::now())).unwrap());
        alarm.set(Some(Duration::ZERO)).unwrap();
        assert!(wait_readable(&[watch.as_fd()], &mut ready, None).unwrap());
        watch.remove(&alarm).unwrap();
        assert!(!wait_readable(&[watch.as_fd()], &mut ready, Some(Instant::now())).unwrap());
    }
}
