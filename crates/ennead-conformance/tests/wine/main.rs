//! The suites against Windows' own functions as Wine has them.
//!
//! They need Wine and a compiler for Windows; without them the test says so, and with `CI=true` fails.

mod differences;
mod driver;
mod file_mapping;
mod implementation;
mod mailslots;
mod named_pipes;
mod overlapped_pipes;
mod prefix;
mod sync_objects;

use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use ennead_conformance::Case;

use differences::{Difference, HANGS, VERSION};
use driver::Driver;
use implementation::Wine;
use prefix::{Prefix, Tools};

/// For a case that takes a tenth of a second.
const WATCHDOG: Duration = Duration::from_secs(60);

/// For one that is known not to end under Wine.
const HOPELESS: Duration = Duration::from_secs(2);

const PAGES: &str = "https://learn.microsoft.com/windows/win32/";

fn all_cases() -> Vec<Case<Wine>> {
    [
        ennead_conformance::named_pipes::cases(),
        ennead_conformance::overlapped_pipes::cases(),
        ennead_conformance::sync_objects::cases(),
        ennead_conformance::sync_objects::timer_cases(),
        ennead_conformance::file_mapping::cases(),
        ennead_conformance::mailslots::cases(),
        ennead_conformance::mailslots::overlapped_cases(),
    ]
    .concat()
}

/// What panics said, in this process; cases run one after the other.
type Said = Arc<Mutex<Vec<String>>>;

/// Runs a case; what it said if it failed.
fn try_case(
    prefix: &Arc<Prefix>,
    driver: &mut Option<Arc<Driver>>,
    case: Case<Wine>,
    watchdog: Duration,
    said: &Said,
) -> Option<String> {
    let current = Arc::clone(
        driver
            .get_or_insert_with(|| Arc::new(Driver::start(&mut prefix.driver()).expect("start the driver"))),
    );
    let wine = Wine::new(Arc::clone(&current), Arc::clone(prefix));
    let (done, ended) = channel();
    let (failed, hung) = thread::scope(|scope| {
        scope.spawn(move || {
            let failed = catch_unwind(AssertUnwindSafe(|| case.1(&wine))).is_err();
            done.send(failed).expect("the test waits");
        });
        match ended.recv_timeout(watchdog) {
            Ok(failed) => (failed, false),
            Err(RecvTimeoutError::Timeout) => {
                current.end();
                (ended.recv().expect("the case ends"), true)
            }
            Err(RecvTimeoutError::Disconnected) => (true, false),
        }
    });
    let said = std::mem::take(&mut *said.lock().unwrap_or_else(PoisonError::into_inner));
    // What a failed case left waiting or owned must not trip the next one.
    if hung || failed {
        current.end();
        *driver = None;
    }
    let hung = if hung { HANGS } else { "" };
    (failed || !hung.is_empty()).then(|| format!("{hung}; {}", said.join("; ")))
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
    let prefix = Arc::new(Prefix::create(tools).expect("make a Wine prefix"));
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
    let known: Vec<&Difference> = differences::all().collect();
    let cases = all_cases();
    for (at, case) in cases.iter().enumerate() {
        assert!(!cases[..at].iter().any(|other| other.0 == case.0), "two cases are called {:?}", case.0);
    }
    for known in &known {
        assert!(cases.iter().any(|case| case.0 == known.case), "no case is called {:?}", known.case);
    }
    // While one tries a case, ENNEAD_CASES names a part of what the cases are called.
    let wanted = std::env::var("ENNEAD_CASES").unwrap_or_default();
    let mut driver = None;
    let mut wrong = Vec::new();
    for case in cases.into_iter().filter(|case| case.0.contains(&wanted)) {
        let began = Instant::now();
        let known = known.iter().find(|known| known.case == case.0);
        let watchdog = if known.is_some_and(|known| known.says == HANGS) { HOPELESS } else { WATCHDOG };
        let failure = try_case(&prefix, &mut driver, case, watchdog, &said);
        let took = began.elapsed().as_millis();
        println!("{}: {} ({took} ms)", case.0, failure.as_deref().unwrap_or("as documented"));
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
        "where Wine differs and tests/wine/differences do not say so:\n{}",
        wrong.join("\n")
    );
}
