//! What a leg of a round trip costs in system calls: one read by the end that sleeps, one write by the end that wakes it, and nothing else. strace counts.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use ennead_pipe::named::{Client, ClientOptions, Instance, Place, ServerOptions};
use support::{Role, Root, role, say};

const NAME: &str = r"\\.\pipe\calls";
/// Legs each way.
const LEGS: usize = 10;

/// A system call that nothing else makes, around what is counted.
fn mark() {
    let _ = std::os::unix::process::parent_id();
}

/// From the end that wakes to the end that sleeps.
#[derive(Clone, Copy)]
enum Leg {
    ToClient,
    ToServer,
}

fn read(leg: Leg, client: &Client, server: &Instance) {
    let mut buffer = [0; 64];
    let received = match leg {
        Leg::ToClient => client.read(&mut buffer),
        Leg::ToServer => server.read(&mut buffer),
    };
    assert_eq!(received.unwrap().bytes, 5);
}

fn write(leg: Leg, client: &Client, server: &Instance) {
    let written = match leg {
        Leg::ToClient => server.write(b"hello"),
        Leg::ToServer => client.write(b"hello"),
    };
    assert_eq!(written.unwrap(), 5);
}

#[test]
fn child() {
    let Some((_, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    let server = ServerOptions::new().messages().place(&place).create(NAME).unwrap();
    let client = ClientOptions::new().messages().place(&place).open(NAME).unwrap();
    server.connect().unwrap();
    let (begin, begun) = mpsc::channel::<(Leg, fn())>();
    let (over, ended) = mpsc::channel();
    let reads = AtomicBool::new(false);
    thread::scope(|scope| {
        let (client, server, reads) = (&client, &server, &reads);
        scope.spawn(move || {
            over.send(std::fs::read_link("/proc/thread-self").unwrap()).unwrap();
            for (leg, mark) in begun {
                mark();
                reads.store(true, Ordering::Release);
                read(leg, client, server);
                reads.store(false, Ordering::Release);
                mark();
                over.send(Path::new("").to_owned()).unwrap();
            }
        });
        let reader = Path::new("/proc").join(ended.recv().unwrap()).join("stat");
        let sleeps = || {
            let stat = std::fs::read_to_string(&reader).unwrap();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        };
        for round in 0..=LEGS {
            // What is done once in a process is done before it is counted.
            let mark: fn() = if round == 0 { || {} } else { mark };
            for leg in [Leg::ToClient, Leg::ToServer] {
                begin.send((leg, mark)).unwrap();
                while !(reads.load(Ordering::Acquire) && sleeps()) {
                    thread::yield_now();
                }
                mark();
                write(leg, client, server);
                mark();
                ended.recv().unwrap();
            }
        }
        drop(begin);
    });
    say("done");
}

/// The calls between two marks of a thread, for each such pair.
fn marked(trace: &str) -> Vec<Vec<String>> {
    let mut open: std::collections::HashMap<&str, Vec<String>> = std::collections::HashMap::new();
    let mut closed = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        // The second half of a call that another thread's came into.
        if call.starts_with("<...") {
            continue;
        }
        let Some((name, arguments)) = call.split_once('(') else { continue };
        if name == "getppid" {
            match open.remove(thread) {
                Some(calls) => closed.push(calls),
                None => drop(open.insert(thread, Vec::new())),
            }
        } else if let Some(calls) = open.get_mut(thread) {
            // Once a tick of the kernel's clock a writer asks whether the other end lives; without waiting.
            if !(name == "ppoll" && arguments.contains("tv_nsec=0")) && name != "sched_yield" {
                calls.push(name.to_owned());
            }
        }
    }
    closed
}

#[test]
fn a_leg_is_one_read_and_one_write() {
    let root = Root::new("calls");
    let trace = root.path.join("trace");
    let role = Role::command("child", "legs", &root.path);
    let mut command = Command::new("strace");
    command.arg("-f").arg("-o").arg(&trace).arg("--").arg(role.get_program()).args(role.get_args());
    for (name, value) in role.get_envs() {
        command.env(name, value.unwrap());
    }
    let output = command.stdin(Stdio::null()).output().expect("strace, which this test needs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = marked(&std::fs::read_to_string(&trace).unwrap());
    assert_eq!(calls.len(), 2 * 2 * LEGS, "{calls:?}");
    let reads = calls.iter().filter(|calls| **calls == ["read"]).count();
    let writes = calls
        .iter()
        .filter(|calls| matches!(&calls[..], [one] if ["write", "pwritev2"].contains(&&**one)))
        .count();
    assert_eq!((reads, writes), (2 * LEGS, 2 * LEGS), "{calls:?}");
}
