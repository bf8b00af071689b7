//! `interprocess`: the crate's local sockets (on Linux, AF_UNIX streams).

use std::path::Path;

use anyhow::Result;
use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Listener as LocalListener, ListenerOptions, Stream};

use super::byte_stream::ByteStream;
use super::{Connection, Listener, Peer, Shape};

pub struct Interprocess;

impl Peer for Interprocess {
    fn name(&self) -> &'static str {
        "interprocess"
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        let path = place.join("socket");
        let listener = ListenerOptions::new().name(path.to_fs_name::<GenericFilePath>()?).create_sync()?;
        Ok(Box::new(Listening(listener, *shape)))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        let path = place.join("socket");
        let stream = Stream::connect(path.to_fs_name::<GenericFilePath>()?)?;
        Ok(Box::new(ByteStream::of_both_ways(stream, shape)))
    }
}

struct Listening(LocalListener, Shape);

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        Ok(Box::new(ByteStream::of_both_ways(self.0.accept()?, &self.1)))
    }
}
