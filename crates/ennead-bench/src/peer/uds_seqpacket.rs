//! `uds-seqpacket`: AF_UNIX sockets that keep message boundaries, used with plain send and recv.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Result, ensure};
use rustix::net::{RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, recv, send};

use super::{Connection, Listener, Peer, Shape, unix_address};

pub struct UdsSeqpacket;

impl Peer for UdsSeqpacket {
    fn name(&self) -> &'static str {
        "uds-seqpacket"
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        Ok(Box::new(Listening(unix_address::listening(place, SocketType::SEQPACKET)?)))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        Ok(Box::new(Seqpacket(unix_address::connected(place, SocketType::SEQPACKET)?)))
    }
}

struct Listening(OwnedFd);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        Ok(Box::new(Seqpacket(accept_with(&self.0, SocketFlags::CLOEXEC)?)))
    }
}

struct Seqpacket(OwnedFd);

impl Connection for Seqpacket {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        let sent = rustix::io::retry_on_intr(|| send(&self.0, message, SendFlags::NOSIGNAL))?;
        ensure!(sent == message.len(), "a message of {} bytes was cut to {sent}", message.len());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Ok(rustix::io::retry_on_intr(|| recv(&self.0, &mut *buffer, RecvFlags::empty()))?.0)
    }
}
