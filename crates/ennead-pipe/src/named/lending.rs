//! Memory that a client passes to the same server process again, connection after connection.
//!
//! What makes that safe is told in `ennead-channel` (its `reserve.rs`); what is left to this module is that *the same process* means it. A server process is known by
//! two words at once: the kernel's, its process id at the time when it began to listen, and the random name of its waiting room, which stands in the entry beside
//! that of the listening socket and is never used again. So a process that got a dead server's number is another one, and a room that is written into another
//! server's record, by somebody who may write the entry and so might take all its clients anyway, does not have that server's process id.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ennead_channel::{Endpoint, Parameters, PeerParts, Reserve};

/// How many connections' memory a client keeps for one pipe; a descriptor each. A connection that has just been closed here is as a rule still open at the server.
const MOST_KEPT: usize = 4;

/// A server process of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ServerProcess {
    /// The token of its waiting room.
    pub room: u64,
    /// The kernel's number for it.
    pub pid: u32,
}

impl ServerProcess {
    /// Whether both words are known.
    fn is_known(self) -> bool {
        self.room != 0 && self.pid != 0
    }
}

/// A connection of which nobody else knows yet.
#[derive(Debug)]
pub(super) struct Made {
    pub parameters: Parameters,
    pub endpoint: Endpoint,
    pub parts: PeerParts,
    /// Who may see it: memory that this process has seen before.
    bound_to: Option<ServerProcess>,
}

/// The memory that is kept for the server process last connected to.
#[derive(Debug, Default)]
pub(super) struct Lending(Mutex<Option<(ServerProcess, Arc<Reserve>)>>);

impl Lending {
    /// Makes a connection, for the server process of last time if there is memory left of that.
    pub fn make(&self, parameters: Parameters) -> io::Result<Made> {
        let last = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((server, reserve)) = last
            && let Some(again) = ennead_channel::create_from(&reserve, &parameters)
        {
            let (endpoint, parts) = again?;
            return Ok(Made { parameters, endpoint, parts, bound_to: Some(server) });
        }
        Made::fresh(parameters)
    }

    /// Keeps the memory of a connection that goes to `server`, when it is over.
    pub fn keep(&self, endpoint: &mut Endpoint, server: ServerProcess) {
        if !server.is_known() {
            return;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, reserve)) if *of == server => endpoint.keep_memory_in(reserve),
            _ => {
                let reserve = Arc::new(Reserve::new(MOST_KEPT));
                endpoint.keep_memory_in(&reserve);
                *last = Some((server, reserve));
            }
        }
    }
}

impl Made {
    pub fn fresh(parameters: Parameters) -> io::Result<Self> {
        let (endpoint, parts) = ennead_channel::create(&parameters)?;
        Ok(Self { parameters, endpoint, parts, bound_to: None })
    }

    /// The same, or one on fresh memory if `server` is not whom this was made for.
    pub fn for_server(self, server: ServerProcess) -> io::Result<Self> {
        match self.bound_to {
            Some(other) if other != server => Self::fresh(self.parameters),
            _ => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use ennead_channel::{Framing, Limits, ReadMode, Wait};

    use super::*;

    const PARAMETERS: Parameters =
        Parameters { framing: Framing::Bytes, capacity_to_server: 4096, capacity_to_client: 4096 };

    fn serve(made: Made, lending: &Lending, by: ServerProcess, reserve: &Arc<Reserve>) {
        let Made { mut endpoint, parts, .. } = made;
        lending.keep(&mut endpoint, by);
        let server = Endpoint::accept_with(parts, &Limits::default(), reserve).unwrap();
        endpoint.write(b"x", Wait::Forever).unwrap();
        assert_eq!(server.read(&mut [0; 2], ReadMode::Byte, Wait::Forever).unwrap().bytes, 1);
    }

    #[test]
    fn memory_goes_to_the_process_that_has_seen_it_and_to_no_other() {
        let (lending, reserve) = (Lending::default(), Arc::new(Reserve::new(4)));
        let server = ServerProcess { room: 7, pid: 9 };
        let made = lending.make(PARAMETERS).unwrap();
        assert_eq!(made.bound_to, None);
        serve(made, &lending, server, &reserve);
        for stranger in [ServerProcess { room: 8, ..server }, ServerProcess { pid: 8, ..server }] {
            let made = lending.make(PARAMETERS).unwrap();
            assert_eq!(made.bound_to, Some(server));
            let for_stranger = made.for_server(stranger).unwrap();
            assert_eq!(for_stranger.bound_to, None, "fresh memory");
            // What was made for another is gone; the next one begins anew.
            serve(for_stranger, &lending, server, &reserve);
        }
        let made = lending.make(PARAMETERS).unwrap().for_server(server).unwrap();
        assert_eq!(made.bound_to, Some(server));
    }

    #[test]
    fn who_is_not_known_for_certain_gets_fresh_memory() {
        for unknown in [ServerProcess { room: 0, pid: 9 }, ServerProcess { room: 7, pid: 0 }] {
            let (lending, reserve) = (Lending::default(), Arc::new(Reserve::new(4)));
            serve(lending.make(PARAMETERS).unwrap(), &lending, unknown, &reserve);
            assert_eq!(lending.make(PARAMETERS).unwrap().bound_to, None);
        }
    }
}
