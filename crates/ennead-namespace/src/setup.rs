//! Making `Global\`: what `ennead setup` does, as root, once per start of the machine.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use ennead_sys::file::FileKind;
use ennead_sys::folder::Folder;
use ennead_sys::mount;

use crate::error::RootError;
use crate::root::parse_uid;

/// What the tmpfs is limited to, where one is mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes in all.
    pub size: u64,
    /// Bytes a user, where the kernel can (6.6).
    pub quota: u64,
}

impl Default for Limits {
    /// 256 MiB in all, 64 MiB a user.
    fn default() -> Self {
        Limits { size: 256 << 20, quota: 64 << 20 }
    }
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// The folder was made.
    pub made: bool,
    /// A tmpfs was mounted, as there was none below it.
    pub mounted: bool,
    /// The kernel keeps a quota a user on it. `false` also where nothing was mounted.
    pub quota: bool,
    /// How many folders were removed that carried a uid but belonged to somebody else.
    pub removed: u32,
}

/// Makes the machine's root at `path` (`/run/ennead`): a folder of root's with mode 1777, on a tmpfs. Where its parent is on none,
/// one is mounted. Doing it again changes nothing.
///
/// Needs root (ERROR_ACCESS_DENIED); mounting needs CAP_SYS_ADMIN.
pub fn set_up_global(path: &Path, limits: Limits) -> Result<Done, RootError> {
    let step = |step: &'static str| {
        move |source: io::Error| RootError::System { step, path: path.to_owned(), source }
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(step("make")(io::ErrorKind::InvalidInput.into()));
    };
    let mut done = Done::default();
    let parent = Folder::open(parent).map_err(step("open the parent of"))?;
    match parent.make(name, 0o1777) {
        Ok(()) => done.made = true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(step("make")(e)),
    }
    let mut root = parent.open_in(name).map_err(step("open"))?;
    if !root.is_tmpfs().map_err(step("look at"))? {
        done.quota =
            mount::mount_tmpfs(path, 0o1777, limits.size, limits.quota).map_err(step("mount a tmpfs at"))?;
        done.mounted = true;
        root = parent.open_in(name).map_err(step("open"))?;
    }
    let status = root.status().map_err(step("look at"))?;
    if status.uid != ennead_sys::process::effective_uid() {
        let error = RootError::WrongOwner {
            path: path.to_owned(),
            owner: status.uid,
            expected: ennead_sys::process::effective_uid(),
        };
        return Err(error);
    }
    if status.mode != 0o1777 {
        root.set_mode(0o1777).map_err(step("set the mode of"))?;
    }
    for name in root.names().map_err(step("list"))? {
        done.removed += u32::from(remove_squatter(&root, &name));
    }
    Ok(done)
}

/// Somebody's folder under another user's uid would keep that user out: it is removed if it is empty, and reported if not.
fn remove_squatter(root: &Folder, name: &OsStr) -> bool {
    let Some(uid) = parse_uid(name) else { return false };
    let Ok(status) = root.status_of(name) else { return false };
    if status.uid == uid && status.kind == FileKind::Folder {
        return false;
    }
    let removed = match status.kind {
        FileKind::Folder => root.remove_folder(name),
        _ => root.remove(name),
    };
    tracing::warn!(
        target: "ennead::audit",
        uid, owner = status.uid, removed = removed.is_ok(),
        "the folder of a user in the global root belongs to somebody else"
    );
    removed.is_ok()
}

/// The tmpfiles.d line that does the same at each start where /run is a tmpfs.
pub const TMPFILES: &str = "d /run/ennead 1777 root root -\n";
