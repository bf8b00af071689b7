//! Who a pipe's client is.

use std::io;

use ennead_security::{ImpersonationLevel, Token};
use ennead_sys::socket::Peer;
use ennead_sys::thread_credentials::{Identity, Snapshot};

use super::Level;

/// A client as the kernel recorded it when it connected; nothing in it comes from the client itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Its process when it connected; 0 when it has no number in our pid namespace. Information only: the number may
    /// be another's by now.
    pub pid: u32,
    pub(super) credentials: Identity,
}

impl ClientIdentity {
    /// A client with these ids. The caller answers for them: they must come from the kernel.
    #[must_use]
    pub const fn new(pid: u32, uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        Self { pid, credentials: Identity { uid, gid, groups } }
    }

    /// Its user.
    #[must_use]
    pub const fn uid(&self) -> u32 {
        self.credentials.uid
    }

    /// Its primary group.
    #[must_use]
    pub const fn gid(&self) -> u32 {
        self.credentials.gid
    }

    /// Its supplementary groups.
    #[must_use]
    pub fn groups(&self) -> &[u32] {
        &self.credentials.groups
    }

    /// Its access token at `level`: `S-1-22-1-uid` with its groups, or *Anonymous* without any.
    #[must_use]
    pub fn token(&self, level: Level) -> Token {
        let level = ImpersonationLevel::from(level);
        if level == ImpersonationLevel::Anonymous {
            return Token { level, ..Token::anonymous() };
        }
        let mut groups = vec![self.gid()];
        groups.extend(self.groups().iter().filter(|group| **group != self.gid()));
        Token { level, ..Token::unix(self.uid(), &groups) }
    }

    /// Whether the calling thread is that very user already, with the same groups and no capability beyond.
    pub(super) fn is_this_thread(&self) -> io::Result<bool> {
        let thread = Snapshot::take()?;
        let own = thread.acting_as();
        let sorted = |groups: &[u32]| {
            let mut groups = groups.to_vec();
            groups.sort_unstable();
            groups.dedup();
            groups
        };
        Ok((own.uid, own.gid) == (self.uid(), self.gid())
            && sorted(&own.groups) == sorted(self.groups())
            && thread.effective_capabilities() == 0)
    }
}

impl From<Peer> for ClientIdentity {
    fn from(peer: Peer) -> Self {
        Self::new(peer.pid, peer.uid, peer.gid, peer.groups)
    }
}

impl From<Level> for ImpersonationLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Anonymous => Self::Anonymous,
            Level::Identification => Self::Identification,
            Level::Impersonation => Self::Impersonation,
            Level::Delegation => Self::Delegation,
        }
    }
}
