//! While both are awake, neither a write nor a read makes a system call of its own: counted by strace.

mod support;

use ennead_mailslot::{ClientOptions, MailslotOptions, Place};
use support::steps::may_trace;
use support::{Role, Root, role, say};

const NAME: &str = r"\\.\mailslot\no-calls";
const MESSAGES: u32 = 2000;

#[test]
fn child() {
    let Some((_, root)) = role() else { return };
    let place = Place::at(root).unwrap();
    let slot = MailslotOptions::new().place(&place).create(NAME).unwrap();
    let client = ClientOptions::new().place(&place).open(NAME).unwrap();
    client.write(b"the ring is made").unwrap();
    slot.read_message().unwrap();
    say("begin");
    let mut buffer = [0; 8];
    for n in 0..MESSAGES {
        client.write(&n.to_le_bytes()).unwrap();
    }
    for _ in 0..MESSAGES {
        slot.read(&mut buffer).unwrap();
    }
    say("end");
}

#[test]
fn thousands_of_messages_take_a_handful_of_calls() {
    if !may_trace() {
        return;
    }
    let root = Root::new("calls");
    let record = root.path.join("calls");
    let child = Role::command("child", "counted", &root.path);
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(&record).arg(child.get_program()).args(child.get_args());
    for (key, value) in child.get_envs() {
        strace.env(key, value.unwrap_or_default());
    }
    let mut role = Role::spawn(strace);
    assert_eq!((role.hear(), role.hear()), ("begin".to_owned(), "end".to_owned()));
    while role.hear_or_end().is_some() {}
    let text = std::fs::read_to_string(&record).unwrap();
    let between = text.split_once("SAY begin").unwrap().1.split_once("SAY end").unwrap().0;
    let calls: Vec<&str> = between.lines().skip(1).collect();
    // The rest of the two lines, a turn or two, and a look once a millisecond whether the server lives.
    assert!(calls.len() < MESSAGES as usize / 20, "{} calls:\n{between}", calls.len());
    println!("{} system calls for {MESSAGES} writes and reads", calls.len());
}
