//! Access tokens ([MS-DTYP] 2.5.2): on whose behalf something is asked.

use crate::Sid;

/// Who asks, as far as an access check wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The user.
    pub user: Sid,
    /// The groups, and what each of them counts for.
    pub groups: Vec<Group>,
    /// The restricting SIDs; where there are any, they too must be granted what is asked
    /// ([Restricted Tokens](https://learn.microsoft.com/windows/win32/secauthz/restricted-tokens)).
    pub restricted: Vec<Sid>,
    /// The enabled privileges.
    pub privileges: Privileges,
    /// How far the token may be used. A token that is not an impersonation token has
    /// [`Impersonation`](ImpersonationLevel::Impersonation).
    pub level: ImpersonationLevel,
}

/// A group of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which one.
    pub sid: Sid,
    /// `SE_GROUP_USE_FOR_DENY_ONLY`: entries that allow pass it by.
    pub deny_only: bool,
}

/// The privileges that an access check looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Privileges {
    /// `SeSecurityPrivilege`: grants `ACCESS_SYSTEM_SECURITY`.
    pub security: bool,
    /// `SeTakeOwnershipPrivilege`: grants `WRITE_OWNER`.
    pub take_ownership: bool,
}

/// How far a server may act as its client (`SECURITY_IMPERSONATION_LEVEL`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImpersonationLevel {
    /// The server may not even know who the client is: the token is good for nothing.
    Anonymous,
    /// The server may learn who the client is and check rights, but not act as the client.
    Identification,
    /// The server may act as the client on this machine.
    #[default]
    Impersonation,
    /// The server may also act as the client on other machines.
    Delegation,
}

impl Token {
    /// The token of a process with these ids, as the kernel says them. The table in the
    /// [crate's documentation](crate#what-the-well-known-sids-mean-on-linux) says which well-known groups it is in; uid 0 holds both privileges.
    #[must_use]
    pub fn unix(uid: u32, gids: &[u32]) -> Self {
        let everyone = [Sid::WORLD, Sid::LOCAL, Sid::AUTHENTICATED_USERS, Sid::BUILTIN_USERS];
        let root: &[Sid] = if uid == 0 { &[Sid::LOCAL_SYSTEM, Sid::BUILTIN_ADMINISTRATORS] } else { &[] };
        let own = gids.iter().map(|gid| Sid::unix_group(*gid));
        let groups = own.chain(everyone).chain(root.iter().copied());
        Self {
            user: Sid::unix_user(uid),
            groups: groups.map(|sid| Group { sid, deny_only: false }).collect(),
            restricted: Vec::new(),
            privileges: Privileges { security: uid == 0, take_ownership: uid == 0 },
            level: ImpersonationLevel::Impersonation,
        }
    }

    /// The token that `ImpersonateAnonymousToken` gives: `AN` and no group, not even Everyone.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            user: Sid::ANONYMOUS,
            groups: Vec::new(),
            restricted: Vec::new(),
            privileges: Privileges::default(),
            level: ImpersonationLevel::Impersonation,
        }
    }

    /// Whether an entry that allows `sid` speaks of this token.
    #[must_use]
    pub fn has(&self, sid: &Sid) -> bool {
        self.user == *sid || self.groups.iter().any(|group| group.sid == *sid && !group.deny_only)
    }

    /// Whether an entry that denies `sid` speaks of this token.
    #[must_use]
    pub fn has_for_deny(&self, sid: &Sid) -> bool {
        self.user == *sid || self.groups.iter().any(|group| group.sid == *sid)
    }
}
