use super::*;

#[test]
fn messages_keep_their_boundaries() {
    let (client, server) = connect(Framing::Messages, 4096);
    for (at, len) in [0usize, 1, 7, 8, 9, 100, 4088, 0, 3].into_iter().enumerate() {
        let message = pattern(len, at);
        assert_eq!(client.write(&message, Wait::Forever).unwrap(), len);
        let mut buffer = vec![0xaa; 5000];
        let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
        assert_eq!((received.bytes, received.left_in_message), (len, 0));
        assert_eq!(&buffer[..len], &message);
    }
}

#[test]
fn a_short_buffer_takes_a_part_and_the_next_read_goes_on() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.write(b"hello world", Wait::Forever).unwrap();
    client.write(b"", Wait::Forever).unwrap();
    client.write(b"x", Wait::Forever).unwrap();
    let mut buffer = [0; 5];
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((&buffer[..], received.left_in_message), (&b"hello"[..], 6));
    let peeked = server.peek(&mut buffer).unwrap();
    assert_eq!(
        (&buffer[..], peeked.copied, peeked.total_available, peeked.left_in_message),
        (&b" worl"[..], 5, 7, 1)
    );
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((&buffer[..], received.left_in_message), (&b" worl"[..], 1));
    let received = server.read(&mut [0; 0], ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((received.bytes, received.left_in_message), (0, 1));
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((received.bytes, received.left_in_message, buffer[0]), (1, 0, b'd'));
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((received.bytes, received.left_in_message), (0, 0), "the empty message");
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((received.bytes, buffer[0]), (1, b'x'));
    assert!(matches!(server.read(&mut buffer, ReadMode::Message, Wait::Never), Err(ReadError::WouldBlock)));
}

#[test]
fn byte_mode_reads_across_messages() {
    let (client, server) = connect(Framing::Messages, 4096);
    for part in [&b"abc"[..], b"defgh", b"", b"ij"] {
        client.write(part, Wait::Forever).unwrap();
    }
    let mut buffer = [0; 6];
    assert_eq!(server.read(&mut buffer, ReadMode::Byte, Wait::Forever).unwrap().bytes, 6);
    assert_eq!(&buffer, b"abcdef");
    assert_eq!(server.read(&mut buffer, ReadMode::Byte, Wait::Forever).unwrap().bytes, 2);
    assert_eq!(
        server.read(&mut buffer, ReadMode::Byte, Wait::Forever).unwrap().bytes,
        0,
        "the empty message"
    );
    assert_eq!(server.read(&mut buffer, ReadMode::Byte, Wait::Forever).unwrap().bytes, 2);
    assert_eq!(&buffer[..2], b"ij");
}

#[test]
fn what_is_larger_than_the_ring_streams_both_ways_at_once() {
    for framing in [Framing::Bytes, Framing::Messages] {
        let (client, server) = connect(framing, 4096);
        let (up, down) = (pattern(1_000_003, 1), pattern(777_777, 2));
        let reader = |end: &Endpoint, expected: &[u8]| {
            let mut got = Vec::new();
            let mut buffer = vec![0; 10_000];
            while got.len() < expected.len() {
                let received = end.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
                got.extend_from_slice(&buffer[..received.bytes]);
                if framing == Framing::Messages {
                    assert_eq!(received.left_in_message, expected.len() - got.len());
                }
            }
            assert!(got == expected);
        };
        std::thread::scope(|scope| {
            scope.spawn(|| client.write(&up, Wait::Forever).unwrap());
            scope.spawn(|| server.write(&down, Wait::Forever).unwrap());
            scope.spawn(|| reader(&server, &up));
            scope.spawn(|| reader(&client, &down));
        });
    }
}

#[test]
fn what_was_written_stays_readable_after_a_close() {
    for framing in [Framing::Bytes, Framing::Messages] {
        let (client, server) = connect(framing, 4096);
        client.write(b"last words", Wait::Forever).unwrap();
        drop(client);
        let mut buffer = [0; 64];
        assert_eq!(server.peek(&mut buffer).unwrap().total_available, 10);
        assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 10);
        assert!(matches!(server.read(&mut buffer, ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
        assert!(matches!(server.peek(&mut buffer), Err(ReadError::Ended)));
        assert!(matches!(server.write(b"x", Wait::Forever), Err(WriteError::Ended { written: 0 })));
    }
}

#[test]
fn what_was_written_before_the_accept_is_kept_even_if_the_writer_is_gone() {
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: 4096, capacity_to_client: 4096 };
    let (client, parts) = create(&parameters).unwrap();
    client.write(b"early", Wait::Forever).unwrap();
    drop(client);
    let server = Endpoint::accept(parts, &Limits::default()).unwrap();
    assert_eq!(server.read(&mut [0; 64], ReadMode::Message, Wait::Forever).unwrap().bytes, 5);
    assert!(matches!(server.read(&mut [0; 64], ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
}

#[test]
fn a_half_close_ends_one_direction_only() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.write(b"question", Wait::Forever).unwrap();
    client.shutdown_write();
    assert!(matches!(client.write(b"x", Wait::Forever), Err(WriteError::Closed)));
    assert_eq!(server.read(&mut [0; 64], ReadMode::Message, Wait::Forever).unwrap().bytes, 8);
    assert!(matches!(server.read(&mut [0; 64], ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
    server.write(b"answer", Wait::Forever).unwrap();
    assert_eq!(client.read(&mut [0; 64], ReadMode::Message, Wait::Forever).unwrap().bytes, 6);
}

#[test]
fn a_disconnect_discards_at_both_ends_and_wakes_everybody() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.write(b"unread", Wait::Forever).unwrap();
    std::thread::scope(|scope| {
        let blocked = scope.spawn(|| client.read(&mut [0; 64], ReadMode::Message, Wait::Forever));
        server.disconnect();
        assert!(matches!(blocked.join().unwrap(), Err(ReadError::Disconnected)));
    });
    assert!(matches!(
        server.read(&mut [0; 64], ReadMode::Message, Wait::Forever),
        Err(ReadError::Disconnected)
    ));
    assert!(matches!(client.write(b"x", Wait::Forever), Err(WriteError::Disconnected)));
    assert!(matches!(client.peek(&mut []), Err(ReadError::Disconnected)));
}

#[test]
fn closing_or_disconnecting_wakes_our_own_threads() {
    let (client, _server) = connect(Framing::Bytes, 4096);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| client.read(&mut [0; 64], ReadMode::Byte, Wait::Forever));
        let second = scope.spawn(|| client.read(&mut [0; 64], ReadMode::Byte, Wait::Forever));
        let writer = scope.spawn(|| client.write(&[0; 10_000], Wait::Forever));
        let flusher = scope.spawn(|| {
            while client.outbound_is_empty() {
                std::thread::yield_now();
            }
            client.flush(Wait::Forever)
        });
        while client.sleepers() < 2 {
            std::thread::yield_now();
        }
        client.close();
        assert!(matches!(reader.join().unwrap(), Err(ReadError::Closed)));
        assert!(matches!(second.join().unwrap(), Err(ReadError::Closed)));
        assert!(matches!(writer.join().unwrap(), Err(WriteError::Closed)));
        assert!(matches!(flusher.join().unwrap(), Err(WriteError::Closed)));
    });
}

#[test]
fn a_flush_waits_for_the_reader() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.flush(Wait::Forever).unwrap();
    client.write(b"one", Wait::Forever).unwrap();
    client.write(b"two", Wait::Forever).unwrap();
    assert!(matches!(client.flush(Wait::Never), Err(WriteError::WouldBlock)));
    std::thread::scope(|scope| {
        let flusher = scope.spawn(|| client.flush(Wait::Forever));
        for _ in 0..2 {
            server.read(&mut [0; 64], ReadMode::Message, Wait::Forever).unwrap();
        }
        flusher.join().unwrap().unwrap();
    });
}

#[test]
fn deadlines_and_tokens_end_waits_and_say_what_was_moved() {
    let (client, server) = connect(Framing::Bytes, 4096);
    let soon = || Wait::Until(Instant::now() + Duration::from_millis(2));
    assert!(matches!(client.read(&mut [0; 8], ReadMode::Byte, soon()), Err(ReadError::TimedOut)));
    assert!(matches!(client.write(&[1; 5000], soon()), Err(WriteError::TimedOut { written: 4096 })));
    assert!(matches!(client.flush(soon()), Err(WriteError::TimedOut { written: 0 })));
    let token = CancelToken::new().unwrap();
    let wait = Wait::Forever.or_cancelled(&token);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| client.read(&mut [0; 8], ReadMode::Byte, wait));
        let queued = scope.spawn(|| client.read(&mut [0; 8], ReadMode::Byte, wait));
        let writer = scope.spawn(|| client.write(&[1; 1], wait));
        while client.sleepers() < 1 {
            std::thread::yield_now();
        }
        token.cancel();
        assert!(matches!(reader.join().unwrap(), Err(ReadError::Cancelled)));
        let queued = queued.join().unwrap();
        assert!(matches!(queued, Err(ReadError::Cancelled)), "{queued:?}");
        assert!(matches!(writer.join().unwrap(), Err(WriteError::Cancelled { written: 0 })));
    });
    assert_eq!(server.read(&mut [0; 8000], ReadMode::Byte, Wait::Never).unwrap().bytes, 4096);
}

#[test]
fn a_message_given_up_in_the_middle_ends_there() {
    let (client, server) = connect(Framing::Messages, 4096);
    let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
    let Err(WriteError::TimedOut { written }) = client.write(&pattern(10_000, 0), soon) else { panic!() };
    assert!(written > 0);
    let mut buffer = vec![0; 20_000];
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((received.bytes, received.left_in_message), (written, 0));
    client.write(b"next", Wait::Forever).unwrap();
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 4);
}

#[test]
fn without_waiting_bytes_go_in_part_and_messages_whole_or_not_at_all() {
    let (client, server) = connect(Framing::Bytes, 4096);
    assert_eq!(client.write(&[1; 5000], Wait::Never).unwrap(), 4096);
    assert!(matches!(client.write(&[1; 1], Wait::Never), Err(WriteError::WouldBlock)));
    server.read(&mut [0; 10], ReadMode::Byte, Wait::Never).unwrap();
    assert_eq!(client.write(&[1; 5000], Wait::Never).unwrap(), 10);
    let (client, _server) = connect(Framing::Messages, 4096);
    client.write(&[1; 4000], Wait::Never).unwrap();
    assert!(matches!(client.write(&[1; 100], Wait::Never), Err(WriteError::WouldBlock)));
    drop(_server);
    assert!(matches!(client.write(&[1; 100], Wait::Never), Err(WriteError::Ended { .. })));
    assert!(matches!(client.read(&mut [0; 10], ReadMode::Message, Wait::Never), Err(ReadError::Ended)));
}

#[test]
fn an_armed_end_becomes_readable() {
    let (client, server) = connect(Framing::Messages, 4096);
    let readable = |end: &Endpoint| {
        let mut watch = [ennead_sys::poll::Watch::new(end, ennead_sys::poll::Interest::Readable)];
        ennead_sys::poll::wait(&mut watch, Some(Instant::now())).unwrap()
    };
    assert_eq!(server.arm(Interest::Readable), Arming::Armed);
    assert!(!readable(&server));
    client.write(b"x", Wait::Forever).unwrap();
    assert!(readable(&server));
    assert_eq!(server.arm(Interest::Readable), Arming::Ready);
    assert_eq!(client.arm(Interest::Writable(100)), Arming::Ready);
    client.write(&[0; 4000], Wait::Forever).unwrap();
    assert_eq!(client.arm(Interest::Either(4000)), Arming::Armed);
    server.read(&mut [0; 4000], ReadMode::Message, Wait::Forever).unwrap();
    server.read(&mut [0; 4000], ReadMode::Message, Wait::Forever).unwrap();
    assert!(readable(&client));
    assert_eq!(client.arm(Interest::Either(4000)), Arming::Ready);
    drop(server);
    assert!(readable(&client));
    assert_eq!(client.arm(Interest::Readable), Arming::Ready);
}

#[test]
fn parts_that_are_not_a_channel_are_refused() {
    let parameters =
        Parameters { framing: Framing::Bytes, capacity_to_server: 4096, capacity_to_client: 4096 };
    let fresh = || create(&parameters).unwrap().1;
    let accept = |parts| Endpoint::accept(parts, &Limits::default()).map(drop).unwrap_err().to_string();
    let swapped = fresh();
    let swapped = PeerParts { listener: swapped.ringer, ringer: swapped.listener, memory: swapped.memory };
    assert!(accept(swapped).contains("doorbell"));
    let other = PeerParts {
        memory: std::sync::Arc::new(std::fs::File::open("/dev/null").unwrap().into()),
        ..fresh()
    };
    assert!(accept(other).contains("sealed"));
    let empty = PeerParts {
        memory: std::sync::Arc::new(ennead_sys::memfd::create_sealed("x", 12_288).unwrap()),
        ..fresh()
    };
    assert!(accept(empty).contains("mark"));
    let limits = Limits { largest_capacity: 4096 };
    let large = Parameters { capacity_to_client: 8192, ..parameters };
    assert!(Endpoint::accept(create(&large).unwrap().1, &limits).is_err());
}
