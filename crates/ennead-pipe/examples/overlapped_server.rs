//! A single-threaded server that serves several clients at once with overlapped operations: the program of Microsoft's page
//! [Named Pipe Server Using Overlapped I/O](https://learn.microsoft.com/windows/win32/ipc/named-pipe-server-using-overlapped-i-o).
//!
//! `cargo run -p ennead-pipe --example overlapped_server` serves `\\.\pipe\mynamedpipe` until it is stopped;
//! `… -- NAME CLIENTS` serves a pipe of another name until so many clients have come and gone.

use std::error::Error;

use ennead_pipe::named::{Instance, ServerOptions, Wait};
use ennead_pipe::overlapped::{Completion, Operation, Overlapped, Waitable, wait_any};

const INSTANCES: u32 = 4;
const TIMEOUT: u32 = 5000;
const BUFFER: u32 = 4096;

/// What the operation under way is for.
enum State {
    Connecting,
    Reading,
    Writing,
}

struct Pipe {
    instance: Overlapped<Instance>,
    state: State,
    operation: Option<Operation>,
}

impl Pipe {
    fn connect_to_new_client(instance: Overlapped<Instance>) -> Self {
        let operation = Some(instance.start_connect());
        Self { instance, state: State::Connecting, operation }
    }

    /// Goes on after the operation under way has completed; says whether a client has gone.
    fn go_on(&mut self, done: &Completion) -> Result<bool, Box<dyn Error>> {
        let next = match self.state {
            State::Connecting => match done.result() {
                Ok(_) => State::Reading,
                Err(error) => return Err(error.to_string().into()),
            },
            State::Reading if done.error.is_none() && done.bytes > 0 => State::Writing,
            State::Writing if done.error.is_none() => State::Reading,
            // The client has closed its end, or something is wrong with it.
            State::Reading | State::Writing => {
                self.instance.disconnect()?;
                self.state = State::Connecting;
                self.operation = Some(self.instance.start_connect());
                return Ok(true);
            }
        };
        self.operation = Some(match next {
            State::Writing => self.instance.start_write(answer_to_request(done.data())),
            _ => self.instance.start_read(vec![0; BUFFER as usize]),
        });
        self.state = next;
        Ok(false)
    }
}

fn answer_to_request(request: &[u8]) -> Vec<u8> {
    println!("{}", String::from_utf8_lossy(request));
    b"Default answer from server".to_vec()
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| r"\\.\pipe\mynamedpipe".into());
    let clients = arguments.next().map(|number| number.parse()).transpose()?;
    serve(&name, clients)
}

/// Serves the pipe, until so many clients have come and gone if a number is given.
pub fn serve(name: &str, mut clients: Option<u32>) -> Result<(), Box<dyn Error>> {
    let options = ServerOptions::new()
        .messages()
        .max_instances(INSTANCES)
        .quotas(BUFFER, BUFFER)
        .default_timeout(TIMEOUT);
    let create = || options.create(name).map(|instance| Pipe::connect_to_new_client(instance.into()));
    let mut pipes = (0..INSTANCES).map(|_| create()).collect::<Result<Vec<_>, _>>()?;

    while clients != Some(0) {
        let operations: Vec<&Operation> = pipes.iter().filter_map(|pipe| pipe.operation.as_ref()).collect();
        let items: Vec<Waitable<'_>> = operations.into_iter().map(Waitable::from).collect();
        let ready = wait_any(&items, Wait::Forever)?;
        let pipe = &mut pipes[ready];
        if let Some(Ok(done)) = pipe.operation.take().map(Operation::finish)
            && pipe.go_on(&done)?
        {
            clients = clients.map(|clients| clients - 1);
        }
    }
    Ok(())
}
