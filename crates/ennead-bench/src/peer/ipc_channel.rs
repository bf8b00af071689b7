//! `ipc-channel`: two of the crate's byte channels, introduced through its one-shot server.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ipc_channel::ipc::{self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender};

use super::{Connection, Listener, Peer, Shape};
use crate::placement::Placement;
use crate::plan::Workload;

pub struct IpcChannel;

type Introduction = (IpcBytesSender, IpcBytesReceiver);

impl Peer for IpcChannel {
    fn name(&self) -> &'static str {
        "ipc-channel"
    }

    fn lacks(&self, workload: Workload, _placement: Placement) -> Option<&'static str> {
        matches!(workload, Workload::Connect | Workload::Instances5000)
            .then_some("its server takes one client only; there is no name to connect to again")
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        let (server, name) = IpcOneShotServer::<Introduction>::new()?;
        fs::write(place.join("name"), name)?;
        Ok(Box::new(Listening(Some(server))))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        let server = IpcSender::<Introduction>::connect(fs::read_to_string(place.join("name"))?)?;
        let (to_server, from_client) = ipc::bytes_channel()?;
        let (to_client, from_server) = ipc::bytes_channel()?;
        server.send((to_client, from_client))?;
        Ok(Box::new(Channels { sender: to_server, receiver: from_server }))
    }
}

struct Listening(Option<IpcOneShotServer<Introduction>>);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let server = self.0.take().context("its server takes one client only")?;
        let (_, (sender, receiver)) = server.accept()?;
        Ok(Box::new(Channels { sender, receiver }))
    }
}

struct Channels {
    sender: IpcBytesSender,
    receiver: IpcBytesReceiver,
}

impl Connection for Channels {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.sender.send(message)?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let message = match self.receiver.recv() {
            Ok(message) => message,
            Err(ipc_channel::IpcError::Disconnected) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        ensure!(
            message.len() <= buffer.len(),
            "a message of {} bytes, expected {}",
            message.len(),
            buffer.len()
        );
        buffer[..message.len()].copy_from_slice(&message);
        Ok(message.len())
    }
}
