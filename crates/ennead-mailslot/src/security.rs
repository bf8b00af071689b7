//! Descriptors of mailslots: the default one, what they come to in file permissions, and the exact check.
//!
//! Page: [File Security and Access Rights](https://learn.microsoft.com/windows/win32/fileio/file-security-and-access-rights).

use ennead_namespace::Protection;
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
use ennead_sys::process;

use crate::error::Reason;

/// What the generic rights mean for a mailslot.
pub(crate) const MAPPING: GenericMapping = GenericMapping::FILE;

/// What a writer needs.
pub(crate) const WRITE: AccessMask = AccessMask::FILE_WRITE_DATA;

/// What `CreateFile` adds to every access mask that it is given. It adds FILE_READ_ATTRIBUTES too, which GENERIC_WRITE is
/// not: who grants only that would lock out everybody, and a client of a mailslot has no use for it.
pub(crate) const ALWAYS: AccessMask = AccessMask::SYNCHRONIZE;

/// The default, as of any object that is created without a descriptor: full control for the creator, the administrators and the
/// system. Nobody else may write.
pub(crate) fn default_descriptor() -> SecurityDescriptor {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let text = format!("O:S-1-22-1-{uid}G:S-1-22-2-{gid}D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;S-1-22-1-{uid})");
    // INVARIANT: the text is well formed whatever the numbers are; `the_default_is_private` reads it back.
    text.parse().unwrap_or_default()
}

/// What the kernel is told: who may write messages may read the entry and connect; who has full control may write the entry.
pub(crate) fn protection(descriptor: &SecurityDescriptor) -> Protection {
    let meaning = Meaning { read: WRITE, write: AccessMask::FILE_ALL_ACCESS };
    Protection::new(descriptor, meaning, &MAPPING)
}

/// Reads the descriptor that an entry carries.
pub(crate) fn of_entry(bytes: &[u8]) -> Result<SecurityDescriptor, Reason> {
    SecurityDescriptor::from_bytes(bytes)
        .map_err(|_| Reason::Damaged("the security descriptor of the mailslot"))
}

/// The token of the calling thread's user.
pub(crate) fn own_token() -> Token {
    Token::unix(process::effective_uid(), &process::groups())
}

/// Whether `token` may have `desired`; gives the rights with the generic ones replaced.
pub(crate) fn check(
    descriptor: &SecurityDescriptor,
    token: &Token,
    desired: AccessMask,
) -> Result<AccessMask, Reason> {
    access_check(descriptor, token, desired, &MAPPING).map_err(|denied| {
        tracing::warn!(target: "ennead::audit", user = %token.user, desired = desired.0, %denied, "refused");
        Reason::Denied("the mailslot's security descriptor does not grant the rights asked for")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_private() {
        let descriptor = default_descriptor();
        let stranger = Token::unix(process::effective_uid() + 1, &[]);
        assert!(access_check(&descriptor, &own_token(), AccessMask::GENERIC_ALL, &MAPPING).is_ok());
        assert!(access_check(&descriptor, &stranger, WRITE, &MAPPING).is_err());
        assert!(access_check(&descriptor, &stranger, AccessMask::GENERIC_READ, &MAPPING).is_err());
        assert!(!protection(&descriptor).admits_others());
    }

    #[test]
    fn who_may_write_may_connect() {
        let open: SecurityDescriptor = "D:(A;;GA;;;BA)(A;;GW;;;WD)".parse().unwrap();
        assert!(protection(&open).admits_others());
        assert_eq!(protection(&open).mode() & 0o007, 0o004);
        let readable: SecurityDescriptor = "D:(A;;GA;;;BA)(A;;GR;;;WD)".parse().unwrap();
        assert!(!protection(&readable).admits_others());
    }
}
