//! `eventfd`: one eventfd each way, a bare wake-up: the floor of whatever wakes through a descriptor of its own.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Result, bail};
use rustix::event::EventfdFlags;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, accept_with, recvmsg, sendmsg,
};

use super::{Connection, Listener, Peer, Shape, unix_address};

pub struct EventFd;

impl Peer for EventFd {
    fn name(&self) -> &'static str {
        "eventfd"
    }

    fn is_bare(&self) -> bool {
        true
    }

    fn listen(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Listener>> {
        Ok(Box::new(Listening(unix_address::listening(place, SocketType::SEQPACKET)?)))
    }

    fn connect(&self, place: &Path, _shape: &Shape) -> Result<Box<dyn Connection>> {
        let socket = unix_address::connected(place, SocketType::SEQPACKET)?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(&socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut received = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
            _ => None,
        });
        let mut descriptors = received.next().into_iter().flatten();
        match (descriptors.next(), descriptors.next()) {
            (Some(rings), Some(listens)) => Ok(Box::new(Bells { rings, listens })),
            _ => bail!("the server sent no pair of eventfds"),
        }
    }
}

struct Listening(OwnedFd);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let socket = accept_with(&self.0, SocketFlags::CLOEXEC)?;
        let to_server = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let to_client = rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?;
        let descriptors = [to_server.as_fd(), to_client.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            bail!("two descriptors do not fit a control message")
        }
        sendmsg(&socket, &[IoSlice::new(&[0])], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(Box::new(Bells { rings: to_client, listens: to_server }))
    }
}

/// An eventfd to ring and one to wait on.
struct Bells {
    rings: OwnedFd,
    listens: OwnedFd,
}

/// What the counter grows by for "ring" and for "nothing more comes".
const RING: u64 = 1;
const END: u64 = 1 << 32;

impl Connection for Bells {
    fn send(&mut self, _message: &[u8]) -> Result<()> {
        rustix::io::write(&self.rings, &RING.to_ne_bytes())?;
        Ok(())
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> Result<usize> {
        let mut count = [0; 8];
        rustix::io::read(&self.listens, &mut count)?;
        Ok(if u64::from_ne_bytes(count) >= END { 0 } else { 1 })
    }
}

impl Drop for Bells {
    fn drop(&mut self) {
        // The other end may be gone; there is nobody left to tell then.
        let _ = rustix::io::write(&self.rings, &END.to_ne_bytes());
    }
}
