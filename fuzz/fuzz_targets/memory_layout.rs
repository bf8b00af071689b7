//! What a user says that memory means, and values for it: what is read back from what was written is the same text again.
#![no_main]

use ennead_mapping::inspect::{Layout, hex, unsigned};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], Vec<&str>)| {
    let (text, bytes, values) = input;
    let _ = (hex(text), unsigned(text));
    let Ok(layout) = Layout::parse(text) else { return };
    assert!(layout.len() > 0);
    for value in layout.read(bytes) {
        assert!(!value.to_string().is_empty());
    }
    if let Ok(written) = layout.write(&values) {
        assert_eq!(written.len(), layout.len());
        assert_eq!(layout.read(&written).len(), values.len());
    }
});
