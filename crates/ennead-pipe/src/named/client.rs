//! The client's end of an instance.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use ennead_channel::Wait;
use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::process;
use ennead_sys::socket::Peer;

use super::end::{self, End, HandleModes, Peeked, Received};
use super::error::{During, Operation, Reason, Result};
use super::layout::Traits;
use super::modes::{Modes, WaitMode};
use super::name::PipeName;
use super::place::Place;
use super::readiness::{Readiness, Source};
use super::server::unless_blocked;
use super::snapshot::Snapshot;

/// The client's end of a pipe instance. All operations take `&self` and may be called from several threads. Dropping it
/// closes it: what was written stays readable for the server.
pub struct Client {
    pub(super) end: Arc<End>,
    pub(super) modes: HandleModes,
    pub(super) traits: Traits,
    pub(super) descriptor: SecurityDescriptor,
    pub(super) server: Peer,
    pub(super) write_through: bool,
    pub(super) entry: u64,
    pub(super) place: Place,
    pub(super) name: PipeName,
}

impl Client {
    /// Reads (`ReadFile`), as the handle's read and wait modes say.
    ///
    /// # Errors
    /// ERROR_BROKEN_PIPE when the server has closed its end, or died, and everything was read; ERROR_PIPE_NOT_CONNECTED
    /// when it has disconnected; ERROR_NO_DATA in no-wait mode if there is nothing; ERROR_ACCESS_DENIED.
    ///
    /// Page: [ReadFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    pub fn read(&self, buffer: &mut [u8]) -> Result<Received> {
        self.read_with(buffer, end::wait_of(self.modes()))
    }

    /// [`Client::read`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Client::read`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn read_with(&self, buffer: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        self.end.read(buffer, self.modes().read, wait).during(Operation::Read)
    }

    /// [`Client::read`] without waiting: `None` if there is nothing to read.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        unless_blocked(self.read_with(buffer, Wait::Never))
    }

    /// Writes all of `data` (`WriteFile`), as the handle's wait mode says: in no-wait mode, a message all or nothing, and of
    /// bytes as many as there is room for. Gives the number of bytes written.
    ///
    /// # Errors
    /// ERROR_NO_DATA when the server has closed its end or died; ERROR_PIPE_NOT_CONNECTED when it has disconnected;
    /// ERROR_ACCESS_DENIED.
    ///
    /// Page: [WriteFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile).
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        match self.modes().wait {
            WaitMode::Wait => self.write_with(data, Wait::Forever),
            WaitMode::NoWait => self.end.write_no_wait(data).during(Operation::Write),
        }
    }

    /// [`Client::write`] with a wait of its own. With [`Wait::Never`], bytes may be written in part.
    ///
    /// # Errors
    /// As [`Client::write`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn write_with(&self, data: &[u8], wait: Wait<'_>) -> Result<usize> {
        self.end.write(data, wait).during(Operation::Write)
    }

    /// [`Client::write`] without waiting: `None` if there is no room.
    ///
    /// # Errors
    /// As [`Client::write`].
    pub fn try_write(&self, data: &[u8]) -> Result<Option<usize>> {
        unless_blocked(self.write_with(data, Wait::Never))
    }

    /// Writes without waiting, in as many calls as it takes: `written`, 0 at first, says how far it has come. `false`: come
    /// again with the same `data` when the readiness for [`Interest::Writable`](super::Interest::Writable) of what is left says so. Other than with
    /// [`Client::try_write`], a message larger than the quota can be written so; from its first part (`written` > 0) to its
    /// last no other write comes between, and if it cannot be finished, say so with [`Client::abandon_part`].
    ///
    /// # Errors
    /// As [`Client::write`].
    pub fn write_part(&self, data: &[u8], written: &mut usize) -> Result<bool> {
        self.end.write_part(data, written).during(Operation::Write)
    }

    /// Ends a message larger than the quota that [`Client::write_part`] has begun and that will not be finished: the reader gets it
    /// as short as it came. Call it only then.
    pub fn abandon_part(&self) {
        self.end.endpoint.abandon_part();
    }

    /// Whether the server has closed its end, or died. What is unread can still be read. One system call.
    #[must_use]
    pub fn peer_has_ended(&self) -> bool {
        self.end.is_closed_by_peer()
    }

    /// Copies what can be read without taking it (`PeekNamedPipe`). Never waits.
    ///
    /// # Errors
    /// ERROR_BROKEN_PIPE when the server has closed its end and everything was read; ERROR_PIPE_NOT_CONNECTED;
    /// ERROR_ACCESS_DENIED.
    ///
    /// Page: [PeekNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe).
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.end.peek(buffer).during(Operation::Peek)
    }

    /// Writes a message and reads the answer (`TransactNamedPipe`).
    ///
    /// # Errors
    /// ERROR_BAD_PIPE for a byte-type pipe or in byte-read mode; ERROR_PIPE_BUSY with unread data in the pipe; and those of
    /// read and write.
    ///
    /// Page: [TransactNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-transactnamedpipe).
    pub fn transact(&self, request: &[u8], reply: &mut [u8]) -> Result<Received> {
        self.transact_with(request, reply, Wait::Forever)
    }

    /// [`Client::transact`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Client::transact`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn transact_with(&self, request: &[u8], reply: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        self.end.transact(request, reply, self.modes().read, wait).during(Operation::Transact)
    }

    /// Waits until the server has read everything (`FlushFileBuffers`), or has closed its end.
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED when the server has disconnected; ERROR_ACCESS_DENIED for a handle that may not write.
    ///
    /// Page: [FlushFileBuffers](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers).
    pub fn flush(&self) -> Result<()> {
        self.flush_with(Wait::Forever)
    }

    /// [`Client::flush`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Client::flush`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn flush_with(&self, wait: Wait<'_>) -> Result<()> {
        self.end.flush(wait).during(Operation::Flush)
    }

    /// The handle's modes (`GetNamedPipeHandleState`).
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes.get()
    }

    /// Changes the handle's modes (`SetNamedPipeHandleState`).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER for message-read mode of a byte-type pipe; ERROR_ACCESS_DENIED for a handle without
    /// FILE_WRITE_ATTRIBUTES; ERROR_PIPE_NOT_CONNECTED when the server has disconnected.
    pub fn set_modes(&self, modes: Modes) -> Result<()> {
        let set = || {
            self.end.check_connected()?;
            self.modes.set(modes, self.traits.pipe_type, self.end.granted)
        };
        set().during(Operation::SetState)
    }

    /// How many instances the pipe has now, in all processes (`GetNamedPipeHandleState`); 0 when its servers are gone.
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED when the server has disconnected; what the entry says when it cannot be read.
    pub fn current_instances(&self) -> Result<u32> {
        let count = || {
            self.end.check_connected()?;
            match Snapshot::take(&self.place, &self.name) {
                Ok(snapshot) if snapshot.entry.id() == self.entry => snapshot.instances(),
                Ok(_) | Err(Reason::NotFound) => Ok(0),
                Err(other) => Err(other),
            }
        };
        count().during(Operation::Query)
    }

    /// Type, limits and quotas (`GetNamedPipeInfo`). *Out* and *in* are the server's: the client reads what goes out.
    #[must_use]
    pub fn traits(&self) -> Traits {
        self.traits
    }

    /// The rights that this handle has, generic ones replaced.
    #[must_use]
    pub fn granted(&self) -> AccessMask {
        self.end.granted
    }

    /// The pipe's security descriptor.
    #[must_use]
    pub fn security(&self) -> &SecurityDescriptor {
        &self.descriptor
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &PipeName {
        &self.name
    }

    /// Whether `FILE_FLAG_WRITE_THROUGH` was given.
    #[must_use]
    pub fn is_write_through(&self) -> bool {
        self.write_through
    }

    /// Who the server is, as the kernel recorded it when it began to listen.
    #[must_use]
    pub fn server(&self) -> &Peer {
        &self.server
    }

    /// The server's process id (`GetNamedPipeServerProcessId`); 0 if it has none in this pid namespace.
    #[must_use]
    pub fn server_process_id(&self) -> u32 {
        self.server.pid
    }

    /// The server's session (`GetNamedPipeServerSessionId`); 0 if it is not known.
    #[must_use]
    pub fn server_session_id(&self) -> u32 {
        process::session_of(self.server.pid)
    }

    /// This process's id (`GetNamedPipeClientProcessId`).
    #[must_use]
    pub fn client_process_id(&self) -> u32 {
        process::id()
    }

    /// What to wait for before the next [`Client::try_read`] or [`Client::try_write`].
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness(Source::Client(Arc::clone(&self.end)))
    }

    /// The connection underneath: its descriptor, and `arm` for waits in epoll and the like.
    #[must_use]
    pub fn endpoint(&self) -> &ennead_channel::Endpoint {
        &self.end.endpoint
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("name", &self.name.as_str())
            .field("server_pid", &self.server.pid)
            .field("server_uid", &self.server.uid)
            .finish_non_exhaustive()
    }
}

impl AsFd for Client {
    /// Becomes readable when an armed [`Client::endpoint`] may read or write.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.endpoint.as_fd()
    }
}
