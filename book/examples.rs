//! The pages of the user's manual, so that `cargo test --doc -p ennead-book` compiles and runs each of their examples,
//! and the little that keeps those tests apart.
//!
//! Read the pages in `src/`, or make a site of them with `mdbook build book`.

#![forbid(unsafe_code)]

use std::process::{self, Command};
use std::{env, fs, io};

/// The first page.
#[cfg(doctest)]
#[doc = include_str!("src/introduction.md")]
pub struct Introduction;

/// File mapping.
#[cfg(doctest)]
#[doc = include_str!("src/file-mapping.md")]
pub struct FileMapping;

/// Mailslots.
#[cfg(doctest)]
#[doc = include_str!("src/mailslots.md")]
pub struct Mailslots;

/// Pipes.
#[cfg(doctest)]
#[doc = include_str!("src/pipes.md")]
pub struct Pipes;

/// Synchronization objects and waits.
#[cfg(doctest)]
#[doc = include_str!("src/synchronization.md")]
pub struct Synchronization;

/// What happens underneath.
#[cfg(doctest)]
#[doc = include_str!("src/how-it-works.md")]
pub struct HowItWorks;

/// Runs the example in a runtime root of its own: starts this very program again with `ENNEAD_ROOT` set, and ends as
/// that does. The hidden first line of each example that names something.
///
/// # Errors
///
/// What making the folder, or starting the program, returns.
pub fn own_root() -> io::Result<()> {
    const MARK: &str = "ENNEAD_BOOK_EXAMPLE";
    if env::var_os(MARK).is_some() {
        return Ok(());
    }
    let shm = std::path::Path::new("/dev/shm");
    let parent = if shm.is_dir() { shm.to_owned() } else { env::temp_dir() };
    let root = parent.join(format!("ennead-book-{}", process::id()));
    let status = Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(MARK, "1")
        .env("ENNEAD_ROOT", &root)
        .status();
    // The example may not have needed it.
    let _ = fs::remove_dir_all(&root);
    process::exit(status?.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use ennead::status::Win32Error;

    /// Each row of the table of errors: `ERROR_NAME` and its number.
    #[test]
    fn the_table_of_errors_is_windows() {
        let rows: Vec<_> = include_str!("src/pipes.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `ERROR_")?.split_once("` "))
            .map(|(name, rest)| (name, rest.split(' ').next().and_then(|number| number.parse().ok())))
            .collect();
        assert!(rows.len() > 10, "{rows:?}");
        for (name, number) in rows {
            let number = number.unwrap_or_else(|| panic!("{name} has no number"));
            assert_eq!(Win32Error(number).name(), Some(format!("ERROR_{name}").as_str()));
        }
    }
}
