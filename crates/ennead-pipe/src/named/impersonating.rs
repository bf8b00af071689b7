//! The server's thread acts as the client of an instance.

use std::sync::atomic::Ordering;

use crate::impersonation::{self, ImpersonateError, Impersonation};

use super::error::{During, Operation};
use super::server::Instance;

impl Instance {
    /// Takes on the client's context on the calling thread, until the guard is dropped (`ImpersonateNamedPipeClient`,
    /// `RevertToSelf`): as far as the client has allowed when it opened the pipe, and as this process's privileges go.
    /// [`impersonation`](crate::impersonation) says what that means. Never waits.
    ///
    /// If it fails, none of the client's requests should be executed.
    ///
    /// # Errors
    /// ERROR_CANNOT_IMPERSONATE before anything was read from this client; ERROR_PIPE_LISTENING or
    /// ERROR_PIPE_NOT_CONNECTED without a client; the kernel's.
    ///
    /// Page: [ImpersonateNamedPipeClient](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-impersonatenamedpipeclient).
    pub fn impersonate(&self) -> Result<Impersonation, ImpersonateError> {
        let arrival = self
            .client(Operation::Query)
            .during(Operation::Impersonate)
            .map_err(|error| ImpersonateError::NoClient(Box::new(error)))?;
        if !arrival.end.has_read.load(Ordering::Relaxed) {
            return Err(ImpersonateError::NothingRead);
        }
        impersonation::impersonate(&arrival.client.peer.clone().into(), arrival.client.quality)
    }
}
