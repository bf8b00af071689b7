//! Descriptors of pipes: the default one, what they come to in file permissions, and the exact check.
//!
//! Page: [Named Pipe Security and Access Rights](https://learn.microsoft.com/windows/win32/ipc/named-pipe-security-and-access-rights).

use ennead_namespace::Protection;
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
use ennead_sys::process;

use super::error::Reason;

/// What the generic rights mean for a pipe.
pub(super) const MAPPING: GenericMapping = GenericMapping::FILE;

/// FILE_CREATE_PIPE_INSTANCE.
pub(super) const CREATE_INSTANCE: AccessMask = AccessMask::FILE_CREATE_PIPE_INSTANCE;

/// What `CreateFile` adds to every access mask that it is given.
pub(super) const ALWAYS: AccessMask =
    AccessMask(AccessMask::SYNCHRONIZE.0 | AccessMask::FILE_READ_ATTRIBUTES.0);

/// The default: full control for the system, the administrators and the creator; everyone else and anonymous clients
/// may read.
pub(super) fn default_descriptor() -> SecurityDescriptor {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let text = format!(
        "O:S-1-22-1-{uid}G:S-1-22-2-{gid}D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;S-1-22-1-{uid})(A;;GR;;;WD)(A;;GR;;;AN)"
    );
    // INVARIANT: the text is well formed whatever the numbers are; `the_default_is_as_documented` reads it back.
    text.parse().unwrap_or_default()
}

/// What the kernel is told: who may SYNCHRONIZE, which every client needs (`CreateFile` always asks for it), may read
/// the entry and connect; who may also create instances may write the entry.
pub(super) fn protection(descriptor: &SecurityDescriptor) -> Protection {
    let meaning = Meaning { read: AccessMask::SYNCHRONIZE, write: AccessMask::SYNCHRONIZE | CREATE_INSTANCE };
    Protection::new(descriptor, meaning, &MAPPING)
}

/// Reads the descriptor that an entry carries.
pub(super) fn of_entry(bytes: &[u8]) -> Result<SecurityDescriptor, Reason> {
    SecurityDescriptor::from_bytes(bytes).map_err(|_| Reason::Damaged("the security descriptor of the pipe"))
}

/// The token of the calling thread's user.
pub(super) fn own_token() -> Token {
    Token::unix(process::effective_uid(), &process::groups())
}

/// Whether `token` may have `desired`; gives the rights with the generic ones replaced.
pub(super) fn check(
    descriptor: &SecurityDescriptor,
    token: &Token,
    desired: AccessMask,
) -> Result<AccessMask, Reason> {
    access_check(descriptor, token, desired, &MAPPING).map_err(|denied| {
        tracing::warn!(target: "ennead::audit", user = %token.user, desired = desired.0, %denied, "refused");
        Reason::Denied("the pipe's security descriptor does not grant the rights asked for")
    })
}

/// Whether `token` could have `right`, which nobody asks for now.
pub(super) fn grants(descriptor: &SecurityDescriptor, token: &Token, right: AccessMask) -> bool {
    access_check(descriptor, token, right, &MAPPING).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_as_documented() {
        let descriptor = default_descriptor();
        let stranger = Token::unix(process::effective_uid() + 1, &[]);
        let read = AccessMask::GENERIC_READ;
        let write = AccessMask::FILE_WRITE_DATA;
        assert!(access_check(&descriptor, &own_token(), AccessMask::GENERIC_ALL, &MAPPING).is_ok());
        assert!(access_check(&descriptor, &stranger, read, &MAPPING).is_ok());
        assert!(access_check(&descriptor, &stranger, write, &MAPPING).is_err());
        assert!(access_check(&descriptor, &stranger, CREATE_INSTANCE, &MAPPING).is_err());
        assert!(access_check(&descriptor, &Token::anonymous(), read, &MAPPING).is_ok());
        assert!(access_check(&descriptor, &Token::anonymous(), write, &MAPPING).is_err());
    }

    #[test]
    fn the_kernel_is_told_no_more_than_the_descriptor_says() {
        let default = protection(&default_descriptor());
        assert_eq!(default.mode() & 0o077, 0o044);
        assert!(default.admits_others());
        let private: SecurityDescriptor =
            format!("D:(A;;GA;;;S-1-22-1-{})", process::effective_uid()).parse().unwrap();
        assert!(!protection(&private).admits_others());
    }
}
