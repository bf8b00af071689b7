//! Named pipes.

mod arrival;
mod call;
mod client;
mod door;
mod end;
mod error;
pub mod handshake;
mod layout;
mod listing;
mod modes;
mod name;
mod patience;
mod place;
mod security;
mod server;
mod server_options;
mod service;
mod snapshot;
mod state;
mod waiting;

pub use arrival::ClientIdentity;
pub use call::{call, call_in};
pub use client::{Client, ClientOptions};
pub use end::{Peeked, Received};
pub use ennead_channel::{CancelToken, Wait};
pub use error::{Error, Operation, Reason, Result};
pub use layout::{Traits, UNLIMITED};
pub use listing::{ListedPipe, PipeDetails, list, list_in};
pub use modes::{Direction, Modes, PipeType, ReadMode, WaitMode};
pub use name::{MAX_LEN, NameError, PipeName};
pub use place::Place;
pub use server::{Connected, Instance};
pub use server_options::ServerOptions;
pub use state::State;
pub use waiting::{Timeout, wait, wait_in};
