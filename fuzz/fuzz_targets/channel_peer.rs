//! A peer that scribbles over a channel's whole memory between every two operations: errors only, no panic, no access outside, no hang. The crate's
//! `src/tests/hostile.rs` does the same with seeded random numbers.
#![no_main]

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use ennead_channel::{Endpoint, Framing, Interest, Limits, Parameters, ReadMode, Wait, create};
use ennead_sys::mapping::Mapping;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, steps)) = bytes.split_first() else { return };
    let framing = if first & 1 == 0 { Framing::Bytes } else { Framing::Messages };
    let parameters = Parameters { framing, capacity_to_server: 4096, capacity_to_client: 4096 };
    let Ok((_peer, parts)) = create(&parameters) else { return };
    let memory = Mapping::new(parts.as_fds()[0], 3 * 4096).expect("the channel's own memory");
    let end = Endpoint::accept(parts, &Limits::default()).expect("an untouched channel");
    let mut buffer = [0; 6000];
    // A step: what to do, with how many bytes, and one word to scribble, somewhere.
    for step in steps.chunks_exact(13) {
        let [what, len, len_high, at, at_high, word @ ..] = step else { return };
        let at = usize::from(u16::from_le_bytes([*at, *at_high])) * 8 % memory.len();
        memory.atomic_u64(at).store(u64::from_le_bytes(word.try_into().expect("8 bytes")), Relaxed);
        let len = usize::from(u16::from_le_bytes([*len, *len_high])) % buffer.len();
        match what % 6 {
            0 => drop(end.read(&mut buffer[..len], ReadMode::Message, Wait::Never)),
            1 => drop(end.read(&mut buffer[..len], ReadMode::Byte, Wait::Never)),
            2 => drop(end.write(&buffer[..len], Wait::Until(Instant::now()))),
            3 => drop(end.peek(&mut buffer[..len])),
            4 => drop(end.flush(Wait::Never)),
            _ => drop(end.arm(Interest::Either(len))),
        }
    }
});
