//! Memory files whose size nobody can change.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, fstat,
    fstatfs, ftruncate, memfd_create, open,
};

/// The seals that fix a memory file's size for good.
const FIXED_SIZE: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);

const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Creates a memory file of `size` zero bytes and seals its size. `name` shows in /proc/PID/maps only. No page is in use until it is touched.
pub fn create_sealed(name: &str, size: usize) -> io::Result<OwnedFd> {
    let file = memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&file, size as u64)?;
    fcntl_add_seals(&file, FIXED_SIZE)?;
    Ok(file)
}

/// The same in huge pages of the system's default size, of which `size` is a multiple; all of them are set aside at once. `ENOMEM` where the pool has too few, another
/// error where the kernel has none at all.
pub fn create_huge(name: &str, size: u64) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    let file = memfd_create(name, flags)?;
    ftruncate(&file, size)?;
    fallocate(&file, FallocateFlags::empty(), 0, size)?;
    fcntl_add_seals(&file, FIXED_SIZE)?;
    Ok(file)
}

/// A fresh description of a memory file.
pub fn reopen(file: impl AsFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    Ok(open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// The same, for reading only.
pub fn reopen_to_read(file: impl AsFd) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
    Ok(open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A memory file whose size is sealed and whose contents are not, made by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its size in bytes.
    pub size: u64,
    /// Which file it is.
    pub identity: Identity,
}

/// Which file a descriptor stands for: no other has the same as long as any descriptor or mapping keeps it alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

/// What `file` is, if it is a memory file whose size is sealed.
///
/// Asks for the seals first: only memory files answer, so that the other question never reaches a file system that may keep us waiting (FUSE, NFS).
#[must_use]
pub fn sealed(file: impl AsFd) -> Option<Sealed> {
    let seals = fcntl_get_seals(&file).ok()?;
    if !seals.contains(FIXED_SIZE) || seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE) {
        return None;
    }
    let stat = fstat(&file).ok()?;
    let identity = Identity { device: stat.st_dev, inode: stat.st_ino };
    Some(Sealed { size: u64::try_from(stat.st_size).ok()?, identity })
}

/// Whether a memory file lies in tmpfs, rather than among huge pages.
#[must_use]
pub fn is_in_tmpfs(file: impl AsFd) -> bool {
    fstatfs(&file).is_ok_and(|system| system.f_type as u64 == TMPFS_MAGIC)
}

/// Whether `file`, which somebody else made, is a memory file in tmpfs whose size is sealed; then its size in bytes, else `None`.
#[must_use]
pub fn sealed_size(file: impl AsFd) -> Option<u64> {
    let sealed = sealed(&file)?;
    is_in_tmpfs(&file).then_some(sealed.size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sealed_memory_file_has_a_sealed_size() {
        assert_eq!(sealed_size(create_sealed("test", 12_288).unwrap()), Some(12_288));
        let unsealed = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        assert_eq!(sealed_size(&unsealed), None);
        fcntl_add_seals(&unsealed, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        assert_eq!(sealed_size(&unsealed), None, "SEAL is part of the contract");
        assert_eq!(sealed_size(std::fs::File::open("/proc/self/exe").unwrap()), None);
        assert_eq!(sealed_size(std::fs::File::open("/dev/null").unwrap()), None);
    }

    #[test]
    fn a_sealed_size_stays() {
        let file = create_sealed("test", 4096).unwrap();
        assert!(ftruncate(&file, 0).is_err());
        assert!(ftruncate(&file, 8192).is_err());
    }
}
