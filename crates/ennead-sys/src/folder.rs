//! Folders, and what happens to the names in them. Nothing here follows a symbolic link in its last step.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, Mode, OFlags, RenameFlags};

use crate::file::{Access, Status, status_from};

/// An open folder.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
}

impl Folder {
    /// Opens the folder at `path`. Symbolic links on the way are followed: the caller chose the path.
    pub fn open(path: &Path) -> io::Result<Folder> {
        Self::open_at(fs::CWD, path.as_os_str(), OFlags::empty())
    }

    /// Opens the folder `name` in this one; a symbolic link is refused (`ENOTDIR` or `ELOOP`).
    ///
    /// A folder that may be searched but not listed opens too; listing it fails then.
    pub fn open_in(&self, name: &OsStr) -> io::Result<Folder> {
        Self::open_at(self.fd.as_fd(), name, OFlags::NOFOLLOW)
    }

    fn open_at(parent: BorrowedFd<'_>, name: &OsStr, extra: OFlags) -> io::Result<Folder> {
        let common = OFlags::DIRECTORY | OFlags::CLOEXEC | extra;
        let fd = match fs::openat(parent, name, common | OFlags::RDONLY, Mode::empty()) {
            Err(rustix::io::Errno::ACCESS) => fs::openat(parent, name, common | OFlags::PATH, Mode::empty())?,
            other => other?,
        };
        Ok(Folder { fd })
    }

    /// A second descriptor of the same folder.
    pub fn try_clone(&self) -> io::Result<Folder> {
        Ok(Folder { fd: self.fd.try_clone()? })
    }

    /// Makes a folder in this one, with exactly `mode` whatever the umask is.
    pub fn make(&self, name: &OsStr, mode: u32) -> io::Result<()> {
        fs::mkdirat(&self.fd, name, Mode::from_raw_mode(mode))?;
        let made = self.open_in(name)?;
        // A folder that its own mode makes unreadable came as O_PATH, which fchmod refuses; nothing to widen then.
        match fs::fchmod(&made.fd, Mode::from_raw_mode(mode)) {
            Err(rustix::io::Errno::BADF) | Ok(()) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }

    /// What the folder itself is.
    pub fn status(&self) -> io::Result<Status> {
        Ok(status_from(&fs::fstat(&self.fd)?))
    }

    /// What `name` is, not following a symbolic link.
    pub fn status_of(&self, name: &OsStr) -> io::Result<Status> {
        Ok(status_from(&fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Sets the mode of the folder itself.
    pub fn set_mode(&self, mode: u32) -> io::Result<()> {
        Ok(fs::fchmod(&self.fd, Mode::from_raw_mode(mode))?)
    }

    /// Whether the folder lies on a tmpfs.
    pub fn is_tmpfs(&self) -> io::Result<bool> {
        const TMPFS_MAGIC: i64 = 0x0102_1994;
        #[allow(clippy::unnecessary_cast, reason = "the field's type differs between machines")]
        let kind = fs::fstatfs(&self.fd)?.f_type as i64;
        Ok(kind == TMPFS_MAGIC)
    }

    /// The names in the folder, without `.` and `..`, in no order.
    pub fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        // A fresh description: the position in a folder belongs to the description, and this one may be shared by threads.
        for entry in fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// Opens the file `name`. Never blocks (a FIFO has no peer), never follows a symbolic link (`ELOOP`).
    pub fn open_file(&self, name: &OsStr, access: Access) -> io::Result<File> {
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        Ok(fs::openat(&self.fd, name, flags | access.flags(), Mode::empty())?.into())
    }

    /// Opens `name` as a mere reference to what it names: good for its status, and for [`reopen`].
    pub fn open_reference(&self, name: &OsStr) -> io::Result<OwnedFd> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(fs::openat(&self.fd, name, flags, Mode::empty())?)
    }

    /// Makes a file without a name, readable and writable, which vanishes with its last descriptor unless it is linked.
    ///
    /// `EOPNOTSUPP` or `EISDIR` where the file system has no such files.
    pub fn unnamed_file(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(fs::openat(&self.fd, ".", flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Makes the file `name`, readable and writable, which must not exist.
    pub fn new_file(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        Ok(fs::openat(&self.fd, name, flags, Mode::from_raw_mode(0o600))?.into())
    }

    /// Gives an unnamed file its name; `EEXIST` if there is one.
    pub fn link(&self, file: &File, name: &OsStr) -> io::Result<()> {
        match fs::linkat(fs::CWD, proc_path(file.as_fd()), &self.fd, name, AtFlags::SYMLINK_FOLLOW) {
            // Without /proc: linking by descriptor works for root, and since 6.10 for whoever opened the file.
            Err(rustix::io::Errno::NOENT) => {
                Ok(fs::linkat(file.as_fd(), "", &self.fd, name, AtFlags::EMPTY_PATH)?)
            }
            other => Ok(other?),
        }
    }

    /// Renames within the folder; `EEXIST` if `to` exists.
    pub fn rename_new(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(fs::renameat_with(&self.fd, from, &self.fd, to, RenameFlags::NOREPLACE)?)
    }

    /// Removes the name of a file.
    pub fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &OsStr) -> io::Result<()> {
        Ok(fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)?)
    }

    /// A path to `name` that is short whatever the folder's own path is, for sockets (their paths end at 108 bytes).
    ///
    /// Good in this process, while this `Folder` lives, where /proc is mounted.
    pub fn short_path(&self, name: &OsStr) -> PathBuf {
        proc_path(self.fd.as_fd()).join(name)
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Opens what `reference` (see [`Folder::open_reference`]) names, as a new description.
pub fn reopen(reference: impl AsFd, access: Access) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | access.flags();
    Ok(fs::open(proc_path(reference.as_fd()), flags, Mode::empty())?.into())
}

/// Sets the mode of what `reference` names.
pub fn set_mode_of_reference(reference: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(fs::chmod(proc_path(reference.as_fd()), Mode::from_raw_mode(mode))?)
}

/// Where /proc shows the descriptor.
pub(crate) fn proc_path(fd: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use std::ffi::OsStr;
    use std::process::Command;

    /// Links by descriptor where there is no /proc: in a mount namespace of its own, which only root can make.
    #[test]
    fn an_unnamed_file_gets_its_name_without_proc() {
        const TEST: &str = "folder::tests::an_unnamed_file_gets_its_name_without_proc";
        if let Some(path) = std::env::var_os("ENNEAD_TEST_WITHOUT_PROC") {
            assert!(!std::path::Path::new("/proc/self").exists());
            let folder = Folder::open(path.as_ref()).unwrap();
            let file = folder.unnamed_file().unwrap();
            folder.link(&file, OsStr::new("named")).unwrap();
            assert_eq!(crate::file::status(&file).unwrap().links, 1);
            let again = folder.link(&file, OsStr::new("named")).unwrap_err();
            assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
            return;
        }
        if !crate::thread_credentials::may_assume() {
            assert!(
                std::env::var_os("CI").is_none(),
                "this test takes /proc away from itself: run it as root"
            );
            eprintln!("skipped: needs root");
            return;
        }
        let path = std::path::PathBuf::from(format!("/dev/shm/ennead-sys-link-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let output = Command::new("unshare")
            .args(["-m", "sh", "-c", "umount -l /proc && exec \"$0\" \"$@\""])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", TEST, "--test-threads=1"])
            .env("ENNEAD_TEST_WITHOUT_PROC", &path)
            .output()
            .unwrap();
        let _ = std::fs::remove_dir_all(&path);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
