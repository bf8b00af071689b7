//! Named pipes, as the documentation has them.
//!
//! A server creates an [`Instance`] with [`ServerOptions::create`] (`CreateNamedPipe`) and waits for a client with
//! [`Instance::connect`]; a client opens it with [`ClientOptions::open`] (`CreateFile`). Each operation fails with the Win32
//! code that its documentation names ([`Error::win32`]).
//!
//! ```
//! use ennead_pipe::named::{ClientOptions, Place, ServerOptions};
//! # let folder = std::env::temp_dir().join(format!("ennead-pipe-doc-{}", std::process::id()));
//! # let place = Place::at(&folder)?;
//! let server = ServerOptions::new().messages().place(&place).create(r"\\.\pipe\orders")?;
//! let client = ClientOptions::new().place(&place).open(r"\\.\pipe\orders")?;
//! client.write(b"two bolts")?;
//! server.connect()?;
//! let mut order = [0; 64];
//! let received = server.read(&mut order)?;
//! assert_eq!(&order[..received.bytes], b"two bolts");
//! # drop((server, client));
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! (`place` says in which namespaces; without it, the process's own are used.)
//!
//! # Where things are
//! `service` is what one process does for one pipe: its entry, its count of instances. `door` admits clients, exactly as many as
//! instances listen; `connecting` is how an instance gets one and loses it. `arrival` checks a client; `snapshot` is the pipe as a client sees it; `waiting` is `WaitNamedPipe`; `end`
//! is what both ends do alike; `state`, `layout`, `handshake`, `name` are pure.
//!
//! # Where this differs from Windows
//! - The name is free as soon as no process serves the pipe, even while a client still has its end open. Windows keeps an
//!   instance until both of its ends are closed.
//! - A connection's buffers follow the quotas of the first instance. Each instance reports its own.
//! - `LOCAL\` in a name keeps the pipe in the `Local` namespace; it stays part of the name.

mod arrival;
mod call;
mod client;
mod client_options;
mod connecting;
mod connection;
mod door;
mod end;
mod error;
#[doc(hidden)]
pub mod fuzzing;
pub mod handshake;
mod impersonating;
mod known;
mod layout;
mod lending;
mod listing;
mod modes;
mod name;
mod patience;
mod place;
mod readiness;
mod security;
mod server;
mod server_options;
mod service;
mod snapshot;
mod state;
mod stream;
mod waiting;

pub use arrival::ClientInfo;
pub use call::{call, call_in};
pub use client::Client;
pub use client_options::ClientOptions;
pub use connecting::Connected;
pub(crate) use connection::Connection;
pub use end::{Peeked, Received};
pub use ennead_channel::{Arming, CancelToken, Interest, Wait};
pub use error::{Error, Operation, Reason, Result};
pub use layout::{Traits, UNLIMITED};
pub use listing::{ListedPipe, PipeDetails, list, list_in};
pub use modes::{Direction, Modes, PipeType, ReadMode, WaitMode};
pub use name::{MAX_LEN, NameError, PipeName};
pub use place::Place;
pub use readiness::Readiness;
pub use server::Instance;
pub use server_options::ServerOptions;
pub use state::State;
pub use waiting::{Timeout, wait, wait_in};
