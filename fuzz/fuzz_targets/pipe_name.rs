//! Names of pipes: whatever is taken for one reads back as itself, and has a file name in the namespace.
#![no_main]

use ennead_namespace::{Kind, Name};
use ennead_pipe::named::PipeName;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match PipeName::parse(text) {
        Ok(name) => {
            // Its own computer's name is printed as a dot.
            let again = PipeName::parse(&name.to_string());
            assert!(again.as_ref() == Ok(&name) || text.starts_with(r"\\?\") || again.is_err(), "{name:?}");
            let _ = (name.is_local(), name.is_documented());
            let entry = Name::new(name.as_str()).expect("a pipe's name is a name");
            assert!(entry.file_name(Kind::PIPE.case()).len() <= 255);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
