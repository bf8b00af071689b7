//! The algorithm's world on Linux: a mapping, two pipes, futexes.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::sync::{Arc, OnceLock};

use ennead_sys::doorbell::{self, Listener, Ringer};
use ennead_sys::futex::{self, Scope, Woken};
use ennead_sys::mapping::Mapping;

use crate::commons::Commons;
use crate::system::{Heard, System, Word};
use crate::wait::Wait;

/// One end's memory and doorbells.
#[derive(Debug)]
pub(crate) struct Linux {
    pub(crate) mapping: Mapping,
    /// Kept so that the end can be shared.
    pub(crate) memory: Arc<OwnedFd>,
    pub(crate) listener: Listener,
    pub(crate) ringer: Ringer,
    common: OnceLock<Commons>,
    shared: AtomicBool,
    /// How many threads take rings away, or may, as an end's only holder does, without waiting for them.
    taking: AtomicU32,
    /// 1: the one thread that listens does, or may.
    listening: AtomicU32,
}

impl Linux {
    pub(crate) fn new(mapping: Mapping, memory: Arc<OwnedFd>, listener: Listener, ringer: Ringer) -> Self {
        Self {
            mapping,
            memory,
            listener,
            ringer,
            common: OnceLock::new(),
            shared: AtomicBool::new(false),
            taking: AtomicU32::new(0),
            listening: AtomicU32::new(0),
        }
    }

    /// What epoll shall watch.
    pub(crate) fn ear(&self) -> BorrowedFd<'_> {
        match self.common() {
            None => self.listener.as_fd(),
            Some(common) => common.bell.as_fd(),
        }
    }
}

/// A word of this process.
pub(crate) struct LinuxWord(AtomicU32);

impl Word for LinuxWord {
    fn new(value: u32) -> Self {
        Self(AtomicU32::new(value))
    }

    #[inline]
    fn load(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }

    #[inline]
    fn exchange(&self, expected: u32, new: u32) -> bool {
        self.0.compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    #[inline]
    fn swap(&self, new: u32) -> u32 {
        self.0.swap(new, Ordering::SeqCst)
    }

    #[inline]
    fn add(&self, value: u32) -> u32 {
        self.0.fetch_add(value, Ordering::SeqCst)
    }

    #[inline]
    fn or(&self, bits: u32) -> u32 {
        self.0.fetch_or(bits, Ordering::SeqCst)
    }
}

impl System for Linux {
    type Word = LinuxWord;
    type Common = Commons;

    #[inline]
    fn common(&self) -> Option<&Commons> {
        if self.shared.load(Ordering::SeqCst) { self.common.get() } else { None }
    }

    fn set_common(&self, common: Commons) {
        // An end is shared for the first time once.
        let _ = self.common.set(common);
        self.shared.store(true, Ordering::SeqCst);
        // Nobody may take rings away any more.
        ennead_sys::fence::heavy();
        while self.taking.load(Ordering::SeqCst) != 0 || self.listening.load(Ordering::SeqCst) != 0 {
            let _ = self.listener.ring_self();
            std::thread::yield_now();
        }
    }

    #[inline]
    fn load(&self, at: usize) -> u64 {
        self.mapping.atomic_u64(at).load(Ordering::Acquire)
    }

    #[inline]
    fn store(&self, at: usize, value: u64) {
        self.mapping.atomic_u64(at).store(value, Ordering::Release);
    }

    #[inline]
    fn commit(&self, at: usize, value: u64) {
        if cfg!(target_arch = "x86_64") {
            // One locked instruction is both the store and the fence.
            self.mapping.atomic_u64(at).swap(value, Ordering::SeqCst);
        } else {
            self.store(at, value);
            self.fence();
        }
    }

    #[inline]
    fn exchange(&self, at: usize, expected: u64, new: u64) -> bool {
        self.mapping
            .atomic_u64(at)
            .compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    fn set_bits(&self, at: usize, bits: u64) {
        self.mapping.atomic_u64(at).fetch_or(bits, Ordering::SeqCst);
    }

    #[inline]
    fn fence(&self) {
        fence(Ordering::SeqCst);
    }

    #[inline]
    fn light_fence(&self) {
        ennead_sys::fence::light();
    }

    fn heavy_fence(&self) {
        ennead_sys::fence::heavy();
    }

    #[inline]
    fn peek(&self, word: &LinuxWord) -> u32 {
        word.0.load(Ordering::Acquire)
    }

    #[inline]
    fn put(&self, word: &LinuxWord, value: u32) {
        word.0.store(value, Ordering::Release);
    }

    #[inline]
    fn thread_number(&self) -> u32 {
        ennead_sys::process::thread_number()
    }

    #[inline]
    fn copy_out(&self, at: usize, to: &mut [u8]) {
        self.mapping.copy_out(at, to);
    }

    #[inline]
    fn copy_in(&self, at: usize, from: &[u8]) {
        self.mapping.copy_in(at, from);
    }

    #[inline]
    fn expect_write(&self, at: usize) {
        self.mapping.expect_write(at);
    }

    #[inline]
    fn expect_read(&self, at: usize) {
        self.mapping.expect_read(at);
    }

    fn ring(&self) {
        self.ringer.ring();
    }

    fn listen(&self, wait: &Wait<'_>) -> io::Result<Heard> {
        self.listening.store(1, Ordering::Release);
        ennead_sys::fence::light();
        let Some(common) = self.common() else {
            // Kept simple: between two processes on one core this is the way of every message.
            let heard = match wait {
                Wait::Forever => self.listener.wait(),
                _ => self.listener.wait_with(event(wait), wait.deadline()),
            };
            self.listening.store(0, Ordering::Release);
            return heard.map(Heard::from);
        };
        self.listening.store(0, Ordering::Release);
        common.listen(&self.listener, event(wait), wait.deadline()).map(Heard::from)
    }

    fn take_ring(&self) -> Option<Heard> {
        self.taking.fetch_add(1, Ordering::SeqCst);
        let alone = if self.common().is_none() { Some(self.listener.take()) } else { None };
        self.taking.fetch_sub(1, Ordering::SeqCst);
        let heard = match (alone, self.common()) {
            (None, Some(common)) => common.take_ring(&self.listener),
            (alone, _) => alone.unwrap_or(Ok(None)),
        };
        match heard {
            Ok(Some(doorbell::Heard::End)) => Some(Heard::End),
            Ok(Some(_)) => Some(Heard::Ring),
            Ok(None) | Err(_) => None,
        }
    }

    fn peer_is_gone(&self) -> bool {
        self.listener.is_ended()
    }

    fn ring_self(&self) {
        if let Some(common) = self.common() {
            return common.bell.wake_own();
        }
        // Without a free descriptor our own sleeper cannot be woken by us; the peer, which was rung, or its end will do it.
        for _ in 0..1000 {
            if self.listener.ring_self().is_ok() {
                return;
            }
            std::thread::yield_now();
        }
    }

    fn sleep(&self, word: &LinuxWord, expected: u32, wait: &Wait<'_>) -> io::Result<Heard> {
        let woken = match wait.token() {
            None => futex::wait(&word.0, expected, Scope::Private, wait.deadline())?,
            Some(token) => {
                if token.is_cancelled() {
                    return Ok(Heard::Cancelled);
                }
                futex::wait_any(&[(&word.0, expected), (token.word(), 0)], Scope::Private, wait.deadline())?
            }
        };
        Ok(match woken {
            Woken::TimedOut => Heard::TimedOut,
            Woken::ByWake | Woken::LookAgain if wait.is_cancelled() => Heard::Cancelled,
            Woken::ByWake | Woken::LookAgain => Heard::Ring,
        })
    }

    fn wake(&self, word: &LinuxWord) {
        futex::wake(&word.0, u32::MAX, Scope::Private);
    }

    #[inline]
    fn cpu(&self) -> u32 {
        ennead_sys::cpu::current()
    }

    #[inline]
    fn ticks(&self) -> u64 {
        ennead_sys::cpu::ticks()
    }

    #[inline]
    fn moment(&self) -> u64 {
        ennead_sys::cpu::moment()
    }

    #[inline]
    fn spin_hint(&self) {
        std::hint::spin_loop();
    }
}

/// What ends the wait early, as a descriptor.
fn event<'a>(wait: &Wait<'a>) -> Option<BorrowedFd<'a>> {
    wait.token().map(|token| token.event().as_fd())
}

impl From<doorbell::Heard> for Heard {
    #[inline]
    fn from(heard: doorbell::Heard) -> Self {
        match heard {
            doorbell::Heard::Ring => Self::Ring,
            doorbell::Heard::End => Self::End,
            doorbell::Heard::Other => Self::Cancelled,
            doorbell::Heard::TimedOut => Self::TimedOut,
        }
    }
}
