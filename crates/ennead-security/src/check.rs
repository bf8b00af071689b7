//! The access check ([MS-DTYP] 2.5.3.2), as a pure function.

use crate::{
    AccessMask, Ace, AceFlags, AceKind, AclSlot, GenericMapping, ImpersonationLevel, SecurityDescriptor, Sid,
};
use crate::{Token, ace};
use ennead_status::Win32Error;
use std::{error, fmt};

/// Says whether `token` may do `desired` to the object that `descriptor` protects, and with which rights: the
/// desired ones with generic ones mapped, or all that it has where [`AccessMask::MAXIMUM_ALLOWED`] is asked for.
///
/// Mandatory labels are kept but not enforced, since Linux tokens have no integrity level; conditional entries are not
/// evaluated: one that denies counts, one that allows does not. Page:
/// [AccessCheck](https://learn.microsoft.com/windows/win32/api/securitybaseapi/nf-securitybaseapi-accesscheck).
///
/// # Errors
/// [`AccessDenied`], with `ERROR_ACCESS_DENIED`, `ERROR_PRIVILEGE_NOT_HELD` or `ERROR_BAD_IMPERSONATION_LEVEL`.
pub fn access_check(
    descriptor: &SecurityDescriptor,
    token: &Token,
    desired: AccessMask,
    mapping: &GenericMapping,
) -> Result<AccessMask, AccessDenied> {
    if token.level < ImpersonationLevel::Identification {
        return Err(AccessDenied::ImpersonationLevel);
    }
    let maximum = desired.contains(AccessMask::MAXIMUM_ALLOWED);
    let desired = mapping.map(desired).without(AccessMask::MAXIMUM_ALLOWED);
    let granted = granted_rights(descriptor, token, mapping);
    let missing = desired.without(granted);
    if missing == AccessMask::ACCESS_SYSTEM_SECURITY {
        Err(AccessDenied::PrivilegeNotHeld)
    } else if !missing.is_empty() || maximum && granted.is_empty() {
        Err(AccessDenied::Rights { missing })
    } else if !maximum {
        Ok(desired)
    } else if descriptor.dacl.acl().is_none() {
        // Without a DACL, everything is granted; the kind of object says what there is.
        Ok(mapping.all | desired)
    } else {
        Ok(granted)
    }
}

/// Everything that `token` may do to the object that `descriptor` protects, generic rights mapped. The token's
/// impersonation level is not looked at.
///
/// The documented loop answers a request; this answers every request at once, which is the same: a right is granted
/// exactly if the first entry that speaks of it and of the token allows it.
#[must_use]
pub fn granted_rights(
    descriptor: &SecurityDescriptor,
    token: &Token,
    mapping: &GenericMapping,
) -> AccessMask {
    let normal = Subject { has: &|sid| token.has(sid), has_for_deny: &|sid| token.has_for_deny(sid) };
    let mut granted = walk(descriptor, &normal, mapping);
    if !token.restricted.is_empty() {
        let has = |sid: &Sid| token.restricted.contains(sid);
        granted = granted & walk(descriptor, &Subject { has: &has, has_for_deny: &has }, mapping);
    }
    if token.privileges.security {
        granted |= AccessMask::ACCESS_SYSTEM_SECURITY;
    }
    if token.privileges.take_ownership {
        granted |= AccessMask::WRITE_OWNER;
    }
    granted
}

/// Of whom an entry may speak: for a token both answers are exact; for a class of tokens the first one means "surely"
/// and the second one "possibly".
pub(crate) struct Subject<'a> {
    pub has: &'a dyn Fn(&Sid) -> bool,
    pub has_for_deny: &'a dyn Fn(&Sid) -> bool,
}

/// The rights that the descriptor grants to each token that `subject` stands for.
pub(crate) fn walk(
    descriptor: &SecurityDescriptor,
    subject: &Subject<'_>,
    mapping: &GenericMapping,
) -> AccessMask {
    let everything = AccessMask::STANDARD_ALL | AccessMask::SPECIFIC_ALL | mapping.all;
    let AclSlot::Present(dacl) = &descriptor.dacl else {
        return everything;
    };
    let is_owner = descriptor.owner.is_some_and(|owner| (subject.has)(&owner));
    let may_own = descriptor.owner.is_some_and(|owner| (subject.has_for_deny)(&owner));
    let mut granted = AccessMask::NONE;
    let mut denied = AccessMask::ACCESS_SYSTEM_SECURITY;
    if is_owner && !dacl.aces().iter().any(names_owner_rights) {
        granted = AccessMask::READ_CONTROL | AccessMask::WRITE_DAC;
    }
    for (allows, mask, sid) in dacl.aces().iter().filter_map(verdict) {
        let mask = mapping.map(mask);
        let is_owner_rights = sid == Sid::OWNER_RIGHTS;
        if allows && ((subject.has)(&sid) || is_owner_rights && is_owner) {
            granted |= mask.without(denied);
        } else if !allows && ((subject.has_for_deny)(&sid) || is_owner_rights && may_own) {
            denied |= mask.without(granted);
        }
    }
    granted & everything
}

/// Whether the entry allows or denies what to whom; `None` if it does neither for the object itself.
fn verdict(ace: &Ace) -> Option<(bool, AccessMask, Sid)> {
    if ace.flags.contains(AceFlags::INHERIT_ONLY) {
        return None;
    }
    match &ace.kind {
        AceKind::Allow(mask, sid) => Some((true, *mask, *sid)),
        AceKind::Deny(mask, sid) => Some((false, *mask, *sid)),
        AceKind::Audit(..) | AceKind::MandatoryLabel(..) => None,
        // Nobody passes an object type list: an entry for one type of child allows nothing here, and denies all.
        AceKind::Other(other) => {
            let (mask, sid) = other.subject()?;
            match other.ace_type() {
                ace::ALLOW_OBJECT if !other.has_object_type() => Some((true, mask, sid)),
                ace::DENY_OBJECT | ace::DENY_CALLBACK | ace::DENY_CALLBACK_OBJECT => Some((false, mask, sid)),
                _ => None,
            }
        }
    }
}

fn names_owner_rights(ace: &Ace) -> bool {
    verdict(ace).is_some_and(|(_, _, sid)| sid == Sid::OWNER_RIGHTS)
}

/// Why an access check says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessDenied {
    /// The DACL does not grant all that was asked (`ERROR_ACCESS_DENIED`).
    Rights {
        /// What it does not grant; empty where the maximum was asked for and is nothing.
        missing: AccessMask,
    },
    /// `ACCESS_SYSTEM_SECURITY` takes `SeSecurityPrivilege` (`ERROR_PRIVILEGE_NOT_HELD`).
    PrivilegeNotHeld,
    /// The client did not let itself be identified (`ERROR_BAD_IMPERSONATION_LEVEL`).
    ImpersonationLevel,
}

impl AccessDenied {
    /// The Win32 code.
    #[must_use]
    pub const fn win32(self) -> Win32Error {
        match self {
            Self::Rights { .. } => Win32Error::ACCESS_DENIED,
            Self::PrivilegeNotHeld => Win32Error::PRIVILEGE_NOT_HELD,
            Self::ImpersonationLevel => Win32Error::BAD_IMPERSONATION_LEVEL,
        }
    }
}

impl fmt::Display for AccessDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rights { missing } => {
                write!(f, "the descriptor does not grant the rights {:#010x}", missing.0)
            }
            Self::PrivilegeNotHeld => f.write_str("the rights asked for take SeSecurityPrivilege"),
            Self::ImpersonationLevel => f.write_str("the client did not let itself be identified"),
        }
    }
}

impl error::Error for AccessDenied {}
