//! Tests that need the steps of the protocol pulled apart.

#[path = "../tests/playground/mod.rs"]
pub(crate) mod playground;

mod fallbacks;
mod lifetimes;
