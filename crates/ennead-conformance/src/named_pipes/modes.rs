//! Read and wait modes: `SetNamedPipeHandleState`, `GetNamedPipeHandleState`, `PIPE_NOWAIT`.

use super::{
    Case, End, GENERIC_READ, GENERIC_WRITE, INBOUND, NOWAIT, NamedPipes, OUTBOUND, READ_ATTRIBUTES,
    READ_MESSAGE, Spec, WRITE_ATTRIBUTES, code, pair, take,
};

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("each end has modes of its own", own_modes),
        ("modes that do not exist are refused", wrong_modes),
        ("changing modes takes the right to write attributes", right_to_change),
        ("with the right to read attributes, modes can be queried", right_to_query),
        ("a no-wait read of nothing says so", read_nothing),
        ("a no-wait write takes a message whole or not at all", write_message),
        ("a no-wait write takes as many bytes as fit", write_bytes),
    ]
}

fn own_modes<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\modes", Spec::MESSAGES).unwrap();
    let client = pipes.open(r"\\.\pipe\modes", super::client_access(Spec::MESSAGES)).unwrap();
    assert_eq!(pipes.state(End::Server(&server)).unwrap(), (READ_MESSAGE, 1));
    assert_eq!(pipes.state(End::Client(&client)).unwrap(), (0, 1), "a client begins with bytes, waiting");
    pipes.set_state(End::Client(&client), READ_MESSAGE | NOWAIT).unwrap();
    assert_eq!(pipes.state(End::Client(&client)).unwrap().0, READ_MESSAGE | NOWAIT);
    assert_eq!(pipes.state(End::Server(&server)).unwrap().0, READ_MESSAGE);
}

fn wrong_modes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\wrong", Spec::BYTES);
    assert_eq!(code(pipes.set_state(End::Server(&server), READ_MESSAGE)), 87);
    assert_eq!(code(pipes.set_state(End::Client(&client), READ_MESSAGE)), 87);
    assert_eq!(code(pipes.set_state(End::Client(&client), 4)), 87);
}

fn right_to_change<P: NamedPipes>(pipes: &P) {
    let spec = Spec { open_mode: OUTBOUND, max_instances: 2, ..Spec::MESSAGES };
    let _one = pipes.create(r"\\.\pipe\attributes", spec).unwrap();
    let _two = pipes.create(r"\\.\pipe\attributes", spec).unwrap();
    let without = pipes.open(r"\\.\pipe\attributes", GENERIC_READ).unwrap();
    assert_eq!(code(pipes.set_state(End::Client(&without), READ_MESSAGE)), 5);
    let with = pipes.open(r"\\.\pipe\attributes", GENERIC_READ | WRITE_ATTRIBUTES).unwrap();
    pipes.set_state(End::Client(&with), READ_MESSAGE).unwrap();
    let (server, client) = pair(pipes, r"\\.\pipe\attributes-in", Spec { open_mode: INBOUND, ..Spec::BYTES });
    assert_eq!(code(pipes.set_state(End::Server(&server), NOWAIT)), 5);
    pipes.set_state(End::Client(&client), NOWAIT).unwrap();
}

/// "The client must specify GENERIC_WRITE and FILE_READ_ATTRIBUTES access when connecting to the pipe."
fn right_to_query<P: NamedPipes>(pipes: &P) {
    let spec = Spec { open_mode: INBOUND, max_instances: 2, ..Spec::BYTES };
    let _one = pipes.create(r"\\.\pipe\query", spec).unwrap();
    let _two = pipes.create(r"\\.\pipe\query", spec).unwrap();
    // "Must specify" binds the caller: the page does not say that it fails without.
    let with = pipes.open(r"\\.\pipe\query", GENERIC_WRITE | READ_ATTRIBUTES).unwrap();
    assert_eq!(pipes.state(End::Client(&with)).unwrap(), (0, 2));
    assert_eq!(pipes.info(End::Client(&with)).unwrap().3, 2);
}

fn read_nothing<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\nothing", Spec::MESSAGES);
    pipes.set_state(End::Client(&client), READ_MESSAGE | NOWAIT).unwrap();
    assert_eq!(code(pipes.read(End::Client(&client), &mut [0; 4])), 232);
    pipes.write(End::Server(&server), b"x").unwrap();
    assert_eq!(take(pipes, End::Client(&client), 4).unwrap().0, b"x");
    drop(server);
    assert_eq!(code(pipes.read(End::Client(&client), &mut [0; 4])), 109);
}

fn write_message<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\whole", Spec::MESSAGES);
    pipes.set_state(End::Server(&server), READ_MESSAGE | NOWAIT).unwrap();
    assert_eq!(pipes.write(End::Server(&server), &[1; 100_000]).unwrap(), 0);
    let mut written = 0;
    while pipes.write(End::Server(&server), &[2; 1000]).unwrap() == 1000 {
        written += 1;
    }
    assert!(written >= 4, "the quota of 4,096 bytes holds four messages of 1,000, not {written}");
    for _ in 0..written {
        assert_eq!(take(pipes, End::Client(&client), 9999).unwrap(), (vec![2; 1000], false));
    }
    assert_eq!(pipes.peek(End::Client(&client), &mut []).unwrap(), (0, 0, 0));
}

fn write_bytes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\fit", Spec::BYTES);
    pipes.set_state(End::Server(&server), NOWAIT).unwrap();
    let data: Vec<u8> = (0..100_000u32).map(|n| (n % 251) as u8).collect();
    let written = pipes.write(End::Server(&server), &data).unwrap();
    assert!((4096..100_000).contains(&written), "wrote {written} bytes");
    assert_eq!(pipes.write(End::Server(&server), &data).unwrap(), 0);
    assert_eq!(take(pipes, End::Client(&client), 100_000).unwrap().0, data[..written]);
}
