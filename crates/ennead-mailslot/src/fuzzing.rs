//! What the fuzz targets reach that users do not.

use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;

use crate::ring::{RingReader, layout};

/// Reads a ring whose writer has put these bytes at the front of its memory file, as the server does, and alters the file with the rest of them
/// between the reads. Gives how many messages were read; never more than the ring holds, each within it.
pub fn hostile_ring(bytes: &[u8]) -> usize {
    const CAPACITY: u64 = 4096;
    let whole = layout::size(CAPACITY) as usize;
    let Ok(file) = memfd::create_sealed("fuzz", whole) else { return 0 };
    let Ok(memory) = Mapping::new(&file, whole) else { return 0 };
    layout::begin(&memory, CAPACITY);
    let front = bytes.len().min(whole);
    memory.copy_in(0, &bytes[..front]);
    let Ok((mapping, capacity)) = layout::open(&file, CAPACITY) else { return 0 };
    let mut ring = RingReader::new(mapping, capacity);
    let mut read = 0;
    let mut changes = bytes.chunks_exact(10);
    for _ in 0..4 {
        if ring.look().is_err() || ring.count().is_err() {
            return read;
        }
        while let Ok(Some(head)) = ring.head() {
            let mut message = vec![0; head.len as usize];
            ring.copy(&mut message);
            ring.advance(&head);
            read += 1;
            if let Some(change) = changes.next() {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % (whole - 8);
                memory.copy_in(at, &change[2..]);
            }
        }
    }
    read
}

/// Parses a writer's handshake and a slot's name.
pub fn words(bytes: &[u8]) {
    if let Ok(hello) = crate::handshake::Handshake::decode(bytes) {
        assert_eq!(hello.encode(), bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(name) = crate::name::SlotName::parse(text)
    {
        assert_eq!(crate::name::SlotName::parse(&name.to_string()), Ok(name));
    }
    if let Some(body) = bytes.first_chunk() {
        let decoded = crate::body::Body::decode(body);
        assert_eq!(crate::body::Body::decode(&decoded.encode()), decoded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The property of the fuzz target, over a few thousand pseudo-random writers.
    #[test]
    fn a_writer_that_scribbles_gives_whole_messages_or_nothing() {
        let mut state = 1u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let (mut rings, mut messages) = (0, 0);
        for _ in 0..if cfg!(miri) { 20 } else { 3000 } {
            let mut bytes = vec![0; 512 + 600];
            layout_front(&mut bytes);
            // Mostly small words in the places where a writer has words.
            for _ in 0..random() % 60 {
                let at = 8 * (64 + random() as usize % 75);
                let word = random() % if random() % 8 == 0 { u64::MAX } else { 64 };
                bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
            }
            bytes[128..136].copy_from_slice(&(random() % 75 * 8).to_le_bytes());
            if random() % 10 == 0 {
                bytes[random() as usize % 24] ^= 1;
            }
            let read = hostile_ring(&bytes);
            assert!(read <= 4 * 256);
            rings += usize::from(read > 0);
            messages += read;
            words(&bytes[..64 + random() as usize % 100]);
        }
        assert!(
            rings > 0 && messages > rings,
            "{rings} rings with {messages} messages: too hostile to be read"
        );
    }

    fn layout_front(bytes: &mut [u8]) {
        for (at, word) in [
            (layout::MAGIC_AT, layout::MAGIC),
            (layout::VERSION_AT, layout::VERSION),
            (layout::CAPACITY_AT, 4096),
        ] {
            bytes[at..at + 8].copy_from_slice(&word.to_ne_bytes());
        }
    }
}
