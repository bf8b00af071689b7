//! One connection of an end, for operations that go on after the call that started them.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Weak};

use ennead_channel::{Arming, Framing, Interest, Wait};

use super::arrival::Arrival;
use super::client::Client;
use super::end::{self, End, Received};
use super::error::{Operation, Reason};
use super::modes::ReadMode;
use super::server::Instance;

/// See the module. It stays this connection when the instance is disconnected and connected anew.
#[derive(Clone, Debug)]
pub struct Connection(Whose);

#[derive(Clone, Debug)]
enum Whose {
    /// A server's. The instance is not kept open by it, and is asked for the read mode only.
    Server(Arc<Arrival>, Weak<Instance>),
    /// A client's, which has one in its life.
    Client(Arc<Client>),
}

impl Instance {
    /// The connection with the client, or why `operation` is refused without one.
    pub(crate) fn connection(self: &Arc<Self>, operation: Operation) -> Result<Connection, Reason> {
        Ok(Connection(Whose::Server(self.client(operation)?, Arc::downgrade(self))))
    }
}

impl Client {
    /// The connection with the server.
    pub(crate) fn connection(self: &Arc<Self>) -> Connection {
        Connection(Whose::Client(Arc::clone(self)))
    }
}

impl Connection {
    fn end(&self) -> &End {
        match &self.0 {
            Whose::Server(arrival, _) => &arrival.end,
            Whose::Client(client) => &client.end,
        }
    }

    fn read_mode(&self) -> ReadMode {
        match &self.0 {
            Whose::Server(_, instance) => instance.upgrade().map(|instance| instance.modes()),
            Whose::Client(client) => Some(client.modes()),
        }
        .unwrap_or_default()
        .read
    }

    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self.end(), other.end())
    }

    pub fn try_read(&self, buffer: &mut [u8]) -> Result<Received, Reason> {
        self.end().read(buffer, self.read_mode(), Wait::Never)
    }

    /// Writes on from `written`; [`Reason::Empty`] if it is not through yet.
    pub fn try_write_part(&self, data: &[u8], written: &mut usize) -> Result<(), Reason> {
        if self.end().write_part(data, written)? { Ok(()) } else { Err(Reason::Empty) }
    }

    /// A write that has come so far will not be finished: a message ends here.
    pub fn abandon_part(&self, written: usize) {
        if self.end().endpoint.framing() == Framing::Messages && written > 0 {
            self.end().endpoint.abandon_part();
        }
    }

    pub fn check_transact(&self) -> Result<(), Reason> {
        self.end().check_transact(self.read_mode())
    }

    pub fn may_read(&self) -> Result<(), Reason> {
        end::may_read(self.end().granted)
    }

    pub fn may_write(&self) -> Result<(), Reason> {
        end::may_write(self.end().granted)
    }

    pub fn arm(&self, interest: Interest) -> Arming {
        self.end().endpoint.arm(interest)
    }

    pub fn close(&self) {
        self.end().endpoint.close();
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end().endpoint.as_fd()
    }
}
