//! `ennead-channel`: the connection below a named pipe, introduced over a bare socket. Not a peer but a diagnosis: what a
//! pipe costs above this is the pipe's own (`--ours ennead-channel`).

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use ennead_channel::{Endpoint, Limits, Parameters, PeerParts, ReadError, ReadMode, Wait};
use ennead_sys::poll::{self, Interest, Watch};
use ennead_sys::socket::{Connection as Socket, Listener as SocketListener, most_waiting};

use super::{Connection, Framing, Listener, Peer, Shape};

pub struct EnneadChannel;

/// The ring each way, in bytes: that of a pipe with default quotas.
const CAPACITY: u32 = 1 << 18;

impl Peer for EnneadChannel {
    fn name(&self) -> &'static str {
        "ennead-channel"
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        let listener = SocketListener::bind(&place.join("socket"))?;
        listener.admit(most_waiting())?;
        Ok(Box::new(Listening(listener, *shape)))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        let socket = Socket::to(&place.join("socket")).map_err(|error| anyhow!("{error:?}"))?;
        let framing = match shape.framing {
            Framing::Bytes => ennead_channel::Framing::Bytes,
            Framing::Messages => ennead_channel::Framing::Messages,
        };
        let parameters = Parameters { framing, capacity_to_server: CAPACITY, capacity_to_client: CAPACITY };
        let (endpoint, parts) = ennead_channel::create(&parameters)?;
        socket.send(b"channel", &parts.as_fds())?;
        Ok(Box::new(End::new(endpoint, shape)))
    }
}

struct Listening(SocketListener, Shape);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let socket = loop {
            match self.0.accept()? {
                Some(socket) => break socket,
                None => wait_for(&self.0)?,
            };
        };
        let mut bytes = [0; 8];
        let message = loop {
            match socket.receive(&mut bytes)? {
                Some(message) => break message,
                None => wait_for(&socket)?,
            };
        };
        let descriptors: [OwnedFd; PeerParts::COUNT] = message
            .descriptors
            .try_into()
            .map_err(|_| anyhow!("a client sent another number of descriptors"))?;
        let endpoint = Endpoint::accept(PeerParts::from_fds(descriptors), &Limits::default())
            .context("a client's parts were refused")?;
        Ok(Box::new(End::new(endpoint, &self.1)))
    }
}

fn wait_for(socket: &impl AsFd) -> Result<()> {
    poll::wait(&mut [Watch::new(socket, Interest::Readable)], None)?;
    Ok(())
}

struct End {
    endpoint: Endpoint,
    mode: ReadMode,
}

impl End {
    fn new(endpoint: Endpoint, shape: &Shape) -> Self {
        let mode = match shape.framing {
            Framing::Bytes => ReadMode::Byte,
            Framing::Messages => ReadMode::Message,
        };
        Self { endpoint, mode }
    }
}

impl Connection for End {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.endpoint.write(message, Wait::Forever)?;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        match self.endpoint.read(buffer, self.mode, Wait::Forever) {
            Ok(received) => {
                ensure!(
                    received.left_in_message == 0,
                    "a message is {} bytes too long",
                    received.left_in_message
                );
                Ok(received.bytes)
            }
            Err(ReadError::Ended) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
