//! Descriptors that stand for others: a set that is readable when one of its members is, and an alarm clock. To wait
//! for them, see [`crate::poll`].

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};

/// A set of descriptors to watch for input; readable itself whenever one of them is.
#[derive(Debug)]
pub struct WatchSet {
    fd: OwnedFd,
}

impl WatchSet {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        Ok(Self { fd: epoll::create(epoll::CreateFlags::CLOEXEC)? })
    }

    /// Watches `fd` for input and for its end, as long as it does not say otherwise. A descriptor leaves the set by
    /// itself when its last copy is closed.
    pub fn add(&self, fd: impl AsFd) -> io::Result<()> {
        self.add_marked(fd, 0)
    }

    /// The same, for a set of which [`WatchSet::wait`] is to tell the members apart by `mark`.
    pub fn add_marked(&self, fd: impl AsFd, mark: u64) -> io::Result<()> {
        Ok(epoll::add(&self.fd, fd, epoll::EventData::new_u64(mark), epoll::EventFlags::IN)?)
    }

    /// Stops watching `fd`.
    pub fn remove(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }

    /// Blocks until a member is ready, and puts the marks of those that are into `marks`, at most as many as it has
    /// room for without growing.
    pub fn wait(&self, marks: &mut Vec<u64>) -> io::Result<()> {
        self.collect(marks, None)
    }

    /// The same without blocking: `marks` is empty when no member is ready.
    pub fn look(&self, marks: &mut Vec<u64>) -> io::Result<()> {
        self.collect(marks, Some(&timespec(Duration::ZERO)))
    }

    fn collect(&self, marks: &mut Vec<u64>, timeout: Option<&Timespec>) -> io::Result<()> {
        let mut events = Vec::with_capacity(marks.capacity().max(1));
        marks.clear();
        loop {
            match epoll::wait(&self.fd, rustix::buffer::spare_capacity(&mut events), timeout) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(other) => return Err(other.into()),
            }
        }
        marks.extend(events.iter().map(|event| event.data.u64()));
        Ok(())
    }
}

impl AsFd for WatchSet {
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

    /// One that goes by the wall clock, not set.
    pub fn on_wall_clock() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: rustix::time::timerfd_create(TimerfdClockId::Realtime, flags)? })
    }

    /// Sets one [on the wall clock](Self::on_wall_clock) to become readable once that shows this time since 1970, whoever sets the clock meanwhile, and to stay so.
    pub fn set_at(&self, since_1970: Duration) -> io::Result<()> {
        let since = since_1970.max(Duration::from_nanos(1));
        let value = Timespec {
            tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: since.subsec_nanos().into(),
        };
        let times = Itimerspec { it_interval: timespec(Duration::ZERO), it_value: value };
        rustix::time::timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &times)?;
        Ok(())
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
    use crate::poll::{self, Interest};
    use std::time::Instant;

    #[test]
    fn a_set_is_readable_when_what_it_watches_is() {
        let set = WatchSet::new().unwrap();
        let alarm = Alarm::new().unwrap();
        let ready =
            |deadline| poll::wait(&mut [poll::Watch::new(&set, Interest::Readable)], deadline).unwrap();
        let now = || Some(Instant::now());
        set.add(&alarm).unwrap();
        assert!(!ready(now()));
        alarm.set(Some(Duration::ZERO)).unwrap();
        assert!(ready(None));
        alarm.set(None).unwrap();
        assert!(!ready(now()));
        alarm.set(Some(Duration::ZERO)).unwrap();
        assert!(ready(None));
        set.remove(&alarm).unwrap();
        assert!(!ready(now()));
    }
}
