//! How a pipe is opened, and how a client comes in.

use std::sync::Arc;

use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::process;
use ennead_sys::socket::Connection;

use crate::impersonation::SecurityQuality;

use super::arrival::{check_direction, parameters};
use super::client::Client;
use super::end::{self, End, HandleModes};
use super::error::{During, Operation, Reason, Result};
use super::handshake::Handshake;
use super::known::Known;
use super::lending::Made;
use super::modes::{Modes, ReadMode};
use super::name::PipeName;
use super::patience::Patience;
use super::place::Place;
use super::security::{self, MAPPING};
use super::snapshot::{Reached, Snapshot};
use super::waiting::{Timeout, until_listening};

/// How a pipe is opened (`CreateFile`). The default: GENERIC_READ | GENERIC_WRITE, impersonation level, byte-read,
/// blocking.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    access: AccessMask,
    /// Asked for too where the descriptor grants it.
    if_granted: AccessMask,
    quality: SecurityQuality,
    modes: Modes,
    write_through: bool,
    place: Option<Place>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            access: AccessMask::GENERIC_READ | AccessMask::GENERIC_WRITE,
            if_granted: AccessMask(0),
            quality: SecurityQuality::default(),
            modes: Modes::default(),
            write_through: false,
            place: None,
        }
    }

    /// The access asked for (*dwDesiredAccess*). SYNCHRONIZE and FILE_READ_ATTRIBUTES are added, as `CreateFile` does.
    #[must_use]
    pub const fn access(mut self, access: AccessMask) -> Self {
        self.access = access;
        self.if_granted = AccessMask(0);
        self
    }

    /// Reading only: GENERIC_READ, and where the descriptor grants it, FILE_WRITE_ATTRIBUTES, which a handle without
    /// GENERIC_WRITE needs to change its modes (`SetNamedPipeHandleState`). The default descriptor grants strangers
    /// GENERIC_READ, which has no such right; [`ClientOptions::modes`] sets the first modes without it.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.access = AccessMask::GENERIC_READ;
        self.if_granted = AccessMask::FILE_WRITE_ATTRIBUTES;
        self
    }

    /// Writing only: GENERIC_WRITE.
    #[must_use]
    pub const fn write_only(self) -> Self {
        self.access(AccessMask::GENERIC_WRITE)
    }

    /// How far the server may go on this client's behalf.
    #[must_use]
    pub const fn quality(mut self, quality: SecurityQuality) -> Self {
        self.quality = quality;
        self
    }

    /// The handle's first modes. `CreateFile` always begins with byte-read and blocking; this is it and
    /// `SetNamedPipeHandleState` in one, for the handle alone.
    #[must_use]
    pub const fn modes(mut self, modes: Modes) -> Self {
        self.modes = modes;
        self
    }

    /// The handle's first read mode, the other modes as they are.
    #[must_use]
    pub const fn read_mode(mut self, mode: ReadMode) -> Self {
        self.modes.read = mode;
        self
    }

    /// For a message-type pipe: message-read mode. [`ServerOptions::messages`](super::ServerOptions::messages) of the other
    /// side.
    #[must_use]
    pub const fn messages(self) -> Self {
        self.read_mode(ReadMode::Message)
    }

    /// `FILE_FLAG_WRITE_THROUGH`: matters between computers only; kept.
    #[must_use]
    pub const fn write_through(mut self, through: bool) -> Self {
        self.write_through = through;
        self
    }

    /// Other namespaces than the process's own.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Connects to an instance that listens. Does not wait for one.
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND if no process serves the pipe; ERROR_PIPE_BUSY if no instance listens; ERROR_ACCESS_DENIED if
    /// the descriptor, or the pipe's direction, does not allow the access; ERROR_INVALID_NAME; ERROR_BAD_NETPATH for
    /// another computer; ERROR_INVALID_PARAMETER for message-read mode on a byte-type pipe.
    ///
    /// Page: [CreateFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew), *Pipes*.
    pub fn open(&self, name: &str) -> Result<Client> {
        let open = || {
            let name = PipeName::parse(name).map_err(Reason::Name)?;
            self.connect(&self.the_place()?, &name)
        };
        open().during(Operation::Open)
    }

    /// [`ClientOptions::open`], and while all instances are busy, waits for one as `WaitNamedPipe` does.
    ///
    /// # Errors
    /// As [`ClientOptions::open`], and ERROR_SEM_TIMEOUT instead of ERROR_PIPE_BUSY.
    pub fn open_waiting(&self, name: &str, timeout: Timeout) -> Result<Client> {
        self.connect_waiting(name, timeout).during(Operation::Open)
    }

    pub(super) fn connect_waiting(
        &self,
        name: &str,
        timeout: Timeout,
    ) -> std::result::Result<Client, Reason> {
        let name = PipeName::parse(name).map_err(Reason::Name)?;
        let place = self.the_place()?;
        let mut deadline = None;
        loop {
            let busy = match self.connect(&place, &name) {
                Err(busy @ Reason::NoneListening) => busy,
                other => return other,
            };
            if timeout == Timeout::Never {
                return Err(busy);
            }
            let end = match deadline {
                Some(end) => end,
                None => {
                    let default = Snapshot::take(&place, &name)?.traits.default_timeout;
                    *deadline.insert(timeout.deadline(default))
                }
            };
            let left = match end {
                None => Timeout::Forever,
                Some(end) => Timeout::For(end.saturating_duration_since(std::time::Instant::now())),
            };
            until_listening(&place, &name, left, None)?;
        }
    }

    /// The rights of the handle, or why the descriptor refuses it.
    fn granted(&self, descriptor: &SecurityDescriptor) -> std::result::Result<AccessMask, Reason> {
        let token = security::own_token();
        let access = MAPPING.map(self.access) | security::ALWAYS;
        let more = access | self.if_granted;
        if more != access && security::grants(descriptor, &token, more) {
            return Ok(more);
        }
        security::check(descriptor, &token, access).map_err(|reason| {
            let reading = AccessMask::GENERIC_READ | security::ALWAYS;
            let wants_both = access.contains(AccessMask::FILE_READ_DATA | AccessMask::FILE_WRITE_DATA);
            match reason {
                Reason::Denied(_) if wants_both && security::grants(descriptor, &token, reading) => {
                    Reason::Denied(
                        "the pipe's security descriptor lets this user read only: ask for read_only()",
                    )
                }
                other => other,
            }
        })
    }

    fn the_place(&self) -> std::result::Result<Place, Reason> {
        self.place.as_ref().map_or_else(Place::of_process, |place| Ok(place.clone()))
    }

    fn connect(&self, place: &Place, name: &PipeName) -> std::result::Result<Client, Reason> {
        let mut made = None;
        let before = if name.host().is_none() { place.known(name.as_str()) } else { None };
        if let Some(known) = &before
            && let Ok(client) = self.connect_to(place, name, known, &mut made, || known.connect(place))
        {
            return Ok(client);
        }
        let mut snapshot = Snapshot::take(place, name).inspect_err(|reason| {
            if matches!(reason, Reason::NotFound) {
                place.remember(name.as_str(), None);
            }
        })?;
        let descriptor = security::of_entry(snapshot.entry.descriptor())?;
        let known = Known::from_snapshot(&snapshot, descriptor, before.as_deref())
            .map_err(Reason::system("keep the entry"))?;
        let client = self.connect_to(place, name, &known, &mut made, || snapshot.connect())?;
        place.remember(name.as_str(), Some(known));
        Ok(client)
    }

    fn connect_to(
        &self,
        place: &Place,
        name: &PipeName,
        known: &Known,
        made: &mut Option<Made>,
        mut connect: impl FnMut() -> std::result::Result<Reached, Reason>,
    ) -> std::result::Result<Client, Reason> {
        let traits = known.traits;
        let granted = self.granted(&known.descriptor)?;
        check_direction(&traits, granted)?;
        end::check_modes(self.modes, traits.pipe_type)?;
        let hello = Handshake {
            access: granted.0,
            quality: self.quality,
            pid: process::id(),
            session: process::session(),
            computer: process::computer_name().unwrap_or_default().to_owned(),
        }
        .encode();
        // Before connecting, so that the handshake follows at once; kept for the next attempt if nobody listens.
        let parameters = parameters(&traits);
        const MAKE: &str = "make the connection's memory and doorbells";
        let mut ours = match made.take() {
            Some(ours) if ours.parameters == parameters => ours,
            _ => known.lending.make(parameters).map_err(Reason::system(MAKE))?,
        };
        let mut turned_away = 0;
        let (mut endpoint, server) = loop {
            let reached = match connect() {
                Ok(reached) => reached,
                Err(reason) => {
                    *made = Some(ours);
                    return Err(reason);
                }
            };
            ours = ours.for_server(reached.process).map_err(Reason::system(MAKE))?;
            if say_hello(&reached.connection, &hello, &ours.parts)? {
                break (ours.endpoint, reached);
            }
            turned_away += 1;
            // No honest server hangs up so often; an open does not wait.
            if turned_away == super::snapshot::MOST_ROUNDS {
                return Err(Reason::NoneListening);
            }
        };
        known.lending.keep(&mut endpoint, server.process);
        Ok(Client {
            end: Arc::new(End {
                endpoint,
                pipe_type: traits.pipe_type,
                granted,
                peer_may_write: true,
                has_read: false.into(),
            }),
            modes: HandleModes::new(self.modes),
            traits,
            descriptor: known.descriptor.clone(),
            server: server.peer,
            write_through: self.write_through,
            entry: known.entry,
            place: place.clone(),
            name: name.clone(),
        })
    }
}

/// Sends the handshake; `false` if the server has hung up, because this client was stopped for too long, or because the
/// instance has gone: then the next one is tried.
fn say_hello(
    connection: &Connection,
    hello: &[u8],
    parts: &ennead_channel::PeerParts,
) -> std::result::Result<bool, Reason> {
    let mut patience = Patience::new();
    loop {
        match connection.send(hello, &parts.as_fds()) {
            Ok(()) => return Ok(true),
            // This user has as many descriptors on their way as it may; servers are taking them.
            Err(source) if ennead_sys::socket::is_too_many_in_flight(&source) => {
                patience.wait().map_err(|_| Reason::System {
                    step: "send the handshake: servers take too few of the descriptors that this user sends",
                    source,
                })?;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::BrokenPipe | std::io::ErrorKind::ConnectionReset
                ) =>
            {
                return Ok(false);
            }
            Err(source) => return Err(Reason::System { step: "send the handshake", source }),
        }
    }
}
