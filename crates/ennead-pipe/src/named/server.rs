//! The server's end of an instance.

use std::fmt;
use std::sync::Arc;

use ennead_channel::Wait;
use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::owned_lock::{OwnedLock, ReadGuard, WriteGuard};

use super::arrival::{Arrival, ClientInfo};
use super::end::{self, End, HandleModes, Peeked, Received};
use super::error::{Cut, During, Operation, Reason, Result};
use super::layout::Traits;
use super::modes::{Modes, WaitMode};
use super::name::PipeName;
use super::readiness::{Readiness, Source};
use super::service::Service;
use super::state::State;

/// The server's end of a pipe instance. All operations take `&self` and may be called from several threads. Dropping it
/// closes it: what was written stays readable for the client.
pub struct Instance {
    pub(super) link: OwnedLock<Link>,
    pub(super) modes: HandleModes,
    pub(super) granted: AccessMask,
    pub(super) quotas: (u32, u32),
    pub(super) write_through: bool,
    pub(super) name: PipeName,
    pub(crate) service: Arc<Service>,
}

#[derive(Debug)]
pub(super) enum Link {
    Listening,
    Connected(Arc<Arrival>),
    Disconnected,
}

impl Instance {
    /// Does something at the connection. The link stays as it is meanwhile, which spares a count of users; so whoever wants to change it first ends what waits at
    /// the connection, and never blocks on it.
    fn at_client<T, E: From<Reason>>(
        &self,
        operation: Operation,
        act: impl FnOnce(&End) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        if let Link::Connected(arrival) = &*self.read_link() {
            return act(&arrival.end);
        }
        act(&self.client(operation)?.end)
    }

    /// Reads (`ReadFile`), as the handle's read and wait modes say.
    ///
    /// # Errors
    /// ERROR_BROKEN_PIPE when the client has closed its end and everything was read; ERROR_NO_DATA in no-wait mode if there is
    /// nothing; ERROR_PIPE_LISTENING, ERROR_PIPE_NOT_CONNECTED, ERROR_ACCESS_DENIED.
    ///
    /// Page: [ReadFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    pub fn read(&self, buffer: &mut [u8]) -> Result<Received> {
        self.read_with(buffer, end::wait_of(self.modes()))
    }

    /// [`Instance::read`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Instance::read`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn read_with(&self, buffer: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        let mut read = || {
            end::may_read(self.granted)?;
            self.at_client(Operation::Read, |end| end.read(buffer, self.modes().read, wait))
        };
        read().during(Operation::Read)
    }

    /// [`Instance::read`] without waiting: `None` if there is nothing to read.
    ///
    /// # Errors
    /// As [`Instance::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
        unless_blocked(self.read_with(buffer, Wait::Never))
    }

    /// Writes all of `data` (`WriteFile`), as the handle's wait mode says: in no-wait mode, a message all or nothing, and of
    /// bytes as many as there is room for. Gives the number of bytes written.
    ///
    /// # Errors
    /// ERROR_NO_DATA when the client has closed its end; ERROR_PIPE_LISTENING, ERROR_PIPE_NOT_CONNECTED,
    /// ERROR_ACCESS_DENIED.
    ///
    /// Page: [WriteFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile).
    pub fn write(&self, data: &[u8]) -> Result<usize> {
        match self.modes().wait {
            WaitMode::Wait => self.write_with(data, Wait::Forever),
            WaitMode::NoWait => {
                let write = || -> std::result::Result<usize, Cut> {
                    end::may_write(self.granted)?;
                    self.client(Operation::Write)?.end.write_no_wait(data)
                };
                write().during(Operation::Write)
            }
        }
    }

    /// [`Instance::write`] with a wait of its own. With [`Wait::Never`], bytes may be written in part.
    ///
    /// # Errors
    /// As [`Instance::write`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn write_with(&self, data: &[u8], wait: Wait<'_>) -> Result<usize> {
        let write = || -> std::result::Result<usize, Cut> {
            end::may_write(self.granted)?;
            self.at_client(Operation::Write, |end| end.write(data, wait))
        };
        write().during(Operation::Write)
    }

    /// [`Instance::write`] without waiting: `None` if there is no room.
    ///
    /// # Errors
    /// As [`Instance::write`].
    pub fn try_write(&self, data: &[u8]) -> Result<Option<usize>> {
        unless_blocked(self.write_with(data, Wait::Never))
    }

    /// Writes without waiting, in as many calls as it takes: `written`, 0 at first, says how far it has come. `false`: come
    /// again with the same `data` when the readiness for [`Interest::Writable`](super::Interest::Writable) of what is left says so. Other than with
    /// [`Instance::try_write`], a message larger than the quota can be written so; from its first part (`written` > 0) to its
    /// last no other write comes between, and if it cannot be finished, say so with [`Instance::abandon_part`].
    ///
    /// # Errors
    /// As [`Instance::write`].
    pub fn write_part(&self, data: &[u8], written: &mut usize) -> Result<bool> {
        let mut write = || {
            end::may_write(self.granted)?;
            self.client(Operation::Write)?.end.write_part(data, written)
        };
        write().during(Operation::Write)
    }

    /// Ends a message larger than the quota that [`Instance::write_part`] has begun and that will not be finished: the reader gets it
    /// as short as it came. Call it only then.
    pub fn abandon_part(&self) {
        if let Link::Connected(arrival) = &*self.read_link() {
            arrival.end.endpoint.abandon_part();
        }
    }

    /// Whether the client has closed its end, or died. What is unread can still be read. One system call.
    #[must_use]
    pub fn peer_has_ended(&self) -> bool {
        matches!(&*self.read_link(), Link::Connected(arrival) if arrival.end.is_closed_by_peer())
    }

    /// Copies what can be read without taking it (`PeekNamedPipe`). Never waits.
    ///
    /// # Errors
    /// ERROR_BAD_PIPE without a client; ERROR_BROKEN_PIPE when the client has closed its end and everything was read.
    ///
    /// Page: [PeekNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-peeknamedpipe).
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        let mut peek = || {
            end::may_read(self.granted)?;
            self.client(Operation::Peek)?.end.peek(buffer)
        };
        peek().during(Operation::Peek)
    }

    /// Writes a message and reads the answer (`TransactNamedPipe`).
    ///
    /// # Errors
    /// ERROR_BAD_PIPE for a byte-type pipe, in byte-read mode, or without a client; ERROR_PIPE_BUSY with unread data in the
    /// pipe; and those of read and write.
    ///
    /// Page: [TransactNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-transactnamedpipe).
    pub fn transact(&self, request: &[u8], reply: &mut [u8]) -> Result<Received> {
        self.transact_with(request, reply, Wait::Forever)
    }

    /// [`Instance::transact`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Instance::transact`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn transact_with(&self, request: &[u8], reply: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        let mut transact = || -> std::result::Result<Received, Cut> {
            self.client(Operation::Transact)?.end.transact(request, reply, self.modes().read, wait)
        };
        transact().during(Operation::Transact)
    }

    /// Waits until the client has read everything (`FlushFileBuffers`), or has closed its end.
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED; ERROR_ACCESS_DENIED at a pipe that only comes in.
    ///
    /// Page: [FlushFileBuffers](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-flushfilebuffers).
    pub fn flush(&self) -> Result<()> {
        self.flush_with(Wait::Forever)
    }

    /// [`Instance::flush`] with a wait of its own.
    ///
    /// # Errors
    /// As [`Instance::flush`]; ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn flush_with(&self, wait: Wait<'_>) -> Result<()> {
        let flush = || match (self.arrival()?, self.state()) {
            (Some(arrival), _) => arrival.end.flush(wait),
            (None, state) => state.refusal(Operation::Flush).map_or(Ok(()), Err),
        };
        flush().during(Operation::Flush)
    }

    /// Where the instance stands. A client that connected is not noticed by this.
    #[must_use]
    pub fn state(&self) -> State {
        match *self.read_link() {
            Link::Listening => State::Listening,
            Link::Connected(_) => State::Connected,
            Link::Disconnected => State::Disconnected,
        }
    }

    /// The handle's modes (`GetNamedPipeHandleState`).
    #[must_use]
    pub fn modes(&self) -> Modes {
        self.modes.get()
    }

    /// Changes the handle's modes (`SetNamedPipeHandleState`).
    ///
    /// # Errors
    /// ERROR_INVALID_PARAMETER for message-read mode of a byte-type pipe; ERROR_ACCESS_DENIED for an inbound pipe, whose
    /// server handle has no FILE_WRITE_ATTRIBUTES.
    pub fn set_modes(&self, modes: Modes) -> Result<()> {
        self.modes.set(modes, self.service.traits.pipe_type, self.granted).during(Operation::SetState)
    }

    /// How many instances the pipe has now, in all processes (`GetNamedPipeHandleState`).
    ///
    /// # Errors
    /// What the entry says when it cannot be read.
    pub fn current_instances(&self) -> Result<u32> {
        self.service.instances().during(Operation::Query)
    }

    /// Type, limits and quotas (`GetNamedPipeInfo`): the quotas as this instance was given them.
    #[must_use]
    pub fn traits(&self) -> Traits {
        Traits { out_quota: self.quotas.0, in_quota: self.quotas.1, ..self.service.traits }
    }

    /// The pipe's security descriptor.
    #[must_use]
    pub fn security(&self) -> &SecurityDescriptor {
        &self.service.descriptor
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

    /// Who the client is: the kernel's word and the client's (`GetNamedPipeClientProcessId`, `…SessionId`,
    /// `…ComputerName`; what impersonation needs).
    ///
    /// # Errors
    /// ERROR_PIPE_LISTENING or ERROR_PIPE_NOT_CONNECTED without a client.
    pub fn client_info(&self) -> Result<ClientInfo> {
        Ok(self.client(Operation::Query).during(Operation::Query)?.client.clone())
    }

    /// The client's process id (`GetNamedPipeClientProcessId`): the kernel's, else, from another pid namespace, what the
    /// client says.
    ///
    /// # Errors
    /// As [`Instance::client_info`].
    pub fn client_process_id(&self) -> Result<u32> {
        let client = self.client_info()?;
        Ok(if client.peer.pid != 0 { client.peer.pid } else { client.claimed_pid })
    }

    /// This process's id (`GetNamedPipeServerProcessId`).
    #[must_use]
    pub fn server_process_id(&self) -> u32 {
        std::process::id()
    }

    /// This process's session (`GetNamedPipeServerSessionId`).
    #[must_use]
    pub fn server_session_id(&self) -> u32 {
        ennead_sys::process::session()
    }

    /// What to wait for before the next [`Instance::try_connect`] (while it listens), [`Instance::try_read`] or
    /// [`Instance::try_write`]. Good until the instance is connected, disconnected or listens again; then ask anew.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness(match &*self.read_link() {
            Link::Connected(arrival) => Source::Server(Arc::clone(arrival)),
            Link::Listening | Link::Disconnected => Source::Door(Arc::clone(&self.service)),
        })
    }

    #[inline]
    pub(super) fn read_link(&self) -> ReadGuard<'_, Link> {
        self.link.read()
    }

    /// The link, to be changed. `None`: somebody looks at it, or does something at the connection; look again. Waiting for the lock instead could take as long as
    /// a read.
    pub(super) fn try_write_link(&self) -> Option<WriteGuard<'_, Link>> {
        let link = self.link.try_write();
        if link.is_none() {
            std::thread::yield_now();
        }
        link
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Instance");
        fields.field("name", &self.name.as_str());
        // Whoever prints it may be in the middle of something else: no waiting here.
        match self.link.try_read().as_deref() {
            Some(Link::Connected(arrival)) => {
                let peer = &arrival.client.peer;
                fields.field("state", &State::Connected);
                fields.field("client_pid", &peer.pid).field("client_uid", &peer.uid);
            }
            Some(Link::Listening) => drop(fields.field("state", &State::Listening)),
            Some(Link::Disconnected) => drop(fields.field("state", &State::Disconnected)),
            None => {}
        }
        fields.finish_non_exhaustive()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if matches!(std::mem::replace(self.link.get_mut(), Link::Disconnected), Link::Listening) {
            self.service.door.withdraw();
        }
        self.service.forget_instance();
    }
}

pub(super) fn unless_blocked<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Err(error) if end::would_block(error.operation, &error.reason) => Ok(None),
        other => other.map(Some),
    }
}
