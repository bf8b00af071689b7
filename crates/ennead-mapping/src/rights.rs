//! Access rights of file mappings, the default descriptor, and the check.
//!
//! Page: [File-mapping security and access rights](https://learn.microsoft.com/windows/win32/memory/file-mapping-security-and-access-rights).

use std::sync::OnceLock;

use ennead_namespace::Protection;
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
use ennead_sys::process;

use crate::error::Reason;

/// `SECTION_QUERY`: ask for the size and the attributes.
pub const QUERY: AccessMask = AccessMask(0x0001);
/// `FILE_MAP_WRITE`: map views of any kind but executable ones.
pub const WRITE: AccessMask = AccessMask(0x0002);
/// `FILE_MAP_READ`: map views for reading, or copy-on-write.
pub const READ: AccessMask = AccessMask(0x0004);
/// `FILE_MAP_EXECUTE`: map views that can be run.
pub const EXECUTE: AccessMask = AccessMask(0x0020);
/// `FILE_MAP_ALL_ACCESS`: everything but [`EXECUTE`].
pub const ALL_ACCESS: AccessMask = AccessMask(0x000F_001F);

/// What the generic rights mean for a file mapping (`SECTION_MAP_EXECUTE`, 8, is the right that handles to images have).
pub const MAPPING: GenericMapping = GenericMapping {
    read: AccessMask(0x0002_0005),
    write: AccessMask(0x0002_0002),
    execute: AccessMask(0x0002_0008),
    all: ALL_ACCESS,
};

/// The default: the creator, the system and the administrators, for everything.
pub(crate) fn default_descriptor() -> SecurityDescriptor {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let text = format!(
        "O:S-1-22-1-{uid}G:S-1-22-2-{gid}D:(A;;GA;;;S-1-22-1-{uid})(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x20;;;S-1-22-1-{uid})"
    );
    // INVARIANT: the text is well formed whatever the numbers are; a test reads it back.
    text.parse().unwrap_or_default()
}

/// What the kernel is told: who may map for reading may read the entry; who may also map for writing may write it.
pub(crate) fn protection(descriptor: &SecurityDescriptor) -> Protection {
    Protection::new(descriptor, Meaning { read: READ, write: READ | WRITE }, &MAPPING)
}

/// Whether the calling thread's user may have `desired`; gives the rights with the generic ones replaced.
pub(crate) fn check(descriptor: &[u8], desired: AccessMask) -> Result<AccessMask, Reason> {
    if is_own_default(descriptor) && (ALL_ACCESS | EXECUTE).contains(desired) {
        return Ok(desired);
    }
    let descriptor = SecurityDescriptor::from_bytes(descriptor)
        .map_err(|_| Reason::Damaged("the security descriptor of the file mapping is damaged"))?;
    let token = Token::unix(process::effective_uid(), &process::groups());
    access_check(&descriptor, &token, desired, &MAPPING).map_err(|denied| {
        tracing::warn!(target: "ennead::audit", user = %token.user, desired = desired.0, %denied, "refused");
        Reason::Denied("the file mapping's security descriptor does not grant the rights asked for")
    })
}

/// Whether it is the very descriptor that this user gives by default, which grants them everything: what most opens meet, and not worth a token.
fn is_own_default(descriptor: &[u8]) -> bool {
    static DEFAULT: OnceLock<(u32, Vec<u8>)> = OnceLock::new();
    let (uid, bytes) = DEFAULT.get_or_init(|| (process::effective_uid(), default_descriptor().to_bytes()));
    // A thread may act as another user by now.
    bytes == descriptor && *uid == process::effective_uid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_is_the_long_way() {
        let own = default_descriptor().to_bytes();
        assert!(is_own_default(&own));
        assert!(!is_own_default(&own[1..]));
        let everything = ALL_ACCESS | EXECUTE;
        assert_eq!(check(&own, everything).unwrap(), everything);
        // More than a file mapping has takes the long way, which refuses it.
        assert!(check(&own, AccessMask::SYNCHRONIZE | READ).is_err());
        assert!(check(&own, AccessMask::MAXIMUM_ALLOWED).unwrap().contains(everything));
    }

    #[test]
    fn the_default_is_for_the_creator() {
        let descriptor = default_descriptor();
        let own = Token::unix(process::effective_uid(), &process::groups());
        let stranger = Token::unix(process::effective_uid() + 1, &[]);
        let everything = ALL_ACCESS | EXECUTE;
        assert_eq!(access_check(&descriptor, &own, everything, &MAPPING), Ok(everything));
        assert!(access_check(&descriptor, &stranger, READ, &MAPPING).is_err());
        assert!(!protection(&descriptor).admits_others());
    }

    #[test]
    fn rights_become_permissions() {
        let mode = |dacl: &str| protection(&dacl.parse().unwrap()).mode() & 0o007;
        assert_eq!(mode("D:(A;;GR;;;WD)"), 0o004);
        assert_eq!(mode("D:(A;;GRGW;;;WD)"), 0o006);
        // Writing without reading is nothing that Linux can map.
        assert_eq!(mode("D:(A;;GW;;;WD)"), 0);
        assert_eq!(mode("D:(A;;0x1;;;WD)"), 0);
    }
}
