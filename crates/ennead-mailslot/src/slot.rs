//! The server's end: the mailslot itself.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ennead_channel::Wait;
use ennead_namespace::{Entry, SocketFolder, SocketName};
use ennead_security::SecurityDescriptor;
use ennead_sys::clock;
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::readiness::WatchSet;

use crate::body::{self, ReadTimeout, Traits};
use crate::error::{During, Operation, Reason, Result};
use crate::hall::Hall;
use crate::name::SlotName;

/// A mailslot, which its creator reads. All operations take `&self` and may be called from several threads; each message goes to one of
/// them. Dropping it ends the mailslot: its name is free, and what is unread is lost.
pub struct Mailslot {
    pub(crate) shared: Arc<Shared>,
}

/// What a mailslot and its overlapped operations have in common.
pub(crate) struct Shared {
    hall: Mutex<Hall>,
    set: Arc<WatchSet>,
    timeout: AtomicU32,
    traits: Traits,
    descriptor: SecurityDescriptor,
    name: SlotName,
    sockets: SocketFolder,
    socket: SocketName,
    entry: Entry,
}

/// What `GetMailslotInfo` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Info {
    /// The most bytes of a message (*lpMaxMessageSize*); 0: any.
    pub max_message: u32,
    /// The length of the next message in bytes (*lpNextSize*); `None` is `MAILSLOT_NO_MESSAGE`.
    pub next: Option<u32>,
    /// How many messages wait to be read (*lpMessageCount*).
    pub count: u64,
    /// How long a read waits (*lpReadTimeout*).
    pub read_timeout: ReadTimeout,
}

impl Mailslot {
    pub(crate) fn new(
        hall: Hall,
        entry: Entry,
        sockets: SocketFolder,
        socket: SocketName,
        traits: Traits,
        descriptor: SecurityDescriptor,
        name: SlotName,
    ) -> Self {
        let shared = Shared {
            set: hall.set(),
            hall: Mutex::new(hall),
            timeout: AtomicU32::new(traits.read_timeout.to_bits()),
            traits,
            descriptor,
            name,
            sockets,
            socket,
            entry,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Reads the next message into `buffer` (`ReadFile`), waiting as long as the slot's read time-out says; gives its length, which may
    /// be 0.
    ///
    /// # Errors
    /// ERROR_SEM_TIMEOUT if none came in time; ERROR_INSUFFICIENT_BUFFER if it is longer than the buffer: it stays.
    ///
    /// Page: [Reading from a Mailslot](https://learn.microsoft.com/windows/win32/ipc/reading-from-a-mailslot).
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        self.shared.read(self.shared.own_wait(), |hall| hall.take(buffer)).during(Operation::Read)
    }

    /// [`Mailslot::read`] with a wait of its own, whatever the slot's read time-out.
    ///
    /// # Errors
    /// As [`Mailslot::read`]; ERROR_OPERATION_ABORTED.
    pub fn read_with(&self, buffer: &mut [u8], wait: Wait<'_>) -> Result<usize> {
        self.shared.read(LazyWait::Now(wait), |hall| hall.take(buffer)).during(Operation::Read)
    }

    /// [`Mailslot::read`] without waiting: `None` if there is no message.
    ///
    /// # Errors
    /// ERROR_INSUFFICIENT_BUFFER.
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        let mut hall = self.shared.lock();
        let outcome = hall.take(buffer);
        hall.leave();
        outcome.during(Operation::Read)
    }

    /// Reads the next message, however long it is, as [`Mailslot::read`] does.
    ///
    /// # Errors
    /// ERROR_SEM_TIMEOUT.
    pub fn read_message(&self) -> Result<Vec<u8>> {
        self.message(self.shared.own_wait())
    }

    /// [`Mailslot::read_message`] with a wait of its own.
    ///
    /// # Errors
    /// ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn read_message_with(&self, wait: Wait<'_>) -> Result<Vec<u8>> {
        self.message(LazyWait::Now(wait))
    }

    fn message(&self, wait: LazyWait<'_>) -> Result<Vec<u8>> {
        let mut message = Vec::new();
        let taken = self.shared.read(wait, |hall| {
            hall.take_with(|len| {
                message.resize(usize::try_from(len).ok()?, 0);
                Some(&mut message[..])
            })
        });
        taken.during(Operation::Read)?;
        Ok(message)
    }

    /// What is in the slot (`GetMailslotInfo`).
    ///
    /// # Errors
    /// What the system says when it cannot be asked who has come.
    ///
    /// Page: [GetMailslotInfo](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-getmailslotinfo).
    pub fn info(&self) -> Result<Info> {
        let mut hall = self.shared.lock();
        let unread = hall.unread();
        hall.leave();
        drop(hall);
        let unread = unread.during(Operation::Query)?;
        Ok(Info {
            max_message: self.shared.traits.max_message,
            next: unread.next.map(|len| u32::try_from(len).unwrap_or(u32::MAX)),
            count: unread.count,
            read_timeout: self.read_timeout(),
        })
    }

    /// How long a read waits.
    #[must_use]
    pub fn read_timeout(&self) -> ReadTimeout {
        self.shared.read_timeout()
    }

    /// Changes how long reads wait that begin from now on (`SetMailslotInfo`).
    ///
    /// # Errors
    /// What the system says when the entry cannot be written.
    ///
    /// Page: [SetMailslotInfo](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-setmailslotinfo).
    pub fn set_read_timeout(&self, timeout: ReadTimeout) -> Result<()> {
        self.shared.timeout.store(timeout.to_bits(), Ordering::Relaxed);
        body::publish_timeout(&self.shared.entry, timeout)
            .map_err(Reason::system("write the mailslot's entry"))
            .during(Operation::Set)
    }

    /// What its creator chose.
    #[must_use]
    pub fn traits(&self) -> Traits {
        self.shared.traits
    }

    /// Its security descriptor.
    #[must_use]
    pub fn security(&self) -> &SecurityDescriptor {
        &self.shared.descriptor
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &SlotName {
        &self.shared.name
    }

    /// When it was created, in nanoseconds since 1970 (`GetFileTime`).
    #[must_use]
    pub fn created(&self) -> u64 {
        self.shared.entry.header().created
    }

    /// How many writers the server knows now: connected, or gone with messages unread. For people.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.shared.lock().writers()
    }

    /// For waiting in poll, epoll or tokio.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness(Arc::clone(&self.shared))
    }
}

/// A wait whose deadline is reckoned when the waiting begins: a read that finds a message does not ask for the time.
#[derive(Clone, Copy)]
pub(crate) enum LazyWait<'a> {
    Now(Wait<'a>),
    Timeout(ReadTimeout),
}

impl<'a> LazyWait<'a> {
    fn begin(self) -> Wait<'a> {
        match self {
            Self::Now(wait) => wait,
            Self::Timeout(timeout) => match timeout.duration() {
                None => Wait::Forever,
                Some(duration) if duration.is_zero() => Wait::Never,
                Some(duration) => Wait::Until(Instant::now() + duration),
            },
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read_timeout(&self) -> ReadTimeout {
        ReadTimeout::from_bits(self.timeout.load(Ordering::Relaxed))
    }

    fn own_wait(&self) -> LazyWait<'static> {
        LazyWait::Timeout(self.read_timeout())
    }

    /// Does something in the hall, without waiting.
    pub fn now<T>(&self, act: impl FnOnce(&mut Hall) -> T) -> T {
        let mut hall = self.lock();
        let done = act(&mut hall);
        hall.leave();
        done
    }

    /// The set, for the porter.
    pub fn set(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }

    #[inline]
    pub(crate) fn read<T>(
        &self,
        wait: LazyWait<'_>,
        mut take: impl FnMut(&mut Hall) -> std::result::Result<Option<T>, Reason>,
    ) -> std::result::Result<T, Reason> {
        let mut hall = self.lock();
        match take(&mut hall) {
            Ok(Some(taken)) => {
                hall.leave();
                return Ok(taken);
            }
            Err(reason) => {
                hall.leave();
                return Err(reason);
            }
            Ok(None) => {}
        }
        let wait = wait.begin();
        loop {
            if matches!(wait, Wait::Never) {
                hall.leave();
                return Err(Reason::TimedOut);
            }
            if hall.look_around() || !hall.fall_asleep() {
                // Something is there, or might be.
            } else {
                hall.sleepers += 1;
                drop(hall);
                let slept = self.sleep(&wait);
                hall = self.lock();
                hall.sleepers -= 1;
                match slept {
                    Ok(nanoseconds) => hall.slept(nanoseconds),
                    Err(Reason::TimedOut) => {
                        let last = take(&mut hall);
                        hall.leave();
                        return last.and_then(|taken| taken.ok_or(Reason::TimedOut));
                    }
                    Err(reason) => {
                        hall.leave();
                        return Err(reason);
                    }
                }
            }
            match take(&mut hall) {
                // Who rings on and on without writing keeps the set readable, and nobody waiting past the deadline.
                Ok(None) if wait.deadline().is_some_and(|deadline| Instant::now() >= deadline) => {
                    hall.leave();
                    return Err(Reason::TimedOut);
                }
                Ok(None) => {}
                outcome => {
                    hall.leave();
                    return outcome.and_then(|taken| taken.ok_or(Reason::TimedOut));
                }
            }
        }
    }

    /// Sleeps until there may be news; says for how long it did.
    fn sleep(&self, wait: &Wait<'_>) -> std::result::Result<u64, Reason> {
        let begun = clock::monotonic();
        let mut watches = vec![Watch::new(&self.set, Interest::Readable)];
        watches.extend(wait.token().map(|token| Watch::new(token, Interest::Readable)));
        if !poll::wait(&mut watches, wait.deadline()).map_err(Reason::system("wait for a message"))? {
            return Err(Reason::TimedOut);
        }
        if wait.is_cancelled() {
            return Err(Reason::Cancelled);
        }
        Ok(clock::monotonic().saturating_sub(begun))
    }
}

/// A descriptor that becomes readable when a message may have come, and what keeps it open.
#[derive(Clone)]
pub struct Readiness(Arc<Shared>);

impl Readiness {
    /// To be called before each wait for the descriptor: makes every writer ring, then looks once more. `true`: a message is there
    /// now. After the descriptor was found readable, a read, or this, has to follow.
    #[must_use]
    pub fn arm(&self) -> bool {
        self.0.now(|hall| {
            // Whoever reads hears of an error.
            let ready = hall.has_message().unwrap_or(true) || !hall.fall_asleep();
            hall.armed = true;
            ready
        })
    }
}

impl AsFd for Readiness {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.set()
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.0.name).finish()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The name first, so that nobody comes any more; what stays after a failure is swept with the entry.
        let _ = self.sockets.remove(&self.socket);
    }
}

impl fmt::Debug for Mailslot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailslot").field("name", &self.shared.name).finish_non_exhaustive()
    }
}
