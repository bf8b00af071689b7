//! `WaitNamedPipe`: until an instance listens.
//!
//! Page: [WaitNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-waitnamedpipew).

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ennead_channel::CancelToken;
use ennead_sys::eventfd::EventFd;
use ennead_sys::futex::{self, Scope};
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::socket::Probe;

use super::error::{During, Operation, Reason, Result};
use super::layout::Records;
use super::name::PipeName;
use super::patience::Patience;
use super::place::Place;
use super::snapshot::Snapshot;

/// How long to wait for an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Timeout {
    /// As long as the server said when it created the pipe (`NMPWAIT_USE_DEFAULT_WAIT`).
    #[default]
    Default,
    /// As long as it takes (`NMPWAIT_WAIT_FOREVER`).
    Forever,
    /// Not at all (`NMPWAIT_NOWAIT`).
    Never,
    /// So long.
    For(Duration),
}

impl Timeout {
    /// From *nTimeOut*: 0 default, 1 `NMPWAIT_NOWAIT`, 0xFFFFFFFF for ever, else milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Self {
        match millis {
            0 => Self::Default,
            1 => Self::Never,
            u32::MAX => Self::Forever,
            millis => Self::For(Duration::from_millis(millis as u64)),
        }
    }

    /// The moment at which it is over, counted from now; `None` for never.
    pub(super) fn deadline(self, default_millis: u32) -> Option<Instant> {
        let length = match self {
            Self::Default if default_millis == u32::MAX => return None,
            Self::Default => Duration::from_millis(default_millis.into()),
            Self::Forever => return None,
            Self::Never => Duration::ZERO,
            Self::For(length) => length,
        };
        Instant::now().checked_add(length)
    }
}

/// Waits until an instance of the pipe listens. That is no promise: another client may be faster.
///
/// # Errors
/// ERROR_FILE_NOT_FOUND at once if no process serves the pipe, or when the last one that does goes;
/// ERROR_SEM_TIMEOUT when the time is over; ERROR_ACCESS_DENIED.
pub fn wait(name: &str, timeout: Timeout) -> Result<()> {
    let place = Place::of_process().during(Operation::Wait)?;
    wait_in(&place, name, timeout, None)
}

/// [`wait`] in other namespaces, until `cancel` is cancelled at most. Not a [`Wait`](super::Wait), as the documented default
/// is a time-out that the server has chosen.
///
/// # Errors
/// As [`wait`], and ERROR_OPERATION_ABORTED.
pub fn wait_in(place: &Place, name: &str, timeout: Timeout, cancel: Option<&CancelToken>) -> Result<()> {
    let name = PipeName::parse(name).map_err(Reason::Name).during(Operation::Wait)?;
    until_listening(place, &name, timeout, cancel).during(Operation::Wait)
}

pub(super) fn until_listening(
    place: &Place,
    name: &PipeName,
    timeout: Timeout,
    cancel: Option<&CancelToken>,
) -> std::result::Result<(), Reason> {
    let probe = Probe::new().map_err(Reason::system("make a probe"))?;
    let mut snapshot = Snapshot::take(place, name)?;
    let deadline = timeout.deadline(snapshot.traits.default_timeout);
    if snapshot.has_place(&probe)? {
        return Ok(());
    }
    let wake = EventFd::new().map_err(Reason::system("make an event"))?;
    let stop = AtomicU32::new(0);
    let body = snapshot.entry.body().map_err(Reason::Namespace)?;
    let arrivals = Records(body).arrivals();
    let mut view = Snapshot::take(place, name)?;
    if view.entry.id() != snapshot.entry.id() {
        // Replaced between two looks: the new one is another pipe.
        return Err(Reason::NotFound);
    }
    thread::scope(|scope| {
        // Other processes that begin to serve the pipe raise a futex word, which poll does not know.
        let seen = arrivals.load(Ordering::Acquire);
        let (stop, wake) = (&stop, &wake);
        scope.spawn(move || announce(arrivals, seen, stop, wake));
        let outcome = wait_among(&mut view, &probe, wake, deadline, cancel);
        stop.store(1, Ordering::Release);
        futex::wake(stop, 1, Scope::Shared);
        outcome
    })
}

fn wait_among(
    view: &mut Snapshot,
    probe: &Probe,
    wake: &EventFd,
    deadline: Option<Instant>,
    cancel: Option<&CancelToken>,
) -> std::result::Result<(), Reason> {
    let mut patience = Patience::new();
    loop {
        let _ = wake.clear();
        view.refresh()?;
        // First into the rooms, then look, then sleep: who listens after the look calls in.
        let (seats, closed) = view.enter_rooms()?;
        if view.has_place(probe)? {
            return Ok(());
        }
        let until = if closed {
            patience.wait()?;
            Some(Instant::now())
        } else {
            deadline
        };
        let mut watches = vec![Watch::new(wake, Interest::Readable)];
        watches.extend(cancel.iter().map(|token| Watch::new(*token, Interest::Readable)));
        watches.extend(seats.iter().map(|seat| Watch::new(seat, Interest::Readable)));
        if !poll::wait(&mut watches, until).map_err(Reason::system("wait for an instance"))? {
            if closed && deadline.is_none_or(|deadline| Instant::now() < deadline) {
                continue;
            }
            return Err(Reason::TimedOut);
        }
        if cancel.is_some_and(CancelToken::is_cancelled) {
            return Err(Reason::Cancelled);
        }
    }
}

/// Sets `wake` whenever `arrivals` changes, until `stop` is set.
fn announce(arrivals: &AtomicU32, mut seen: u32, stop: &AtomicU32, wake: &EventFd) {
    while stop.load(Ordering::Acquire) == 0 {
        if futex::wait_any(&[(arrivals, seen), (stop, 0)], Scope::Shared, None).is_err() {
            // No futex_waitv here: the rooms are still listened to.
            return;
        }
        let now = arrivals.load(Ordering::Acquire);
        if now != seen {
            seen = now;
            wake.set();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ClientOptions, ServerOptions};
    use super::*;

    const NAME: &str = r"\\.\pipe\waiting";

    /// As without futex_waitv: nobody announces new servers. What the servers that live do is seen all the same.
    #[test]
    fn without_announcements_the_rooms_are_listened_to() {
        let folder = std::path::PathBuf::from(format!("/dev/shm/ennead-waiting-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let place = Place::at(&folder).unwrap();
        let server = ServerOptions::new().place(&place).create(NAME).unwrap();
        let client = ClientOptions::new().place(&place).open(NAME).unwrap();
        server.connect().unwrap();
        let name = PipeName::parse(NAME).unwrap();
        let probe = Probe::new().unwrap();
        let wait = |deadline| {
            let silent = EventFd::new().unwrap();
            wait_among(&mut Snapshot::take(&place, &name)?, &probe, &silent, deadline, None)
        };
        assert!(matches!(wait(Some(Instant::now())), Err(Reason::TimedOut)));
        thread::scope(|scope| {
            let waiter = scope.spawn(|| wait(None));
            drop(client);
            server.disconnect().unwrap();
            let listening = scope.spawn(|| server.connect());
            waiter.join().unwrap().unwrap();
            let _last = ClientOptions::new().place(&place).open(NAME).unwrap();
            listening.join().unwrap().unwrap();
        });
        let gone = thread::scope(|scope| {
            let waiter = scope.spawn(|| wait(None));
            drop(server);
            waiter.join().unwrap()
        });
        assert!(matches!(gone, Err(Reason::NotFound)), "{gone:?}");
        let _ = std::fs::remove_dir_all(&folder);
    }

    #[test]
    fn numbers_are_windows() {
        assert_eq!(Timeout::from_millis(0), Timeout::Default);
        assert_eq!(Timeout::from_millis(1), Timeout::Never);
        assert_eq!(Timeout::from_millis(u32::MAX), Timeout::Forever);
        assert_eq!(Timeout::from_millis(20), Timeout::For(Duration::from_millis(20)));
        assert_eq!(Timeout::Forever.deadline(1), None);
        assert!(Timeout::Default.deadline(50).is_some());
    }
}
