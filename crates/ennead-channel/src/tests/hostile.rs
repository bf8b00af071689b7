//! A peer that scribbles over the whole shared memory between every two operations, and resource accounting.

use std::sync::atomic::{AtomicBool, Ordering};

use ennead_sys::mapping::Mapping;

use super::*;

/// A victim's end, the peer's memory to scribble on, and the peer's end (which rings now and then).
fn victim(framing: Framing, as_server: bool) -> (Endpoint, Mapping, Endpoint) {
    let parameters = Parameters { framing, capacity_to_server: 4096, capacity_to_client: 8192 };
    let (client, parts) = create(&parameters).unwrap();
    let memory = Mapping::new(&parts.memory, 4096 * 4).unwrap();
    let server = Endpoint::accept(parts, &Limits::default()).unwrap();
    if as_server { (server, memory, client) } else { (client, memory, server) }
}

/// The numbers of a seed (splitmix64).
fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Some bytes random, some words nearly right: positions and frames that almost hold.
fn scribble(memory: &Mapping, random: &mut impl FnMut() -> u64) {
    for _ in 0..random() % 24 {
        let word = match random() % 4 {
            0 => random(),
            1 => random() % 20_000,
            2 => (random() % 2048) << 30,
            _ => (random() % 5000) | ((random() % 5000) << 32) | ((random() & 1) << 63),
        };
        let at = match random() % 3 {
            // The words that matter, the frames at the beginning, anywhere.
            0 => 1024 + 128 * (random() as usize % 12),
            1 => 4096 + 8 * (random() as usize % 64),
            _ => 8 * (random() as usize % (memory.len() / 8)),
        };
        memory.atomic_u64(at).store(word, Ordering::Relaxed);
    }
    if random().is_multiple_of(16) {
        let bytes: Vec<u8> = (0..memory.len()).map(|_| random() as u8).collect();
        memory.copy_in(0, &bytes);
    }
}

#[test]
fn a_scribbling_peer_causes_errors_only() {
    let mut random = numbers(7);
    let connections = std::env::var("ENNEAD_SCRIBBLES").ok().and_then(|n| n.parse().ok()).unwrap_or(3_000);
    let (mut violations, mut reads, mut writes) = (0, 0, 0);
    for connection in 0..connections {
        let framing = if connection % 3 == 0 { Framing::Bytes } else { Framing::Messages };
        let (end, memory, peer) = victim(framing, connection % 2 == 0);
        let mut buffer = vec![0; 20_000];
        for _ in 0..12 {
            if random().is_multiple_of(3) {
                let _ = peer.write(&buffer[..random() as usize % 3000], Wait::Never);
            }
            scribble(&memory, &mut random);
            let len = random() as usize % 6000;
            let mode = if random().is_multiple_of(2) { ReadMode::Byte } else { ReadMode::Message };
            match random() % 6 {
                0 => {
                    let outcome = end.read(&mut buffer[..len], mode, Wait::Never);
                    reads += usize::from(outcome.is_ok());
                    violations += usize::from(matches!(outcome, Err(ReadError::Violation(_))));
                    assert!(outcome.is_err() || outcome.unwrap().bytes <= len);
                }
                1 => {
                    let outcome = end.write(&buffer[..len], Wait::Until(Instant::now()));
                    writes += usize::from(outcome.is_ok());
                    violations += usize::from(matches!(outcome, Err(WriteError::Violation(_))));
                }
                2 => assert!(end.peek(&mut buffer[..len]).map_or(0, |peeked| peeked.copied) <= len),
                3 => drop(end.flush(Wait::Until(Instant::now()))),
                4 => drop(end.arm(Interest::Either(len))),
                _ => drop(end.read(&mut buffer[..len], mode, Wait::Until(Instant::now()))),
            }
        }
    }
    assert!(
        violations > 100 && reads > 100 && writes > 100,
        "{violations} violations, {reads} reads, {writes} writes"
    );
}

#[test]
fn a_scribbler_beside_us_causes_errors_only() {
    let stop = AtomicBool::new(false);
    for round in 0..40u8 {
        let framing = if round % 2 == 0 { Framing::Bytes } else { Framing::Messages };
        let (end, memory, peer) = victim(framing, round % 3 == 0);
        stop.store(false, Ordering::SeqCst);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = numbers(u64::from(round));
                while !stop.load(Ordering::Relaxed) {
                    scribble(&memory, &mut random);
                    let _ = peer.write(b"now and then", Wait::Never);
                }
            });
            let mut buffer = vec![0; 6000];
            for _ in 0..300 {
                let _ = end.read(&mut buffer, ReadMode::Message, Wait::Never);
                let _ = end.write(&buffer[..100], Wait::Never);
                let _ = end.peek(&mut buffer);
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn a_violation_poisons_this_end_and_tells_the_peer() {
    let (end, memory, peer) = victim(Framing::Messages, true);
    memory.atomic_u64(1024).store(1 << 60, Ordering::SeqCst);
    assert!(matches!(end.read(&mut [0; 9], ReadMode::Message, Wait::Forever), Err(ReadError::Violation(_))));
    assert!(matches!(end.write(b"x", Wait::Forever), Err(WriteError::Violation(_))));
    assert!(matches!(peer.read(&mut [0; 9], ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
}

#[test]
fn a_peer_that_never_stops_changing_something_does_not_put_a_deadline_off() {
    let (end, memory, peer) = victim(Framing::Messages, true);
    end.write(&[0; 8000], Wait::Never).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (stop, memory, peer) = (&stop, &memory, &peer);
        scope.spawn(move || {
            let mut word = 0;
            while !stop.load(Ordering::Relaxed) {
                // The peer's state, in bits that mean nothing; and the doorbell.
                word ^= 1 << 40;
                memory.atomic_u64(2048).store(word, Ordering::SeqCst);
                peer.ring();
            }
        });
        let soon = || Wait::Until(Instant::now() + Duration::from_millis(2));
        for _ in 0..20 {
            let read = end.read(&mut [0; 9], ReadMode::Message, soon());
            assert!(matches!(read, Err(ReadError::TimedOut)), "{read:?}");
            let write = end.write(&[0; 8000], soon());
            assert!(matches!(write, Err(WriteError::TimedOut { written: 0 })), "{write:?}");
            let flush = end.flush(soon());
            assert!(matches!(flush, Err(WriteError::TimedOut { .. })), "{flush:?}");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_ring_full_of_ends_of_messages_is_a_violation() {
    let (end, memory, _peer) = victim(Framing::Messages, true);
    for at in (4096..8192).step_by(8) {
        memory.atomic_u64(at).store(crate::frame::Frame::CUT.word(), Ordering::SeqCst);
    }
    memory.atomic_u64(1024).store(4096, Ordering::SeqCst);
    let read = end.read(&mut [0; 9], ReadMode::Byte, Wait::Never);
    assert!(matches!(read, Err(ReadError::Violation(_))), "{read:?}");
}
