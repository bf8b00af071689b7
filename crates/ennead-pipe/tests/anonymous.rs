//! Anonymous pipes as the documentation describes them.

use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use ennead_pipe::anonymous::{
    CancelToken, Options, Peeked, ReadError, Reader, Redirect, Wait, WriteError, Writer, duplex,
    inherited_reader, inherited_writer, pipe,
};
use ennead_status::Win32Error;

const GENEROUS: Duration = Duration::from_secs(60);

/// Ends the whole process when a test hangs.
struct Watchdog(#[allow(dead_code, reason = "dropping it calls the dog off")] mpsc::Sender<()>);

impl Watchdog {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        let name = thread::current().name().unwrap_or("?").to_owned();
        thread::spawn(move || {
            if receiver.recv_timeout(GENEROUS) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{name} hangs");
                std::process::abort();
            }
        });
        Self(sender)
    }
}

fn soon() -> Wait<'static> {
    Wait::Until(Instant::now() + Duration::from_millis(5))
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn what_is_written_is_read_and_the_end_is_a_broken_pipe() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    let mut buffer = [0; 16];
    assert_eq!(reader.receive(&mut buffer, Wait::Never).unwrap_err().win32(), Win32Error::NO_DATA);
    assert_eq!(reader.receive(&mut buffer, soon()).unwrap_err().win32(), Win32Error::SEM_TIMEOUT);
    assert_eq!(writer.send(b"manufacturing costs", Wait::Forever).unwrap(), 19);
    assert_eq!(writer.unread().unwrap(), 19);
    assert_eq!(reader.receive(&mut buffer, Wait::Forever).unwrap(), 16);
    drop(writer);
    // What was written before the close stays readable.
    assert_eq!(reader.receive(&mut buffer, Wait::Never).unwrap(), 3);
    for wait in [Wait::Forever, Wait::Never, soon()] {
        let error = reader.receive(&mut buffer, wait).unwrap_err();
        assert_eq!(error.win32(), Win32Error::BROKEN_PIPE);
        assert_eq!(io::Error::from(error).kind(), io::ErrorKind::BrokenPipe);
    }
    assert_eq!((&reader).read(&mut buffer).unwrap(), 0);
}

#[test]
fn writing_to_nobody_is_a_broken_pipe_and_kills_nobody() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    for wait in [Wait::Forever, Wait::Never, soon()] {
        let error = writer.send(b"x", wait).unwrap_err();
        assert_eq!((error.win32(), error.written()), (Win32Error::BROKEN_PIPE, 0));
    }
    assert_eq!((&writer).write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    // A null write does nothing.
    assert_eq!(writer.send(b"", Wait::Forever).unwrap(), 0);
}

#[test]
fn a_write_completes_only_when_all_is_written() {
    let _dog = Watchdog::new();
    let (mut reader, writer) = pipe().unwrap();
    let size = writer.capacity().unwrap();
    let data: Vec<u8> = (0..size * 5).map(|n| (n % 255) as u8).collect();
    // Without a reader, a deadline ends it and tells how far it came.
    let error = writer.send(&data, soon()).unwrap_err();
    assert!(matches!(error, WriteError::TimedOut { written } if written == size), "{error:?}");
    assert_eq!(writer.send(&data[size..], Wait::Never).unwrap(), 0);
    let rest = data[size..].to_vec();
    let writing = thread::spawn(move || writer.send(&rest, Wait::Forever).unwrap());
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert_eq!(writing.join().unwrap(), size * 4);
    assert!(all == data);
}

#[test]
fn another_thread_cancels_a_read_and_a_write() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    let cancel = CancelToken::new().unwrap();
    let token = cancel.clone();
    let reading = thread::spawn(move || {
        let error = reader.receive(&mut [0; 8], Wait::Forever.or_cancelled(&token)).unwrap_err();
        (error.win32(), reader)
    });
    cancel.cancel();
    let (error, reader) = reading.join().unwrap();
    assert_eq!(error, Win32Error::OPERATION_ABORTED);
    assert!(cancel.is_cancelled());
    // A cancelled read took nothing, and a used token stays used.
    writer.send(b"later", Wait::Forever).unwrap();
    let again = reader.receive(&mut [0; 8], Wait::Forever.or_cancelled(&cancel));
    assert!(matches!(again, Err(ReadError::Cancelled)));
    assert_eq!(reader.receive(&mut [0; 8], Wait::Never).unwrap(), 5);

    let cancel = CancelToken::new().unwrap();
    let token = cancel.clone();
    let size = writer.capacity().unwrap();
    let writing = thread::spawn(move || {
        writer.send(&vec![1; size * 2], Wait::Forever.or_cancelled(&token)).unwrap_err()
    });
    let mut byte = [0];
    while reader.peek(&mut byte).unwrap().available < size {
        thread::yield_now();
    }
    cancel.cancel();
    let error = writing.join().unwrap();
    assert_eq!((error.win32(), error.written()), (Win32Error::OPERATION_ABORTED, size));
}

#[test]
fn peeking_tells_what_is_there_and_leaves_it() {
    let (reader, writer) = pipe().unwrap();
    let mut buffer = [0; 5];
    assert_eq!(reader.peek(&mut buffer).unwrap(), Peeked { copied: 0, available: 0 });
    writer.send(b"parts and", Wait::Forever).unwrap();
    writer.send(b" costs", Wait::Forever).unwrap();
    assert_eq!(reader.peek(&mut buffer).unwrap(), Peeked { copied: 5, available: 15 });
    assert_eq!(&buffer, b"parts");
    assert_eq!(reader.peek(&mut []).unwrap(), Peeked { copied: 0, available: 15 });
    drop(writer);
    let mut all = [0; 64];
    assert_eq!(reader.peek(&mut all).unwrap().copied, 15);
    assert_eq!(reader.receive(&mut all, Wait::Never).unwrap(), 15);
    for buffer in [&mut all[..], &mut []] {
        assert_eq!(reader.peek(buffer).unwrap_err().win32(), Win32Error::BROKEN_PIPE);
    }
}

#[test]
fn the_size_is_a_suggestion() {
    let default = pipe().unwrap().1.capacity().unwrap();
    for (hint, least) in [(0, default), (1, default), (default + 1, default + 1), (1 << 20, 1 << 20)] {
        let (reader, writer) = Options::new().size(hint).create().unwrap();
        assert!(writer.capacity().unwrap() >= least, "{hint}");
        assert_eq!(reader.capacity().unwrap(), writer.capacity().unwrap());
    }
    for absurd in [usize::MAX, u32::MAX as usize, 1 << 31] {
        let (_reader, writer) = Options::new().size(absurd).create().unwrap();
        assert!(writer.capacity().unwrap() >= default, "{absurd}");
    }
}

#[test]
fn two_pipes_are_a_conversation() {
    let _dog = Watchdog::new();
    let (mut here, mut there) = duplex().unwrap();
    let echo = thread::spawn(move || {
        let mut question = [0; 4];
        there.read_exact(&mut question).unwrap();
        question.reverse();
        there.write_all(&question).unwrap();
    });
    here.write_all(b"abcd").unwrap();
    let mut answer = String::new();
    here.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "dcba");
    echo.join().unwrap();
}

#[test]
fn what_is_no_pipe_is_no_end() {
    let (reader, writer) = pipe().unwrap();
    assert!(Writer::try_from(std::os::fd::OwnedFd::from(reader)).is_err());
    let error = Reader::try_from(std::os::fd::OwnedFd::from(writer)).unwrap_err();
    assert_eq!(error.win32(), Win32Error::INVALID_HANDLE);
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(Reader::try_from(std::os::fd::OwnedFd::from(file)).is_err());
}

#[test]
fn both_outputs_and_the_input_are_larger_than_any_buffer() {
    let _dog = Watchdog::new();
    let input: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 241) as u8).collect();
    // Everything goes to both, so that whoever gathered one after the other would hang.
    let child = Redirect::new(shell("tee /dev/stderr")).stdin().stdout().stderr().spawn().unwrap();
    let output = child.gather(&input).unwrap();
    assert!(output.status.success());
    assert!(output.stdout == input);
    assert!(output.stderr == input);
}

#[test]
fn a_child_need_not_read_its_input() {
    let _dog = Watchdog::new();
    let child = Redirect::new(shell("exec <&-; echo done; exit 3")).stdin().stdout().spawn().unwrap();
    let output = child.gather(&vec![0; 1 << 20]).unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(output.stdout, b"done\n");
}

#[test]
fn errors_can_go_where_the_output_goes() {
    let _dog = Watchdog::new();
    let child =
        Redirect::new(shell("echo one; echo two >&2; echo three")).stderr_with_stdout().spawn().unwrap();
    assert_eq!(child.gather(b"").unwrap().stdout, b"one\ntwo\nthree\n");
}

#[test]
fn gathering_can_be_bounded_and_then_ends_the_child() {
    let _dog = Watchdog::new();
    let child = Redirect::new(shell("exec cat")).stdin().stdout().spawn().unwrap();
    let id = child.id();
    // The child waits for more input than there will be: keep its input open by a second handle.
    let keep = child.stdin.as_ref().unwrap().try_clone().unwrap();
    let error = child.gather_until(b"x", Instant::now() + Duration::from_millis(20)).unwrap_err();
    assert_eq!(Win32Error::from(&error), Win32Error::SEM_TIMEOUT);
    wait_until_gone(id);
    drop(keep);
}

#[test]
fn waiting_for_a_child_with_a_deadline() {
    let _dog = Watchdog::new();
    let mut child = Redirect::new(shell("read line; exit 7")).stdin().spawn().unwrap();
    assert!(child.wait_until(Instant::now()).unwrap().is_none());
    child.stdin.take().unwrap().send(b"go\n", Wait::Forever).unwrap();
    let status = child.wait_until(Instant::now() + GENEROUS).unwrap().unwrap();
    assert_eq!(status.code(), Some(7));
    // It stays known, and its id is not used again.
    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(7));
    assert_eq!(child.wait().unwrap().code(), Some(7));
    child.kill().unwrap();
}

/// Until nothing of the process is left, not even a zombie.
fn wait_until_gone(id: u32) {
    while std::fs::exists(format!("/proc/{id}")).unwrap() {
        thread::yield_now();
    }
}

#[test]
fn dropped_children_run_on_and_leave_no_zombies() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    let mut ids = Vec::new();
    for _ in 0..20 {
        let theirs = writer.try_clone().unwrap();
        let mut command = shell("read line; echo alive");
        command.stdout(theirs);
        let mut child = Redirect::new(command).stdin().spawn().unwrap();
        ids.push(child.id());
        let stdin = child.stdin.take();
        drop(child);
        drop(stdin);
    }
    drop(writer);
    let mut said = String::new();
    (&reader).read_to_string(&mut said).unwrap();
    assert_eq!(said, "alive\n".repeat(20));
    ids.into_iter().for_each(wait_until_gone);
}

#[test]
fn a_child_that_cannot_be_started_leaves_nothing_behind() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    let missing = Command::new("/nonexistent/program");
    let error = Redirect::new(missing).stdin().give_writer("LOG", writer).spawn().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert!(matches!(reader.receive(&mut [0], Wait::Forever), Err(ReadError::Ended)));
}

#[test]
fn other_children_inherit_nothing() {
    let _dog = Watchdog::new();
    let (reader, writer) = pipe().unwrap();
    // This one is started while both ends are open, lives on, and has neither.
    let mut other = Redirect::new(shell("exec cat")).stdin().stdout().spawn().unwrap();
    let chosen = Redirect::new(shell("echo \"$ENNEAD_PIPE_LOG\"; ls -l /proc/self/fd >&2"))
        .stdout()
        .stderr()
        .give_writer("LOG", writer)
        .spawn()
        .unwrap();
    let output = chosen.gather(b"").unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    let number = told.split('.').next().unwrap();
    let listed = String::from_utf8(output.stderr).unwrap();
    assert!(listed.contains(&format!(" {number} -> pipe:")), "{told} {listed}");
    // The chosen child is gone and the other still lives: only then does the end come, if it has no copy.
    assert!(matches!(reader.receive(&mut [0], Wait::Forever), Err(ReadError::Ended)));
    assert!(other.try_wait().unwrap().is_none());
    other.wait().unwrap();
}

const PART: &str = "ENNEAD_TEST_PART";

#[test]
fn ends_are_given_by_name() {
    let _dog = Watchdog::new();
    if std::env::var_os(PART).is_some() {
        let questions = inherited_reader("QUESTIONS").unwrap();
        assert_eq!(inherited_reader("QUESTIONS").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(inherited_reader("OTHER").unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(inherited_reader("ANSWERS").unwrap_err().kind(), io::ErrorKind::InvalidData);
        let answers = inherited_writer("REPLIES").unwrap();
        // The environment still speaks of them, but they are close-on-exec again: a grandchild has neither.
        let grandchild = shell("ls -l /proc/self/fd").output().unwrap();
        let listed = String::from_utf8(grandchild.stdout).unwrap();
        for name in ["QUESTIONS", "REPLIES", "ANSWERS"] {
            let told = std::env::var(format!("ENNEAD_PIPE_{name}")).unwrap();
            let inode = u64::from_str_radix(told.rsplit('.').next().unwrap(), 16).unwrap();
            assert!(!listed.contains(&format!("pipe:[{inode}]")), "{name} {told}: {listed}");
        }
        let mut question = [0; 5];
        (&questions).read_exact(&mut question).unwrap();
        answers.send(&question.map(|byte| byte.to_ascii_uppercase()), Wait::Forever).unwrap();
        return;
    }
    let (here, there) = duplex().unwrap();
    let (_unused, wrong_way) = pipe().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["ends_are_given_by_name", "--exact"])
        .env(PART, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let (reader, writer) = there.split();
    let mut child = Redirect::new(command)
        .give_reader("QUESTIONS", reader)
        .give_writer("REPLIES", writer)
        .give_writer("ANSWERS", wrong_way)
        .spawn()
        .unwrap();
    here.writer.send(b"parts", Wait::Forever).unwrap();
    let mut answer = [0; 5];
    (&here.reader).read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"PARTS");
    assert!(child.wait().unwrap().success());
}

#[test]
fn names_of_ends_are_plain() {
    for bad in ["", "a=b", "a b", "é", "a\0b"] {
        let (reader, _writer) = pipe().unwrap();
        let error = Redirect::new(shell("true")).give_reader(bad, reader).spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{bad:?}");
        assert_eq!(inherited_reader(bad).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn the_documented_example_runs() {
    let _dog = Watchdog::new();
    let folder = std::env::current_exe().unwrap();
    let example = folder.parent().unwrap().parent().unwrap().join("examples/redirected_child");
    assert!(example.exists(), "{} is missing: cargo test builds it", example.display());
    let file = std::env::temp_dir().join(format!("ennead-example-{}", std::process::id()));
    // More than the two pipes and the child's buffers hold.
    let text = "a line of the input file\n".repeat(40_000);
    std::fs::write(&file, &text).unwrap();
    let output = Command::new(&example).arg(&file).output().unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("** This is a message from the child process. **"));
    assert!(printed.contains(&text));
    assert!(printed.ends_with("->End of parent execution.\n"));
    let none = Command::new(&example).output().unwrap();
    assert!(!none.status.success());
}
