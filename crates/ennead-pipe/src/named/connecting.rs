//! How an instance gets its client and loses it: connect, disconnect, and what lies between.

use std::sync::Arc;
use std::time::Instant;

use ennead_channel::{CancelToken, Wait};
use ennead_status::Win32Error;
use ennead_sys::poll::{self, Interest, Watch};

use super::arrival::{self, Arrival};
use super::error::{During, Operation, Reason, Result};
use super::modes::WaitMode;
use super::server::{Instance, Link};

/// How a connect came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connected {
    /// A client connected during the call.
    Now,
    /// A client had connected before (`ConnectNamedPipe`: ERROR_PIPE_CONNECTED). The connection is good.
    Before,
    /// A client had connected before and has closed its end since (`ConnectNamedPipe`: ERROR_NO_DATA). What it wrote can
    /// be read.
    Gone,
    /// A disconnected instance in no-wait mode listens from now on; nobody is connected yet.
    Listening,
}

impl Connected {
    /// What `GetLastError` gives after `ConnectNamedPipe`; ERROR_SUCCESS if that returned nonzero.
    #[must_use]
    pub const fn win32(self) -> Win32Error {
        match self {
            Self::Now | Self::Listening => Win32Error::SUCCESS,
            Self::Before => Win32Error::PIPE_CONNECTED,
            Self::Gone => Win32Error::NO_DATA,
        }
    }
}

impl Instance {
    /// Waits for a client (`ConnectNamedPipe`); a disconnected instance listens first. Follows the handle's wait mode.
    ///
    /// # Errors
    /// ERROR_PIPE_LISTENING in no-wait mode if no client is there.
    ///
    /// Page: [ConnectNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe).
    pub fn connect(&self) -> Result<Connected> {
        match self.modes().wait {
            WaitMode::Wait => self.connect_with(Wait::Forever),
            WaitMode::NoWait => {
                if self.listen_if_disconnected().during(Operation::Connect)? {
                    return Ok(Connected::Listening);
                }
                self.connect_with(Wait::Never)
            }
        }
    }

    /// [`Instance::connect`] with a wait of its own.
    ///
    /// # Errors
    /// ERROR_PIPE_LISTENING for [`Wait::Never`], ERROR_SEM_TIMEOUT, ERROR_OPERATION_ABORTED.
    pub fn connect_with(&self, wait: Wait<'_>) -> Result<Connected> {
        self.wait_for_client(wait).during(Operation::Connect)
    }

    /// [`Instance::connect`] without waiting: `None` if no client is there yet. [`Instance::readiness`] says when
    /// one may be.
    ///
    /// # Errors
    /// As [`Instance::connect`].
    pub fn try_connect(&self) -> Result<Option<Connected>> {
        match self.wait_for_client(Wait::Never) {
            Err(Reason::Listening) => Ok(None),
            other => other.map(Some).during(Operation::Connect),
        }
    }

    fn listen_if_disconnected(&self) -> std::result::Result<bool, Reason> {
        while matches!(*self.read_link(), Link::Disconnected) {
            let Some(mut link) = self.try_write_link() else { continue };
            if matches!(*link, Link::Disconnected) {
                self.service.door.offer()?;
                *link = Link::Listening;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn wait_for_client(&self, wait: Wait<'_>) -> std::result::Result<Connected, Reason> {
        let before = !self.listen_if_disconnected()?;
        if let Some(arrival) = self.arrival()? {
            return Ok(if arrival.end.is_closed_by_peer() {
                Connected::Gone
            } else if before {
                Connected::Before
            } else {
                Connected::Now
            });
        }
        let deadline = match &wait {
            Wait::Never => return Err(Reason::Listening),
            Wait::Forever | Wait::Cancellable(_, None) => None,
            Wait::Until(deadline) | Wait::Cancellable(_, Some(deadline)) => Some(*deadline),
        };
        let token = if let Wait::Cancellable(token, _) = &wait { Some(*token) } else { None };
        loop {
            self.wait_at_door(deadline, token)?;
            if self.arrival()?.is_some() {
                return Ok(Connected::Now);
            }
            if !matches!(*self.read_link(), Link::Listening) {
                return Err(Reason::NotConnected);
            }
            // The door may be readable without end, for clients that are turned away.
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Err(Reason::TimedOut);
            }
        }
    }

    fn wait_at_door(
        &self,
        deadline: Option<Instant>,
        token: Option<&CancelToken>,
    ) -> std::result::Result<(), Reason> {
        let mut watches = vec![Watch::new(&self.service.door, Interest::Readable)];
        watches.extend(token.iter().map(|token| Watch::new(*token, Interest::Readable)));
        if !poll::wait(&mut watches, deadline).map_err(Reason::system("wait for a client"))? {
            return Err(Reason::TimedOut);
        }
        if token.is_some_and(CancelToken::is_cancelled) {
            return Err(Reason::Cancelled);
        }
        Ok(())
    }

    /// The client, taking one from the door if the instance listens and one is there.
    pub(super) fn arrival(&self) -> std::result::Result<Option<Arc<Arrival>>, Reason> {
        let mut link = loop {
            match &*self.read_link() {
                Link::Connected(arrival) => return Ok(Some(Arc::clone(arrival))),
                Link::Disconnected => return Ok(None),
                Link::Listening => {}
            }
            if let Some(link) = self.try_write_link() {
                break link;
            }
        };
        if let Link::Connected(arrival) = &*link {
            return Ok(Some(Arc::clone(arrival)));
        }
        let taken = self.service.door.take(|connection, bytes, message| {
            arrival::greet(&self.service, self.granted, connection, bytes, message)
        })?;
        Ok(taken.map(|arrival| {
            let arrival = Arc::new(arrival);
            *link = Link::Connected(Arc::clone(&arrival));
            arrival
        }))
    }

    /// The client, or why the operation is refused without one.
    pub(super) fn client(&self, operation: Operation) -> std::result::Result<Arc<Arrival>, Reason> {
        if let Some(arrival) = self.arrival()? {
            return Ok(arrival);
        }
        Err(self.state().refusal(operation).unwrap_or(Reason::Listening))
    }

    /// Ends the connection (`DisconnectNamedPipe`): what the client has not read is discarded, and each of its operations
    /// fails with ERROR_PIPE_NOT_CONNECTED. No client can connect until [`Instance::connect`].
    ///
    /// # Errors
    /// ERROR_PIPE_NOT_CONNECTED if it is disconnected already.
    ///
    /// Page: [DisconnectNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-disconnectnamedpipe).
    pub fn disconnect(&self) -> Result<()> {
        // A client that waits at the door is the one that is sent away.
        let _ = self.arrival().during(Operation::Disconnect)?;
        let mut link = loop {
            // Wakes who waits there and holds the link.
            if let Link::Connected(arrival) = &*self.read_link() {
                arrival.end.endpoint.disconnect();
            }
            if let Some(link) = self.try_write_link() {
                break link;
            }
        };
        match std::mem::replace(&mut *link, Link::Disconnected) {
            Link::Connected(arrival) => arrival.end.endpoint.disconnect(),
            Link::Listening => self.service.door.withdraw(),
            Link::Disconnected => return Err(Reason::NotConnected).during(Operation::Disconnect),
        }
        Ok(())
    }
}
