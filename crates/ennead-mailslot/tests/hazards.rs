//! Floods, limits, and writers that break the rules.

mod support;

use std::os::fd::AsFd;
use std::path::PathBuf;

use ennead_mailslot::handshake::Handshake;
use ennead_mailslot::{Mailslot, ReadTimeout, send_in};
use ennead_status::Win32Error;
use ennead_sys::mapping::Mapping;
use ennead_sys::memfd;
use ennead_sys::socket::Connection;
use support::{Role, Root, descriptors, listen, role, say, watchdog};

const NAME: &str = r"\\.\mailslot\hazards";

/// Where things lie in a writer's memory; `layout.rs` pins it.
const TAIL: usize = 128;
const CURSOR: usize = 256;
const RING: usize = 512;
const CAPACITY: usize = 4096;

/// A writer that knows the layout and keeps to no rule.
struct Liar {
    memory: Mapping,
    connection: Connection,
}

fn socket(root: &Root) -> PathBuf {
    let sockets = root.sockets();
    assert_eq!(sockets.len(), 1);
    sockets.into_iter().next().unwrap()
}

impl Liar {
    fn new(root: &Root) -> Self {
        let file = memfd::create_sealed("liar", RING + CAPACITY).unwrap();
        let memory = Mapping::new(&file, RING + CAPACITY).unwrap();
        memory.copy_in(0, b"ENNDmail");
        memory.copy_in(8, &1u64.to_ne_bytes());
        memory.copy_in(16, &(CAPACITY as u64).to_ne_bytes());
        let connection = Connection::to(&socket(root)).unwrap();
        let liar = Self { memory, connection };
        liar.connection.send(&Handshake { access: 0, pid: 0 }.encode(), &[file.as_fd()]).unwrap();
        liar
    }

    fn word(&self, at: usize, value: u64) {
        self.memory.copy_in(at, &value.to_ne_bytes());
    }

    /// A frame at a position, not committed.
    fn frame(&self, position: usize, len: u64, stamp: u64, message: &[u8]) {
        self.word(RING + position % CAPACITY, len);
        self.word(RING + (position + 8) % CAPACITY, stamp);
        self.memory.copy_in(RING + (position + 16) % CAPACITY, message);
    }

    fn is_sent_away(&self) -> bool {
        let mut bytes = [0; 8];
        self.memory.copy_out(TAIL, &mut bytes);
        u64::from_ne_bytes(bytes) & 1 == 1
    }
}

/// Reads everything that is there.
fn drain(slot: &Mailslot) -> Vec<Vec<u8>> {
    slot.set_read_timeout(ReadTimeout::NONE).unwrap();
    std::iter::from_fn(|| slot.read_message().ok()).collect()
}

#[test]
fn who_breaks_the_rules_loses_only_its_own_messages() {
    let (root, _dog) = (Root::new("liars"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let honest = root.client().open(NAME).unwrap();
    let lies: [fn(&Liar); 7] = [
        |liar| liar.word(TAIL, CAPACITY as u64 + 8),
        |liar| liar.word(TAIL, 4),
        |liar| liar.word(TAIL, 8),
        |liar| {
            liar.frame(0, 9, 0, b"x");
            liar.word(TAIL, 24);
        },
        |liar| {
            liar.frame(0, u64::MAX, 0, b"x");
            liar.word(TAIL, 24);
        },
        |liar| {
            liar.frame(0, 1, 0, b"x");
            liar.frame(24, u64::MAX - 15, 0, b"x");
            liar.word(TAIL, 48);
        },
        |liar| {
            liar.word(TAIL, 4096);
        },
    ];
    for (n, lie) in lies.iter().enumerate() {
        honest.write(b"before").unwrap();
        let liar = Liar::new(&root);
        lie(&liar);
        honest.write(b"after").unwrap();
        let messages = drain(&slot);
        let honest: Vec<_> = messages.iter().filter(|message| message.len() > 1).collect();
        assert_eq!(honest, [b"before".as_slice(), b"after"], "lie {n}");
        let _ = slot.info().unwrap();
        if n != 6 {
            assert!(liar.is_sent_away(), "lie {n}");
        }
    }
    assert_eq!(slot.info().unwrap().count, 0);
}

#[test]
fn a_message_longer_than_the_slot_takes_does_not_stop_the_line() {
    let (root, _dog) = (Root::new("longer"), watchdog());
    let slot = root.server().max_message(8).create(NAME).unwrap();
    let liar = Liar::new(&root);
    liar.frame(0, 9, 0, b"too long!");
    liar.word(TAIL, 32);
    root.client().open(NAME).unwrap().write(b"honest").unwrap();
    // Who reads with room for the longest message that can be need not fear ERROR_INSUFFICIENT_BUFFER.
    assert_eq!(slot.read(&mut [0; 8]).unwrap(), 6);
    assert!(liar.is_sent_away());
}

#[test]
fn a_liar_that_takes_its_tail_back_or_moves_the_cursor() {
    let (root, _dog) = (Root::new("liars-later"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let liar = Liar::new(&root);
    liar.frame(0, 1, 0, b"a");
    liar.frame(24, 1, 0, b"b");
    liar.word(TAIL, 48);
    assert_eq!(slot.read_message().unwrap(), b"a");
    // The reader's cursor is its own: what lies in the memory is for the writer.
    liar.word(CURSOR, 12345);
    assert_eq!(slot.read_message().unwrap(), b"b");
    liar.word(TAIL, 24);
    assert_eq!(slot.info().unwrap().count, 0);
    assert!(liar.is_sent_away());
}

#[test]
fn lies_about_the_time_keep_nobody_waiting() {
    let (root, _dog) = (Root::new("time"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let honest = root.client().open(NAME).unwrap();
    // From before the beginning, and from the end of time: both come, and nobody waits for the latter.
    for stamp in [0, u64::MAX] {
        let liar = Liar::new(&root);
        let mut tail = 0;
        let mut honest_read = 0;
        let mut turns = 0;
        while honest_read < 50 {
            // The liar always has something to read; the honest writer has one message at a time.
            while {
                let mut cursor = [0; 8];
                liar.memory.copy_out(CURSOR, &mut cursor);
                tail - u64::from_ne_bytes(cursor) as usize + 24 <= CAPACITY
            } {
                liar.frame(tail, 4, stamp, b"liar");
                tail += 24;
                liar.word(TAIL, tail as u64);
            }
            if honest_read == turns {
                honest.write(b"honest").unwrap();
                turns += 1;
            }
            if slot.read_message().unwrap() == b"honest" {
                honest_read += 1;
            }
        }
        // The honest messages came within a ring's worth of the liar's each.
        assert!(tail / 24 < 50 * 3 * CAPACITY / 24, "{tail}");
        drop(liar);
        drain(&slot);
    }
}

#[test]
fn rings_without_end_and_descriptors_with_them() {
    let (root, _dog) = (Root::new("rings"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let liar = Liar::new(&root);
    // What a place keeps open once it has sent something is no leak.
    send_in(&root.place, NAME, b"first").unwrap();
    assert_eq!(drain(&slot), [b"first"]);
    let file = std::fs::File::open("/dev/null").unwrap();
    let before = descriptors();
    for n in 0..500 {
        // Without blocking: the queue may be full.
        let _ = liar.connection.send(b"ring", &[]);
        let _ = liar.connection.send(b"ring", &[file.as_fd(), file.as_fd()]);
        if n % 10 == 0 {
            assert_eq!(slot.info().unwrap().count, 0);
        }
    }
    send_in(&root.place, NAME, b"through").unwrap();
    assert_eq!(drain(&slot), [b"through"]);
    while slot.writers() > 0 && descriptors() > before {
        assert_eq!(slot.info().unwrap().count, 0);
    }
}

#[test]
fn rings_without_messages_do_not_put_off_a_time_out() {
    let (root, _dog) = (Root::new("ringing"), watchdog());
    let slot = root.server().read_timeout(ReadTimeout::Milliseconds(30)).create(NAME).unwrap();
    let liar = Liar::new(&root);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = liar.connection.send(b"ring", &[]);
            }
        });
        for _ in 0..3 {
            assert_eq!(slot.read_message().unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn who_says_nothing_or_nonsense() {
    let (root, _dog) = (Root::new("nonsense"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let silent: Vec<_> = (0..200).map(|_| Connection::to(&socket(&root)).unwrap()).collect();
    assert_eq!(slot.info().unwrap().count, 0);
    let null = std::fs::File::open("/dev/null").unwrap();
    let unsealed = std::fs::File::open("/proc/self/exe").unwrap();
    let small = memfd::create_sealed("small", 4096).unwrap();
    let empty = memfd::create_sealed("empty", RING + CAPACITY).unwrap();
    let hello = Handshake { access: 2, pid: 1 }.encode();
    for fds in [
        &[][..],
        &[null.as_fd()],
        &[unsealed.as_fd()],
        &[small.as_fd()],
        &[empty.as_fd()],
        &[empty.as_fd(), null.as_fd()],
    ] {
        for bytes in [&hello[..], b"x", &[0; 600]] {
            let connection = Connection::to(&socket(&root)).unwrap();
            connection.send(bytes, fds).unwrap();
            send_in(&root.place, NAME, b"honest").unwrap();
            assert_eq!(drain(&slot), [b"honest"]);
        }
    }
    drop(silent);
    let _ = slot.info().unwrap();
    assert_eq!(slot.info().unwrap().count, 0);
    assert_eq!(slot.writers(), 0);
}

#[test]
fn four_thousand_writers_wait_and_the_next_one_hears_of_it() {
    let (root, _dog) = (Root::new("pending"), watchdog());
    let slot = root.server().create(NAME).unwrap();
    let most = ennead_sys::socket::most_waiting().min(4096);
    let mut written = 0u32;
    // Each has exited by the time the next one comes, and no thread of the server runs.
    let refused = loop {
        match send_in(&root.place, NAME, &written.to_le_bytes()) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused.win32(), Win32Error::NO_SYSTEM_RESOURCES);
    assert!(written == most || written < most && written >= 256, "{written} of {most}");
    assert_eq!(slot.info().unwrap().count, u64::from(written));
    for n in 0..written {
        assert_eq!(slot.read_message().unwrap(), n.to_le_bytes());
    }
    send_in(&root.place, NAME, b"room again").unwrap();
    assert_eq!(drain(&slot), [b"room again"]);
    assert_eq!(slot.writers(), 0);
}

#[test]
fn more_writers_than_the_server_keeps_take_turns() {
    let (root, _dog) = (Root::new("retired"), watchdog());
    let slot = root.server().most_writers(3).create(NAME).unwrap();
    let clients: Vec<_> = (0..10).map(|_| root.client().open(NAME).unwrap()).collect();
    for round in 0..20u32 {
        for (n, client) in clients.iter().enumerate() {
            client.write(&(round * 10 + n as u32).to_le_bytes()).unwrap();
            // Sometimes all of them have something unread.
            if round % 3 == 0 {
                assert_eq!(slot.read_message().unwrap(), (round * 10 + n as u32).to_le_bytes());
                assert!(slot.writers() <= 3);
            }
        }
        if round % 3 != 0 {
            let mut messages = drain(&slot);
            messages.sort();
            let mut expected: Vec<_> = (0..10).map(|n| (round * 10 + n).to_le_bytes().to_vec()).collect();
            expected.sort();
            assert_eq!(messages, expected);
        }
    }
}

/// A server with few descriptors, in a process of its own.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    assert_eq!(role, "poor");
    let place = ennead_mailslot::Place::at(root).unwrap();
    let slot = ennead_mailslot::MailslotOptions::new().place(&place).create(NAME).unwrap();
    say("there");
    loop {
        let count: u32 = match listen().parse() {
            Ok(count) => count,
            Err(_) => return,
        };
        let mut messages: Vec<Vec<u8>> = (0..count).map(|_| slot.read_message().unwrap()).collect();
        messages.sort();
        messages.dedup();
        assert_eq!(slot.info().unwrap().count, 0);
        say(messages.len());
    }
}

#[test]
fn a_server_with_few_descriptors_serves_many_writers() {
    let (root, _dog) = (Root::new("poor"), watchdog());
    let mut poor = std::process::Command::new("sh");
    let server = Role::command("child", "poor", &root.path);
    poor.args(["-c", "ulimit -n 40; exec \"$0\" \"$@\""]).arg(server.get_program()).args(server.get_args());
    for (key, value) in server.get_envs() {
        poor.env(key, value.unwrap_or_default());
    }
    let mut server = Role::spawn(poor);
    assert_eq!(server.hear(), "there");
    let clients: Vec<_> = (0..150).map(|_| root.client().open(NAME).unwrap()).collect();
    for round in 0..5u32 {
        for (n, client) in clients.iter().enumerate() {
            client.write(&(round * 1000 + n as u32).to_le_bytes()).unwrap();
        }
        server.tell("150");
        assert_eq!(server.hear(), "150");
    }
}

#[test]
fn a_flood_is_bounded() {
    let (root, _dog) = (Root::new("flood"), watchdog());
    let slot = root.server().budget(64 * 1024).create(NAME).unwrap();
    let flood = root.client().open(NAME).unwrap();
    let mut refused = 0;
    for _ in 0..10_000 {
        match flood.write(&[0; 100]) {
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.win32(), Win32Error::NOT_ENOUGH_QUOTA);
                refused += 1;
            }
        }
    }
    assert!(refused > 9000);
    send_in(&root.place, NAME, b"not kept out").unwrap();
    let messages = drain(&slot);
    assert_eq!(messages.len(), 10_000 - refused + 1);
    assert_eq!(messages.last().unwrap(), b"not kept out");
}
