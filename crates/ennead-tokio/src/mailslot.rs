//! Mailslots: the server's reads as futures.
//!
//! A client's writes never wait, so [`Client`](ennead_mailslot::Client) is as it is, from any task.
//!
//! ```
//! use ennead_mailslot::{MailslotOptions, Place, send_in};
//! use ennead_tokio::mailslot::Mailslot;
//! # let folder = std::env::temp_dir().join(format!("ennead-tokio-mailslot-doc-{}", std::process::id()));
//! # let place = Place::at(&folder)?;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
//! # runtime.block_on(async {
//! let slot = Mailslot::new(MailslotOptions::new().place(&place).create(r"\\.\mailslot\orders")?)?;
//! send_in(&place, r"\\.\mailslot\orders", b"two bolts")?;
//! assert_eq!(slot.read_message().await?, b"two bolts");
//! # Ok::<(), std::io::Error>(())
//! # })?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use ennead_mailslot::{Info, Readiness, Wait};
use ennead_status::Win32Error;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A mailslot whose messages are awaited. Several tasks may read; each message goes to one of them.
///
/// The slot's own read time-out plays no part: `tokio::time::timeout` does that. A future that is dropped has taken no message.
#[derive(Debug)]
pub struct Mailslot {
    // Declared first, dropped first: the runtime lets go of the descriptor while it is open.
    fd: AsyncFd<Source>,
    slot: ennead_mailslot::Mailslot,
}

/// INVARIANT: the descriptor stays open, and the same one, as long as this is there.
#[derive(Debug)]
struct Source(Readiness);

impl AsRawFd for Source {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Mailslot {
    /// Takes over a mailslot.
    ///
    /// # Errors
    /// What the runtime says; it panics outside of a runtime that has its I/O enabled.
    pub fn new(slot: ennead_mailslot::Mailslot) -> io::Result<Self> {
        #[expect(
            deprecated,
            reason = "its successor is unsafe for the sake of types whose descriptor changes: ours does not"
        )]
        let fd = AsyncFd::with_interest(Source(slot.readiness()), Interest::READABLE)?;
        Ok(Self { fd, slot })
    }

    /// The slot, for queries and settings. A read there that blocks blocks the task's thread.
    #[must_use]
    pub fn slot(&self) -> &ennead_mailslot::Mailslot {
        &self.slot
    }

    /// Waits for the next message and reads it into `buffer`; gives its length, which may be 0.
    ///
    /// # Errors
    /// ERROR_INSUFFICIENT_BUFFER if it is longer than the buffer: it stays.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(bytes) = self.try_read(buffer)? {
                return Ok(bytes);
            }
            self.news().await?;
        }
    }

    /// Waits for the next message and reads it, however long it is.
    ///
    /// # Errors
    /// What the system says.
    pub async fn read_message(&self) -> io::Result<Vec<u8>> {
        loop {
            match self.slot.read_message_with(Wait::Never) {
                Ok(message) => return Ok(message),
                Err(error) if error.win32() == Win32Error::SEM_TIMEOUT => {}
                Err(error) => return Err(error.into()),
            }
            self.news().await?;
        }
    }

    /// Reads a message if one is there.
    ///
    /// # Errors
    /// As [`Mailslot::read`].
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        Ok(self.slot.try_read(buffer)?)
    }

    /// Waits until a message is there, for whoever reads first.
    ///
    /// # Errors
    /// What the system says.
    pub async fn readable(&self) -> io::Result<()> {
        while self.info()?.count == 0 {
            self.news().await?;
        }
        Ok(())
    }

    /// What is in the slot (`GetMailslotInfo`).
    ///
    /// # Errors
    /// As [`ennead_mailslot::Mailslot::info`].
    pub fn info(&self) -> io::Result<Info> {
        Ok(self.slot.info()?)
    }

    /// Returns when something may have happened. Every task that waits is woken then, and looks for itself.
    async fn news(&self) -> io::Result<()> {
        if self.fd.get_ref().0.arm() {
            return Ok(());
        }
        // What happens from here on makes the descriptor readable, and the runtime remembers it.
        self.fd.readable().await?.clear_ready();
        Ok(())
    }
}
