//! The Linux system as Ennead uses it.
//!
//! This is the only crate that makes system calls or maps memory. Slices go in, values and owned handles come
//! out; no raw descriptor number leaves it. Each module is one part of the system:
//!
//! - [`pipe`]: kernel pipes

pub mod pipe;
