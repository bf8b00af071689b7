//! The ring between two honest sides, and with a writer that scribbles.

use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;

use super::layout::{CLOSED, CURSOR, RETIRED, RING, SLEEPS, TAIL, open, size};
use super::*;

fn ring(capacity: u64) -> (RingWriter<Mapping>, RingReader<Mapping>, Mapping) {
    let whole = size(capacity) as usize;
    let file = memfd::create_sealed("ring-test", whole).unwrap();
    let writer = RingWriter::begin(Mapping::new(&file, whole).unwrap(), capacity);
    let (mapping, capacity) = open(&file, capacity).unwrap();
    (writer, RingReader::new(mapping, capacity), Mapping::new(&file, whole).unwrap())
}

fn take(reader: &mut RingReader<Mapping>) -> Option<Vec<u8>> {
    let head = match reader.head().unwrap() {
        Some(head) => head,
        None => {
            reader.look().unwrap();
            reader.head().unwrap()?
        }
    };
    let mut message = vec![0; head.len as usize];
    reader.copy(&mut message);
    reader.advance(&head);
    Some(message)
}

#[test]
fn messages_of_every_length_go_round_and_round() {
    let (mut writer, mut reader, _) = ring(4096);
    let mut sent = std::collections::VecDeque::new();
    let mut next = 0usize;
    let mut received = 0;
    while received < 5000 {
        let message: Vec<u8> = (0..(next * 37) % 700).map(|n| (n + next) as u8).collect();
        match writer.push(next as u64, &message) {
            Ok(rung) => {
                assert!(!rung);
                sent.push_back(message);
                next += 1;
            }
            Err(PushError::NoRoom) => {
                assert!(reader.look().unwrap());
                assert_eq!(reader.count().unwrap() as usize, sent.len());
                for _ in 0..=received % 3 {
                    if let Some(expected) = sent.pop_front() {
                        assert_eq!(reader.head().unwrap().unwrap().stamp, received as u64);
                        assert_eq!(take(&mut reader).unwrap(), expected);
                        received += 1;
                    }
                }
                assert_eq!(reader.count().unwrap() as usize, sent.len());
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_ring_takes_a_message_that_fits_exactly() {
    let (mut writer, mut reader, _) = ring(4096);
    assert_eq!(writer.push(1, &[7; 4081]), Err(PushError::NoRoom));
    writer.push(1, &[7; 4080]).unwrap();
    assert_eq!(writer.push(2, &[]), Err(PushError::NoRoom));
    assert_eq!(writer.unread(), Ok(4096));
    assert_eq!(take(&mut reader).unwrap(), [7; 4080]);
    assert_eq!(writer.unread(), Ok(0));
    writer.push(2, &[]).unwrap();
    assert_eq!(take(&mut reader).unwrap(), []);
    assert_eq!(take(&mut reader), None);
}

#[test]
fn a_sleeping_reader_is_rung_once() {
    let (mut writer, mut reader, _) = ring(4096);
    assert_eq!(writer.push(1, b"a"), Ok(false));
    reader.announce();
    assert_eq!(writer.push(2, b"b"), Ok(true));
    assert_eq!(writer.push(3, b"c"), Ok(false));
    reader.announce();
    reader.wake();
    assert_eq!(writer.push(4, b"d"), Ok(false));
    assert!(reader.look().unwrap());
    assert_eq!(reader.count(), Ok(4));
}

#[test]
fn what_was_committed_before_the_close_is_read_and_nothing_else() {
    for (mark, error) in
        [(CLOSED, PushError::Closed), (RETIRED, PushError::Retired), (CLOSED | RETIRED, PushError::Closed)]
    {
        let (mut writer, mut reader, _) = ring(4096);
        writer.push(1, b"before").unwrap();
        reader.close(mark);
        assert_eq!(writer.push(2, b"after"), Err(error));
        assert_eq!(writer.push(3, &[0; 4097]), Err(error));
        assert_eq!(take(&mut reader).unwrap(), b"before");
        assert_eq!(take(&mut reader), None);
    }
}

#[test]
fn a_writer_that_scribbles_is_found_out() {
    for tail in [4, 9 * 8 + 4, 4096 + 8, u64::MAX - 7] {
        let (_, mut reader, memory) = ring(4096);
        memory.store(TAIL, tail);
        assert!(reader.look().is_err(), "{tail}");
    }
    for len in [17, 64, 4080, u64::from(u32::MAX), u64::MAX - 20, u64::MAX] {
        let (mut writer, mut reader, memory) = ring(4096);
        writer.push(1, &[0; 16]).unwrap();
        memory.store(RING, len);
        assert!(reader.look().unwrap());
        assert!(reader.head().is_err() && reader.count().is_err(), "{len}");
    }
    let (mut writer, mut reader, memory) = ring(4096);
    writer.push(1, b"x").unwrap();
    assert!(reader.look().unwrap());
    memory.store(TAIL, 0);
    assert!(reader.look().is_err(), "a tail does not go back");
}

#[test]
fn frames_altered_after_they_were_counted_harm_only_the_count() {
    let (mut writer, mut reader, memory) = ring(4096);
    for _ in 0..10 {
        writer.push(1, &[0; 8]).unwrap();
    }
    assert!(reader.look().unwrap());
    assert_eq!(reader.count(), Ok(10));
    memory.store(RING, 8 + 24 * 2);
    assert_eq!(take(&mut reader).unwrap().len(), 56);
    assert!(reader.count().unwrap() <= 10);
    while take(&mut reader).is_some() {}
    writer.push(1, &[]).unwrap();
    assert!(reader.look().unwrap());
    assert!(reader.count().unwrap() <= 10);
}

#[test]
fn a_reader_that_scribbles_is_found_out() {
    for cursor in [24, 8, u64::MAX] {
        let (mut writer, _, memory) = ring(4096);
        memory.store(CURSOR, 16);
        writer.push(1, &[]).unwrap();
        assert_eq!(writer.unread(), Ok(0));
        memory.store(CURSOR, cursor);
        assert_eq!(writer.unread(), Err(PushError::Violation), "{cursor}");
    }
    let (mut writer, _, memory) = ring(4096);
    memory.store(SLEEPS, u64::MAX);
    assert_eq!(writer.push(1, &[]), Ok(false), "nobody is rung for a word that nobody writes");
}
