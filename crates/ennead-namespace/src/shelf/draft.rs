//! Entries that have no name yet, and how they get one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;

use ennead_sys::file::{self, Status};
use ennead_sys::lock::{self, LockMode};

use super::key::{Keys, key_name, mark_new};
use super::{LIFE, Shelf};
use crate::error::EntryError;
use crate::owner;
use crate::step;

/// A complete entry that has no name yet, or a temporary one.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) file: File,
    pub(crate) key: Option<File>,
    pub(crate) status: Status,
    temporary: Option<OsString>,
}

impl Draft {
    /// The same after it was published: its temporary name is gone.
    pub(crate) fn linked(self) -> Draft {
        Draft { temporary: None, ..self }
    }
}

impl Shelf {
    /// A file without a name, locked as its creator's.
    pub(crate) fn draft(&self) -> Result<Draft, EntryError> {
        if step::is_without_unnamed_files() {
            return self.named_draft();
        }
        match self.folder.unnamed_file() {
            Ok(file) => self.locked(file, None).map(|(draft, _)| draft),
            Err(e) if is_without_unnamed_files(&e) => self.named_draft(),
            Err(e) => Err(EntryError::system("make the entry's file")(e)),
        }
    }

    /// For file systems without unnamed files: a temporary name, which a sweep may take away before it is locked.
    pub(crate) fn named_draft(&self) -> Result<Draft, EntryError> {
        loop {
            let id = owner::random().map_err(EntryError::system("get random bits"))?;
            let name = OsString::from(format!("{TEMPORARY}{id:016x}"));
            let file = self.folder.new_file(&name).map_err(EntryError::system("make the entry's file"))?;
            let (draft, locked) = self.locked(file, Some(name.clone()))?;
            match self.folder.status_of(&name) {
                Ok(named) if locked && named.is_same_file(&draft.status) => return Ok(draft),
                _ => self.discard_key(&draft),
            }
        }
    }

    /// The draft with the locks of its creator; `false` only for a temporary name, which a sweep has found before and is about to remove.
    fn locked(&self, file: File, temporary: Option<OsString>) -> Result<(Draft, bool), EntryError> {
        let status = file::status(&file).map_err(EntryError::system("look at the entry's file"))?;
        let mut key = None;
        let locked = if self.keys == Keys::All {
            key = Some(self.new_key(&file)?);
            mark_new(&file)?;
            true
        } else {
            lock::try_lock(&file, LockMode::Read, LIFE, 1)
                .map_err(EntryError::system("take a lock on the entry"))?
        };
        Ok((Draft { file, key, status, temporary }, locked))
    }

    /// Gives the draft its name; `false` if something has that name.
    pub(crate) fn publish(&self, draft: &Draft, name: &OsStr) -> Result<bool, EntryError> {
        step::between();
        let outcome = match &draft.temporary {
            None => self.folder.link(&draft.file, name),
            Some(temporary) => self.folder.rename_new(temporary, name),
        };
        match outcome {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(EntryError::system("give the entry its name")(e)),
        }
    }

    /// Throws a draft away that was not published.
    pub(crate) fn discard(&self, draft: &Draft) {
        if let Some(temporary) = &draft.temporary {
            // Ours until the lock falls. If it cannot be removed, the next list does it.
            let _ = self.folder.remove(temporary);
        }
        self.discard_key(draft);
    }

    /// Removes the key of a draft whose name is gone, or never was.
    pub(crate) fn discard_key(&self, draft: &Draft) {
        if draft.key.is_some() {
            // As above.
            let _ = self.folder.remove(&key_name(draft.status.inode));
        }
    }
}

/// What temporary names begin with.
pub(crate) const TEMPORARY: &str = ".t.";

fn is_without_unnamed_files(error: &io::Error) -> bool {
    // EOPNOTSUPP from the file system, EISDIR from one that does not know the flag.
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::IsADirectory)
}
