//! Names, lifetimes and rights: every named thing of Ennead is an entry in a folder, and there is no daemon.
//!
//! An **entry** is a file: a header, its whole name, its exact security descriptor, and a body that the mechanism lays out.
//! It lives while somebody holds a kernel lock on it, or on its key where its readers' locks must not count ([`Holders`]); one that
//! nobody holds is dead, whatever is in it, and its name is free. The file of an entry whose last holder was killed stays until the next create, open or list in its folder
//! by someone who may remove it, or [`Root::sweep`].
//!
//! A **root** is the folder of a namespace: `Local\` of this user, or `Global\` of the machine, in which each user has a folder of
//! their own. [`Roots`] knows the order in which a client looks and the place where a server publishes.
//!
//! **Rights** are file permissions: [`Protection`] turns a descriptor into a mode and an ACL that never grant more.
//!
//! - [`name`]: names, kinds, folding, encoding
//! - [`header`]: the layout of an entry
//! - [`private`]: private namespaces
//! - [`setup`]: making `Global\`
//!
//! # Limits
//! - A forked child that does not exec shares the locks of its parent's entries: while it lives, so does the name. Its own
//!   copies of the [`Entry`] values do nothing when dropped.
//! - Whoever may write an entry may also truncate it, and a load from the lost pages raises SIGBUS in its other holders.
//! - Another user's stopped process may delay a create of the same name in `Global\`; after ten seconds that is an error.

#![forbid(unsafe_code)]

#[cfg(test)]
extern crate self as ennead_namespace;

mod claim;
mod entry;
mod error;
pub mod header;
mod list;
mod lookup;
pub mod name;
mod owner;
mod patience;
pub mod private;
mod protection;
mod root;
pub mod setup;
mod shelf;
mod socket;
mod step;
#[cfg(test)]
mod tests;

pub use entry::{Body, CreateOptions, Created, Entry, Wanted};
pub use error::{EntryError, Intruder, NameError, RootError};
pub use list::{Listed, Listing, Observed, Skipped};
pub use lookup::Roots;
pub use name::{Case, Holders, Kind, Name};
pub use owner::OwnerId;
pub use protection::Protection;
pub use root::{Root, Scope};
pub use socket::{SocketFolder, SocketName};
