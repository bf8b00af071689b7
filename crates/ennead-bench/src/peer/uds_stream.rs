//! `uds-stream`: AF_UNIX byte-stream sockets, used through the standard library.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use anyhow::Result;
use rustix::net::SocketType;

use super::byte_stream::ByteStream;
use super::{Connection, Listener, Peer, Shape, unix_address};

pub struct UdsStream;

impl Peer for UdsStream {
    fn name(&self) -> &'static str {
        "uds-stream"
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        // The standard library's own bind has a fixed backlog of 128 on some targets.
        let socket = unix_address::listening(place, SocketType::STREAM)?;
        Ok(Box::new(Listening(UnixListener::from(socket), *shape)))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        Ok(connection(UnixStream::connect(place.join("socket"))?, shape))
    }
}

struct Listening(UnixListener, Shape);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        Ok(connection(self.0.accept()?.0, &self.1))
    }
}

fn connection(stream: UnixStream, shape: &Shape) -> Box<dyn Connection> {
    Box::new(ByteStream::of_both_ways(stream, shape))
}
