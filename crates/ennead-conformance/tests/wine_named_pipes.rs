//! The suite against Windows' own functions as Wine has them.
//!
//! It needs Wine and a compiler for Windows; without them it says so, and with `CI=true` fails.

#[path = "wine/differences.rs"]
mod differences;
#[path = "wine/driver.rs"]
mod driver;
#[path = "wine/overlapped.rs"]
mod overlapped;
#[path = "wine/prefix.rs"]
mod prefix;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ennead_conformance::named_pipes::{Case, End, NamedPipes, Outcome, Read, Spec, cases};
use ennead_conformance::overlapped_pipes;
use ennead_status::Win32Error;

use differences::{DIFFERENCES, VERSION};
use driver::{Answer, Driver, Function, Request};
use prefix::{Prefix, Tools};

/// For a case that takes a tenth of a second.
const WATCHDOG: Duration = Duration::from_secs(60);

const PAGES: &str = "https://learn.microsoft.com/windows/win32/";

struct Wine(Arc<Driver>);

/// A handle in the driver; closed when it is dropped.
struct Handle(Arc<Driver>, u64);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.try_ask(Function::Close, &Request { handle: self.1, ..Request::default() });
    }
}

/// ERROR_MORE_DATA.
const MORE_DATA: u32 = 234;

fn outcome(answer: Answer) -> Outcome<Answer> {
    if answer.error == 0 { Ok(answer) } else { Err(Win32Error(answer.error)) }
}

/// What a function that reads gave: part of a message is no failure.
fn received(answer: &Answer, buffer: &mut [u8]) -> Outcome<Read> {
    if answer.error != 0 && answer.error != MORE_DATA {
        return Err(Win32Error(answer.error));
    }
    buffer[..answer.data.len()].copy_from_slice(&answer.data);
    Ok((answer.data.len(), answer.error == MORE_DATA))
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a test's buffer")
}

fn handle(end: End<'_, Wine>) -> u64 {
    match end {
        End::Server(handle) | End::Client(handle) => handle.1,
    }
}

impl Wine {
    fn open_handle(&self, function: Function, name: &str, numbers: [u32; 6]) -> Outcome<Handle> {
        let answer = outcome(self.0.ask(function, &Request { name, numbers, ..Request::default() }))?;
        Ok(Handle(Arc::clone(&self.0), answer.handle))
    }

    fn on(&self, handle: u64, function: Function) -> Outcome<Answer> {
        outcome(self.0.ask(function, &Request { handle, ..Request::default() }))
    }
}

impl NamedPipes for Wine {
    type Server = Handle;
    type Client = Handle;

    fn create(&self, name: &str, spec: Spec) -> Outcome<Handle> {
        let (out, inward) = spec.buffers;
        let numbers = [spec.open_mode, spec.pipe_mode, spec.max_instances, out, inward, spec.timeout];
        self.open_handle(Function::Create, name, numbers)
    }

    fn open(&self, name: &str, access: u32) -> Outcome<Handle> {
        self.open_handle(Function::Open, name, [access, 0, 0, 0, 0, 0])
    }

    fn wait(&self, name: &str, millis: u32) -> Outcome<()> {
        let numbers = [millis, 0, 0, 0, 0, 0];
        outcome(self.0.ask(Function::Wait, &Request { name, numbers, ..Request::default() })).map(drop)
    }

    fn call(&self, name: &str, data: &[u8], reply: &mut [u8], millis: u32) -> Outcome<Read> {
        let numbers = [millis, length(reply.len()), 0, 0, 0, 0];
        let request = Request { name, numbers, data, ..Request::default() };
        received(&self.0.ask(Function::Call, &request), reply)
    }

    fn connect(&self, server: &Handle) -> Outcome<()> {
        self.on(server.1, Function::Connect).map(drop)
    }

    fn disconnect(&self, server: &Handle) -> Outcome<()> {
        self.on(server.1, Function::Disconnect).map(drop)
    }

    fn client_pid(&self, server: &Handle) -> Outcome<u32> {
        self.on(server.1, Function::ClientPid).map(|answer| answer.numbers[0])
    }

    fn process_id(&self) -> u32 {
        self.0.ask(Function::ProcessId, &Request::default()).numbers[0]
    }

    fn server_pid(&self, client: &Handle) -> Outcome<u32> {
        self.on(client.1, Function::ServerPid).map(|answer| answer.numbers[0])
    }

    fn read(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<Read> {
        let numbers = [0, length(buffer.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        received(&self.0.ask(Function::Read, &request), buffer)
    }

    fn write(&self, end: End<'_, Self>, data: &[u8]) -> Outcome<usize> {
        let request = Request { handle: handle(end), data, ..Request::default() };
        outcome(self.0.ask(Function::Write, &request)).map(|answer| answer.numbers[0] as usize)
    }

    fn peek(&self, end: End<'_, Self>, buffer: &mut [u8]) -> Outcome<(usize, usize, usize)> {
        let numbers = [0, length(buffer.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        let answer = self.0.ask(Function::Peek, &request);
        let [_, available, left, _] = answer.numbers.map(|number| number as usize);
        received(&answer, buffer).map(|(bytes, _)| (bytes, available, left))
    }

    fn transact(&self, end: End<'_, Self>, data: &[u8], reply: &mut [u8]) -> Outcome<Read> {
        let numbers = [0, length(reply.len()), 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, data, ..Request::default() };
        received(&self.0.ask(Function::Transact, &request), reply)
    }

    fn flush(&self, end: End<'_, Self>) -> Outcome<()> {
        self.on(handle(end), Function::Flush).map(drop)
    }

    fn set_state(&self, end: End<'_, Self>, mode: u32) -> Outcome<()> {
        let numbers = [mode, 0, 0, 0, 0, 0];
        let request = Request { handle: handle(end), numbers, ..Request::default() };
        outcome(self.0.ask(Function::SetState, &request)).map(drop)
    }

    fn state(&self, end: End<'_, Self>) -> Outcome<(u32, u32)> {
        self.on(handle(end), Function::State).map(|answer| (answer.numbers[0], answer.numbers[1]))
    }

    fn info(&self, end: End<'_, Self>) -> Outcome<(u32, u32, u32, u32)> {
        let [flags, out, inward, most] = self.on(handle(end), Function::Info)?.numbers;
        Ok((flags, out, inward, most))
    }
}

/// What panics said, in this process; cases run one after the other.
type Said = Arc<Mutex<Vec<String>>>;

/// Runs a case; what it said if it failed.
fn try_case(
    prefix: &Prefix,
    driver: &mut Option<Arc<Driver>>,
    case: Case<Wine>,
    said: &Said,
) -> Option<String> {
    let current = Arc::clone(
        driver
            .get_or_insert_with(|| Arc::new(Driver::start(&mut prefix.driver()).expect("start the driver"))),
    );
    let wine = Wine(Arc::clone(&current));
    let (done, ended) = channel();
    let (failed, hung) = thread::scope(|scope| {
        scope.spawn(move || {
            let failed = catch_unwind(AssertUnwindSafe(|| case.1(&wine))).is_err();
            done.send(failed).expect("the test waits");
        });
        match ended.recv_timeout(WATCHDOG) {
            Ok(failed) => (failed, false),
            Err(RecvTimeoutError::Timeout) => {
                current.end();
                (ended.recv().expect("the case ends"), true)
            }
            Err(RecvTimeoutError::Disconnected) => (true, false),
        }
    });
    let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
    if hung {
        *driver = None;
    }
    let hung = if hung { "did not end in time; " } else { "" };
    (failed || !hung.is_empty()).then(|| format!("{hung}{}", said.join("; ")))
}

#[test]
fn every_case() {
    let tools = match Tools::find() {
        Ok(tools) => tools,
        Err(what) if std::env::var_os("CI").is_some_and(|ci| ci == "true") => panic!("{what}"),
        Err(what) => {
            println!("skipped: {what}");
            return;
        }
    };
    let prefix = Prefix::create(tools).expect("make a Wine prefix");
    let reviewed = prefix.version.starts_with(VERSION);
    let said = Said::default();
    let listener = Arc::clone(&said);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or("a panic without words");
        let line = info.location().map_or(0, panic::Location::line);
        let text = text.split('\n').map(str::trim).collect::<Vec<_>>().join(", ");
        listener.lock().unwrap_or_else(PoisonError::into_inner).push(format!("line {line}: {text}"));
    }));
    let cases = [cases::<Wine>(), overlapped_pipes::cases()].concat();
    for known in DIFFERENCES {
        assert!(cases.iter().any(|case| case.0 == known.case), "no case is called {:?}", known.case);
    }
    let mut driver = None;
    let mut wrong = Vec::new();
    for case in cases {
        let failure = try_case(&prefix, &mut driver, case, &said);
        let known = DIFFERENCES.iter().find(|known| known.case == case.0);
        println!("{}: {}", case.0, failure.as_deref().unwrap_or("as documented"));
        match (failure, known) {
            (None, None) => {}
            (Some(what), Some(known)) if what.contains(known.says) => {
                println!("  known; {PAGES}{}: {:?}", known.page, known.sentence);
            }
            (Some(what), _) => wrong.push(format!("{}: {what}", case.0)),
            (None, Some(_)) if reviewed => wrong.push(format!("{}: no longer different", case.0)),
            (None, Some(_)) => println!("  no longer different: {}", prefix.version),
        }
    }
    panic::set_hook(hook);
    drop(driver);
    drop(prefix);
    assert!(
        wrong.is_empty(),
        "where Wine differs and tests/wine/differences.rs does not say so:\n{}",
        wrong.join("\n")
    );
}
