//! Ends that make noise without end: they keep nobody waiting beyond what was asked for.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ennead_namespace::{Kind, Name, Wanted};
use ennead_pipe::named::{Timeout, Wait};
use ennead_status::Win32Error;
use ennead_sys::socket::Connection;
use support::Root;

const NAME: &str = r"\\.\pipe\noise";

#[test]
fn liars_at_the_door_do_not_put_a_deadline_off() {
    let root = Root::new("liars");
    let servers: Vec<_> = (0..8).map(|_| root.server().create(NAME).unwrap()).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for path in root.sockets() {
                    let _ = Connection::to(&path).map(|liar| liar.send(b"nonsense", &[]));
                }
            }
        });
        for server in &servers {
            assert_eq!(server.try_connect().unwrap(), None);
            let soon = Wait::Until(Instant::now() + Duration::from_millis(5));
            assert_eq!(server.connect_with(soon).unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
        }
        stop.store(true, Ordering::Relaxed);
    });
    // And nobody's place was lost: those who wait are served, as soon as the last liars are turned away.
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| server.connect().unwrap());
        }
        let open = |_| root.client().open_waiting(NAME, Timeout::Forever).unwrap();
        let clients: Vec<_> = servers.iter().map(open).collect();
        assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
        drop(clients);
    });
}

#[test]
fn a_server_that_rewrites_its_entry_without_end_does_not_keep_an_open() {
    let root = Root::new("rewriter");
    let server = root.server().max_instances(1).create(NAME).unwrap();
    let _only = root.client().open(NAME).unwrap();
    server.connect().unwrap();
    let name = Name::new("noise").unwrap();
    let entry = root.place.roots().local.open(Kind::PIPE, &name, Wanted::ReadWrite).unwrap();
    let body = entry.body().unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The listening socket's token and the waiting room's, in the second record.
            let mut token = 1;
            while !stop.load(Ordering::Relaxed) {
                token += 1;
                body.atomic_u64(64 + 48).store(token, Ordering::SeqCst);
                body.atomic_u64(64 + 48 + 8).store(token, Ordering::SeqCst);
            }
        });
        for _ in 0..10 {
            assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::PIPE_BUSY);
        }
        stop.store(true, Ordering::Relaxed);
    });
}
