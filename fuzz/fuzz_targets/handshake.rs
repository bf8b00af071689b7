//! A pipe client's first words: whatever is taken for a handshake is the same when it is written again.
//! `src/named/handshake.rs` of `ennead-pipe` checks the same with every cut and every flipped bit of a good one.
#![no_main]

use ennead_pipe::named::handshake::Handshake;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Handshake::decode(bytes) {
        Ok(handshake) => assert_eq!(handshake.encode(), bytes),
        Err(reason) => assert!(!reason.to_string().is_empty()),
    }
});
