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
