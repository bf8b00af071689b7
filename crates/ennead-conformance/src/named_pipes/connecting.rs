//! `ConnectNamedPipe`, `WaitNamedPipe`, `CallNamedPipe`, and `CreateFile` on pipes.

use std::thread;

use super::{
    Case, End, GENERIC_READ, GENERIC_WRITE, NOWAIT, NamedPipes, READ_MESSAGE, Spec, TYPE_MESSAGE, code, pair,
    take,
};

const BOTH: u32 = GENERIC_READ | GENERIC_WRITE;

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("a client may come before the server connects", client_first),
        ("a client may write and go before the server connects", client_gone),
        ("connect waits for a client", connect_waits),
        ("a connected instance connects again after a disconnect only", reconnect),
        ("in no-wait mode connect says how things stand", connect_no_wait),
        ("in no-wait mode the first connect makes the instance available", available_no_wait),
        ("without a free instance, opening says busy", busy),
        ("a disconnected instance admits nobody", disconnected_admits_nobody),
        ("no process serves the name", nobody),
        ("waiting ends when an instance listens", wait_for_instance),
        ("nothing waits for an instance once the last has gone", wait_for_none),
        ("waiting ends in time", wait_times_out),
        ("waiting ends at once when an instance listens", wait_for_nothing),
        ("a pipe without a default time-out has one", default_timeout),
        ("a call opens, transacts and closes", call),
        ("a call takes a message-type pipe", call_bytes),
        ("a call waits for an instance as long as it is told", call_waits),
        ("the server's end works without a connect", without_connect),
    ]
}

fn client_first<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\early", Spec::MESSAGES);
    pipes.write(End::Client(&client), b"early").unwrap();
    assert_eq!(code(pipes.connect(&server)), 535);
    assert_eq!(code(pipes.connect(&server)), 535);
    assert_eq!(take(pipes, End::Server(&server), 9).unwrap(), (b"early".to_vec(), false));
}

fn client_gone<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\gone", Spec::MESSAGES);
    pipes.write(End::Client(&client), b"bye").unwrap();
    drop(client);
    assert_eq!(code(pipes.connect(&server)), 232);
    assert_eq!(take(pipes, End::Server(&server), 9).unwrap(), (b"bye".to_vec(), false));
    assert_eq!(code(pipes.read(End::Server(&server), &mut [0; 4])), 109);
}

fn connect_waits<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\waits", Spec::MESSAGES).unwrap();
    thread::scope(|scope| {
        // Which of the two comes first is open: both outcomes are documented.
        let connected = scope.spawn(|| code(pipes.connect(&server)));
        let client = pipes.open(r"\\.\pipe\waits", BOTH).unwrap();
        assert!(matches!(connected.join().unwrap(), 0 | 535));
        pipes.write(End::Client(&client), b"x").unwrap();
    });
    assert_eq!(take(pipes, End::Server(&server), 9).unwrap().0, b"x");
}

fn reconnect<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\again", Spec::MESSAGES);
    assert_eq!(code(pipes.connect(&server)), 535);
    drop(client);
    assert_eq!(code(pipes.connect(&server)), 232);
    assert_eq!(code(pipes.open(r"\\.\pipe\again", BOTH)), 231);
    pipes.disconnect(&server).unwrap();
    for _ in 0..20 {
        thread::scope(|scope| {
            let connected = scope.spawn(|| pipes.connect(&server));
            pipes.wait(r"\\.\pipe\again", u32::MAX).unwrap();
            let client = pipes.open(r"\\.\pipe\again", BOTH).unwrap();
            assert!(matches!(code(connected.join().unwrap()), 0 | 535));
            pipes.write(End::Client(&client), b"y").unwrap();
            assert_eq!(take(pipes, End::Server(&server), 9).unwrap().0, b"y");
            pipes.disconnect(&server).unwrap();
        });
    }
}

fn connect_no_wait<P: NamedPipes>(pipes: &P) {
    let spec = Spec { pipe_mode: TYPE_MESSAGE | READ_MESSAGE | NOWAIT, ..Spec::MESSAGES };
    let server = pipes.create(r"\\.\pipe\nowait", spec).unwrap();
    assert_eq!(code(pipes.connect(&server)), 536);
    let client = pipes.open(r"\\.\pipe\nowait", BOTH).unwrap();
    assert_eq!(code(pipes.connect(&server)), 535);
    drop(client);
    assert_eq!(code(pipes.connect(&server)), 232);
    pipes.disconnect(&server).unwrap();
    // 0 the first time, which is the next case.
    assert!(matches!(code(pipes.connect(&server)), 0 | 536));
    assert_eq!(code(pipes.connect(&server)), 536);
    let _client = pipes.open(r"\\.\pipe\nowait", BOTH).unwrap();
}

/// "ConnectNamedPipe returns a nonzero value the first time it is called for a pipe instance that is disconnected from a
/// previous client."
fn available_no_wait<P: NamedPipes>(pipes: &P) {
    let spec = Spec { pipe_mode: TYPE_MESSAGE | READ_MESSAGE | NOWAIT, ..Spec::MESSAGES };
    let (server, _client) = pair(pipes, r"\\.\pipe\available", spec);
    pipes.disconnect(&server).unwrap();
    assert_eq!(code(pipes.connect(&server)), 0);
    assert_eq!(code(pipes.connect(&server)), 536);
}

fn busy<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: 2, ..Spec::MESSAGES };
    let _one = pipes.create(r"\\.\pipe\busy", spec).unwrap();
    let two = pipes.create(r"\\.\pipe\busy", spec).unwrap();
    let first = pipes.open(r"\\.\pipe\busy", BOTH).unwrap();
    let _second = pipes.open(r"\\.\pipe\busy", BOTH).unwrap();
    assert_eq!(code(pipes.open(r"\\.\pipe\busy", BOTH)), 231);
    // A client that goes frees nothing: its instance waits to be disconnected.
    drop(first);
    assert_eq!(code(pipes.open(r"\\.\pipe\busy", BOTH)), 231);
    drop(two);
    assert_eq!(code(pipes.open(r"\\.\pipe\busy", BOTH)), 231);
}

fn disconnected_admits_nobody<P: NamedPipes>(pipes: &P) {
    let (server, _client) = pair(pipes, r"\\.\pipe\apart", Spec::MESSAGES);
    pipes.disconnect(&server).unwrap();
    assert_eq!(code(pipes.open(r"\\.\pipe\apart", BOTH)), 231);
    assert_eq!(code(pipes.wait(r"\\.\pipe\apart", 10)), 121);
    assert_eq!(code(pipes.disconnect(&server)), 233);
    for (operation, given, expected) in [
        ("read", code(pipes.read(End::Server(&server), &mut [0; 4])), 233),
        ("write", code(pipes.write(End::Server(&server), b"x")), 233),
        ("peek", code(pipes.peek(End::Server(&server), &mut [0; 4])), 230),
        ("transact", code(pipes.transact(End::Server(&server), b"x", &mut [0; 4])), 230),
        ("state", code(pipes.state(End::Server(&server))), 0),
    ] {
        assert_eq!(given, expected, "{operation}");
    }
}

fn nobody<P: NamedPipes>(pipes: &P) {
    assert_eq!(code(pipes.open(r"\\.\pipe\nobody", BOTH)), 2);
    // "If no instances of the specified named pipe exist, the function returns immediately."
    assert_eq!(code(pipes.wait(r"\\.\pipe\nobody", u32::MAX)), 2);
    assert_eq!(code(pipes.call(r"\\.\pipe\nobody", b"x", &mut [0; 4], u32::MAX)), 2);
}

/// An instance is available when "the pipe's server process has a pending ConnectNamedPipe operation on the pipe".
fn wait_for_instance<P: NamedPipes>(pipes: &P) {
    let spec = Spec { max_instances: 2, ..Spec::MESSAGES };
    let (_server, _client) = pair(pipes, r"\\.\pipe\room", spec);
    assert_eq!(code(pipes.wait(r"\\.\pipe\room", 1)), 121);
    thread::scope(|scope| {
        let waiters: Vec<_> =
            (0..4).map(|_| scope.spawn(|| pipes.wait(r"\\.\pipe\room", u32::MAX))).collect();
        let another = scope.spawn(|| {
            let another = pipes.create(r"\\.\pipe\room", spec).unwrap();
            assert!(matches!(code(pipes.connect(&another)), 0 | 535));
            another
        });
        for waiter in waiters {
            waiter.join().unwrap().unwrap();
        }
        let _client = pipes.open(r"\\.\pipe\room", BOTH).unwrap();
        another.join().unwrap();
    });
}

/// "If no instances of the specified named pipe exist, the WaitNamedPipe function returns immediately."
fn wait_for_none<P: NamedPipes>(pipes: &P) {
    let (server, _client) = pair(pipes, r"\\.\pipe\left", Spec::MESSAGES);
    drop(server);
    assert_eq!(code(pipes.wait(r"\\.\pipe\left", u32::MAX)), 2);
}

fn wait_times_out<P: NamedPipes>(pipes: &P) {
    let (_server, _client) = pair(pipes, r"\\.\pipe\late", Spec { timeout: 1, ..Spec::MESSAGES });
    assert_eq!(code(pipes.wait(r"\\.\pipe\late", 5)), 121);
    assert_eq!(code(pipes.wait(r"\\.\pipe\late", 0)), 121, "the default of the server");
}

fn wait_for_nothing<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\free-now", Spec::MESSAGES).unwrap();
    thread::scope(|scope| {
        let connected = scope.spawn(|| code(pipes.connect(&server)));
        pipes.wait(r"\\.\pipe\free-now", u32::MAX).unwrap();
        let _client = pipes.open(r"\\.\pipe\free-now", BOTH).unwrap();
        assert!(matches!(connected.join().unwrap(), 0 | 535));
    });
}

/// "A value of zero will result in a default time-out of 50 milliseconds."
fn default_timeout<P: NamedPipes>(pipes: &P) {
    let (_server, _client) = pair(pipes, r"\\.\pipe\fifty", Spec { timeout: 0, ..Spec::MESSAGES });
    assert_eq!(code(pipes.wait(r"\\.\pipe\fifty", 0)), 121);
    assert_eq!(code(pipes.call(r"\\.\pipe\fifty", b"x", &mut reply(), 0)), 121);
}

fn call<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\call", Spec::MESSAGES).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..2 {
                assert!(matches!(code(pipes.connect(&server)), 0 | 535));
                let (request, _) = take(pipes, End::Server(&server), 99).unwrap();
                pipes.write(End::Server(&server), &request.repeat(2)).unwrap();
                // The client has closed its end, or will; no page says what a flush then gives.
                assert!(matches!(code(pipes.flush(End::Server(&server))), 0 | 109));
                assert_eq!(code(pipes.read(End::Server(&server), &mut [0; 4])), 109);
                pipes.disconnect(&server).unwrap();
            }
        });
        let mut reply = [0; 8];
        assert_eq!(pipes.call(r"\\.\pipe\call", b"abc", &mut reply, u32::MAX).unwrap(), (6, false));
        assert_eq!(&reply[..6], b"abcabc");
        assert_eq!(pipes.call(r"\\.\pipe\call", b"abc", &mut reply[..4], u32::MAX).unwrap(), (4, true));
    });
}

/// "CallNamedPipe fails if the pipe is a byte-type pipe."; no page says with which code.
fn call_bytes<P: NamedPipes>(pipes: &P) {
    let _server = pipes.create(r"\\.\pipe\call-bytes", Spec::BYTES).unwrap();
    assert!(pipes.call(r"\\.\pipe\call-bytes", b"x", &mut reply(), 1).is_err());
}

fn call_waits<P: NamedPipes>(pipes: &P) {
    let (_server, _client) = pair(pipes, r"\\.\pipe\call-busy", Spec { timeout: 1, ..Spec::MESSAGES });
    // "If the named pipe is not available, the function returns an error": the page does not say which.
    assert!(pipes.call(r"\\.\pipe\call-busy", b"x", &mut reply(), 1).is_err(), "NMPWAIT_NOWAIT");
    assert_eq!(code(pipes.call(r"\\.\pipe\call-busy", b"x", &mut reply(), 5)), 121);
    assert_eq!(
        code(pipes.call(r"\\.\pipe\call-busy", b"x", &mut reply(), 0)),
        121,
        "NMPWAIT_USE_DEFAULT_WAIT"
    );
}

fn reply() -> [u8; 4] {
    [0; 4]
}

fn without_connect<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\listening", Spec::MESSAGES).unwrap();
    assert_eq!(code(pipes.read(End::Server(&server), &mut [0; 4])), 536);
    assert_eq!(code(pipes.write(End::Server(&server), b"x")), 536);
    assert_eq!(code(pipes.peek(End::Server(&server), &mut [0; 4])), 230);
    assert_eq!(code(pipes.transact(End::Server(&server), b"x", &mut [0; 4])), 230);
    assert_eq!(code(pipes.flush(End::Server(&server))), 0);
    let client = pipes.open(r"\\.\pipe\listening", BOTH).unwrap();
    pipes.write(End::Server(&server), b"greeting").unwrap();
    assert_eq!(take(pipes, End::Client(&client), 99).unwrap().0, b"greeting");
}
