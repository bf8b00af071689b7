use super::*;
use crate::{Arming, Interest};

#[test]
fn a_message_larger_than_the_ring_goes_in_parts() {
    let (client, server) = connect(Framing::Messages, 4096);
    let message = pattern(100_000, 3);
    let (mut written, mut received) = (0, Vec::new());
    let mut buffer = [0; 1500];
    let mut parts = 0;
    loop {
        match client.write_part(&message, &mut written) {
            Ok(()) => break,
            Err(WriteError::WouldBlock) => parts += 1,
            Err(error) => panic!("{error}"),
        }
        assert!(
            matches!(client.write(b"between", Wait::Never), Err(WriteError::WouldBlock)),
            "it has the turn"
        );
        while client.arm(Interest::Writable(message.len() - written)) == Arming::Armed {
            let taken = server.read(&mut buffer, ReadMode::Message, Wait::Never).unwrap();
            received.extend_from_slice(&buffer[..taken.bytes]);
            assert!(taken.left_in_message > 0);
        }
    }
    assert!(parts > 10 && written == message.len());
    loop {
        let taken = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
        received.extend_from_slice(&buffer[..taken.bytes]);
        if taken.left_in_message == 0 {
            break;
        }
    }
    assert_eq!(received, message);
    assert_eq!(client.write(b"after", Wait::Never).unwrap(), 5, "the turn was given back");
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 5);
}

#[test]
fn a_message_in_parts_that_is_given_up_ends_there() {
    let (client, server) = connect(Framing::Messages, 4096);
    let mut written = 0;
    let message = pattern(10_000, 1);
    assert!(matches!(client.write_part(&message, &mut written), Err(WriteError::WouldBlock)));
    assert!(written > 0);
    client.abandon_part();
    let mut buffer = vec![0; 10_000];
    let taken = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((taken.bytes, taken.left_in_message), (written, 0));
    assert_eq!(buffer[..written], message[..written]);
    client.write(b"next", Wait::Never).unwrap();
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 4);
}

#[test]
fn small_messages_and_bytes_go_in_parts_too() {
    let (client, server) = connect(Framing::Messages, 4096);
    let mut written = 0;
    client.write_part(b"", &mut written).unwrap();
    client.write_part(b"abc", &mut written).unwrap();
    assert_eq!(written, 3);
    let mut buffer = [0; 8192];
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Never).unwrap().bytes, 0);
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Never).unwrap().bytes, 3);

    let (client, server) = connect(Framing::Bytes, 4096);
    let bytes = pattern(6000, 0);
    let mut written = 0;
    assert!(matches!(client.write_part(&bytes, &mut written), Err(WriteError::WouldBlock)));
    assert_eq!(written, 4096);
    assert_eq!(server.read(&mut buffer, ReadMode::Byte, Wait::Never).unwrap().bytes, 4096);
    client.write_part(&bytes, &mut written).unwrap();
    assert_eq!(written, 6000);
}

#[test]
fn a_part_of_a_message_that_finds_no_room_begins_nothing() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.write(&pattern(4000, 0), Wait::Never).unwrap();
    let mut written = 0;
    assert!(matches!(client.write_part(&pattern(9000, 0), &mut written), Err(WriteError::WouldBlock)));
    assert_eq!(written, 0);
    let mut buffer = [0; 4096];
    server.read(&mut buffer, ReadMode::Message, Wait::Never).unwrap();
    assert_eq!(client.write(b"x", Wait::Never).unwrap(), 1, "nobody has the turn");
}
