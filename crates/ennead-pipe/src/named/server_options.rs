//! How instances are created.

use ennead_namespace::Name;
use ennead_security::{AccessMask, SecurityDescriptor};
use ennead_sys::owned_lock::OwnedLock;

use super::end::{self, HandleModes};
use super::error::{During, Operation, Reason, Result};
use super::layout::{Traits, UNLIMITED};
use super::modes::{Direction, Modes, PipeType, ReadMode, WaitMode};
use super::name::PipeName;
use super::place::Place;
use super::server::{Instance, Link};
use super::service::{Request, Service};

/// How a pipe instance is created (`CreateNamedPipe`). The default: duplex, byte type, byte-read, blocking, unlimited
/// instances, quotas and time-out of the system, the default security descriptor.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    traits: Traits,
    modes: Modes,
    first: bool,
    write_through: bool,
    descriptor: Option<SecurityDescriptor>,
    place: Option<Place>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What `CreateNamedPipe` makes of a default time-out of 0.
const DEFAULT_TIMEOUT: u32 = 50;

impl ServerOptions {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            traits: Traits {
                pipe_type: PipeType::Byte,
                direction: Direction::Duplex,
                max_instances: UNLIMITED,
                default_timeout: DEFAULT_TIMEOUT,
                out_quota: 0,
                in_quota: 0,
                reject_remote: false,
            },
            modes: Modes { read: ReadMode::Byte, wait: WaitMode::Wait },
            first: false,
            write_through: false,
            descriptor: None,
            place: None,
        }
    }

    /// Which way data goes (`PIPE_ACCESS_*`).
    #[must_use]
    pub const fn direction(mut self, direction: Direction) -> Self {
        self.traits.direction = direction;
        self
    }

    /// How data is written (`PIPE_TYPE_*`).
    #[must_use]
    pub const fn pipe_type(mut self, pipe_type: PipeType) -> Self {
        self.traits.pipe_type = pipe_type;
        self
    }

    /// How the server's handle reads (`PIPE_READMODE_*`).
    #[must_use]
    pub const fn read_mode(mut self, mode: ReadMode) -> Self {
        self.modes.read = mode;
        self
    }

    /// Whether the server's handle waits (`PIPE_WAIT`, `PIPE_NOWAIT`).
    #[must_use]
    pub const fn wait_mode(mut self, mode: WaitMode) -> Self {
        self.modes.wait = mode;
        self
    }

    /// Message type and message-read mode together.
    #[must_use]
    pub const fn messages(self) -> Self {
        self.pipe_type(PipeType::Message).read_mode(ReadMode::Message)
    }

    /// How many instances there may be: 1 to 254, or 255 for as many as the system bears.
    #[must_use]
    pub const fn max_instances(mut self, most: u32) -> Self {
        self.traits.max_instances = most;
        self
    }

    /// Only the first instance of the pipe is created (`FILE_FLAG_FIRST_PIPE_INSTANCE`).
    #[must_use]
    pub const fn first_instance(mut self, first: bool) -> Self {
        self.first = first;
        self
    }

    /// The quotas in bytes: what the server can write (*nOutBufferSize*) and what the client can write
    /// (*nInBufferSize*) before it must wait for the reader; 0 for the system's. A larger write streams through.
    #[must_use]
    pub const fn quotas(mut self, out: u32, inward: u32) -> Self {
        self.traits.out_quota = out;
        self.traits.in_quota = inward;
        self
    }

    /// What `WaitNamedPipe` waits when told to use the default, in milliseconds; 0 for the system's 50.
    #[must_use]
    pub const fn default_timeout(mut self, millis: u32) -> Self {
        self.traits.default_timeout = if millis == 0 { DEFAULT_TIMEOUT } else { millis };
        self
    }

    /// Whether clients from other computers are refused (`PIPE_REJECT_REMOTE_CLIENTS`).
    #[must_use]
    pub const fn reject_remote_clients(mut self, reject: bool) -> Self {
        self.traits.reject_remote = reject;
        self
    }

    /// `FILE_FLAG_WRITE_THROUGH`: matters between computers only; kept.
    #[must_use]
    pub const fn write_through(mut self, through: bool) -> Self {
        self.write_through = through;
        self
    }

    /// The security descriptor, for the first instance.
    #[must_use]
    pub fn security(mut self, descriptor: SecurityDescriptor) -> Self {
        self.descriptor = Some(descriptor);
        self
    }

    /// Other namespaces than the process's own.
    #[must_use]
    pub fn place(mut self, place: &Place) -> Self {
        self.place = Some(place.clone());
        self
    }

    /// Creates an instance. It listens at once: a client can connect before [`Instance::connect`] is called.
    ///
    /// # Errors
    /// ERROR_INVALID_NAME; ERROR_INVALID_PARAMETER for a maximum outside 1 to 255 or message-read mode of a byte-type
    /// pipe; ERROR_ACCESS_DENIED if the pipe exists and a first instance was asked for, or it has another type, direction,
    /// maximum or default time-out, or its descriptor does not grant FILE_CREATE_PIPE_INSTANCE; ERROR_PIPE_BUSY if as
    /// many instances exist as may.
    ///
    /// Page: [CreateNamedPipe](https://learn.microsoft.com/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew).
    pub fn create(&self, name: &str) -> Result<Instance> {
        self.create_instance(name).during(Operation::Create)
    }

    fn create_instance(&self, name: &str) -> std::result::Result<Instance, Reason> {
        let name = PipeName::parse(name).map_err(Reason::Name)?;
        if name.host().is_some() {
            return Err(Reason::Parameter("a pipe cannot be created on another computer"));
        }
        if !(1..=UNLIMITED).contains(&self.traits.max_instances) {
            return Err(Reason::Parameter("there may be 1 to 254 instances, or 255 for any number"));
        }
        end::check_modes(self.modes, self.traits.pipe_type)?;
        let mut access = AccessMask::SYNCHRONIZE;
        if self.traits.direction.to_server() {
            access |= AccessMask::FILE_GENERIC_READ;
        }
        if self.traits.direction.to_client() {
            access |= AccessMask::FILE_GENERIC_WRITE;
        }
        let place = match &self.place {
            Some(place) => place.clone(),
            None => Place::of_process()?,
        };
        let wide = Name::new(name.as_str()).map_err(|_| Reason::Parameter("the name is too long"))?;
        let request = Request {
            name: &wide,
            local: name.is_local(),
            traits: self.traits,
            descriptor: self.descriptor.as_ref(),
            first: self.first,
            access,
        };
        let service = Service::admit(place.roots(), &request)?;
        if let Err(reason) = service.door.offer() {
            service.forget_instance();
            return Err(reason);
        }
        Ok(Instance {
            link: OwnedLock::new(Link::Listening),
            modes: HandleModes::new(self.modes),
            granted: access,
            quotas: (self.traits.out_quota, self.traits.in_quota),
            write_through: self.write_through,
            name,
            service,
        })
    }
}
