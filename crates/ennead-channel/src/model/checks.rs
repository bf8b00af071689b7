//! What must hold in every interleaving. Each check runs some thousand random schedules; a lost wake-up shows as a deadlock.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::sync::Arc;
use shuttle::thread;

use super::{Model, Mutation, connect};
use crate::channel::{Channel, ReadMode};
use crate::error::Fault;
use crate::layout::Framing;
use crate::wait::Wait;

type End = Arc<Channel<Model>>;

const SCHEDULES: usize = 2_000;

fn write(end: &End, bytes: &[u8]) -> Result<(), Fault> {
    end.write(bytes, &Wait::Forever, &mut 0)
}

fn read(end: &End, most: usize) -> Result<Vec<u8>, Fault> {
    let mut buffer = vec![0; most];
    let received = end.read(&mut buffer, ReadMode::Message, &Wait::Forever)?;
    buffer.truncate(received.bytes);
    Ok(buffer)
}

/// Requests and answers, one at a time.
fn round_trips(mutation: Mutation) {
    let (client, server) = connect(Framing::Messages, 64, mutation);
    let far = thread::spawn(move || {
        for _ in 0..3 {
            let request = read(&server, 16).unwrap();
            write(&server, &request).unwrap();
        }
    });
    for n in 0..3 {
        write(&client, &[n; 5]).unwrap();
        assert_eq!(read(&client, 16).unwrap(), [n; 5]);
    }
    far.join().unwrap();
}

/// More than the rings hold, both ways at once, two threads a side, then a flush.
fn both_ways(framing: Framing, mutation: Mutation) {
    let (client, server) = connect(framing, 64, mutation);
    let transfer = |from: &End, to: &End, seed: u8| {
        let (from, to) = (from.clone(), to.clone());
        let data: Vec<u8> = (0..150).map(|n| n ^ seed).collect();
        let expected = data.clone();
        let writer = thread::spawn(move || {
            write(&from, &data).unwrap();
            from.flush(&Wait::Forever).unwrap();
        });
        let reader = thread::spawn(move || {
            let mut got = Vec::new();
            while got.len() < expected.len() {
                got.extend(read(&to, 40).unwrap());
            }
            assert_eq!(got, expected);
        });
        [writer, reader]
    };
    for thread in transfer(&client, &server, 0).into_iter().chain(transfer(&server, &client, 0x5a)) {
        thread.join().unwrap();
    }
}

/// Several writers' messages never mix; several readers take each message once.
fn several_threads_a_side(mutation: Mutation) {
    let (client, server) = connect(Framing::Messages, 64, mutation);
    let writers: Vec<_> = (0..2u8)
        .map(|n| {
            let client = client.clone();
            thread::spawn(move || {
                write(&client, &[n; 20]).unwrap();
                write(&client, &[n + 10; 90]).unwrap();
            })
        })
        .collect();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let server = server.clone();
            thread::spawn(move || [read(&server, 100).unwrap(), read(&server, 100).unwrap()])
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let mut got: Vec<_> = readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect();
    got.sort();
    let mut expected = [vec![0; 20], vec![1; 20], vec![10; 90], vec![11; 90]].to_vec();
    expected.sort();
    assert_eq!(got, expected);
}

/// A writer that ends at any step: everything that it had acknowledged is read, then the end; a message is never seen in part.
fn a_writer_ends(end: fn(&End)) {
    let (client, server) = connect(Framing::Messages, 64, Mutation::None);
    let writer = thread::spawn(move || {
        let mut acknowledged = 0;
        for n in 0..4u8 {
            if shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.2) {
                break;
            }
            write(&client, &[n; 30]).unwrap();
            acknowledged += 1;
        }
        end(&client);
        acknowledged
    });
    let mut got = 0u8;
    loop {
        match read(&server, 40) {
            Ok(message) => {
                assert_eq!(message, [got; 30]);
                got += 1;
            }
            Err(Fault::Ended) => break,
            Err(fault) => panic!("{fault:?}"),
        }
    }
    assert_eq!(got, writer.join().unwrap());
}

/// A reader that goes away wakes a writer that waits for room, and a flush.
fn a_reader_ends(end: fn(&End)) {
    let (client, server) = connect(Framing::Bytes, 64, Mutation::None);
    let writer = {
        let client = client.clone();
        thread::spawn(move || {
            assert!(matches!(
                write(&client, &[1; 200]),
                Err(Fault::Ended | Fault::Broken | Fault::Disconnected)
            ));
        })
    };
    let flusher = thread::spawn(move || drop(client.flush(&Wait::Forever)));
    read(&server, 10).unwrap();
    end(&server);
    writer.join().unwrap();
    flusher.join().unwrap();
}

/// Closing an end wakes every thread that waits at it.
fn closing_wakes(mutation: Mutation) {
    let (client, _server) = connect(Framing::Bytes, 64, mutation);
    let sleepers: Vec<_> = [true, false]
        .map(|reads| {
            let client = client.clone();
            thread::spawn(move || {
                let outcome = if reads { read(&client, 9).map(drop) } else { write(&client, &[0; 100]) };
                assert!(matches!(outcome, Err(Fault::Closed)));
            })
        })
        .into();
    // So that they sleep by then in many of the schedules.
    for _ in 0..shuttle::rand::Rng::gen_range(&mut shuttle::rand::thread_rng(), 0..150) {
        thread::yield_now();
    }
    client.close();
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
}

#[test]
fn nothing_is_lost_in_round_trips() {
    shuttle::check_random(|| round_trips(Mutation::None), SCHEDULES);
    shuttle::check_pct(|| round_trips(Mutation::None), SCHEDULES, 3);
}

#[test]
fn nothing_is_lost_both_ways() {
    for framing in [Framing::Bytes, Framing::Messages] {
        shuttle::check_random(move || both_ways(framing, Mutation::None), SCHEDULES / 4);
        shuttle::check_pct(move || both_ways(framing, Mutation::None), SCHEDULES / 4, 4);
    }
}

#[test]
fn messages_neither_mix_nor_double() {
    shuttle::check_random(|| several_threads_a_side(Mutation::None), SCHEDULES / 2);
    shuttle::check_pct(|| several_threads_a_side(Mutation::None), SCHEDULES / 8, 3);
}

#[test]
fn an_end_at_any_step_loses_nothing() {
    let ends: [fn(&End); 3] = [|end| end.system.die(), |end| end.close(), |end| end.shutdown_write()];
    for end in ends {
        shuttle::check_random(move || a_writer_ends(end), SCHEDULES / 2);
    }
    let ends: [fn(&End); 3] = [|end| end.system.die(), |end| end.close(), |end| end.disconnect()];
    for end in ends {
        shuttle::check_random(move || a_reader_ends(end), SCHEDULES / 2);
    }
}

#[test]
fn closing_wakes_every_sleeper() {
    shuttle::check_random(|| closing_wakes(Mutation::None), SCHEDULES);
}

#[test]
fn a_broken_world_is_noticed() {
    let caught = |check: fn(Mutation), mutation| {
        let outcome =
            catch_unwind(AssertUnwindSafe(|| shuttle::check_random(move || check(mutation), 20_000)));
        assert!(outcome.is_err(), "{mutation:?} was not noticed");
    };
    caught(round_trips, Mutation::NoFenceBeforeLookingAgain);
    caught(round_trips, Mutation::NoFenceAfterCommit);
    caught(round_trips, Mutation::RingsAreLost);
    caught(|mutation| both_ways(Framing::Bytes, mutation), Mutation::WakesAreLost);
    caught(closing_wakes, Mutation::OwnRingsAreLost);
    caught(several_threads_a_side, Mutation::HeavyFenceIsLight);
}
