//! The first bytes of an entry's file: a header whose parts lie inside the file, or an error that can be shown.
//! The seed is in `crates/ennead-namespace/tests/seeds`; `src/header/tests.rs` there checks the same.
#![no_main]

use ennead_namespace::header::Header;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((bytes, size)) = bytes.split_last_chunk::<8>() else { return };
    let size = u64::from_le_bytes(*size);
    match Header::decode(bytes, size) {
        Ok(header) => {
            assert!(header.body.0.checked_add(header.body.1).is_some_and(|end| end <= size));
            for (at, len) in [header.name, header.descriptor] {
                assert!(u64::from(at) + u64::from(len) <= size);
            }
            assert_eq!(header.encode()[20..], bytes[20..128]);
        }
        Err(error) => assert!(error.to_string().is_ascii()),
    }
});
