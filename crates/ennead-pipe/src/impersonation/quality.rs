//! Security quality of service: how far a client lets the server go on its behalf.

use std::fmt;

/// How far a server may act for its client (`SECURITY_IMPERSONATION_LEVEL`). Ordered: each level includes the ones
/// below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(u8)]
pub enum Level {
    /// The server can neither identify nor impersonate the client (`SecurityAnonymous`).
    Anonymous = 0,
    /// The server may identify the client and check access for it, but not act as it (`SecurityIdentification`).
    Identification = 1,
    /// The server may act as the client on this machine (`SecurityImpersonation`); the documented default of a named
    /// pipe's client.
    #[default]
    Impersonation = 2,
    /// The server may also act as the client towards other machines (`SecurityDelegation`). Locally the same as
    /// [`Level::Impersonation`].
    Delegation = 3,
}

/// Whether the server sees the client as it was when it connected, or as it is at each write
/// (`SECURITY_CONTEXT_TRACKING_MODE`).
///
/// The kernel records who a peer is once, when it connects. As the documentation allows ("those that do not will
/// default to static tracking"), [`ContextTracking::Dynamic`] is carried and reported but acts as `Static`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ContextTracking {
    /// A snapshot taken when the client connects (`SECURITY_STATIC_TRACKING`).
    #[default]
    Static,
    /// Updated as the client's own context changes (`SECURITY_DYNAMIC_TRACKING`).
    Dynamic,
}

/// The security quality of service that a client asks for when it opens a pipe (`SECURITY_QUALITY_OF_SERVICE`, and
/// the `SECURITY_*` flags of `CreateFile`). The default is what `CreateFile` does without `SECURITY_SQOS_PRESENT`:
/// impersonation level, static tracking, everything enabled.
///
/// An honest server keeps to it. A server with CAP_SETUID knows its client's uid whatever the client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct SecurityQuality {
    /// How far the server may go.
    pub level: Level,
    /// Whether later changes of the client's context are to be seen.
    pub tracking: ContextTracking,
    /// The server may use only what is enabled in the client's context (`SECURITY_EFFECTIVE_ONLY`).
    pub effective_only: bool,
}

const DYNAMIC: u8 = 1;
const EFFECTIVE_ONLY: u8 = 2;

const SQOS_PRESENT: u32 = 0x0010_0000;
const CONTEXT_TRACKING: u32 = 0x0004_0000;
const EFFECTIVE_ONLY_FLAG: u32 = 0x0008_0000;
const LEVEL_SHIFT: u32 = 16;

impl SecurityQuality {
    /// The size of the form that travels in a handshake, in bytes.
    pub const ENCODED_LEN: usize = 4;

    /// The form that travels in a handshake: level, flags (1 = dynamic tracking, 2 = effective only), two zero
    /// bytes.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::ENCODED_LEN] {
        let mut flags = 0;
        if let ContextTracking::Dynamic = self.tracking {
            flags |= DYNAMIC;
        }
        if self.effective_only {
            flags |= EFFECTIVE_ONLY;
        }
        [self.level as u8, flags, 0, 0]
    }

    /// Reads what [`SecurityQuality::encode`] wrote.
    ///
    /// # Errors
    ///
    /// [`QualityError`] for a level, a flag or a reserved byte that this version does not know: guessing at how far
    /// one may act for somebody is not safe.
    pub fn decode(bytes: [u8; Self::ENCODED_LEN]) -> Result<Self, QualityError> {
        let [level, flags, reserved_a, reserved_b] = bytes;
        let level = Level::from_number(u32::from(level)).ok_or(QualityError { bytes })?;
        if flags & !(DYNAMIC | EFFECTIVE_ONLY) != 0 || reserved_a != 0 || reserved_b != 0 {
            return Err(QualityError { bytes });
        }
        let tracking = if flags & DYNAMIC != 0 { ContextTracking::Dynamic } else { ContextTracking::Static };
        Ok(Self { level, tracking, effective_only: flags & EFFECTIVE_ONLY != 0 })
    }

    /// Reads the `SECURITY_*` bits of `CreateFile`'s *dwFlagsAndAttributes*; other bits are ignored. Without
    /// `SECURITY_SQOS_PRESENT` the rest does not count, as documented, and the default is returned.
    #[must_use]
    pub fn from_create_file_flags(flags: u32) -> Self {
        if flags & SQOS_PRESENT == 0 {
            return Self::default();
        }
        let level = match (flags >> LEVEL_SHIFT) & 3 {
            0 => Level::Anonymous,
            1 => Level::Identification,
            2 => Level::Impersonation,
            _ => Level::Delegation,
        };
        let tracking =
            if flags & CONTEXT_TRACKING != 0 { ContextTracking::Dynamic } else { ContextTracking::Static };
        Self { level, tracking, effective_only: flags & EFFECTIVE_ONLY_FLAG != 0 }
    }
}

impl Level {
    /// The level with this number in `SECURITY_IMPERSONATION_LEVEL`.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Anonymous,
            1 => Self::Identification,
            2 => Self::Impersonation,
            3 => Self::Delegation,
            _ => return None,
        })
    }

    /// Its name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "SecurityAnonymous",
            Self::Identification => "SecurityIdentification",
            Self::Impersonation => "SecurityImpersonation",
            Self::Delegation => "SecurityDelegation",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A security quality of service that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityError {
    /// What was received.
    pub bytes: [u8; SecurityQuality::ENCODED_LEN],
}

impl fmt::Display for QualityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown security quality of service {:02x?}", self.bytes)
    }
}

impl std::error::Error for QualityError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_pinned() {
        let default = SecurityQuality::default();
        assert_eq!(default.encode(), [2, 0, 0, 0]);
        let strange = SecurityQuality {
            level: Level::Identification,
            tracking: ContextTracking::Dynamic,
            effective_only: true,
        };
        assert_eq!(strange.encode(), [1, 3, 0, 0]);
    }

    #[test]
    fn every_encoding_either_survives_a_round_trip_or_is_refused() {
        for level in 0..=255 {
            for flags in 0..=255 {
                for reserved in [[0, 0], [0, 1], [1, 0]] {
                    let bytes = [level, flags, reserved[0], reserved[1]];
                    match SecurityQuality::decode(bytes) {
                        Ok(quality) => assert_eq!(quality.encode(), bytes),
                        Err(error) => {
                            assert!(level > 3 || flags > 3 || reserved != [0, 0]);
                            assert_eq!(error.bytes, bytes);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn flags_count_only_with_the_present_bit() {
        let identification = 1 << LEVEL_SHIFT;
        assert_eq!(SecurityQuality::from_create_file_flags(identification), SecurityQuality::default());
        let present = SecurityQuality::from_create_file_flags(SQOS_PRESENT | identification | 0x80);
        assert_eq!(present.level, Level::Identification);
        assert!(!present.effective_only);
        // SECURITY_ANONYMOUS is the value 0: present and nothing else means anonymous.
        assert_eq!(SecurityQuality::from_create_file_flags(SQOS_PRESENT).level, Level::Anonymous);
    }
}
