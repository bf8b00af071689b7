//! Access control lists ([MS-DTYP] 2.4.5).

use crate::{Ace, FormatError, ace};

/// A list of entries, in the order in which they are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acl {
    /// INVARIANT: the binary form is at most [`Acl::MAX_LEN`] bytes.
    aces: Vec<Ace>,
}

/// Revision, size and count.
const HEADER: usize = 8;
/// `ACL_REVISION`, and the one that object ACEs ask for.
const REVISION: u8 = 2;
const REVISION_DS: u8 = 4;

impl Acl {
    /// The most bytes of the binary form: what its 16-bit size field holds, in whole words.
    pub const MAX_LEN: usize = 0xFFFC;

    /// The list without entries, which grants nothing.
    pub const EMPTY: Self = Self { aces: Vec::new() };

    /// A list of these entries.
    ///
    /// # Errors
    /// [`FormatError::AclTooLong`] (`ERROR_INVALID_ACL`) where the binary form would not fit [`MAX_LEN`](Self::MAX_LEN).
    pub fn new(aces: Vec<Ace>) -> Result<Self, FormatError> {
        let acl = Self { aces };
        if acl.binary_len() > Self::MAX_LEN { Err(FormatError::AclTooLong) } else { Ok(acl) }
    }

    /// The entries.
    #[must_use]
    pub fn aces(&self) -> &[Ace] {
        &self.aces
    }

    /// The length of the binary form, in bytes: a multiple of four.
    #[must_use]
    pub fn binary_len(&self) -> usize {
        HEADER + self.aces.iter().map(Ace::binary_len).sum::<usize>()
    }

    /// Reads the binary form at the start of `bytes`. The size field bounds it; what it leaves behind the last entry
    /// is dropped.
    ///
    /// # Errors
    /// [`FormatError`] (`ERROR_INVALID_ACL`).
    pub fn from_prefix(bytes: &[u8]) -> Result<Self, FormatError> {
        let (head, _) = bytes.split_first_chunk::<HEADER>().ok_or(FormatError::AclTooShort)?;
        let [revision, _, size_low, size_high, count_low, count_high, ..] = *head;
        if !(REVISION..=REVISION_DS).contains(&revision) {
            return Err(FormatError::AclRevision(revision));
        }
        let size = usize::from(u16::from_le_bytes([size_low, size_high]));
        let count = usize::from(u16::from_le_bytes([count_low, count_high]));
        let mut rest = bytes.get(HEADER..size).ok_or(FormatError::AclTooShort)?;
        // No entry is shorter than its header: a count beyond that cannot be true, so nothing is set aside for it.
        if count > rest.len() / ace::HEADER {
            return Err(FormatError::AclTooShort);
        }
        let mut aces = Vec::with_capacity(count);
        for _ in 0..count {
            let (&[ace_type, flags, low, high], _) =
                rest.split_first_chunk().ok_or(FormatError::AclTooShort)?;
            let size = usize::from(u16::from_le_bytes([low, high]));
            if !size.is_multiple_of(4) {
                return Err(FormatError::AceSize(size));
            }
            let body = rest.get(ace::HEADER..size).ok_or(FormatError::AceSize(size))?;
            aces.push(Ace::from_parts(ace_type, flags, body)?);
            rest = &rest[size..];
        }
        Self::new(aces)
    }

    /// Appends the binary form.
    pub fn write_to(&self, out: &mut Vec<u8>) {
        let has_objects = self.aces.iter().any(|ace| {
            (ace::ALLOW_OBJECT..=ace::ALARM_OBJECT).contains(&ace.ace_type())
                || matches!(ace.ace_type(), ace::ALLOW_CALLBACK_OBJECT | ace::DENY_CALLBACK_OBJECT)
        });
        // Both fit by the invariant: an entry has four bytes at least.
        let size = u16::try_from(self.binary_len()).unwrap_or(u16::MAX).to_le_bytes();
        let count = u16::try_from(self.aces.len()).unwrap_or(u16::MAX).to_le_bytes();
        out.extend([
            if has_objects { REVISION_DS } else { REVISION },
            0,
            size[0],
            size[1],
            count[0],
            count[1],
            0,
            0,
        ]);
        self.aces.iter().for_each(|ace| ace.write_to(out));
    }
}
