//! Random descriptors, drawn from few users and groups, so that their entries meet.
#![allow(dead_code, reason = "each test program uses its share")]

use ennead_security::*;
use proptest::prelude::*;

/// uids and gids that occur.
pub const IDS: std::ops::Range<u32> = 1000..1004;

pub fn any_sid() -> impl Strategy<Value = Sid> {
    let free = (0u64..1 << 48, prop::collection::vec(any::<u32>(), 0..=15));
    prop_oneof![
        sid(),
        free.prop_map(|(authority, sub)| Sid::new(authority, &sub).expect("both are in range")),
    ]
}

/// A SID that an entry might name.
pub fn sid() -> impl Strategy<Value = Sid> {
    let known = [
        Sid::WORLD,
        Sid::AUTHENTICATED_USERS,
        Sid::BUILTIN_ADMINISTRATORS,
        Sid::LOCAL_SYSTEM,
        Sid::OWNER_RIGHTS,
        Sid::CREATOR_OWNER,
        Sid::ANONYMOUS,
        Sid::INTERACTIVE,
        Sid::NETWORK,
        Sid::unix_user(u32::MAX),
    ];
    prop_oneof![
        3 => IDS.prop_map(Sid::unix_user),
        3 => IDS.prop_map(Sid::unix_group),
        3 => prop::sample::select(known.to_vec()),
    ]
}

pub fn mask() -> impl Strategy<Value = AccessMask> {
    let words = [
        AccessMask::GENERIC_ALL,
        AccessMask::GENERIC_READ,
        AccessMask::GENERIC_WRITE,
        AccessMask::FILE_READ_DATA,
        AccessMask::FILE_WRITE_DATA,
        AccessMask::FILE_ALL_ACCESS,
        AccessMask::SYNCHRONIZE,
        AccessMask::WRITE_DAC,
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()), 1 => any::<u32>().prop_map(AccessMask)]
}

fn other_ace() -> impl Strategy<Value = OtherAce> {
    let callback = (9u8..=10, mask(), sid(), 0usize..3).prop_map(|(ace_type, mask, sid, words)| {
        let mut body = mask.0.to_le_bytes().to_vec();
        sid.write_to(&mut body);
        body.extend(vec![0xAA; 4 * words]);
        (ace_type, body)
    });
    let object = (5u8..=8, mask(), sid(), 0u32..5).prop_map(|(ace_type, mask, sid, flags)| {
        let mut body = mask.0.to_le_bytes().to_vec();
        body.extend(flags.to_le_bytes());
        body.extend(vec![0x5A; 16 * (flags & 3).count_ones() as usize]);
        sid.write_to(&mut body);
        (ace_type, body)
    });
    let unknown = (0x20u8..0x30, 0usize..4).prop_map(|(ace_type, words)| (ace_type, vec![7; 4 * words]));
    prop_oneof![callback, object, unknown]
        .prop_map(|(ace_type, body)| OtherAce::new(ace_type, body).expect("well formed"))
}

pub fn ace() -> impl Strategy<Value = Ace> {
    let kind = prop_oneof![
        6 => (mask(), sid()).prop_map(|(mask, sid)| AceKind::Allow(mask, sid)),
        4 => (mask(), sid()).prop_map(|(mask, sid)| AceKind::Deny(mask, sid)),
        1 => (mask(), sid()).prop_map(|(mask, sid)| AceKind::Audit(mask, sid)),
        1 => (mask(), sid()).prop_map(|(mask, sid)| AceKind::MandatoryLabel(mask, sid)),
        1 => other_ace().prop_map(AceKind::Other),
    ];
    let flags = prop_oneof![5 => Just(0), 1 => any::<u8>()];
    (flags, kind).prop_map(|(flags, kind)| Ace { flags: AceFlags(flags), kind })
}

pub fn slot() -> impl Strategy<Value = AclSlot> {
    prop_oneof![
        1 => Just(AclSlot::Absent),
        1 => Just(AclSlot::Null),
        8 => prop::collection::vec(ace(), 0..7).prop_map(|aces| AclSlot::Present(Acl::new(aces).expect("few entries"))),
    ]
}

pub fn descriptor() -> impl Strategy<Value = SecurityDescriptor> {
    let kept = [0x0100, 0x0400, 0x1000, 0x0001, 0x2000];
    let control =
        prop::sample::subsequence(kept.to_vec(), 0..=5).prop_map(|bits| Control(bits.into_iter().sum()));
    let parts = (prop::option::of(any_sid()), prop::option::of(any_sid()), slot(), slot(), control);
    parts.prop_map(|(owner, group, dacl, sacl, control)| SecurityDescriptor {
        owner,
        group,
        dacl,
        sacl,
        control,
    })
}
