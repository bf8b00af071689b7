//! POSIX access control lists, as the kernel stores them in the attribute `system.posix_acl_access`.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::XattrFlags;

/// Whom an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// The file's owner.
    Owner,
    /// The user with this uid.
    User(u32),
    /// The file's group.
    OwningGroup,
    /// The group with this gid.
    Group(u32),
    /// The most that named users and all groups get.
    Mask,
    /// Everybody else.
    Other,
}

/// One entry: permissions are the bits 4 read, 2 write, 1 execute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Whom it is about.
    pub who: Who,
    /// What they may do.
    pub permissions: u8,
}

const ATTRIBUTE: &str = "system.posix_acl_access";
const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;

/// The attribute's bytes for `entries`, which are put in the order that the kernel demands.
pub fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|entry| entry.who);
    let mut bytes = Vec::with_capacity(4 + 8 * sorted.len());
    bytes.extend(VERSION.to_le_bytes());
    for entry in sorted {
        let (tag, id): (u16, u32) = match entry.who {
            Who::Owner => (0x01, NO_ID),
            Who::User(uid) => (0x02, uid),
            Who::OwningGroup => (0x04, NO_ID),
            Who::Group(gid) => (0x08, gid),
            Who::Mask => (0x10, NO_ID),
            Who::Other => (0x20, NO_ID),
        };
        bytes.extend(tag.to_le_bytes());
        bytes.extend(u16::from(entry.permissions & 7).to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

/// The entries in the attribute's bytes; `None` if they are of another version or damaged.
pub fn decode(bytes: &[u8]) -> Option<Vec<Entry>> {
    let (version, rest) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || rest.len() % 8 != 0 {
        return None;
    }
    rest.chunks_exact(8)
        .map(|raw| {
            let tag = u16::from_le_bytes([raw[0], raw[1]]);
            let id = u32::from_le_bytes([raw[4], raw[5], raw[6], raw[7]]);
            let who = match tag {
                0x01 => Who::Owner,
                0x02 => Who::User(id),
                0x04 => Who::OwningGroup,
                0x08 => Who::Group(id),
                0x10 => Who::Mask,
                0x20 => Who::Other,
                _ => return None,
            };
            Some(Entry { who, permissions: raw[2] & 7 })
        })
        .collect()
}

/// Puts `entries` on an open file; its mode follows. `EOPNOTSUPP` where the file system has no ACLs.
pub fn set(file: impl AsFd, entries: &[Entry]) -> io::Result<()> {
    Ok(rustix::fs::fsetxattr(file, ATTRIBUTE, &encode(entries), XattrFlags::empty())?)
}

/// Puts `entries` on what `path` names, a socket for instance; a symbolic link in the last step is not followed.
pub fn set_path(path: &Path, entries: &[Entry]) -> io::Result<()> {
    Ok(rustix::fs::lsetxattr(path, ATTRIBUTE, &encode(entries), XattrFlags::empty())?)
}

/// The entries on an open file; `None` if it has its mode only, or the file system has no ACLs.
pub fn get(file: impl AsFd) -> io::Result<Option<Vec<Entry>>> {
    let mut bytes = vec![0; 4 + 8 * 1024];
    match rustix::fs::fgetxattr(file, ATTRIBUTE, &mut bytes[..]) {
        Ok(len) => {
            let damaged = || io::Error::from(io::ErrorKind::InvalidData);
            Ok(Some(decode(bytes.get(..len).ok_or_else(damaged)?).ok_or_else(damaged)?))
        }
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::OPNOTSUPP) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_as_the_kernel_has_them() {
        let entries = [
            Entry { who: Who::Other, permissions: 0 },
            Entry { who: Who::User(1000), permissions: 6 },
            Entry { who: Who::Owner, permissions: 6 },
            Entry { who: Who::OwningGroup, permissions: 0 },
            Entry { who: Who::Mask, permissions: 6 },
        ];
        let bytes = encode(&entries);
        let golden: [u8; 44] = [
            2, 0, 0, 0, //
            1, 0, 6, 0, 255, 255, 255, 255, //
            2, 0, 6, 0, 0xe8, 3, 0, 0, //
            4, 0, 0, 0, 255, 255, 255, 255, //
            0x10, 0, 6, 0, 255, 255, 255, 255, //
            0x20, 0, 0, 0, 255, 255, 255, 255,
        ];
        assert_eq!(bytes, golden);
        let mut sorted = entries;
        sorted.sort_by_key(|entry| entry.who);
        assert_eq!(decode(&bytes).unwrap(), sorted);
        assert_eq!(decode(&bytes[..43]), None);
        assert_eq!(decode(&[9, 0, 0, 0]), None);
    }

    #[test]
    fn the_kernel_keeps_what_is_set() {
        let folder = crate::folder::Folder::open(Path::new("/dev/shm")).unwrap();
        let file = folder.unnamed_file().unwrap();
        assert_eq!(get(&file).unwrap(), None);
        let entries = [
            Entry { who: Who::Owner, permissions: 6 },
            Entry { who: Who::User(1), permissions: 4 },
            Entry { who: Who::OwningGroup, permissions: 0 },
            Entry { who: Who::Group(2), permissions: 6 },
            Entry { who: Who::Mask, permissions: 6 },
            Entry { who: Who::Other, permissions: 0 },
        ];
        set(&file, &entries).unwrap();
        assert_eq!(get(&file).unwrap().unwrap(), entries);
    }
}
