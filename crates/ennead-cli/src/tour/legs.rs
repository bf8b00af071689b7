//! The legs: how the tour goes over each mechanism that exists. One short file each.

mod anonymous_pipes;
mod frames;
mod mailslots;
mod mapping;
mod named_pipes;

use super::line::Leg;

/// Shared memory under a name: rings for the questions, a guarded table, and the file itself mapped by both.
pub const MAPPING: Option<&'static (dyn Leg + Sync)> = Some(&mapping::Mapping);

/// Two mailslots for each conversation; the file in messages.
pub const MAILSLOTS: Option<&'static (dyn Leg + Sync)> = Some(&mailslots::Mailslots);

/// Two anonymous pipes for each connection.
pub const ANONYMOUS_PIPES: Option<&'static (dyn Leg + Sync)> = Some(&anonymous_pipes::AnonymousPipes);

/// Named pipes: message mode for the questions, byte mode for the file.
pub const NAMED_PIPES: Option<&'static (dyn Leg + Sync)> = Some(&named_pipes::NamedPipes);
