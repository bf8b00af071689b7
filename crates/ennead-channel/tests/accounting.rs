//! What an idle connection costs. Alone in its process, so that nothing else opens descriptors meanwhile.

use ennead_channel::{Endpoint, Framing, Limits, Parameters, ReadMode, Wait, create};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Kilobytes of shared memory in use by this process's mappings of channels.
fn resident() -> u64 {
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut ours = false;
    let mut sum = 0;
    for line in maps.lines() {
        if line.split_whitespace().next().is_some_and(|word| word.contains('-')) {
            ours = line.contains("memfd:ennead-channel");
        } else if ours && line.starts_with("Rss:") {
            sum += line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap();
        }
    }
    sum
}

#[test]
fn an_end_costs_three_descriptors_and_one_page() {
    // Whatever is opened once a process is open after this.
    let parameters =
        Parameters { framing: Framing::Messages, capacity_to_server: 1 << 20, capacity_to_client: 1 << 20 };
    let connect = || {
        let (client, parts) = create(&parameters).unwrap();
        (client, Endpoint::accept(parts, &Limits::default()).unwrap())
    };
    drop(connect());
    let before = descriptors();
    let ends: Vec<_> = (0..10).map(|_| connect()).collect();
    assert!(descriptors() - before <= 10 * 2 * 3, "{} descriptors for 20 ends", descriptors() - before);
    let page = 4;
    assert!(resident() <= 20 * page, "{} KiB for 20 idle ends", resident());
    let (client, server) = &ends[0];
    client.write(&[1; 100], Wait::Forever).unwrap();
    server.read(&mut [0; 100], ReadMode::Message, Wait::Forever).unwrap();
    assert!(resident() <= 22 * page, "{} KiB after one message", resident());
    let alone = descriptors();
    drop(server.share().unwrap());
    let other = Endpoint::join(server.share().unwrap()).unwrap();
    assert!(descriptors() - alone <= 6 + 9, "{} descriptors for two holders", descriptors() - alone);
    other.write(&[1; 100], Wait::Forever).unwrap();
    client.read(&mut [0; 100], ReadMode::Message, Wait::Forever).unwrap();
    assert!(descriptors() - alone <= 6 + 9, "an operation leaves nothing behind");
    drop(other);
    drop(ends);
    assert_eq!(descriptors(), before);
    assert_eq!(resident(), 0);
}
