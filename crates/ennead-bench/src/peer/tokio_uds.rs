//! `tokio-uds`: tokio's AF_UNIX streams on a current-thread runtime, one `block_on` an operation, which is how a
//! blocking workload uses them.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::{Builder, Runtime};

use super::{Connection, Framing, Listener, Peer, Shape};

pub struct TokioUds;

fn runtime() -> Result<Arc<Runtime>> {
    thread_local! {
        static RUNTIME: std::cell::OnceCell<Arc<Runtime>> = const { std::cell::OnceCell::new() };
    }
    RUNTIME.with(|cell| {
        if let Some(runtime) = cell.get() {
            return Ok(runtime.clone());
        }
        let runtime = Arc::new(Builder::new_current_thread().enable_io().build()?);
        Ok(cell.get_or_init(|| runtime).clone())
    })
}

impl Peer for TokioUds {
    fn name(&self) -> &'static str {
        "tokio-uds"
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        let runtime = runtime()?;
        let context = runtime.enter();
        let listener = UnixListener::bind(place.join("socket"))?;
        drop(context);
        Ok(Box::new(Listening { runtime, listener, framing: shape.framing }))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        let runtime = runtime()?;
        let stream = runtime.block_on(UnixStream::connect(place.join("socket")))?;
        Ok(Box::new(Connected { runtime, stream, framing: shape.framing }))
    }
}

struct Listening {
    runtime: Arc<Runtime>,
    listener: UnixListener,
    framing: Framing,
}

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let (stream, _) = self.runtime.block_on(self.listener.accept())?;
        Ok(Box::new(Connected { runtime: self.runtime.clone(), stream, framing: self.framing }))
    }
}

struct Connected {
    runtime: Arc<Runtime>,
    stream: UnixStream,
    framing: Framing,
}

impl Connection for Connected {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.runtime.block_on(self.stream.write_all(message))?)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (stream, framing) = (&mut self.stream, self.framing);
        self.runtime.block_on(async {
            let mut have = stream.read(buffer).await?;
            while framing == Framing::Messages && have > 0 && have < buffer.len() {
                match stream.read(&mut buffer[have..]).await? {
                    0 => bail!("the stream ended {have} bytes into a message of {}", buffer.len()),
                    more => have += more,
                }
            }
            Ok(have)
        })
    }
}
