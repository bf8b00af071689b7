//! An end whose operations go on after the calls that start them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::ThreadId;

use crate::named::{Client, Connection, Instance, Operation as Kind, Peeked, Reason, Result};

use super::completion::Completion;
use super::delivery::Deliveries;
use super::operation::{NothingToCancel, Operation};
use super::ticket::{Home, Ticket};
use super::traffic::Traffic;

/// An end of a named pipe that was opened for overlapped operations (`FILE_FLAG_OVERLAPPED`): each call starts one and returns.
///
/// An operation that can be done at once is complete when the call returns; else it is pending. Failures, too, are reported
/// through the operation. The lines for reading and writing are separate; within each, operations complete in the order in
/// which they were started, and any number may be pending.
///
/// Dropping the end aborts what is pending (ERROR_OPERATION_ABORTED) and closes it. What had been written stays readable at the
/// other end.
pub struct Overlapped<E: End> {
    end: Arc<E>,
    deliveries: Arc<Deliveries>,
    /// The operations on the connection that was last seen.
    traffic: Mutex<Option<Arc<Traffic<Connection>>>>,
}

/// An end that can be [`Overlapped`]: [`Instance`] or [`Client`].
pub trait End: sealed::Sealed + Send + Sync + 'static {
    #[doc(hidden)]
    fn connection(self: &Arc<Self>, kind: Kind) -> std::result::Result<Connection, Reason>;
    #[doc(hidden)]
    fn peek(&self, buffer: &mut [u8]) -> Result<Peeked>;
    #[doc(hidden)]
    fn abort_connects(self: &Arc<Self>, _issuer: Option<ThreadId>) -> usize {
        0
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::named::Instance {}
    impl Sealed for crate::named::Client {}
}

impl End for Client {
    fn connection(self: &Arc<Self>, _kind: Kind) -> std::result::Result<Connection, Reason> {
        Ok(Self::connection(self))
    }

    fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        Self::peek(self, buffer)
    }
}

impl End for Instance {
    fn connection(self: &Arc<Self>, kind: Kind) -> std::result::Result<Connection, Reason> {
        Self::connection(self, kind)
    }

    fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        Self::peek(self, buffer)
    }

    fn abort_connects(self: &Arc<Self>, issuer: Option<ThreadId>) -> usize {
        self.service.lobby.fail(self, issuer, || Reason::Cancelled)
    }
}

impl<E: End> Overlapped<E> {
    /// Takes over an end.
    pub fn new(end: E) -> Self {
        Self { end: Arc::new(end), deliveries: Arc::default(), traffic: Mutex::new(None) }
    }

    /// The end, for queries and settings (names, modes, identities, impersonation). Do not read or write there, or flush, while
    /// operations are pending: a call that blocks may swallow the wake-up of one that pends.
    #[must_use]
    pub fn end(&self) -> &E {
        &self.end
    }

    /// Starts to read into `buffer` (`ReadFile` with an `OVERLAPPED`). In message-read mode, a message longer than the buffer
    /// completes it with ERROR_MORE_DATA, and the next read goes on there.
    ///
    /// It fails as [`Instance::read`] and [`Client::read`] do: ERROR_BROKEN_PIPE, ERROR_PIPE_NOT_CONNECTED,
    /// ERROR_PIPE_LISTENING, ERROR_ACCESS_DENIED.
    ///
    /// Page: [ReadFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    pub fn start_read(&self, buffer: Vec<u8>) -> Operation {
        match self.traffic(Kind::Read, Connection::may_read) {
            Ok(traffic) => self.operation(Kind::Read, &traffic, |ticket| traffic.read(ticket, buffer)),
            Err(reason) => self.refused(Kind::Read, reason, Completion { buffer, ..Completion::default() }),
        }
    }

    /// Starts to write all of `data` (`WriteFile` with an `OVERLAPPED`): complete when the last byte is in the pipe. What does
    /// not fit the pipe's buffer streams, and later writes wait their turn.
    ///
    /// It fails as [`Instance::write`] and [`Client::write`] do: ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED,
    /// ERROR_PIPE_LISTENING, ERROR_ACCESS_DENIED. If it is cancelled, the bytes that it reports were written; a message ends
    /// after them.
    ///
    /// Page: [WriteFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-writefile).
    pub fn start_write(&self, data: Vec<u8>) -> Operation {
        match self.traffic(Kind::Write, Connection::may_write) {
            Ok(traffic) => self.operation(Kind::Write, &traffic, |ticket| traffic.write(ticket, data)),
            Err(reason) => {
                self.refused(Kind::Write, reason, Completion { buffer: data, ..Completion::default() })
            }
        }
    }

    /// Starts to write `request` and to read the answer into `buffer` (`TransactNamedPipe` with an `OVERLAPPED`). If it is
    /// cancelled once the request is written, the answer is for whoever reads next.
    ///
    /// It fails as [`Client::transact`] does: ERROR_BAD_PIPE, and ERROR_PIPE_BUSY with unread data in the pipe or a read
    /// pending before it.
    ///
    /// Page: [TransactNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-transactnamedpipe).
    pub fn start_transact(&self, request: Vec<u8>, buffer: Vec<u8>) -> Operation {
        match self.traffic(Kind::Transact, |_| Ok(())) {
            Ok(traffic) => self.operation(Kind::Transact, &traffic, |ticket| {
                traffic.transact(ticket, request, buffer, || traffic.wire().check_transact());
            }),
            Err(reason) => {
                self.refused(Kind::Transact, reason, Completion { buffer, request, ..Completion::default() })
            }
        }
    }

    /// Copies what can be read now without taking it (`PeekNamedPipe`). Never waits.
    ///
    /// # Errors
    /// As [`Instance::peek`] and [`Client::peek`].
    pub fn peek(&self, buffer: &mut [u8]) -> Result<Peeked> {
        self.end.peek(buffer)
    }

    /// Cancels everything that is pending at this end (`CancelIoEx` without an `OVERLAPPED`), as [`Operation::cancel`] does; says
    /// how many operations that were.
    ///
    /// # Errors
    /// [`NothingToCancel`] (ERROR_NOT_FOUND) if there were none.
    pub fn cancel_all(&self) -> std::result::Result<usize, NothingToCancel> {
        match self.cancel(None) {
            0 => Err(NothingToCancel),
            cancelled => Ok(cancelled),
        }
    }

    /// Cancels what the calling thread has started at this end (`CancelIo`); says how many operations that were.
    pub fn cancel_own(&self) -> usize {
        self.cancel(Some(std::thread::current().id()))
    }

    fn cancel(&self, issuer: Option<ThreadId>) -> usize {
        let traffic = self.lock().clone();
        let connects = self.end.abort_connects(issuer);
        let others = traffic.map_or(0, |traffic| traffic.cancel_all(issuer));
        self.deliveries.run();
        connects + others
    }

    /// The traffic of the connection that there is now.
    fn traffic(
        &self,
        kind: Kind,
        check: impl FnOnce(&Connection) -> std::result::Result<(), Reason>,
    ) -> std::result::Result<Arc<Traffic<Connection>>, Reason> {
        let connection = self.end.connection(kind)?;
        check(&connection)?;
        let mut current = self.lock();
        if let Some(traffic) = current.as_ref().filter(|traffic| traffic.wire().is(&connection)) {
            return Ok(Arc::clone(traffic));
        }
        let traffic = Traffic::new(connection, &self.deliveries);
        let former = current.replace(Arc::clone(&traffic));
        drop(current);
        // Of a connection that is no more: what is pending there finds out.
        if let Some(former) = former {
            former.advance();
        }
        Ok(traffic)
    }

    fn operation(
        &self,
        kind: Kind,
        traffic: &Arc<Traffic<Connection>>,
        start: impl FnOnce(Arc<Ticket>),
    ) -> Operation {
        let home: Weak<dyn Home> = Arc::downgrade(&(Arc::clone(traffic) as Arc<dyn Home>));
        let ticket = Ticket::new(kind, home, &self.deliveries);
        start(Arc::clone(&ticket));
        Operation { ticket }
    }

    fn refused(&self, kind: Kind, reason: Reason, rest: Completion) -> Operation {
        let ticket = Ticket::new(kind, Weak::<Traffic<Connection>>::new(), &self.deliveries);
        ticket.fail(reason, rest);
        Operation { ticket }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Traffic<Connection>>>> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Overlapped<Instance> {
    /// Starts to wait for a client (`ConnectNamedPipe` with an `OVERLAPPED`); a disconnected instance listens first. One that is
    /// there already completes it at once, with [`Connected::Before`](crate::named::Connected::Before) (ERROR_PIPE_CONNECTED).
    /// Connects of one pipe are served in the order in which they were started.
    ///
    /// Page: [ConnectNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe).
    pub fn start_connect(&self) -> Operation {
        let lobby = &self.end.service.lobby;
        let home: Weak<dyn Home> = Arc::downgrade(&(Arc::clone(lobby) as Arc<dyn Home>));
        let ticket = Ticket::new(Kind::Connect, home, &self.deliveries);
        lobby.connect(&self.end, Arc::clone(&ticket));
        Operation { ticket }
    }

    /// Ends the connection ([`Instance::disconnect`]): what is pending here, and at the client, completes with
    /// ERROR_PIPE_NOT_CONNECTED.
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED if it is disconnected already.
    pub fn disconnect(&self) -> Result<()> {
        self.end.service.lobby.fail(&self.end, None, || Reason::NotConnected);
        let outcome = self.end.disconnect();
        let former = self.lock().take();
        if let Some(former) = former {
            former.advance();
        }
        self.deliveries.run();
        outcome
    }
}

impl<E: End> Drop for Overlapped<E> {
    fn drop(&mut self) {
        self.end.abort_connects(None);
        let traffic = self.lock().take();
        if let Some(traffic) = traffic {
            traffic.close();
        }
        self.deliveries.run();
    }
}

impl<E: End> From<E> for Overlapped<E> {
    fn from(end: E) -> Self {
        Self::new(end)
    }
}

impl<E: End + fmt::Debug> fmt::Debug for Overlapped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlapped").field("end", &self.end).finish_non_exhaustive()
    }
}
