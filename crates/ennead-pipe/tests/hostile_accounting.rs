//! What an idle connection of a named pipe costs.

mod support;

use support::{Root, descriptors};

const NAME: &str = r"\\.\pipe\idle";

#[test]
fn an_idle_connection_costs_three_descriptors_an_end() {
    let root = Root::new("idle");
    let connect = || {
        let server = root.server().create(NAME).unwrap();
        let client = root.client().open(NAME).unwrap();
        client.write(b"x").unwrap();
        server.connect().unwrap();
        server.read(&mut [0; 4]).unwrap();
        (server, client)
    };
    // What the process keeps once for the pipe, not for each connection.
    let first = connect();
    let before = descriptors();
    let pairs: Vec<_> = (0..50).map(|_| connect()).collect();
    let cost = descriptors() - before;
    assert!(cost <= 50 * 6, "{cost} descriptors for 50 connections");
    drop(pairs);
    // The memory of a few connections is kept for the next ones, once for the pipe.
    assert!(descriptors() <= before + 4);
    drop(first);
    assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new());
}
