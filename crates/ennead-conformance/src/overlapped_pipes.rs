//! Overlapped operations on named pipes: `ReadFile`, `WriteFile`, `ConnectNamedPipe` and `TransactNamedPipe` with an `OVERLAPPED`.
//! Pages: [Synchronous and Overlapped Pipe I/O](https://learn.microsoft.com/windows/win32/ipc/synchronous-and-overlapped-input-and-output),
//! [GetOverlappedResult](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-getoverlappedresult),
//! [CancelIoEx](https://learn.microsoft.com/windows/win32/api/ioapiset/nf-ioapiset-cancelioex).

use crate::named_pipes::{READ_MESSAGE, Spec, TYPE_MESSAGE};
use crate::{Case, GENERIC_READ, GENERIC_WRITE, Outcome};

/// How an operation came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What `GetLastError` gave: of the function that started it if it failed at once, else of `GetOverlappedResult`; or 0.
    pub code: u32,
    /// *lpNumberOfBytesTransferred*.
    pub bytes: usize,
    /// What was read.
    pub data: Vec<u8>,
}

/// An implementation under test. Every handle closes when it is dropped; an operation that is dropped is cancelled first.
pub trait OverlappedPipes: Sync {
    /// A handle of either end.
    type End: Sync + Send;
    /// An operation that was started.
    type Operation;

    /// `CreateNamedPipe` with FILE_FLAG_OVERLAPPED.
    fn create(&self, name: &str, spec: Spec) -> Outcome<Self::End>;
    /// `CreateFile`, OPEN_EXISTING, with FILE_FLAG_OVERLAPPED.
    fn open(&self, name: &str, access: u32) -> Outcome<Self::End>;
    /// `SetNamedPipeHandleState`.
    fn set_state(&self, end: &Self::End, mode: u32) -> Outcome<()>;
    /// `DisconnectNamedPipe`.
    fn disconnect(&self, server: &Self::End) -> Outcome<()>;

    /// `ConnectNamedPipe`.
    fn start_connect(&self, server: &Self::End) -> Self::Operation;
    /// `ReadFile` into a buffer of `len` bytes.
    fn start_read(&self, end: &Self::End, len: usize) -> Self::Operation;
    /// `WriteFile`.
    fn start_write(&self, end: &Self::End, data: &[u8]) -> Self::Operation;
    /// `TransactNamedPipe` with room for an answer of `len` bytes.
    fn start_transact(&self, end: &Self::End, request: &[u8], len: usize) -> Self::Operation;

    /// Whether `GetOverlappedResult` without waiting says other than ERROR_IO_INCOMPLETE.
    fn is_complete(&self, operation: &Self::Operation) -> bool;
    /// `GetOverlappedResult`, waiting.
    fn finish(&self, operation: Self::Operation) -> Completion;
    /// `CancelIoEx` of one operation.
    fn cancel(&self, operation: &Self::Operation) -> Outcome<()>;
    /// `CancelIoEx` of all operations of a handle.
    fn cancel_all(&self, end: &Self::End) -> Outcome<()>;
}

/// All cases.
#[must_use]
pub fn cases<P: OverlappedPipes>() -> Vec<Case<P>> {
    vec![
        ("an overlapped connect is pending until a client comes", connect_pends),
        ("an overlapped connect with a client there says so", connect_before),
        ("an overlapped connect serves one client after the other", reconnects),
        ("an overlapped read is pending until there is data", read_pends),
        ("an overlapped read of what is there", read_at_once),
        ("an overlapped read of a long message says that there is more", read_parts),
        ("reads and writes are pending at once on one handle", both_ways),
        ("several reads are pending at once", several_reads),
        ("an overlapped write is pending until there is room", write_pends),
        ("an overlapped transaction", transaction),
        ("a transaction's long answer says that there is more", transaction_parts),
        ("a cancelled operation is aborted", cancelled),
        ("a cancelled connect is aborted", cancelled_connect),
        ("all operations of a handle are cancelled", cancelled_all),
        ("what has completed is not there to be cancelled", nothing_to_cancel),
        ("a handle without operations has none to cancel", nobody_to_cancel),
        ("an overlapped operation fails at once where it must", fails_at_once),
        ("a pending read ends when the other end closes", read_closed),
        ("a pending read ends when the server disconnects", read_disconnected),
    ]
}

const ABORTED: u32 = 995;
const MORE_DATA: u32 = 234;

fn code<T>(outcome: Outcome<T>) -> u32 {
    outcome.err().unwrap_or_default().0
}

fn open<P: OverlappedPipes>(pipes: &P, name: &str, spec: Spec) -> P::End {
    let client = pipes.open(name, GENERIC_READ | GENERIC_WRITE).expect("open");
    if spec.pipe_mode & TYPE_MESSAGE != 0 {
        pipes.set_state(&client, READ_MESSAGE).expect("set the client's read mode");
    }
    client
}

fn pair<P: OverlappedPipes>(pipes: &P, name: &str, spec: Spec) -> (P::End, P::End) {
    let server = pipes.create(name, spec).expect("create");
    let client = open(pipes, name, spec);
    (server, client)
}

fn write<P: OverlappedPipes>(pipes: &P, end: &P::End, data: &[u8]) {
    let written = pipes.finish(pipes.start_write(end, data));
    assert_eq!((written.code, written.bytes), (0, data.len()));
}

fn read<P: OverlappedPipes>(pipes: &P, end: &P::End) -> Completion {
    pipes.finish(pipes.start_read(end, 99))
}

fn got(data: &[u8]) -> Completion {
    Completion { code: 0, bytes: data.len(), data: data.to_vec() }
}

/// "If the operation is still pending, the return value is zero and GetLastError returns ERROR_IO_PENDING."
fn connect_pends<P: OverlappedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\o-connect", Spec::MESSAGES).unwrap();
    let connect = pipes.start_connect(&server);
    assert!(!pipes.is_complete(&connect));
    let client = open(pipes, r"\\.\pipe\o-connect", Spec::MESSAGES);
    assert_eq!(pipes.finish(connect).code, 0);
    write(pipes, &client, b"here");
    assert_eq!(read(pipes, &server), got(b"here"));
}

fn connect_before<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-before", Spec::MESSAGES);
    assert_eq!(pipes.finish(pipes.start_connect(&server)).code, 535);
    drop(client);
    assert_eq!(pipes.finish(pipes.start_connect(&server)).code, 232);
}

fn reconnects<P: OverlappedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\o-again", Spec::MESSAGES).unwrap();
    for round in 0..20u8 {
        let connect = pipes.start_connect(&server);
        assert!(!pipes.is_complete(&connect));
        let client = open(pipes, r"\\.\pipe\o-again", Spec::MESSAGES);
        assert_eq!(pipes.finish(connect).code, 0);
        let pending = pipes.start_read(&server, 9);
        write(pipes, &client, &[round]);
        assert_eq!(pipes.finish(pending), got(&[round]));
        pipes.disconnect(&server).unwrap();
    }
}

fn read_pends<P: OverlappedPipes>(pipes: &P) {
    for (name, spec) in [(r"\\.\pipe\o-read-m", Spec::MESSAGES), (r"\\.\pipe\o-read-b", Spec::BYTES)] {
        let (server, client) = pair(pipes, name, spec);
        for (from, to) in [(&client, &server), (&server, &client)] {
            let pending = pipes.start_read(to, 9);
            assert!(!pipes.is_complete(&pending));
            write(pipes, from, b"data");
            assert_eq!(pipes.finish(pending), got(b"data"));
        }
    }
}

fn read_at_once<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-there", Spec::MESSAGES);
    write(pipes, &client, b"there");
    write(pipes, &client, b"");
    let done = pipes.start_read(&server, 9);
    assert!(pipes.is_complete(&done));
    assert_eq!(pipes.finish(done), got(b"there"));
    assert_eq!(read(pipes, &server), got(b""));
}

fn read_parts<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-parts", Spec::MESSAGES);
    let pending = pipes.start_read(&server, 2);
    write(pipes, &client, b"hello");
    assert_eq!(pipes.finish(pending), Completion { code: MORE_DATA, ..got(b"he") });
    assert_eq!(pipes.finish(pipes.start_read(&server, 1)), Completion { code: MORE_DATA, ..got(b"l") });
    assert_eq!(read(pipes, &server), got(b"lo"));
}

/// "Overlapped operations make it possible for one pipe to read and write data simultaneously."
fn both_ways<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-both", Spec::MESSAGES);
    let pending = pipes.start_read(&server, 9);
    write(pipes, &server, b"out");
    assert!(!pipes.is_complete(&pending));
    assert_eq!(read(pipes, &client), got(b"out"));
    write(pipes, &client, b"in");
    assert_eq!(pipes.finish(pending), got(b"in"));
}

fn several_reads<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-several", Spec::MESSAGES);
    let pending: Vec<_> = (0..4).map(|_| pipes.start_read(&server, 9)).collect();
    (0..4u8).for_each(|n| write(pipes, &client, &[n]));
    let mut taken: Vec<_> = pending.into_iter().map(|read| pipes.finish(read).data).collect();
    // No page says which of them gets which.
    taken.sort_unstable();
    assert_eq!(taken, [[0], [1], [2], [3]]);
}

fn write_pends<P: OverlappedPipes>(pipes: &P) {
    let data: Vec<u8> = (0..1_000_000u32).map(|n| (n % 251) as u8).collect();
    let (server, client) = pair(pipes, r"\\.\pipe\o-write", Spec::BYTES);
    let pending = pipes.start_write(&server, &data);
    assert!(!pipes.is_complete(&pending));
    let mut all = Vec::new();
    while all.len() < data.len() {
        let some = pipes.finish(pipes.start_read(&client, 50_000));
        assert_eq!(some.code, 0);
        all.extend(some.data);
    }
    assert!(all == data);
    let written = pipes.finish(pending);
    assert_eq!((written.code, written.bytes), (0, data.len()));
}

fn transaction<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-transact", Spec::MESSAGES);
    for n in 0..20u8 {
        let pending = pipes.start_transact(&client, &[n], 9);
        assert!(!pipes.is_complete(&pending), "complete without an answer");
        assert_eq!(read(pipes, &server), got(&[n]));
        write(pipes, &server, &[n, n]);
        assert_eq!(pipes.finish(pending), got(&[n, n]));
    }
}

fn transaction_parts<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-transact-long", Spec::MESSAGES);
    let pending = pipes.start_transact(&client, b"?", 6);
    assert_eq!(read(pipes, &server), got(b"?"));
    write(pipes, &server, b"a long answer");
    assert_eq!(pipes.finish(pending), Completion { code: MORE_DATA, ..got(b"a long") });
    assert_eq!(read(pipes, &client), got(b" answer"));
}

/// "I/O operations that are canceled complete with the error ERROR_OPERATION_ABORTED."
fn cancelled<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-cancel", Spec::MESSAGES);
    let pending = pipes.start_read(&server, 9);
    pipes.cancel(&pending).unwrap();
    assert_eq!(pipes.finish(pending).code, ABORTED);
    // What comes later is for the next read.
    write(pipes, &client, b"later");
    assert_eq!(read(pipes, &server), got(b"later"));
}

fn cancelled_connect<P: OverlappedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\o-cancel-connect", Spec::MESSAGES).unwrap();
    let pending = pipes.start_connect(&server);
    pipes.cancel(&pending).unwrap();
    assert_eq!(pipes.finish(pending).code, ABORTED);
    // "It does not change the state of the handle."
    let _client = open(pipes, r"\\.\pipe\o-cancel-connect", Spec::MESSAGES);
    assert_eq!(pipes.finish(pipes.start_connect(&server)).code, 535);
}

fn cancelled_all<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-cancel-all", Spec::MESSAGES);
    let pending: Vec<_> = (0..3).map(|_| pipes.start_read(&server, 9)).collect();
    let other = pipes.start_read(&client, 9);
    pipes.cancel_all(&server).unwrap();
    for read in pending {
        assert_eq!(pipes.finish(read).code, ABORTED);
    }
    assert!(!pipes.is_complete(&other), "an operation of another handle");
    write(pipes, &server, b"x");
    assert_eq!(pipes.finish(other), got(b"x"));
}

/// "If this function cannot find a request to cancel, the return value is 0 (zero), and GetLastError returns ERROR_NOT_FOUND."
fn nothing_to_cancel<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-nothing", Spec::MESSAGES);
    write(pipes, &client, b"x");
    let done = pipes.start_read(&server, 9);
    assert_eq!(code(pipes.cancel(&done)), 1168);
    assert_eq!(pipes.finish(done), got(b"x"));
}

fn nobody_to_cancel<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-nobody", Spec::MESSAGES);
    let _other = pipes.start_read(&client, 9);
    assert_eq!(code(pipes.cancel_all(&server)), 1168);
}

fn fails_at_once<P: OverlappedPipes>(pipes: &P) {
    let server = pipes.create(r"\\.\pipe\o-fails", Spec::BYTES).unwrap();
    assert_eq!(read(pipes, &server).code, 536);
    assert_eq!(pipes.finish(pipes.start_write(&server, b"x")).code, 536);
    let client = open(pipes, r"\\.\pipe\o-fails", Spec::BYTES);
    assert_eq!(pipes.finish(pipes.start_transact(&client, b"x", 9)).code, 230);
    pipes.disconnect(&server).unwrap();
    assert_eq!(read(pipes, &server).code, 233);
    assert_eq!(read(pipes, &client).code, 233);
}

fn read_closed<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-closed", Spec::MESSAGES);
    let pending = pipes.start_read(&server, 9);
    drop(client);
    assert_eq!(pipes.finish(pending).code, 109);
}

fn read_disconnected<P: OverlappedPipes>(pipes: &P) {
    let (server, client) = pair(pipes, r"\\.\pipe\o-disconnected", Spec::MESSAGES);
    let pending = [pipes.start_read(&server, 9), pipes.start_read(&client, 9)];
    pipes.disconnect(&server).unwrap();
    for read in pending {
        assert_eq!(pipes.finish(read).code, 233);
    }
}
