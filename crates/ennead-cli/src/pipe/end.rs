//! Either end of a named pipe.

use ennead_pipe::named::{Client, Instance, Received, Result, Wait};
use ennead_status::Win32Error;

/// What a server's instance and a client have in common.
pub trait End: Send + Sync {
    /// Reads, as the handle's mode says.
    fn receive(&self, room: &mut [u8], wait: Wait<'_>) -> Result<Received>;
    /// Writes; a message whole.
    fn send(&self, bytes: &[u8], wait: Wait<'_>) -> Result<usize>;
    /// Waits until the peer has read all.
    fn flush(&self, wait: Wait<'_>) -> Result<()>;
    /// There is nothing more to send, and answers are still welcome.
    fn nothing_more(&self) {}
}

impl End for Instance {
    fn receive(&self, room: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        self.read_with(room, wait)
    }
    fn send(&self, bytes: &[u8], wait: Wait<'_>) -> Result<usize> {
        self.write_with(bytes, wait)
    }
    fn flush(&self, wait: Wait<'_>) -> Result<()> {
        self.flush_with(wait)
    }
}

impl End for Client {
    fn receive(&self, room: &mut [u8], wait: Wait<'_>) -> Result<Received> {
        self.read_with(room, wait)
    }
    fn send(&self, bytes: &[u8], wait: Wait<'_>) -> Result<usize> {
        self.write_with(bytes, wait)
    }
    fn flush(&self, wait: Wait<'_>) -> Result<()> {
        self.flush_with(wait)
    }
    /// Windows has no half-close: a server there would see the client go. Ours sees the end of its input, as of any stream.
    fn nothing_more(&self) {
        self.endpoint().shutdown_write();
    }
}

/// Whether the other end is gone, which is how every conversation ends.
pub fn is_end(code: Win32Error) -> bool {
    [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::PIPE_NOT_CONNECTED].contains(&code)
}
