//! Synchronization objects and waits: what Windows programs wait for, between processes and without a server.
//!
//! An object is a word of shared memory: in its entry's file where it has a name, in a memory file where it has none. A wait that
//! finds its object signaled is one exchange of that word; one that does not sleeps on it in the kernel. One waiter takes the signal, but
//! every sleeper is woken, so that nothing is lost with one that is killed before it runs.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("ennead-sync-doc-{}", std::process::id()));
//! # let place = ennead_sync::Place::at(&folder)?;
//! use ennead_sync::{Event, EventOptions, Outcome, SemaphoreOptions, Wait, wait_any};
//!
//! let ready = EventOptions::new().place(&place).create(r"Local\Ready")?;
//! let places = SemaphoreOptions::new(0, 8).place(&place).create(r"Local\Places")?;
//! ready.set()?;
//! assert_eq!(wait_any(&[&places, &ready], Wait::Forever)?, Outcome::Signaled(1));
//! assert_eq!(ready.wait(Wait::Never)?, Outcome::TimedOut, "the wait has reset it");
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! Where things are: `state` and `word` say what a word means, `protocol` is what is done to it step by step, for Linux (`sight`, `object`, `waiting`) and for the
//! model alike, `outcome` where waits for all are decided, `named` and `passing` how handles are got and given.
//!
//! # What is weaker than on Windows
//! - A right to wait and a right to change an object cannot be told apart by the kernel's file permissions: between users who
//!   may do either, `EVENT_MODIFY_STATE` and its kin bind honest programs only.
//! - Three or more sets of an auto-reset event (or two pulses) within the time that its sleepers take to wake may release fewer than three (two).
//! - A waiter for a manual-reset timer that was due, but has not run before the timer is set again, waits for the new time.
//! - Whoever is killed while setting a timer has perhaps set it, but not told its sleepers, who then sleep on for the old time.
//! - A pulse never completes a wait for all of several objects.
//! - No order among waiters, and no bound on how often one that comes later goes first.
//! - A stopped process of another user may delay a wait on an object that both share, while it is just taking it in a wait for all.
//! - A wait for all that is killed just when it has taken its objects is all or nothing as long as a process of its user lives, or every object
//!   has been looked at since: the page that says what it took goes with the user's last process.
//! - A wait for several mutexes that sleeps while their owner, in another pid namespace, ends without releasing: see `ennead_sys::robust`.
//! - An unnamed object takes a descriptor, a mutex two.

#![forbid(unsafe_code)]

pub mod alert;
mod ending;
mod error;
mod event;
mod layout;
#[cfg(test)]
mod model;
mod mutex;
mod name;
mod named;
mod namespaces;
mod object;
mod outcome;
mod passing;
mod place;
mod process;
mod protocol;
pub mod rights;
mod semaphore;
mod sight;
mod state;
mod thread;
mod timer;
mod waiting;
mod word;

pub use alert::Alerts;
pub use ennead_namespace::private::PrivateError as NamespaceError;
pub use error::{ChangeError, ObjectError, WaitError};
pub use event::{Event, EventOptions};
pub use layout::Tag;
pub use mutex::{Mutex, MutexOptions};
pub use name::{ObjectName, ObjectNameError};
pub use namespaces::{Boundary, PrivateNamespace};
pub use passing::SharedObject;
pub use place::Place;
pub use process::Process;
pub use semaphore::{Semaphore, SemaphoreOptions};
pub use thread::Thread;
pub use timer::{Due, Timer, TimerOptions};
pub use waiting::{
    CancelToken, MAXIMUM_WAIT_OBJECTS, Outcome, SignalError, Signaling, Source, Wait, Waitable,
    signal_and_wait, signal_and_wait_alertable, sleep_alertable, wait, wait_alertable, wait_all,
    wait_all_alertable, wait_any, wait_any_alertable,
};
