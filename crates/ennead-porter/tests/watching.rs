//! What the porter promises to those who ask it to watch.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use ennead_porter::{Next, Watched, watch};

type Action = Box<dyn FnMut(&UnixStream) -> Next + Send>;

/// One end of a socket pair, and what to do when it is readable.
struct Guest {
    socket: UnixStream,
    action: Mutex<Action>,
}

impl Watched for Guest {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    fn ready(&self) -> Next {
        (self.action.lock().unwrap())(&self.socket)
    }
}

fn guest(action: impl FnMut(&UnixStream) -> Next + Send + 'static) -> (UnixStream, Arc<dyn Watched>) {
    let (mine, socket) = UnixStream::pair().unwrap();
    (mine, Arc::new(Guest { socket, action: Mutex::new(Box::new(action)) }))
}

/// Reads one byte and tells which.
fn telling(told: Sender<u8>) -> impl FnMut(&UnixStream) -> Next + Send {
    move |mut socket| {
        let mut byte = [0];
        match socket.read(&mut byte).unwrap() {
            0 => Next::Done,
            _ => {
                told.send(byte[0]).unwrap();
                Next::Keep
            }
        }
    }
}

#[test]
fn calls_back_for_each_event_until_the_other_end_is_gone() {
    let (told, heard) = channel();
    let (mut mine, guest) = guest(telling(told));
    let watch = watch(&guest).unwrap();
    for byte in 0..100 {
        mine.write_all(&[byte]).unwrap();
        assert_eq!(heard.recv(), Ok(byte));
    }
    drop(mine);
    drop(guest);
    // `Done` lets go of the guest, and so of the sender in it.
    assert!(heard.recv().is_err());
    drop(watch);
}

#[test]
fn a_guest_that_is_done_is_let_go() {
    let (told, heard): (Sender<()>, Receiver<()>) = channel();
    let (mut mine, guest) = guest(move |_| {
        let _hold = &told;
        Next::Done
    });
    let _watch = watch(&guest).unwrap();
    drop(guest);
    mine.write_all(b"x").unwrap();
    assert!(heard.recv().is_err());
}

#[test]
fn dropping_the_watch_waits_for_the_callback_and_is_final() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (entered, inside) = channel();
    let (leave, may_leave) = channel::<()>();
    let counted = Arc::clone(&calls);
    let (mut mine, guest) = guest(move |_| {
        entered.send(()).unwrap();
        may_leave.recv().unwrap();
        counted.fetch_add(1, Ordering::SeqCst);
        Next::Keep
    });
    let watch = watch(&guest).unwrap();
    mine.write_all(b"x").unwrap();
    inside.recv().unwrap();
    let dropper = std::thread::spawn(move || drop(watch));
    leave.send(()).unwrap();
    // Level-triggered and never read: it is called again and again until the drop wins, each time let through here.
    while !dropper.is_finished() {
        let _ = leave.send(());
        std::thread::yield_now();
    }
    dropper.join().unwrap();
    let after = calls.load(Ordering::SeqCst);
    assert!(after >= 1);

    // Another guest's call proves that the porter has gone round since.
    let (told, heard) = channel();
    let (mut other, second) = self::guest(telling(told));
    let _second = ennead_porter::watch(&second).unwrap();
    other.write_all(b"y").unwrap();
    assert_eq!(heard.recv(), Ok(b'y'));
    assert_eq!(calls.load(Ordering::SeqCst), after);
}

#[test]
fn a_watch_may_be_dropped_inside_its_own_callback() {
    let slot: Arc<Mutex<Option<ennead_porter::Watch>>> = Arc::default();
    let (told, heard) = channel();
    let own = Arc::clone(&slot);
    let (mut mine, guest) = guest(move |_| {
        let watch = own.lock().unwrap().take();
        assert!(watch.is_some());
        drop(watch);
        told.send(()).unwrap();
        Next::Keep
    });
    *slot.lock().unwrap() = Some(watch(&guest).unwrap());
    mine.write_all(b"x").unwrap();
    heard.recv().unwrap();
    drop(guest);
    assert!(heard.recv().is_err(), "the porter let go of it");
}

#[test]
fn a_panic_ends_one_watch_only() {
    let (mut mine, bad) = guest(|_| panic!("on purpose"));
    let _bad = watch(&bad).unwrap();
    let (told, heard) = channel();
    let (mut other, good) = guest(telling(told));
    let _good = watch(&good).unwrap();
    mine.write_all(b"x").unwrap();
    for byte in 0..10 {
        other.write_all(&[byte]).unwrap();
        assert_eq!(heard.recv(), Ok(byte));
    }
}

#[test]
fn a_regular_file_is_refused() {
    struct Plain(std::fs::File);
    impl Watched for Plain {
        fn descriptor(&self) -> BorrowedFd<'_> {
            self.0.as_fd()
        }
        fn ready(&self) -> Next {
            Next::Done
        }
    }
    let file: Arc<dyn Watched> = Arc::new(Plain(std::fs::File::open("/proc/self/exe").unwrap()));
    assert_eq!(watch(&file).unwrap_err().raw_os_error(), Some(libc::EPERM));
    assert_eq!(Arc::strong_count(&file), 1);
}

#[test]
fn four_hundred_guests_are_each_served() {
    let mut others = Vec::new();
    let mut watches = Vec::new();
    let (told, heard) = channel();
    for _ in 0..400 {
        let (mine, guest) = guest(telling(told.clone()));
        watches.push(watch(&guest).unwrap());
        others.push(mine);
    }
    for (n, other) in others.iter_mut().enumerate() {
        other.write_all(&[n as u8]).unwrap();
    }
    let mut seen: Vec<u8> = (0..others.len()).map(|_| heard.recv().unwrap()).collect();
    seen.sort_unstable();
    let mut expected: Vec<u8> = (0..others.len()).map(|n| n as u8).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[test]
fn a_released_watch_ends_even_under_a_lock_that_its_callback_wants() {
    let lock = Arc::new(Mutex::new(()));
    let (begun, wait_for_begin) = channel();
    let (mut mine, first) = guest({
        let lock = Arc::clone(&lock);
        move |_| {
            begun.send(()).unwrap();
            drop(lock.lock().unwrap());
            Next::Keep
        }
    });
    let watched = watch(&first).unwrap();
    let held = lock.lock().unwrap();
    mine.write_all(b"x").unwrap();
    wait_for_begin.recv().unwrap();
    watched.release();
    // The same descriptor, while the callback of its former watch still runs.
    let again = watch(&first).unwrap();
    drop(held);
    wait_for_begin.recv().unwrap();
    drop(again);
    drop(first);
    // It is called no more, and let go.
    while wait_for_begin.recv().is_ok() {}
}
