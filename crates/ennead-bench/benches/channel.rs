//! The rings of a connection in one process and thread: what a message costs before any waiting begins.

use std::hint::black_box;
use std::os::fd::OwnedFd;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ennead_channel::{Endpoint, Framing, Limits, Parameters, PeerParts, ReadMode, Wait, create};

fn connection(framing: Framing) -> (Endpoint, Endpoint) {
    let parameters = Parameters { framing, capacity_to_server: 1 << 18, capacity_to_client: 1 << 18 };
    let (client, parts) = create(&parameters).expect("descriptors and memory");
    // As if they had travelled: descriptors of the acceptor's own.
    let travelled: Vec<OwnedFd> =
        parts.as_fds().iter().map(|fd| fd.try_clone_to_owned().expect("a descriptor")).collect();
    let parts = PeerParts::from_fds(travelled.try_into().expect("as many as there were"));
    let server = Endpoint::accept(parts, &Limits::default()).expect("what create made");
    (client, server)
}

fn rings(bench: &mut Criterion) {
    for (name, framing, mode) in
        [("messages", Framing::Messages, ReadMode::Message), ("bytes", Framing::Bytes, ReadMode::Byte)]
    {
        let (client, server) = connection(framing);
        let mut group = bench.benchmark_group(format!("write and read {name}"));
        for length in [64, 1024, 64 * 1024] {
            let (message, mut buffer) = (vec![7; length], vec![0; length]);
            group.throughput(Throughput::Bytes(length as u64));
            group.bench_function(format!("{length} B"), |b| {
                b.iter(|| {
                    let written = client.write(black_box(&message), Wait::Never).expect("room");
                    let received = server.read(black_box(&mut buffer), mode, Wait::Never).expect("a message");
                    assert_eq!(written, received.bytes);
                });
            });
        }
        group.finish();
    }
}

fn opening(bench: &mut Criterion) {
    bench.bench_function("create, accept and close", |b| b.iter(|| connection(Framing::Messages)));
}

criterion_group!(benches, rings, opening);
criterion_main!(benches);
