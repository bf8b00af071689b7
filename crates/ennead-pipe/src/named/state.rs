//! The states of the server's end of an instance, and which operation gives which error in each.
//!
//! | | listening | connected | closing | disconnected |
//! |---|---|---|---|---|
//! | connect | waits | ERROR_PIPE_CONNECTED | ERROR_NO_DATA | listens, waits |
//! | read | ERROR_PIPE_LISTENING | data | data, then ERROR_BROKEN_PIPE | ERROR_PIPE_NOT_CONNECTED |
//! | write | ERROR_PIPE_LISTENING | done | ERROR_NO_DATA | ERROR_PIPE_NOT_CONNECTED |
//! | peek | ERROR_BAD_PIPE | data | data, then ERROR_BROKEN_PIPE | ERROR_BAD_PIPE |
//! | transact | ERROR_BAD_PIPE | data | ERROR_BAD_PIPE | ERROR_BAD_PIPE |
//! | flush | done | waits for the reader | done | ERROR_PIPE_NOT_CONNECTED |
//! | disconnect | done | done | done | ERROR_PIPE_NOT_CONNECTED |
//!
//! *Closing* is *connected* with the client's end closed; the channel knows it, not this. The client's end is
//! connected from the start; after the server's disconnect each of its operations gives ERROR_PIPE_NOT_CONNECTED.

use super::error::{Operation, Reason};

/// Where the server's end of an instance stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// A client may connect, or has connected and has not been noticed yet.
    Listening,
    /// With a client, whose end may have been closed since.
    Connected,
    /// Without a client, and none may connect, until the server calls connect again.
    Disconnected,
}

impl State {
    /// Why `operation` is refused without a client, if it is; flush has nothing to wait for on a listening instance.
    pub(crate) fn refusal(self, operation: Operation) -> Option<Reason> {
        const NO_CLIENT: Reason = Reason::BadState("no client is connected");
        match (self, operation) {
            (Self::Connected, _) | (Self::Listening, Operation::Flush | Operation::Disconnect) => None,
            (_, Operation::Peek | Operation::Transact) => Some(NO_CLIENT),
            (Self::Listening, _) => Some(Reason::Listening),
            (Self::Disconnected, _) => Some(Reason::NotConnected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ennead_status::Win32Error;

    #[test]
    fn the_table() {
        use Operation::{Disconnect, Flush, Peek, Read, Transact, Write};
        let code = |state: State, operation| {
            state.refusal(operation).map_or(Win32Error::SUCCESS, |reason| reason.win32())
        };
        let operations = [Read, Write, Peek, Transact, Flush, Disconnect];
        let expected = [
            (State::Listening, [536, 536, 230, 230, 0, 0]),
            (State::Connected, [0; 6]),
            (State::Disconnected, [233, 233, 230, 230, 233, 233]),
        ];
        for (state, codes) in expected {
            for (operation, expected) in operations.into_iter().zip(codes) {
                assert_eq!(code(state, operation).0, expected, "{state:?} {operation:?}");
            }
        }
    }
}
