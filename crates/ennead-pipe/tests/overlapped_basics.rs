//! What one overlapped operation does: inline, pending, cancelled, refused.

mod support;

use ennead_pipe::named::{Connected, PipeType, Wait};
use ennead_pipe::overlapped::{NothingToCancel, Overlapped};
use ennead_status::Win32Error;
use std::time::Instant;
use support::Root;
use support::overlapped::{NAME, connected, done, messages, pattern, soon};

#[test]
fn what_can_be_done_at_once_is_complete_at_once() {
    let root = Root::new("inline");
    let (server, client) = messages(&root);
    let write = client.start_write(b"hello".to_vec());
    assert!(write.is_complete());
    assert_eq!(write.win32(), Win32Error::SUCCESS);
    let write = write.finish().unwrap();
    assert_eq!((write.result().unwrap(), &write.buffer[..]), (5, &b"hello"[..]));
    let read = server.start_read(vec![0; 16]);
    assert!(read.is_complete());
    assert_eq!(read.finish().unwrap().data(), b"hello");
}

#[test]
fn what_cannot_is_pending_and_then_complete() {
    let root = Root::new("pending");
    let (server, client) = messages(&root);
    let read = server.start_read(vec![0; 16]);
    assert!(!read.is_complete());
    assert_eq!(read.win32(), Win32Error::IO_INCOMPLETE);
    let early = read.wait(Wait::Never).unwrap_err();
    assert_eq!(early.win32(), Win32Error::IO_INCOMPLETE);
    let late = read.wait(Wait::Until(Instant::now())).unwrap_err();
    assert_eq!(late.win32(), Win32Error::WAIT_TIMEOUT);
    let read = read.finish().unwrap_err();
    assert_eq!(done(client.start_write(b"later".to_vec())).bytes, 5);
    let read = done(read);
    assert_eq!((read.data(), read.buffer.len(), read.win32()), (&b"later"[..], 16, Win32Error::SUCCESS));
}

#[test]
fn a_buffer_too_short_gives_more_data_and_the_rest_to_the_next() {
    let root = Root::new("more");
    let (server, client) = messages(&root);
    let first = server.start_read(vec![0; 4]);
    let second = server.start_read(vec![0; 16]);
    done(client.start_write(b"abcdefg".to_vec()));
    let first = done(first);
    assert_eq!((first.data(), first.left_in_message), (&b"abcd"[..], 3));
    assert_eq!((first.win32(), first.result().unwrap()), (Win32Error::MORE_DATA, 4));
    assert_eq!(done(second).data(), b"efg");
}

#[test]
fn a_cancelled_read_is_aborted_and_takes_nothing() {
    let root = Root::new("cancel");
    let (server, client) = messages(&root);
    let read = server.start_read(vec![7; 16]);
    read.cancel().unwrap();
    assert!(read.is_complete());
    assert_eq!(read.cancel().unwrap_err().win32(), Win32Error::NOT_FOUND);
    let aborted = read.finish().unwrap();
    assert_eq!((aborted.win32(), aborted.bytes), (Win32Error::OPERATION_ABORTED, 0));
    assert_eq!(aborted.buffer, [7; 16]);
    done(client.start_write(b"kept".to_vec()));
    assert_eq!(done(server.start_read(vec![0; 16])).data(), b"kept");
}

#[test]
fn a_completed_operation_cannot_be_cancelled() {
    let root = Root::new("notfound");
    let (server, client) = messages(&root);
    let write = client.start_write(b"x".to_vec());
    assert_eq!(write.cancel(), Err(NothingToCancel));
    assert_eq!(client.cancel_all(), Err(NothingToCancel));
    assert_eq!(server.cancel_all(), Err(NothingToCancel));
    assert_eq!(write.win32(), Win32Error::SUCCESS);
}

#[test]
fn cancel_all_and_cancel_own() {
    let root = Root::new("cancelall");
    let (server, _client) = messages(&root);
    let mine = server.start_read(vec![0; 16]);
    let other = std::thread::scope(|scope| scope.spawn(|| server.start_read(vec![0; 16])).join().unwrap());
    assert_eq!(server.cancel_own(), 1);
    assert!(mine.is_complete() && !other.is_complete());
    let again = server.start_read(vec![0; 16]);
    assert_eq!(server.cancel_all(), Ok(2));
    for operation in [mine, other, again] {
        assert_eq!(operation.win32(), Win32Error::OPERATION_ABORTED);
    }
    assert_eq!(server.cancel_own(), 0);
}

#[test]
fn reads_complete_in_order_and_so_do_writes() {
    let root = Root::new("order");
    let (server, client) = messages(&root);
    let reads: Vec<_> = (0..100).map(|_| server.start_read(vec![0; 2048])).collect();
    let writes: Vec<_> = (0..100).map(|n| client.start_write(pattern(10 * n, n))).collect();
    for (n, (read, write)) in reads.into_iter().zip(writes).enumerate() {
        assert_eq!(done(write).bytes, 10 * n);
        assert_eq!(done(read).data(), pattern(10 * n, n));
    }
    // More than the pipe holds: the writes pend, too.
    let writes: Vec<_> = (0..100).map(|n| client.start_write(pattern(1000, n))).collect();
    assert!(writes[0].is_complete() && !writes[99].is_complete());
    for n in 0..100 {
        assert_eq!(done(server.start_read(vec![0; 2048])).data(), pattern(1000, n));
    }
    for write in writes {
        assert_eq!(done(write).bytes, 1000);
    }
}

#[test]
fn what_is_larger_than_the_quota_streams_and_others_wait_their_turn() {
    for kind in [PipeType::Message, PipeType::Byte] {
        let root = Root::new(if kind == PipeType::Byte { "streambytes" } else { "streammessage" });
        let (server, client) = connected(&root, kind);
        let large = client.start_write(pattern(100_000, 1));
        let small = client.start_write(b"behind".to_vec());
        assert!(!large.is_complete() && !small.is_complete());
        let mut got = Vec::new();
        while got.len() < 100_000 {
            let read = done(server.start_read(vec![0; 100_000 - got.len()]));
            assert_eq!(read.left_in_message, 0);
            got.extend_from_slice(read.data());
            assert!(kind == PipeType::Byte || got.len() == 100_000, "a message is read whole");
        }
        assert_eq!(got, pattern(100_000, 1));
        assert_eq!(done(large).bytes, 100_000);
        assert_eq!(done(small).bytes, 6);
        assert_eq!(done(server.start_read(vec![0; 16])).data(), b"behind");
    }
}

#[test]
fn a_cancelled_write_reports_what_can_be_read() {
    for kind in [PipeType::Message, PipeType::Byte] {
        let root = Root::new(if kind == PipeType::Byte { "cutbytes" } else { "cutmessage" });
        let (server, client) = connected(&root, kind);
        let large = client.start_write(pattern(100_000, 2));
        let whole = client.start_write(pattern(2000, 3));
        let behind = client.start_write(b"behind".to_vec());
        whole.cancel().unwrap();
        large.cancel().unwrap();
        assert_eq!(whole.finish().unwrap().bytes, 0);
        let large = large.finish().unwrap();
        assert_eq!(large.win32(), Win32Error::OPERATION_ABORTED);
        assert!(large.bytes > 0 && large.bytes < 100_000);
        let mut got = Vec::new();
        while got.len() < large.bytes {
            let read = done(server.start_read(vec![0; large.bytes - got.len()]));
            got.extend_from_slice(read.data());
        }
        assert_eq!(got, pattern(large.bytes, 2));
        let mut next = done(server.start_read(vec![0; 16]));
        if kind == PipeType::Message && next.bytes == 0 {
            // The end of the message that was cut short.
            next = done(server.start_read(vec![0; 16]));
        }
        assert_eq!(next.data(), b"behind");
        assert_eq!(done(behind).bytes, 6);
    }
}

#[test]
fn a_read_cancelled_in_a_long_message_reports_its_part() {
    let root = Root::new("part");
    let (server, client) = messages(&root);
    let mut written = 0;
    let data = pattern(50_000, 4);
    // By hand, so that the writer stops in the middle.
    assert!(client.end().endpoint().write_part(&data, &mut written).is_err());
    let read = server.start_read(vec![0; 100_000]);
    assert_eq!(server.peek(&mut []).unwrap().available, 0, "it has taken the part");
    assert!(!read.is_complete());
    read.cancel().unwrap();
    let part = read.finish().unwrap();
    assert_eq!((part.win32(), part.bytes), (Win32Error::OPERATION_ABORTED, written));
    assert_eq!(part.data(), &data[..written]);
    let rest = server.start_read(vec![0; 100_000]);
    while client.end().endpoint().write_part(&data, &mut written).is_err() {
        std::thread::yield_now();
    }
    assert_eq!(done(rest).data(), &data[part.bytes..]);
}

#[test]
fn dropping_an_operation_cancels_it() {
    let root = Root::new("dropped");
    let (server, client) = messages(&root);
    drop(server.start_read(vec![0; 16]));
    let read = server.start_read(vec![0; 16]);
    done(client.start_write(b"for the second".to_vec()));
    assert_eq!(done(read).data(), b"for the second");
}

#[test]
fn dropping_the_end_aborts_what_is_pending_and_closes() {
    let root = Root::new("closing");
    let (server, client) = messages(&root);
    let (read, write) = (client.start_read(vec![0; 16]), client.start_write(pattern(100_000, 0)));
    drop(client);
    assert_eq!(read.win32(), Win32Error::OPERATION_ABORTED);
    assert_eq!(write.win32(), Win32Error::OPERATION_ABORTED);
    assert_eq!(read.cancel(), Err(NothingToCancel));
    // The message that had begun ends short.
    let theirs = done(server.start_read(vec![0; 200_000]));
    assert_eq!(theirs.bytes, write.finish().unwrap().bytes);
    assert_eq!(done(server.start_read(vec![0; 16])).win32(), Win32Error::BROKEN_PIPE);
    assert_eq!(done(server.start_write(b"x".to_vec())).win32(), Win32Error::NO_DATA);
    drop(server);
    assert!(root.left_behind().is_empty());
}

#[test]
fn the_servers_disconnect_completes_what_is_pending_at_both_ends() {
    let root = Root::new("disconnecting");
    let (server, client) = messages(&root);
    let pending = [
        client.start_read(vec![0; 16]),
        server.start_read(vec![0; 16]),
        server.start_write(pattern(100_000, 0)),
        client.start_write(pattern(100_000, 0)),
    ];
    // Messages in the way: neither read is served.
    assert_eq!(pending[2].win32(), Win32Error::IO_INCOMPLETE);
    for operation in &pending[..2] {
        let _ = operation.cancel();
    }
    let reads = [client.start_read(vec![0; 16]), server.start_read(vec![0; 16])];
    drop(reads);
    server.disconnect().unwrap();
    for operation in pending.into_iter().skip(2) {
        assert_eq!(done(operation).win32(), Win32Error::PIPE_NOT_CONNECTED);
    }
    assert_eq!(server.disconnect().unwrap_err().win32(), Win32Error::PIPE_NOT_CONNECTED);
    assert_eq!(done(server.start_read(vec![0; 1])).win32(), Win32Error::PIPE_NOT_CONNECTED);
    assert_eq!(done(client.start_read(vec![0; 1])).win32(), Win32Error::PIPE_NOT_CONNECTED);
}

#[test]
fn a_read_pending_over_a_disconnect_never_sees_the_next_client() {
    let root = Root::new("nextclient");
    let (server, client) = messages(&root);
    let (mine, theirs) = (server.start_read(vec![0; 16]), client.start_read(vec![0; 16]));
    server.disconnect().unwrap();
    assert_eq!(mine.win32(), Win32Error::PIPE_NOT_CONNECTED);
    assert_eq!(done(theirs).win32(), Win32Error::PIPE_NOT_CONNECTED);
    let connect = server.start_connect();
    assert!(!connect.is_complete());
    let next = root.client().open(NAME).unwrap();
    assert_eq!(done(connect).connected, Some(Connected::Now));
    next.write(b"next").unwrap();
    assert_eq!(done(server.start_read(vec![0; 16])).data(), b"next");
}

#[test]
fn connects_wait_in_order_and_can_be_cancelled() {
    let root = Root::new("connects");
    let servers: Vec<_> = (0..4).map(|_| Overlapped::new(root.server().create(NAME).unwrap())).collect();
    let connects: Vec<_> = servers.iter().map(Overlapped::start_connect).collect();
    assert_eq!(done(servers[0].start_read(vec![0; 1])).win32(), Win32Error::PIPE_LISTENING);
    assert_eq!(connects[0].win32(), Win32Error::IO_INCOMPLETE);
    connects[1].cancel().unwrap();
    assert_eq!(connects[1].win32(), Win32Error::OPERATION_ABORTED);
    servers[2].disconnect().unwrap();
    assert_eq!(connects[2].win32(), Win32Error::PIPE_NOT_CONNECTED);
    let first = root.client().open(NAME).unwrap();
    connects[0].wait(soon()).unwrap();
    assert_eq!(connects[0].win32(), Win32Error::SUCCESS);
    assert!(!connects[3].is_complete());
    let second = root.client().open(NAME).unwrap();
    connects[3].wait(soon()).unwrap();
    assert_eq!(servers[0].end().client_process_id().unwrap(), std::process::id());
    let third = root.client().open(NAME).unwrap();
    assert_eq!(done(servers[1].start_connect()).connected, Some(Connected::Before));
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
    drop((first, second, third));
    assert_eq!(done(servers[3].start_connect()).win32(), Win32Error::NO_DATA);
    let pending = servers[2].start_connect();
    drop(servers);
    assert_eq!(pending.win32(), Win32Error::OPERATION_ABORTED);
    assert!(root.left_behind().is_empty());
}
