//! What both ends do alike: operations that do not wait, and waiting between them.

use std::future::poll_fn;
use std::io::{self, IoSlice, IoSliceMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use ennead_pipe::named::{
    Arming, Client, Instance, Interest as Awaited, PipeType, Readiness, Received, Result,
};
use tokio::io::{Interest, ReadBuf, Ready};

use super::wakers::{Bell, Key};
use super::{io_error, is_listening};

/// An end of a pipe as `ennead-pipe` has it.
pub(super) trait Pipe: Send + Sync + 'static {
    fn readiness(&self) -> Readiness;
    fn pipe_type(&self) -> PipeType;
    fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>>;
    fn try_write(&self, data: &[u8]) -> Result<Option<usize>>;
    fn write_part(&self, message: &[u8], written: &mut usize) -> Result<bool>;
    fn abandon_part(&self);
    fn peer_has_ended(&self) -> bool;
}

macro_rules! pipe {
    ($end:ty) => {
        impl Pipe for $end {
            fn readiness(&self) -> Readiness {
                <$end>::readiness(self)
            }
            fn pipe_type(&self) -> PipeType {
                self.traits().pipe_type
            }
            fn try_read(&self, buffer: &mut [u8]) -> Result<Option<Received>> {
                <$end>::try_read(self, buffer)
            }
            fn try_write(&self, data: &[u8]) -> Result<Option<usize>> {
                <$end>::try_write(self, data)
            }
            fn write_part(&self, message: &[u8], written: &mut usize) -> Result<bool> {
                <$end>::write_part(self, message, written)
            }
            fn abandon_part(&self) {
                <$end>::abandon_part(self);
            }
            fn peer_has_ended(&self) -> bool {
                <$end>::peer_has_ended(self)
            }
        }
    };
}

pipe!(Instance);
pipe!(Client);

/// An end, and what its tasks wait at.
#[derive(Debug)]
pub(super) struct End<P: Pipe> {
    pub(super) pipe: P,
    /// Made anew for each connection.
    bell: Mutex<Arc<Bell>>,
    /// A message that is on its way into the pipe, larger than the room in it.
    part: Mutex<Option<Part>>,
}

#[derive(Debug)]
struct Part {
    len: usize,
    written: usize,
}

impl<P: Pipe> End<P> {
    pub(super) fn new(pipe: P) -> io::Result<Self> {
        let bell = Mutex::new(Arc::new(Bell::new(pipe.readiness())?));
        Ok(Self { pipe, bell, part: Mutex::new(None) })
    }

    /// The doorbell of the connection that the end has now.
    pub(super) fn bell(&self) -> io::Result<Arc<Bell>> {
        let mut bell = lock(&self.bell);
        let readiness = self.pipe.readiness();
        if bell.is_connected() != readiness.is_connected() {
            self.replace(&mut bell, readiness)?;
        }
        Ok(Arc::clone(&bell))
    }

    /// Leaves the doorbell of a connection that has ended.
    pub(super) fn renew_bell(&self) -> io::Result<()> {
        *lock(&self.part) = None;
        self.replace(&mut lock(&self.bell), self.pipe.readiness())
    }

    fn replace(&self, bell: &mut Arc<Bell>, readiness: Readiness) -> io::Result<()> {
        let old = std::mem::replace(bell, Arc::new(Bell::new(readiness)?));
        old.wake_all();
        Ok(())
    }

    /// Waits until `awaited` is there, or might be; on a listening instance, until a client might be.
    pub(super) fn poll_until(
        &self,
        context: &mut Context<'_>,
        key: Key,
        awaited: Awaited,
    ) -> Poll<io::Result<()>> {
        while !ready!(self.bell()?.poll(context, key, awaited))? {}
        Poll::Ready(Ok(()))
    }

    /// Waits until something has happened, after an operation that would have had to wait.
    fn poll_again(&self, context: &mut Context<'_>, key: Key, awaited: Awaited) -> Poll<io::Result<()>> {
        ready!(self.bell()?.poll(context, key, awaited))?;
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match self.try_read(buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_again(context, Key::READ, Awaited::Readable))?;
        }
    }

    pub(super) fn poll_write(&self, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(data) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return Poll::Ready(outcome),
            }
            let left = data.len() - lock(&self.part).as_ref().map_or(0, |part| part.written.min(data.len()));
            ready!(self.poll_again(context, Key::WRITE, Awaited::Writable(left)))?;
        }
    }

    /// 0 at the end. Waits for nothing, also not for a client.
    pub(super) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.pipe.try_read(buffer) {
            Ok(Some(received)) => Ok(received.bytes),
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) if is_listening(&error) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) if error.win32() == ennead_status::Win32Error::BROKEN_PIPE => Ok(0),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Into the first buffer that has room: the next read goes on in the next one.
    pub(super) fn try_read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let buffer = buffers.iter_mut().find(|buffer| !buffer.is_empty());
        self.try_read(buffer.map_or(&mut [], |buffer| &mut buffer[..]))
    }

    pub(super) fn try_read_buf(&self, buffer: &mut impl BufMut) -> io::Result<usize> {
        let mut bytes = vec![0; buffer.chunk_mut().len()];
        let read = self.try_read(&mut bytes)?;
        buffer.put_slice(&bytes[..read]);
        Ok(read)
    }

    /// Of bytes as many as there is room for; of a message all of it, in as many calls as that takes.
    pub(super) fn try_write(&self, data: &[u8]) -> io::Result<usize> {
        let written = match self.pipe.pipe_type() {
            PipeType::Byte => self.pipe.try_write(data),
            PipeType::Message => self.write_message(data),
        };
        match written {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) if is_listening(&error) => Err(io::ErrorKind::WouldBlock.into()),
            Err(error) => Err(io_error(error)),
        }
    }

    fn write_message(&self, message: &[u8]) -> Result<Option<usize>> {
        let mut part = lock(&self.part);
        let mut written = match part.take() {
            Some(begun) if begun.len == message.len() => begun.written,
            // Whoever began that message has dropped its future: the reader gets it as short as it came.
            Some(_) => {
                self.pipe.abandon_part();
                0
            }
            None => 0,
        };
        if self.pipe.write_part(message, &mut written)? {
            return Ok(Some(message.len()));
        }
        if written > 0 {
            *part = Some(Part { len: message.len(), written });
        }
        Ok(None)
    }

    /// Several buffers are one write, as of one message.
    pub(super) fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write(&gathered(buffers))
    }

    /// What of `interest` holds now: one of it at least.
    pub(super) async fn ready(&self, interest: Interest) -> io::Result<Ready> {
        let listens = Listens { end: self, key: Key::fresh() };
        let awaited = awaited(interest);
        poll_fn(|context| self.poll_until(context, listens.key, awaited)).await?;
        let readiness = self.pipe.readiness();
        let mut found = Ready::EMPTY;
        if interest.is_readable() && readiness.arm(Awaited::Readable) == Arming::Ready {
            found |= Ready::READABLE;
        }
        if interest.is_writable() && readiness.arm(Awaited::Writable(1)) == Arming::Ready {
            found |= Ready::WRITABLE;
        }
        if readiness.is_connected() && self.pipe.peer_has_ended() {
            found |= Ready::READ_CLOSED | Ready::WRITE_CLOSED;
        }
        // Arming may have taken a ring that was for another task.
        self.bell()?.wake_all();
        Ok(found)
    }

    pub(super) async fn async_io<R>(
        &self,
        interest: Interest,
        mut act: impl FnMut() -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            self.ready(interest).await?;
            match act() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
        }
    }
}

impl<P: Pipe> Drop for End<P> {
    fn drop(&mut self) {
        if lock(&self.part).take().is_some() {
            self.pipe.abandon_part();
        }
    }
}

/// Takes its key with it when its future is dropped.
struct Listens<'a, P: Pipe> {
    end: &'a End<P>,
    key: Key,
}

impl<P: Pipe> Drop for Listens<'_, P> {
    fn drop(&mut self) {
        lock(&self.end.bell).forget(self.key);
    }
}

fn awaited(interest: Interest) -> Awaited {
    match (interest.is_readable(), interest.is_writable()) {
        (true, true) => Awaited::Either(1),
        (false, true) => Awaited::Writable(1),
        (_, false) => Awaited::Readable,
    }
}

/// The buffers as one; a copy only if there is more than one with something in it.
pub(super) fn gathered<'a>(buffers: &'a [IoSlice<'_>]) -> std::borrow::Cow<'a, [u8]> {
    let mut full = buffers.iter().filter(|buffer| !buffer.is_empty());
    match (full.next(), full.next()) {
        (None, _) => (&[][..]).into(),
        (Some(only), None) => (&only[..]).into(),
        _ => buffers.iter().flat_map(|buffer| buffer.iter().copied()).collect::<Vec<u8>>().into(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
