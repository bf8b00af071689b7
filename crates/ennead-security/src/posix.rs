//! Between a DACL and a POSIX ACL: what the kernel is asked to enforce.
//!
//! A file knows three rights and asks one entry: the owner's, else the named user's, else any of the groups', else
//! "other". A DACL knows more rights and asks entry after entry. So the mapping goes one way exactly and the other way
//! safely: [`from_descriptor`] never grants what the DACL does not, whoever asks and whatever groups they are in.
//!
//! How: each POSIX entry stands for a class of users, and for each class the access check is asked for the rights
//! that the DACL grants to *every* member. An entry that allows counts if it surely speaks of the class; one that denies
//! counts if it possibly does. Every uid and gid of the DACL gets an entry of its own, so that the classes behind it
//! need not fear for them. `posix_never_grants_more` in the tests is that promise, over random descriptors and users.
//!
//! uid 0 passes every file permission (CAP_DAC_OVERRIDE); only the exact check of the descriptor can refuse it.

use crate::check::{Subject, walk};
use crate::{AccessMask, Ace, AceKind, Acl, AclSlot, FormatError, GenericMapping, SecurityDescriptor, Sid};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Which rights a file permission stands for: it is granted only to whom the DACL grants each of its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// The rights that being able to read the file gives.
    pub read: AccessMask,
    /// The rights that being able to write the file gives.
    pub write: AccessMask,
}

/// Read, write and execute for one class of users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// `r`.
    pub read: bool,
    /// `w`.
    pub write: bool,
    /// `x`; no descriptor is ever mapped to it.
    pub execute: bool,
}

impl Permissions {
    /// No permission.
    pub const NONE: Self = Self { read: false, write: false, execute: false };

    /// The permissions of the low three bits of a mode.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self { read: bits & 4 != 0, write: bits & 2 != 0, execute: bits & 1 != 0 }
    }

    /// The low three bits of a mode.
    #[must_use]
    pub const fn bits(self) -> u32 {
        (self.read as u32) << 2 | (self.write as u32) << 1 | self.execute as u32
    }

    /// Whether each permission of `other` is here too.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.bits() & other.bits() == other.bits()
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self::from_bits(self.bits() & other.bits())
    }

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self::from_bits(self.bits() | other.bits())
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |there, letter| if there { letter } else { '-' };
        write!(f, "{}{}{}", letter(self.read, 'r'), letter(self.write, 'w'), letter(self.execute, 'x'))
    }
}

/// A POSIX ACL, as `acl(5)` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PosixAcl {
    /// `user::`, for the owner of the file.
    pub owner: Permissions,
    /// `user:UID:`, by uid; never the owner's.
    pub users: BTreeMap<u32, Permissions>,
    /// `group::`, for the group of the file.
    pub group: Permissions,
    /// `group:GID:`, by gid; never the file's own.
    pub groups: BTreeMap<u32, Permissions>,
    /// `other::`.
    pub other: Permissions,
}

impl PosixAcl {
    /// The ACL of a file that has a mode only.
    #[must_use]
    pub const fn from_mode(mode: u32) -> Self {
        Self {
            owner: Permissions::from_bits(mode >> 6),
            users: BTreeMap::new(),
            group: Permissions::from_bits(mode >> 3),
            groups: BTreeMap::new(),
            other: Permissions::from_bits(mode),
        }
    }

    /// Whether a mode says it all, so that no `system.posix_acl_access` attribute is needed.
    #[must_use]
    pub fn is_minimal(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty()
    }

    /// `mask::`: what the named entries and the group may have at most; here always all that they have together.
    #[must_use]
    pub fn mask(&self) -> Permissions {
        self.users.values().chain(self.groups.values()).fold(self.group, |sum, entry| sum.or(*entry))
    }

    /// The low nine bits of the file's mode: its middle three are the mask where there are named entries.
    #[must_use]
    pub fn mode(&self) -> u32 {
        self.owner.bits() << 6 | self.mask().bits() << 3 | self.other.bits()
    }

    /// What the kernel grants to a process that asks for `wanted`, on a file of these owners (`acl(5)`, *Access check
    /// algorithm*). uid 0's privilege to pass by is not looked at.
    #[must_use]
    pub fn grants(&self, file: Owners, uid: u32, gids: &[u32], wanted: Permissions) -> bool {
        if uid == file.uid {
            return self.owner.contains(wanted);
        }
        if let Some(entry) = self.users.get(&uid) {
            return entry.contains(wanted);
        }
        let own = gids.contains(&file.gid).then_some(&self.group);
        let named = gids.iter().filter_map(|gid| self.groups.get(gid));
        let mut entries = own.into_iter().chain(named).peekable();
        if entries.peek().is_some() {
            return entries.any(|entry| entry.contains(wanted));
        }
        self.other.contains(wanted)
    }
}

/// The owner and the group of a file, as `chown` sets them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owners {
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// The widest POSIX ACL for a file of these owners that grants nothing which the descriptor does not.
#[must_use]
pub fn from_descriptor(
    descriptor: &SecurityDescriptor,
    file: Owners,
    meaning: Meaning,
    mapping: &GenericMapping,
) -> PosixAcl {
    let named = Named::of(descriptor, file);
    let permissions = |class| {
        let subject =
            Subject { has: &|sid| named.surely(class, sid), has_for_deny: &|sid| named.possibly(class, sid) };
        let rights = walk(descriptor, &subject, mapping);
        Permissions {
            read: rights.contains(mapping.map(meaning.read)),
            write: rights.contains(mapping.map(meaning.write)),
            execute: false,
        }
    };
    PosixAcl {
        owner: permissions(Class::User(file.uid)),
        users: named.others(&named.uids, file.uid).map(|uid| (uid, permissions(Class::User(uid)))).collect(),
        group: permissions(Class::Group(file.gid)),
        groups: named
            .others(&named.gids, file.gid)
            .map(|gid| (gid, permissions(Class::Group(gid))))
            .collect(),
        other: permissions(Class::Other),
    }
}

/// A descriptor that says what the file permissions say, for an object that has no other: by each of `r` and `w`
/// alone, the access check grants exactly what the kernel does.
///
/// # Errors
/// [`FormatError::AclTooLong`] where there are more entries than a DACL holds.
pub fn to_descriptor(
    posix: &PosixAcl,
    file: Owners,
    meaning: Meaning,
    mapping: &GenericMapping,
) -> Result<SecurityDescriptor, FormatError> {
    let rights = |of: Permissions| {
        let read = if of.read { mapping.map(meaning.read) } else { AccessMask::NONE };
        read | if of.write { mapping.map(meaning.write) } else { AccessMask::NONE }
    };
    let mut aces = Vec::new();
    // What is allowed, then a denial of the rest: the kernel asks no further entry.
    let mut closed = |sid: Sid, of: Permissions| {
        aces.push(Ace::allow(rights(of), sid));
        aces.push(Ace::deny(rights(Permissions::from_bits(6)).without(rights(of)), sid));
    };
    closed(Sid::unix_user(file.uid), posix.owner);
    posix.users.iter().for_each(|(uid, of)| closed(Sid::unix_user(*uid), *of));
    // Any of the groups may allow, so all that they allow comes before what they deny.
    let groups = || [(&file.gid, &posix.group)].into_iter().chain(&posix.groups);
    aces.extend(groups().map(|(gid, of)| Ace::allow(rights(*of), Sid::unix_group(*gid))));
    let all = rights(Permissions::from_bits(6));
    aces.extend(groups().map(|(gid, of)| Ace::deny(all.without(rights(*of)), Sid::unix_group(*gid))));
    aces.push(Ace::allow(rights(posix.other), Sid::WORLD));
    aces.retain(|ace| {
        !matches!(ace.kind, AceKind::Allow(AccessMask::NONE, _) | AceKind::Deny(AccessMask::NONE, _))
    });
    Ok(SecurityDescriptor::new(Sid::unix_user(file.uid), Sid::unix_group(file.gid), Acl::new(aces)?))
}

/// A class of users that one POSIX entry stands for.
#[derive(Clone, Copy)]
enum Class {
    /// The user of a uid, whatever groups they are in.
    User(u32),
    /// A member of the group who has no user entry, whatever other groups they are in.
    Group(u32),
    /// Who has no user entry and is in no group that has one.
    Other,
}

/// The ids that have entries of their own: those of the DACL and those of the file.
struct Named {
    uids: BTreeSet<u32>,
    gids: BTreeSet<u32>,
}

impl Named {
    fn of(descriptor: &SecurityDescriptor, file: Owners) -> Self {
        let mut named = Self { uids: BTreeSet::from([file.uid]), gids: BTreeSet::from([file.gid]) };
        let aces = match &descriptor.dacl {
            AclSlot::Present(dacl) => dacl.aces(),
            AclSlot::Absent | AclSlot::Null => &[],
        };
        let subjects = aces.iter().filter_map(|ace| match &ace.kind {
            AceKind::Allow(_, sid) | AceKind::Deny(_, sid) => Some(*sid),
            AceKind::Other(other) => other.subject().map(|(_, sid)| sid),
            AceKind::Audit(..) | AceKind::MandatoryLabel(..) => None,
        });
        for sid in subjects.chain(descriptor.owner) {
            named.uids.extend(user_of(&sid));
            named.gids.extend(sid.gid());
        }
        named
    }

    fn others<'a>(&self, ids: &'a BTreeSet<u32>, own: u32) -> impl Iterator<Item = u32> + use<'a> {
        ids.iter().copied().filter(move |id| *id != own)
    }

    /// Whether every token of the class has the SID.
    fn surely(&self, class: Class, sid: &Sid) -> bool {
        let own = match class {
            Class::User(uid) => user_of(sid) == Some(uid),
            Class::Group(gid) => sid.gid() == Some(gid),
            Class::Other => false,
        };
        own || EVERY_UID.contains(sid)
    }

    /// Whether some token of the class may have the SID.
    fn possibly(&self, class: Class, sid: &Sid) -> bool {
        if let Some(uid) = user_of(sid) {
            // Every uid that the DACL names has an entry of its own: nobody else has it.
            return matches!(class, Class::User(own) if own == uid);
        }
        if sid.gid().is_some() {
            return !matches!(class, Class::Other);
        }
        !NO_UID.contains(sid)
    }
}

/// Groups that the token of each uid is in; see the table in the crate's documentation.
const EVERY_UID: [Sid; 4] = [Sid::WORLD, Sid::LOCAL, Sid::AUTHENTICATED_USERS, Sid::BUILTIN_USERS];
/// SIDs that the token of no uid has.
const NO_UID: [Sid; 4] = [Sid::NULL, Sid::CREATOR_OWNER, Sid::CREATOR_GROUP, Sid::ANONYMOUS];

/// The uid that a SID stands for.
fn user_of(sid: &Sid) -> Option<u32> {
    let root = [Sid::LOCAL_SYSTEM, Sid::BUILTIN_ADMINISTRATORS].contains(sid);
    if root { Some(0) } else { sid.uid() }
}
