//! Another process: this program again, which does as it reads, a line a request.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError};

use ennead_conformance::Outcome;
use ennead_status::Win32Error;

use crate::{Native, file_mapping, mailslots, sync_objects};

const ROOT: &str = "ENNEAD_CONFORMANCE_ROOT";

/// Before what it answers, among what the test's frame prints.
const MARK: &str = "=> ";

/// Another process. Dropping it ends it, and waits until it has ended.
pub struct Process(Mutex<Pipes>);

struct Pipes {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// In the same root.
    pub fn start(native: &Native) -> Self {
        native.kills.store(true, Relaxed);
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "another::another_process", "--nocapture", "--test-threads=1"])
            .env(ROOT, &native.root)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start another process");
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        Self(Mutex::new(Pipes { child, stdin, stdout: BufReader::new(stdout) }))
    }

    /// Has it do something: the parts have neither tabs nor ends of lines.
    pub fn ask(&self, parts: &[&str]) -> Outcome<String> {
        let mut pipes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(pipes.stdin, "{}", parts.join("\t")).expect("ask the other process");
        loop {
            let mut line = String::new();
            assert_ne!(
                pipes.stdout.read_line(&mut line).expect("listen to the other process"),
                0,
                "it ended"
            );
            // The frame's own words may stand before.
            let Some((_, answer)) = line.trim_end_matches('\n').split_once(MARK) else { continue };
            return match answer.split_once('\t') {
                Some(("ok", said)) => Ok(said.to_owned()),
                Some(("error", code)) => Err(Win32Error(code.parse().expect("a code"))),
                _ => panic!("the other process said {answer:?}"),
            };
        }
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let pipes = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        pipes.child.kill().expect("end the other process");
        pipes.child.wait().expect("wait for the other process");
    }
}

/// Not a test, but what the other process runs.
#[test]
fn another_process() {
    let Some(root) = std::env::var_os(ROOT) else { return };
    let native = Native::at(root.as_ref());
    let mut kept = Kept::default();
    for line in std::io::stdin().lines() {
        let line = line.expect("a request");
        let parts: Vec<_> = line.split('\t').collect();
        match carry_out(&native, &mut kept, &parts) {
            Ok(said) => println!("{MARK}ok\t{said}"),
            Err(code) => println!("{MARK}error\t{}", code.0),
        }
    }
}

/// What the other process keeps until it ends.
#[derive(Default)]
struct Kept {
    mailslots: mailslots::Kept,
    mapping: file_mapping::Kept,
    sync: sync_objects::Kept,
}

fn carry_out(native: &Native, kept: &mut Kept, parts: &[&str]) -> Outcome<String> {
    match parts {
        ["mailslot", rest @ ..] => mailslots::carry_out(native, &mut kept.mailslots, rest),
        ["mapping", rest @ ..] => file_mapping::carry_out(native, &mut kept.mapping, rest),
        ["sync", rest @ ..] => sync_objects::carry_out(native, &mut kept.sync, rest),
        other => panic!("nobody can {other:?}"),
    }
}

/// Bytes as text.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

/// And back.
pub fn from_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    digits.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}
