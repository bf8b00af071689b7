//! Reads that go on after the call.

mod support;

use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use ennead_mailslot::overlapped::Overlapped;
use ennead_mailslot::{CancelToken, ReadTimeout, Wait, send_in};
use ennead_status::Win32Error;
use support::{Root, watchdog};

const NAME: &str = r"\\.\mailslot\overlapped";

#[test]
fn reads_complete_in_order_and_each_message_goes_to_one() {
    let (root, _dog) = (Root::new("ov-order"), watchdog());
    let slot = Overlapped::new(root.server().create(NAME).unwrap());
    send_in(&root.place, NAME, b"early").unwrap();
    let early = slot.start_read(vec![0; 16]);
    assert!(early.is_complete());
    assert_eq!((early.win32(), early.join().data()), (Win32Error::SUCCESS, &b"early"[..]));
    let pending: Vec<_> = (0..10).map(|_| slot.start_read(vec![0; 16])).collect();
    assert!(pending.iter().all(|read| read.win32() == Win32Error::IO_INCOMPLETE));
    let client = root.client().open(NAME).unwrap();
    for n in 0..10u32 {
        client.write(&n.to_le_bytes()).unwrap();
    }
    for (n, read) in (0..10u32).zip(pending) {
        read.wait(Wait::Forever).unwrap();
        let completion = read.join();
        assert_eq!((completion.win32(), completion.data()), (Win32Error::SUCCESS, &n.to_le_bytes()[..]));
        assert_eq!(completion.buffer.len(), 16);
    }
    assert_eq!(slot.slot().info().unwrap().count, 0);
}

#[test]
fn time_outs_and_buffers_too_small() {
    let (root, _dog) = (Root::new("ov-timeout"), watchdog());
    let slot = Overlapped::new(root.server().read_timeout(ReadTimeout::NONE).create(NAME).unwrap());
    assert_eq!(slot.start_read(vec![0; 4]).win32(), Win32Error::SEM_TIMEOUT);
    slot.slot().set_read_timeout(ReadTimeout::Forever).unwrap();
    let patient = slot.start_read(vec![0; 4]);
    slot.slot().set_read_timeout(ReadTimeout::Milliseconds(20)).unwrap();
    let begun = Instant::now();
    let hasty = slot.start_read(vec![0; 4]);
    assert_eq!(hasty.join().win32(), Win32Error::SEM_TIMEOUT);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert!(!patient.is_complete(), "its own time-out was for ever");
    send_in(&root.place, NAME, b"five!").unwrap();
    let completion = patient.join();
    assert_eq!((completion.win32(), completion.buffer.len()), (Win32Error::INSUFFICIENT_BUFFER, 4));
    assert_eq!(slot.start_read(vec![0; 5]).join().data(), b"five!");
}

#[test]
fn cancelling_takes_nothing() {
    let (root, _dog) = (Root::new("ov-cancel"), watchdog());
    let slot = Overlapped::new(root.server().create(NAME).unwrap());
    assert_eq!(slot.cancel_all().unwrap_err().win32(), Win32Error::NOT_FOUND);
    let (one, two, three) =
        (slot.start_read(vec![0; 8]), slot.start_read(vec![0; 8]), slot.start_read(vec![0; 8]));
    one.cancel().unwrap();
    assert_eq!(one.win32(), Win32Error::OPERATION_ABORTED);
    assert_eq!(one.cancel().unwrap_err().win32(), Win32Error::NOT_FOUND);
    drop(two);
    send_in(&root.place, NAME, b"third").unwrap();
    assert_eq!(three.join().data(), b"third");
    let (four, five) = (slot.start_read(vec![0; 8]), slot.start_read(vec![0; 8]));
    assert_eq!(slot.cancel_all().unwrap(), 2);
    assert_eq!(
        (four.win32(), five.join().win32()),
        (Win32Error::OPERATION_ABORTED, Win32Error::OPERATION_ABORTED)
    );
    let six = slot.start_read(vec![0; 8]);
    assert_eq!(six.wait(Wait::Never).unwrap_err().win32(), Win32Error::IO_INCOMPLETE);
    assert_eq!(six.wait(Wait::Until(Instant::now())).unwrap_err().win32(), Win32Error::WAIT_TIMEOUT);
    let token = CancelToken::new().unwrap();
    token.cancel();
    assert_eq!(
        six.wait(Wait::Forever.or_cancelled(&token)).unwrap_err().win32(),
        Win32Error::OPERATION_ABORTED
    );
    drop(slot);
    assert_eq!(six.join().win32(), Win32Error::OPERATION_ABORTED);
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
}

#[test]
fn routines_are_called_in_order_and_may_start_reads() {
    let (root, _dog) = (Root::new("ov-routine"), watchdog());
    let slot = std::sync::Arc::new(Overlapped::new(root.server().create(NAME).unwrap()));
    let (said, heard) = channel();
    fn next(slot: &std::sync::Arc<Overlapped>, said: &std::sync::mpsc::Sender<Vec<u8>>) {
        let (again, said) = (std::sync::Arc::clone(slot), said.clone());
        slot.start_read(vec![0; 8]).on_completion(move |completion| {
            let ended = completion.error.is_some() || completion.data() == b"end";
            let _ = said.send(completion.data().to_vec());
            if !ended {
                next(&again, &said);
            }
        });
    }
    next(&slot, &said);
    let client = root.client().open(NAME).unwrap();
    for n in 0..1000u32 {
        client.write(&n.to_le_bytes()).unwrap();
    }
    client.write(b"end").unwrap();
    for n in 0..1000u32 {
        assert_eq!(heard.recv().unwrap(), n.to_le_bytes());
    }
    assert_eq!(heard.recv().unwrap(), b"end");
}

#[test]
fn blocking_and_overlapped_reads_share_a_slot() {
    let (root, _dog) = (Root::new("ov-both"), watchdog());
    let slot = Overlapped::new(root.server().create(NAME).unwrap());
    const ALL: u32 = 3000;
    std::thread::scope(|scope| {
        let blocking = scope.spawn(|| {
            let mut seen = Vec::new();
            loop {
                match slot.slot().read_message().unwrap().first_chunk() {
                    Some(number) => seen.push(u32::from_le_bytes(*number)),
                    None => return seen,
                }
            }
        });
        let overlapped = scope.spawn(|| {
            let mut seen = Vec::new();
            loop {
                match slot.start_read(vec![0; 8]).join().data().first_chunk() {
                    Some(number) => seen.push(u32::from_le_bytes(*number)),
                    None => return seen,
                }
            }
        });
        let client = root.client().open(NAME).unwrap();
        for n in 0..ALL {
            client.write(&n.to_le_bytes()).unwrap();
        }
        client.write(b"").unwrap();
        client.write(b"").unwrap();
        let mut seen = [blocking.join().unwrap(), overlapped.join().unwrap()].concat();
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..ALL));
    });
}
