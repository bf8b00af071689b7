//! The contenders: ours and the peers. A workload sees each of them as a [`Connection`] and nothing more.

mod byte_stream;
mod ennead;
mod ennead_channel;
mod ennead_mailslot;
mod eventfd;
mod futex;
mod iceoryx2;
mod interprocess;
mod ipc_channel;
mod kernel_pipe;
mod memory;
mod shared_word;
mod spin;
mod tokio_uds;
mod uds_dgram;
mod uds_seqpacket;
mod uds_stream;
mod unix_address;
pub mod wine;

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::placement::Placement;
use crate::plan::Workload;

/// How the bytes of a connection are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Framing {
    /// A stream; a receive gives what is there.
    Bytes,
    /// Messages of one fixed size; a receive gives one whole message.
    Messages,
}

/// What a workload needs of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How the bytes are cut.
    pub framing: Framing,
    /// The length in bytes of every message, or of every write to a stream.
    pub length: usize,
    /// Where the ends run: the placement tells a peer that can either spin or sleep which one suits.
    pub placement: Placement,
    /// How many connections to one server the workload holds at the same time.
    pub connections: usize,
    /// Whether the server serves many clients, one after the other.
    pub in_turn: bool,
    /// How many write to one that reads; 0 for workloads over connections.
    pub writers: usize,
}

/// One end of a connection. Dropping it tells the other end that nothing more comes; what was sent stays readable.
pub trait Connection {
    /// Sends the whole of `message`, waiting for room.
    ///
    /// # Errors
    /// The peer is gone, or the mechanism failed.
    fn send(&mut self, message: &[u8]) -> Result<()>;

    /// Waits for bytes and copies them out: one whole message, or what a stream has. 0 is the end.
    ///
    /// # Errors
    /// The mechanism failed, or, for those that tell it from an orderly end, the peer is gone.
    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

/// A place where connections arrive.
pub trait Listener {
    /// Waits for the next client.
    ///
    /// # Errors
    /// The mechanism failed.
    fn accept(&mut self) -> Result<Box<dyn Connection>>;
}

/// A mechanism under measurement.
pub trait Peer: Sync {
    /// The name in the report.
    fn name(&self) -> &'static str;

    /// Why this mechanism cannot run a workload there, if it cannot.
    fn lacks(&self, _workload: Workload, _placement: Placement) -> Option<&'static str> {
        None
    }

    /// Whether it only wakes the other end, and moves no payload.
    fn is_bare(&self) -> bool {
        false
    }

    /// Begins to listen below the empty directory `place`. A client may connect once this has returned.
    ///
    /// # Errors
    /// The mechanism failed.
    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>>;

    /// Connects to the server that listens in `place`.
    ///
    /// # Errors
    /// The mechanism failed.
    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>>;
}

/// Every contender that is built into this program, Wine's excepted: its program is another one, [`wine`].
static BUILT_IN: &[&dyn Peer] = &[
    &ennead::Ennead,
    &ennead_channel::EnneadChannel,
    &uds_dgram::UdsDgram,
    &uds_seqpacket::UdsSeqpacket,
    &uds_stream::UdsStream,
    &kernel_pipe::KernelPipe,
    &eventfd::EventFd,
    &futex::Futex,
    &spin::Spin,
    &interprocess::Interprocess,
    &ipc_channel::IpcChannel,
    &iceoryx2::Iceoryx2,
    &tokio_uds::TokioUds,
    &memory::Memory("shm-open"),
    &memory::Memory("shared_memory"),
    &memory::Memory("memcpy"),
    &memory::Memory("pthread-robust"),
    &memory::Memory("epoll"),
];

/// Finds a built-in contender.
///
/// # Errors
/// There is none of that name; the error names those that there are.
pub fn named(name: &str) -> Result<&'static dyn Peer> {
    match BUILT_IN.iter().find(|peer| peer.name() == name) {
        Some(peer) => Ok(*peer),
        None => bail!("no contender is called {name:?}; there are {}", names().join(", ")),
    }
}

/// The names of the built-in contenders.
#[must_use]
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|peer| peer.name()).collect()
}

/// A listener for mechanisms that make exactly one connection: it hands out what was prepared.
struct Prepared(Option<Box<dyn Connection>>);

impl Listener for Prepared {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        match self.0.take() {
            Some(connection) => Ok(connection),
            None => bail!("this mechanism makes one connection only"),
        }
    }
}
