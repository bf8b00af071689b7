//! Several real processes at one end, killed at random.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use ennead_channel::{
    Endpoint, Framing, Limits, Parameters, ReadError, ReadMode, SharedParts, Wait, WriteError, create,
};
use ennead_sys::inherit;

const ROLE: &str = "ENNEAD_TEST_ROLE";
const PARTS: &str = "ENNEAD_TEST_PARTS";

fn connect(capacity: u32) -> (Endpoint, Endpoint) {
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: capacity, capacity_to_client: capacity };
    let (client, parts) = create(&parameters).unwrap();
    (client, Endpoint::accept(parts, &Limits::default()).unwrap())
}

/// A child program that inherits `end`, and what it says, line by line.
struct Sharer {
    child: Child,
    lines: Receiver<String>,
}

impl Sharer {
    fn start(role: &str, end: &Endpoint) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(ROLE, role);
        let told: Vec<String> = end
            .share()
            .unwrap()
            .into_fds()
            .into_iter()
            .map(|fd| inherit::give(&mut command, fd).unwrap())
            .collect();
        let mut child = command.env(PARTS, told.join(" ")).stdout(Stdio::piped()).spawn().unwrap();
        // Closes our copies of what the child has inherited.
        drop(command);
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok).filter(|line| line.starts_with('@')) {
                let _ = sender.send(line[1..].to_owned());
            }
        });
        Self { child, lines }
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Sharer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("@{what}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: what the child processes run.
#[test]
fn child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    // The harness has written a part of a line.
    println!();
    let told = std::env::var(PARTS).unwrap();
    let fds: Vec<_> = told.split(' ').map(|told| inherit::take(told).unwrap()).collect();
    let end = Endpoint::join(SharedParts::from_fds(fds.try_into().unwrap())).unwrap();
    say("joined");
    let mut buffer = vec![0; 30_000];
    match role.as_str() {
        "reader" => loop {
            match end.read(&mut buffer, ReadMode::Message, Wait::Forever) {
                Ok(received) => say(number(&buffer[..received.bytes])),
                Err(ReadError::Ended) => break say("ended"),
                Err(error) => panic!("{error}"),
            }
        },
        "writer" => {
            for n in 0.. {
                if let Err(error) = end.write(&message(n, std::process::id()), Wait::Forever) {
                    say(error);
                    break;
                }
                say(n);
            }
        }
        "streamer" => say(end.write(&vec![7; 1 << 20], Wait::Forever).unwrap_err()),
        "echo" => {
            while let Ok(received) = end.read(&mut buffer, ReadMode::Message, Wait::Forever) {
                end.write(&buffer[..received.bytes], Wait::Forever).unwrap();
            }
        }
        _ => unreachable!(),
    }
}

/// Message number `n` of a writer: the number, the writer, then bytes that follow from both.
fn message(n: u64, writer: u32) -> Vec<u8> {
    let len = 16 + (n * 37 % 200) as usize;
    let mut bytes: Vec<u8> =
        (0..len as u64).map(|at| (at ^ n).wrapping_add(u64::from(writer)) as u8).collect();
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    bytes[8..12].copy_from_slice(&writer.to_le_bytes());
    bytes
}

/// The number of a message, if it is whole.
fn number(bytes: &[u8]) -> u64 {
    let n = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let writer = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
    assert!(bytes == message(n, writer), "a message that nobody wrote");
    n
}

fn random(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % below
}

/// Three readers of one end, one after the other killed and replaced: every message is read once, but for the one that a killed reader had just taken and could not
/// tell any more.
#[test]
fn every_message_is_read_by_exactly_one_of_several_killed_readers() {
    const MESSAGES: u64 = 100_000;
    let (client, server) = connect(16_384);
    let mut readers: Vec<_> = (0..3).map(|_| Sharer::start("reader", &server)).collect();
    let mut killed: Vec<Sharer> = Vec::new();
    let writer = std::thread::spawn(move || {
        for n in 0..MESSAGES {
            client.write(&message(n, 0), Wait::Forever).unwrap();
        }
        client.flush(Wait::Forever).unwrap();
    });
    let mut seed = 42;
    while !writer.is_finished() {
        std::thread::sleep(Duration::from_micros(random(&mut seed, 40_000)));
        let at = killed.len() % 3;
        let mut victim = std::mem::replace(&mut readers[at], Sharer::start("reader", &server));
        victim.kill();
        killed.push(victim);
    }
    // The writer has closed its end when it had finished.
    writer.join().unwrap();
    let mut seen = vec![0u32; MESSAGES as usize];
    let kills = killed.len();
    for line in killed.iter().chain(&readers).flat_map(|sharer| sharer.lines.iter()) {
        if let Ok(n) = line.parse::<usize>() {
            seen[n] += 1;
        }
    }
    let twice = seen.iter().filter(|count| **count > 1).count();
    let missing = seen.iter().filter(|count| **count == 0).count();
    println!("{kills} readers killed, {missing} messages lost with them");
    assert_eq!(twice, 0, "read twice");
    assert!(missing <= kills, "{missing} missing after {kills} kills");
}

/// Writers at one end, killed one after the other: their messages are whole, in each writer's order, and those that were acknowledged arrive.
#[test]
fn messages_of_several_killed_writers_are_whole() {
    let (client, server) = connect(4096);
    let reader = std::thread::spawn(move || {
        let mut next = std::collections::HashMap::<u32, u64>::new();
        let mut buffer = [0; 300];
        loop {
            match client.read(&mut buffer, ReadMode::Message, Wait::Forever) {
                Ok(received) => {
                    let n = number(&buffer[..received.bytes]);
                    let writer = u32::from_le_bytes(buffer[8..12].try_into().unwrap());
                    assert_eq!(n, std::mem::replace(next.entry(writer).or_default(), n + 1));
                }
                Err(ReadError::Ended) => return next,
                Err(error) => panic!("{error}"),
            }
        }
    });
    let mut seed = 7;
    let mut acknowledged = Vec::new();
    let mut writers: Vec<_> = (0..3).map(|_| Sharer::start("writer", &server)).collect();
    for at in 0..40 {
        std::thread::sleep(Duration::from_micros(random(&mut seed, 30_000)));
        if at < 37 {
            writers.push(Sharer::start("writer", &server));
        }
        let mut victim = writers.remove(random(&mut seed, writers.len() as u64) as usize);
        victim.kill();
        let last = victim.lines.iter().filter_map(|line| line.parse::<u64>().ok()).last();
        acknowledged.push((victim.child.id(), last));
    }
    drop(server);
    let next = reader.join().unwrap();
    for (writer, last) in acknowledged {
        let read = next.get(&writer).copied().unwrap_or(0);
        assert!(last.is_none_or(|last| read > last), "writer {writer}: {last:?} acknowledged, {read} read");
    }
}

#[test]
fn a_writer_killed_in_a_message_larger_than_the_ring_tears_it() {
    for _ in 0..5 {
        let (client, server) = connect(4096);
        let mut streamer = Sharer::start("streamer", &server);
        let mut part = [0; 20_000];
        assert!(client.read(&mut part, ReadMode::Message, Wait::Forever).unwrap().left_in_message > 0);
        let waiting =
            std::thread::spawn(move || client.read(&mut vec![0; 1 << 20], ReadMode::Message, Wait::Forever));
        streamer.kill();
        assert!(matches!(server.write(b"next", Wait::Forever), Err(WriteError::Torn)));
        assert!(matches!(waiting.join().unwrap(), Err(ReadError::Torn | ReadError::Ended)));
    }
}

#[test]
fn the_peer_sees_the_end_when_the_last_sharer_dies() {
    for _ in 0..5 {
        let (client, server) = connect(4096);
        let mut sharers: Vec<_> = (0..3).map(|_| Sharer::start("echo", &server)).collect();
        drop(server);
        let mut buffer = [0; 300];
        while let Some(mut victim) = sharers.pop() {
            for n in 0..20 {
                client.write(&message(n, 1), Wait::Forever).unwrap();
                let received = client.read(&mut buffer, ReadMode::Message, Wait::Forever).unwrap();
                assert_eq!(number(&buffer[..received.bytes]), n);
            }
            victim.kill();
        }
        assert!(matches!(client.read(&mut buffer, ReadMode::Message, Wait::Forever), Err(ReadError::Ended)));
        assert!(client.peer_has_ended());
    }
}

/// One that waits for its turn is woken when the holder is killed.
#[test]
fn a_killed_holder_of_the_turn_is_succeeded() {
    for _ in 0..10 {
        let (client, server) = connect(4096);
        let mut holder = Sharer::start("reader", &server);
        assert_eq!(holder.lines.recv().unwrap(), "joined");
        // It may or may not have the turn when it is killed.
        let next = std::thread::spawn(move || {
            let mut buffer = [0; 300];
            server.read(&mut buffer, ReadMode::Message, Wait::Forever).map(|received| received.bytes)
        });
        holder.kill();
        client.write(b"after the kill", Wait::Forever).unwrap();
        assert_eq!(next.join().unwrap().unwrap(), 14);
    }
}
