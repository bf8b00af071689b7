//! What overlapped operations cost while none is pending. Alone in its program: others would start the porter.

mod support;

use ennead_pipe::named::PipeType;
use support::Root;
use support::overlapped::{connected, done};

fn porter_runs() -> bool {
    std::fs::read_dir("/proc/self/task").unwrap().flatten().any(|task| {
        std::fs::read_to_string(task.path().join("comm")).unwrap_or_default().trim() == "ennead-porter"
    })
}

#[test]
fn nothing_runs_until_something_pends() {
    let root = Root::new("idle");
    let (server, client) = connected(&root, PipeType::Message);
    let before = support::descriptors();
    for _ in 0..100 {
        assert_eq!(done(client.start_write(vec![1; 10])).bytes, 10);
        assert_eq!(done(server.start_read(vec![0; 16])).bytes, 10);
    }
    assert!(!porter_runs());
    assert_eq!(support::descriptors(), before);
    let read = server.start_read(vec![0; 16]);
    assert!(!read.is_complete());
    // A thread takes its name once it runs.
    while !porter_runs() {
        std::thread::yield_now();
    }
    done(client.start_write(vec![1; 10]));
    assert_eq!(done(read).bytes, 10);
}
