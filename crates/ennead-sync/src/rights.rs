//! Access rights of the kinds of objects, their default descriptor, and the exact check.
//!
//! Page: [Synchronization Object Security and Access Rights](https://learn.microsoft.com/windows/win32/sync/synchronization-object-security-and-access-rights).

use ennead_namespace::Protection;
use ennead_security::posix::Meaning;
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
use ennead_sys::process;

/// `EVENT_MODIFY_STATE`: set, reset and pulse the event.
pub const EVENT_MODIFY_STATE: AccessMask = AccessMask(0x0002);
/// `EVENT_ALL_ACCESS`.
pub const EVENT_ALL_ACCESS: AccessMask = AccessMask(0x001F_0003);
/// `MUTEX_MODIFY_STATE`, reserved.
pub const MUTEX_MODIFY_STATE: AccessMask = AccessMask(0x0001);
/// `MUTEX_ALL_ACCESS`.
pub const MUTEX_ALL_ACCESS: AccessMask = AccessMask(0x001F_0001);
/// `SEMAPHORE_MODIFY_STATE`: release the semaphore.
pub const SEMAPHORE_MODIFY_STATE: AccessMask = AccessMask(0x0002);
/// `SEMAPHORE_ALL_ACCESS`.
pub const SEMAPHORE_ALL_ACCESS: AccessMask = AccessMask(0x001F_0003);
/// `TIMER_QUERY_STATE`, reserved.
pub const TIMER_QUERY_STATE: AccessMask = AccessMask(0x0001);
/// `TIMER_MODIFY_STATE`: set and cancel the timer.
pub const TIMER_MODIFY_STATE: AccessMask = AccessMask(0x0002);
/// `TIMER_ALL_ACCESS`.
pub const TIMER_ALL_ACCESS: AccessMask = AccessMask(0x001F_0003);

/// Events, semaphores and timers: bit 0 asks for the state, bit 1 changes it.
pub const STATEFUL: GenericMapping = GenericMapping {
    read: AccessMask(AccessMask::READ_CONTROL.0 | 0x0001),
    write: AccessMask(AccessMask::READ_CONTROL.0 | 0x0002),
    execute: AccessMask(AccessMask::READ_CONTROL.0 | AccessMask::SYNCHRONIZE.0),
    all: AccessMask(0x001F_0003),
};

/// Mutexes have bit 0 only.
pub(crate) const MUTEX: GenericMapping = GenericMapping {
    read: AccessMask(AccessMask::READ_CONTROL.0 | 0x0001),
    write: AccessMask::READ_CONTROL,
    execute: AccessMask(AccessMask::READ_CONTROL.0 | AccessMask::SYNCHRONIZE.0),
    all: MUTEX_ALL_ACCESS,
};

/// The default descriptor: the creator and the system may do everything, nobody else anything.
pub(crate) fn default_descriptor() -> SecurityDescriptor {
    let (uid, gid) = (process::effective_uid(), process::effective_gid());
    let text = format!("O:S-1-22-1-{uid}G:S-1-22-2-{gid}D:(A;;GA;;;SY)(A;;GA;;;S-1-22-1-{uid})");
    // INVARIANT: the text is well formed whatever the numbers are; `the_default_is_private` reads it back.
    text.parse().unwrap_or_default()
}

/// What the kernel is told. Waiting writes to the object (it takes the signal, or says that somebody sleeps), and so
/// does changing it: who has a right to either may read and write the file.
pub(crate) fn protection(descriptor: &SecurityDescriptor, mapping: &GenericMapping) -> Protection {
    let meaning = Meaning { read: AccessMask::SYNCHRONIZE, write: AccessMask::SYNCHRONIZE };
    Protection::new(descriptor, meaning, mapping)
}

/// The same for what those who may ask for its state may read, and those who may change it write.
pub(crate) fn readable_protection(descriptor: &SecurityDescriptor) -> Protection {
    let meaning = Meaning { read: AccessMask(0x0001), write: AccessMask(0x0002) };
    Protection::new(descriptor, meaning, &STATEFUL)
}

/// Whether the calling thread's user may have `desired`; gives the rights with the generic ones replaced.
pub(crate) fn check(
    descriptor: &SecurityDescriptor,
    mapping: &GenericMapping,
    desired: AccessMask,
) -> Option<AccessMask> {
    let token = Token::unix(process::effective_uid(), &process::groups());
    access_check(descriptor, &token, desired, mapping)
        .inspect_err(|denied| {
            tracing::warn!(target: "ennead::audit", user = %token.user, desired = desired.0, %denied, "refused");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_private() {
        let default = default_descriptor();
        assert_eq!(check(&default, &STATEFUL, EVENT_ALL_ACCESS), Some(EVENT_ALL_ACCESS));
        let stranger = Token::unix(process::effective_uid() + 1, &[]);
        assert!(access_check(&default, &stranger, AccessMask::SYNCHRONIZE, &STATEFUL).is_err());
        assert!(!protection(&default, &STATEFUL).admits_others());
    }

    #[test]
    fn the_kernel_admits_who_may_wait() {
        let text = format!("D:(A;;GA;;;S-1-22-1-{})(A;;0x100000;;;WD)", process::effective_uid());
        let protection = protection(&text.parse().unwrap(), &STATEFUL);
        assert_eq!(protection.mode() & 0o007, 0o006);
    }
}
