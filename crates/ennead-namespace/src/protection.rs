//! What the kernel is told about who may use an entry.

use std::fs::File;
use std::io;
use std::path::Path;

use ennead_sys::acl::{self, Who};
use ennead_sys::file;

/// A security descriptor and what it comes to in file permissions: the exact one is kept in the entry, the mode and the ACL
/// make the kernel refuse strangers, and never grant more than the descriptor does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    descriptor: Vec<u8>,
    mode: u32,
    acl: Vec<acl::Entry>,
}

impl Protection {
    /// A descriptor with the permissions that it comes to. `acl` is empty where the mode says all.
    pub fn from_parts(descriptor: Vec<u8>, mode: u32, acl: Vec<acl::Entry>) -> Protection {
        Protection { descriptor, mode: mode & 0o666, acl }
    }

    /// The owner alone, without a descriptor.
    pub fn private() -> Protection {
        Protection { descriptor: Vec::new(), mode: 0o600, acl: Vec::new() }
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
