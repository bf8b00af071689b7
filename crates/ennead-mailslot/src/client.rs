//! A client's end: where messages are put in.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ennead_namespace::{Entry, Kind, Name, Scope, SocketFolder, SocketName, Wanted};
use ennead_security::AccessMask;
use ennead_sys::mapping::Mapping;
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::socket::{ConnectError, Connection};
use ennead_sys::{clock, cpu, memfd, process, socket};

use crate::body::{Body, SERVER, Traits};
use crate::error::{During, Operation, Reason, Result};
use crate::handshake::Handshake;
use crate::name::{Reach, SlotName};
use crate::patience::Patience;
use crate::place::Place;
use crate::ring::{PushError, RingWriter, SMALLEST_CAPACITY, layout, space};
use crate::security;
use crate::share::{Share, ShareMode};

/// A writer's first ring, unless its first message wants more, or the slot's budget is less: small enough to stay in a processor's cache.
const FIRST_RING: u64 = 256 * 1024;
/// How much larger the next one is, up to the budget.
const GROWTH: u64 = 4;

/// How often a writer asks the kernel whether the server lives: a millisecond.
const ALIVE_FOR: u64 = 1_000_000;

/// How often it comes back if it is sent away. No honest server does that so often.
const MOST_ROUNDS: u32 = 64;

/// How a mailslot is opened (`CreateFile`). The default: GENERIC_WRITE, and others may read and write.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    access: AccessMask,
    share: ShareMode,
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
        Self { access: AccessMask::GENERIC_WRITE, share: ShareMode::ALL, place: None }
    }

    /// The access asked for (*dwDesiredAccess*). SYNCHRONIZE is added, as `CreateFile` does. A handle that may
    /// not write is good for nothing but to see that the slot is there.
    #[must_use]
    pub const fn access(mut self, access: AccessMask) -> Self {
        self.access = access;
        self
    }

    /// What others may do meanwhile (*dwShareMode*).
    #[must_use]
    pub const fn share(mut self, mode: ShareMode) -> Self {
        self.share = mode;
        self
    }

    /// Other namespaces than the process's own.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Opens a mailslot. Does not talk to its server.
    ///
    /// # Errors
    /// ERROR_FILE_NOT_FOUND if no process serves it; ERROR_ACCESS_DENIED if its descriptor does not allow the access;
    /// ERROR_SHARING_VIOLATION if the share mode lacks reading, or another handle's or this one's allows only one writer;
    /// ERROR_INVALID_NAME; ERROR_REMOTE_MAILSLOTS_DEPRECATED for a name beyond this computer.
    ///
    /// Page: [CreateFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-createfilew), *Mailslots*.
    pub fn open(&self, name: &str) -> Result<Client> {
        self.open_for(name, None).during(Operation::Open)
    }

    fn open_for(&self, name: &str, message: Option<usize>) -> std::result::Result<Client, Reason> {
        let name = SlotName::parse(name).map_err(Reason::Name)?;
        if let Some(most) = name.reach().largest_message() {
            return Err(match message {
                Some(bytes) if bytes > most => Reason::TooLongForNetwork { most },
                _ => Reason::Remote,
            });
        }
        debug_assert_eq!(*name.reach(), Reach::Here);
        let place = match &self.place {
            Some(place) => place.clone(),
            None => Place::of_process()?,
        };
        let wide = Name::new(name.as_str()).map_err(|_| Reason::Name(crate::name::NameError::Empty))?;
        let (scope, entry) =
            place.roots().open_entry(Kind::MAILSLOT, &wide, Wanted::Read).map_err(Reason::from_entry)?;
        let (body, socket) = find_server(&entry)?;
        let descriptor = security::of_entry(entry.descriptor())?;
        let granted = security::check(
            &descriptor,
            &security::own_token(),
            security::MAPPING.map(self.access) | security::ALWAYS,
        )?;
        let writes = granted.contains(security::WRITE);
        let share = if writes {
            Some(Share::take(&entry, self.share)?)
        } else if self.share.read {
            None
        } else {
            return Err(Reason::Sharing);
        };
        let folder = place.folder(scope, &socket).map_err(|error| match error {
            ennead_namespace::EntryError::NotFound => Reason::NotFound,
            other => Reason::Namespace(other),
        })?;
        Ok(Client {
            writer: Mutex::new(Writer {
                links: Vec::new(),
                last_stamp: 0,
                last_alive: 0,
                gone: false,
                ring: 0,
            }),
            traits: body.traits,
            granted,
            name,
            place,
            scope,
            socket,
            folder,
            _share: share,
        })
    }
}

/// Opens the mailslot `name`, writes one message and closes it.
///
/// # Errors
/// As [`ClientOptions::open`] and [`Client::write`]; ERROR_BAD_NETPATH for a message beyond this computer that is longer than
/// [`Reach::largest_message`].
pub fn send(name: &str, message: &[u8]) -> Result<()> {
    send_with(&ClientOptions::new(), name, message)
}

/// [`send`] in other namespaces.
///
/// # Errors
/// As [`send`].
pub fn send_in(place: &Place, name: &str, message: &[u8]) -> Result<()> {
    send_with(&ClientOptions::new().place(place), name, message)
}

fn send_with(options: &ClientOptions, name: &str, message: &[u8]) -> Result<()> {
    let client = options.open_for(name, Some(message.len())).during(Operation::Open)?;
    client.write(message).map(drop)
}

/// The entry's body, once the server listens.
fn find_server(entry: &Entry) -> std::result::Result<(Body, SocketName), Reason> {
    let mut patience = Patience::new();
    loop {
        if !entry.slot_is_held(SERVER).map_err(Reason::Namespace)? {
            return Err(Reason::NotFound);
        }
        let body = Body::read(entry)?;
        if let Some(socket) = body.socket(entry) {
            return Ok((body, socket));
        }
        // A server that has just made the name binds its socket next.
        patience.wait()?;
    }
}

/// A handle to a mailslot for writing. All operations take `&self` and may be called from several threads. Dropping it closes it; what
/// was written stays in the slot.
pub struct Client {
    writer: Mutex<Writer>,
    traits: Traits,
    granted: AccessMask,
    name: SlotName,
    place: Place,
    scope: Scope,
    socket: SocketName,
    folder: Arc<SocketFolder>,
    _share: Option<Share>,
}

/// A ring, and the connection over which the server was given it.
#[derive(Debug)]
struct Link {
    ring: RingWriter<Mapping>,
    connection: Connection,
}

#[derive(Debug)]
struct Writer {
    /// The last one is written to; of the others something is still unread.
    links: Vec<Link>,
    last_stamp: u64,
    /// When the server was last seen alive.
    last_alive: u64,
    gone: bool,
    /// The size of the last ring.
    ring: u64,
}

impl Client {
    /// Writes a message (`WriteFile`), which may have no bytes; gives its length. Never waits for the server.
    ///
    /// # Errors
    /// ERROR_NOT_ENOUGH_QUOTA if the server leaves too much of this client unread ([`Traits::budget`]);
    /// ERROR_NO_SYSTEM_RESOURCES if too many writers wait for it to read; ERROR_INVALID_PARAMETER if the message is longer than
    /// the slot takes; ERROR_HANDLE_EOF if the server is gone; ERROR_ACCESS_DENIED.
    ///
    /// Page: [Writing to a Mailslot](https://learn.microsoft.com/windows/win32/ipc/writing-to-a-mailslot).
    pub fn write(&self, message: &[u8]) -> Result<usize> {
        self.put(message).during(Operation::Write)
    }

    #[inline]
    fn put(&self, message: &[u8]) -> std::result::Result<usize, Reason> {
        let len = message.len();
        let most = self.traits.max_message;
        if most != 0 && len > most as usize {
            return Err(Reason::TooLong { bytes: len, most });
        }
        if u32::try_from(len).is_err() {
            return Err(Reason::TooLong { bytes: len, most: u32::MAX });
        }
        if !self.granted.contains(security::WRITE) {
            return Err(Reason::Denied("the handle may not write"));
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let space = space(len as u64);
        for _ in 0..MOST_ROUNDS {
            let stamp = clock::monotonic().max(writer.last_stamp + 1);
            writer.check_alive(stamp)?;
            writer.check_budget(space, self.traits.budget)?;
            let Some(link) = writer.links.last_mut() else {
                match self.begin(&mut writer, stamp, message)? {
                    true => return Ok(len),
                    false => continue,
                }
            };
            link.ring.publish_cpu(cpu::current());
            match link.ring.push(stamp, message) {
                Ok(rings) => {
                    writer.last_stamp = stamp;
                    if rings {
                        writer.ring_bell()?;
                    }
                    return Ok(len);
                }
                Err(PushError::NoRoom) => match self.begin(&mut writer, stamp, message)? {
                    true => return Ok(len),
                    false => continue,
                },
                Err(PushError::Retired) => drop(writer.links.pop()),
                Err(PushError::Closed) => return Err(writer.end()),
                Err(PushError::Violation) => return Err(Reason::Damaged("the server's words in the ring")),
            }
        }
        Err(Reason::TooManyWriters)
    }

    /// Sends a new ring to the server with this message in it. `false`: the server has turned this writer away.
    #[cold]
    fn begin(&self, writer: &mut Writer, stamp: u64, message: &[u8]) -> std::result::Result<bool, Reason> {
        let budget = self.traits.budget.next_power_of_two();
        let grown = if writer.ring == 0 { FIRST_RING } else { writer.ring * GROWTH };
        let capacity =
            space(message.len() as u64).next_power_of_two().max(grown.min(budget)).max(SMALLEST_CAPACITY);
        const MAKE: &str = "make the writer's memory";
        let whole = usize::try_from(layout::size(capacity))
            .map_err(|_| Reason::System { step: MAKE, source: std::io::ErrorKind::OutOfMemory.into() })?;
        let file = memfd::create_sealed("ennead-mailslot", whole).map_err(Reason::system(MAKE))?;
        let memory = Mapping::new(&file, whole).map_err(Reason::system(MAKE))?;
        let mut ring = RingWriter::begin(memory, capacity);
        ring.publish_cpu(cpu::current());
        if ring.push(stamp, message).is_err() {
            return Err(Reason::Damaged("the writer's own memory"));
        }
        let connection = match Connection::to(&self.folder.path(&self.socket)) {
            Ok(connection) => connection,
            Err(ConnectError::Full) => return Err(Reason::TooManyWriters),
            Err(ConnectError::Denied) => return Err(Reason::Denied("the rights of the mailslot's socket")),
            Err(ConnectError::Refused) => return Err(writer.end()),
            Err(ConnectError::Missing) => {
                self.place.forget_folders();
                return Err(writer.end());
            }
            Err(ConnectError::Other(source)) => {
                return Err(Reason::System { step: "connect to the mailslot's server", source });
            }
        };
        let hello = Handshake { access: self.granted.0, pid: process::id() }.encode();
        use std::os::fd::AsFd as _;
        match connection.send(&hello, &[file.as_fd()]) {
            Ok(()) => {}
            Err(error) if socket::is_too_many_in_flight(&error) => return Err(Reason::TooManyWriters),
            Err(error) if is_hang_up(&error) => return Ok(false),
            Err(source) => return Err(Reason::System { step: "send the handshake", source }),
        }
        writer.ring = capacity;
        writer.last_stamp = stamp;
        writer.last_alive = stamp;
        writer.links.push(Link { ring, connection });
        Ok(true)
    }

    /// The slot's name.
    #[must_use]
    pub fn name(&self) -> &SlotName {
        &self.name
    }

    /// What its creator chose.
    #[must_use]
    pub fn traits(&self) -> Traits {
        self.traits
    }

    /// In which namespace it is.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The rights of the handle.
    #[must_use]
    pub fn granted(&self) -> AccessMask {
        self.granted
    }
}

impl Writer {
    /// An error if the server is gone, as far as it is known. Costs a system call once a millisecond.
    #[inline]
    fn check_alive(&mut self, now: u64) -> std::result::Result<(), Reason> {
        if self.gone {
            return Err(Reason::Gone);
        }
        if now.wrapping_sub(self.last_alive) > ALIVE_FOR {
            return self.ask_alive(now);
        }
        Ok(())
    }

    #[cold]
    fn ask_alive(&mut self, now: u64) -> std::result::Result<(), Reason> {
        if let Some(link) = self.links.last()
            && link.is_hung_up()
        {
            match link.ring.ended() {
                Some(PushError::Retired) => drop(self.links.pop()),
                _ => return Err(self.end()),
            }
        }
        self.last_alive = now;
        Ok(())
    }

    /// An error if so many bytes more would be more than the budget, and something is unread.
    #[inline]
    fn check_budget(&mut self, space: u64, budget: u64) -> std::result::Result<(), Reason> {
        if let [link] = &self.links[..]
            && link.ring.known_unread() + space <= budget
        {
            return Ok(());
        }
        self.look_at_budget(space, budget)
    }

    #[cold]
    fn look_at_budget(&mut self, space: u64, budget: u64) -> std::result::Result<(), Reason> {
        const DAMAGED: Reason = Reason::Damaged("the server's words in the ring");
        let (mut unread, last) = (0, self.links.len().saturating_sub(1));
        let mut at = 0;
        let mut result = Ok(());
        self.links.retain_mut(|link| {
            let rest = link.ring.unread();
            let is_last = at == last;
            at += 1;
            match rest {
                Ok(rest) => {
                    // What is unread of a server that is gone stays so.
                    unread += rest;
                    is_last || rest > 0
                }
                Err(_) => {
                    result = Err(DAMAGED);
                    true
                }
            }
        });
        result?;
        if unread > 0 && unread + space > budget {
            return Err(Reason::Full { budget });
        }
        Ok(())
    }

    fn ring_bell(&mut self) -> std::result::Result<(), Reason> {
        let Some(link) = self.links.last() else { return Ok(()) };
        match link.connection.send(&[1], &[]) {
            Err(error) if is_hang_up(&error) => match link.ring.ended() {
                // It was read before, or will be: the server takes its last look after it has closed the ring.
                Some(PushError::Retired) => {
                    self.links.pop();
                    Ok(())
                }
                _ => Err(self.end()),
            },
            // As many rings as there can be wait there already; anything else is the server's to notice at its next look.
            _ => Ok(()),
        }
    }

    fn end(&mut self) -> Reason {
        self.gone = true;
        self.links.clear();
        Reason::Gone
    }
}

impl Link {
    fn is_hung_up(&self) -> bool {
        let mut watches = [Watch::new(&self.connection, Interest::Readable)];
        // The server never says anything.
        poll::wait(&mut watches, Some(Instant::now())).unwrap_or(false)
    }
}

fn is_hang_up(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotConnected};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected | ConnectionRefused)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}
