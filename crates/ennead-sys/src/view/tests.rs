use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::atomic::Ordering::Relaxed;

use super::*;

const PAGE: usize = 4096;

fn file(len: u64) -> File {
    let fd = rustix::fs::memfd_create("view-test", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let file = File::from(fd);
    file.set_len(len).unwrap();
    file
}

fn view(file: &File, mode: Mode) -> View {
    View::map(file, 0, 4 * PAGE, Request::new(mode)).unwrap()
}

#[test]
fn modes() {
    let file = file(4 * PAGE as u64);
    let (one, two) = (view(&file, Mode::ReadWrite), view(&file, Mode::Read));
    let copy = view(&file, Mode::CopyOnWrite);
    one.copy_in(10, b"stock").unwrap();
    copy.copy_in(20, b"mine").unwrap();
    let mut back = [0; 16];
    two.copy_out(10, &mut back).unwrap();
    assert_eq!(&back, b"stock\0\0\0\0\0\0\0\0\0\0\0");
    copy.copy_out(10, &mut back).unwrap();
    assert_eq!(&back[10..14], b"mine");
    assert_eq!(two.copy_in(0, b"x"), Err(AccessError::ReadOnly));
    assert_eq!(two.atomic::<AtomicU32>(0).err(), Some(AccessError::ReadOnly));
    one.atomic::<AtomicU64>(64).unwrap().store(7, Relaxed);
    assert_eq!(two.load::<AtomicU64>(64), Ok(7));
}

#[test]
fn accesses_outside_or_askew_are_refused() {
    let file = file(4 * PAGE as u64);
    let view = View::map(&file, 0, 100, Request::new(Mode::ReadWrite)).unwrap();
    assert_eq!(view.len(), 100);
    assert_eq!(view.copy_in(96, &[0; 5]), Err(AccessError::OutOfBounds));
    assert_eq!(view.copy_out(usize::MAX, &mut [0; 2]), Err(AccessError::OutOfBounds));
    assert_eq!(view.atomic::<AtomicU64>(96).err(), Some(AccessError::OutOfBounds));
    assert_eq!(view.atomic::<AtomicU32>(94).err(), Some(AccessError::Misaligned));
    view.copy_out(100, &mut []).unwrap();
}

#[test]
fn what_cannot_be_mapped() {
    let file = file(PAGE as u64);
    for len in [0, usize::MAX, usize::MAX / 2 + 1] {
        let error = View::map(&file, 0, len, Request::new(Mode::Read)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{len}");
    }
    assert!(View::map(&file, 1, PAGE, Request::new(Mode::Read)).is_err());
    let first = View::map(&file, 0, PAGE, Request::new(Mode::Read)).unwrap();
    let address = NonZeroAddress::new(first.as_ptr() as usize);
    let again = View::map(&file, 0, PAGE, Request { address, ..Request::new(Mode::Read) });
    assert_eq!(again.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_truncated_file_breaks_the_view_and_nothing_else() {
    let (lost, kept) = (file(4 * PAGE as u64), file(4 * PAGE as u64));
    let (other, whole) = (view(&lost, Mode::Read), view(&kept, Mode::ReadWrite));
    let broken = view(&lost, Mode::ReadWrite);
    broken.copy_in(0, b"first").unwrap();
    lost.set_len(PAGE as u64).unwrap();
    // The first page is still there.
    broken.copy_out(0, &mut [0; 8]).unwrap();
    assert_eq!(broken.copy_in(2 * PAGE, b"lost"), Err(AccessError::Broken));
    assert!(broken.is_broken());
    assert_eq!(broken.copy_out(0, &mut [0; 8]), Err(AccessError::Broken), "for good");
    // Each view tells of itself.
    assert!(!other.is_broken() && !whole.is_broken());
    assert_eq!(other.copy_out(PAGE, &mut vec![1; 3 * PAGE]), Err(AccessError::Broken));
    whole.copy_in(2 * PAGE, b"here").unwrap();
    // A word that was handed out before reads as zero.
    lost.set_len(4 * PAGE as u64).unwrap();
    let third = view(&lost, Mode::ReadWrite);
    let word = third.atomic::<AtomicU32>(3 * PAGE).unwrap();
    word.store(5, Relaxed);
    lost.set_len(0).unwrap();
    assert_eq!(word.load(Relaxed), 0);
    assert!(third.is_broken());
}

#[test]
fn many_views_come_and_go_while_others_break() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let kept = file(PAGE as u64);
                for _ in 0..200 {
                    let views: Vec<View> = (0..40)
                        .map(|_| View::map(&kept, 0, PAGE, Request::new(Mode::Read)).unwrap())
                        .collect();
                    let lost = file(PAGE as u64);
                    let view = View::map(&lost, 0, PAGE, Request::new(Mode::ReadWrite)).unwrap();
                    lost.set_len(0).unwrap();
                    assert_eq!(view.copy_in(8, b"x"), Err(AccessError::Broken));
                    assert!(views.iter().all(|view| view.copy_out(0, &mut [0; 8]).is_ok()));
                }
            });
        }
    });
}

#[test]
fn bytes_past_the_end_of_the_file_are_lost() {
    let file = file(PAGE as u64);
    let view = View::map(&file, 0, 2 * PAGE, Request::new(Mode::ReadWrite)).unwrap();
    assert_eq!(view.copy_in(PAGE, b"beyond"), Err(AccessError::Broken));
}

#[test]
fn flush_reaches_the_file() {
    let path = std::env::temp_dir().join(format!("ennead-view-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    file.write_all(&[0; 8192]).unwrap();
    let view = View::map(&file, 4096, 4096, Request::new(Mode::ReadWrite)).unwrap();
    view.copy_in(0, b"flushed").unwrap();
    view.flush(&file, 4096, 0..7).unwrap();
    view.flush(&file, 4096, 0..4096).unwrap();
    assert!(view.flush(&file, 4096, 0..4097).is_err());
    assert_eq!(&std::fs::read(&path).unwrap()[4096..4103], b"flushed");
    std::fs::remove_file(&path).unwrap();
}

/// The faults of others end the process as ever, or reach the handler that was there before. In a process of its own each.
#[test]
fn other_faults_pass_on() {
    for (role, signal, says) in
        [("default", Some(libc::SIGBUS), ""), ("handler", None, "theirs"), ("kill", Some(libc::SIGBUS), "")]
    {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["view::tests::stranger", "--exact", "--nocapture", "--test-threads=1"])
            .env("ENNEAD_TEST_FAULT", role)
            .output()
            .unwrap();
        assert_eq!(output.status.signal(), signal, "{role}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(says), "{role}");
    }
}

/// Not a test by itself: the process that [`other_faults_pass_on`] starts.
#[test]
fn stranger() {
    let Ok(role) = std::env::var("ENNEAD_TEST_FAULT") else { return };
    extern "C" fn theirs(_: libc::c_int) {
        // SAFETY: both calls are async-signal-safe.
        unsafe {
            libc::write(1, b"theirs".as_ptr().cast(), 6);
            libc::_exit(0);
        }
    }
    match &*role {
        // SAFETY: the handler is async-signal-safe.
        "handler" => unsafe { libc::signal(libc::SIGBUS, theirs as *const () as usize) },
        // SAFETY: the default action in place of std's handler, which lets a signal that is no fault pass.
        "kill" => unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) },
        _ => 0,
    };
    let ours = file(PAGE as u64);
    let view = View::map(&ours, 0, PAGE, Request::new(Mode::ReadWrite)).unwrap();
    ours.set_len(0).unwrap();
    assert_eq!(view.copy_in(0, b"x"), Err(AccessError::Broken), "ours comes first");
    if role == "kill" {
        // SAFETY: a signal to ourselves.
        unsafe { libc::raise(libc::SIGBUS) };
        return;
    }
    let strange = file(PAGE as u64);
    // SAFETY: a mapping of our own, read volatile; that it faults is the point.
    unsafe {
        let at =
            rustix::mm::mmap(ptr::null_mut(), PAGE, ProtFlags::READ, MapFlags::SHARED, &strange, 0).unwrap();
        strange.set_len(0).unwrap();
        at.cast::<u8>().read_volatile();
    }
}
