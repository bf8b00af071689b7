//! A connection between two processes that leaves the kernel alone while both are busy.
//!
//! One sealed memory file holds a ring each way; one kernel pipe each way is the doorbell. A side rings only when the other has said that it sleeps; the end
//! of the pipe says that the other side is gone, however it went. An idle connection costs three descriptors an end and the pages that were touched.
//!
//! The peer is never trusted: what is passed in [`PeerParts`] is verified before it is used, and whatever it writes into the rings is copied once, checked,
//! then used. A violation poisons this side (every later operation fails with ERROR_INVALID_DATA); it never panics, hangs or reads out of bounds.
//!
//! Several processes can hold one end (inheritance, DuplicateHandle): [`Endpoint::share`] makes the parts for one more holder, [`Endpoint::join`] takes them up. All
//! may read and write; each message goes to one reader, messages of several writers do not mix, and whoever is killed is succeeded by another. Only an end that was
//! ever shared pays for that. Two things are weaker than one might wish: a message larger than the ring whose reader is killed is gone as far as that one had read it;
//! and when a writer is killed in the middle of such a message, the peer learns it when another holder next reads or writes, or when the last is gone.
//!
//! A process that forks without executing keeps its parent's doorbells open, so that the peer does not see the parent's end.
//!
//! Where things are: `layout` says what lies where in the file, `position` and `frame` are the arithmetic, `receive` and `send` the ring algorithm (`at_once` its shortest way), `awaiting`
//! the sleeping and ringing, `sharing` the turns among processes, all generic over `system::System`, so that the model checker runs the same code as Linux (`linux`, `commons`) does.
#![forbid(unsafe_code)]

mod arming;
mod at_once;
mod awaiting;
mod channel;
mod commons;
mod endpoint;
mod error;
mod frame;
mod layout;
mod linux;
#[cfg(test)]
mod model;
mod parts;
mod peek;
mod position;
mod receive;
mod reserve;
mod send;
mod shared_parts;
mod sharing;
mod system;
#[cfg(test)]
mod tests;
mod turn;

use ennead_sys::{spin, wait};

pub use arming::{Arming, Interest};
pub use channel::{Peeked, ReadMode, Received};
pub use endpoint::{Endpoint, create, create_from};
pub use error::{AcceptError, ReadError, WriteError};
pub use layout::{Framing, LARGEST_CAPACITY, LAYOUT_VERSION, Parameters, SMALLEST_CAPACITY};
pub use parts::{Limits, PeerParts};
pub use reserve::Reserve;
pub use shared_parts::{ShareError, SharedParts};
pub use spin::Spin;
pub use wait::{CancelToken, Wait};
