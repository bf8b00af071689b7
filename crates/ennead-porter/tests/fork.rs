//! A forked child has no porter thread: its first watch starts one of its own, and the parent's goes on unharmed.
#![allow(unsafe_code, reason = "fork has no safe wrapper")]

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use ennead_porter::{Next, Watched, watch};

/// Answers each byte with the next one.
struct Echo(UnixStream);

impl Watched for Echo {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn ready(&self) -> Next {
        let mut byte = [0];
        let answered =
            matches!((&self.0).read(&mut byte), Ok(1)) && (&self.0).write_all(&[byte[0] + 1]).is_ok();
        if answered { Next::Keep } else { Next::Done }
    }
}

fn answered(mut socket: &UnixStream) -> bool {
    let mut byte = [0];
    socket.write_all(b"a").is_ok() && socket.read_exact(&mut byte).is_ok() && byte == *b"b"
}

fn echo() -> (UnixStream, ennead_porter::Watch) {
    let (mine, theirs) = UnixStream::pair().unwrap();
    let guest: Arc<dyn Watched> = Arc::new(Echo(theirs));
    (mine, watch(&guest).unwrap())
}

#[test]
fn a_child_gets_a_porter_of_its_own() {
    let (mine, watch) = echo();
    assert!(answered(&mine));
    // SAFETY: the child runs only the code below and leaves by _exit; no other thread holds a lock that it needs.
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // The parent's watch, dropped here, must not touch the parent's set.
        drop(watch);
        let (own, _watch) = echo();
        let status = i32::from(!answered(&own));
        // SAFETY: ends the child without running the parent's exit handlers.
        unsafe { libc::_exit(status) };
    }
    let mut status = 0;
    // SAFETY: waits for the child that was made above, into a local.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child's porter answered");
    assert!(answered(&mine), "the parent's porter still does");
}
