//! Regular files: their status, their room, reads and writes at an offset.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{self, FallocateFlags, FileType, Mode, OFlags};

/// Whether the system refused for want of descriptors, locks or memory: it says nothing about what was asked for.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::ENOLCK))
}

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    ReadWrite,
}

impl Access {
    pub(crate) fn flags(self) -> OFlags {
        match self {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        }
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A socket.
    Socket,
    /// A FIFO, a device, or something newer.
    Other,
}

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: FileKind,
    /// Its permission bits, with set-uid, set-gid and sticky.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its device.
    pub device: u64,
    /// Its number on that device.
    pub inode: u64,
    /// How many names it has.
    pub links: u64,
    /// Its length in bytes.
    pub size: u64,
}

impl Status {
    /// Whether both are the same file.
    pub fn is_same_file(&self, other: &Status) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[allow(
    clippy::unnecessary_cast,
    clippy::cast_lossless,
    reason = "the fields' types differ between machines"
)]
pub(crate) fn status_from(stat: &fs::Stat) -> Status {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::Regular,
        FileType::Directory => FileKind::Folder,
        FileType::Symlink => FileKind::Link,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::Other,
    };
    Status {
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        device: stat.st_dev as u64,
        inode: stat.st_ino as u64,
        links: stat.st_nlink as u64,
        size: stat.st_size as u64,
    }
}

/// What the open file is.
pub fn status(file: impl AsFd) -> io::Result<Status> {
    Ok(status_from(&fs::fstat(file)?))
}

/// Sets the permission bits; an ACL's mask follows the group's bits.
pub fn set_mode(file: impl AsFd, mode: u32) -> io::Result<()> {
    Ok(fs::fchmod(file, Mode::from_raw_mode(mode))?)
}

/// Makes the file at least `len` bytes long with all its room really there, so that a store into a mapping of it
/// cannot fail for want of space later. `ENOSPC` if there is not enough.
pub fn allocate(file: impl AsFd, len: u64) -> io::Result<()> {
    let file = file.as_fd();
    match fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        // A file system without fallocate: set the length at least. The root check has warned about it.
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(fs::ftruncate(file, len)?),
        other => Ok(other?),
    }
}

/// Makes sure that `len` bytes from `offset` really have their room, without changing the file's length. `ENOSPC` if there is not enough; file systems that
/// cannot tell are left as they are.
pub fn allocate_range(file: impl AsFd, offset: u64, len: u64) -> io::Result<()> {
    match fs::fallocate(file, FallocateFlags::KEEP_SIZE, offset, len) {
        Err(rustix::io::Errno::OPNOTSUPP) => Ok(()),
        other => Ok(other?),
    }
}

/// Sets the length; what is new is zeros, and without room of its own until it is used.
pub fn set_len(file: impl AsFd, len: u64) -> io::Result<()> {
    Ok(fs::ftruncate(file, len)?)
}

/// Makes a file of `old` bytes `new` bytes long, the new ones zeros with room of their own where the file system can do that. `ENOSPC`, `EFBIG`, `EDQUOT` where it
/// cannot be.
pub fn grow(file: impl AsFd, old: u64, new: u64) -> io::Result<()> {
    match fs::fallocate(file.as_fd(), FallocateFlags::empty(), old, new.saturating_sub(old)) {
        Err(rustix::io::Errno::OPNOTSUPP) => set_len(file, new),
        other => Ok(other?),
    }
}

/// Where the kernel says that an open file is: with ` (deleted)` behind it where that name is gone.
pub fn path(file: impl AsFd) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}

/// What an open file may be used for; `None` for one that may not be read.
pub fn access_of(file: impl AsFd) -> io::Result<Option<Access>> {
    let flags = fs::fcntl_getfl(file)?;
    Ok(match flags & OFlags::RWMODE {
        _ if flags.contains(OFlags::PATH) => None,
        OFlags::RDONLY => Some(Access::Read),
        OFlags::RDWR => Some(Access::ReadWrite),
        _ => None,
    })
}

/// Has everything of the file written to its storage, metadata and the disk's own cache too, and waits for that.
pub fn sync(file: impl AsFd) -> io::Result<()> {
    Ok(fs::fsync(file)?)
}

/// Reads into `buffer` from `offset` until it is full or the file ends; the count of bytes read.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => done += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(done)
}

/// Writes all of `bytes` at `offset`.
pub fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    file.write_all_at(bytes, offset)
}

/// Sets the permission bits of what `path` names. The caller makes sure that it is no symbolic link.
pub fn set_mode_of_path(path: &Path, mode: u32) -> io::Result<()> {
    Ok(fs::chmod(path, Mode::from_raw_mode(mode))?)
}
