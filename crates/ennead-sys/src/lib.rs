//! The Linux system as Ennead uses it.
//!
//! This is the only crate that makes system calls or maps memory. Slices go in, values and owned handles come
//! out; no raw descriptor number leaves it. Each module is one part of the system:
//!
//! - [`acl`]: POSIX access control lists
//! - [`clock`]: the clock that all processes share
//! - [`common_bell`]: a doorbell that several processes listen to
//! - [`cpu`]: which processor runs us
//! - [`doorbell`]: kernel pipes as doorbells
//! - [`eventfd`]: a latch for poll and epoll
//! - `fault`: lost pages of mapped files become a flag
//! - [`fence`]: fences of unequal weight
//! - [`file`](mod@file): regular files
//! - [`folder`]: folders and the names in them
//! - [`futex`]: sleeping until a word changes
//! - [`generation`](mod@generation): telling a process from what it was before a fork
//! - [`inherit`]: descriptors that one chosen child inherits
//! - [`lock`]: open-file-description locks
//! - [`mapping`]: memory shared with other processes
//! - [`memfd`]: memory files whose size nobody can change
//! - [`memory`]: how much memory there is
//! - [`mount`]: mounting a tmpfs
//! - [`occupancy`]: rooms that are seen empty when the last occupant is gone
//! - [`owned_lock`]: a lock whose most faithful reader pays next to nothing
//! - [`pidfd`]: processes as descriptors
//! - [`pipe`]: kernel pipes
//! - [`plain`]: types whose values are their bytes
//! - [`poll`]: waiting until descriptors can be read or written
//! - [`process`]: what this process is
//! - [`readiness`]: sets of descriptors, and alarm clocks
//! - [`robust`]: locks in shared memory whose owner may die
//! - [`socket`]: named Unix sockets that carry messages with descriptors
//! - [`spin`]: how long to look before sleeping
//! - [`thread_credentials`]: one thread acts as another user
//! - [`view`]: parts of files, mapped, that survive what happens to their files
//! - [`wait`]: how long an operation may wait, and how another thread ends it

pub mod accounts;
pub mod acl;
pub mod clock;
pub mod common_bell;
pub mod cpu;
pub mod doorbell;
pub mod eventfd;
mod fault;
pub mod fence;
pub mod file;
pub mod folder;
pub mod futex;
pub mod generation;
pub mod inherit;
pub mod lock;
pub mod mapping;
pub mod memfd;
pub mod memory;
pub mod mount;
pub mod occupancy;
pub mod owned_lock;
pub mod pidfd;
pub mod pipe;
pub mod plain;
pub mod poll;
pub mod process;
mod readable;
pub mod readiness;
pub mod robust;
mod shared_copy;
pub mod socket;
pub mod spin;
pub mod thread_credentials;
pub mod view;
pub mod wait;
