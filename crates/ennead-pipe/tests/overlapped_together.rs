//! Overlapped transactions, waits for several operations, completion routines, refusals.

mod support;

use std::time::{Duration, Instant};

use ennead_pipe::named::{Instance, Modes, ReadMode, Wait, WaitMode};
use ennead_pipe::overlapped::{Overlapped, WaitError, Waitable, wait_all, wait_any};
use ennead_status::Win32Error;
use support::Root;
use support::overlapped::{NAME, done, messages, pattern, soon};

#[test]
fn a_transaction_is_a_write_and_the_read_of_its_answer() {
    let root = Root::new("transact");
    let (server, client) = messages(&root);
    let transact = client.start_transact(b"question".to_vec(), vec![0; 6]);
    assert!(!transact.is_complete());
    let busy = done(client.start_transact(b"another".to_vec(), vec![0; 6]));
    assert_eq!((busy.win32(), &busy.request[..]), (Win32Error::PIPE_BUSY, &b"another"[..]));
    assert_eq!(done(server.start_read(vec![0; 16])).data(), b"question");
    let behind = client.start_read(vec![0; 16]);
    done(server.start_write(b"answers".to_vec()));
    let answer = done(transact);
    assert_eq!((answer.data(), answer.win32()), (&b"answer"[..], Win32Error::MORE_DATA));
    assert_eq!(answer.request, b"question");
    assert_eq!(done(behind).data(), b"s");

    done(server.start_write(b"unread".to_vec()));
    assert_eq!(done(client.start_transact(vec![1], vec![0; 6])).win32(), Win32Error::PIPE_BUSY);
    assert_eq!(done(client.start_read(vec![0; 6])).data(), b"unread");
    let modes = Modes { read: ReadMode::Byte, wait: WaitMode::Wait };
    client.end().set_modes(modes).unwrap();
    assert_eq!(done(client.start_transact(vec![1], vec![0; 6])).win32(), Win32Error::BAD_PIPE);
}

#[test]
fn a_transaction_can_be_cancelled_at_each_step() {
    let root = Root::new("transactcancel");
    let (server, client) = messages(&root);
    // While its request waits for room, behind another write.
    let before = client.start_write(pattern(4000, 0));
    let filler = client.start_write(pattern(5000, 0));
    assert!(!filler.is_complete());
    let transact = client.start_transact(b"question".to_vec(), vec![0; 6]);
    transact.cancel().unwrap();
    let aborted = transact.finish().unwrap();
    assert_eq!((aborted.win32(), aborted.bytes), (Win32Error::OPERATION_ABORTED, 0));
    assert_eq!((&aborted.request[..], aborted.buffer.len()), (&b"question"[..], 6));
    assert_eq!(done(server.start_read(vec![0; 9000])).bytes, 4000);
    assert_eq!(done(server.start_read(vec![0; 9000])).bytes, 5000);
    assert_eq!((done(before).bytes, done(filler).bytes), (4000, 5000));
    // In the middle of a request that streams.
    let transact = client.start_transact(pattern(50_000, 0), vec![0; 6]);
    assert_eq!(client.cancel_all(), Ok(1));
    assert_eq!(transact.win32(), Win32Error::OPERATION_ABORTED);
    let cut = done(server.start_read(vec![0; 60_000]));
    assert!(cut.error.is_none() && cut.bytes < 50_000, "{cut:?}");
    // While it waits for the answer, which is then for whoever reads next.
    let transact = client.start_transact(b"again".to_vec(), vec![0; 6]);
    assert_eq!(done(server.start_read(vec![0; 16])).data(), b"again");
    transact.cancel().unwrap();
    done(server.start_write(b"answer".to_vec()));
    assert_eq!(transact.win32(), Win32Error::OPERATION_ABORTED);
    assert_eq!(done(client.start_read(vec![0; 16])).data(), b"answer");
}

#[test]
fn waits_take_operations_and_descriptors() {
    let root = Root::new("waits");
    let (server, client) = messages(&root);
    assert!(matches!(wait_any(&[], Wait::Forever), Err(WaitError::Nothing)));
    let reads: Vec<_> = (0..100).map(|_| server.start_read(vec![0; 16])).collect();
    let (mut end, descriptor) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut items: Vec<Waitable<'_>> = reads.iter().map(Waitable::from).collect();
    items.push(Waitable::from(std::os::fd::AsFd::as_fd(&descriptor)));
    let incomplete = wait_any(&items, Wait::Never).unwrap_err();
    assert_eq!(incomplete.win32(), Win32Error::IO_INCOMPLETE);
    std::io::Write::write_all(&mut end, b"x").unwrap();
    assert_eq!(wait_any(&items, soon()).unwrap(), 100);
    let token = ennead_pipe::named::CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait_any(&items[1..100], Wait::Cancellable(&token, None)));
        let operation = scope.spawn(|| wait_any(&items[..100], soon()));
        client.start_write(b"y".to_vec()).join().result().unwrap();
        assert_eq!(operation.join().unwrap().unwrap(), 0);
        token.cancel();
        assert_eq!(waiting.join().unwrap().unwrap_err().win32(), Win32Error::OPERATION_ABORTED);
    });
    let event = reads[1].event().unwrap();
    assert!(wait_any(&[Waitable::from(event)], Wait::Until(Instant::now())).is_err());
    let all = std::thread::scope(|scope| {
        let all = scope.spawn(|| wait_all(&items, soon()));
        for n in 1..100u8 {
            client.start_write(vec![n]).join().result().unwrap();
        }
        all.join().unwrap()
    });
    all.unwrap();
    wait_any(&[Waitable::from(event)], soon()).unwrap();
    for (n, read) in reads.into_iter().enumerate().skip(1) {
        assert_eq!(read.finish().unwrap().data(), [n as u8]);
    }
}

#[test]
fn routines_are_called_in_order_and_may_start_the_next_operation() {
    let root = Root::new("routines");
    let (server, client) = messages(&root);
    let server = std::sync::Arc::new(server);
    let (sender, receiver) = std::sync::mpsc::channel();

    fn again(server: &std::sync::Arc<Overlapped<Instance>>, to: std::sync::mpsc::Sender<(u32, bool)>) {
        let next = std::sync::Arc::downgrade(server);
        server.start_read(vec![0; 4]).on_completion(move |read| {
            let Ok(number) = <[u8; 4]>::try_from(read.data()) else { return };
            let porter = std::thread::current().name() == Some("ennead-porter");
            if let Some(server) = next.upgrade() {
                to.send((u32::from_le_bytes(number), porter)).unwrap();
                again(&server, to);
            }
        });
    }
    again(&server, sender);
    for number in 0..10_000u32 {
        client.start_write(number.to_le_bytes().to_vec()).join().result().unwrap();
    }
    for number in 0..10_000 {
        let (got, porter) = receiver.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!((got, porter), (number, true));
    }
    // One that is complete already, and one that panics.
    let panicking = client.start_write(vec![0; 4]);
    panicking.on_completion(|_| panic!("a routine's own fault"));
    let (told, heard) = std::sync::mpsc::channel();
    client.start_write(vec![0; 4]).on_completion(move |write| told.send(write.bytes).unwrap());
    assert_eq!(heard.recv(), Ok(4));
}

#[test]
fn refusals_come_through_the_operation() {
    let root = Root::new("refused");
    let server = Overlapped::new(
        root.server().direction(ennead_pipe::named::Direction::Inbound).create(NAME).unwrap(),
    );
    let client = Overlapped::new(root.client().write_only().open(NAME).unwrap());
    done(server.start_connect());
    let refused = done(server.start_write(b"x".to_vec()));
    assert_eq!((refused.win32(), &refused.buffer[..]), (Win32Error::ACCESS_DENIED, &b"x"[..]));
    assert_eq!(done(client.start_read(vec![0; 1])).win32(), Win32Error::ACCESS_DENIED);
}
