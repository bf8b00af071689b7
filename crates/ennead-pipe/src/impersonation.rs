//! Impersonation of a pipe's client (`ImpersonateNamedPipeClient`, `RevertToSelf`).

mod quality;

pub use quality::{ContextTracking, Level, QualityError, SecurityQuality};
