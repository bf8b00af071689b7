//! What the kernel is told about who may use an entry.

use std::fs::File;
use std::io;
use std::path::Path;

use ennead_security::posix::{self, Meaning, Owners, Permissions};
use ennead_security::{AccessMask, Ace, Acl, GenericMapping, SecurityDescriptor, Sid};
use ennead_sys::acl::{self, Who};
use ennead_sys::{file, process};

/// A security descriptor and what it comes to in file permissions: the exact one is kept in the entry, the mode and the ACL
/// make the kernel refuse strangers, and never grant more than the descriptor does.
///
/// uid 0 passes every file permission: only the mechanism's own check of the descriptor refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    descriptor: Vec<u8>,
    mode: u32,
    acl: Vec<acl::Entry>,
    /// The owners that the permissions were reckoned for.
    owners: Owners,
}

impl Protection {
    /// What `descriptor` comes to on a file of the caller's effective user and group. `meaning` says which rights the two file
    /// permissions stand for: reading the entry (and connecting to its sockets), writing its body (and locking slots).
    pub fn new(descriptor: &SecurityDescriptor, meaning: Meaning, mapping: &GenericMapping) -> Protection {
        let owners = Owners { uid: process::effective_uid(), gid: process::effective_gid() };
        let posix = posix::from_descriptor(descriptor, owners, meaning, mapping);
        let entry = |who, of: Permissions| acl::Entry { who, permissions: of.bits() as u8 };
        let mut acl = Vec::new();
        if !posix.is_minimal() {
            acl.push(entry(Who::Owner, posix.owner));
            acl.extend(posix.users.iter().map(|(&uid, &of)| entry(Who::User(uid), of)));
            acl.push(entry(Who::OwningGroup, posix.group));
            acl.extend(posix.groups.iter().map(|(&gid, &of)| entry(Who::Group(gid), of)));
            acl.push(entry(Who::Mask, posix.mask()));
            acl.push(entry(Who::Other, posix.other));
        }
        Protection { descriptor: descriptor.to_bytes(), mode: posix.mode() & 0o666, acl, owners }
    }

    /// The caller's user alone, for everything.
    pub fn private() -> Protection {
        let owners = Owners { uid: process::effective_uid(), gid: process::effective_gid() };
        let (user, group) = (Sid::unix_user(owners.uid), Sid::unix_group(owners.gid));
        let dacl = Acl::new(vec![Ace::allow(AccessMask::GENERIC_ALL, user)]);
        let descriptor = dacl.map(|dacl| SecurityDescriptor::new(user, group, dacl).to_bytes());
        // One entry always fits in a list.
        Protection { descriptor: descriptor.unwrap_or_default(), mode: 0o600, acl: Vec::new(), owners }
    }

    /// The descriptor in self-relative form.
    pub fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// The file mode.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// Whether anybody but the owner may do anything. A server then publishes in `Global\`.
    pub fn admits_others(&self) -> bool {
        self.mode & 0o066 != 0
            || self
                .acl
                .iter()
                .any(|entry| entry.permissions != 0 && !matches!(entry.who, Who::Owner | Who::Mask))
    }

    pub(crate) fn apply(&self, file: &File) -> io::Result<()> {
        // A folder with the set-gid bit gave the file its own group: then the group's permissions are another's.
        let status = file::status(file)?;
        if (Owners { uid: status.uid, gid: status.gid }) != self.owners && self.admits_others() {
            tracing::warn!(
                target: "ennead::audit",
                gid = status.gid,
                "the root gives files another group: the object is open to its owner only, whatever its descriptor says"
            );
            return file::set_mode(file, self.mode & 0o600);
        }
        if self.acl.is_empty() {
            return file::set_mode(file, self.mode);
        }
        match acl::set(file, &self.acl) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                warn_without_acl();
                file::set_mode(file, self.mode & 0o600)
            }
            other => other,
        }
    }

    /// Lets those open the entry's key who may write the entry, and its owner, who must be able to remove it.
    pub(crate) fn apply_to_key(&self, key: &File) -> io::Result<()> {
        let status = file::status(key)?;
        let both = |permissions: u8| if permissions & 2 != 0 { 6 } else { 0 };
        let others = (Owners { uid: status.uid, gid: status.gid }) == self.owners;
        let bits = |shift: u32| u32::from(both((self.mode >> shift) as u8 & 7)) << shift;
        if self.acl.is_empty() || !others {
            return file::set_mode(key, if others { 0o600 | bits(3) | bits(0) } else { 0o600 });
        }
        let entries: Vec<acl::Entry> = self
            .acl
            .iter()
            .map(|entry| match entry.who {
                Who::Owner => acl::Entry { who: Who::Owner, permissions: 6 },
                who => acl::Entry { who, permissions: both(entry.permissions) },
            })
            .collect();
        match acl::set(key, &entries) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => file::set_mode(key, 0o600),
            other => other,
        }
    }

    /// Lets those connect to the socket at `path` who may read the entry: a connect needs the right to write.
    pub(crate) fn apply_to_socket(&self, path: &Path) -> io::Result<()> {
        let connect = |permissions: u8| if permissions & 4 != 0 { 6 } else { 0 };
        let bits = |shift: u32| u32::from(connect((self.mode >> shift) as u8 & 7)) << shift;
        if self.acl.is_empty() {
            return file::set_mode_of_path(path, bits(6) | bits(3) | bits(0));
        }
        let entries: Vec<acl::Entry> = self
            .acl
            .iter()
            .map(|entry| acl::Entry { who: entry.who, permissions: connect(entry.permissions) })
            .collect();
        match acl::set_path(path, &entries) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {
                warn_without_acl();
                file::set_mode_of_path(path, bits(6))
            }
            other => other,
        }
    }
}

fn warn_without_acl() {
    tracing::warn!(
        target: "ennead::audit",
        "the root's file system has no ACLs: the object is open to its owner only, whatever its descriptor says"
    );
}
