//! Overlapped operations on named pipes: start a read, write, connect or transaction, and wait for it with others.
//!
//! An end that was made [`Overlapped`] gives an [`Operation`] for each call. Operations are waited for with [`wait_any`] and
//! [`wait_all`], with poll or epoll through [`Operation::event`], or are followed by a routine ([`Operation::on_completion`]);
//! they are cancelled one by one, all at an end, or by dropping the end.
//!
//! ```
//! use ennead_pipe::named::{ClientOptions, Place, ServerOptions};
//! use ennead_pipe::overlapped::Overlapped;
//! # let folder = std::env::temp_dir().join(format!("ennead-overlapped-doc-{}", std::process::id()));
//! # let place = Place::at(&folder)?;
//! let server = Overlapped::new(ServerOptions::new().messages().place(&place).create(r"\\.\pipe\orders")?);
//! let connect = server.start_connect();
//! assert!(!connect.is_complete());
//! let client = ClientOptions::new().place(&place).open(r"\\.\pipe\orders")?;
//! assert!(connect.join().error.is_none());
//! let order = server.start_read(vec![0; 64]);
//! client.write(b"two bolts")?;
//! assert_eq!(order.join().data(), b"two bolts");
//! # drop((server, client));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! - Each operation completes exactly once. Each byte that was written is read by exactly one operation, in order.
//! - A cancelled operation is complete when the call that cancelled it returns, and reports exactly what it moved; what it did not
//!   move stays in the pipe.
//! - With nothing pending there is no watch, and before anything ever was, no thread. A pending operation costs an entry in a line, a
//!   connection with pending ones an entry at the process's helper thread; no descriptor unless [`Operation::event`] is asked for.
//!
//! Pages: [Synchronous and Asynchronous I/O](https://learn.microsoft.com/windows/win32/fileio/synchronous-and-asynchronous-i-o),
//! [Synchronous and Overlapped Input and Output](https://learn.microsoft.com/windows/win32/ipc/synchronous-and-overlapped-input-and-output).
//!
//! # Where this differs from Windows
//! - A cancel takes effect at once: there is no moment in which an operation is both cancelled and pending.
//! - Operations of a process are lost with it when it forks: they stay the parent's.
//!
//! # Where things are
//! `ticket` is an operation's passage from pending to complete; `traffic` the lines of one connection; `lobby` the connects that
//! wait at a pipe's door; `delivery` calls the routines. `wire` joins `traffic` to the pipe and the porter; the model checker puts
//! a wire of its own there.

mod completion;
mod delivery;
mod end;
mod lobby;
#[cfg(test)]
mod model;
mod operation;
mod sync;
mod ticket;
mod traffic;
mod waiter;
mod waiting;
mod wire;

pub use completion::Completion;
pub use end::{End, Overlapped};
pub(crate) use lobby::Lobby;
pub use operation::{Canceller, NothingToCancel, Operation};
pub use waiting::{WaitError, Waitable, wait_all, wait_any};
