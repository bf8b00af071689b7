//! Overlapped reads: start a read, and wait for it with others.
//!
//! Windows makes every mailslot handle an overlapped one. Here a [`Mailslot`] reads as it is, and one that was made [`Overlapped`] gives
//! an [`Operation`] for each read. (Writes never wait, so a client has no use for this.)
//!
//! ```
//! use ennead_mailslot::overlapped::Overlapped;
//! use ennead_mailslot::{MailslotOptions, Place, send_in};
//! # let folder = std::env::temp_dir().join(format!("ennead-mailslot-overlapped-doc-{}", std::process::id()));
//! # let place = Place::at(&folder)?;
//! let slot = Overlapped::new(MailslotOptions::new().place(&place).create(r"\\.\mailslot\orders")?);
//! let order = slot.start_read(vec![0; 64]);
//! assert!(!order.is_complete());
//! send_in(&place, r"\\.\mailslot\orders", b"two bolts")?;
//! assert_eq!(order.join().data(), b"two bolts");
//! # drop(slot);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - Each operation completes exactly once, in the order in which they were started; each message goes to exactly one of them.
//! - An operation waits as long as the slot's read time-out said when it was started, then completes with ERROR_SEM_TIMEOUT.
//! - A cancelled operation is complete when the call that cancelled it returns, and has taken no message.
//! - A message longer than the buffer completes the operation with ERROR_INSUFFICIENT_BUFFER, and stays.
//!
//! Page: [Synchronous and Asynchronous I/O](https://learn.microsoft.com/windows/win32/fileio/synchronous-and-asynchronous-i-o).

mod line;
mod operation;
mod ticket;

use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error::Reason;
use crate::slot::Mailslot;
use line::Line;

pub use operation::{Completion, NothingToCancel, Operation, WaitError};

/// A mailslot whose reads go on after the calls that start them. Any number may be pending.
///
/// Dropping it aborts what is pending (ERROR_OPERATION_ABORTED) and closes the slot.
pub struct Overlapped {
    slot: Mailslot,
    line: Result<Arc<Line>, io::Error>,
}

impl Overlapped {
    /// Takes over a mailslot.
    #[must_use]
    pub fn new(slot: Mailslot) -> Self {
        let line = Line::new(&slot.shared);
        Self { slot, line }
    }

    /// The slot, for queries and settings. Reads there compete with those that are pending.
    #[must_use]
    pub fn slot(&self) -> &Mailslot {
        &self.slot
    }

    /// Starts to read the next message into `buffer` (`ReadFile` with an `OVERLAPPED`). Failures, too, are reported through the operation:
    /// those of [`Mailslot::read`].
    ///
    /// Page: [ReadFile](https://learn.microsoft.com/windows/win32/api/fileapi/nf-fileapi-readfile).
    pub fn start_read(&self, buffer: Vec<u8>) -> Operation {
        match &self.line {
            Ok(line) => Line::start(line, buffer, self.slot.read_timeout()),
            Err(error) => {
                let source = io::Error::new(error.kind(), error.to_string());
                Operation::failed(buffer, Reason::System { step: "watch the mailslot", source })
            }
        }
    }

    /// Cancels everything that is pending (`CancelIoEx` without an `OVERLAPPED`); says how many operations that were.
    ///
    /// # Errors
    /// [`NothingToCancel`] (ERROR_NOT_FOUND) if there were none.
    pub fn cancel_all(&self) -> Result<usize, NothingToCancel> {
        match self.line.as_ref().map_or(0, |line| line.cancel(None)) {
            0 => Err(NothingToCancel),
            cancelled => Ok(cancelled),
        }
    }
}

impl Drop for Overlapped {
    fn drop(&mut self) {
        let _ = self.cancel_all();
    }
}

impl From<Mailslot> for Overlapped {
    fn from(slot: Mailslot) -> Self {
        Self::new(slot)
    }
}

impl fmt::Debug for Overlapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlapped").field("slot", &self.slot).finish_non_exhaustive()
    }
}
