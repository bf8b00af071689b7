//! The body of a pipe's entry, which its servers write: traits that hold together, or an error; and records of any kind.
#![no_main]

use ennead_pipe::named::fuzzing::entry_body;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match entry_body(bytes) {
    Ok((traits, records)) => {
        assert!((1..=255).contains(&traits.max_instances));
        assert!(records <= 256);
    }
    Err(text) => assert!(!text.is_empty()),
});
