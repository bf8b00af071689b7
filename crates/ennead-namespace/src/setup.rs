//! Making `Global\`: what `ennead setup` does, as root, once per start of the machine.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::Path;

use ennead_sys::file::FileKind;
use ennead_sys::folder::Folder;
use ennead_sys::mount;
use ennead_sys::process;

use crate::error::RootError;
use crate::root::parse_uid;

/// Where the room for everybody's entries comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// A tmpfs of its own, so that what users put there does not fill the one that the parent lies on (`/run`).
    Own(Limits),
    /// The tmpfs that the parent lies on; one of its own only where that is none. For tests and containers.
    Shared(Limits),
}

impl Default for Room {
    fn default() -> Self {
        Room::Own(Limits::default())
    }
}

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
    /// A tmpfs was mounted.
    pub mounted: bool,
    /// Why it has no tmpfs of its own although that was asked for.
    pub unlimited: Option<Unlimited>,
    /// The kernel keeps a quota a user on it. `false` also where nothing was mounted.
    pub quota: bool,
    /// How many folders were removed that carried a uid but belonged to somebody else.
    pub removed: u32,
}

/// Why the machine's root shares the tmpfs of its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlimited {
    /// Users have folders there already, which a mount would hide from their clients.
    InUse,
    /// The system does not let the caller mount (a container without CAP_SYS_ADMIN).
    MayNotMount,
}

impl fmt::Display for Unlimited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unlimited::InUse => "users have folders there already, which a mount would hide",
            Unlimited::MayNotMount => "mounting is not permitted here",
        })
    }
}

/// Makes the machine's root at `path` (`/run/ennead`): a folder of root's with mode 1777, on a tmpfs of its own, unless it is one
/// already. Where that cannot be, but the parent is on a tmpfs, it shares that one, and [`Done::unlimited`] says why. In
/// it is root's own folder, so that nobody can make that first. Doing it again changes nothing.
///
/// Needs root (ERROR_ACCESS_DENIED); mounting needs CAP_SYS_ADMIN.
pub fn set_up_global(path: &Path, room: Room) -> Result<Done, RootError> {
    let step = |step: &'static str| {
        move |source: io::Error| RootError::System { step, path: path.to_owned(), source }
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(step("make")(io::ErrorKind::InvalidInput.into()));
    };
    let mut done = Done::default();
    let parent = Folder::open(parent).map_err(step("open the parent of"))?;
    // Nobody else's until it is complete.
    match parent.make(name, 0o700) {
        Ok(()) => done.made = true,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(step("make")(e)),
    }
    let mut root = parent.open_in(name).map_err(step("open"))?;
    let on_tmpfs = root.is_tmpfs().map_err(step("look at"))?;
    let own_mount = root.status().map_err(step("look at"))?.device
        != parent.status().map_err(step("look at the parent of"))?.device;
    let wanted = match room {
        _ if on_tmpfs && own_mount => None,
        Room::Own(limits) => Some(limits),
        Room::Shared(limits) => (!on_tmpfs).then_some(limits),
    };
    if let Some(limits) = wanted {
        if on_tmpfs && !is_unused(&root).map_err(step("list"))? {
            done.unlimited = Some(Unlimited::InUse);
        } else {
            match mount::mount_tmpfs(path, 0o1777, limits.size, limits.quota) {
                Ok(quota) => {
                    (done.mounted, done.quota) = (true, quota);
                    root = parent.open_in(name).map_err(step("open"))?;
                }
                Err(e) if on_tmpfs && e.kind() == io::ErrorKind::PermissionDenied => {
                    done.unlimited = Some(Unlimited::MayNotMount);
                }
                Err(e) => return Err(step("mount a tmpfs at")(e)),
            }
        }
    }
    let status = root.status().map_err(step("look at"))?;
    let caller = process::effective_uid();
    if status.uid != caller {
        return Err(RootError::WrongOwner { path: path.to_owned(), owner: status.uid, expected: caller });
    }
    if status.mode != 0o1777 {
        root.set_mode(0o1777).map_err(step("set the mode of"))?;
    }
    for name in root.names().map_err(step("list"))? {
        done.removed += u32::from(remove_squatter(&root, &name));
    }
    match root.make(OsStr::new(&caller.to_string()), 0o755) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(step("make a folder in")(e)),
        _ => {}
    }
    Ok(done)
}

/// Whether there is nothing but the caller's own folder, empty: what an earlier setup leaves.
fn is_unused(root: &Folder) -> io::Result<bool> {
    let own = OsString::from(process::effective_uid().to_string());
    match root.names()?.as_slice() {
        [] => Ok(true),
        [name] if *name == own => Ok(root.open_in(name)?.names()?.is_empty()),
        _ => Ok(false),
    }
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
