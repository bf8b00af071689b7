//! A mailslot's writer that puts anything into its memory file, and alters it between any two of the reader's steps: only whole
//! messages within the ring, or the end; and a writer's first words, a slot's name and its entry, which survive being written again.
#![no_main]

use ennead_mailslot::fuzzing::{hostile_ring, words};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Four looks at a ring of 4,096 bytes, and the smallest message takes 16.
    assert!(hostile_ring(bytes) <= 4 * 256);
    words(bytes);
});
