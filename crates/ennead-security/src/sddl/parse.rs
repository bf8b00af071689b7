//! From SDDL to a descriptor: one pass, no backtracking, nothing set aside before it is known to be there.

use super::print::{DACL_FLAGS, SACL_FLAGS};
use super::{ACE_FLAGS, ACE_TYPES, LABEL_RIGHTS, MAX_LEN, NULL_ACL, RIGHTS, SddlError};
use crate::{
    AccessMask, Ace, AceFlags, AceKind, Acl, AclSlot, Control, OtherAce, SecurityDescriptor, Sid, ace,
    well_known,
};

pub(crate) fn parse(text: &str) -> Result<SecurityDescriptor, SddlError> {
    if text.len() > MAX_LEN {
        return Err(SddlError::at(text, MAX_LEN, "the end: the text is too long"));
    }
    let mut cursor = Cursor { text, at: 0 };
    let mut descriptor = SecurityDescriptor::default();
    let mut seen = [false; 4];
    loop {
        cursor.skip_space();
        let part = match cursor.peek() {
            None => return Ok(descriptor),
            Some(b'O') => 0,
            Some(b'G') => 1,
            Some(b'D') => 2,
            Some(b'S') => 3,
            Some(_) => return Err(cursor.expected("O:, G:, D: or S:")),
        };
        if std::mem::replace(&mut seen[part], true) {
            return Err(cursor.expected("each of O:, G:, D: and S: at most once"));
        }
        cursor.at += 1;
        cursor.byte(b':', "a colon")?;
        match part {
            0 => descriptor.owner = Some(cursor.sid()?),
            1 => descriptor.group = Some(cursor.sid()?),
            2 => descriptor.dacl = cursor.acl(&mut descriptor.control, DACL_FLAGS)?,
            _ => descriptor.sacl = cursor.acl(&mut descriptor.control, SACL_FLAGS)?,
        }
    }
}

pub(crate) fn parse_sid(text: &str) -> Result<Sid, SddlError> {
    let mut cursor = Cursor { text, at: 0 };
    let sid = cursor.sid()?;
    if cursor.at == text.len() { Ok(sid) } else { Err(cursor.expected("the end of the SID")) }
}

struct Cursor<'a> {
    text: &'a str,
    /// INVARIANT: at most the length of the text; only ever moved past ASCII.
    at: usize,
}

impl Cursor<'_> {
    fn acl(&mut self, control: &mut Control, flags: [(Control, &str); 3]) -> Result<AclSlot, SddlError> {
        if self.take(NULL_ACL) {
            return Ok(AclSlot::Null);
        }
        // P, AR and AI in any order. After the null ACL's name, nothing may follow.
        while let Some((flag, _)) = flags.iter().find(|(_, word)| self.take(word)) {
            control.0 |= flag.0;
        }
        if self.take(NULL_ACL) {
            return Ok(AclSlot::Null);
        }
        let (start, mut aces, mut len) = (self.at, Vec::new(), 0);
        loop {
            self.skip_space();
            if self.peek() != Some(b'(') {
                break;
            }
            let ace = self.ace()?;
            len += ace.binary_len();
            if len > Acl::MAX_LEN {
                break;
            }
            aces.push(ace);
        }
        let too_long = |_| SddlError::at(self.text, start, "entries that fit an ACL of 65532 bytes");
        if len > Acl::MAX_LEN {
            return Err(too_long(()));
        }
        Acl::new(aces).map(AclSlot::Present).map_err(|_| too_long(()))
    }

    fn ace(&mut self) -> Result<Ace, SddlError> {
        self.byte(b'(', "an opening parenthesis")?;
        let start = self.at;
        if self.take("0x") {
            return self.other_ace();
        }
        let ace_type = self.word(ACE_TYPES).filter(|_| self.peek() == Some(b';'));
        let Some(ace_type) = ace_type else {
            return Err(SddlError::at(self.text, start, "an ACE type: A, D, AU, OA, OD, OU or ML"));
        };
        self.byte(b';', "a semicolon after the ACE type")?;
        let flags = self.flags()?;
        let mask = self.rights()?;
        self.byte(b';', "a semicolon after the rights")?;
        let guids = [self.guid()?, self.guid()?];
        let sid = self.sid()?;
        let end = self.at;
        self.byte(b')', "a closing parenthesis")?;
        let is_object = matches!(ace_type, ace::ALLOW_OBJECT | ace::DENY_OBJECT | ace::AUDIT_OBJECT);
        let kind = match ace_type {
            _ if is_object && guids != [None, None] => {
                let ace = OtherAce::new(ace_type, object_body(mask, guids, sid));
                AceKind::Other(ace.map_err(|_| SddlError::at(self.text, end, "an object ACE"))?)
            }
            _ if guids != [None, None] => {
                return Err(SddlError::at(self.text, start, "no GUIDs, or the type OA, OD or OU"));
            }
            // Without GUIDs an object ACE is a plain one (page "ACE Strings").
            ace::ALLOW | ace::ALLOW_OBJECT => AceKind::Allow(mask, sid),
            ace::DENY | ace::DENY_OBJECT => AceKind::Deny(mask, sid),
            ace::LABEL => AceKind::MandatoryLabel(mask, sid),
            _ => AceKind::Audit(mask, sid),
        };
        Ok(Ace { flags, kind })
    }

    /// Ennead's notation for an ACE without one: `0xTYPE;FLAGS;#BYTES`.
    fn other_ace(&mut self) -> Result<Ace, SddlError> {
        let start = self.at;
        let ace_type = self.number::<u8>(16);
        let ace_type = ace_type.ok_or_else(|| SddlError::at(self.text, start, "an ACE type below 256"))?;
        self.byte(b';', "a semicolon after the ACE type")?;
        let flags = self.flags()?;
        self.byte(b'#', "# and the bytes of the ACE")?;
        let start = self.at;
        let mut body = Vec::new();
        while let Some(byte) = self.hex_byte() {
            body.push(byte);
        }
        self.byte(b')', "a pair of hexadecimal digits or a closing parenthesis")?;
        let other = OtherAce::new(ace_type, body);
        let other = other.map_err(|_| SddlError::at(self.text, start, "the bytes of an ACE of that type"))?;
        Ok(Ace { flags, kind: AceKind::Other(other) })
    }

    fn flags(&mut self) -> Result<AceFlags, SddlError> {
        let mut flags = 0;
        while let Some(flag) = self.word(ACE_FLAGS) {
            flags |= flag;
        }
        self.byte(b';', "an ACE flag (OI, CI, NP, IO, ID, CR, SA, FA, TP) or a semicolon")?;
        Ok(AceFlags(flags))
    }

    fn rights(&mut self) -> Result<AccessMask, SddlError> {
        let start = self.at;
        if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            let radix = if self.take("0x") || self.take("0X") { 16 } else { 10 };
            return self
                .number(radix)
                .map(AccessMask)
                .ok_or_else(|| SddlError::at(self.text, start, "rights of at most 32 bits"));
        }
        let mut mask = 0;
        while let Some(right) = self.word(RIGHTS).or_else(|| self.word(LABEL_RIGHTS)) {
            mask |= right;
        }
        Ok(AccessMask(mask))
    }

    /// A GUID or nothing, and the semicolon behind it.
    fn guid(&mut self) -> Result<Option<[u8; 16]>, SddlError> {
        const GROUPS: [&[usize]; 5] = [&[3, 2, 1, 0], &[5, 4], &[7, 6], &[8, 9], &[10, 11, 12, 13, 14, 15]];
        let mut guid = None;
        if self.peek() != Some(b';') {
            let mut bytes = [0; 16];
            for (at, group) in GROUPS.into_iter().enumerate() {
                if at > 0 {
                    self.byte(b'-', "a dash in a GUID")?;
                }
                for index in group {
                    bytes[*index] = self.hex_byte().ok_or_else(|| self.expected("a GUID or a semicolon"))?;
                }
            }
            guid = Some(bytes);
        }
        self.byte(b';', "a semicolon after the GUID")?;
        Ok(guid)
    }

    fn sid(&mut self) -> Result<Sid, SddlError> {
        if self.take("S-1-") || self.take("s-1-") {
            return self.numeric_sid();
        }
        let alias = self.text.get(self.at..self.at + 2).unwrap_or_default();
        if let Some(sid) = Sid::from_alias(alias) {
            self.at += 2;
            return Ok(sid);
        }
        let domain = well_known::is_domain_relative(alias);
        Err(self.expected(if domain {
            "a SID that needs no domain: Linux has none to put this alias under"
        } else {
            "a SID: S-1-… or a two-letter alias such as WD"
        }))
    }

    fn numeric_sid(&mut self) -> Result<Sid, SddlError> {
        let start = self.at;
        let authority = if self.take("0x") || self.take("0X") {
            // Twelve digits and no more: the D of a DACL may follow.
            self.digits(16, 12)
        } else {
            self.digits(10, usize::MAX).filter(|value| *value < 1 << 48)
        };
        let Some(authority) = authority else {
            return Err(SddlError::at(self.text, start, "an identifier authority below 2^48"));
        };
        let mut sub = [0; Sid::MAX_SUB_AUTHORITIES];
        let mut count = 0;
        while self.take("-") {
            let start = self.at;
            let value = self.number(10);
            let Some(place) = sub.get_mut(count) else {
                return Err(SddlError::at(self.text, start, "at most fifteen sub-authorities"));
            };
            *place = value.ok_or_else(|| SddlError::at(self.text, start, "a sub-authority below 2^32"))?;
            count += 1;
        }
        Sid::new(authority, &sub[..count]).ok_or_else(|| SddlError::at(self.text, start, "a SID"))
    }

    /// A number that fits the type; where there is none, the cursor may have moved.
    fn number<T: TryFrom<u64>>(&mut self, radix: u32) -> Option<T> {
        self.digits(radix, usize::MAX).and_then(|value| T::try_from(value).ok())
    }

    /// The number that the next digits say, of which there is at least one and `most` are read.
    fn digits(&mut self, radix: u32, most: usize) -> Option<u64> {
        let mut value = None;
        for _ in 0..most {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(radix)) else {
                break;
            };
            value = Some(value.unwrap_or(0u64).checked_mul(u64::from(radix))?.checked_add(u64::from(digit))?);
            self.at += 1;
        }
        value
    }

    fn hex_byte(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes().get(self.at..self.at + 2)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let byte = digit(bytes[0])? << 4 | digit(bytes[1])?;
        self.at += 2;
        Some(byte)
    }

    /// One of the words; the longest where one begins another.
    fn word<T: Copy>(&mut self, words: &[(&str, T)]) -> Option<T> {
        let rest = &self.text.as_bytes()[self.at..];
        let fitting = words.iter().filter(|(word, _)| rest.starts_with(word.as_bytes()));
        let (word, value) = fitting.max_by_key(|(word, _)| word.len())?;
        self.at += word.len();
        Some(*value)
    }

    fn take(&mut self, word: &str) -> bool {
        let there = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        self.at += if there { word.len() } else { 0 };
        there
    }

    fn byte(&mut self, byte: u8, expected: &'static str) -> Result<(), SddlError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, expected: &'static str) -> SddlError {
        SddlError::at(self.text, self.at, expected)
    }
}

/// The body of an object ACE ([MS-DTYP] 2.4.4.3): mask, flags, GUIDs, SID.
fn object_body(mask: AccessMask, guids: [Option<[u8; 16]>; 2], sid: Sid) -> Vec<u8> {
    let flags = guids[0].map_or(0, |_| ace::OBJECT_TYPE_PRESENT)
        | guids[1].map_or(0, |_| ace::INHERITED_OBJECT_TYPE_PRESENT);
    let mut body = Vec::with_capacity(40 + sid.binary_len());
    body.extend(mask.0.to_le_bytes());
    body.extend(flags.to_le_bytes());
    body.extend(guids.into_iter().flatten().flatten());
    sid.write_to(&mut body);
    body
}
