//! `kernel-pipe`: one kernel pipe each way, found by name as FIFOs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use super::byte_stream::ByteStream;
use super::{Connection, Listener, Peer, Prepared, Shape};
use crate::placement::Placement;
use crate::plan::Workload;

pub struct KernelPipe;

impl Peer for KernelPipe {
    fn name(&self) -> &'static str {
        "kernel-pipe"
    }

    fn lacks(&self, workload: Workload, placement: Placement) -> Option<&'static str> {
        (matches!(workload, Workload::Connect | Workload::Instances5000)
            || placement == Placement::HundredIdle)
            .then_some("a kernel pipe has no server to connect to")
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        for name in [TO_SERVER, TO_CLIENT] {
            mknodat(CWD, place.join(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
        }
        // Opened without waiting: the client cannot have come yet. The flag is taken off again before use.
        let reader = OpenOptions::new()
            .read(true)
            .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
            .open(place.join(TO_SERVER))?;
        Ok(Box::new(Listening { place: place.to_owned(), reader: Some(reader), shape: *shape }))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        let writer = OpenOptions::new().write(true).open(place.join(TO_SERVER))?;
        let reader = File::open(place.join(TO_CLIENT))?;
        Ok(Box::new(ByteStream::new(reader, writer, shape)))
    }
}

const TO_SERVER: &str = "to-server";
const TO_CLIENT: &str = "to-client";

struct Listening {
    place: std::path::PathBuf,
    reader: Option<File>,
    shape: Shape,
}

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let Some(reader) = self.reader.take() else { return Prepared(None).accept() };
        // Waits until the client opens its reading end, which it does after its writing end.
        let writer = OpenOptions::new().write(true).open(self.place.join(TO_CLIENT))?;
        let flags = rustix::fs::fcntl_getfl(&reader)?;
        rustix::fs::fcntl_setfl(&reader, flags - OFlags::NONBLOCK)?;
        Ok(Box::new(ByteStream::new(reader, writer, &self.shape)))
    }
}
