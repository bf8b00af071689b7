//! A writer, and a server, are killed at each system call of their lives. What a writer was told is written is read, and nothing half;
//! clients of the server get the documented errors; the name is free, and no file stays.

mod support;

use ennead_mailslot::{ClientOptions, MailslotOptions, Place, list_in};
use ennead_status::Win32Error;
use support::steps::{Step, kill_at, may_trace, steps_of};
use support::{Role, Root, listen, role, say};

const NAME: &str = r"\\.\mailslot\every-step";
/// Larger than the first ring: it gets one of its own.
const LARGE: usize = 400_000;

/// What the child does until it is killed. What it says has been acknowledged.
#[test]
fn child() {
    let Some((role, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    say("there");
    listen();
    match role.as_str() {
        "writer" => {
            let client = ClientOptions::new().place(&place).open(NAME).unwrap();
            for message in messages() {
                client.write(&message).unwrap();
                say(message.len());
            }
            drop(client);
        }
        "server" => {
            let slot = MailslotOptions::new().place(&place).create(NAME).unwrap();
            say("created");
            for _ in 0..3 {
                let _ = slot.read_message().unwrap();
                let _ = slot.info().unwrap();
            }
            say("read");
            drop(slot);
        }
        other => panic!("no role {other}"),
    }
    say("done");
}

fn messages() -> [Vec<u8>; 4] {
    [b"one".to_vec(), vec![], vec![b'l'; LARGE], b"last".to_vec()]
}

#[test]
fn a_writer_killed_at_each_system_call() {
    if !may_trace() {
        return;
    }
    let mut killed = 0;
    let mut run = |step: Option<&Step>| {
        let root = Root::new("steps-writer");
        let slot = root.server().create(NAME).unwrap();
        let files = root.left_behind().len();
        let mut victim = Role::start("child", "writer", &root.path);
        victim.hear();
        let mut said = Vec::new();
        let mut live = |mut victim: Role| {
            victim.try_tell("go");
            while let Some(word) = victim.hear_or_end() {
                said.push(word);
            }
        };
        let mut steps = Vec::new();
        match step {
            None => {
                let record = root.path.join("steps");
                steps = steps_of(victim, &record, &mut live);
                std::fs::remove_file(&record).unwrap();
            }
            Some(step) => {
                let _tracer = kill_at(&victim, step);
                live(victim);
            }
        }
        killed += usize::from(said.last().is_none_or(|word| word != "done"));
        said.retain(|word| word != "done");
        let mut read = Vec::new();
        while slot.info().unwrap().count > 0 {
            read.push(slot.read_message().unwrap());
        }
        assert!(read.len() >= said.len(), "{step:?}: {said:?} was acknowledged and {} arrived", read.len());
        assert!(read.iter().eq(messages().iter().take(read.len())), "{step:?}");
        assert_eq!(slot.writers(), 0, "{step:?}");
        // The next one writes as if nothing had been.
        root.client().open(NAME).unwrap().write(b"next").unwrap();
        assert_eq!(slot.read_message().unwrap(), b"next");
        assert_eq!(root.left_behind().len(), files, "{step:?}");
        drop(slot);
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        steps
    };
    let steps = run(None);
    for step in &steps {
        run(Some(step));
    }
    println!("{killed} of {} steps of a writer", steps.len());
    assert!(killed * 2 > steps.len(), "killed at {killed} of {} steps", steps.len());
}

/// Writes until the server has read enough, or is gone.
fn converse(root: &Root, victim: &mut Role, done: &mut bool) {
    let client = match root.client().open(NAME) {
        Ok(client) => client,
        Err(error) => return assert_eq!(error.win32(), Win32Error::FILE_NOT_FOUND),
    };
    for message in [&b"one"[..], &[1; LARGE], b"three"] {
        if let Err(error) = client.write(message) {
            return assert_eq!(error.win32(), Win32Error::HANDLE_EOF);
        }
    }
    while let Some(word) = victim.hear_or_end() {
        *done |= word == "done";
    }
    // It may take a moment until a client knows of a kill.
    let gone = loop {
        if let Err(error) = client.write(b"anybody there?") {
            break error;
        }
    };
    assert!(matches!(gone.win32(), Win32Error::HANDLE_EOF | Win32Error::NOT_ENOUGH_QUOTA), "{gone}");
}

#[test]
fn a_server_killed_at_each_system_call() {
    if !may_trace() {
        return;
    }
    let mut killed = 0;
    let mut run = |step: Option<&Step>| {
        let root = Root::new("steps-server");
        let mut victim = Role::start("child", "server", &root.path);
        victim.hear();
        let mut done = false;
        let mut live = |mut victim: Role| {
            victim.try_tell("go");
            if victim.hear_or_end().is_some() {
                converse(&root, &mut victim, &mut done);
            }
            while let Some(word) = victim.hear_or_end() {
                done |= word == "done";
            }
        };
        let mut steps = Vec::new();
        match step {
            None => {
                let record = root.path.join("steps");
                steps = steps_of(victim, &record, &mut live);
                std::fs::remove_file(&record).unwrap();
            }
            Some(step) => {
                let _tracer = kill_at(&victim, step);
                live(victim);
            }
        }
        killed += usize::from(!done);
        assert_eq!(root.client().open(NAME).unwrap_err().win32(), Win32Error::FILE_NOT_FOUND, "{step:?}");
        assert!(list_in(&root.place).unwrap().is_empty(), "{step:?}");
        assert_eq!(root.left_behind(), Vec::<std::path::PathBuf>::new(), "{step:?}");
        let slot = root.server().create(NAME).unwrap();
        assert_eq!(slot.info().unwrap().count, 0, "{step:?}");
        steps
    };
    let steps = run(None);
    for step in &steps {
        run(Some(step));
    }
    println!("{killed} of {} steps of a server", steps.len());
    assert!(killed * 2 > steps.len(), "killed at {killed} of {} steps", steps.len());
}
