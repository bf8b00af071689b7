//! Children that nobody waits for any more are reaped when they end, as closing a process handle does on Windows:
//! it neither ends the process nor leaves anything of it behind.

use std::os::fd::OwnedFd;
use std::process::{self, Child};
use std::sync::Mutex;
use std::thread;

use ennead_sys::poll::{self, Interest, Watch};

use super::{Reader, Wait, Writer};

/// Children that are still running, and the process that they are of: a fork inherits none of them, nor the thread.
static REAPER: Mutex<Reaper> = Mutex::new(Reaper { bell: None, process: 0, waiting: Vec::new() });

struct Reaper {
    /// Wakes the thread; `None` when there is none.
    bell: Option<Writer>,
    process: u32,
    waiting: Vec<Child>,
}

/// Reaps `child` now, or as soon as it ends.
pub(super) fn adopt(mut child: Child) {
    if !matches!(child.try_wait(), Ok(None)) {
        return;
    }
    let Ok(mut reaper) = REAPER.lock() else { return };
    if reaper.process != process::id() {
        *reaper = Reaper { bell: None, process: process::id(), waiting: Vec::new() };
    }
    // Those whom no thread could watch when they came.
    reaper.waiting.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    reaper.waiting.push(child);
    if reaper.bell.is_none() {
        reaper.bell = start();
    }
    if let Some(bell) = &reaper.bell {
        _ = bell.send(&[1], Wait::Never);
    }
}

fn start() -> Option<Writer> {
    let (reader, writer) = super::pipe().ok()?;
    // Whoever drops the child may be acting as a client just now; the thread must not for ever.
    let _own = ennead_sys::thread_credentials::assume_self().ok()?;
    thread::Builder::new()
        .name("ennead-reaper".into())
        .stack_size(64 << 10)
        .spawn(move || reap(&reader))
        .ok()
        .map(|_| writer)
}

fn reap(bell: &Reader) {
    let mut watched: Vec<(OwnedFd, Child)> = Vec::new();
    loop {
        let mut watches = vec![Watch::new(bell, Interest::Readable)];
        watches.extend(watched.iter().map(|(process, _)| Watch::new(process, Interest::Readable)));
        if poll::wait(&mut watches, None).is_err() {
            // More children than poll takes: the next to come reaps those that it finds ended.
            return give_up(watched);
        }
        let rung = watches[0].is_ready();
        watched.retain_mut(|(_, child)| matches!(child.try_wait(), Ok(None)));
        if rung {
            _ = bell.receive(&mut [0; 64], Wait::Never);
            let Ok(mut reaper) = REAPER.lock() else { return };
            let come = std::mem::take(&mut reaper.waiting);
            for child in come {
                match ennead_sys::pidfd::of_child(&child) {
                    Ok(process) => watched.push((process, child)),
                    Err(_) => reaper.waiting.push(child),
                }
            }
        }
    }
}

fn give_up(watched: Vec<(OwnedFd, Child)>) {
    if let Ok(mut reaper) = REAPER.lock() {
        reaper.bell = None;
        reaper.waiting.extend(watched.into_iter().map(|(_, child)| child));
    }
}
