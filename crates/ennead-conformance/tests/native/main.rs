//! The suites against Ennead's own crates.

mod named_pipes;
mod overlapped_pipes;
