//! Names and the files that stand for them: one name, one file; a file name never leads out of its folder, and what
//! stands for a name comes back as one that is the same.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use ennead_namespace::{Case, Name};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for case in [Case::Folds, Case::Matters] {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        if let Ok(name) = Name::from_wide(&units) {
            let file_name = name.file_name(case);
            let file = file_name.as_bytes();
            assert!(!file.is_empty() && file.len() <= 200 && !file.starts_with(b"."));
            assert!(!file.iter().any(|byte| *byte == b'/' || byte.is_ascii_control()));
            match Name::from_file_name(&file_name, case) {
                Some(back) => {
                    assert!(back.is_same(&name, case));
                    assert_eq!(back.file_name(case), file_name);
                }
                None => assert!(file.starts_with(b"%h")),
            }
            let _ = name.to_string();
        }
        if let Some(name) = Name::from_file_name(OsStr::from_bytes(bytes), case) {
            assert_eq!(name.file_name(case).as_bytes(), bytes);
        }
    }
});
