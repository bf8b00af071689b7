//! Listening, sending and asking from a shell.

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Stdio};

use serde_json::Value;

use program::{Ended, Place, end_of, signal};

struct Listener {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Listener {
    /// Starts it and waits until it listens.
    fn start(place: &Place, arguments: &[&str]) -> Listener {
        let mut command = place.ennead(&["mailslot", "listen"]);
        let mut child =
            command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("listening"), "{line}");
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Listener { child, stdout }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn what_is_sent_is_printed() {
    let place = Place::new();
    let mut listener = Listener::start(&place, &[r"stock\changes", "--count", "5", "--max-message", "100"]);
    assert_eq!(place.run(&["mailslot", "send", r"STOCK\Changes", "bolts -2"]).code, Some(0));
    assert_eq!(listener.line(), "bolts -2\n");
    let mut lines = place.ennead(&["mailslot", "send", r"\\.\mailslot\stock\changes", "--lines"]);
    let mut child = lines.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"one\n\nthree\n").unwrap();
    assert!(end_of(&mut child).success());
    let too_long = place.run(&["mailslot", "send", r"stock\changes", &"x".repeat(101)]);
    assert_eq!(too_long.code, Some(1));
    assert!(too_long.stderr.contains("ERROR_INVALID_PARAMETER"), "{}", too_long.stderr);
    assert_eq!(place.run(&["mailslot", "send", r"stock\changes", "last"]).code, Some(0));
    let mut rest = String::new();
    listener.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "one\n\nthree\nlast\n");
    assert_eq!(end_of(&mut listener.child).code(), Some(0));
    assert_eq!(place.runtime_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn mailslots_are_told_of() {
    let place = Place::new();
    let listener = Listener::start(&place, &["told", "--json", "--budget", "5000"]);
    let json = |ended: Ended| serde_json::from_str::<Value>(&ended.stdout).unwrap();
    for arguments in [&["mailslot", "info", "TOLD", "--json"][..], &["mailslot", "info", "--json"]] {
        let told = &json(place.run(arguments))["mailslots"][0];
        assert_eq!(told["name"], r"\\.\mailslot\told");
        assert_eq!((told["max_message"].as_u64(), told["budget"].as_u64()), (Some(0), Some(5000)));
        assert_eq!(told["server"].as_u64(), Some(listener.child.id().into()));
    }
    let listed = &json(place.run(&["ls", "mailslot", "--json"]))["objects"][0];
    assert_eq!(
        (listed["kind"].as_str(), listed["name"].as_str()),
        (Some("mailslot"), Some(r"\\.\mailslot\told"))
    );
    let table = place.run(&["mailslot", "info"]).stdout;
    assert!(table.contains("largest message") && table.contains("4.88 KiB"), "{table}");
    signal(listener.child.id(), "INT");
    let mut listener = listener;
    assert_eq!(end_of(&mut listener.child).code(), Some(130));
    let gone = place.run(&["mailslot", "info", "told"]);
    assert!(gone.code == Some(1) && gone.stderr.contains("ERROR_FILE_NOT_FOUND"), "{}", gone.stderr);
}

#[test]
fn what_cannot_be_is_explained() {
    let place = Place::new();
    for (arguments, code) in [
        (&["mailslot", "send", "nobody", "x"][..], "ERROR_FILE_NOT_FOUND"),
        (&["mailslot", "send", r"\\HOST\mailslot\x", "x"], "ERROR_REMOTE_MAILSLOTS_DEPRECATED"),
        (&["mailslot", "listen", r"\\HOST\mailslot\x"], "ERROR_INVALID_NAME"),
        (&["mailslot", "listen", "quiet", "--timeout", "5"], "ERROR_SEM_TIMEOUT"),
    ] {
        let ended = place.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}");
        assert!(ended.stderr.contains(code), "{arguments:?}: {}", ended.stderr);
    }
    assert_eq!(place.run(&["mailslot", "listen", "x", "--security", "nonsense"]).code, Some(2));
}
