//! Fences of unequal weight: one for what is done all the time, one for what is done once.
//!
//! Two threads that each store one word and then look at the other's need a fence between the two, or neither may see the other. Where one of the threads does
//! this all the time and the other hardly ever, the kernel can pass the fence for the first on behalf of the second (membarrier): [`light`] costs nothing then, and
//! [`heavy`] a system call. Where the kernel cannot, both are ordinary fences.

#![allow(
    unsafe_code,
    reason = "membarrier(2), which rustix has for other uses only, and getting it right is a matter of two numbers"
)]

use std::sync::OnceLock;
use std::sync::atomic::{Ordering, compiler_fence, fence};

/// Orders the stores before it before the loads after it, in the eyes of a thread of this process that passes [`heavy`].
#[inline]
pub fn light() {
    if is_lopsided() {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// Orders the stores before it before the loads after it, and makes every thread of this process that is about to pass [`light`], or is past it, have done
/// so before or after this moment.
pub fn heavy() {
    fence(Ordering::SeqCst);
    if is_lopsided() {
        // Where it was possible once it fails for want of memory at most, or in a process that was forked off and is not registered.
        while membarrier(PRIVATE_EXPEDITED).is_err() {
            let _ = membarrier(REGISTER_PRIVATE_EXPEDITED);
            std::thread::yield_now();
        }
    }
    fence(Ordering::SeqCst);
}

const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// Whether the kernel does it. Answered once, for both sides must agree.
#[inline]
fn is_lopsided() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(ask)
}

#[cold]
fn ask() -> bool {
    !cfg!(miri) && membarrier(REGISTER_PRIVATE_EXPEDITED).is_ok() && membarrier(PRIVATE_EXPEDITED).is_ok()
}

fn membarrier(command: libc::c_int) -> std::io::Result<()> {
    // SAFETY: takes numbers only, and touches no memory of ours.
    let outcome = unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) };
    if outcome == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::Relaxed;
    use std::sync::{Arc, Barrier};

    use super::*;

    #[test]
    fn one_of_two_sees_the_other() {
        let words = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let gate = Arc::new(Barrier::new(2));
        let light_side = {
            let (words, gate) = (Arc::clone(&words), Arc::clone(&gate));
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                for _ in 0..2_000 {
                    gate.wait();
                    words[0].store(1, Relaxed);
                    light();
                    seen.push(words[1].load(Relaxed));
                    gate.wait();
                    gate.wait();
                }
                seen
            })
        };
        let mut ours = Vec::new();
        for _ in 0..2_000 {
            gate.wait();
            words[1].store(1, Relaxed);
            heavy();
            ours.push(words[0].load(Relaxed));
            gate.wait();
            words[0].store(0, Relaxed);
            words[1].store(0, Relaxed);
            gate.wait();
        }
        let theirs = light_side.join().unwrap();
        assert!(ours.iter().zip(&theirs).all(|(one, other)| one + other > 0));
    }
}
