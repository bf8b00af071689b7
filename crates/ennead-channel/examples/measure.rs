//! Round trips, message rate and stream of a channel beside AF_UNIX sockets, between two pinned threads: `measure [ROUNDS [PART-OF-A-NAME]]`. For steering the tuning; the
//! figures that count are `ennead-bench`'s, between processes.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ennead_channel::{Endpoint, Framing, Limits, Parameters, ReadMode, Wait, create};
use ennead_sys::cpu;

const STREAM: usize = 256 << 20;

/// Ends of two processes share no cache line; ends of two threads should not either.
#[repr(align(256))]
struct Apart(Endpoint);

impl std::ops::Deref for Apart {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.0
    }
}

fn channel(framing: Framing) -> (Apart, Apart) {
    let parameters = Parameters { framing, capacity_to_server: 65_536, capacity_to_client: 65_536 };
    let (client, parts) = create(&parameters).expect("a channel");
    (Apart(client), Apart(Endpoint::accept(parts, &Limits::default()).expect("its other end")))
}

/// Runs `near` here and `far` in a thread, pinned; nanoseconds.
fn timed(cores: [u32; 2], near: impl FnOnce(), far: impl FnOnce() + Send) -> f64 {
    std::thread::scope(|scope| {
        let far = scope.spawn(move || {
            cpu::pin(cores[1]).expect("the second core");
            far();
        });
        cpu::pin(cores[0]).expect("the first core");
        let start = Instant::now();
        near();
        far.join().expect("the far side");
        start.elapsed().as_nanos() as f64
    })
}

fn rtt_channel(cores: [u32; 2], count: usize, size: usize) -> f64 {
    let (client, server) = channel(Framing::Messages);
    let turn = |end: &Endpoint, buffer: &mut [u8]| {
        let received = end.read(buffer, ReadMode::Message, Wait::Forever).expect("a message");
        assert_eq!(received.bytes, buffer.len());
    };
    let near = || {
        let mut buffer = vec![7; size];
        for _ in 0..count {
            client.write(&buffer, Wait::Forever).expect("room");
            turn(&client, &mut buffer);
        }
    };
    let far = || {
        let mut buffer = vec![0; size];
        for _ in 0..count {
            turn(&server, &mut buffer);
            server.write(&buffer, Wait::Forever).expect("room");
        }
    };
    timed(cores, near, far) / count as f64
}

fn rtt_socket(cores: [u32; 2], count: usize, size: usize) -> f64 {
    let (one, two) = UnixDatagram::pair().expect("a socket pair");
    let near = || {
        let mut buffer = vec![7; size];
        for _ in 0..count {
            one.send(&buffer).expect("room");
            one.recv(&mut buffer).expect("a message");
        }
    };
    let far = || {
        let mut buffer = vec![0; size];
        for _ in 0..count {
            two.recv(&mut buffer).expect("a message");
            two.send(&buffer).expect("room");
        }
    };
    timed(cores, near, far) / count as f64
}

fn rtt_spin(cores: [u32; 2], count: usize) -> f64 {
    let word = AtomicU32::new(0);
    let turn = |parity: u32| {
        for at in 0..count as u32 {
            while word.load(Ordering::Acquire) != 2 * at + parity {
                std::hint::spin_loop();
            }
            word.store(2 * at + parity + 1, Ordering::Release);
        }
    };
    timed(cores, || turn(0), || turn(1)) / count as f64
}

fn messages_channel(cores: [u32; 2], count: usize) -> f64 {
    let (client, server) = channel(Framing::Messages);
    let near = || {
        let buffer = vec![7; 1024];
        for _ in 0..count {
            client.write(&buffer, Wait::Forever).expect("room");
        }
    };
    let far = || {
        let mut buffer = vec![0; 1024];
        for _ in 0..count {
            server.read(&mut buffer, ReadMode::Message, Wait::Forever).expect("a message");
        }
    };
    timed(cores, near, far) / count as f64
}

fn messages_socket(cores: [u32; 2], count: usize) -> f64 {
    let (one, two) = UnixDatagram::pair().expect("a socket pair");
    let near = || {
        let buffer = vec![7; 1024];
        for _ in 0..count {
            one.send(&buffer).expect("room");
        }
    };
    let far = || {
        let mut buffer = vec![0; 1024];
        for _ in 0..count {
            two.recv(&mut buffer).expect("a message");
        }
    };
    timed(cores, near, far) / count as f64
}

fn check(sum: &mut u64, bytes: &[u8]) {
    for word in bytes.chunks_exact(8) {
        *sum = sum.wrapping_add(u64::from_le_bytes(word.try_into().expect("8 bytes")));
    }
}

fn stream_channel(cores: [u32; 2]) -> f64 {
    let (client, server) = channel(Framing::Bytes);
    let near = || {
        let buffer = vec![7; 65_536];
        for _ in 0..STREAM / 65_536 {
            client.write(&buffer, Wait::Forever).expect("room");
        }
    };
    let far = || {
        let (mut buffer, mut got, mut sum) = (vec![0; 65_536], 0, 0);
        while got < STREAM {
            let bytes = server.read(&mut buffer, ReadMode::Byte, Wait::Forever).expect("bytes").bytes;
            check(&mut sum, &buffer[..bytes]);
            got += bytes;
        }
        std::hint::black_box(sum);
    };
    timed(cores, near, far)
}

fn stream_socket(cores: [u32; 2]) -> f64 {
    let (mut one, mut two) = UnixStream::pair().expect("a socket pair");
    let near = || {
        let buffer = vec![7; 65_536];
        for _ in 0..STREAM / 65_536 {
            one.write_all(&buffer).expect("room");
        }
    };
    let far = || {
        let (mut buffer, mut got, mut sum) = (vec![0; 65_536], 0, 0);
        while got < STREAM {
            let bytes = two.read(&mut buffer).expect("bytes");
            check(&mut sum, &buffer[..bytes]);
            got += bytes;
        }
        std::hint::black_box(sum);
    };
    timed(cores, near, far)
}

fn report(what: &str, rounds: usize, mut ours: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) {
    if std::env::args().nth(2).is_some_and(|part| !what.contains(&part)) {
        return;
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(ours());
        b.push(peer());
    }
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (median_a, median_b) = (a[rounds / 2], b[rounds / 2]);
    println!(
        "{what:34} ours {median_a:>12.0} (min {:>12.0})  peer {median_b:>12.0} (min {:>12.0})  ratio {:.3} (of minima {:.3})",
        a[0],
        b[0],
        median_a / median_b,
        a[0] / b[0]
    );
}

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(7);
    let (one, two) = ([0, 0], [0, 1]);
    report(
        "rtt-64B one-core / datagram",
        rounds,
        || rtt_channel(one, 20_000, 64),
        || rtt_socket(one, 20_000, 64),
    );
    report("rtt-64B two-cores / spin", rounds, || rtt_channel(two, 200_000, 64), || rtt_spin(two, 200_000));
    report(
        "rtt-4KiB two-cores / datagram",
        rounds,
        || rtt_channel(two, 20_000, 4096),
        || rtt_socket(two, 2_000, 4096),
    );
    report(
        "msg-1KiB one-core / datagram",
        rounds,
        || messages_channel(one, 200_000),
        || messages_socket(one, 100_000),
    );
    report(
        "msg-1KiB two-cores / datagram",
        rounds,
        || messages_channel(two, 400_000),
        || messages_socket(two, 100_000),
    );
    report("stream-64KiB one-core / stream", rounds, || stream_channel(one), || stream_socket(one));
    report("stream-64KiB two-cores / stream", rounds, || stream_channel(two), || stream_socket(two));
}
