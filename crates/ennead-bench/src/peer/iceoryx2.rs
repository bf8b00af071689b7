//! `iceoryx2`: a publish-subscribe service each way. Where the ends have a core each they poll, as its users do for
//! latency; on one core they wait on its event service, because polling there only delays the publisher.
//!
//! The payload is copied into the loaned sample and out of the received one, as every contender's is; a program
//! that builds its message in the sample itself saves one copy.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use iceoryx2::port::listener::Listener as EventListener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

use super::{Connection, Listener, Peer, Shape};
use crate::placement::Placement;
use crate::plan::Workload;

pub struct Iceoryx2;

impl Peer for Iceoryx2 {
    fn name(&self) -> &'static str {
        "iceoryx2"
    }

    fn lacks(&self, workload: Workload, _placement: Placement) -> Option<&'static str> {
        matches!(workload, Workload::Connect | Workload::Instances5000)
            .then_some("its services have no connections to open and close")
    }

    fn listen(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        Ok(Box::new(Greeting(Some(Topics::open(place, shape, CLIENT, SERVER)?))))
    }

    fn connect(&self, place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        let mut topics = Topics::open(place, shape, SERVER, CLIENT)?;
        topics.send(HELLO)?;
        topics.expect_hello()?;
        Ok(Box::new(topics))
    }
}

const SERVER: &str = "server";
const CLIENT: &str = "client";

/// A subscriber is connected once it has looked for samples for the first time; before that, a publisher drops what
/// does not fit its buffer. So each end waits for the other's hello.
const HELLO: &[u8] = b"hello";

struct Greeting(Option<Topics>);

impl Listener for Greeting {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let mut topics = self.0.take().context("its services have no further connections")?;
        topics.expect_hello()?;
        topics.send(HELLO)?;
        Ok(Box::new(topics))
    }
}

struct Topics {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    bells: Option<(Notifier<ipc::Service>, EventListener<ipc::Service>)>,
    ended: bool,
    // Last: the ports are dropped before the node that they belong to.
    _node: Node<ipc::Service>,
}

impl Topics {
    fn open(place: &Path, shape: &Shape, to: &str, from: &str) -> Result<Self> {
        let node =
            NodeBuilder::new().signal_handling_mode(SignalHandlingMode::Disabled).create::<ipc::Service>()?;
        let topic = |end: &str| -> Result<_> {
            Ok(node
                .service_builder(&name(place, end, "data")?)
                .publish_subscribe::<[u8]>()
                .enable_safe_overflow(false)
                .subscriber_max_buffer_size(64)
                .open_or_create()?)
        };
        let subscriber = topic(from)?.subscriber_builder().create()?;
        let publisher = topic(to)?
            .publisher_builder()
            .initial_max_slice_len(shape.length.max(HELLO.len()))
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()?;
        let bells = match shape.placement {
            Placement::TwoCores => None,
            _ => {
                let event = |end: &str| -> Result<_> {
                    Ok(node.service_builder(&name(place, end, "bell")?).event().open_or_create()?)
                };
                let listener = event(from)?.listener_builder().create()?;
                Some((event(to)?.notifier_builder().create()?, listener))
            }
        };
        Ok(Self { publisher, subscriber, bells, ended: false, _node: node })
    }

    fn publish(&self, message: &[u8]) -> Result<usize> {
        let receivers = self.publisher.loan_slice_uninit(message.len())?.write_from_slice(message).send()?;
        if let Some((notifier, _)) = &self.bells {
            notifier.notify()?;
        }
        Ok(receivers)
    }

    fn expect_hello(&mut self) -> Result<()> {
        let mut hello = [0; HELLO.len()];
        ensure!(
            self.receive(&mut hello)? == HELLO.len() && hello == HELLO,
            "the other end did not say hello"
        );
        Ok(())
    }

    fn take(&self, buffer: &mut [u8]) -> Result<Option<usize>> {
        let Some(sample) = self.subscriber.receive()? else { return Ok(None) };
        let message = sample.payload();
        ensure!(
            message.len() <= buffer.len(),
            "a message of {} bytes, expected {}",
            message.len(),
            buffer.len()
        );
        buffer[..message.len()].copy_from_slice(message);
        Ok(Some(message.len()))
    }
}

fn name(place: &Path, end: &str, kind: &str) -> Result<ServiceName> {
    let Some(place) = place.to_str() else { bail!("the scratch directory's name is not UTF-8") };
    format!("ennead-bench{place}/{end}/{kind}").as_str().try_into().map_err(|error| anyhow!("{error:?}"))
}

impl Connection for Topics {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        match self.publish(message)? {
            0 => bail!("nobody subscribes any more"),
            _ => Ok(()),
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            if let Some(length) = self.take(buffer)? {
                self.ended |= length == 0;
                return Ok(length);
            }
            match &self.bells {
                None => std::hint::spin_loop(),
                Some((_, listener)) => drop(listener.blocking_wait(|_| ())?),
            }
        }
    }
}

impl Drop for Topics {
    /// An empty message is the end. What was published dies with its publisher, so whoever ends first waits until
    /// the other end has seen it and ends too; for two seconds at most, for the other end may be gone.
    fn drop(&mut self) {
        if self.publish(&[]).unwrap_or(0) == 0 || self.ended {
            return;
        }
        let until = Instant::now() + Duration::from_secs(2);
        let mut scratch = vec![0; 1 << 16];
        while Instant::now() < until && !matches!(self.take(&mut scratch), Ok(Some(0)) | Err(_)) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
