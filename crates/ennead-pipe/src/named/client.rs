//! The client's end of an instance.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use ennead_channel::Wait;
use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::process;
use ennead_sys::socket::{Connection, Peer};

use crate::impersonation::SecurityQuality;

use super::arrival::{check_direction, parameters};
use super::end::{self, End, HandleModes, Peeked, Received};
use super::error::{During, Operation, Reason, Result};
use super::handshake::Handshake;
use super::known::Known;
use super::layout::Traits;
use super::lending::Made;
use super::modes::{Modes, ReadMode, WaitMode};
use super::name::PipeName;
use super::patience::Patience;
use super::place::Place;
use super::readiness::{Readiness, Source};
use super::security::{self, MAPPING};
use super::server::unless_blocked;
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

/// The client's end of a pipe instance. All operations take `&self` and may be called from several threads. Dropping it
/// closes it: what was written stays readable for the server.
pub struct Client {
    pub(super) end: Arc<End>,
    modes: HandleModes,
    traits: Traits,
    descriptor: SecurityDescriptor,
    server: Peer,
    write_through: bool,
    entry: u64,
    place: Place,
    name: PipeName,
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
