//! Serving, using and listing pipes from a shell.

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use program::{Ended, Place, end_of, signal};

/// A server in the background; ended when the test is.
struct Server {
    child: Child,
    /// What it says after its first line.
    stderr: BufReader<std::process::ChildStderr>,
}

impl Server {
    /// Starts it and waits until it serves.
    fn start(place: &Place, arguments: &[&str]) -> Server {
        let mut command = place.ennead(&["pipe", "serve"]);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        assert!(line.starts_with("serving "), "{line}");
        Server { child, stderr }
    }

    fn interrupt(mut self, name: &str) -> Option<i32> {
        signal(self.child.id(), name);
        end_of(&mut self.child).code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program with this standard input.
fn with_input(place: &Place, arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = place.ennead(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Ended::of(&child.wait_with_output().unwrap())
}

#[test]
fn a_call_gets_its_answer_and_many_callers_theirs() {
    let place = Place::new();
    let server = Server::start(&place, &["Orders", "--message", "--echo", "--instances", "3"]);
    for i in 0..6 {
        let question = format!("order {i}");
        let ended = place.run(&["pipe", "call", r"\\.\pipe\oRDERS", &question]);
        assert_eq!((ended.code, ended.stdout), (Some(0), format!("{question}\n")), "{}", ended.stderr);
    }
    let ended =
        with_input(&place, &["pipe", "call", "orders", "--json", "--timeout", "60000"], b"\xff\x1b\0");
    let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (answer["bytes"].as_u64(), answer["hex"].as_str(), &answer["text"]),
        (Some(3), Some("ff1b00"), &Value::Null)
    );
    // An answer larger than any buffer on the way.
    let long = "x".repeat(300_000);
    assert_eq!(with_input(&place, &["pipe", "call", "orders"], long.as_bytes()).stdout, long + "\n");
    assert_eq!(server.interrupt("INT"), Some(130));
    assert_eq!(place.runtime_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_program_serves_each_client() {
    let place = Place::new();
    let _server = Server::start(&place, &["upper", "--exec", "tr", "a-z", "A-Z"]);
    for _ in 0..3 {
        let ended = with_input(&place, &["pipe", "connect", "upper", "--timeout", "60000"], b"hello\nworld");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "HELLO\nWORLD"), "{}", ended.stderr);
    }
    let _messages = Server::start(&place, &["lines", "--message", "--exec", "sed", "s/a/b/"]);
    let ended = with_input(&place, &["pipe", "connect", "lines", "--message"], b"a\n\nca\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "b\n\ncb\n"), "{}", ended.stderr);
}

#[test]
fn standard_input_and_output_at_both_ends() {
    let place = Place::new();
    let mut server = Server::start(&place, &["talk"]);
    let mut client = place
        .ennead(&["pipe", "connect", "talk"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut there, mut here) = (server.child.stdin.take().unwrap(), client.stdin.take().unwrap());
    let (mut from_client, mut from_server) = ([0; 5], [0; 6]);
    here.write_all(b"hello").unwrap();
    server.child.stdout.as_mut().unwrap().read_exact(&mut from_client).unwrap();
    there.write_all(b"answer").unwrap();
    client.stdout.as_mut().unwrap().read_exact(&mut from_server).unwrap();
    assert_eq!((&from_client, &from_server), (b"hello", b"answer"));
    drop(here);
    assert_eq!(end_of(&mut server.child).code(), Some(0));
    assert_eq!(end_of(&mut client).code(), Some(0));
    let mut said = String::new();
    server.stderr.read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
    assert_eq!(place.runtime_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_killed_client_is_not_the_next_ones_trouble() {
    let place = Place::new();
    let _server = Server::start(&place, &["steady", "--message", "--echo"]);
    let mut client = place
        .ennead(&["pipe", "connect", "steady", "--message"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.as_mut().unwrap().write_all(b"one\n").unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    signal(client.id(), "KILL");
    end_of(&mut client);
    let ended = place.run(&["pipe", "call", "steady", "two", "--timeout", "60000"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "two\n"), "{}", ended.stderr);
}

#[test]
fn lists_show_whose_a_pipe_is_and_forget_the_dead() {
    let place = Place::new();
    assert_eq!(place.run(&["ls", "--json"]).stdout, "{\"objects\":[],\"skipped\":[]}\n");
    let server = Server::start(&place, &["Nasty\u{202e}\x1b[31m", "--message", "--echo", "--instances", "2"]);
    let ended = place.run(&["ls"]);
    assert!(ended.stdout.contains(r"\\.\pipe\Nasty\u{202e}\u{1b}[31m"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('\x1b') && !ended.stdout.contains('\u{202e}'));
    let list: Value = serde_json::from_str(&place.run(&["ls", "pipe", "--json"]).stdout).unwrap();
    let pipe = &list["objects"][0];
    assert_eq!(pipe["name"], "\\\\.\\pipe\\Nasty\u{202e}\x1b[31m");
    assert_eq!(pipe["pid"], server.child.id());
    assert_eq!(pipe["command"], "ennead");
    assert_eq!(pipe["instances"]["current"], 2);
    assert_eq!(pipe["instances"]["maximum"], 2);
    assert!(pipe["sddl"].as_str().unwrap().contains("D:"));
    let pipes: Value = serde_json::from_str(&place.run(&["pipe", "list", "--json"]).stdout).unwrap();
    assert_eq!(pipes["pipes"][0]["type"], "message");
    assert_eq!(pipes["pipes"][0]["servers"][0], server.child.id());
    assert_eq!(place.run(&["ls", "mailslot", "--json"]).stdout, "{\"objects\":[],\"skipped\":[]}\n");

    assert_eq!(server.interrupt("KILL"), None);
    assert!(!place.runtime_files().is_empty());
    let ended = place.run(&["sweep", "--json"]);
    let swept: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(swept["roots"][0]["removed"].as_u64().unwrap() > 0, "{}", ended.stdout);
    assert_eq!(place.runtime_files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn a_server_that_never_answers_or_is_busy_times_out() {
    let place = Place::new();
    let _server = Server::start(&place, &["hush", "--message"]);
    let ended = place.run(&["pipe", "call", "hush", "anybody?", "--timeout", "20"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("ERROR_SEM_TIMEOUT, 121"), "{}", ended.stderr);
    assert!(ended.stderr.contains("next: the server has not answered"), "{}", ended.stderr);

    let _server = Server::start(&place, &["busy", "--message", "--echo"]);
    let mut client = place.ennead(&["pipe", "connect", "busy", "--message"]);
    let mut client = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    client.stdin.as_mut().unwrap().write_all(b"first\n").unwrap();
    BufReader::new(client.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
    let ended = place.run(&["pipe", "call", "busy", "x", "--timeout", "20"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("ERROR_SEM_TIMEOUT, 121"), "{}", ended.stderr);
    assert!(ended.stderr.contains("next: all instances are in use"), "{}", ended.stderr);
    drop(client.stdin.take());
    assert_eq!(end_of(&mut client).code(), Some(0));
}

#[test]
fn a_list_whose_reader_left_is_no_error() {
    let place = Place::new();
    for arguments in [&["ls"][..], &["pipe", "list", "--json"], &["sweep"], &["--help"]] {
        let mut command = place.ennead(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = Ended::of(&child.wait_with_output().unwrap());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn errors_name_the_code_and_what_to_do() {
    let place = Place::new();
    let _byte = Server::start(&place, &["bytes", "--echo"]);
    for (arguments, code, name) in [
        (&["call", "missing", "x"][..], 1, "ERROR_FILE_NOT_FOUND, 2"),
        (&["connect", "missing"], 1, "ERROR_FILE_NOT_FOUND, 2"),
        (&["call", "bytes", "x"], 1, "ERROR_BAD_PIPE, 230"),
        (&["call", "", "x"], 1, "ERROR_INVALID_NAME, 123"),
        (&["call", r"\\elsewhere\pipe\x", "x"], 1, "ERROR_BAD_NETPATH, 53"),
        (&["serve", "x", "--security", "nonsense"], 2, "--security"),
        (&["serve", "x", "--instances", "255"], 2, "255"),
        (&["serve", "x", "--echo", "--exec", "cat"], 2, "--exec"),
        (&["serve", "bytes", "--message", "--echo"], 1, "ERROR_ACCESS_DENIED, 5"),
    ] {
        let ended = place.run(&[&["pipe"], arguments].concat());
        assert_eq!(ended.code, Some(code), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(name), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    let ended = place.run(&["pipe", "call", "missing", "x", "--json"]);
    let error: Value = serde_json::from_str(&ended.stderr).unwrap();
    assert_eq!(error["error"]["win32"]["name"], "ERROR_FILE_NOT_FOUND");
    assert!(error["error"]["next"].as_str().unwrap().contains("ennead pipe list"));
}

#[test]
fn setup_says_what_it_does_and_how_to_undo_it() {
    let place = Place::new();
    let path = place.shared("global");
    let path = path.to_str().unwrap();
    let ended = place.run(&["setup", "--path", path, "--dry-run"]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains(path) && !place.shared("global").exists(), "{}", ended.stdout);
    assert!(ended.stdout.contains("a tmpfs of its own"), "{}", ended.stdout);
    // Twice, as root in a mount namespace that goes with the shell.
    let script = "\"$0\" setup --path \"$1\" && \"$0\" setup --path \"$1\" --json";
    let may_unshare = || Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
    let before: &[&str] = if may_unshare() { &["unshare", "-m", "sh", "-c"] } else { &["sh", "-c"] };
    let both = Command::new(before[0])
        .args(&before[1..])
        .args([script, env!("CARGO_BIN_EXE_ennead"), path])
        .output()
        .unwrap();
    let said = String::from_utf8(both.stdout).unwrap();
    assert!(both.status.success(), "{said} {}", String::from_utf8_lossy(&both.stderr));
    let undo =
        if before.len() > 2 { format!("umount {path} && rmdir {path}") } else { format!("rm -r {path}") };
    assert!(said.contains(&undo), "{said}");
    let again: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((&again["made"], &again["mounted"]), (&Value::Bool(false), &Value::Bool(false)));
}
