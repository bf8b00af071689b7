use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::thread;

use super::*;

const LACKING: Features = Features { nowait: false, nosignal: false };
const NO_SIGNAL_ONLY: Features = Features { nowait: false, nosignal: true };

/// Every combination that some kernel has: this one's, and each fallback forced.
fn each_kernel() -> [Features; 3] {
    let ours = features();
    [ours, LACKING, Features { nosignal: false, ..ours }]
}

#[test]
fn both_ends_are_close_on_exec_and_clear_of_stdio() {
    let (reader, writer) = pair().unwrap();
    for fd in [&reader, &writer] {
        assert!(rustix::io::fcntl_getfd(fd).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        assert!(fd.as_raw_fd() > 2);
    }
    assert_eq!(end_of(&reader).unwrap(), Some(End::Read));
    assert_eq!(end_of(&writer).unwrap(), Some(End::Write));
    let null = std::fs::File::open("/dev/null").unwrap();
    assert_eq!(end_of(&null).unwrap(), None);
}

#[test]
fn nothing_waits_and_the_shared_flags_stay_as_they_are() {
    for kernel in each_kernel() {
        let (reader, writer) = pair().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(read_now_with(&reader, &mut buffer, kernel).unwrap(), None, "{kernel:?}");
        assert_eq!(write_now_with(&writer, b"hello", kernel).unwrap(), Some(5), "{kernel:?}");
        assert_eq!(read_now_with(&reader, &mut buffer[..2], kernel).unwrap(), Some(2), "{kernel:?}");
        assert_eq!(read_now_with(&reader, &mut buffer[2..], kernel).unwrap(), Some(3), "{kernel:?}");
        assert_eq!(&buffer[..5], b"hello");
        for fd in [&reader, &writer] {
            assert!(!rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK));
        }
        drop(writer);
        assert_eq!(read_now_with(&reader, &mut buffer, kernel).unwrap(), Some(0), "{kernel:?}");
    }
}

#[test]
fn a_full_pipe_takes_what_fits_and_no_more() {
    for kernel in each_kernel() {
        let (reader, writer) = pair().unwrap();
        let room = capacity(&writer).unwrap();
        let data: Vec<u8> = (0..room * 2).map(|n| (n % 251) as u8).collect();
        let mut written = 0;
        while let Some(count) = write_now_with(&writer, &data[written..], kernel).unwrap() {
            assert!(count > 0);
            written += count;
        }
        assert_eq!(written, room, "{kernel:?}");
        assert_eq!(available(&reader).unwrap(), room as u64);
        // Small writes are whole or not at all.
        let mut page = [0; 4000];
        assert_eq!(read(&reader, &mut page).unwrap(), 4000);
        assert_eq!(write_now_with(&writer, &[1; 4096], kernel).unwrap(), None, "{kernel:?}");
        let mut all = page.to_vec();
        let mut buffer = [0; 3000];
        while let Some(count) = read_now_with(&reader, &mut buffer, kernel).unwrap() {
            all.extend_from_slice(&buffer[..count]);
        }
        assert!(all == data[..room], "{kernel:?}");
    }
}

#[test]
fn peeking_leaves_everything_in_place() {
    let (reader, writer) = pair().unwrap();
    let mut buffer = [0; 8];
    assert_eq!(peek(&reader, &mut buffer).unwrap(), None);
    for part in [&b"abc"[..], b"defgh", b"ijkl"] {
        write(&writer, part).unwrap();
    }
    assert_eq!(peek(&reader, &mut buffer).unwrap(), Some(8));
    assert_eq!(&buffer, b"abcdefgh");
    assert_eq!(available(&reader).unwrap(), 12);
    let mut all = [0; 32];
    assert_eq!(read(&reader, &mut all).unwrap(), 12);
    drop(writer);
    assert_eq!(peek(&reader, &mut buffer).unwrap(), Some(0));
}

#[test]
fn a_full_and_enlarged_pipe_can_be_peeked_whole() {
    let (reader, writer) = pair().unwrap();
    let size = set_capacity(&writer, 1 << 20).unwrap();
    let data: Vec<u8> = (0..size).map(|n| (n % 253) as u8).collect();
    assert_eq!(write(&writer, &data).unwrap(), size);
    let mut copy = vec![0; size];
    assert_eq!(peek(&reader, &mut copy).unwrap(), Some(size));
    assert!(copy == data);
    assert_eq!(available(&reader).unwrap(), size as u64);
}

#[test]
fn a_description_that_somebody_made_non_blocking_still_waits() {
    let (reader, writer) = pair().unwrap();
    for fd in [&reader, &writer] {
        let flags = rustix::fs::fcntl_getfl(fd).unwrap();
        rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).unwrap();
    }
    let size = capacity(&writer).unwrap() * 4;
    let writing = thread::spawn(move || {
        let data = vec![7; size];
        let mut written = 0;
        while written < size {
            written += write(&writer, &data[written..]).unwrap();
        }
    });
    let (mut total, mut buffer) = (0, [0; 1000]);
    loop {
        match read(&reader, &mut buffer).unwrap() {
            0 => break,
            count => total += count,
        }
    }
    writing.join().unwrap();
    assert_eq!(total, size);
}

/// Runs one test of this binary in a process of its own, where it may change what the whole process shares.
fn in_own_process(test: &str) -> bool {
    const MARK: &str = "ENNEAD_TEST_OWN_PROCESS";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--test-threads=1"])
        .env(MARK, "1")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test}: {status}");
    false
}

#[test]
fn no_sigpipe_even_where_it_would_kill() {
    if !in_own_process("pipe::tests::no_sigpipe_even_where_it_would_kill") {
        return;
    }
    quiet::tests::sigpipe_kills();
    for kernel in each_kernel().into_iter().chain([NO_SIGNAL_ONLY]) {
        let (reader, writer) = pair().unwrap();
        drop(reader);
        let error = write_now_with(&writer, b"x", kernel).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{kernel:?}");
        let error =
            transfer::write_quietly(writer.as_fd(), b"x", rustix::io::ReadWriteFlags::empty(), kernel);
        assert_eq!(error, Err(rustix::io::Errno::PIPE), "{kernel:?}");
        assert_eq!(write(&writer, b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
    assert!(!quiet::tests::sigpipe_is_blocked());
}

#[test]
fn a_sigpipe_that_was_pending_before_stays() {
    if !in_own_process("pipe::tests::a_sigpipe_that_was_pending_before_stays") {
        return;
    }
    quiet::tests::sigpipe_kills();
    quiet::tests::block_and_raise_sigpipe();
    let (reader, writer) = pair().unwrap();
    drop(reader);
    let error = write_now_with(&writer, b"x", LACKING).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert!(quiet::tests::sigpipe_is_blocked());
    assert!(quiet::tests::sigpipe_is_pending());
}
