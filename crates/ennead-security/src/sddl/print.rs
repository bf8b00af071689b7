//! From a descriptor to SDDL.

use super::{ACE_FLAGS, ACE_TYPES, LABEL_RIGHTS, NULL_ACL, RIGHTS};
use crate::{AccessMask, Ace, AceKind, AclSlot, Control, SecurityDescriptor, Sid, ace};
use std::fmt::{self, Write as _};

pub(crate) fn print(descriptor: &SecurityDescriptor, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (letter, sid) in [('O', &descriptor.owner), ('G', &descriptor.group)] {
        if let Some(sid) = sid {
            write!(f, "{letter}:")?;
            print_sid(sid, f)?;
        }
    }
    let flags = |pairs: [(Control, &'static str); 3]| {
        pairs.into_iter().filter(|(flag, _)| descriptor.control.contains(*flag)).map(|(_, word)| word)
    };
    print_acl('D', &descriptor.dacl, flags(DACL_FLAGS), f)?;
    print_acl('S', &descriptor.sacl, flags(SACL_FLAGS), f)
}

pub(super) const DACL_FLAGS: [(Control, &str); 3] = [
    (Control::DACL_PROTECTED, "P"),
    (Control::DACL_AUTO_INHERIT_REQ, "AR"),
    (Control::DACL_AUTO_INHERITED, "AI"),
];
pub(super) const SACL_FLAGS: [(Control, &str); 3] = [
    (Control::SACL_PROTECTED, "P"),
    (Control::SACL_AUTO_INHERIT_REQ, "AR"),
    (Control::SACL_AUTO_INHERITED, "AI"),
];

fn print_acl(
    letter: char,
    slot: &AclSlot,
    flags: impl Iterator<Item = &'static str>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if *slot == AclSlot::Absent {
        return Ok(());
    }
    write!(f, "{letter}:")?;
    for flag in flags {
        f.write_str(flag)?;
    }
    match slot.acl() {
        None => f.write_str(NULL_ACL),
        Some(acl) => acl.aces().iter().try_for_each(|ace| print_ace(ace, f)),
    }
}

fn print_ace(ace: &Ace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let letters = ACE_TYPES.iter().find(|(_, value)| *value == ace.ace_type()).map(|(letters, _)| *letters);
    let object = match &ace.kind {
        AceKind::Allow(mask, sid)
        | AceKind::Deny(mask, sid)
        | AceKind::Audit(mask, sid)
        | AceKind::MandatoryLabel(mask, sid) => Some((*mask, *sid, [None, None])),
        AceKind::Other(other) => object_parts(other),
    };
    let (Some(letters), Some((mask, sid, guids))) = (letters, object) else {
        return print_other(ace, f);
    };
    write!(f, "({letters};")?;
    print_flags(ace, f)?;
    f.write_char(';')?;
    let words = if ace.ace_type() == ace::LABEL { LABEL_RIGHTS } else { RIGHTS };
    print_rights(mask, words, f)?;
    for guid in guids {
        f.write_char(';')?;
        if let Some(guid) = guid {
            print_guid(guid, f)?;
        }
    }
    f.write_char(';')?;
    print_sid(&sid, f)?;
    f.write_char(')')
}

/// An ACE that SDDL has no words for (a conditional one, for instance) in a notation of Ennead's own, which only the
/// parser of this crate reads: type, flags, and the bytes behind the header.
fn print_other(ace: &Ace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "({:#04x};", ace.ace_type())?;
    print_flags(ace, f)?;
    f.write_str(";#")?;
    if let AceKind::Other(other) = &ace.kind {
        other.body().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
    }
    f.write_char(')')
}

/// The type of the child and of the inheriting child.
type ObjectTypes = [Option<[u8; 16]>; 2];

/// The parts of an object ACE that has at least one GUID, no unknown flag and nothing behind its SID: what SDDL can say.
fn object_parts(other: &ace::OtherAce) -> Option<(AccessMask, Sid, ObjectTypes)> {
    let flags = other.object_flags().filter(|flags| (1..=3).contains(flags))?;
    let (mask, sid) = other.subject()?;
    let mut rest = other.body().get(8..)?;
    let mut guids = [None, None];
    for (guid, flag) in guids.iter_mut().zip([ace::OBJECT_TYPE_PRESENT, ace::INHERITED_OBJECT_TYPE_PRESENT]) {
        if flags & flag != 0 {
            let (bytes, after) = rest.split_first_chunk::<16>()?;
            *guid = Some(*bytes);
            rest = after;
        }
    }
    (rest.len() == sid.binary_len()).then_some((mask, sid, guids))
}

fn print_flags(ace: &Ace, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut left = ace.flags.0;
    for (word, flag) in ACE_FLAGS {
        if left & flag != 0 {
            f.write_str(word)?;
            left &= !flag;
        }
    }
    Ok(())
}

fn print_rights(mask: AccessMask, words: &[(&str, u32)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if mask.is_empty() {
        return f.write_str("0x0");
    }
    if let Some((word, _)) = words.iter().find(|(_, rights)| *rights == mask.0) {
        return f.write_str(word);
    }
    let single = || words.iter().filter(|(_, right)| right.is_power_of_two());
    if single().fold(0, |sum, (_, right)| sum | right) & mask.0 != mask.0 {
        return write!(f, "{:#x}", mask.0);
    }
    single().filter(|(_, right)| mask.0 & right != 0).try_for_each(|(word, _)| f.write_str(word))
}

fn print_sid(sid: &Sid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match sid.alias() {
        Some(alias) => f.write_str(alias),
        None => write!(f, "{sid}"),
    }
}

/// A GUID in registry order without braces ([MS-DTYP] 2.3.4.3): the first three groups are little-endian.
fn print_guid(guid: [u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    for (at, from) in ORDER.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            f.write_char('-')?;
        }
        write!(f, "{:02x}", guid[from])?;
    }
    Ok(())
}
