//! One end is killed at each system call of its life, from its first open to its last close, and with it at each step of connect, read,
//! write, transact, flush and disconnect. The other end gets documented errors only and what was acknowledged before; the next one
//! is served; no file and no descriptor stays.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ennead_pipe::named::{
    CancelToken, Client, Connected, Instance, Modes, Place, ReadMode, ServerOptions, Timeout, Wait, WaitMode,
    list_in, wait_in,
};
use ennead_status::Win32Error;
use support::steps::{Step, kill_at, may_trace, steps_of};
use support::{Role, Root, descriptors, listen, role, say};

const NAME: &str = r"\\.\pipe\every-step";
const MESSAGES: Modes = Modes { read: ReadMode::Message, wait: WaitMode::Wait };
/// Larger than the ring: it streams.
const LARGE: usize = 100_000;
const QUOTA: u32 = 16 * 1024;

/// The descriptors of the process are counted: one test at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the child does until it is killed. What it says has been acknowledged.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    say("there");
    listen();
    match role.as_str() {
        "client" => client(&place),
        "server" => server(&place),
        other => panic!("no role {other}"),
    }
}

fn client(place: &Place) {
    let options = ennead_pipe::named::ClientOptions::new().place(place).modes(MESSAGES);
    let client = options.open_waiting(NAME, Timeout::Forever).unwrap();
    let mut buffer = [0; 64];
    client.write(b"one").unwrap();
    say("one");
    assert_eq!(client.transact(b"two?", &mut buffer).unwrap().bytes, 4);
    say("two?");
    client.write(&vec![b'l'; LARGE]).unwrap();
    say("large");
    client.flush().unwrap();
    assert_eq!(client.read(&mut buffer).unwrap().bytes, 7);
    client.write(b"bye").unwrap();
    drop(client);
    say("bye");
}

fn server(place: &Place) {
    let options = ServerOptions::new().messages().quotas(QUOTA, QUOTA).max_instances(2).place(place);
    let server = options.create(NAME).unwrap();
    say("listening");
    for _ in 0..2 {
        server.connect().unwrap();
        let mut buffer = [0; 64];
        assert_eq!(server.read(&mut buffer).unwrap().bytes, 4);
        assert_eq!(server.transact(b"who?", &mut buffer).unwrap().bytes, 2);
        server.write(&vec![b'l'; LARGE]).unwrap();
        server.flush().unwrap();
        server.disconnect().unwrap();
        say("served");
    }
    drop(server);
}

/// Reads a message whatever its length; what came of one that was cut short comes with the error.
fn whole(
    read: impl Fn(&mut [u8]) -> ennead_pipe::named::Result<ennead_pipe::named::Received>,
) -> Result<Vec<u8>, Win32Error> {
    let (mut message, mut buffer) = (Vec::new(), vec![0; 8192]);
    loop {
        let received = read(&mut buffer).map_err(|error| error.win32())?;
        message.extend_from_slice(&buffer[..received.bytes]);
        if received.left_in_message == 0 {
            return Ok(message);
        }
    }
}

/// Serves clients until one says `end`; gives what each of them sent.
fn serve(instance: &Instance) -> Vec<Vec<Vec<u8>>> {
    let mut clients = Vec::new();
    loop {
        let connected = instance.connect().unwrap();
        assert!(matches!(connected, Connected::Now | Connected::Before | Connected::Gone));
        let mut heard: Vec<Vec<u8>> = Vec::new();
        let ended = loop {
            match whole(|buffer| instance.read(buffer)) {
                Ok(message) => heard.push(message),
                Err(error) => break error,
            }
            let answer: &[u8] = match heard.last().map(Vec::as_slice) {
                Some(b"two?") => b"yes.",
                Some(message) if message.len() == LARGE => b"parting",
                _ => continue,
            };
            if let Err(error) = instance.write(answer) {
                assert_eq!(error.win32(), Win32Error::NO_DATA);
            }
        };
        assert_eq!(ended, Win32Error::BROKEN_PIPE);
        instance.flush().unwrap();
        instance.disconnect().unwrap();
        let last = heard.last().is_some_and(|message| message == b"end");
        clients.push(heard);
        if last {
            return clients;
        }
    }
}

/// The whole run of a client: what it acknowledged, and whether it was killed.
fn client_run(mut victim: Role, root: &Root, server: &Instance) -> (Vec<String>, Vec<Vec<Vec<u8>>>) {
    std::thread::scope(|scope| {
        let served = scope.spawn(|| serve(server));
        victim.try_tell("go");
        let mut said = Vec::new();
        while let Some(word) = victim.hear_or_end() {
            said.push(word);
        }
        drop(victim);
        // The next one is served as if nothing had been.
        let next = root.client().modes(MESSAGES).open_waiting(NAME, Timeout::Forever).unwrap();
        assert_eq!(next.transact(b"two?", &mut [0; 8]).unwrap().bytes, 4);
        next.write(b"end").unwrap();
        next.flush().unwrap();
        drop(next);
        (said, served.join().unwrap())
    })
}

#[test]
fn a_client_killed_at_each_system_call() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let mut killed = 0;
    let mut run = |step: Option<&Step>| {
        let root = Root::new("steps-client");
        let server = root.server().messages().quotas(QUOTA, QUOTA).create(NAME).unwrap();
        let files = root.left_behind().len();
        let mut victim = Role::start("child", "client", &root.path);
        victim.hear();
        let mut steps = Vec::new();
        let mut outcome = None;
        match step {
            None => {
                let record = root.path.join("steps");
                steps =
                    steps_of(victim, &record, |victim| outcome = Some(client_run(victim, &root, &server)));
                std::fs::remove_file(&record).unwrap();
            }
            Some(step) => {
                let _tracer = kill_at(&victim, step);
                outcome = Some(client_run(victim, &root, &server));
            }
        }
        let (said, mut clients) = outcome.unwrap();
        killed += usize::from(said.len() < 4);
        assert_eq!(clients.pop().unwrap(), [b"two?".to_vec(), b"end".to_vec()]);
        assert!(clients.len() <= 1, "{step:?}: {} clients", clients.len());
        let heard = clients.pop().unwrap_or_default();
        let full: [&[u8]; 4] = [b"one", b"two?", &[b'l'; LARGE], b"bye"];
        assert!(heard.len() >= said.len(), "{step:?}: {said:?} was acknowledged and {} arrived", heard.len());
        assert!(heard.len() <= said.len() + 1 && heard.iter().eq(full.iter().take(heard.len())), "{step:?}");
        if step.is_none() {
            assert_eq!(said, ["one", "two?", "large", "bye"]);
        }
        // Of the door, only what a disconnected instance keeps.
        assert!(root.left_behind().len() <= files, "{step:?}: {:?}", root.left_behind());
        drop(server);
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        steps
    };
    let steps = run(None);
    let before = descriptors();
    for step in &steps {
        run(Some(step));
        assert_eq!(descriptors(), before, "{step:?}");
    }
    println!("{killed} of {} steps of a client", steps.len());
    assert!(killed * 2 > steps.len(), "killed at {killed} of {} steps", steps.len());
}

/// A client of the server that is killed. Every code that it may see is one that the documentation names.
fn converse(client: &Client) -> Result<(), Win32Error> {
    let code = |error: ennead_pipe::named::Error| error.win32();
    client.write(b"here").map_err(code)?;
    assert_eq!(whole(|buffer| client.read(buffer))?, b"who?");
    client.write(b"me").map_err(code)?;
    assert_eq!(whole(|buffer| client.read(buffer))?.len(), LARGE);
    client.flush().map_err(code)?;
    match client.read(&mut [0; 8]) {
        Ok(received) => panic!("read {received:?} of nothing"),
        Err(error) => Err(error.win32()),
    }
}

struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The server's whole run, with a client and somebody who waits beside it.
fn server_run(mut victim: Role, root: &Root) -> Vec<String> {
    let over = AtomicBool::new(false);
    let stop = CancelToken::new().unwrap();
    let said = std::thread::scope(|scope| {
        // Also when something fails here: the threads below would go on for ever.
        let _end = OnDrop(|| {
            over.store(true, Ordering::SeqCst);
            stop.cancel();
        });
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let client = match root.client().modes(MESSAGES).open_waiting(NAME, Timeout::Forever) {
                    Ok(client) => client,
                    Err(error) => {
                        assert_eq!(error.win32(), Win32Error::FILE_NOT_FOUND, "{error}");
                        std::thread::yield_now();
                        continue;
                    }
                };
                let ended = converse(&client).unwrap_err();
                let documented =
                    [Win32Error::BROKEN_PIPE, Win32Error::NO_DATA, Win32Error::PIPE_NOT_CONNECTED];
                assert!(documented.contains(&ended), "{ended}");
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                match wait_in(&root.place, NAME, Timeout::Forever, Some(&stop)) {
                    Ok(()) => {}
                    Err(error) => {
                        let codes = [Win32Error::FILE_NOT_FOUND, Win32Error::OPERATION_ABORTED];
                        assert!(codes.contains(&error.win32()), "{error}");
                    }
                }
                std::thread::yield_now();
            }
        });
        victim.try_tell("go");
        let mut said = Vec::new();
        while let Some(word) = victim.hear_or_end() {
            said.push(word);
        }
        drop(victim);
        said
    });
    // The name is free, for a first instance of another shape too, and no dead file stays after one list.
    assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND);
    assert!(list_in(&root.place).unwrap().is_empty());
    said
}

#[test]
fn a_server_killed_at_each_system_call() {
    let _alone = alone();
    if !may_trace() {
        return;
    }
    let mut killed = 0;
    let mut run = |step: Option<&Step>| {
        let root = Root::new("steps-server");
        let mut victim = Role::start("child", "server", &root.path);
        victim.hear();
        let mut steps = Vec::new();
        let mut said = Vec::new();
        match step {
            None => {
                let record = std::env::temp_dir().join(format!("ennead-steps-{}", std::process::id()));
                steps = steps_of(victim, &record, |victim| said = server_run(victim, &root));
                std::fs::remove_file(&record).unwrap();
                assert_eq!(said, ["listening", "served", "served"]);
            }
            Some(step) => {
                let _tracer = kill_at(&victim, step);
                said = server_run(victim, &root);
            }
        }
        killed += usize::from(said.len() < 3);
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        let next = root.server().first_instance(true).create(NAME).unwrap();
        let client = root.client().open(NAME).unwrap();
        client.write(b"next").unwrap();
        next.connect_with(Wait::Forever).unwrap();
        assert_eq!(next.read(&mut [0; 8]).unwrap().bytes, 4);
        drop((next, client));
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        steps
    };
    let steps = run(None);
    let before = descriptors();
    for step in &steps {
        run(Some(step));
        assert_eq!(descriptors(), before, "{step:?}");
    }
    println!("{killed} of {} steps of a server", steps.len());
    assert!(killed * 2 > steps.len(), "killed at {killed} of {} steps", steps.len());
}
