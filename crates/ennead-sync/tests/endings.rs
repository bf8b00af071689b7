//! Processes and threads, which are signaled from their end on.

mod support;

use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;

use ennead_status::Win32Error;
use ennead_sync::{EventOptions, Outcome, Process, Thread, Wait, wait_all, wait_any};
use support::WATCHDOG;

fn watchdog() -> Wait<'static> {
    Wait::Until(Instant::now() + WATCHDOG)
}

#[test]
fn a_process_is_signaled_from_its_end_on() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let process = Process::of_child(&child).unwrap();
    let again = Process::open(child.id()).unwrap();
    let event = EventOptions::new().unnamed().unwrap();
    assert_eq!(process.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    assert_eq!(wait_any(&[&event, &again], Wait::Never).unwrap(), Outcome::TimedOut);
    child.kill().unwrap();
    assert_eq!(wait_any(&[&event, &process], watchdog()).unwrap(), Outcome::Signaled(1));
    event.set().unwrap();
    assert_eq!(wait_all(&[&event, &again, &process], watchdog()).unwrap(), Outcome::Signaled(0));
    child.wait().unwrap();
    assert!(process.has_ended());
    assert_eq!(process.wait(Wait::Never).unwrap(), Outcome::Signaled(0), "and it stays so");
    assert_eq!(Process::open(child.id()).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
    assert_eq!(Process::open(0).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
}

#[test]
fn our_own_process_is_never_signaled() {
    let process = Process::open(std::process::id()).unwrap();
    assert_eq!(process.wait(Wait::Never).unwrap(), Outcome::TimedOut);
}

#[test]
fn a_thread_is_signaled_from_its_end_on() {
    let (told, handle) = channel();
    let (end, until) = channel::<()>();
    let thread = std::thread::spawn(move || {
        told.send(Thread::current().unwrap()).unwrap();
        let _ = until.recv();
    });
    let handle = handle.recv().unwrap();
    assert_eq!(handle.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    drop(end);
    assert_eq!(handle.wait(watchdog()).unwrap(), Outcome::Signaled(0));
    thread.join().unwrap();
    assert_eq!(handle.wait(Wait::Never).unwrap(), Outcome::Signaled(0));
}

#[test]
fn another_processs_thread_can_be_waited_for() {
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let thread = Thread::open(child.id()).unwrap();
    assert_eq!(thread.wait(Wait::Never).unwrap(), Outcome::TimedOut);
    child.kill().unwrap();
    assert_eq!(thread.wait(watchdog()).unwrap(), Outcome::Signaled(0));
    child.wait().unwrap();
    assert_eq!(Thread::open(u32::MAX).unwrap_err().win32(), Win32Error::INVALID_PARAMETER);
}
