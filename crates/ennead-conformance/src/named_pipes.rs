//! Named pipes: `CreateNamedPipe` and what belongs to it.

mod connecting;
mod creating;
mod ending;
mod modes;
mod transfer;

use crate::{Case, GENERIC_READ, GENERIC_WRITE, Outcome, code};

/// PIPE_ACCESS_INBOUND.
pub const INBOUND: u32 = 1;
/// PIPE_ACCESS_OUTBOUND.
pub const OUTBOUND: u32 = 2;
/// PIPE_ACCESS_DUPLEX.
pub const DUPLEX: u32 = 3;
/// FILE_FLAG_FIRST_PIPE_INSTANCE.
pub const FIRST: u32 = 0x0008_0000;
/// PIPE_TYPE_MESSAGE.
pub const TYPE_MESSAGE: u32 = 4;
/// PIPE_READMODE_MESSAGE.
pub const READ_MESSAGE: u32 = 2;
/// PIPE_NOWAIT.
pub const NOWAIT: u32 = 1;
/// FILE_READ_ATTRIBUTES.
pub const READ_ATTRIBUTES: u32 = 0x80;
/// FILE_WRITE_ATTRIBUTES.
pub const WRITE_ATTRIBUTES: u32 = 0x100;
/// PIPE_UNLIMITED_INSTANCES.
pub const UNLIMITED: u32 = 255;

/// The parameters of `CreateNamedPipe` after the name.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// *dwOpenMode*.
    pub open_mode: u32,
    /// *dwPipeMode*.
    pub pipe_mode: u32,
    /// *nMaxInstances*.
    pub max_instances: u32,
    /// *nOutBufferSize* and *nInBufferSize*.
    pub buffers: (u32, u32),
    /// *nDefaultTimeOut*.
    pub timeout: u32,
}

impl Spec {
    /// Duplex, message type, message-read mode, one instance, 4,096 bytes each way.
    pub const MESSAGES: Self = Self {
        open_mode: DUPLEX,
        pipe_mode: TYPE_MESSAGE | READ_MESSAGE,
        max_instances: 1,
        buffers: (4096, 4096),
        timeout: 100,
    };

    /// Duplex, byte type, one instance, 4,096 bytes each way.
    pub const BYTES: Self = Self { pipe_mode: 0, ..Self::MESSAGES };
}

/// What a read took: how many bytes, and whether `ReadFile` said ERROR_MORE_DATA.
pub type Read = (usize, bool);

/// An implementation under test. Every handle closes when it is dropped.
pub trait NamedPipes: Sync {
    /// A server's handle.
    type Server: Sync + Send;
    /// A client's handle.
    type Client: Sync + Send;

    /// `CreateNamedPipe`.
    fn create(&self, name: &str, spec: Spec) -> Outcome<Self::Server>;
    /// `CreateFile`, OPEN_EXISTING.
    fn open(&self, name: &str, access: u32) -> Outcome<Self::Client>;
    /// `WaitNamedPipe`.
    fn wait(&self, name: &str, millis: u32) -> Outcome<()>;
    /// `CallNamedPipe`.
    fn call(&self, name: &str, request: &[u8], reply: &mut [u8], millis: u32) -> Outcome<Read>;

    /// `ConnectNamedPipe`.
    fn connect(&self, server: &Self::Server) -> Outcome<()>;
    /// `DisconnectNamedPipe`.
    fn disconnect(&self, server: &Self::Server) -> Outcome<()>;
    /// `GetNamedPipeClientProcessId`.
    fn client_pid(&self, server: &Self::Server) -> Outcome<u32>;
    /// `GetCurrentProcessId`, of the process that serves and opens.
    fn process_id(&self) -> u32;
    /// `GetNamedPipeServerProcessId`.
    fn server_pid(&self, client: &Self::Client) -> Outcome<u32>;

    /// `ReadFile`.
    fn read(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<Read>;
    /// `WriteFile`.
    fn write(&self, end: End<'_, Self>, data: &[u8]) -> Outcome<usize>;
    /// `PeekNamedPipe`: bytes read, total available, left in this message.
    fn peek(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<(usize, usize, usize)>;
    /// `TransactNamedPipe`.
    fn transact(&self, end: End<'_, Self>, request: &[u8], reply: &mut [u8]) -> Outcome<Read>;
    /// `FlushFileBuffers`.
    fn flush(&self, end: End<'_, Self>) -> Outcome<()>;
    /// `SetNamedPipeHandleState`.
    fn set_state(&self, end: End<'_, Self>, mode: u32) -> Outcome<()>;
    /// `GetNamedPipeHandleState`: the state, the current number of instances.
    fn state(&self, end: End<'_, Self>) -> Outcome<(u32, u32)>;
    /// `GetNamedPipeInfo`: flags, size out, size in, maximum of instances.
    fn info(&self, end: End<'_, Self>) -> Outcome<(u32, u32, u32, u32)>;
}

/// Either end.
#[derive(Debug)]
pub enum End<'a, P: NamedPipes + ?Sized> {
    /// The server's.
    Server(&'a P::Server),
    /// The client's.
    Client(&'a P::Client),
}

impl<P: NamedPipes + ?Sized> Clone for End<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: NamedPipes + ?Sized> Copy for End<'_, P> {}

/// All cases.
#[must_use]
pub fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    [creating::cases(), connecting::cases(), transfer::cases(), modes::cases(), ending::cases()].concat()
}

/// A pipe with a connected client that reads messages.
fn pair<P: NamedPipes>(pipes: &P, name: &str, spec: Spec) -> (P::Server, P::Client) {
    let server = pipes.create(name, spec).expect("create");
    let client = pipes.open(name, client_access(spec)).expect("open");
    if spec.pipe_mode & TYPE_MESSAGE != 0 && spec.open_mode & 3 == DUPLEX {
        pipes.set_state(End::Client(&client), READ_MESSAGE).expect("set the client's read mode");
    }
    (server, client)
}

fn client_access(spec: Spec) -> u32 {
    match spec.open_mode & 3 {
        INBOUND => GENERIC_WRITE,
        OUTBOUND => GENERIC_READ,
        _ => GENERIC_READ | GENERIC_WRITE,
    }
}

/// Reads into a buffer of `len` bytes: what came, and whether there is more of the message.
fn take<P: NamedPipes>(pipes: &P, end: End<'_, P>, len: usize) -> Outcome<(Vec<u8>, bool)> {
    let mut buffer = vec![0; len];
    let (bytes, more) = pipes.read(end, &mut buffer)?;
    buffer.truncate(bytes);
    Ok((buffer, more))
}
