//! SDDL: whatever can be read is printed and read again as the same; what cannot be read is refused where it stops being SDDL.
//! The seeds are in `crates/ennead-security/tests/seeds`; `tests/forms.rs` there checks the same.
#![no_main]

use ennead_security::{SecurityDescriptor, Sid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(sid) = text.parse::<Sid>() {
        assert_eq!(sid.to_string().parse().as_ref(), Ok(&sid));
    }
    match text.parse::<SecurityDescriptor>() {
        Ok(descriptor) => {
            assert_eq!(descriptor.to_string().parse().as_ref(), Ok(&descriptor));
            assert_eq!(SecurityDescriptor::from_bytes(&descriptor.to_bytes()).as_ref(), Ok(&descriptor));
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.position));
            assert!(!error.to_string().is_empty());
        }
    }
});
