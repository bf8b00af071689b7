//! Ennead's mailslots, through the public interface, with default settings.

use anyhow::{Context, Result, ensure};
use ennead_mailslot::{Client, ClientOptions, Mailslot, MailslotOptions, Reason};

use super::Connection;

/// Each pair has a runtime root of its own, so that one name does for all.
const NAME: &str = r"\\.\mailslot\ennead-bench";

pub fn slot() -> Result<Box<dyn Connection>> {
    Ok(Box::new(Slot(MailslotOptions::new().create(NAME)?)))
}

pub fn writer() -> Result<Box<dyn Connection>> {
    Ok(Box::new(Writer(ClientOptions::new().open(NAME)?)))
}

struct Slot(Mailslot);

impl Connection for Slot {
    fn send(&mut self, _message: &[u8]) -> Result<()> {
        Err(anyhow::anyhow!("a mailslot's server does not write"))
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        Ok(self.0.read(buffer)?)
    }
}

struct Writer(Client);

impl Connection for Writer {
    /// A mailslot's writer never waits: where the peers block in the kernel, it lets others run, and tries again.
    fn send(&mut self, message: &[u8]) -> Result<()> {
        loop {
            match self.0.write(message) {
                Ok(written) => {
                    ensure!(written == message.len(), "{written} of {} bytes were written", message.len());
                    return Ok(());
                }
                Err(error) if matches!(*error.reason, Reason::Full { .. }) => std::thread::yield_now(),
                Err(error) => return Err(error).context("a mailslot's writer"),
            }
        }
    }

    fn receive(&mut self, _buffer: &mut [u8]) -> Result<usize> {
        Err(anyhow::anyhow!("a mailslot's client does not read"))
    }
}

impl Drop for Writer {
    /// A writer ends with an empty message.
    fn drop(&mut self) {
        let _ = self.send(&[]);
    }
}
