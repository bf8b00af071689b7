//! The binary form, SDDL, and the way between them: whatever goes in comes back.

mod random;

use ennead_security::*;
use proptest::prelude::*;

/// What the fuzz targets check too.
fn binary_is_canonical(bytes: &[u8]) {
    if let Ok(descriptor) = SecurityDescriptor::from_bytes(bytes) {
        let canonical = descriptor.to_bytes();
        assert!(canonical.len() <= SecurityDescriptor::MAX_LEN);
        assert_eq!(SecurityDescriptor::from_bytes(&canonical), Ok(descriptor.clone()));
        let text = descriptor.to_string();
        let mut back: SecurityDescriptor = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        // SDDL keeps three control flags only.
        back.control = descriptor.control;
        assert_eq!(back, descriptor, "{text}");
    }
}

fn sddl_is_canonical(text: &str) {
    match text.parse::<SecurityDescriptor>() {
        Ok(descriptor) => {
            assert_eq!(descriptor.to_string().parse(), Ok(descriptor.clone()));
            assert_eq!(SecurityDescriptor::from_bytes(&descriptor.to_bytes()), Ok(descriptor));
        }
        Err(error) => assert!(error.position <= text.len() && !error.to_string().is_empty()),
    }
}

proptest! {
    #[test]
    fn descriptors_come_back(descriptor in random::descriptor()) {
        binary_is_canonical(&descriptor.to_bytes());
        sddl_is_canonical(&descriptor.to_string());
    }

    #[test]
    fn broken_descriptors_break_nothing(descriptor in random::descriptor(), at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = descriptor.to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        binary_is_canonical(&bytes);
        binary_is_canonical(&bytes[..cut.index(bytes.len())]);
    }

    #[test]
    fn broken_sddl_breaks_nothing(descriptor in random::descriptor(), at in any::<prop::sample::Index>(), other in any::<char>()) {
        let mut text: Vec<char> = descriptor.to_string().chars().collect();
        if !text.is_empty() {
            let at = at.index(text.len());
            text[at] = other;
        }
        sddl_is_canonical(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_bytes_break_nothing(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[OGDSAU:();0-9xWDBA#-]{0,60}") {
        binary_is_canonical(&bytes);
        sddl_is_canonical(&text);
    }

    #[test]
    fn sids_come_back(sid in random::any_sid()) {
        prop_assert_eq!(Sid::from_prefix(&sid.to_bytes()), Ok(sid));
        prop_assert_eq!(sid.to_string().parse(), Ok(sid));
        if let Some(alias) = sid.alias() {
            prop_assert_eq!(Sid::from_alias(alias), Some(sid));
        }
    }
}

#[test]
fn the_seeds_of_the_fuzzer_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds");
    let mut seeds = 0;
    for entry in std::fs::read_dir(folder).expect("the seeds lie beside the tests") {
        let bytes = std::fs::read(entry.expect("a seed").path()).expect("a seed");
        binary_is_canonical(&bytes);
        sddl_is_canonical(&String::from_utf8_lossy(&bytes));
        seeds += 1;
    }
    assert!(seeds >= 10);
}

#[test]
fn the_documented_examples() {
    // Page "Security Descriptor String Format", without the aliases that stand beneath a domain.
    let one: SecurityDescriptor = "O:AOG:BAD:(A;;RPWPCCDCLCSWRCWDWOGA;;;S-1-0-0)".parse().unwrap();
    assert_eq!(one.owner, Some(Sid::BUILTIN_ACCOUNT_OPERATORS));
    assert_eq!(one.dacl.acl().unwrap().aces(), [Ace::allow(AccessMask(0x100E_003F), Sid::NULL)]);
    let two = "O:BAG:BAD:(A;;RPWPCCDCLCRCWOWDSDSW;;;SY)\n(OA;;CCDC;bf967aba-0de6-11d0-a285-00aa003049e2;;AO)S:(AU;SAFA;WDWOSDWPCCDCSW;;;WD)";
    let two: SecurityDescriptor = two.parse().unwrap();
    assert_eq!(two.control_word(), 0x8014);
    let [allow, object] = two.dacl.acl().unwrap().aces() else { panic!("two entries") };
    assert_eq!(allow.kind, AceKind::Allow(AccessMask(0xF003F), Sid::LOCAL_SYSTEM));
    assert_eq!((object.ace_type(), object.binary_len()), (5, 0x2C));
    let audit = &two.sacl.acl().unwrap().aces()[0];
    assert_eq!(
        (audit.flags.0, audit.kind.clone()),
        (0xC0, AceKind::Audit(AccessMask(0x000D_002B), Sid::WORLD))
    );
    assert!(two.to_string().contains("(OA;;CCDC;bf967aba-0de6-11d0-a285-00aa003049e2;;AO)"));
}

#[test]
fn bytes_that_windows_writes() {
    // O:SYG:SYD:(A;;FA;;;SY), by the layout of [MS-DTYP] 2.4.6.
    let mut bytes = vec![1, 0, 4, 0x80, 48, 0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    bytes.extend([
        2, 0, 28, 0, 1, 0, 0, 0, 0, 0, 20, 0, 0xFF, 1, 0x1F, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
    ]);
    bytes.extend([1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0]);
    let descriptor = SecurityDescriptor::from_bytes(&bytes).unwrap();
    assert_eq!(descriptor.to_string(), "O:SYG:SYD:(A;;FA;;;SY)");
    assert_eq!(descriptor.to_bytes(), bytes);
}

#[test]
fn rights_are_printed_as_windows_prints_them() {
    for (given, printed) in [
        ("RPWPCCDCLCSWRCWDWOGA", "CCDCLCSWRPWPRCWDWOGA"),
        ("0x1f01ff", "FA"),
        ("0xf003f", "KA"),
        ("KX", "KR"),
        ("GRGW", "GWGR"),
        ("0x100001", "0x100001"),
        ("", "0x0"),
    ] {
        let descriptor: SecurityDescriptor = format!("D:(A;;{given};;;WD)").parse().unwrap();
        assert_eq!(descriptor.to_string(), format!("D:(A;;{printed};;;WD)"));
    }
}

#[test]
fn null_and_empty_and_no_dacl() {
    let slot = |text: &str| text.parse::<SecurityDescriptor>().unwrap().dacl;
    assert_eq!(slot("O:SY"), AclSlot::Absent);
    assert_eq!(slot("D:NO_ACCESS_CONTROL"), AclSlot::Null);
    assert_eq!(slot("D:PNO_ACCESS_CONTROL"), AclSlot::Null);
    assert_eq!(slot("D:"), AclSlot::Present(Acl::EMPTY));
    assert_eq!(slot("D:PAI"), AclSlot::Present(Acl::EMPTY));
}

#[test]
fn a_hexadecimal_authority_ends_before_the_dacl() {
    let text = "O:S-1-0x0100000000ABD:(A;;FA;;;S-1-0xFFFFFFFFFFFF)";
    let descriptor: SecurityDescriptor = text.parse().unwrap();
    assert_eq!(descriptor.owner, Sid::new(0x0100_0000_00AB, &[]));
    assert_eq!(descriptor.to_string(), text);
    assert!("S-1-281474976710656".parse::<Sid>().is_err() && "S-1-281474976710655".parse::<Sid>().is_ok());
}

#[test]
fn sddl_errors_say_where_and_what() {
    for (text, position, expected) in [
        ("X:", 0, "O:, G:, D: or S:"),
        ("O:XX", 2, "two-letter alias"),
        ("O:DA", 2, "needs no domain"),
        ("O:SYO:SY", 4, "at most once"),
        ("D:(Q;;GA;;;WD)", 3, "ACE type"),
        ("D:(A;QQ;GA;;;WD)", 5, "ACE flag"),
        ("D:(A;;ZZ;;;WD)", 6, "semicolon after the rights"),
        ("D:(A;;0x100000000;;;WD)", 6, "32 bits"),
        ("D:(A;;GA;;;S-1-5-99999999999)", 17, "below 2^32"),
        ("D:(A;;GA;;;WD", 13, "closing parenthesis"),
        ("D:(A;;GA;bf967aba-0de6-11d0-a285-00aa003049e2;;WD)", 3, "no GUIDs"),
        ("D:(A;;GA;é", 9, "GUID"),
    ] {
        let error = text.parse::<SecurityDescriptor>().expect_err(text);
        assert_eq!(error.position, position, "{text}: {error}");
        assert!(error.expected.contains(expected), "{text}: {error}");
    }
    let long = "S-1-5".to_owned() + &"-1".repeat(16);
    assert!(long.parse::<Sid>().unwrap_err().expected.contains("fifteen"));
    let huge = format!("D:{}", "(A;;GA;;;WD)".repeat(10_000));
    assert!(huge.parse::<SecurityDescriptor>().unwrap_err().expected.contains("65532"));
}

#[test]
fn limits_hold_before_anything_is_set_aside() {
    let ace = Ace::allow(AccessMask::GENERIC_ALL, Sid::WORLD);
    assert_eq!(Acl::new(vec![ace; 4000]), Err(FormatError::AclTooLong));
    // A count of 65,535 in an ACL of eight bytes.
    assert_eq!(Acl::from_prefix(&[2, 0, 8, 0, 0xFF, 0xFF, 0, 0]), Err(FormatError::AclTooShort));
    let other = |kind, len| OtherAce::new(kind, vec![0; len]);
    assert!(other(0x20, OtherAce::MAX_BODY).is_ok());
    assert_eq!(other(0x20, OtherAce::MAX_BODY + 4), Err(FormatError::AceSize(OtherAce::MAX_BODY + 4)));
    assert_eq!(other(0x00, 12), Err(FormatError::AceType(0)));
    assert_eq!(other(0x05, 8), Err(FormatError::AceTooShort));
}

#[test]
fn the_constants_are_those_of_windows_sys() {
    use windows_sys::Win32::{Foundation::*, Security::*, Storage::FileSystem::*, System::SystemServices::*};
    let pairs = [
        (AccessMask::DELETE, DELETE),
        (AccessMask::READ_CONTROL, READ_CONTROL),
        (AccessMask::WRITE_DAC, WRITE_DAC),
        (AccessMask::WRITE_OWNER, WRITE_OWNER),
        (AccessMask::SYNCHRONIZE, SYNCHRONIZE),
        (AccessMask::GENERIC_READ, GENERIC_READ),
        (AccessMask::GENERIC_WRITE, GENERIC_WRITE),
        (AccessMask::GENERIC_EXECUTE, GENERIC_EXECUTE),
        (AccessMask::GENERIC_ALL, GENERIC_ALL),
        (AccessMask::STANDARD_REQUIRED, STANDARD_RIGHTS_REQUIRED),
        (AccessMask::STANDARD_ALL, STANDARD_RIGHTS_ALL),
        (AccessMask::SPECIFIC_ALL, SPECIFIC_RIGHTS_ALL),
        (AccessMask::FILE_READ_DATA, FILE_READ_DATA),
        (AccessMask::FILE_WRITE_DATA, FILE_WRITE_DATA),
        (AccessMask::FILE_CREATE_PIPE_INSTANCE, FILE_CREATE_PIPE_INSTANCE),
        (AccessMask::FILE_READ_ATTRIBUTES, FILE_READ_ATTRIBUTES),
        (AccessMask::FILE_WRITE_ATTRIBUTES, FILE_WRITE_ATTRIBUTES),
        (AccessMask::FILE_ALL_ACCESS, FILE_ALL_ACCESS),
        (AccessMask::FILE_GENERIC_READ, FILE_GENERIC_READ),
        (AccessMask::FILE_GENERIC_WRITE, FILE_GENERIC_WRITE),
        (AccessMask::FILE_GENERIC_EXECUTE, FILE_GENERIC_EXECUTE),
        (AccessMask::MAXIMUM_ALLOWED, MAXIMUM_ALLOWED),
        (AccessMask::ACCESS_SYSTEM_SECURITY, ACCESS_SYSTEM_SECURITY),
    ];
    pairs.iter().for_each(|(ours, theirs)| assert_eq!(ours.0, *theirs));
    assert_eq!(u32::from(Control::DACL_PROTECTED.0), u32::from(SE_DACL_PROTECTED));
    assert_eq!(u32::from(Control::SACL_AUTO_INHERITED.0), u32::from(SE_SACL_AUTO_INHERITED));
    assert_eq!(u32::from(AceFlags::INHERIT_ONLY.0), INHERIT_ONLY_ACE);
}
