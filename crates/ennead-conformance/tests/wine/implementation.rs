//! Windows' functions as Wine has them: what every suite's part uses.

use std::path::PathBuf;
use std::sync::Arc;

use ennead_conformance::Outcome;
use ennead_conformance::sync_objects::{INFINITE, SYNCHRONIZE};
use ennead_status::Win32Error;

use crate::driver::{Answer, Driver, Function, Request};
use crate::prefix::Prefix;

/// A process under Wine.
pub struct Wine {
    driver: Arc<Driver>,
    prefix: Arc<Prefix>,
}

/// A handle in the driver; closed when it is dropped.
pub struct Handle(Arc<Driver>, u64);

impl Handle {
    /// Its value in the driver.
    pub fn number(&self) -> u64 {
        self.1
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.try_ask(Function::Close, &Request { handle: self.1, ..Request::default() });
    }
}

impl Wine {
    /// Over a running driver.
    pub fn new(driver: Arc<Driver>, prefix: Arc<Prefix>) -> Self {
        Self { driver, prefix }
    }

    /// Another process of the same session.
    pub fn another_process(&self) -> Self {
        let driver = Driver::start(&mut self.prefix.driver()).expect("start another driver");
        Self::new(Arc::new(driver), Arc::clone(&self.prefix))
    }

    /// The process.
    pub fn driver(&self) -> &Arc<Driver> {
        &self.driver
    }

    /// Asks, and waits for the answer.
    pub fn request(&self, function: Function, request: &Request<'_>) -> Answer {
        self.driver.ask(function, request)
    }

    /// Asks of a handle.
    pub fn on(&self, handle: u64, function: Function) -> Outcome<Answer> {
        outcome(self.request(function, &Request { handle, ..Request::default() }))
    }

    /// Asks something of a handle that takes numbers.
    pub fn with(&self, handle: u64, function: Function, numbers: [u32; 6]) -> Outcome<Answer> {
        outcome(self.request(function, &Request { handle, numbers, ..Request::default() }))
    }

    /// Asks for a handle by a name.
    pub fn open_handle(&self, function: Function, name: &str, numbers: [u32; 6]) -> Outcome<Handle> {
        self.new_handle(function, &Request { name: Some(name), numbers, ..Request::default() })
            .map(|(handle, _)| handle)
    }

    /// Asks for a handle, and whether what it is of was there already.
    pub fn new_handle(&self, function: Function, request: &Request<'_>) -> Outcome<(Handle, bool)> {
        let answer = outcome(self.request(function, request))?;
        Ok((self.adopt(answer.handle), answer.numbers[0] != 0))
    }

    /// Takes a handle that a function gave.
    pub fn adopt(&self, handle: u64) -> Handle {
        Handle(Arc::clone(&self.driver), handle)
    }

    /// An empty folder; it goes with the prefix.
    pub fn new_folder(&self) -> PathBuf {
        self.prefix.new_folder()
    }

    /// Ends another process at once; when this returns, it has ended also for Wine's server, for which it is somewhat later.
    pub fn end(&self, another: &Self) {
        let id = another.request(Function::ProcessId, &Request::default()).numbers[0];
        let request = Request { numbers: [SYNCHRONIZE, id, 0, 0, 0, 0], ..Request::default() };
        let (process, _) = self.new_handle(Function::OpenProcess, &request).expect("open the process");
        another.driver.end();
        self.with(process.number(), Function::WaitOne, [INFINITE, 0, 0, 0, 0, 0])
            .expect("wait for the process");
    }
}

/// What a function that says only whether it failed gave.
pub fn outcome(answer: Answer) -> Outcome<Answer> {
    if answer.error == 0 { Ok(answer) } else { Err(Win32Error(answer.error)) }
}

/// A length as Win32's functions take it.
pub fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a test's buffer")
}

/// The two halves of a number of 64 bits, the lower one first.
pub fn halves(number: u64) -> [u32; 2] {
    [number as u32, (number >> 32) as u32]
}
