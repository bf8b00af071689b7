//! The porter: the one helper thread of a process.
//!
//! Most of Ennead needs no thread but the caller's. What does — an overlapped operation that goes on after the
//! call that started it has returned — asks the porter to [`watch`] a descriptor, and is called back on the
//! porter's thread whenever the descriptor is readable. The thread starts with the first watch, serves only its own
//! process, and is made afresh in a child after `fork`. Plain blocking reads, writes and waits never pass
//! through it.
//!
//! A callback must not block: everything that the process has under way waits behind it.

mod thread;

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use thread::Porter;

/// Something that the porter looks after.
pub trait Watched: Send + Sync + 'static {
    /// The descriptor to watch; the same one for as long as the watch lasts.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Called on the porter's thread while the descriptor is readable or its other end is gone. It is level-triggered:
    /// what is not consumed is reported again. A panic in here ends the watch and nothing else.
    fn ready(&self) -> Next;
}

/// What [`Watched::ready`] wants to happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Go on watching.
    Keep,
    /// The watch has done its work; forget it.
    Done,
}

/// Starts to watch. The porter holds `watched` until it answers [`Next::Done`] or the [`Watch`] is dropped.
///
/// # Errors
/// The kernel's, when the process has no descriptor or thread left, or the descriptor cannot be polled (a regular
/// file).
pub fn watch(watched: &Arc<dyn Watched>) -> io::Result<Watch> {
    let porter = Porter::of_this_process()?;
    let token = porter.admit(watched)?;
    Ok(Watch { porter, token, waits: true })
}

/// A watch under way. Dropping it ends the watch: when `drop` returns, the callback is not running and will not run
/// again, unless the drop happens inside that very callback.
#[must_use = "dropping the watch ends it"]
pub struct Watch {
    porter: Arc<Porter>,
    token: u64,
    /// Whether the drop waits for a callback that is running.
    waits: bool,
}

impl Watch {
    /// Ends the watch as dropping it does, but does not wait for a callback that is running right now: it may go on for a
    /// while, and no other begins. For callers that hold a lock which the callback takes. The descriptor can be watched anew at once.
    pub fn release(mut self) {
        self.waits = false;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.porter.dismiss(self.token, self.waits);
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("token", &self.token).finish_non_exhaustive()
    }
}
