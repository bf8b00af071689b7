//! `ennead`: ours, named pipes and mailslots through the public interface, with default settings.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use ennead_pipe::named::{
    Client, ClientOptions, Error, Instance, Modes, ReadMode, Received, ServerOptions, Timeout, WaitMode,
};
use ennead_status::Win32Error;

use super::{Connection, Framing, Listener, Peer, Prepared, Shape, ennead_mailslot};

pub struct Ennead;

/// Each pair has a runtime root of its own, so that one name does for all.
const NAME: &str = r"\\.\pipe\ennead-bench";

/// How many instances listen while a server serves: as a server would have it that never turns a client away for long.
const LISTENING: usize = 4;

impl Peer for Ennead {
    fn name(&self) -> &'static str {
        "ennead"
    }

    fn listen(&self, _place: &Path, shape: &Shape) -> Result<Box<dyn Listener>> {
        if shape.writers > 0 {
            return Ok(Box::new(Prepared(Some(ennead_mailslot::slot()?))));
        }
        let mut options = ServerOptions::new();
        if shape.framing == Framing::Messages {
            options = options.messages();
        }
        let many = if shape.connections == 1 && !shape.in_turn { 1 } else { LISTENING };
        let listening = (0..many).map(|_| options.create(NAME)).collect::<Result<_, _>>()?;
        let replace = shape.connections > 1;
        Ok(Box::new(Listening {
            options,
            listening: Rc::new(RefCell::new(listening)),
            replace,
            in_turn: shape.in_turn,
        }))
    }

    fn connect(&self, _place: &Path, shape: &Shape) -> Result<Box<dyn Connection>> {
        if shape.writers > 0 {
            return ennead_mailslot::writer();
        }
        let read = match shape.framing {
            Framing::Bytes => ReadMode::Byte,
            Framing::Messages => ReadMode::Message,
        };
        let options = ClientOptions::new().modes(Modes { read, wait: WaitMode::Wait });
        Ok(Box::new(Opened(options.open_waiting(NAME, Timeout::Forever)?)))
    }
}

type Waiting = Rc<RefCell<VecDeque<Instance>>>;

struct Listening {
    options: ServerOptions,
    listening: Waiting,
    /// Another instance takes the place of one that has got a client.
    replace: bool,
    /// An instance that has lost its client listens again.
    in_turn: bool,
}

impl Listener for Listening {
    fn accept(&mut self) -> Result<Box<dyn Connection>> {
        let instance = self.listening.borrow_mut().pop_front().context("every instance has a client")?;
        instance.connect()?;
        if self.replace {
            self.listening.borrow_mut().push_back(self.options.create(NAME)?);
        }
        let back = self.in_turn.then(|| Rc::clone(&self.listening));
        Ok(Box::new(Served { instance: Some(instance), back }))
    }
}

struct Served {
    instance: Option<Instance>,
    back: Option<Waiting>,
}

impl Served {
    fn instance(&self) -> Result<&Instance> {
        self.instance.as_ref().context("the instance has gone back")
    }
}

impl Connection for Served {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        whole(self.instance()?.write(message)?, message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        received(self.instance()?.read(buffer))
    }
}

impl Drop for Served {
    /// Disconnects and listens again, where clients come in turn; closes otherwise, which leaves what was written
    /// readable.
    fn drop(&mut self) {
        if let (Some(back), Some(instance)) = (&self.back, self.instance.take()) {
            if instance.disconnect().is_err() {
                return;
            }
            // One that has got the next client already comes first: the others may wait long. One that cannot listen
            // again is not put back.
            match instance.try_connect() {
                Ok(Some(_)) => back.borrow_mut().push_front(instance),
                Ok(None) => back.borrow_mut().push_back(instance),
                Err(_) => {}
            }
        }
    }
}

struct Opened(Client);

impl Connection for Opened {
    fn send(&mut self, message: &[u8]) -> Result<()> {
        whole(self.0.write(message)?, message)
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        received(self.0.read(buffer))
    }
}

fn whole(written: usize, message: &[u8]) -> Result<()> {
    ensure!(written == message.len(), "{written} of {} bytes were written", message.len());
    Ok(())
}

fn received(outcome: Result<Received, Error>) -> Result<usize> {
    match outcome {
        Ok(received) => {
            ensure!(
                received.left_in_message == 0,
                "a message is {} bytes too long",
                received.left_in_message
            );
            Ok(received.bytes)
        }
        Err(error) if error.win32() == Win32Error::BROKEN_PIPE => Ok(0),
        Err(error) => Err(error.into()),
    }
}
