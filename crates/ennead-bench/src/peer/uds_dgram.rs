//! `uds-dgram`: AF_UNIX datagram sockets, one that receives and any number that send, used with plain send and recv.

use std::os::fd::OwnedFd;
use std::path::Path;

use anyhow::{Result, ensure};
use rustix::net::{RecvFlags, SendFlags, SocketType, recv, send};

use super::{Connection, Listener, Peer, Prepared, Shape, unix_address};
use crate::placement::Placement;
use crate::plan::{Mechanism, Workload};

pub struct UdsDgram;

impl Peer for UdsDgram {
    fn name(&self) -> &'static str {
        "uds-dgram"
    }

    fn lacks(&self, workload: Workload, _placement: Placement) -> Option<&'static str> {
        (workload.mechanism() != Mechanism::Mailslot).then_some("datagrams have no end")
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        let socket = unix_address::bound(place, SocketType::DGRAM)?;
        Ok(Box::new(Prepared(Some(Box::new(Datagrams { socket, writes: false })))))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        let socket = unix_address::connected(place, SocketType::DGRAM)?;
        Ok(Box::new(Datagrams { socket, writes: true }))
    }
}

struct Datagrams {
    socket: OwnedFd,
    writes: bool,
}

impl Connection for Datagrams {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        let sent = rustix::io::retry_on_intr(|| send(&self.socket, message, SendFlags::NOSIGNAL))?;
        ensure!(sent == message.len(), "a message of {} bytes was cut to {sent}", message.len());
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Ok(rustix::io::retry_on_intr(|| recv(&self.socket, &mut *buffer, RecvFlags::empty()))?.0)
    }
}

impl Drop for Datagrams {
    /// A writer ends with an empty message. If it cannot be sent, the receiver's time runs out, and says so.
    fn drop(&mut self) {
        if self.writes {
            let _ = send(&self.socket, &[], SendFlags::NOSIGNAL);
        }
    }
}
