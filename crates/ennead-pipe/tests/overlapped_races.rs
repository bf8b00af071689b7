//! Exactness under races: every byte that was written is read once, in order; each operation completes once.

mod support;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ennead_pipe::named::{PipeType, Wait};
use ennead_pipe::overlapped::{End, Operation, Overlapped};
use ennead_status::Win32Error;
use support::Root;
use support::overlapped::{connected, done};

const LAST: &[u8] = b"this is the last message";

/// A small random generator with a seed, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn pause(&mut self) {
        for _ in 0..self.roll(400) {
            std::hint::spin_loop();
        }
        if self.roll(20) == 0 {
            std::thread::yield_now();
        }
    }
}

fn content(write: u64, len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (write.wrapping_mul(31) + at * 7) as u8).collect()
}

/// Writes with several pending, cancels some; gives what the operations say was written, write by write.
fn write_some(end: &Overlapped<impl End>, writes: u64, mut dice: Dice) -> Vec<Vec<u8>> {
    let mut pending = VecDeque::new();
    let mut written = Vec::new();
    let take = |operation: Operation, written: &mut Vec<Vec<u8>>| {
        let write = done(operation);
        match &write.error {
            None => assert_eq!(write.bytes, write.buffer.len()),
            Some(error) => assert_eq!(error.win32(), Win32Error::OPERATION_ABORTED),
        }
        if write.error.is_none() || write.bytes > 0 {
            written.push(write.data().to_vec());
        }
    };
    for number in 0..writes {
        let len = if dice.roll(40) == 0 { dice.roll(30_000) } else { dice.roll(900) };
        pending.push_back(end.start_write(content(number, len as usize)));
        if dice.roll(4) == 0 {
            dice.pause();
            let which = dice.roll(pending.len() as u64) as usize;
            let _ = pending[which].cancel();
        }
        while pending.len() > 5 {
            take(pending.pop_front().unwrap(), &mut written);
        }
    }
    for operation in pending {
        take(operation, &mut written);
    }
    assert!(done(end.start_write(LAST.to_vec())).error.is_none());
    written
}

/// Reads with several pending, cancels some, until the last message; gives what was read, message by message.
fn read_all(end: &Overlapped<impl End>, mut dice: Dice) -> Vec<Vec<u8>> {
    let mut pending = VecDeque::new();
    let mut read: Vec<Vec<u8>> = vec![Vec::new()];
    let mut cancelled = 0;
    // Of bytes, the last write may come in several reads.
    let mut newest = Vec::new();
    loop {
        while pending.len() < 4 {
            pending.push_back(end.start_read(vec![0; dice.roll(3000) as usize + 1]));
        }
        if dice.roll(3) == 0 {
            dice.pause();
            let which = dice.roll(pending.len() as u64) as usize;
            cancelled += u32::from(pending[which].cancel().is_ok());
        }
        let next = done(pending.pop_front().unwrap());
        if let Some(error) = &next.error {
            assert_eq!(error.win32(), Win32Error::OPERATION_ABORTED);
        }
        read.last_mut().unwrap().extend_from_slice(next.data());
        newest.extend_from_slice(next.data());
        newest.drain(..newest.len().saturating_sub(LAST.len()));
        if next.error.is_none() && next.left_in_message == 0 {
            if newest == LAST {
                assert!(cancelled > 0);
                return read;
            }
            read.push(Vec::new());
        }
    }
}

fn every_byte_is_read_once(kind: PipeType, seed: u64, writes: u64) {
    let root = Root::new(&format!("races-{kind:?}-{seed}"));
    let (server, client) = connected(&root, kind);
    let (mut written, read) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| write_some(&client, writes, Dice(seed * 2 + 1)));
        let reader = scope.spawn(|| read_all(&server, Dice(seed * 3 + 7)));
        (writer.join().unwrap(), reader.join().unwrap())
    });
    written.push(LAST.to_vec());
    match kind {
        PipeType::Message => assert!(written == read, "seed {seed}"),
        PipeType::Byte => assert!(written.concat() == read.concat(), "seed {seed}"),
    }
}

#[test]
fn every_message_is_read_once_in_order_whatever_is_cancelled() {
    for seed in 1..=6 {
        every_byte_is_read_once(PipeType::Message, seed, 3000);
    }
}

#[test]
fn every_byte_is_read_once_in_order_whatever_is_cancelled() {
    for seed in 11..=16 {
        every_byte_is_read_once(PipeType::Byte, seed, 3000);
    }
}

#[test]
fn a_cancel_and_the_data_that_arrives_agree() {
    let root = Root::new("agree");
    let (server, client) = connected(&root, PipeType::Message);
    let (go, went) = mpsc::channel::<u32>();
    let mut dice = Dice(99);
    let (mut aborted, mut served) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in went {
                client.start_write(number.to_le_bytes().to_vec()).join().result().unwrap();
            }
        });
        for number in 0..10_000u32 {
            let read = server.start_read(vec![0; 4]);
            go.send(number).unwrap();
            dice.pause();
            let cancelled = read.cancel();
            assert!(read.is_complete());
            let mut read = read.finish().unwrap();
            assert_eq!(cancelled.is_ok(), read.win32() == Win32Error::OPERATION_ABORTED);
            if cancelled.is_ok() {
                aborted += 1;
                assert_eq!(read.bytes, 0);
                read = done(server.start_read(vec![0; 4]));
            } else {
                served += 1;
            }
            assert_eq!(read.data(), number.to_le_bytes());
        }
        drop(go);
    });
    assert!(aborted > 0 && served > 0, "{aborted} aborted, {served} served");
}

#[test]
fn closing_and_completion_agree() {
    let root = Root::new("closing-race");
    let mut dice = Dice(5);
    for round in 0..1500 {
        let (server, client) = connected(&root, PipeType::Message);
        let calls = Arc::new(AtomicU32::new(0));
        let (told, heard) = mpsc::channel();
        for _ in 0..3 {
            let (calls, told) = (Arc::clone(&calls), told.clone());
            client.start_read(vec![0; 8]).on_completion(move |read| {
                calls.fetch_add(1, Ordering::Relaxed);
                told.send((read.win32(), read.data().to_vec())).unwrap();
            });
        }
        drop(told);
        let disconnects = round % 2 == 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for number in 0..3u8 {
                    if server.start_write(vec![number; 8]).join().error.is_some() {
                        break;
                    }
                }
                if disconnects {
                    server.disconnect().unwrap();
                }
            });
            dice.pause();
            if !disconnects {
                drop(client);
            } else {
                scope.spawn(|| {
                    // Completed by the other end alone.
                    while calls.load(Ordering::Relaxed) < 3 {
                        std::thread::yield_now();
                    }
                    drop(client);
                });
            }
        });
        let failure =
            if disconnects { Win32Error::PIPE_NOT_CONNECTED } else { Win32Error::OPERATION_ABORTED };
        let mut served = 0;
        for (code, data) in heard {
            if code == Win32Error::SUCCESS {
                assert_eq!(data, [served; 8], "in order, and none after one that failed");
                served += 1;
            } else {
                assert_eq!(code, failure);
                served = 100;
            }
        }
        assert_eq!(calls.load(Ordering::Relaxed), 3, "each completes once");
    }
}

#[test]
fn starting_and_cancelling_from_many_threads_loses_nothing() {
    let root = Root::new("many");
    let (server, client) = connected(&root, PipeType::Message);
    let (sent, received) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for seed in 1..=4 {
            let (server, client, sent, received) = (&server, &client, &sent, &received);
            scope.spawn(move || {
                let mut dice = Dice(seed);
                for _ in 0..2000 {
                    let write = client.start_write(vec![1; 100]);
                    let read = server.start_read(vec![0; 100]);
                    if dice.roll(2) == 0 {
                        let _ = read.cancel();
                    }
                    if dice.roll(8) == 0 {
                        let _ = write.cancel();
                    }
                    // A read whose own write was cancelled waits for another's; nobody may be left alone with it.
                    let _ = read.wait(Wait::Until(Instant::now() + Duration::from_millis(1)));
                    let _ = (read.cancel(), write.cancel());
                    received.fetch_add(done(read).bytes as u32, Ordering::Relaxed);
                    sent.fetch_add(done(write).bytes as u32, Ordering::Relaxed);
                }
            });
        }
    });
    let mut peeked = server.peek(&mut []).unwrap();
    while peeked.left_in_message > 0 {
        received.fetch_add(done(server.start_read(vec![0; 100])).bytes as u32, Ordering::Relaxed);
        peeked = server.peek(&mut []).unwrap();
    }
    assert_eq!(sent.into_inner(), received.into_inner());
    assert_eq!(server.cancel_all().unwrap_err().win32(), Win32Error::NOT_FOUND);
}
