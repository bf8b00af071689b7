//! How a mailslot is created.

use ennead_namespace::{CreateOptions, Created, Kind, Name};
use ennead_security::SecurityDescriptor;
use ennead_sys::process;
use ennead_sys::socket::Listener;

use crate::body::{self, Body, ReadTimeout, SERVER, Traits};
use crate::error::{During, Operation, Reason, Result};
use crate::hall::Hall;
use crate::name::{Reach, SlotName};
use crate::place::Place;
use crate::ring;
use crate::security;
use crate::slot::Mailslot;

/// How many bytes of a client may be unread, unless said otherwise: 1 MiB.
pub const DEFAULT_BUDGET: u64 = 1 << 20;
/// The most that may be said: 1 GiB.
pub const LARGEST_BUDGET: u64 = 1 << 30;

/// How many writers may wait for the server's first read.
const PENDING_WRITERS: u32 = 4096;

/// How a mailslot is created (`CreateMailslot`). The default: messages of any size, reads wait for ever, only the creator, the
/// administrators and the system may write, 1 MiB unread a client.
#[derive(Clone, Debug)]
pub struct MailslotOptions {
    traits: Traits,
    security: Option<SecurityDescriptor>,
    place: Option<Place>,
    most_writers: usize,
}

impl Default for MailslotOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl MailslotOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        let traits = Traits { max_message: 0, read_timeout: ReadTimeout::Forever, budget: DEFAULT_BUDGET };
        Self { traits, security: None, place: None, most_writers: 4096 }
    }

    /// The most bytes of a message (*nMaxMessageSize*); 0: any.
    #[must_use]
    pub const fn max_message(mut self, bytes: u32) -> Self {
        self.traits.max_message = bytes;
        self
    }

    /// How long a read waits (*lReadTimeout*).
    #[must_use]
    pub const fn read_timeout(mut self, timeout: ReadTimeout) -> Self {
        self.traits.read_timeout = timeout;
        self
    }

    /// How many bytes of each client may be unread before its writes fail with ERROR_NOT_ENOUGH_QUOTA. Each message counts 16
    /// bytes more than it is long, and is padded to 8. At most [`LARGEST_BUDGET`].
    #[must_use]
    pub const fn budget(mut self, bytes: u64) -> Self {
        self.traits.budget = bytes;
        self
    }

    /// Who may write (*lpSecurityAttributes*): whoever is granted GENERIC_WRITE, as by `(A;;GW;;;WD)`. The creator needs
    /// GENERIC_ALL, or nobody can remove the slot's file after a kill.
    #[must_use]
    pub fn security(mut self, descriptor: &SecurityDescriptor) -> Self {
        self.security = Some(descriptor.clone());
        self
    }

    /// How many writers are kept at the same time, each with a descriptor while it lives; 4,096 if not said, and as many as the
    /// process may have descriptors. Past that idle ones are sent away, unnoticed by their users.
    #[must_use]
    pub const fn most_writers(mut self, writers: usize) -> Self {
        self.most_writers = if writers == 0 { 1 } else { writers };
        self
    }

    /// Other namespaces than the process's own.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Creates the mailslot. It exists until this value is dropped.
    ///
    /// # Errors
    /// ERROR_ALREADY_EXISTS if there is one of that name; ERROR_INVALID_NAME if it is not of the form `\\.\mailslot\[path\]name`;
    /// ERROR_INVALID_PARAMETER for a budget of 0 or past [`LARGEST_BUDGET`].
    ///
    /// Page: [CreateMailslot](https://learn.microsoft.com/windows/win32/api/winbase/nf-winbase-createmailslotw).
    pub fn create(&self, name: &str) -> Result<Mailslot> {
        self.make(name).during(Operation::Create)
    }

    fn make(&self, name: &str) -> std::result::Result<Mailslot, Reason> {
        let name = SlotName::parse(name).map_err(Reason::Name)?;
        if *name.reach() != Reach::Here {
            return Err(Reason::Name(crate::name::NameError::Prefix));
        }
        if !(1..=LARGEST_BUDGET).contains(&self.traits.budget) {
            return Err(Reason::Parameter("a mailslot's budget is at least 1 byte and at most 1 GiB"));
        }
        let place = match &self.place {
            Some(place) => place.clone(),
            None => Place::of_process()?,
        };
        let descriptor = self.security.clone().unwrap_or_else(security::default_descriptor);
        let protection = security::protection(&descriptor);
        let uid = process::effective_uid();
        let mut body = Body { traits: self.traits, token: 0, uid, pid: process::id() };
        let wide = Name::new(name.as_str()).map_err(|_| Reason::Name(crate::name::NameError::Empty))?;
        let initial = body.encode();
        let options = CreateOptions::new(&protection)
            .body(body::TAG, body::VERSION, body::LEN as u64)
            .initial(&initial)
            .slot(SERVER)
            .exclusive();
        let (scope, created) =
            place.roots().create_entry(Kind::MAILSLOT, &wide, &options).map_err(Reason::from_entry)?;
        let Created::New(entry) = created else { return Err(Reason::Exists) };
        let root = place.roots().of(scope).ok_or(Reason::NotFound)?;
        let sockets = root.own_sockets(Kind::MAILSLOT).map_err(Reason::Namespace)?;
        let socket = sockets.new_name(&entry, SERVER).map_err(Reason::Namespace)?;
        let listener = Listener::bind(&sockets.path(&socket)).map_err(Reason::system("bind a socket"))?;
        let opened = sockets.protect(&socket, &protection).map_err(Reason::Namespace).and_then(|()| {
            listener.admit(PENDING_WRITERS).map_err(Reason::system("listen"))?;
            body::publish_socket(&entry, socket.token).map_err(Reason::system("write the mailslot's entry"))
        });
        if let Err(reason) = opened {
            let _ = sockets.remove(&socket);
            return Err(reason);
        }
        body.token = socket.token;
        let hall = Hall::new(
            listener,
            descriptor.clone(),
            self.largest_ring(),
            self.longest_message(),
            self.most_writers,
        )?;
        Ok(Mailslot::new(hall, entry, sockets, socket, body.traits, descriptor, name))
    }

    fn longest_message(&self) -> u64 {
        match self.traits.max_message {
            0 => u32::MAX.into(),
            most => most.into(),
        }
    }

    /// The largest ring that a client has a reason for.
    fn largest_ring(&self) -> u64 {
        match self.traits.max_message {
            0 => ring::LARGEST_CAPACITY,
            most => ring::space(u64::from(most))
                .max(self.traits.budget)
                .next_power_of_two()
                .max(ring::SMALLEST_CAPACITY * 64),
        }
    }
}
