//! The report folder: the resulting document as a page, and everything found as JSON.

mod chart;
mod clock;
mod html;
mod json;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::Findings;
use crate::failure::Failure;
use crate::visible::visible_path;

pub use json::json;

/// In the head of each file that the tour writes, so that it only ever replaces its own.
const MARK: &str = "ennead tour";

/// A folder that can be written to; checked before the tour begins, not after.
pub struct Folder(PathBuf);

/// What was written.
pub struct Written {
    /// The page, as an absolute path.
    pub html: PathBuf,
}

impl Folder {
    /// Makes it where it is missing. Files that are not ours are in the way.
    pub fn open(path: &Path) -> Result<Folder, Failure> {
        let cannot = |error: &io::Error| {
            Failure::system(format!("cannot use the report folder {}", visible_path(path)), error)
                .next("name a folder that you may write to after --report")
        };
        fs::create_dir_all(path).map_err(|error| cannot(&error))?;
        let folder = fs::canonicalize(path).map_err(|error| cannot(&error))?;
        for name in ["report.html", "report.json"] {
            let file = folder.join(name);
            if !replaceable(&file).map_err(|error| cannot(&error))? {
                let what =
                    format!("{} was not written by the tour, which will not replace it", visible_path(&file));
                return Err(Failure::new(what).next("name another folder after --report"));
            }
        }
        let probe = Draft::create(&folder, "probe").map_err(|error| cannot(&error))?;
        drop(probe);
        Ok(Folder(folder))
    }

    /// Writes both reports, each whole or not at all.
    pub fn write(&self, findings: &Findings) -> Result<Written, Failure> {
        let written = Written { html: self.0.join("report.html") };
        for (name, text) in [("report.json", json(findings) + "\n"), ("report.html", html::page(findings))] {
            let path = self.0.join(name);
            let saved = Draft::create(&self.0, name).and_then(|mut draft| draft.finish(&text, &path));
            saved.map_err(|error| {
                Failure::system(format!("cannot write {}", visible_path(&path)), &error)
                    .next("make room, or name another folder after --report")
            })?;
        }
        Ok(written)
    }
}

/// A file under another name until it is complete; removed if it never is.
struct Draft {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Draft {
    fn create(folder: &Path, name: &str) -> io::Result<Draft> {
        let path = folder.join(format!(".{name}.{}.draft", std::process::id()));
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Draft { file, path, kept: false })
    }

    fn finish(&mut self, text: &str, path: &Path) -> io::Result<()> {
        self.file.write_all(text.as_bytes())?;
        fs::rename(&self.path, path)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Nothing is there, or a report of ours.
fn replaceable(path: &Path) -> io::Result<bool> {
    let is_file = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        found => found?.is_file(),
    };
    if !is_file {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path)?.take(512).read_to_end(&mut head)?;
    Ok(head.windows(MARK.len()).any(|part| part == MARK.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_files_are_replaced() {
        let folder = std::env::temp_dir().join(format!("ennead-report-{}", std::process::id()));
        assert!(Folder::open(&folder).is_ok());
        fs::write(folder.join("report.html"), "<title>mine</title>").unwrap();
        assert!(matches!(Folder::open(&folder), Err(Failure::Failed(_))));
        assert_eq!(fs::read(folder.join("report.html")).unwrap(), b"<title>mine</title>");
        fs::write(folder.join("report.html"), format!("<!-- {MARK} -->")).unwrap();
        assert!(Folder::open(&folder).is_ok());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
