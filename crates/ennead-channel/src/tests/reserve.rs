//! Memory that is used again: when, by whom, and that it is then as good as new.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use ennead_sys::mapping::Mapping;

use crate::layout::{CONTROL, Side, header, state};
use crate::{
    AcceptError, Endpoint, Framing, Limits, Parameters, PeerParts, ReadError, ReadMode, Reserve, Wait,
    create, create_from,
};

const PARAMETERS: Parameters =
    Parameters { framing: Framing::Messages, capacity_to_server: 1 << 16, capacity_to_client: 1 << 16 };

/// The reserves of a client and of its server.
struct Both {
    client: Arc<Reserve>,
    server: Arc<Reserve>,
}

impl Both {
    fn new() -> Self {
        Self { client: Arc::new(Reserve::new(4)), server: Arc::new(Reserve::new(4)) }
    }

    /// A connection, and whether its memory was used before.
    fn connect(&self) -> (Endpoint, Endpoint, bool) {
        let again = create_from(&self.client, &PARAMETERS);
        let used = again.is_some();
        let (mut client, parts) = again.unwrap_or_else(|| create(&PARAMETERS)).unwrap();
        client.keep_memory_in(&self.client);
        let server = Endpoint::accept_with(travelled(&parts), &Limits::default(), &self.server).unwrap();
        (client, server, used)
    }
}

/// As it comes out of a socket.
fn travelled(parts: &PeerParts) -> PeerParts {
    PeerParts::from_fds(parts.as_fds().map(|fd| fd.try_clone_to_owned().unwrap()))
}

fn say(from: &Endpoint, to: &Endpoint, message: &[u8]) {
    from.write(message, Wait::Forever).unwrap();
    let mut buffer = vec![0; message.len() + 1];
    let received = to.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!((&buffer[..received.bytes], received.left_in_message), (message, 0));
}

fn state_of(end: &Endpoint, side: Side) -> u64 {
    end.channel.system.mapping.atomic_u64(side.state()).load(std::sync::atomic::Ordering::SeqCst)
}

#[test]
fn memory_is_used_again_once_both_ends_are_gone_and_is_as_good_as_new() {
    let both = Both::new();
    for round in 0u32..20 {
        let (client, server, used) = both.connect();
        assert_eq!(used, round > 0, "round {round}");
        // Nothing is left of the last round: neither data nor states nor sleepers.
        assert_eq!(client.peek(&mut [0; 8]).unwrap().total_available, 0);
        assert_eq!(server.peek(&mut [0; 8]).unwrap().total_available, 0);
        assert_eq!((state_of(&client, Side::Client), state_of(&client, Side::Server)), (0, 0));
        for length in [0, 1, 100, 4000] {
            say(&client, &server, &vec![round as u8; length]);
            say(&server, &client, &vec![round as u8 ^ 0xff; length]);
        }
        // Unread, and neither end goes in order: each round ends in another way.
        client.write(b"left", Wait::Forever).unwrap();
        match round % 4 {
            0 => drop((client, server)),
            1 => drop((server, client)),
            2 => {
                server.disconnect();
                assert!(matches!(
                    client.read(&mut [0; 8], ReadMode::Message, Wait::Forever),
                    Err(ReadError::Disconnected)
                ));
                drop((client, server));
            }
            _ => {
                client.shutdown_write();
                drop(server);
                assert!(client.write(b"more", Wait::Forever).is_err());
            }
        }
    }
}

#[test]
fn memory_is_not_used_while_the_server_still_has_it() {
    let both = Both::new();
    let (client, server, _) = both.connect();
    client.write(b"unread", Wait::Forever).unwrap();
    drop(client);
    let (_second, _its_server, used) = both.connect();
    assert!(!used);
    let mut buffer = [0; 8];
    let received = server.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
    assert_eq!(&buffer[..received.bytes], b"unread");
    drop(server);
    assert!(both.connect().2, "now it may be");
}

#[test]
fn a_server_without_a_reserve_never_releases() {
    let both = Both::new();
    for _ in 0..3 {
        assert!(create_from(&both.client, &PARAMETERS).is_none());
        let (mut client, parts) = create(&PARAMETERS).unwrap();
        client.keep_memory_in(&both.client);
        let server = Endpoint::accept(parts, &Limits::default()).unwrap();
        say(&client, &server, b"hello");
    }
}

#[test]
fn what_was_shared_was_large_or_was_damaged_is_not_kept() {
    let shared_at: [fn(&Endpoint, &Endpoint); 4] = [
        |client, _| drop(client.share().unwrap()),
        |_, server| drop(server.share().unwrap()),
        |client, server| (0..20).for_each(|_| say(client, server, &[1; 1000])),
        |client, server| {
            // A tail that cannot be: the server finds it, and is of no use any more.
            let mapping = &client.channel.system.mapping;
            mapping
                .atomic_u64(client.channel.outbound.tail())
                .store(1 << 60, std::sync::atomic::Ordering::SeqCst);
            assert!(matches!(
                server.read(&mut [0; 8], ReadMode::Message, Wait::Never),
                Err(ReadError::Violation(_))
            ));
        },
    ];
    for act in shared_at {
        let both = Both::new();
        let (client, server, _) = both.connect();
        act(&client, &server);
        drop((client, server));
        assert!(!both.connect().2);
    }
}

#[test]
fn other_rings_are_other_memory() {
    let both = Both::new();
    drop(both.connect());
    let larger = Parameters { capacity_to_client: 1 << 17, ..PARAMETERS };
    assert!(create_from(&both.client, &larger).is_none());
    assert!(create_from(&both.client, &PARAMETERS).is_some());
}

#[test]
fn only_a_few_are_kept_and_nothing_beyond_the_reserve() {
    let both = Both::new();
    let ends: Vec<_> = (0..10).map(|_| both.connect()).collect();
    drop(ends);
    let kept = std::iter::from_fn(|| create_from(&both.client, &PARAMETERS)).count();
    assert_eq!(kept, 4);
    let (client, server, _) = both.connect();
    drop(both);
    say(&client, &server, b"the reserve is gone, the connection is not");
}

/// A hostile client uses memory as it likes: the same for two connections at once, and with a header that has changed since.
#[test]
fn a_client_that_passes_the_same_memory_twice_gets_two_ends_of_its_own() {
    let both = Both::new();
    let (client, server, _) = both.connect();
    let memory: OwnedFd = client.channel.system.memory.as_fd().try_clone_to_owned().unwrap();
    let view = Mapping::new(&memory, client.channel.system.mapping.len()).unwrap();
    drop((client, server));
    let again = || {
        let (_, parts) = create(&PARAMETERS).unwrap();
        let [_, listener, ringer] = parts.as_fds().map(|fd| fd.try_clone_to_owned().unwrap());
        let memory = memory.try_clone().unwrap();
        let parts = PeerParts::from_fds([memory, listener, ringer]);
        Endpoint::accept_with(parts, &Limits::default(), &both.server)
    };
    let ends = [again().unwrap(), again().unwrap()];
    for word in (0..CONTROL).step_by(8).skip(4) {
        view.atomic_u64(word).store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    }
    for end in &ends {
        // An error, whatever it is.
        let _ = end.read(&mut [0; 64], ReadMode::Message, Wait::Never);
        let _ = end.write(&[0; 64], Wait::Never);
    }
    drop(ends);
    for (word, value) in [(header::CAPACITIES, 1 << 40), (header::FRAMING, 7), (header::MAGIC, 0)] {
        view.atomic_u64(word).store(value, std::sync::atomic::Ordering::SeqCst);
        let refused = again().expect_err("a header that cannot be");
        assert!(matches!(refused, AcceptError::Header | AcceptError::NotAChannel), "{refused:?}");
    }
    let (client, server, _) = both.connect();
    say(&client, &server, b"nobody else has noticed");
}

/// A server that says too early that it is done, and writes on: the client is its only victim, and survives.
#[test]
fn a_server_that_lies_about_being_done_harms_its_own_conversation_only() {
    let both = Both::new();
    let (mut client, parts) = create(&PARAMETERS).unwrap();
    client.keep_memory_in(&both.client);
    let memory = parts.as_fds()[0].try_clone_to_owned().unwrap();
    let view = Mapping::new(&memory, client.channel.system.mapping.len()).unwrap();
    view.atomic_u64(Side::Server.state()).store(state::RELEASED, std::sync::atomic::Ordering::SeqCst);
    drop((client, parts));
    let (client, _parts) = create_from(&both.client, &PARAMETERS).expect("as the server says").unwrap();
    for word in (0..CONTROL).step_by(8) {
        view.atomic_u64(word).store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
        let _ = client.read(&mut [0; 64], ReadMode::Message, Wait::Never);
        let _ = client.write(&[0; 64], Wait::Never);
    }
}

#[test]
fn ends_of_many_threads_do_not_mix() {
    let both = Both::new();
    let used = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            let (both, used) = (&both, &used);
            scope.spawn(move || {
                for round in 0..100u8 {
                    let (client, server, again) = both.connect();
                    used.fetch_add(u32::from(again), std::sync::atomic::Ordering::Relaxed);
                    // The two ends go at the same time, while other threads look for memory.
                    std::thread::scope(|ends| {
                        ends.spawn(move || {
                            client.write(&[thread, round], Wait::Forever).unwrap();
                            let mut answer = [0; 3];
                            client.read(&mut answer, ReadMode::Message, Wait::Forever).unwrap();
                            assert_eq!(answer, [round, thread, 7]);
                        });
                        ends.spawn(move || {
                            let mut question = [0; 3];
                            let received =
                                server.read(&mut question, ReadMode::Message, Wait::Forever).unwrap();
                            assert_eq!((received.bytes, question), (2, [thread, round, 0]));
                            server.write(&[round, thread, 7], Wait::Forever).unwrap();
                        });
                    });
                }
            });
        }
    });
    assert!(used.into_inner() > 0);
}
