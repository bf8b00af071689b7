//! How it ends: `CloseHandle`, `DisconnectNamedPipe`.

use std::thread;

use super::{Case, End, GENERIC_READ, NamedPipes, READ_MESSAGE, Spec, code, pair, take};

pub(super) fn cases<P: NamedPipes>() -> Vec<Case<P>> {
    vec![
        ("what the server wrote before it closed can be read", server_closes),
        ("what the client wrote before it closed can be read", client_closes),
        ("a disconnect discards what was not read", disconnect_discards),
        ("a disconnected client's handle is of no use", disconnected_client),
        ("a blocked read ends when the other end closes", blocked_read_closed),
        ("a blocked read ends when the server disconnects", blocked_read_disconnected),
        ("a blocked write ends when the other end closes", blocked_write_closed),
        ("a flush ends when the reader closes", flush_closed),
        ("a disconnect of a listening instance does what it says", disconnect_listening),
        ("the name is free when the last server has closed", name_is_free),
    ]
}

fn server_closes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\end-server", Spec::MESSAGES);
    pipes.write(End::Server(&server), b"last words").unwrap();
    drop(server);
    assert_eq!(code(pipes.write(End::Client(&client), b"x")), 232);
    // Unread data (231) or the state (230): no page says which comes first.
    assert!(matches!(code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])), 230 | 231));
    assert_eq!(pipes.peek(End::Client(&client), &mut []).unwrap(), (0, 10, 10));
    assert_eq!(take(pipes, End::Client(&client), 99).unwrap().0, b"last words");
    assert_eq!(code(pipes.read(End::Client(&client), &mut [0; 4])), 109);
    assert_eq!(code(pipes.peek(End::Client(&client), &mut [0; 4])), 109);
}

fn client_closes<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\end-client", Spec::MESSAGES);
    pipes.write(End::Client(&client), b"last words").unwrap();
    drop(client);
    assert_eq!(code(pipes.write(End::Server(&server), b"x")), 232);
    assert_eq!(take(pipes, End::Server(&server), 99).unwrap().0, b"last words");
    assert_eq!(code(pipes.read(End::Server(&server), &mut [0; 4])), 109);
    assert_eq!(code(pipes.peek(End::Server(&server), &mut [0; 4])), 109);
    assert_eq!(code(pipes.transact(End::Server(&server), b"x", &mut [0; 4])), 230);
    assert_eq!(code(pipes.flush(End::Server(&server))), 0);
    assert_eq!(code(pipes.connect(&server)), 232);
}

fn disconnect_discards<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\discard", Spec::MESSAGES);
    pipes.write(End::Server(&server), b"never read").unwrap();
    pipes.disconnect(&server).unwrap();
    assert_eq!(code(pipes.read(End::Client(&client), &mut [0; 99])), 233);
}

fn disconnected_client<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\forced", Spec::MESSAGES);
    pipes.disconnect(&server).unwrap();
    for code in [
        code(pipes.read(End::Client(&client), &mut [0; 4])),
        code(pipes.write(End::Client(&client), b"x")),
        code(pipes.peek(End::Client(&client), &mut [0; 4])),
        code(pipes.transact(End::Client(&client), b"x", &mut [0; 4])),
        code(pipes.flush(End::Client(&client))),
        code(pipes.set_state(End::Client(&client), READ_MESSAGE)),
        code(pipes.state(End::Client(&client))),
    ] {
        assert_eq!(code, 233);
    }
}

fn blocked_read_closed<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\blocked", Spec::MESSAGES);
    thread::scope(|scope| {
        let reader = scope.spawn(|| code(pipes.read(End::Client(&client), &mut [0; 4])));
        pipes.connect(&server).unwrap_err();
        drop(server);
        assert_eq!(reader.join().unwrap(), 109);
    });
}

fn blocked_read_disconnected<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\blocked-disc", Spec::MESSAGES);
    thread::scope(|scope| {
        let client_read = scope.spawn(|| code(pipes.read(End::Client(&client), &mut [0; 4])));
        let server_read = scope.spawn(|| code(pipes.read(End::Server(&server), &mut [0; 4])));
        pipes.disconnect(&server).unwrap();
        assert_eq!(client_read.join().unwrap(), 233);
        assert_eq!(server_read.join().unwrap(), 233);
    });
}

fn blocked_write_closed<P: NamedPipes>(pipes: &P) {
    for spec in [Spec::MESSAGES, Spec::BYTES] {
        let (server, client) = pair(pipes, r"\\.\pipe\blocked-write", spec);
        thread::scope(|scope| {
            let writer = scope.spawn(|| code(pipes.write(End::Server(&server), &[7; 1_000_000])));
            assert!(!take(pipes, End::Client(&client), 1).unwrap().0.is_empty());
            drop(client);
            // ERROR_BROKEN_PIPE; one that comes later gets ERROR_NO_DATA. [MS-ERREF] tells STATUS_PIPE_BROKEN ("has failed because the other
            // end of the pipe has been closed") from STATUS_PIPE_CLOSING ("is in the closing state").
            assert_eq!(writer.join().unwrap(), 109);
        });
    }
}

fn flush_closed<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\flush-close", Spec::MESSAGES);
    pipes.write(End::Server(&server), b"unread").unwrap();
    thread::scope(|scope| {
        let flush = scope.spawn(|| code(pipes.flush(End::Server(&server))));
        drop(client);
        assert!(matches!(flush.join().unwrap(), 0 | 109));
    });
}

fn disconnect_listening<P: NamedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\disc-listen", Spec::MESSAGES).unwrap();
    // No page says whether there is something to disconnect; what follows must fit the answer.
    if pipes.disconnect(&server).is_ok() {
        assert_eq!(code(pipes.disconnect(&server)), 233);
        assert_eq!(code(pipes.open(r"\\.\pipe\disc-listen", GENERIC_READ)), 231);
    } else {
        pipes.open(r"\\.\pipe\disc-listen", GENERIC_READ).unwrap();
    }
}

fn name_is_free<P: NamedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\free", Spec::MESSAGES);
    drop(server);
    assert_eq!(code(pipes.open(r"\\.\pipe\free", GENERIC_READ)), 2);
    let bytes = pipes.create(r"\\.\pipe\free", Spec::BYTES).unwrap();
    drop((client, bytes));
}
