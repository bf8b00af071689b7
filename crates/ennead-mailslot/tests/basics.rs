//! What the documentation says of mailslots, within one process.

mod support;

use std::time::{Duration, Instant};

use ennead_mailslot::{
    CancelToken, DEFAULT_BUDGET, Info, LARGEST_BUDGET, ReadTimeout, Reason, ShareMode, Wait, list_in, send,
    send_in,
};
use ennead_security::AccessMask;
use ennead_status::Win32Error;
use support::{Root, descriptors, watchdog};

const NAME: &str = r"\\.\mailslot\stock\changes";

#[test]
fn messages_keep_their_boundaries_and_their_order() {
    let (root, _dog) = (Root::new("boundaries"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let client = root.client().open(r"\\.\MAILSLOT\Stock\CHANGES").unwrap();
    for message in [&b"one"[..], b"", b"three", &[7; 1000]] {
        assert_eq!(client.write(message).unwrap(), message.len());
    }
    let mut buffer = [0; 2000];
    assert_eq!(slot.read(&mut buffer).unwrap(), 3);
    assert_eq!(&buffer[..3], b"one");
    assert_eq!(slot.read(&mut buffer).unwrap(), 0);
    assert_eq!(slot.read_message().unwrap(), b"three");
    assert_eq!(slot.try_read(&mut buffer).unwrap(), Some(1000));
    assert_eq!(slot.try_read(&mut buffer).unwrap(), None);
}

#[test]
fn information_is_as_documented() {
    let (root, _dog) = (Root::new("info"), watchdog());
    let slot = root.server().max_message(100).read_timeout(ReadTimeout::NONE).create(NAME).unwrap();
    let empty = Info { max_message: 100, next: None, count: 0, read_timeout: ReadTimeout::NONE };
    assert_eq!(slot.info().unwrap(), empty);
    let client = root.client().open(NAME).unwrap();
    assert_eq!(slot.info().unwrap(), empty);
    client.write(b"hello").unwrap();
    client.write(b"").unwrap();
    assert_eq!(slot.info().unwrap(), Info { next: Some(5), count: 2, ..empty });
    // ERROR_INSUFFICIENT_BUFFER leaves the message.
    let error = slot.read(&mut [0; 4]).unwrap_err();
    assert_eq!(error.win32(), Win32Error::INSUFFICIENT_BUFFER);
    assert!(matches!(*error.reason, Reason::BufferTooSmall { bytes: 5 }));
    assert_eq!(slot.read(&mut []).unwrap_err().win32(), Win32Error::INSUFFICIENT_BUFFER);
    assert_eq!(slot.info().unwrap().count, 2);
    assert_eq!(slot.read_message().unwrap(), b"hello");
    assert_eq!(slot.info().unwrap(), Info { next: Some(0), count: 1, ..empty });
    assert_eq!(slot.read(&mut []).unwrap(), 0);
    assert_eq!(slot.info().unwrap(), empty);
    slot.set_read_timeout(ReadTimeout::Forever).unwrap();
    assert_eq!(slot.info().unwrap().read_timeout.to_bits(), u32::MAX);
    let listed = list_in(&root.place).unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].name.as_deref(), Some(r"stock\changes"));
    let details = listed[0].details.as_ref().unwrap();
    assert_eq!((details.traits.max_message, details.traits.read_timeout), (100, ReadTimeout::Forever));
    assert_eq!(details.server, std::process::id());
    assert!(slot.created() > 0 && slot.writers() == 1);
}

#[test]
fn reads_wait_as_long_as_the_time_out_says() {
    let (root, _dog) = (Root::new("timeout"), watchdog());
    let slot = root.server().read_timeout(ReadTimeout::NONE).create(NAME).unwrap();
    assert_eq!(slot.read(&mut [0; 8]).unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    slot.set_read_timeout(ReadTimeout::Milliseconds(20)).unwrap();
    let begun = Instant::now();
    assert_eq!(slot.read_message().unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    // With a writer that is there already, too.
    let client = root.client().open(NAME).unwrap();
    client.write(b"x").unwrap();
    assert_eq!(slot.read_message().unwrap(), b"x");
    let begun = Instant::now();
    assert_eq!(slot.read_message().unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    slot.set_read_timeout(ReadTimeout::Forever).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| slot.read_message().unwrap());
        client.write(b"y").unwrap();
        assert_eq!(reader.join().unwrap(), b"y");
        // And for a writer that comes for the first time.
        let reader = scope.spawn(|| slot.read_message().unwrap());
        send_in(&root.place, NAME, b"z").unwrap();
        assert_eq!(reader.join().unwrap(), b"z");
    });
    let token = CancelToken::new().unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| slot.read_message_with(Wait::Forever.or_cancelled(&token)));
        token.cancel();
        assert_eq!(reader.join().unwrap().unwrap_err().win32(), Win32Error::OPERATION_ABORTED);
    });
}

#[test]
fn one_creator_at_a_time() {
    let root = Root::new("creator");
    let slot = root.server().create(NAME).unwrap();
    assert_eq!(root.server().create(NAME).unwrap_err().win32(), Win32Error::ALREADY_EXISTS);
    let other_case = r"\\.\mailslot\STOCK\changes";
    assert_eq!(root.server().create(other_case).unwrap_err().win32(), Win32Error::ALREADY_EXISTS);
    let client = root.client().open(NAME).unwrap();
    client.write(b"lost with its slot").unwrap();
    drop(slot);
    // A client's handle does not hold the name.
    let slot = root.server().create(other_case).unwrap();
    assert_eq!(slot.info().unwrap().count, 0);
    assert_eq!(client.write(b"to the old one").unwrap_err().win32(), Win32Error::HANDLE_EOF);
    root.client().open(NAME).unwrap().write(b"to the new one").unwrap();
    assert_eq!(slot.read_message().unwrap(), b"to the new one");
    drop((slot, client));
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_slot_that_is_not_there_or_not_any_more() {
    let root = Root::new("gone");
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    let slot = root.server().create(NAME).unwrap();
    let (written, fresh) = (root.client().open(NAME).unwrap(), root.client().open(NAME).unwrap());
    let read = root.client().open(NAME).unwrap();
    written.write(b"x").unwrap();
    read.write(b"y").unwrap();
    drop(fresh.write(b"z"));
    let never = root.client().open(NAME).unwrap();
    while slot.try_read(&mut [0; 8]).unwrap().is_some() {}
    drop(slot);
    for client in [&written, &fresh, &read, &never, &read] {
        assert_eq!(client.write(b"x").unwrap_err().win32(), Win32Error::HANDLE_EOF);
    }
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
}

#[test]
fn messages_too_long_are_refused_and_any_length_is_carried() {
    let (root, _dog) = (Root::new("lengths"), watchdog());
    let slot = root.server().max_message(100).create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    assert_eq!(client.write(&[1; 101]).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    client.write(&[2; 100]).unwrap();
    assert_eq!(slot.read_message().unwrap(), [2; 100]);
    drop(slot);
    let slot = root.server().budget(4096).create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    client.write(b"small").unwrap();
    assert_eq!(slot.read_message().unwrap(), b"small");
    // Each larger than any ring so far, and than the budget: a memory file of its own.
    for size in [5_000, 300_000, 20_000_000, 299_999, 17] {
        let message: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
        client.write(&message).unwrap();
        if size > 4096 {
            assert_eq!(client.write(b"").unwrap_err().win32(), Win32Error::NOT_ENOUGH_QUOTA, "{size}");
        }
        assert_eq!(slot.info().unwrap().next, Some(size));
        assert!(slot.read_message().unwrap() == message, "{size}");
    }
    drop(slot);
    // Larger ones among small ones, in order.
    let slot = root.server().create(NAME).unwrap();
    let client = root.client().open(NAME).unwrap();
    let sizes = [1, 400_000, 2, 3, 500_000, 4];
    for size in sizes {
        client.write(&vec![size as u8; size]).unwrap();
    }
    assert_eq!(slot.info().unwrap().count, 6);
    for size in sizes {
        assert!(slot.read_message().unwrap() == vec![size as u8; size], "{size}");
    }
}

#[test]
fn a_writer_is_told_when_the_budget_is_reached() {
    let (root, _dog) = (Root::new("budget"), watchdog());
    for budget in [1, 24, 1000, 5000, 300_000, DEFAULT_BUDGET] {
        let slot = root.server().budget(budget).create(NAME).unwrap();
        let client = root.client().open(NAME).unwrap();
        let mut written = 0u64;
        let full = loop {
            match client.write(&written.to_le_bytes()) {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full.win32(), Win32Error::NOT_ENOUGH_QUOTA);
        assert_eq!(written, (budget / 24).max(1), "{budget}: 24 bytes a message");
        // Another writer has a budget of its own, and nothing was lost or half written.
        send_in(&root.place, NAME, b"another").unwrap();
        assert_eq!(slot.info().unwrap().count, written + 1);
        for n in 0..written {
            assert_eq!(slot.read_message().unwrap(), n.to_le_bytes());
        }
        assert_eq!(slot.read_message().unwrap(), b"another");
        client.write(b"room again").unwrap();
        assert_eq!(slot.read_message().unwrap(), b"room again");
    }
    for budget in [0, LARGEST_BUDGET + 1, 1 << 63, u64::MAX] {
        let error = root.server().budget(budget).create(NAME).unwrap_err();
        assert_eq!(error.win32(), Win32Error::INVALID_PARAMETER);
    }
}

#[test]
fn messages_of_several_writers_come_in_the_order_in_which_they_were_written() {
    let (root, _dog) = (Root::new("merge"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let clients: Vec<_> = (0..5).map(|_| root.client().open(NAME).unwrap()).collect();
    let mut order = 1u32;
    for round in 0..200u32 {
        for n in 0..50u32 {
            order = order.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Now and then somebody new, whom the server has not seen yet.
            match order >> 28 {
                0 => send_in(&root.place, NAME, &(round * 50 + n).to_le_bytes()).unwrap(),
                other => {
                    clients[other as usize % 5].write(&(round * 50 + n).to_le_bytes()).unwrap();
                }
            }
            if order >> 27 & 1 == 1 && n > 0 {
                continue;
            }
        }
        for n in 0..50u32 {
            assert_eq!(slot.read_message().unwrap(), (round * 50 + n).to_le_bytes());
        }
    }
}

#[test]
fn a_look_at_one_writer_is_a_look_at_all() {
    let root = Root::new("looks");
    let slot = root.server().create(NAME).unwrap();
    let (one, two) = (root.client().open(NAME).unwrap(), root.client().open(NAME).unwrap());
    for newcomer in [true, false, true] {
        one.write(b"1").unwrap();
        one.write(b"2").unwrap();
        assert_eq!(slot.read_message().unwrap(), b"1");
        one.write(b"3").unwrap();
        let wrote = if newcomer { send_in(&root.place, NAME, b"4") } else { two.write(b"4").map(|_| ()) };
        wrote.unwrap();
        // Finds the fourth; the second is next, and the third was not there when the reader last looked.
        assert_eq!(slot.info().unwrap().count, 3);
        for message in [b"2", b"3", b"4"] {
            assert_eq!(slot.read_message().unwrap(), message);
        }
    }
}

/// Writers take turns at a lock: whatever ring a message is in, the reader sees the turns in order.
fn in_turns(writers: u32, options: &ennead_mailslot::MailslotOptions, root: &Root, each: u32) {
    let slot = options.create(NAME).unwrap();
    let turn = std::sync::Mutex::new(0u32);
    let full = |error: &ennead_mailslot::Error| matches!(*error.reason, Reason::Full { .. });
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (turn, mut client) = (&turn, root.client().open(NAME).unwrap());
            scope.spawn(move || {
                let mut sent = 0;
                while sent < each {
                    let mut turn = turn.lock().unwrap();
                    // Now and then with a ring of its own, as a newcomer, or in a larger one.
                    let length = if *turn % 1009 == 0 { 300_000 } else { 4 + *turn as usize % 300 };
                    let mut message = vec![0; length];
                    message[..4].copy_from_slice(&turn.to_le_bytes());
                    match client.write(&message) {
                        Ok(_) => {
                            *turn += 1;
                            sent += 1;
                        }
                        Err(error) if full(&error) => std::thread::yield_now(),
                        Err(error) => panic!("{error}"),
                    }
                    if *turn % 211 == writer {
                        client = root.client().open(NAME).unwrap();
                    }
                }
            });
        }
        for n in 0..writers * each {
            let message = slot.read_message().unwrap();
            assert_eq!(message.first_chunk(), Some(&n.to_le_bytes()), "message {n} of {}", message.len());
        }
    });
}

#[test]
fn what_was_written_before_is_read_before_also_while_it_is_being_written() {
    let (root, _dog) = (Root::new("turns"), watchdog());
    in_turns(1, &root.server(), &root, 40_000);
    in_turns(4, &root.server(), &root, 10_000);
    in_turns(4, &root.server().budget(2000), &root, 5_000);
    in_turns(3, &root.server().budget(100_000), &root, 10_000);
}

#[test]
fn share_modes() {
    let root = Root::new("share");
    let _slot = root.server().create(NAME).unwrap();
    let open = |mode| root.client().share(mode).open(NAME);
    let refused =
        |mode| assert_eq!(open(mode).unwrap_err().win32(), Win32Error::SHARING_VIOLATION, "{mode:?}");
    refused(ShareMode::NONE);
    refused(ShareMode { read: false, write: true });
    let only = open(ShareMode::READ).unwrap();
    refused(ShareMode::READ);
    refused(ShareMode::ALL);
    drop(only);
    let (one, two) = (open(ShareMode::ALL).unwrap(), open(ShareMode::ALL).unwrap());
    refused(ShareMode::READ);
    drop(one);
    refused(ShareMode::READ);
    drop(two);
    let only = open(ShareMode::READ).unwrap();
    // Who does not write is in nobody's way.
    let looks = root.client().access(AccessMask::GENERIC_READ).open(NAME).unwrap();
    assert_eq!(looks.write(b"x").unwrap_err().win32(), Win32Error::ACCESS_DENIED);
    only.write(b"x").unwrap();
}

#[test]
fn names_beyond_this_computer() {
    for name in [r"\\HOST\mailslot\x", r"\\DOMAIN\mailslot\a\b", r"\\*\mailslot\x"] {
        assert_eq!(send(name, &[0; 400]).unwrap_err().win32(), Win32Error::REMOTE_MAILSLOTS_DEPRECATED);
        assert_eq!(send(name, &[0; 425]).unwrap_err().win32(), Win32Error::BAD_NETPATH);
    }
    assert_eq!(send(r"\\HOST\mailslot\x", &[0; 424]).unwrap_err().win32(), Win32Error(3025));
    assert_eq!(send(r"\\*\mailslot\x", &[0; 401]).unwrap_err().win32(), Win32Error::BAD_NETPATH);
    let root = Root::new("remote");
    for name in [r"\\HOST\mailslot\x", r"\\*\mailslot\x", r"\\.\mailslot\", r"\\.\pipe\x", "x"] {
        assert_eq!(root.server().create(name).unwrap_err().win32(), Win32Error::INVALID_NAME, "{name}");
    }
}

#[test]
fn several_threads_read_and_each_message_goes_to_one() {
    let (root, _dog) = (Root::new("threads"), watchdog());
    const EACH: u32 = 2000;
    let slot = root.server().create(NAME).unwrap();
    let mut seen = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    loop {
                        let message = slot.read_message().unwrap();
                        match message.first_chunk() {
                            Some(number) => seen.push(u32::from_le_bytes(*number)),
                            None => return seen,
                        }
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..3u32)
            .map(|writer| {
                let client = root.client().open(NAME).unwrap();
                scope.spawn(move || {
                    for n in 0..EACH {
                        client.write(&(writer * EACH + n).to_le_bytes()).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let end = root.client().open(NAME).unwrap();
        for _ in 0..3 {
            end.write(b"").unwrap();
        }
        readers.into_iter().flat_map(|reader| reader.join().unwrap()).collect::<Vec<_>>()
    });
    seen.sort_unstable();
    assert!(seen.into_iter().eq(0..3 * EACH));
}

#[test]
fn nothing_is_left_open() {
    let root = Root::new("descriptors");
    let slot = root.server().create(NAME).unwrap();
    send_in(&root.place, NAME, b"warm").unwrap();
    slot.read_message().unwrap();
    assert_eq!(slot.info().unwrap().count, 0);
    let before = descriptors();
    for n in 0..100u32 {
        let client = root.client().open(NAME).unwrap();
        client.write(&n.to_le_bytes()).unwrap();
        client.write(&[n as u8; 400_000]).unwrap();
        drop(client);
        assert_eq!(slot.read_message().unwrap(), n.to_le_bytes());
        assert_eq!(slot.read_message().unwrap().len(), 400_000);
    }
    assert_eq!(slot.info().unwrap().count, 0);
    assert_eq!((descriptors(), slot.writers()), (before, 0));
}
