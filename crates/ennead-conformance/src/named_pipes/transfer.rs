//! `ReadFile`, `WriteFile`, `PeekNamedPipe`, `TransactNamedPipe`, `FlushFileBuffers`.

use std::thread;

use super::{Case, End, GENERIC_READ, NOWAIT, NamedPipes, OUTBOUND, READ_MESSAGE, Spec, code, pair, take};

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("messages keep their boundaries", boundaries),
        ("a message longer than the buffer comes in parts", parts),
        ("a message of no bytes is a message", empty_messages),
        ("bytes have no boundaries", bytes),
        ("a message-type pipe can be read as bytes", messages_as_bytes),
        ("peek takes nothing", peek),
        ("peek reads in the type's mode", peek_mode),
        ("peek counts all messages", peek_counts),
        ("peek of bytes knows no messages", peek_bytes),
        ("peek never waits", peek_no_wait),
        ("writes larger than the quota stream through", larger_than_quota),
        ("a write waits for room", write_waits),
        ("transactions", transactions),
        ("a transaction's long answer comes in parts", transaction_parts),
        ("what a transaction needs", transaction_needs),
        ("flush waits for the reader", flush),
        ("flush takes the right to write", flush_right),
    ]
}

fn boundaries<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\bounds", Spec::MESSAGES);
    for (from, to) in
        [(End::Client(&client), End::Server(&server)), (End::Server(&server), End::Client(&client))]
    {
        for message in [&b"one"[..], b"two", b"three"] {
            assert_eq!(pipes.write(from, message).unwrap(), message.len());
        }
        for message in [&b"one"[..], b"two", b"three"] {
            assert_eq!(take(pipes, to, 99).unwrap(), (message.to_vec(), false));
        }
    }
}

fn parts<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\parts", Spec::MESSAGES);
    pipes.write(End::Client(&client), b"hello").unwrap();
    pipes.write(End::Client(&client), b"next").unwrap();
    assert_eq!(take(pipes, End::Server(&server), 2).unwrap(), (b"he".to_vec(), true));
    assert_eq!(take(pipes, End::Server(&server), 0).unwrap(), (Vec::new(), true));
    assert_eq!(take(pipes, End::Server(&server), 3).unwrap(), (b"llo".to_vec(), false));
    assert_eq!(take(pipes, End::Server(&server), 4).unwrap(), (b"next".to_vec(), false));
}

fn empty_messages<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\empty", Spec::MESSAGES);
    for message in [&b"a"[..], b"", b"", b"b"] {
        pipes.write(End::Client(&client), message).unwrap();
    }
    for message in [&b"a"[..], b"", b"", b"b"] {
        assert_eq!(take(pipes, End::Server(&server), 9).unwrap(), (message.to_vec(), false));
    }
}

fn bytes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\bytes", Spec::BYTES);
    pipes.write(End::Client(&client), b"one").unwrap();
    pipes.write(End::Client(&client), b"").unwrap();
    pipes.write(End::Client(&client), b"two").unwrap();
    assert_eq!(take(pipes, End::Server(&server), 99).unwrap(), (b"onetwo".to_vec(), false));
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 4]).unwrap(), (0, 0, 0));
}

fn messages_as_bytes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\asbytes", Spec::MESSAGES);
    pipes.set_state(End::Server(&server), 0).unwrap();
    pipes.write(End::Client(&client), b"one").unwrap();
    pipes.write(End::Client(&client), b"two").unwrap();
    let mut all = Vec::new();
    while all.len() < 6 {
        let (some, more) = take(pipes, End::Server(&server), 4).unwrap();
        assert!(!more);
        all.extend(some);
    }
    assert_eq!(all, b"onetwo");
}

fn peek<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\peek", Spec::MESSAGES);
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 4]).unwrap(), (0, 0, 0));
    pipes.write(End::Client(&client), b"hello").unwrap();
    let mut buffer = [0; 2];
    for _ in 0..2 {
        assert_eq!(pipes.peek(End::Server(&server), &mut buffer).unwrap(), (2, 5, 3));
        assert_eq!(&buffer, b"he");
    }
    assert_eq!(pipes.peek(End::Server(&server), &mut []).unwrap(), (0, 5, 5));
    assert_eq!(take(pipes, End::Server(&server), 2).unwrap(), (b"he".to_vec(), true));
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 9]).unwrap(), (3, 3, 0));
    assert_eq!(take(pipes, End::Server(&server), 9).unwrap(), (b"llo".to_vec(), false));
}

fn peek_mode<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\peekmode", Spec::MESSAGES);
    pipes.set_state(End::Server(&server), 0).unwrap();
    pipes.write(End::Client(&client), b"one").unwrap();
    pipes.write(End::Client(&client), b"two").unwrap();
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 9]).unwrap().0, 3);
}

/// *lpTotalBytesAvail*: "the total number of bytes available to be read from the pipe".
fn peek_counts<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\peek-counts", Spec::MESSAGES);
    pipes.write(End::Client(&client), b"one").unwrap();
    pipes.write(End::Client(&client), b"second").unwrap();
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 2]).unwrap(), (2, 9, 1));
    assert_eq!(pipes.peek(End::Server(&server), &mut [0; 9]).unwrap(), (3, 9, 0));
}

/// "This parameter will be zero for byte-type named pipes."
fn peek_bytes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\peek-bytes", Spec::BYTES);
    pipes.write(End::Client(&client), b"one").unwrap();
    pipes.write(End::Client(&client), b"two").unwrap();
    let mut buffer = [0; 5];
    assert_eq!(pipes.peek(End::Server(&server), &mut buffer).unwrap(), (5, 6, 0));
    assert_eq!(&buffer, b"onetw");
    assert_eq!(take(pipes, End::Server(&server), 9).unwrap().0, b"onetwo");
}

/// "The wait mode of a named pipe handle (blocking or nonblocking) has no effect on the function."
fn peek_no_wait<P: NamedPipes>(pipes: &P) {
    for pipe_mode in [0, NOWAIT] {
        let (server, _client) = pair(pipes, r"\\.\pipe\peek-wait", Spec { pipe_mode, ..Spec::BYTES });
        assert_eq!(pipes.peek(End::Server(&server), &mut [0; 4]).unwrap(), (0, 0, 0));
    }
}

fn larger_than_quota<P: NamedPipes>(pipes: &P) {
    let data: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    for spec in [Spec::MESSAGES, Spec::BYTES] {
        let (server, client) = pair(pipes, r"\\.\pipe\large", spec);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(pipes.write(End::Client(&client), &data).unwrap(), data.len()));
            let mut all = Vec::new();
            while all.len() < data.len() {
                let (some, more) = take(pipes, End::Server(&server), 10_000).unwrap();
                all.extend(some);
                assert_eq!(more, spec.pipe_mode != 0 && all.len() < data.len());
            }
            assert!(all == data);
        });
    }
}

fn write_waits<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\full", Spec::BYTES);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            (0..100u8).for_each(|n| assert_eq!(pipes.write(End::Client(&client), &[n; 4096]).unwrap(), 4096));
        });
        for n in 0..100u8 {
            let mut read = 0;
            while read < 4096 {
                let (some, _) = take(pipes, End::Server(&server), 4096 - read).unwrap();
                assert!(some.iter().all(|byte| *byte == n));
                read += some.len();
            }
        }
        writer.join().unwrap();
    });
}

fn transactions<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\transact", Spec::MESSAGES);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..50 {
                let (request, _) = take(pipes, End::Server(&server), 99).unwrap();
                pipes.write(End::Server(&server), &request).unwrap();
            }
        });
        for n in 0..50u8 {
            let mut reply = [0; 9];
            let request = vec![n; usize::from(n % 8)];
            let (bytes, more) = pipes.transact(End::Client(&client), &request, &mut reply).unwrap();
            assert_eq!((&reply[..bytes], more), (&request[..], false));
        }
    });
}

fn transaction_parts<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\transact-long", Spec::MESSAGES);
    thread::scope(|scope| {
        scope.spawn(|| {
            take(pipes, End::Server(&server), 99).unwrap();
            pipes.write(End::Server(&server), b"a long answer").unwrap();
        });
        let mut reply = [0; 6];
        assert_eq!(pipes.transact(End::Client(&client), b"?", &mut reply).unwrap(), (6, true));
        assert_eq!(pipes.peek(End::Client(&client), &mut []).unwrap(), (0, 7, 7));
        assert_eq!(take(pipes, End::Client(&client), 99).unwrap(), (b" answer".to_vec(), false));
    });
}

fn transaction_needs<P: NamedPipes>(pipes: &P) {
    let (_server, client) = pair(pipes, r"\\.\pipe\needs-type", Spec::BYTES);
    assert_eq!(code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])), 230);
    let (server, client) = pair(pipes, r"\\.\pipe\needs-mode", Spec::MESSAGES);
    pipes.set_state(End::Client(&client), 0).unwrap();
    assert_eq!(code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])), 230);
    pipes.set_state(End::Client(&client), READ_MESSAGE).unwrap();
    pipes.write(End::Server(&server), b"unread").unwrap();
    assert_eq!(code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])), 231);
    // [MS-FSCC] 2.3.48: STATUS_INVALID_PIPE_STATE unless it is connected, and 2.3.46: it is not once the server's end has been closed.
    drop(server);
    assert_eq!(code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])), 230);
}

fn flush<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\flush", Spec::MESSAGES);
    for (from, to) in
        [(End::Server(&server), End::Client(&client)), (End::Client(&client), End::Server(&server))]
    {
        pipes.flush(from).unwrap();
        for round in 0..25u8 {
            pipes.write(from, &[round]).unwrap();
            thread::scope(|scope| {
                let flushed = scope.spawn(|| {
                    pipes.flush(from).unwrap();
                    pipes.peek(to, &mut []).unwrap().1
                });
                assert_eq!(take(pipes, to, 9).unwrap().0, [round]);
                assert_eq!(flushed.join().unwrap(), 0, "flush returned with unread data");
            });
        }
    }
}

/// "The file handle must have the GENERIC_WRITE access right."
fn flush_right<P: NamedPipes>(pipes: &P) {
    let _server = pipes.create(r"\\.\pipe\flush-right", Spec { open_mode: OUTBOUND, ..Spec::BYTES }).unwrap();
    let client = pipes.open(r"\\.\pipe\flush-right", GENERIC_READ).unwrap();
    assert_eq!(code(pipes.flush(End::Client(&client))), 5);
}
