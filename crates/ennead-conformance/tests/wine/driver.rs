//! `wine/driver.c` at work: one request, one answer, from any number of threads.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};

/// What the driver is asked for; the numbers are those of `wine/*.c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    // pipes.c
    Create = 1,
    Open,
    Wait,
    Call,
    Connect,
    Disconnect,
    ClientPid,
    ServerPid,
    Read,
    Write,
    Peek,
    Transact,
    Flush,
    SetState,
    State,
    Info,
    StartRead,
    StartWrite,
    StartConnect,
    StartTransact,
    Result,
    Cancel,
    CancelAll,
    Forget,
    // driver.h
    Close = 100,
    ProcessId,
    EndThread,
    OpenFile,
    // sync.c
    CreateEvent = 200,
    CreateMutex,
    CreateSemaphore,
    CreateTimer,
    OpenEvent,
    OpenMutex,
    OpenSemaphore,
    OpenTimer,
    OpenProcess,
    OpenThread,
    SetEvent,
    ResetEvent,
    PulseEvent,
    ReleaseMutex,
    ReleaseSemaphore,
    SetTimer,
    CancelTimer,
    WaitOne,
    WaitMany,
    SignalAndWait,
    // mapping.c
    CreateMapping = 300,
    OpenMapping,
    MapView,
    UnmapView,
    FlushView,
    ReadView,
    WriteView,
    Commit,
    // mailslots.c
    CreateSlot = 400,
    OpenSlot,
    SlotInfo,
    SetSlotInfo,
    ReadSlot,
    WriteSlot,
}

/// A request. `numbers` and `handle` mean what the function makes of them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    pub handle: u64,
    pub name: Option<&'a str>,
    pub numbers: [u32; 6],
    pub data: &'a [u8],
}

/// What the functions said. `error` is `GetLastError`'s, or 0.
#[derive(Debug)]
pub struct Answer {
    pub error: u32,
    pub handle: u64,
    pub numbers: [u32; 4],
    pub data: Vec<u8>,
}

/// A running driver. Dropping it ends the process, and with it whatever it had open.
pub struct Driver {
    child: Mutex<Child>,
    stdin: Mutex<ChildStdin>,
    waiting: Waiting,
    reader: Option<JoinHandle<()>>,
}

/// One thread here is one thread there: what it owns there is abandoned when it ends here.
struct Thread {
    number: u32,
    drivers: RefCell<Vec<Weak<Driver>>>,
}

thread_local! {
    static THREAD: Thread = Thread::new();
}

impl Thread {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        Self { number: COUNT.fetch_add(1, Relaxed), drivers: RefCell::default() }
    }

    /// Its number, for a driver that hears of its end.
    fn talks_to(&self, driver: &Arc<Driver>) -> u32 {
        let mut drivers = self.drivers.borrow_mut();
        if !drivers.iter().any(|known| Weak::as_ptr(known) == Arc::as_ptr(driver)) {
            drivers.push(Arc::downgrade(driver));
        }
        self.number
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        for driver in self.drivers.take().iter().filter_map(Weak::upgrade) {
            driver.try_ask_of(self.number, Function::EndThread, &Request::default());
        }
    }
}

/// Who waits for which answer; none once the driver has ended.
type Waiting = Arc<Mutex<Option<HashMap<u32, Sender<Answer>>>>>;

const HEADER: usize = 40;

impl Driver {
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).expect("both are piped");
        let waiting = Waiting::new(Mutex::new(Some(HashMap::new())));
        let theirs = Arc::clone(&waiting);
        let reader = thread::spawn(move || distribute(stdout, &theirs));
        Ok(Self { child: Mutex::new(child), stdin: Mutex::new(stdin), waiting, reader: Some(reader) })
    }

    /// Asks, and waits for the answer; none if the driver has ended.
    pub fn try_ask(self: &Arc<Self>, function: Function, request: &Request<'_>) -> Option<Answer> {
        let thread = THREAD.try_with(|thread| thread.talks_to(self)).unwrap_or_default();
        self.try_ask_of(thread, function, request)
    }

    fn try_ask_of(&self, thread: u32, function: Function, request: &Request<'_>) -> Option<Answer> {
        let (sender, receiver) = channel();
        // Answers come in any order: a request is known by a number that no pending one has.
        let id = {
            let mut waiting = lock(&self.waiting);
            let waiting = waiting.as_mut()?;
            let id = (0..).find(|id| !waiting.contains_key(id))?;
            waiting.insert(id, sender);
            id
        };
        lock(&self.stdin).write_all(&encode(id, thread, function, request)).ok()?;
        receiver.recv().ok()
    }

    /// Asks, and waits for the answer.
    ///
    /// # Panics
    /// The driver has ended.
    pub fn ask(self: &Arc<Self>, function: Function, request: &Request<'_>) -> Answer {
        self.try_ask(function, request)
            .unwrap_or_else(|| panic!("no answer to {function:?}: the driver has ended"))
    }

    /// Ends the process. Whoever waits for an answer goes without.
    pub fn end(&self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn encode(id: u32, thread: u32, function: Function, request: &Request<'_>) -> Vec<u8> {
    let name: Vec<u16> = request.name.unwrap_or_default().encode_utf16().collect();
    let mut bytes = Vec::with_capacity(HEADER + 2 * name.len() + request.data.len());
    bytes.extend(id.to_le_bytes());
    bytes.extend((function as u32).to_le_bytes());
    bytes.extend(request.handle.to_le_bytes());
    request.numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    for len in [name.len(), request.data.len()] {
        bytes.extend(u32::try_from(len).expect("a test's name or data").to_le_bytes());
    }
    bytes.extend(thread.to_le_bytes());
    bytes.extend(u32::from(request.name.is_some()).to_le_bytes());
    name.iter().for_each(|unit| bytes.extend(unit.to_le_bytes()));
    bytes.extend(request.data);
    bytes
}

/// Hands each answer to whom it is for, until the driver ends.
fn distribute(mut stdout: impl Read, waiting: &Waiting) {
    while let Ok((id, answer)) = decode(&mut stdout) {
        let sender = lock(waiting).as_mut().and_then(|waiting| waiting.remove(&id));
        // One who panicked waits no more.
        let _ = sender.map(|sender| sender.send(answer));
    }
    lock(waiting).take();
}

fn decode(from: &mut impl Read) -> io::Result<(u32, Answer)> {
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let number = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let mut data = vec![0; number(32) as usize];
    from.read_exact(&mut data)?;
    let handle = u64::from(number(8)) | u64::from(number(12)) << 32;
    let numbers = [16, 20, 24, 28].map(number);
    Ok((number(0), Answer { error: number(4), handle, numbers, data }))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
