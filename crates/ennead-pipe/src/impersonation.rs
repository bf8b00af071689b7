//! Impersonation of a pipe's client (`ImpersonateNamedPipeClient`, `RevertToSelf`).
//!
//! [`impersonate`] gives the calling thread its client's context until the guard is dropped. What that context is
//! depends on what the client allows ([`SecurityQuality`]) and on what the server may:
//!
//! | client's level | server with CAP_SETUID and CAP_SETGID | server without |
//! |---|---|---|
//! | impersonation, delegation | the thread acts as the client: the kernel checks each file it opens as the client's | the level falls to identification (as on Windows without `SeImpersonatePrivilege`), unless client and server are the same user |
//! | identification | the token says who the client is; the thread acts as *nobody*, so that nothing is opened with the server's rights by mistake | the token says who the client is; the thread acts as itself |
//! | anonymous | the token is *Anonymous*, good for no access check; the thread acts as nobody | the same token; the thread acts as itself |
//!
//! [`Impersonation::acts`] says which it is, and [`Impersonation::require_client`] refuses everything but the real
//! thing. Where Linux differs from Windows:
//!
//! - Opening an object under an identification token fails on Windows (`ERROR_BAD_IMPERSONATION_LEVEL`). Here what
//!   anybody may open can still be opened, and a server without privileges opens as itself.
//! - While a thread acts as a client it has no capabilities, even if the client is root.
//! - A thread that is started by an impersonating thread keeps the client's identity for good (on Windows it has the
//!   process's), and a program that `std::process::Command` starts from it gets a mixture of both, with a way back to
//!   the server's: start either under [`as_process`]. [`Redirect`](crate::anonymous::Redirect) does so by itself.
//! - Levels bind honest servers. One with CAP_SETUID could read its client's uid whatever was asked for.
//! - The first impersonation makes the process undumpable: no core file, no tracing by its own user.
//!
//! Pages: *Impersonating a Named Pipe Client*, *Impersonation Levels*, `ImpersonateNamedPipeClient`, `RevertToSelf`.

mod client;
mod error;
mod quality;

use std::io;

use ennead_security::{AccessDenied, AccessMask, GenericMapping, SecurityDescriptor, Token};
use ennead_sys::thread_credentials::{self, Assumed, Identity};

pub use client::ClientIdentity;
pub use error::ImpersonateError;
pub use quality::{ContextTracking, Level, QualityError, SecurityQuality};

/// Whom a thread acts as under an [`Impersonation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acts {
    /// As the client: the kernel checks every access as the client's.
    AsClient,
    /// As nobody (uid and gid 65534, no other group, no capability): the client did not allow more.
    AsNobody,
    /// As the server itself: it has not the privilege to act as anybody else. The guard's token is good for access
    /// checks; whatever the thread opens, it opens with the server's own rights.
    AsServer,
}

/// A thread in its client's context; dropping it reverts (`RevertToSelf`), a panic too. If reverting fails, the
/// process aborts, as the documentation advises.
///
/// Guards nest; the newest one that lives counts. A guard stays on its thread:
///
/// ```compile_fail
/// fn elsewhere<T: Send>(_: T) {}
/// fn guard(guard: ennead_pipe::impersonation::Impersonation) {
///     elsewhere(guard);
/// }
/// ```
#[derive(Debug)]
#[must_use = "the thread reverts at once"]
pub struct Impersonation {
    acts: Acts,
    level: Level,
    token: Token,
    /// `None` when the thread's credentials are right as they are.
    _assumed: Option<Assumed>,
    on_this_thread: std::marker::PhantomData<*const ()>,
}

/// Takes on the client's context on the calling thread, as far as the client's quality of service and this process's
/// privileges allow (`ImpersonateNamedPipeClient`). Never waits.
///
/// "If the function fails, no client requests should be executed": on an error the thread is what it was.
///
/// # Errors
///
/// [`ImpersonateError::System`]: the kernel refuses the ids, because this user namespace does not map them, or for
/// want of memory.
pub fn impersonate(
    client: &ClientIdentity,
    quality: SecurityQuality,
) -> Result<Impersonation, ImpersonateError> {
    let (mut acts, level) = choose(client, quality.level).map_err(ImpersonateError::System)?;
    let assumed = match acts {
        Acts::AsClient if thread_credentials::may_assume() => {
            Some(thread_credentials::assume(&client.credentials).map_err(ImpersonateError::System)?)
        }
        Acts::AsNobody => thread_credentials::assume(&NOBODY).ok(),
        Acts::AsClient | Acts::AsServer => None,
    };
    if acts == Acts::AsNobody && assumed.is_none() {
        // A user namespace without nobody: its privileges are not worth more than none.
        acts = Acts::AsServer;
    }
    Ok(Impersonation {
        acts,
        level,
        token: client.token(level),
        _assumed: assumed,
        on_this_thread: std::marker::PhantomData,
    })
}

static NOBODY: Identity = Identity { uid: 65_534, gid: 65_534, groups: Vec::new() };

fn choose(client: &ClientIdentity, level: Level) -> io::Result<(Acts, Level)> {
    if thread_credentials::may_assume() {
        let acts = if level < Level::Impersonation { Acts::AsNobody } else { Acts::AsClient };
        return Ok((acts, level));
    }
    if level >= Level::Impersonation && client.is_this_thread()? {
        // "The authenticated identity is same as the caller" (ImpersonateNamedPipeClient).
        return Ok((Acts::AsClient, level));
    }
    Ok((Acts::AsServer, level.min(Level::Identification)))
}

impl Impersonation {
    /// Whom the thread acts as.
    #[must_use]
    pub const fn acts(&self) -> Acts {
        self.acts
    }

    /// The level of the token: what the client asked for, or [`Level::Identification`] at most for a server without
    /// the privilege.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The client's access token, at [`Impersonation::level`]. At the anonymous level it does not say who the client
    /// is.
    #[must_use]
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// Fails unless the thread really acts as the client: for servers that open things on its behalf.
    ///
    /// # Errors
    ///
    /// `ERROR_BAD_IMPERSONATION_LEVEL`.
    pub const fn require_client(&self) -> Result<(), ImpersonateError> {
        match self.acts {
            Acts::AsClient => Ok(()),
            Acts::AsNobody | Acts::AsServer => Err(ImpersonateError::BadLevel { level: self.level }),
        }
    }

    /// Whether the client may do `desired` to an object of the server's own (`AccessCheck`).
    ///
    /// # Errors
    ///
    /// `ERROR_ACCESS_DENIED`, `ERROR_PRIVILEGE_NOT_HELD`; `ERROR_BAD_IMPERSONATION_LEVEL` for an anonymous client.
    pub fn access_check(
        &self,
        descriptor: &SecurityDescriptor,
        desired: AccessMask,
        mapping: &GenericMapping,
    ) -> Result<AccessMask, AccessDenied> {
        ennead_security::access_check(descriptor, &self.token, desired, mapping)
    }
}

/// The thread acts as its own process, within an impersonation, until this is dropped.
#[derive(Debug)]
#[must_use = "the thread impersonates again at once"]
pub struct AsProcess {
    _assumed: Assumed,
}

/// Suspends whatever impersonation the calling thread is under: to start a thread or a process from it, or to log.
///
/// # Errors
///
/// What the system calls return.
pub fn as_process() -> io::Result<AsProcess> {
    Ok(AsProcess { _assumed: thread_credentials::assume_self()? })
}
