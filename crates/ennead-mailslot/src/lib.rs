//! Mailslots: anybody who may puts messages in, one server takes them out, whole and in order.
//!
//! A server creates a [`Mailslot`] with [`MailslotOptions::create`] (`CreateMailslot`) and reads; clients open it with
//! [`ClientOptions::open`] (`CreateFile`) and write. Each operation fails with the Win32 code that its documentation names
//! ([`Error::win32`]).
//!
//! ```
//! use ennead_mailslot::{ClientOptions, MailslotOptions, Place};
//! # let folder = std::env::temp_dir().join(format!("ennead-mailslot-doc-{}", std::process::id()));
//! # let place = Place::at(&folder)?;
//! let server = MailslotOptions::new().max_message(400).place(&place).create(r"\\.\mailslot\stock\changes")?;
//! let client = ClientOptions::new().place(&place).open(r"\\.\mailslot\stock\changes")?;
//! client.write(b"bolts -2")?;
//! drop(client);
//! assert_eq!(server.info()?.count, 1);
//! assert_eq!(server.read_message()?, b"bolts -2");
//! # drop(server);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! - Messages are read whole, each as it was written; those of one client in the order in which it wrote them. A message whose write
//!   had returned before another's began, whoever wrote the two, is read before it.
//! - What was written is there, although no thread of the server has run since, and although the writer has exited or was killed. A
//!   writer that is killed in the middle of a message leaves nothing of it.
//! - A write never waits for the reader. A client may have [`MailslotOptions::budget`] bytes unread in the slot, 1 MiB as a rule; past
//!   that it gets ERROR_NOT_ENOUGH_QUOTA. A single message may be larger than that, if nothing else of the client is unread.
//! - Up to 4,096 clients can have written while the server has not read, fewer where `net.core.somaxconn` is smaller or where the
//!   clients' user may not have as many descriptors (RLIMIT_NOFILE); the next one gets ERROR_NO_SYSTEM_RESOURCES at its first write.
//! - While both are awake, neither a write nor a read makes a system call.
//!
//! # How
//! Each writer has one sealed memory file with a ring in it, made at its first write, that message already inside; the file goes to
//! the server's listening socket, where the kernel keeps it, whatever becomes of the writer. What the writer writes later it puts into
//! the same ring. One ring for all would let a writer alter the messages of others. The socket's connection is the doorbell, rung
//! only when the reader has said in that ring that it sleeps; its end says that the writer is gone. Nobody else's bell can be rung or
//! emptied by a writer, as a common one could. The reader sleeps in one epoll set: the listening socket and the connections.
//!
//! Every message carries the time at which its write began ([`ennead_sys::clock::monotonic`]), and the reader takes the earliest.
//! It looks at all rings in turns, and delivers of a turn only what was stamped before the turn began: of two messages of which one
//! came after the other, the earlier one cannot be overlooked then. A stamp is believed only within what the reader knows: no
//! message is from before the reader's last look at that ring, none from after the present. So a writer that lies about
//! the time gains one turn, and a flood of one writer keeps no other one waiting.
//!
//! A message that does not fit the ring gets a new, larger ring, itself inside, and the old one is left behind to be read empty. A
//! reader that has too many writers sends idle ones away: their next write makes a new ring. Closing a ring, by the server, and
//! committing a message, by the writer, are atomic operations on one word: each message is either in the ring or refused.
//!
//! # Where things are
//! `name`, `body`, `handshake` are pure. `ring` is the algorithm over shared memory, generic over the memory, so that the model checker
//! runs the same code; `seat` is one writer as the server has it, `hall` all of them; `slot` and `client` are the ends.
//! `overlapped` reads on behalf of calls that have returned.
//!
//! # Where this differs from Windows
//! - A slot's name is free as soon as its server has closed it, although clients may still have it open.
//! - A client whose server is gone gets ERROR_HANDLE_EOF; after a kill it may take a millisecond, and a message or two, until it knows.
//! - Where more writers have something unread than the server keeps ([`MailslotOptions::most_writers`]), those that wait outside are
//!   merged with the others only once they come in.
//! - Handles cannot be inherited or duplicated into another process yet. A process that forks must not use both copies.
//! - Names of other computers and domains are understood and answered with ERROR_REMOTE_MAILSLOTS_DEPRECATED, as Windows has done
//!   since it turned remote mailslots off (Windows 11 24H2, policy *Enable remote mailslots*).

#![forbid(unsafe_code)]

mod body;
mod client;
mod error;
#[doc(hidden)]
pub mod fuzzing;
mod hall;
pub mod handshake;
mod listing;
mod name;
mod options;
pub mod overlapped;
mod patience;
mod place;
mod ring;
mod seat;
mod security;
mod share;
mod slot;

pub use body::{ReadTimeout, Traits};
pub use client::{Client, ClientOptions, send, send_in};
pub use ennead_channel::{CancelToken, Wait};
pub use error::{Error, Operation, Reason, Result};
pub use listing::{ListedMailslot, MailslotDetails, list, list_in};
pub use name::{NameError, Reach, SlotName};
pub use options::{DEFAULT_BUDGET, LARGEST_BUDGET, MailslotOptions};
pub use place::Place;
pub use share::ShareMode;
pub use slot::{Info, Mailslot, Readiness};
