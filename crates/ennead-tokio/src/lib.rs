//! Ennead's named pipes and mailslots for [tokio](https://docs.rs/tokio).
//!
//! [`named_pipe`] has the shape of `tokio::net::windows::named_pipe`: a program written for that module on Windows needs
//! only its `use` line changed. [`mailslot`] awaits messages; there is no model for it in tokio.
//!
//! ```
//! use ennead_tokio::named_pipe::{ClientOptions, ServerOptions};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! const NAME: &str = r"\\.\pipe\ennead-tokio-front-page";
//!
//! # #[tokio::main] async fn main() -> std::io::Result<()> {
//! let mut server = ServerOptions::new().first_pipe_instance(true).create(NAME)?;
//! let mut client = ClientOptions::new().open(NAME)?;
//! server.connect().await?;
//!
//! client.write_all(b"ping").await?;
//! let mut heard = [0; 4];
//! server.read_exact(&mut heard).await?;
//! assert_eq!(&heard, b"ping");
//! # Ok(()) }
//! ```
//!
//! What differs, because the system does:
//!
//! - There are no raw handles: `from_raw_handle`, `AsRawHandle` and the two functions that take raw security attributes
//!   are missing. [`ServerOptions::security`](named_pipe::ServerOptions::security) takes a security descriptor instead.
//! - Errors are [`std::io::Error`]s of the kind that they have on Windows, and [`ennead_status::Win32Error`] reads their
//!   code. Only ERROR_PIPE_BUSY, which the module's documentation tells programs to compare, is also their
//!   `raw_os_error()`: other codes would be taken for errno's.
//! - A write to a pipe in message mode completes when the whole message is in the pipe: nothing is kept in a buffer
//!   behind the program's back, where dropping the pipe would lose it.
#![forbid(unsafe_code)]

pub mod mailslot;
pub mod named_pipe;
