//! Security identifiers ([MS-DTYP] 2.4.2).

use crate::{FormatError, SddlError, sddl};
use std::{fmt, str::FromStr};

/// A security identifier: who.
///
/// `Display` and `FromStr` are the string form `S-1-…` ([MS-DTYP] 2.4.2.1); `FromStr` also takes the two-letter
/// aliases of SDDL, such as `WD`. Page: [Security Identifiers](https://learn.microsoft.com/windows/win32/secauthz/security-identifiers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    /// INVARIANT: below 2^48.
    authority: u64,
    /// INVARIANT: at most [`Sid::MAX_SUB_AUTHORITIES`].
    count: u8,
    /// INVARIANT: zero from `count` on, so that derived equality holds.
    sub: [u32; Sid::MAX_SUB_AUTHORITIES],
}

impl Sid {
    /// The most sub-authorities that a SID has.
    pub const MAX_SUB_AUTHORITIES: usize = 15;
    /// The most bytes that a SID takes in binary form.
    pub const MAX_LEN: usize = 8 + 4 * Self::MAX_SUB_AUTHORITIES;
    /// The identifier authority of Unix ids, `S-1-22`, as Samba has it.
    const UNIX: u64 = 22;
    /// The id that means "none" to the kernel.
    const NO_ID: u32 = u32::MAX;

    /// The SID of an authority and its sub-authorities; `None` if the authority does not fit 48 bits or there are
    /// more than fifteen sub-authorities.
    #[must_use]
    pub const fn new(authority: u64, sub_authorities: &[u32]) -> Option<Self> {
        if authority >= 1 << 48 || sub_authorities.len() > Self::MAX_SUB_AUTHORITIES {
            return None;
        }
        let mut sub = [0; Self::MAX_SUB_AUTHORITIES];
        let mut at = 0;
        while at < sub_authorities.len() {
            sub[at] = sub_authorities[at];
            at += 1;
        }
        Some(Self { authority, count: sub_authorities.len() as u8, sub })
    }

    /// `S-1-22-1-uid`: a Unix user.
    #[must_use]
    pub const fn unix_user(uid: u32) -> Self {
        Self::known(Self::UNIX, &[1, uid])
    }

    /// `S-1-22-2-gid`: a Unix group.
    #[must_use]
    pub const fn unix_group(gid: u32) -> Self {
        Self::known(Self::UNIX, &[2, gid])
    }

    /// The uid of `S-1-22-1-uid`; `None` for any other SID, and for 2^32 − 1, which is no uid.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        match (self.authority, self.sub_authorities()) {
            (Self::UNIX, [1, uid]) if *uid != Self::NO_ID => Some(*uid),
            _ => None,
        }
    }

    /// The gid of `S-1-22-2-gid`; `None` for any other SID, and for 2^32 − 1, which is no gid.
    #[must_use]
    pub fn gid(&self) -> Option<u32> {
        match (self.authority, self.sub_authorities()) {
            (Self::UNIX, [2, gid]) if *gid != Self::NO_ID => Some(*gid),
            _ => None,
        }
    }

    /// The identifier authority, 48 bits.
    #[must_use]
    pub const fn authority(&self) -> u64 {
        self.authority
    }

    /// The sub-authorities; the last one is the relative identifier.
    #[must_use]
    pub fn sub_authorities(&self) -> &[u32] {
        &self.sub[..usize::from(self.count)]
    }

    /// The length of the binary form, in bytes.
    #[must_use]
    pub const fn binary_len(&self) -> usize {
        8 + 4 * self.count as usize
    }

    /// Reads the binary form ([MS-DTYP] 2.4.2.2) at the start of `bytes`; [`binary_len`](Self::binary_len) says how far
    /// it went.
    ///
    /// # Errors
    /// [`FormatError`] (`ERROR_INVALID_SID`) where the revision is not 1, there are more than fifteen
    /// sub-authorities, or the bytes end too early.
    pub fn from_prefix(bytes: &[u8]) -> Result<Self, FormatError> {
        let (head, rest) = bytes.split_first_chunk::<8>().ok_or(FormatError::SidTooShort)?;
        if head[0] != 1 {
            return Err(FormatError::SidRevision(head[0]));
        }
        let count = usize::from(head[1]);
        if count > Self::MAX_SUB_AUTHORITIES {
            return Err(FormatError::SidSubAuthorities(head[1]));
        }
        let mut authority = [0; 8];
        authority[2..].copy_from_slice(&head[2..]);
        let mut sub = [0; Self::MAX_SUB_AUTHORITIES];
        let words = rest.get(..4 * count).ok_or(FormatError::SidTooShort)?;
        for (to, word) in sub.iter_mut().zip(words.as_chunks::<4>().0) {
            *to = u32::from_le_bytes(*word);
        }
        Ok(Self { authority: u64::from_be_bytes(authority), count: head[1], sub })
    }

    /// Appends the binary form.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        out.extend([1, self.count]);
        out.extend(&self.authority.to_be_bytes()[2..]);
        for word in self.sub_authorities() {
            out.extend(word.to_le_bytes());
        }
    }

    /// The binary form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.binary_len());
        self.write_to(&mut out);
        out
    }

    /// A SID that is written in this crate.
    pub(crate) const fn known(authority: u64, sub_authorities: &[u32]) -> Self {
        match Self::new(authority, sub_authorities) {
            Some(sid) => sid,
            None => Self { authority: 0, count: 0, sub: [0; Self::MAX_SUB_AUTHORITIES] },
        }
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // [MS-DTYP] 2.4.2.1: an authority of 2^32 and more is hexadecimal, with all twelve digits.
        if self.authority < 1 << 32 {
            write!(f, "S-1-{}", self.authority)?;
        } else {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        }
        self.sub_authorities().iter().try_for_each(|word| write!(f, "-{word}"))
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid({self})")
    }
}

impl FromStr for Sid {
    type Err = SddlError;

    fn from_str(text: &str) -> Result<Self, SddlError> {
        sddl::parse_sid(text)
    }
}
