//! The header of shared memory, which its co-writers may spoil: parts that lie within it, or an error.
#![no_main]

use ennead_mapping::layout::{GRANULARITY, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &[u8])| {
    let (total, bytes) = input;
    match Header::decode(bytes, total) {
        Ok(header) => {
            assert!(header.size > 0);
            if header.file.is_none() {
                assert!(header.data % GRANULARITY == 0 && header.data > 0);
                assert!(header.data.checked_add(header.size).is_some_and(|end| end <= total));
                assert!(header.bitmap.0.checked_add(header.bitmap.1).is_some_and(|end| end <= header.data));
            } else {
                assert!(u64::from(header.path.0) + u64::from(header.path.1) <= total);
            }
            assert_eq!(Header::decode(&header.encode(), total), Ok(header));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
