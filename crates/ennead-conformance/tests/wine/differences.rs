//! Where Wine does otherwise than the documentation says. The documentation decides; each row names the sentence.

/// One case that Wine fails, and how.
pub struct Difference {
    /// The case's name.
    pub case: &'static str,
    /// A part of what the case says when it fails.
    pub says: &'static str,
    /// The page that decides, below `https://learn.microsoft.com/windows/win32/`.
    pub page: &'static str,
    /// Its sentence.
    pub sentence: &'static str,
}

mod file_mapping;
mod mailslots;
mod pipes;
mod sync_objects;

/// The differences of [`VERSION`].
pub fn all() -> impl Iterator<Item = &'static Difference> {
    [pipes::DIFFERENCES, sync_objects::DIFFERENCES, file_mapping::DIFFERENCES, mailslots::DIFFERENCES]
        .into_iter()
        .flatten()
}

/// The Wine that was reviewed: Debian 12's. With another one, a difference that is gone is reported, but is no failure.
pub const VERSION: &str = "wine-8.0";

/// What is said of a case that does not end.
pub const HANGS: &str = "did not end in time";
