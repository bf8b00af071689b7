//! The self-relative form: whatever can be read is written and read again as the same, in binary and in SDDL.
//! The seeds are in `crates/ennead-security/tests/seeds`; `tests/forms.rs` there checks the same.
#![no_main]

use ennead_security::posix::{Meaning, Owners, Permissions, from_descriptor};
use ennead_security::{AccessMask, GenericMapping, SecurityDescriptor, Token, access_check};
use libfuzzer_sys::fuzz_target;

const MEANING: Meaning = Meaning { read: AccessMask::GENERIC_READ, write: AccessMask::GENERIC_WRITE };
const FILE: GenericMapping = GenericMapping::FILE;

fuzz_target!(|bytes: &[u8]| {
    let Ok(descriptor) = SecurityDescriptor::from_bytes(bytes) else { return };
    let canonical = descriptor.to_bytes();
    assert!(canonical.len() <= SecurityDescriptor::MAX_LEN);
    assert_eq!(SecurityDescriptor::from_bytes(&canonical).as_ref(), Ok(&descriptor));

    let mut back: SecurityDescriptor = descriptor.to_string().parse().expect("what is printed can be read");
    // SDDL keeps three control flags only.
    back.control = descriptor.control;
    assert_eq!(back, descriptor);

    // Short lists only: each named id is asked for against each entry.
    if bytes.len() < 4096 {
        never_grants_more(&descriptor);
    }
});

/// File permissions grant nothing that the descriptor does not.
fn never_grants_more(descriptor: &SecurityDescriptor) {
    let file = Owners { uid: 1000, gid: 1000 };
    let posix = from_descriptor(descriptor, file, MEANING, &FILE);
    let uids = posix.users.keys().copied().chain([file.uid, 0, 5]);
    let gids: Vec<u32> = posix.groups.keys().copied().chain([file.gid]).collect();
    for uid in uids.take(8) {
        for gids in [&gids[..], &gids[..1], &[]] {
            for (wanted, right) in [(4, MEANING.read), (2, MEANING.write)] {
                if posix.grants(file, uid, gids, Permissions::from_bits(wanted)) {
                    assert!(access_check(descriptor, &Token::unix(uid, gids), right, &FILE).is_ok());
                }
            }
        }
    }
}
