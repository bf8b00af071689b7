//! Several holders of one end, within one process: each has its own descriptions and its own copy of everything, as processes have.

use super::*;
use crate::SharedParts;

fn joined(end: &Endpoint) -> Endpoint {
    Endpoint::join(end.share().unwrap()).unwrap()
}

#[test]
fn two_holders_read_and_write_as_one() {
    let (client, server) = connect(Framing::Messages, 4096);
    client.write(b"before", Wait::Forever).unwrap();
    let other = joined(&server);
    let third = joined(&other);
    client.write(b"after", Wait::Forever).unwrap();
    let mut buffer = [0; 64];
    assert_eq!(other.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 6);
    assert_eq!(other.peek(&mut []).unwrap().total_available, 5);
    assert_eq!(server.peek(&mut []).unwrap().total_available, 5);
    assert_eq!(server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 5);
    assert!(matches!(third.read(&mut buffer, ReadMode::Message, Wait::Never), Err(ReadError::WouldBlock)));
    for (n, end) in [&server, &other, &third, &server].into_iter().enumerate() {
        end.write(&[n as u8; 9], Wait::Forever).unwrap();
        assert_eq!(client.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap().bytes, 9);
        assert_eq!(buffer[0], n as u8);
    }
    third.flush(Wait::Forever).unwrap();
}

#[test]
fn the_peer_sees_the_end_when_the_last_holder_is_gone() {
    let (client, server) = connect(Framing::Bytes, 4096);
    let parts = server.share().unwrap();
    let other = joined(&server);
    drop(server);
    assert!(!client.peer_has_ended());
    other.write(b"x", Wait::Forever).unwrap();
    other.close();
    assert!(matches!(other.write(b"x", Wait::Forever), Err(WriteError::Closed)));
    assert!(!client.peer_has_ended(), "the parts hold the end too");
    let third = Endpoint::join(parts).unwrap();
    third.write(b"y", Wait::Forever).unwrap();
    drop(third);
    assert!(client.peer_has_ended(), "the one that closed holds nothing but descriptors");
    drop(other);
    assert!(client.peer_has_ended());
    let mut buffer = [0; 9];
    assert_eq!(client.read(&mut buffer, ReadMode::Byte, Wait::Forever).unwrap().bytes, 2);
    assert!(matches!(client.read(&mut buffer, ReadMode::Byte, Wait::Forever), Err(ReadError::Ended)));
}

#[test]
fn parts_that_nobody_joins_end_too() {
    let (client, server) = connect(Framing::Bytes, 4096);
    let parts = server.share().unwrap();
    drop(server);
    drop(parts);
    assert!(matches!(client.read(&mut [0], ReadMode::Byte, Wait::Forever), Err(ReadError::Ended)));
}

#[test]
fn sharing_goes_on_beside_operations_that_wait() {
    for _ in 0..50 {
        let (client, server) = connect(Framing::Messages, 4096);
        client.write(&pattern(4000, 1), Wait::Forever).unwrap();
        std::thread::scope(|scope| {
            let streaming = scope.spawn(|| client.write(&pattern(30_000, 2), Wait::Forever));
            let reading = scope.spawn(|| client.read(&mut [0; 9], ReadMode::Message, Wait::Forever));
            let flushing = scope.spawn(|| client.flush(Wait::Forever));
            let other = joined(&client);
            let after = scope.spawn(move || {
                other.write(b"after", Wait::Forever).unwrap();
                other
            });
            let mut buffer = vec![0; 40_000];
            let mut lengths = [0; 3].map(|_| {
                server
                    .read(&mut buffer, ReadMode::Message, Wait::Forever)
                    .map_or(0, |received| received.bytes)
            });
            lengths.sort_unstable();
            assert_eq!(lengths, [5, 4000, 30_000]);
            assert_eq!(streaming.join().unwrap().unwrap(), 30_000);
            flushing.join().unwrap().unwrap();
            let other = after.join().unwrap();
            assert!(matches!(other.write(&pattern(9000, 0), Wait::Never), Err(WriteError::WouldBlock)));
            server.write(b"answer", Wait::Forever).unwrap();
            assert_eq!(reading.join().unwrap().unwrap().bytes, 6);
        });
    }
}

#[test]
fn waiting_for_another_holder_can_be_cancelled_and_has_a_deadline() {
    let (client, server) = connect(Framing::Messages, 4096);
    let other = joined(&server);
    let token = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let holder = scope.spawn(|| server.read(&mut [0; 9], ReadMode::Message, Wait::Forever));
        let soon = || Wait::Until(Instant::now() + Duration::from_millis(5));
        while server.sleepers() == 0 {
            std::thread::yield_now();
        }
        let mut buffer = [0; 9];
        assert!(matches!(
            other.read(&mut buffer, ReadMode::Message, Wait::Never),
            Err(ReadError::WouldBlock)
        ));
        assert!(matches!(other.read(&mut buffer, ReadMode::Message, soon()), Err(ReadError::TimedOut)));
        let waiter =
            scope.spawn(|| other.read(&mut [0; 9], ReadMode::Message, Wait::Forever.or_cancelled(&token)));
        token.cancel();
        assert!(matches!(waiter.join().unwrap(), Err(ReadError::Cancelled)));
        client.write(b"1", Wait::Forever).unwrap();
        assert_eq!(holder.join().unwrap().unwrap().bytes, 1);
        client.write(b"23", Wait::Forever).unwrap();
        assert_eq!(other.read(&mut buffer, ReadMode::Message, soon()).unwrap().bytes, 2);
    });
}

#[test]
fn what_ends_the_connection_ends_it_for_all_holders() {
    for (how, expected) in [(0, "disconnected"), (1, "closed for writing"), (2, "gone")] {
        let (client, server) = connect(Framing::Messages, 4096);
        let other = joined(&server);
        std::thread::scope(|scope| {
            let message = pattern(9000, 0);
            let waiter = scope.spawn(move || other.write(&message, Wait::Forever).unwrap_err().to_string());
            while client.peek(&mut []).unwrap().total_available == 0 {
                std::thread::yield_now();
            }
            match how {
                0 => server.disconnect(),
                1 => server.shutdown_write(),
                _ => drop(client),
            }
            assert!(waiter.join().unwrap().contains(expected), "{expected}");
        });
    }
}

#[test]
fn a_shared_end_is_waited_for_in_epoll() {
    let (client, server) = connect(Framing::Messages, 4096);
    let ends = [joined(&server), joined(&server), server];
    let mut buffer = [0; 9];
    for round in 0..200 {
        for end in &ends {
            assert_eq!(end.arm(Interest::Readable), Arming::Armed, "round {round}");
        }
        client.write(b"x", Wait::Forever).unwrap();
        for end in &ends {
            let mut watch = [ennead_sys::poll::Watch::new(end, ennead_sys::poll::Interest::Readable)];
            ennead_sys::poll::wait(&mut watch, None).unwrap();
            assert_eq!(end.arm(Interest::Readable), Arming::Ready);
        }
        ends[round % 3].read(&mut buffer, ReadMode::Message, Wait::Never).unwrap();
        for end in &ends {
            while end.arm(Interest::Readable) == Arming::Ready {}
        }
    }
}

#[test]
fn wrong_parts_are_refused() {
    let (_client, server) = connect(Framing::Messages, 4096);
    for wrong in 0..SharedParts::COUNT {
        let mut parts = server.share().unwrap().into_fds();
        parts[wrong] = std::fs::File::open("/dev/null").unwrap().into();
        assert!(Endpoint::join(SharedParts::from_fds(parts)).is_err(), "part {wrong}");
    }
    server.close();
    assert_eq!(server.share().unwrap_err().win32(), ennead_status::Win32Error::INVALID_HANDLE);
}
