//! The access check, and that file permissions never grant more.

mod random;

use ennead_security::posix::{Meaning, Owners, Permissions, PosixAcl, from_descriptor, to_descriptor};
use ennead_security::*;
use ennead_status::Win32Error;
use proptest::prelude::*;

const FILE: GenericMapping = GenericMapping::FILE;
const MEANING: Meaning = Meaning { read: AccessMask::GENERIC_READ, write: AccessMask::GENERIC_WRITE };

fn sd(text: &str) -> SecurityDescriptor {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn check(text: &str, token: &Token, desired: AccessMask) -> Result<AccessMask, AccessDenied> {
    access_check(&sd(text), token, desired, &FILE)
}

fn owners() -> impl Strategy<Value = Owners> {
    (random::IDS, random::IDS).prop_map(|(uid, gid)| Owners { uid, gid })
}

fn user() -> impl Strategy<Value = (u32, Vec<u32>)> {
    (random::IDS, prop::collection::vec(random::IDS, 0..4))
}

/// The loop of [MS-DTYP] 2.5.3.2 as it is written there, for a request without `MAXIMUM_ALLOWED`.
fn documented_loop(descriptor: &SecurityDescriptor, token: &Token, desired: AccessMask) -> bool {
    let mut remaining = FILE.map(desired);
    let AclSlot::Present(dacl) = &descriptor.dacl else {
        return !remaining.intersects(AccessMask::ACCESS_SYSTEM_SECURITY);
    };
    let speaks = |ace: &&Ace| !ace.flags.contains(AceFlags::INHERIT_ONLY);
    let plain = dacl.aces().iter().filter(speaks).filter_map(|ace| match &ace.kind {
        AceKind::Allow(mask, sid) => Some((true, FILE.map(*mask), *sid)),
        AceKind::Deny(mask, sid) => Some((false, FILE.map(*mask), *sid)),
        _ => None,
    });
    let owns = descriptor.owner.is_some_and(|owner| token.has(&owner));
    if owns && !plain.clone().any(|(_, _, sid)| sid == Sid::OWNER_RIGHTS) {
        remaining = remaining.without(AccessMask::READ_CONTROL | AccessMask::WRITE_DAC);
    }
    for (allows, mask, sid) in plain {
        if token.has(&sid) || sid == Sid::OWNER_RIGHTS && owns {
            if allows {
                remaining = remaining.without(mask.without(AccessMask::ACCESS_SYSTEM_SECURITY));
            } else if remaining.intersects(mask) {
                return false;
            }
        }
    }
    remaining.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn posix_never_grants_more(descriptor in random::descriptor(), file in owners(), (uid, gids) in user()) {
        let posix = from_descriptor(&descriptor, file, MEANING, &FILE);
        let token = Token::unix(uid, &gids);
        for bits in 1..8 {
            let wanted = Permissions::from_bits(bits);
            if posix.grants(file, uid, &gids, wanted) {
                prop_assert!(!wanted.execute);
                for (there, right) in [(wanted.read, MEANING.read), (wanted.write, MEANING.write)] {
                    prop_assert!(!there || access_check(&descriptor, &token, right, &FILE).is_ok(), "{descriptor} {posix:?}");
                }
            }
        }
        prop_assert!(!posix.users.contains_key(&file.uid) && !posix.groups.contains_key(&file.gid));
        prop_assert_eq!(posix.is_minimal(), PosixAcl::from_mode(posix.mode()) == posix);
    }

    #[test]
    fn file_permissions_read_back_say_the_same(
        users in prop::collection::btree_map(random::IDS, 0u32..8, 0..3),
        groups in prop::collection::btree_map(random::IDS, 0u32..8, 0..3),
        (mode, file, (uid, gids)) in (0u32..0o1000, owners(), user()),
    ) {
        let entries = |of: std::collections::BTreeMap<u32, u32>, own| {
            of.into_iter().filter(|(id, _)| *id != own).map(|(id, bits)| (id, Permissions::from_bits(bits))).collect()
        };
        let posix = PosixAcl { users: entries(users, file.uid), groups: entries(groups, file.gid), ..PosixAcl::from_mode(mode) };
        let descriptor = to_descriptor(&posix, file, MEANING, &FILE).unwrap();
        let token = Token::unix(uid, &gids);
        // Read and write share rights (READ_CONTROL, SYNCHRONIZE); what tells them apart is compared.
        for (bits, right) in [(4, AccessMask::FILE_READ_DATA), (2, AccessMask::FILE_WRITE_DATA)] {
            let kernel = posix.grants(file, uid, &gids, Permissions::from_bits(bits));
            prop_assert_eq!(access_check(&descriptor, &token, right, &FILE).is_ok(), kernel, "{} {:?}", descriptor, posix);
        }
    }

    #[test]
    fn one_walk_says_what_the_documented_loop_says(
        descriptor in random::descriptor(), (uid, gids) in user(), desired in random::mask(),
    ) {
        prop_assume!(descriptor.dacl.acl().is_none_or(|acl| acl.aces().iter().all(|ace| !matches!(ace.kind, AceKind::Other(_)))));
        let desired = desired.without(AccessMask::MAXIMUM_ALLOWED) & AccessMask(0xF11F_FFFF);
        let token = Token::unix(uid, &gids);
        let ours = access_check(&descriptor, &token, desired, &FILE).is_ok();
        prop_assert_eq!(ours, documented_loop(&descriptor, &token, desired), "{} {:?}", descriptor, desired);
    }

    #[test]
    fn the_maximum_is_what_each_right_is(descriptor in random::descriptor(), (uid, gids) in user()) {
        let token = Token::unix(uid, &gids);
        let maximum = access_check(&descriptor, &token, AccessMask::MAXIMUM_ALLOWED, &FILE).unwrap_or_default();
        for bit in (0..21).map(|bit| AccessMask(1 << bit)).filter(|bit| FILE.all.contains(*bit)) {
            prop_assert_eq!(maximum.contains(bit), access_check(&descriptor, &token, bit, &FILE).is_ok());
        }
    }

    #[test]
    fn restricting_sids_only_take_away(descriptor in random::descriptor(), (uid, gids) in user(), sid in random::sid()) {
        let mut token = Token::unix(uid, &gids);
        let free = granted_rights(&descriptor, &token, &FILE);
        token.restricted.push(sid);
        prop_assert!(free.contains(granted_rights(&descriptor, &token, &FILE)));
    }
}

#[test]
fn null_dacl_grants_all_and_empty_dacl_nothing() {
    let stranger = Token::unix(1, &[1]);
    assert!(check("O:SY", &stranger, AccessMask::GENERIC_ALL).is_ok());
    assert_eq!(check("D:NO_ACCESS_CONTROL", &stranger, AccessMask::MAXIMUM_ALLOWED), Ok(FILE.all));
    let denied = check("O:SYD:", &stranger, AccessMask::FILE_READ_DATA).unwrap_err();
    assert_eq!(denied.win32(), Win32Error::ACCESS_DENIED);
    assert!(check("O:SYD:", &stranger, AccessMask::MAXIMUM_ALLOWED).is_err());
}

#[test]
fn the_owner_may_always_read_and_change_the_dacl() {
    let owner = Token::unix(7, &[]);
    let implicit = AccessMask::READ_CONTROL | AccessMask::WRITE_DAC;
    assert_eq!(check("O:S-1-22-1-7D:(D;;GA;;;WD)", &owner, AccessMask::MAXIMUM_ALLOWED), Ok(implicit));
    assert!(check("O:S-1-22-1-7D:(D;;GA;;;WD)", &Token::unix(8, &[]), implicit).is_err());
    // OWNER_RIGHTS takes their place.
    let replaced = check("O:S-1-22-1-7D:(A;;RC;;;OW)", &owner, AccessMask::MAXIMUM_ALLOWED);
    assert_eq!(replaced, Ok(AccessMask::READ_CONTROL));
}

#[test]
fn order_decides() {
    let staff = Token::unix(7, &[20]);
    assert!(check("D:(D;;FR;;;S-1-22-2-20)(A;;FA;;;WD)", &staff, AccessMask::FILE_READ_DATA).is_err());
    assert!(check("D:(A;;FA;;;WD)(D;;FR;;;S-1-22-2-20)", &staff, AccessMask::FILE_READ_DATA).is_ok());
    assert!(check("D:(D;IO;FR;;;S-1-22-2-20)(A;;FA;;;WD)", &staff, AccessMask::FILE_READ_DATA).is_ok());
}

#[test]
fn tokens_that_are_less_than_a_user() {
    let read = AccessMask::FILE_READ_DATA;
    assert!(check("D:(A;;FA;;;WD)", &Token::anonymous(), read).is_err());
    assert!(check("D:(A;;FA;;;AN)", &Token::anonymous(), read).is_ok());
    let mut token = Token::unix(7, &[20]);
    token.level = ImpersonationLevel::Anonymous;
    let refused = check("D:(A;;FA;;;WD)", &token, read).unwrap_err();
    assert_eq!(refused.win32(), Win32Error::BAD_IMPERSONATION_LEVEL);
    token.level = ImpersonationLevel::Identification;
    assert!(check("D:(A;;FA;;;WD)", &token, read).is_ok());
    token.groups[0].deny_only = true;
    assert!(check("D:(A;;FA;;;S-1-22-2-20)", &token, read).is_err());
    assert!(check("D:(D;;FA;;;S-1-22-2-20)(A;;FA;;;WD)", &token, read).is_err());
    token.restricted = vec![Sid::RESTRICTED_CODE];
    assert!(check("D:(A;;FA;;;WD)", &token, read).is_err());
    assert!(check("D:(A;;FA;;;WD)(A;;FR;;;RC)", &token, read).is_ok());
}

#[test]
fn privileges() {
    let sacl = AccessMask::ACCESS_SYSTEM_SECURITY;
    let user = check("D:(A;;0x11f01ff;;;WD)", &Token::unix(7, &[]), sacl).unwrap_err();
    assert_eq!(user.win32(), Win32Error::PRIVILEGE_NOT_HELD);
    assert_eq!(
        check("D:", &Token::unix(0, &[]), sacl | AccessMask::WRITE_OWNER),
        Ok(sacl | AccessMask::WRITE_OWNER)
    );
}

#[test]
fn entries_for_object_types_and_conditions() {
    let (user, read) = (Token::unix(7, &[]), AccessMask::FILE_READ_DATA);
    let guid = "bf967aba-0de6-11d0-a285-00aa003049e2";
    assert!(check(&format!("D:(OA;;FA;{guid};;WD)"), &user, read).is_err(), "no object types are passed");
    assert!(check(&format!("D:(OA;;FA;;{guid};WD)"), &user, read).is_ok(), "it only says who inherits");
    assert!(check(&format!("D:(OD;;FA;{guid};;WD)(A;;FA;;;WD)"), &user, read).is_err());
    let condition =
        |ace_type| format!("D:({ace_type};;#ff011f00010100000000000100000000)(A;;FR;;;S-1-22-1-7)");
    assert!(check(&condition("0x0a"), &user, read).is_err(), "a denial that may hold");
    assert!(
        check(&condition("0x09"), &user, AccessMask::FILE_WRITE_DATA).is_err(),
        "a permission that may not"
    );
}

#[test]
fn what_a_mode_can_say_is_said_exactly() {
    let file = Owners { uid: 1000, gid: 100 };
    let mode = |text: &str| {
        let posix = from_descriptor(&sd(text), file, MEANING, &FILE);
        assert!(posix.is_minimal(), "{text}: {posix:?}");
        posix.mode()
    };
    assert_eq!(mode("D:(A;;GA;;;S-1-22-1-1000)"), 0o600);
    assert_eq!(mode("D:(A;;GA;;;S-1-22-1-1000)(A;;GR;;;S-1-22-2-100)"), 0o640);
    assert_eq!(mode("D:(A;;GA;;;WD)"), 0o666);
    assert_eq!(mode("D:NO_ACCESS_CONTROL"), 0o666);
    assert_eq!(mode("D:"), 0);
    assert_eq!(mode("D:(A;;GA;;;AU)"), 0o666);
    assert_eq!(mode("D:(A;;GA;;;IU)"), 0, "no uid is known to be interactive");
    assert_eq!(
        mode("D:(D;;GW;;;IU)(A;;GR;;;WD)"),
        0,
        "GW and GR share rights, and anybody might be interactive"
    );
    assert_eq!(mode("D:(D;;GA;;;AN)(A;;GA;;;WD)"), 0o666, "no uid is anonymous");
}

#[test]
fn denials_tighten() {
    let file = Owners { uid: 1000, gid: 100 };
    let text = "D:(D;;GA;;;S-1-22-2-200)(A;;GA;;;WD)";
    let posix = from_descriptor(&sd(text), file, MEANING, &FILE);
    assert_eq!((posix.mode() & 0o7, posix.groups[&200]), (6, Permissions::NONE));
    assert_eq!(posix.owner, Permissions::NONE, "the owner might be in the group");
    let posix = from_descriptor(&sd("D:(D;;GA;;;S-1-22-1-5)(A;;GA;;;WD)"), file, MEANING, &FILE);
    assert_eq!((posix.users[&5], posix.mode()), (Permissions::NONE, 0o666));
}
