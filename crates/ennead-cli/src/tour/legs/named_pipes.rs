//! Named pipes: one in message mode for the questions and answers, and beside it one in byte mode for the file. The server
//! of each has one instance; the client knows nothing but the name.

use std::io::Read;

use ennead_pipe::named::{self, Client, ClientOptions, Error, Instance, Received, ServerOptions};
use ennead_status::Win32Error;

use super::frames::{receive_pieces, send_pieces};
use crate::tour::job::Job;
use crate::tour::line::{BULK, Leg, Line, LineError, Link, Listener, Prepared};
use crate::tour::protocol::LONGEST_MESSAGE;

/// The leg.
pub struct NamedPipes;

impl Leg for NamedPipes {
    fn prepare(&self, _address: &str) -> Result<Box<dyn Prepared>, LineError> {
        Ok(Box::new(Names))
    }

    fn listen(&self, job: &Job, link: Link) -> Result<Box<dyn Listener>, LineError> {
        // The first and only instance: nobody else can have taken the name.
        let sole = ServerOptions::new().max_instances(1).first_instance(true).reject_remote_clients(true);
        let questions = sole.clone().messages().create(&questions_name(job, link))?;
        let size = BULK as u32;
        let file = sole.quotas(size, size).create(&file_name(job, link))?;
        Ok(Box::new(Server { questions, file }))
    }

    fn connect(&self, job: &Job, link: Link) -> Result<Box<dyn Line>, LineError> {
        let questions = ClientOptions::new().messages().open(&questions_name(job, link))?;
        Ok(Box::new(Pipes { questions, file: File::NotOpen(file_name(job, link)) }))
    }
}

fn questions_name(job: &Job, link: Link) -> String {
    format!(r"\\.\pipe\{}-{}", job.address, link.word())
}

fn file_name(job: &Job, link: Link) -> String {
    format!(r"{}-file", questions_name(job, link))
}

/// What the conductor holds: nothing. Names are free as soon as their server is gone.
struct Names;

impl Prepared for Names {
    fn clean_up(&mut self) {
        // Whoever lists removes the dead entries of killed servers.
        let _ = named::list();
    }
}

/// Both pipes, published.
struct Server {
    questions: Instance,
    file: Instance,
}

impl Listener for Server {
    fn accept(self: Box<Self>) -> Result<Box<dyn Line>, LineError> {
        self.questions.connect()?;
        Ok(Box::new(Pipes { questions: self.questions, file: File::Listening(self.file) }))
    }
}

/// Either end of a pipe.
trait End {
    fn receive(&self, room: &mut [u8]) -> named::Result<Received>;
    fn send(&self, bytes: &[u8]) -> named::Result<usize>;
}

impl End for Instance {
    fn receive(&self, room: &mut [u8]) -> named::Result<Received> {
        self.read(room)
    }
    fn send(&self, bytes: &[u8]) -> named::Result<usize> {
        self.write(bytes)
    }
}

impl End for Client {
    fn receive(&self, room: &mut [u8]) -> named::Result<Received> {
        self.read(room)
    }
    fn send(&self, bytes: &[u8]) -> named::Result<usize> {
        self.write(bytes)
    }
}

/// The pipe for the file, which only some conversations need.
enum File {
    Listening(Instance),
    NotOpen(String),
    Open(Box<dyn End>),
}

impl File {
    fn end(&mut self) -> Result<&dyn End, LineError> {
        let end: Box<dyn End> = match std::mem::replace(self, File::NotOpen(String::new())) {
            File::Open(end) => end,
            File::NotOpen(name) => Box::new(ClientOptions::new().open(&name)?),
            File::Listening(instance) => {
                instance.connect()?;
                Box::new(instance)
            }
        };
        *self = File::Open(end);
        match self {
            File::Open(end) => Ok(&**end),
            File::Listening(_) | File::NotOpen(_) => Err(LineError::new("the file's pipe is not open")),
        }
    }
}

/// A conversation, from either end.
struct Pipes<Questions> {
    questions: Questions,
    file: File,
}

impl<Questions: End> Line for Pipes<Questions> {
    fn send(&mut self, message: &[u8]) -> Result<(), LineError> {
        let written = self.questions.send(message)?;
        // A message is written whole or not at all.
        if written == message.len() { Ok(()) } else { Err(LineError::new("a message was cut")) }
    }

    fn receive(&mut self, message: &mut Vec<u8>) -> Result<(), LineError> {
        message.resize(LONGEST_MESSAGE, 0);
        let received = self.questions.receive(message)?;
        if received.left_in_message > 0 {
            let longer = received.left_in_message;
            return Err(LineError::new(format!("the peer's message is {longer} bytes longer than agreed")));
        }
        message.truncate(received.bytes);
        Ok(())
    }

    fn send_bulk(&mut self, source: &mut dyn Read, length: u64) -> Result<(), LineError> {
        let end = self.file.end()?;
        send_pieces(source, length, &mut |mut piece| {
            while !piece.is_empty() {
                let written = end.send(piece)?;
                piece = &piece[written.min(piece.len())..];
            }
            Ok(())
        })
    }

    fn receive_bulk(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> Result<(), LineError> {
        let end = self.file.end()?;
        receive_pieces(length, sink, &mut |room| Ok(end.receive(room)?.bytes))
    }
}

impl From<Error> for LineError {
    fn from(error: Error) -> LineError {
        let gone = [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::PIPE_NOT_CONNECTED];
        LineError {
            reason: crate::failure::in_words(&error, error.win32()),
            peer_gone: gone.contains(&error.win32()),
        }
    }
}
