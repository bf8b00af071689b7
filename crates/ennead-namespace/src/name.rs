//! Names, what two names have in common, and the file name that stands for one.
//!
//! A name is UTF-16, as Windows has it, unpaired surrogates and all. Where a kind of object folds case, two names are one
//! if they are equal after each 16-bit unit was upcased by itself: Windows compares so (ordinal, ignoring case), without
//! normalisation, locale or pairs. [`fold`] says which table.
//!
//! The file name is the folded name as UTF-8, with ASCII in lower case where case is folded (the folded form has none,
//! so nothing is lost). `/`, `%`, control characters and a leading `.` become `%XX`, an unpaired surrogate `%uXXXX`. What
//! would be longer than 200 bytes becomes `%h`, 32 hexadecimal digits of FNV-1a, `-` and as much of the
//! beginning as fits; the whole name is inside the entry, and is compared there. Files that begin with `.` are ours.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;

use crate::error::NameError;

/// Whether the names of a kind of object differ when only their case differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Case {
    /// `Ab` and `aB` are one name: pipes and mailslots.
    Folds,
    /// They are two: events, mutexes, semaphores, timers, sections.
    Matters,
}

/// Whose hold keeps an entry of a kind alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holders {
    /// Whoever may read it: a handle of an event keeps the event.
    Readers,
    /// Only who may write it: a pipe lives as long as its servers do. Who opens one for reading looks at it only
    /// ([`Entry::is_held`](crate::Entry::is_held)), and can keep nobody out.
    Writers,
}

/// A kind of entry: its folder below the root, how its names compare, and whose hold counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind {
    folder: &'static str,
    case: Case,
    holders: Holders,
}

impl Kind {
    /// Named pipes.
    pub const PIPE: Kind = Kind::new("pipe", Case::Folds).held_by(Holders::Writers);
    /// Mailslots.
    pub const MAILSLOT: Kind = Kind::new("mailslot", Case::Folds).held_by(Holders::Writers);
    /// Private namespaces: a namespace lives as long as its creator has it open.
    pub const NAMESPACE: Kind = Kind::new("private", Case::Matters).held_by(Holders::Writers);
    /// Events, mutexes, semaphores, timers and sections: one folder, so that a clash of types is seen.
    pub const OBJECT: Kind = Kind::new("object", Case::Matters);

    /// The outcomes of waits for several objects: one entry a user.
    pub const WAIT: Kind = Kind::new("wait", Case::Matters);

    /// A kind of its own, held by its readers. `folder` is one file name that does not begin with `.`; anything else never opens.
    pub const fn new(folder: &'static str, case: Case) -> Kind {
        Kind { folder, case, holders: Holders::Readers }
    }

    /// The same, but held by `holders`.
    #[must_use]
    pub const fn held_by(self, holders: Holders) -> Kind {
        Kind { holders, ..self }
    }

    /// The folder's name.
    pub const fn folder(self) -> &'static str {
        self.folder
    }

    /// How the names compare.
    pub const fn case(self) -> Case {
        self.case
    }

    /// Whose hold counts.
    pub const fn holders(self) -> Holders {
        self.holders
    }
}

/// A name without its prefix (`\\.\pipe\`, `Local\`): what lies in one folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    units: Vec<u16>,
}

/// The longest name in UTF-16 units (that of a `UNICODE_STRING`); mechanisms have shorter limits of their own.
pub const LONGEST: usize = 32_767;

const LONGEST_FILE_NAME: usize = 200;
const WITHIN: &str = "%n";

impl Name {
    /// The name `text`. Empty, longer than [`LONGEST`] or with a NUL: refused.
    pub fn new(text: &str) -> Result<Name, NameError> {
        let units: Vec<u16> = text.encode_utf16().collect();
        Self::from_wide(&units)
    }

    /// The name of these UTF-16 units, which need not be well formed.
    pub fn from_wide(units: &[u16]) -> Result<Name, NameError> {
        if units.is_empty() {
            return Err(NameError::Empty);
        }
        if units.len() > LONGEST {
            return Err(NameError::TooLong { units: units.len() });
        }
        if let Some(position) = units.iter().position(|&unit| unit == 0) {
            return Err(NameError::Nul { position });
        }
        Ok(Name { units: units.to_vec() })
    }

    /// The UTF-16 units.
    pub fn as_wide(&self) -> &[u16] {
        &self.units
    }

    /// Whether both name the same thing.
    pub fn is_same(&self, other: &Name, case: Case) -> bool {
        match case {
            Case::Matters => self.units == other.units,
            Case::Folds => {
                self.units.len() == other.units.len()
                    && self.units.iter().zip(&other.units).all(|(&a, &b)| fold(a) == fold(b))
            }
        }
    }

    /// The name of the file that stands for it.
    pub fn file_name(&self, case: Case) -> OsString {
        let key: Vec<u16> = match case {
            Case::Matters => self.units.clone(),
            Case::Folds => self.units.iter().map(|&unit| fold(unit)).collect(),
        };
        let whole = encode(&key, case);
        if whole.len() <= LONGEST_FILE_NAME {
            return whole.into();
        }
        let mut short = format!("%h{:032x}-", fnv(&key));
        for character in whole.chars() {
            if short.len() + character.len_utf8() > LONGEST_FILE_NAME {
                break;
            }
            short.push(character);
        }
        short.into()
    }

    /// The same for a name in a private namespace: `%n`, the namespace's id, `-`, and the file name. No file name of a name begins with
    /// `%n`, as `%` is followed by digits, `u` or `h` there.
    pub(crate) fn file_name_within(&self, namespace: Option<u64>, case: Case) -> OsString {
        let plain = self.file_name(case);
        let Some(id) = namespace else { return plain };
        let mut file_name = OsString::from(format!("{WITHIN}{id:016x}-"));
        file_name.push(plain);
        file_name
    }

    /// The private namespace that a file name is in.
    pub(crate) fn namespace_of(file_name: &OsStr) -> Option<u64> {
        let rest = file_name.as_bytes().strip_prefix(WITHIN.as_bytes())?;
        let (digits, rest) = rest.split_at_checked(16)?;
        let id = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        (rest.first() == Some(&b'-') && format!("{id:016x}").as_bytes() == digits).then_some(id)
    }

    /// The name that a file name stands for, in its folded form; `None` if it stands for none, or only for the hash of one.
    pub fn from_file_name(file_name: &OsStr, case: Case) -> Option<Name> {
        let text = std::str::from_utf8(file_name.as_bytes()).ok()?;
        let mut units = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            if character != '%' {
                let folded = if case == Case::Folds { character.to_ascii_uppercase() } else { character };
                units.extend_from_slice(folded.encode_utf16(&mut [0; 2]));
                continue;
            }
            let (digits, after) = match rest.strip_prefix('u') {
                Some(wide) => (wide.get(..4)?, wide.get(4..)?),
                None => (rest.get(..2)?, rest.get(2..)?),
            };
            if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            units.push(u16::from_str_radix(digits, 16).ok()?);
            rest = after;
        }
        let name = Self::from_wide(&units).ok()?;
        // One name, one file name: anything else is somebody else's file.
        (name.file_name(case) == file_name).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in char::decode_utf16(self.units.iter().copied()) {
            f.write_char(character.unwrap_or(char::REPLACEMENT_CHARACTER))?;
        }
        Ok(())
    }
}

fn encode(key: &[u16], case: Case) -> String {
    let mut text = String::with_capacity(key.len());
    for character in char::decode_utf16(key.iter().copied()) {
        // Writing to a String does not fail.
        let _ = match character {
            Ok('.') if text.is_empty() => text.write_str("%2E"),
            Ok(c @ ('/' | '%')) => write!(text, "%{:02X}", u32::from(c)),
            Ok(c) if c.is_ascii_control() => write!(text, "%{:02X}", u32::from(c)),
            Ok(c) if case == Case::Folds => text.write_char(c.to_ascii_lowercase()),
            Ok(c) => text.write_char(c),
            Err(lone) => write!(text, "%u{:04X}", lone.unpaired_surrogate()),
        };
    }
    text
}

/// One UTF-16 unit upcased as Windows does it: the one-to-one upper case of Unicode, where that upper case has this unit
/// as its own lower case. So `ß` (two letters), `ı`, `ſ`, `µ` and final sigma's kin, whose way back leads elsewhere, stay.
pub fn fold(unit: u16) -> u16 {
    let Some(character) = char::from_u32(u32::from(unit)) else { return unit };
    let mut upper = character.to_uppercase();
    let (Some(first), None) = (upper.next(), upper.next()) else { return unit };
    let mut back = first.to_lowercase();
    if (back.next(), back.next()) != (Some(character), None) {
        return unit;
    }
    u16::try_from(u32::from(first)).unwrap_or(unit)
}

/// FNV-1a with 128 bits over the units in little-endian order. Not against malice: a collision is seen (the entry holds
/// the whole name) and spoils only names of the same owner.
fn fnv(key: &[u16]) -> u128 {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    key.iter()
        .flat_map(|unit| unit.to_le_bytes())
        .fold(BASIS, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests;
